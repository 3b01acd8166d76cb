"""What an edition can carry: the articles that its templates stand, as many as are light enough. Pure.

It knows nothing of templates: it is given what tries and what weighs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from newsletter.errors import TemplateError
from newsletter.render.story import Story

HEAVIEST = 80_000  # bytes of decoded HTML: Gmail cuts at about 100,000, and what it cuts is the footer


def without_poison(stories: Sequence[Story], trouble: Callable[[Sequence[Story]], TemplateError | None]) -> list[Story]:
    """The stories, those that break a template made bare: one bad article must not lose the day's mail.

    `trouble` says what some stories do to the templates. Raises its first error where nothing helps.
    """
    broken = trouble(stories)
    if broken is None:
        return list(stories)
    bare = [one.bare() for one in stories]
    if trouble(bare):
        raise broken

    def breaks(suspects: Collection[int]) -> bool:
        return trouble([one if i in suspects else bare[i] for i, one in enumerate(stories)]) is not None

    guilty = set(_culprits(range(len(stories)), breaks))
    some = [bare[i] if i in guilty else one for i, one in enumerate(stories)]
    return bare if trouble(some) else some  # some break it only together


def _culprits(suspects: Sequence[int], breaks: Callable[[Collection[int]], bool]) -> list[int]:
    """Those that break it each by itself, found by halving."""
    if not breaks(suspects):
        return []
    if len(suspects) == 1:
        return list(suspects)
    middle = len(suspects) // 2
    return _culprits(suspects[:middle], breaks) + _culprits(suspects[middle:], breaks)


def light_enough(stories: Sequence[Story], weigh: Callable[[Sequence[Story]], int]) -> list[Story]:
    """As many stories from the front as fit into HEAVIEST bytes: the tail goes, never the footer.

    `weigh` gives the weight of the whole with some stories. Raises TemplateError where not even one fits.
    """
    if weigh(stories) <= HEAVIEST:
        return list(stories)
    fitting, most = 0, len(stories) - 1
    while fitting < most:
        middle = (fitting + most + 1) // 2
        if weigh(stories[:middle]) <= HEAVIEST:
            fitting = middle
        else:
            most = middle - 1
    if fitting == 0:
        raise TemplateError(
            f"templates/email/edition.mjml: even with one article it weighs {weigh(stories[:1]):,} bytes, and Gmail"
            f" cuts what is over {HEAVIEST:,}: make the template lighter"
        )
    return list(stories[:fitting])
