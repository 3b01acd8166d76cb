"""What comes back, taken in: whose it is, what it means, who leaves by it.

    read_inbox   the mailbox of [bounces], mail by mail
    take         one returned mail or one event of a provider
    take_refusals   what the relay said when we sent: the same judgement
    listed       what came back, to be looked at

Each is known by a digest and taken in once, in one transaction: reading the same mailbox twice, or dying in the midst
of it, gives the same database.
"""

from newsletter.returns.looking import listed, not_passed_on, save_letters
from newsletter.returns.refusals import take_refusals
from newsletter.returns.take import Done, Taken, digest_of, take

__all__ = ["Done", "Taken", "digest_of", "listed", "not_passed_on", "save_letters", "take", "take_refusals"]
