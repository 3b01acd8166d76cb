"""What editors do with the day's choice: move, drop, add, lead, rewrite, refresh, undo. The desk's and the command
line's.

Each act is a patch of the edition's `shape`, written down in the audit log with what was there before: so it can be
taken back, and a second editor who works from an older version is told what the first one changed. `act` holds how
each is done; `order`, `texts`, `site`, `anew` and `back` what they are.
"""

from newsletter.shaping.act import (
    REDO,
    SHAPING,
    UNDO,
    Act,
    Conflict,
    Shaped,
    check_stays,
    pin,
    refusal,
)
from newsletter.shaping.anew import pick_anew
from newsletter.shaping.back import redo, redoable, undo, undoable
from newsletter.shaping.order import add, arrange, drop, lead, move, place, step
from newsletter.shaping.refusals import (
    AboutToGo,
    AskAnEditor,
    Cancelled,
    MadeByHand,
    NoAddress,
    NoArticle,
    NoPicture,
    NothingToRedo,
    NothingToUndo,
    Overtaken,
    TooLong,
    Used,
)
from newsletter.shaping.site import Change, Refreshed, ask_pages, changes, leave, not_taken, refresh, take
from newsletter.shaping.texts import LONGEST, rewrite, set_subject, tried, write_words

__all__ = [
    "LONGEST",
    "REDO",
    "SHAPING",
    "UNDO",
    "AboutToGo",
    "Act",
    "AskAnEditor",
    "Cancelled",
    "Change",
    "Conflict",
    "MadeByHand",
    "NoAddress",
    "NoArticle",
    "NoPicture",
    "NothingToRedo",
    "NothingToUndo",
    "Overtaken",
    "Refreshed",
    "Shaped",
    "TooLong",
    "Used",
    "add",
    "arrange",
    "ask_pages",
    "changes",
    "check_stays",
    "drop",
    "lead",
    "leave",
    "move",
    "not_taken",
    "pick_anew",
    "pin",
    "place",
    "redo",
    "redoable",
    "refresh",
    "refusal",
    "rewrite",
    "set_subject",
    "step",
    "take",
    "tried",
    "undo",
    "undoable",
    "write_words",
]
