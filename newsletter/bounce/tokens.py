"""Our own marks in a returned mail: whose delivery or letter it is about, proven by their signature. Pure."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from newsletter.links import Purpose, Signer
from newsletter.model import Clues, Proof

# A token anywhere in a text: 26 signs of a MAC and three or more before it. Some relays write a return path large, and
# in a return path there may be nothing between it and what stands before.
SHORTEST, BEFORE = 29, 20
TOKEN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{0,20}?([A-Za-z2-7]{29,45})(?![A-Za-z0-9])")
# A delivery's ENVID: its edition, its number, and the end of its token.
ENVID = re.compile(r"\.(\d{1,18})\.([a-z2-7]{12})(?![A-Za-z0-9])", re.IGNORECASE)
MOST = 200  # texts looked at of one mail

Read = Callable[[Purpose, str], int | None]


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark of ours: the id of a delivery, a letter or a subscriber, as `purpose` says."""

    proof: Proof
    purpose: Purpose
    subject: int


def find(clues: Clues, read: Read, signer: Signer) -> Mark | None:
    """The best mark there is: in the return path, in a Message-ID, in the link to leave by or the ENVID. `read` says
    whose a token is."""
    return next(_marks(clues, read, signer), None)


def _marks(clues: Clues, read: Read, signer: Signer) -> Iterator[Mark]:
    mails = (Purpose.DELIVERY, Purpose.LETTER)
    for proof, texts in ((Proof.RETURN_PATH, clues.return_paths), (Proof.MESSAGE_ID, clues.message_ids)):
        yield from _signed(proof, mails, texts, read)
    # A link to leave by is a subscriber's; a mailto: to leave by, and an ENVID, name the delivery.
    yield from _signed(Proof.LINK, mails, clues.links, read)
    for text in clues.links[:MOST]:
        for found in ENVID.finditer(text):
            if is_envid(signer, int(found[1]), found[2].lower()):
                yield Mark(Proof.LINK, Purpose.DELIVERY, int(found[1]))
    yield from _signed(Proof.LINK, (Purpose.UNSUBSCRIBE,), clues.links, read)


def _signed(proof: Proof, purposes: tuple[Purpose, ...], texts: tuple[str, ...], read: Read) -> Iterator[Mark]:
    for text in texts[:MOST]:
        for found in TOKEN.finditer(text):
            glued = range(min(BEFORE, len(found[1]) - SHORTEST) + 1) if proof is Proof.RETURN_PATH else range(1)
            for token in (found[1][start:].lower() for start in glued):
                for purpose in purposes:
                    subject = read(purpose, token)
                    if subject is not None:
                        yield Mark(proof, purpose, subject)


def is_envid(signer: Signer, delivery: int, end: str) -> bool:
    """Whether a delivery's token, under any of our keys, ends so: 57 bits of its signature."""
    ends = (
        Signer(signer.list_id, signer.keys, key).token(Purpose.DELIVERY, delivery)[-len(end) :] for key in signer.keys
    )
    return any(hmac.compare_digest(one, end) for one in ends)
