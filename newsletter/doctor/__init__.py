"""The doctor: is all set up so that mail arrives, and readers can leave? It asks; it changes and sends nothing.

    examine(looks(room)) → findings, in a fixed order        gate.check(room)   before the first real send

Whatever cannot be reached is a finding. Each look has a time of its own, and they run side by side: when everything is
dead, all of it takes as long as the slowest look.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from newsletter.doctor import dns, edition, house, relay, returns, sources, web
from newsletter.doctor.finding import Finding, Level, unsure
from newsletter.errors import NewsletterError
from newsletter.newsroom import Newsroom

LONGEST = 50.0  # seconds for all of it


@dataclass(frozen=True, slots=True)
class Look:
    """One part of the examination."""

    name: str
    work: Callable[[], Iterable[Finding]]
    seconds: float = 20.0


def looks(room: Newsroom) -> list[Look]:
    """All of them, in the order in which they are told."""
    return [
        Look("configuration", partial(house.look_at_configuration, room)),
        Look("database", partial(house.look_at_database, room)),
        Look("clock", partial(house.look_at_clock, room)),
        Look("disk", partial(house.look_at_disk, room)),
        *[Look(f"sources {one.place}", partial(sources.look, room, one), 40) for one in room.config.sources],
        Look("edition", partial(edition.look, room), LONGEST),
        Look("relay", partial(relay.look, room), 30),
        Look("returns", partial(returns.look, room)),
        *lasting_looks(room),
    ]


def lasting_looks(room: Newsroom) -> list[Look]:
    """Those that send itself would not notice: readers' mail would be lost, and nobody told. They change rarely."""
    return [
        Look("keys", partial(house.look_at_keys, room)),
        Look("web", partial(web.look, room), 45),
        Look("dns SPF", partial(dns.look_at_spf, room), 40),
        Look("dns DKIM", partial(dns.look_at_dkim, room)),
        Look("dns DMARC", partial(dns.look_at_dmarc, room), 40),
        Look("dns PTR", partial(dns.look_at_ptr, room)),
        Look("dns MX", partial(dns.look_at_mx, room), 30),
    ]


def examine(wanted: Sequence[Look], begun: Callable[[Look], None] = lambda look: None) -> list[Finding]:
    """Look at all of that side by side; `begun` hears which one is waited for. A fault of the program is raised."""
    jobs = [_Job(look) for look in wanted]
    started = time.monotonic()
    for job in jobs:
        job.thread.start()
    findings: list[Finding] = []
    for job in jobs:
        begun(job.look)
        findings += job.result(started)
    return findings


class _Job:
    """A look in a thread of its own, which is left behind when its time is over: nothing waits for it then."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.thread = threading.Thread(target=self._run, name=f"doctor {look.name}", daemon=True)
        self._found: list[Finding] = []
        self._fault: Exception | None = None

    def _run(self) -> None:
        try:
            for finding in self.look.work():
                self._found.append(finding)
        except NewsletterError as error:
            self._found.append(Finding(self.look.name, Level.FAILURE, str(error), "see what it says"))
        except Exception as error:  # raised where it is waited for
            self._fault = error

    def result(self, started: float) -> list[Finding]:
        self.thread.join(max(0.0, started + min(self.look.seconds, LONGEST) - time.monotonic()))
        if self.thread.is_alive():
            said = f"took longer than {self.look.seconds:g} s, and was left"
            return [*self._found, unsure(self.look.name, said, "ask again; is the network there?")]
        if self._fault:
            raise self._fault
        return self._found
