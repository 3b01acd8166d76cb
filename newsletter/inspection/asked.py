"""What the world answers to a mail's links, and what its pictures weigh. Asks the fetcher it is given: many at a time,
public addresses only, and not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsletter.collect.recheck import SILENCE
from newsletter.inspection.mail import Link

if TYPE_CHECKING:
    from newsletter.fetch import Fetcher, Weighed

THREADS = 8
ALL, EACH = 60.0, 8.0  # seconds
MOST = 150  # addresses of one mail
REFUSED = (401, 403, 405, 429)  # they answer a program, not a reader


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the mail, and what it costs to show it."""

    url: str
    bytes: int | None  # None: nobody knows
    status: int = 200  # SILENCE: nobody answered
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """What was asked, and what came of it."""

    links: dict[str, int]  # the status of each; SILENCE where nobody answered
    pictures: tuple[Picture, ...]
    left: tuple[str, ...] = ()  # not asked: the time was over, or there were too many

    @property
    def dead(self) -> dict[str, int]:
        """Those that are certainly, or perhaps, not there for a reader."""
        return {url: status for url, status in self.links.items() if not (200 <= status < 400 or status in REFUSED)}


def ask(
    fetcher: Fetcher,
    links: Sequence[str],
    pictures: Sequence[str],
    private: Collection[str] = (),
    *,
    within: float = ALL,
    clock: Callable[[], float] = time.monotonic,
) -> Answers:
    """Ask each address once. `private` are the hosts that may stand in a network of the newsroom's own."""
    links, pictures = list(dict.fromkeys(links)), list(dict.fromkeys(pictures))
    wanted = [*pictures, *(url for url in links if url not in pictures)][:MOST]
    end = clock() + within

    def one(url: str) -> Weighed | int | None:
        allowed, rest = Link(url).host in private, min(EACH, end - clock())
        if rest <= 0:
            return None
        answer = fetcher.weigh(url, allowed, rest) if url in pictures else fetcher.status(url, allowed, rest)
        return answer or SILENCE

    pool = ThreadPoolExecutor(THREADS)
    futures = {url: pool.submit(one, url) for url in wanted}
    wait(futures.values(), timeout=within + EACH)
    pool.shutdown(wait=False, cancel_futures=True)
    found = {url: future.result() for url, future in futures.items() if _ended(future)}
    known = {url: answer for url, answer in found.items() if answer is not None}
    return Answers(
        {url: answer for url, answer in known.items() if isinstance(answer, int) and url not in pictures},
        tuple(_picture(url, known[url]) for url in pictures if url in known),
        tuple(url for url in [*pictures, *links] if url not in known),
    )


def _ended(future: Future[Weighed | int | None]) -> bool:
    return future.done() and not future.cancelled()


def _picture(url: str, answer: Weighed | int) -> Picture:
    if isinstance(answer, int):
        return Picture(url, None, answer)
    return Picture(url, answer.bytes, answer.status, answer.kind)
