"""When a mailbox provider is warned of. Pure.

Complaints are held against the lines that Gmail and Yahoo draw for senders: below 0.1 % of what was accepted, and never
0.3 %. So is what is turned away: one in five is too much, whatever was usual before; who is refused from the first day
on, or for a long time, knows no other. Below that line it is held against what is usual at that provider: a list of old
addresses fails more often than another, and what counts is a jump.

A quiet list must not cry wolf. So each warning needs five events at least, and a tail of chance:

- complaints: more than chance makes of half the line (1 %), in the last edition or the last seven together;
- too much turned away: the same, in the last edition, or in the last three, each of them and together;
- a jump: two and a half times the usual share at least, and no trifle, in the last edition or the last three together;
  and were the failures of all editions dealt out blindly, the last ones would get as many once in a million times
  (Fisher's exact test, one-sided: what is usual may be known from a few deliveries alone, and it minds that by itself).
  A year of mornings has some 20,000 looks, and no day is quite like another: with shares that swing by 40 % from day to
  day, 30,000 looks raised no alarm (2026-11).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import exp, lgamma, log, log1p
from operator import itemgetter

from newsletter.model import Reason
from newsletter.trends.figures import OTHERS, Sum, Warned, Why, share, total

LEAST = 5  # events
COMPLAINTS, GRAVE_COMPLAINTS = 0.001, 0.003  # of what was accepted
COMPLAINTS_OVER = (1, 7)  # editions looked at together
BY_CHANCE = 0.01
JUMP, JUMP_OVER, JUMP_BY_CHANCE = 2.5, (1, 3), 1e-6
BEFORE = 3  # editions that tell what is usual, at the least
TOO_MUCH = 0.2  # of what was answered: one in five is turned away
TRIFLE = {"failed": 0.01, "put_off": 0.05}  # shares below are none to speak of
GRAVE = {"failed": TOO_MUCH, "put_off": 2.0}  # what is put off mostly comes through

Measure = Callable[[Sum], tuple[int, int]]  # of a sum: how often it happened, and of how many


def about(provider: str, sums: Sequence[Sum], reasons: Iterable[Why] = ()) -> list[Warned]:
    """What is to be said of a provider, by its editions, the oldest first."""
    sums = [one for one in sums if one.offered]
    found = [_complaints(provider, sums), _turned_away(provider, sums, _main(reasons))]
    found.append(_jump(provider, "put_off", sums, _put_off, None))
    return [one for one in found if one]


def of_all(sums: Sequence[Sum], reasons: Iterable[Why] = ()) -> Warned | None:
    """What is to be said of all mails together: where many domains turn a few away each, none of them is warned of."""
    return _too_much(OTHERS, [one for one in sums if one.offered], _main(reasons))


def _failed(one: Sum) -> tuple[int, int]:
    return one.failed, one.answered


def _put_off(one: Sum) -> tuple[int, int]:
    return one.put_off, one.offered


def _main(reasons: Iterable[Why]) -> Reason | None:
    """Why most failed; None where that is not known of most."""
    found: Counter[Reason | None] = Counter()
    for one in reasons:
        found[one.reason] += one.failed
    most = found.most_common(1)
    return most[0][0] if most and most[0][1] * 2 > found.total() else None


def _complaints(provider: str, sums: Sequence[Sum]) -> Warned | None:
    found = []
    for editions in COMPLAINTS_OVER:
        recent = total(sums[-editions:])
        times, of = recent.complaints, recent.accepted
        if _over(times, of, COMPLAINTS):
            grave = _over(times, of, GRAVE_COMPLAINTS)
            found.append(Warned(provider, "complaints", grave, times, of, min(editions, len(sums))))
    return max(found, key=lambda one: (one.grave, one.share), default=None)


def _over(times: int, of: int, line: float) -> bool:
    """Whether a share is over a line, and no chance of a few."""
    return times >= LEAST and share(times, of) >= line and of > 0 and at_least(times, of, line / 2) <= BY_CHANCE


def _turned_away(provider: str, sums: Sequence[Sum], reason: Reason | None) -> Warned | None:
    """A jump, which says since when; unless it is no problem yet, and too much at any rate."""
    jump, much = _jump(provider, "failed", sums, _failed, reason), _too_much(provider, sums, reason)
    return jump if jump and (jump.grave or not much) else much


def _too_much(provider: str, sums: Sequence[Sum], reason: Reason | None) -> Warned | None:
    found = []
    for editions in JUMP_OVER:
        times, of = _failed(total(sums[-editions:]))
        throughout = all(share(*_failed(one)) >= TOO_MUCH for one in sums[-editions:])
        if throughout and _over(times, of, TOO_MUCH):
            found.append(Warned(provider, "failed", True, times, of, min(editions, len(sums)), reason=reason))
    return found[-1] if found else None


def _jump(provider: str, what: str, sums: Sequence[Sum], measure: Measure, reason: Reason | None) -> Warned | None:
    found = []
    for editions in JUMP_OVER:
        before, last = sums[:-editions], sums[-editions:]
        if len(before) < BEFORE or not _is_jump(measure(total(last)), measure(total(before)), TRIFLE[what]):
            continue
        times, of = measure(total(last))
        usual = share(*measure(total(before)))
        begun = share(*measure(last[0])) >= JUMP * usual  # with the first of them, not later
        warned = Warned(provider, what, times / of >= GRAVE[what], times, of, editions, usual, reason)
        found.append(((warned.grave, begun, editions), warned))
    return max(found, key=itemgetter(0))[1] if found else None


def _is_jump(last: tuple[int, int], before: tuple[int, int], trifle: float) -> bool:
    (times, of), (usual, of_usual) = last, before
    if times < LEAST or share(times, of) < max(trifle, JUMP * share(usual, of_usual)):
        return False
    return dealt(times, of, times + usual, of + of_usual) <= JUMP_BY_CHANCE


# --- Chance -----------------------------------------------------------------------------------------


def at_least(times: int, of: int, each: float) -> float:
    """How likely it is that of so many, each happening with that probability, at least so many happen (binomial)."""
    return _tail(lambda k: _choose(of, k) + k * log(each) + (of - k) * log1p(-each), times, of)


def dealt(times: int, of: int, all_times: int, all_of: int) -> float:
    """How likely it is that of `all_times` marked ones among `all_of`, at least `times` are among some `of` taken
    blindly (hypergeometric)."""
    whole = _choose(all_of, of)
    most = min(of, all_times)
    least = max(times, of - (all_of - all_times))
    return _tail(lambda k: _choose(all_times, k) + _choose(all_of - all_times, of - k) - whole, least, most)


def _choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _tail(logarithm: Callable[[int], float], least: int, most: int) -> float:
    """The sum of what is above; beyond its peak the terms soon add nothing."""
    found = before = 0.0
    for k in range(least, most + 1):
        term = exp(min(logarithm(k), 0.0))
        found += term
        if term <= before and term < found * 1e-12:
            break
        before = term
    return min(found, 1.0)
