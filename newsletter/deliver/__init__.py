"""Station 4: a frozen edition → inboxes.

In come an edition whose audience and wire template are frozen, the ledger and a mailer; out comes how the run ended.
What may not be in this room: rendering, picking, a decision whether to send at all.

The ledger is written at three moments of a message, each a transaction of its own, none open while we talk to the
relay: when it is claimed, right before its final dot, and when the relay has answered. So a run may die anywhere:

    claimed, no dot       nothing was offered: the next run takes it up as if nothing had been
    the dot on its way    in doubt: `on_uncertain` decides (an outbox never leaves a doubt)
    answered              never offered again, or again only when its time has come
"""

from newsletter.deliver.ledger import Ledger, take_turn
from newsletter.deliver.run import REPORTED, Ending, Run, Stop, deliver, recover

__all__ = ["REPORTED", "Ending", "Ledger", "Run", "Stop", "deliver", "recover", "take_turn"]
