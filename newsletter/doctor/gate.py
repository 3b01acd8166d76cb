"""Before the first real send: what send itself would not notice must be in order, or somebody must say `--force`.

Asked once, not each morning: what came of it is remembered with a digest of all that it depends on, and asked again
when that has changed. A newsroom that was at work before there was a gate is never asked. See
docs/decisions/0021-doctor.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from newsletter.doctor import examine, lasting_looks
from newsletter.doctor.domain import envelope_domain
from newsletter.doctor.finding import Finding, failures
from newsletter.errors import Unfit
from newsletter.newsroom import Newsroom
from newsletter.settings import Via, is_loopback
from newsletter.store import notes
from newsletter.store.database import read, write

NOTE = "doctor"  # the digest with which all was well, or was sent by force
BEFORE = "at work before"  # in its place, from migration 0005: a relay had accepted editions before there was a gate


def check(room: Newsroom, *, force: bool = False) -> None:
    """Raise Unfit, with all that fails, where mail would be lost or readers could not leave. For who is about to begin
    an edition; holds no transaction while it asks."""
    if not is_due(room):
        return
    found = [] if force else examine(lasting_looks(room))
    failed = failures(found)
    if failed:
        raise Unfit(said(failed), *lines(failed))
    if all(one.sure for one in found):
        with write(room.engine) as connection:
            notes.put(connection, NOTE, what_it_depends_on(room))


def foretold(room: Newsroom) -> tuple[str, ...]:
    """What `check` would say, in one line, where it would say anything; nothing is remembered of it."""
    failed = failures(examine(lasting_looks(room))) if is_due(room) else []
    return (f"it would not be sent: {said(failed)}",) if failed else ()


def is_due(room: Newsroom) -> bool:
    """Whether it is asked at all."""
    if not leaves_the_machine(room.config.delivery.via):
        return False
    with read(room.engine) as connection:
        known = notes.get(connection, NOTE)
    return known not in (BEFORE, what_it_depends_on(room))


def leaves_the_machine(via: Via) -> bool:
    """A relay elsewhere: what it takes reaches people. Pure."""
    return via.kind == "smtp" and not is_loopback(via.host)


def what_it_depends_on(room: Newsroom) -> str:
    """A digest: whoever changes one of these is asked once more."""
    config = room.config
    values = [
        config.newsletter.sender_domain,
        str(config.delivery.via),
        envelope_domain(config),
        config.newsletter.public_url,
        config.signing_domain,
        [config.dkim.selector, config.dkim.ed25519_selector] if config.dkim.key_file else [],
    ]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:32]


def said(failed: Sequence[Finding]) -> str:
    """One line: it goes into the report, the log and to the desk."""
    return f"{'; '.join(lines(failed))}. `newsletter doctor` tells all; `newsletter send --force` sends all the same"


def lines(failed: Sequence[Finding]) -> list[str]:
    """One for each reason."""
    return [f"{one.name}: {one.said}" for one in failed]
