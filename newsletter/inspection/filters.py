"""What the judgement of a spam filter comes to. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from newsletter.inspection.finding import Check, Finding
from newsletter.mail.score import Mute, Score
from newsletter.proof import Level
from newsletter.words import Words

NEAR = 0.5  # of the threshold: somebody else's filter, with its DNS and its memory, may well be over it
COSTLY = 1.0  # points of one rule


def look(judgements: Sequence[Score | Mute], words: Words) -> Iterator[Finding]:
    """Too many points, rules that cost much, and filters that said nothing."""
    say = words.say
    for one in judgements:
        if isinstance(one, Mute):
            said = say("{program} is installed and did not judge the mail: {why}", program=one.program, why=one.why)
            yield Finding(Check.FILTERS, Level.HINT, said)
            continue
        points, most = words.number(one.points), words.number(one.threshold)
        if one.spam:
            said = say("{program} takes it for spam: {n} points of {most}.", program=one.program, n=points, most=most)
            yield Finding(Check.FILTERS, Level.PROBLEM, said)
        elif one.points > NEAR * one.threshold:
            said = say("{program} gives it {n} points; {most} are spam.", program=one.program, n=points, most=most)
            yield Finding(Check.FILTERS, Level.WARNING, said)
        for rule in one.rules:
            if rule.points >= COSTLY:
                said = say(
                    "{program} counts {n} points for {rule}: {meaning}",
                    program=one.program,
                    n=words.number(rule.points),
                    rule=rule.name,
                    meaning=rule.meaning or "–",
                )
                yield Finding(Check.FILTERS, Level.HINT, said)
