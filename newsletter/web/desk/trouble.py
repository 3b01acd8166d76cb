"""What went wrong, as a page says it: a sentence in the editor's language, and below it the program's own words where
these say more."""

from __future__ import annotations

from newsletter import shaping
from newsletter.errors import BadData, NewsletterError, NotSent, TemplateError, TooOften, Unavailable
from newsletter.web.paper import words
from newsletter.words import Words, plain


def trouble(error: NewsletterError) -> dict[str, str]:
    """The values `problem` and `details` of desk/said.html."""
    refused = _refused(words(), error)
    return {"problem": refused, "details": ""} if refused else {"problem": _failed(error), "details": str(error)}


def _refused(words: Words, error: NewsletterError) -> str:
    """Why an act was refused: the whole of it. Empty for all else."""
    if isinstance(error, shaping.TooLong):
        length, limit = words.number(error.length), words.number(error.limit)
        return words.say(
            "Too long: “{field}” has {length} characters, and may have {limit}. Nothing was saved yet.",
            field=_field(words, error.field),
            length=length,
            limit=limit,
        )
    if isinstance(error, shaping.Used):
        return words.say(
            "“{title}” is in the edition of {edition} already.", title=plain(error.title), edition=error.edition
        )
    return next((said for kind, said in _sentences(words).items() if isinstance(error, kind)), "")


def _sentences(words: Words) -> dict[type[NewsletterError], str]:
    say = words.say
    return {
        shaping.NoAddress: say(
            "The picture’s address is none: it begins with https://, and has no blanks. Nothing was saved yet."
        ),
        shaping.NoPicture: say("The article has no picture that could be described."),
        shaping.NoArticle: say("This article is not among those of the edition."),
        shaping.NothingToUndo: say("There is nothing left to undo."),
        shaping.NothingToRedo: say("There is nothing to do again."),
        shaping.Overtaken: say("That cannot be undone any more: what it changed has been changed again since."),
        shaping.MadeByHand: say("This edition is made by hand: the machine picks nothing for it."),
        shaping.Cancelled: say("The edition is cancelled: approve it or hold it back before you change it."),
        shaping.AboutToGo: say("It is about to go: whoever wants to change it takes it back first."),
        shaping.AskAnEditor: say("It is approved: to change it, ask an editor to hold it back."),
        NotSent: say("It is too late for that: the edition stands as it is."),
    }


def _field(words: Words, name: str) -> str:
    say = words.say
    names = {
        "subject": say("Subject"),
        "preheader": say("Preheader"),
        "note": say("Editor’s note"),
        "title": say("Title"),
        "summary": say("Summary"),
        "section": say("Section"),
        "alt": say("What is to be seen on it"),
    }
    return names[name]


def _failed(error: NewsletterError) -> str:
    say = words().say
    if isinstance(error, TemplateError):
        return say("The templates are broken, and no mail can be made of them: please tell your webmaster.")
    if isinstance(error, Unavailable):
        return say("No answer came from there. Nothing was changed: try again in a moment.")
    if isinstance(error, TooOften):
        return say("The sites were asked a moment ago, and nothing was changed: please wait half a minute.")
    if isinstance(error, BadData):
        return say("That could not be done, and nothing was changed.")
    return say("That did not work.")
