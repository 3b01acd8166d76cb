"""What a mail and its pictures cost a reader who pays by the megabyte. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from newsletter.collect.recheck import GONE, SILENCE
from newsletter.inspection.asked import Picture
from newsletter.inspection.finding import Check, Finding
from newsletter.inspection.links import shown
from newsletter.proof import Level
from newsletter.render.story import PICTURES_BUDGET
from newsletter.words import Words

HEAVY = 200_000  # bytes of one picture
SLOW = 400_000 / 8  # bytes a second of a poor mobile line


@dataclass(frozen=True, slots=True)
class Cost:
    """Bytes that a phone fetches to show it all."""

    mail: int
    pictures: int  # those whose weight is known

    @property
    def all(self) -> int:
        return self.mail + self.pictures

    @property
    def seconds(self) -> int:
        """On a poor line."""
        return math.ceil(self.all / SLOW)


def cost(mail: int, pictures: Sequence[Picture]) -> Cost:
    return Cost(mail, sum(one.bytes or 0 for one in pictures))


def look(pictures: Sequence[Picture], words: Words) -> Iterator[Finding]:
    """Pictures that are not there, are none, or are too heavy."""
    say, check = words.say, Check.PICTURES
    for one in pictures:
        url = shown(one.url)
        if one.status in GONE:
            said = say("A picture is gone: {url} answers {status}.", url=url, status=one.status)
            yield Finding(check, Level.PROBLEM, said)
        elif one.status == SILENCE:
            yield Finding(check, Level.WARNING, say("A picture did not come: nobody answers at {url}.", url=url))
        elif not 200 <= one.status < 400:
            said = say("A picture did not come: {url} answers {status}.", url=url, status=one.status)
            yield Finding(check, Level.WARNING, said)
        elif one.kind and not one.kind.startswith("image/") and one.kind != "application/octet-stream":
            said = say("What stands for a picture is none: {url} is of the kind {kind}.", url=url, kind=one.kind)
            yield Finding(check, Level.WARNING, said)
        elif one.bytes and one.bytes > HEAVY:
            said = say("A picture weighs {n}: {url}", n=words.bytes(one.bytes), url=url)
            yield Finding(check, Level.WARNING, said)
    total = sum(one.bytes or 0 for one in pictures)
    if total > PICTURES_BUDGET:
        said = say(
            "The pictures weigh {n} in all, more than {most}: many readers pay for each megabyte.",
            n=words.bytes(total),
            most=words.bytes(PICTURES_BUDGET),
        )
        yield Finding(check, Level.WARNING, said)
