"""Today's edition as it stands: whether it renders, what it weighs, and whether its links and pictures answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from newsletter import preview
from newsletter.collect.recheck import SILENCE
from newsletter.doctor.finding import Finding, failure, ok, warning
from newsletter.errors import BadData, DatabaseError, NewsletterError, TemplateError, Unavailable
from newsletter.inspection import asked, page
from newsletter.inspection.mail import Link
from newsletter.newsroom import Newsroom
from newsletter.proof import CLIPPING

MOST = 40  # addresses that are asked
SECONDS = 30.0  # for all of them
TOLD = 10  # of those that do not answer


def look(room: Newsroom) -> Iterator[Finding]:
    """Where there is none yet, one is made up and not kept."""
    try:
        shown = preview.preview(room, None)
    except TemplateError as error:
        yield failure("edition", str(error), "mend the template, or move it out of the way: the usual one is taken")
        return
    except DatabaseError as error:
        yield warning("edition", f"it could not be looked at: {error}", "see the line “database”")
        return
    except (BadData, Unavailable) as error:
        yield warning("edition", f"there is none to look at: {error}", "ask again when the sources have articles")
        return
    except NewsletterError as error:
        yield failure("edition", str(error), "see `newsletter preview`")
        return
    yield judge_size(shown.edition.name, len(shown.html.encode()))
    yield from judge_addresses(room, addresses(shown.html, room.config.newsletter.public_url))


def judge_size(name: str, size: int) -> Finding:
    said = f"{name} renders, {size / 1000:.0f} KB of HTML"
    if size > CLIPPING:
        return failure("edition", f"{said}: Gmail cuts it, and the link to leave with it", "pick fewer articles")
    return ok("edition", said)


def addresses(html: str, ours: str) -> list[str]:
    """All links and pictures of a mail but those to pass an article on, which are the same every day; our own pages are
    looked at elsewhere. Pure."""
    from newsletter.render import shares

    passing_on = {Link(one.url).host for one in shares("", "")}
    found = [Link(one.get("href") or one.get("src")) for one in page.read(html).all("a", "img")]
    usual = (one for one in found if one.scheme in ("http", "https") and one.host not in passing_on)
    return list(dict.fromkeys(one.url for one in usual if not one.url.startswith(f"{ours}/")))


def judge_addresses(room: Newsroom, found: Sequence[str]) -> Iterator[Finding]:
    private = {Link(one.url).host for one in room.config.sources if one.url and one.allow_private_network}
    answers = asked.ask(room.fetcher, found[:MOST], (), private, within=SECONDS)
    for url, status in list(answers.dead.items())[:TOLD]:
        said = f"{url} does not answer" if status == SILENCE else f"{url} answers {status}"
        yield warning("edition links", said, "readers would meet the same: mend it at the site, or drop the article")
    if len(answers.dead) > 10:
        yield warning(
            "edition links", f"{len(answers.dead) - 10} more do not answer as they should", "see the site first"
        )
    if answers.links and not answers.dead:
        yield ok("edition links", f"{len(answers.links)} links and pictures answer")
    if left := len(found) - len(answers.links):
        yield ok("edition links", f"{left} more were not asked")
