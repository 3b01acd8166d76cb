"""Readers who leave during a running send (W04): by one click, at the real pages, served in a process of their own.

Those are taken who come next, a few messages ahead of what the sink has seen: the race is for their own message. Judged
by time: whoever had the answer to their click before MAIL FROM of their message came to the sink gets none. `within`
is how much later it may have begun all the same, in seconds.
"""

from __future__ import annotations

import http.client
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

from bench.chaos.finding import Finding, World, look
from bench.chaos.kills import GOOD
from bench.chaos.outside import LONG, Sink, sink
from bench.chaos.place import Place, ended
from newsletter.links import Purpose, Signer

WITHIN = {"sqlite": 0.0, "postgresql": 0.2}
AHEAD = 40  # a reader who leaves is at most so many messages ahead of the last that the sink has seen
THREADS = 3
LIST_ID = "lettre.journal.example"


def races(
    world: World, database: str, policy: str, *, number: int, readers: int = 3000, delay_ms: float = 40.0
) -> Finding:
    """So many departures, over as many editions as that takes. The sink is slow, so that there is time to leave."""
    found = Finding("one-click during a run", database, policy, "W04")
    done = rounds = 0
    while done < number and rounds < number:
        rounds += 1
        with (
            world.workshop.log() as log,
            sink(log, delay_ms) as outside,
            world.workshop.place(database, readers, port=outside.port, on_uncertain=policy) as place,
        ):
            done += _round(world, found, place, outside, number - done, rounds)
    found.figures["left during a run"] = done
    close_ones = found.figures.get("left in the last second before theirs", 0) + found.figures.get("too late", 0)
    found.hold(close_ones > 0, "nobody left close to their own message: this has proven nothing")
    return found.ended()


def _round(world: World, found: Finding, place: Place, outside: Sink, wanted: int, number: int) -> int:
    """One edition; returns how many have left while it was on its way."""
    trial = f"round {number}"
    with _pages(place) as port:
        keys = place.books.keys()
        signer = Signer(LIST_ID, keys, max(keys))
        numbers = place.books.numbers()
        links = {address: f"/u/{signer.token(Purpose.UNSUBSCRIBE, numbers[address])}" for address in place.addresses}
        process = place.start_sending()
        crowd = _Crowd(place.addresses, links, port, outside, wanted, world.chance(found.check, place.database, number))
        outside.wait_for(1, lambda: process.poll() is not None)
        crowd.go(lambda: process.poll() is not None)
        sent = ended(process)
    found.hold(sent.code in GOOD, f"{trial}: it left with {sent.code}: {sent.said[-300:]}")
    found.problems += [f"{trial}: {said}" for said in crowd.problems]
    _judge(found, place, outside, crowd.left, trial)
    return len(crowd.left)


def _judge(found: Finding, place: Place, outside: Sink, left: dict[str, float], trial: str) -> None:
    """`left` says when each had their answer."""
    found.add(look(place, outside, policy=found.policy, disturbed=(), bound=0, skipped=list(left)), trial)
    began = {one.rcpt: one.began for one in outside.took()}
    late = {address: began[address] - at for address, at in left.items() if address in began}
    within = WITHIN[place.database]
    wrong = {address: span for address, span in late.items() if span > within}
    worst = max(late.values(), default=0.0)
    found.hold(
        not wrong,
        f"{trial}: {len(wrong)} of {len(left)} had left, and got it: begun up to {worst * 1000:.1f} ms later",
    )
    found.count("too late", sum(span <= 0 for span in late.values()))
    found.count("begun after they had left", sum(span > 0 for span in late.values()))
    near = sum(0 < _its_time(place.addresses, began, address) - at < 1 for address, at in left.items())
    found.count("left in the last second before theirs", near)


def _its_time(readers: Sequence[str], began: Mapping[str, float], address: str) -> float:
    """When the message of somebody who got none would have begun: with that of the next on the list who got one."""
    if address in began:
        return 0.0
    here = readers.index(address)
    return next((began[one] for one in readers[here : here + AHEAD] if one in began), max(began.values()))


class _Crowd:
    """Readers who leave, one after the other on a few lines; `left` says when each had been answered."""

    def __init__(
        self, readers: list[str], links: dict[str, str], port: int, outside: Sink, wanted: int, chance: random.Random
    ) -> None:
        self._readers, self._links, self._port, self._outside = readers, links, port, outside
        self._order = {address: place for place, address in enumerate(readers)}
        self._wanted, self._chance = wanted, chance
        self._turn = threading.Lock()
        self._taken: set[str] = set()
        self._front = 0
        self._over = threading.Event()
        self.left: dict[str, float] = {}
        self.problems: list[str] = []

    def go(self, over: Callable[[], bool]) -> None:
        """Until enough have left, or the run has ended."""
        lines = [threading.Thread(target=self._leave) for _ in range(THREADS)]
        for line in lines:
            line.start()
        deadline = time.monotonic() + LONG * 2
        while any(line.is_alive() for line in lines) and time.monotonic() < deadline:
            if over():
                self._over.set()
            time.sleep(0.01)
        self._over.set()
        for line in lines:
            line.join()

    def _leave(self) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)) as line:
            while address := self._next():
                head = {"Content-Type": "application/x-www-form-urlencoded", "Host": "lettre.journal.example"}
                line.request("POST", self._links[address], "List-Unsubscribe=One-Click", head)
                answer = line.getresponse()
                answer.read()
                at = time.monotonic()
                if answer.status != 200:
                    self.problems.append(f"leaving was answered by {answer.status}")
                self.left[address] = at

    def _next(self) -> str | None:
        """Somebody ahead of the last who got theirs; None when enough have left, or the run is over."""
        while not self._over.is_set():
            with self._turn:
                if len(self._taken) >= self._wanted:
                    return None
                took = self._outside.took()
                self._front = max([self._front, *(self._order[one.rcpt] for one in took[-50:])])
                ahead = [one for one in self._readers[self._front + 1 : self._front + AHEAD] if one not in self._taken]
                if ahead:
                    self._taken.add(address := self._chance.choice(ahead))
                    return address
            time.sleep(0.005)  # until others are next
        return None


@contextmanager
def _pages(place: Place) -> Iterator[int]:
    """`newsletter serve` on a free port."""
    log = (place.folder / "serve.log").open("w")
    process = place.start("serve", "--port", "0", "--no-run", stderr=log)
    with log:
        line = process.stdout.readline() if process.stdout else ""
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        if found is None:
            raise RuntimeError(f"newsletter serve does not start: {line}")
        yield int(found[1])
        process.terminate()
        process.wait(LONG)
