"""Station 4: a frozen edition → inboxes.

In come an edition whose audience and wire template are frozen, the ledger and a mailer; out comes how the run ended.
What may not be in this room: rendering, picking, a decision whether to send at all.

No transaction is open while we talk to the relay. A delivery is claimed in the database, many at a time; what is about
to be sent, and what was answered, stands in the run's journal at once, and in the database within a tenth of a second.
So a run may die anywhere:

    claimed, not begun    nothing was offered: the next run takes it up as if nothing had been
    about to be sent      in doubt: `on_uncertain` decides (an outbox never leaves a doubt)
    answered              never offered again, or again only when its time has come
"""

from newsletter.deliver.ledger import Ledger, settle
from newsletter.deliver.run import Ending, Recovered, Run, Stop, deliver, recover
from newsletter.deliver.supply import REPORTED
from newsletter.deliver.turns import take_shared_turn, take_turn

__all__ = [
    "REPORTED",
    "Ending",
    "Ledger",
    "Recovered",
    "Run",
    "Stop",
    "deliver",
    "recover",
    "settle",
    "take_shared_turn",
    "take_turn",
]
