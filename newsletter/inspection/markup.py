"""How a mail's HTML is made: for those who hear it read, for programs that are old or strict, and what a template left
behind. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator

from newsletter.inspection import css
from newsletter.inspection.contrast import written
from newsletter.inspection.css import Screen
from newsletter.inspection.finding import Check, Finding
from newsletter.inspection.links import shown
from newsletter.inspection.mail import Mail
from newsletter.inspection.page import Element
from newsletter.proof import Level
from newsletter.words import Words

WIDEST = 640  # px: what stands in a column of a mail
SMALLEST = 12.0  # px of letters
GMAIL_STYLE = 8_192  # characters of <style>: of more, Gmail takes none (seen by many, told by nobody at Google)
GENERIC = ("serif", "sans-serif", "monospace", "cursive", "fantasy", "system-ui")
FROM_ELSEWHERE = re.compile(r"@import\b|@font-face\b", re.IGNORECASE)
BRACES = re.compile(r"\{\{[^{}]{0,60}\}\}|\{%[^%{}]{0,60}%\}|\{\{|\}\}|\{%|%\}|[\ue000\ue001]\w*")
NOTHING = re.compile(r"(?:^|[\s«“\"(>/=:])(None|undefined|\[object Object\])(?=$|[\s»”\"<)/.,;&])", re.MULTILINE)
TWICE_ESCAPED = re.compile(r"&(?:amp|lt|gt|quot|nbsp|#\d{2,5}|#x[0-9a-f]{2,5});", re.IGNORECASE)


def look(mail: Mail, words: Words, *, articles: str = "", judged: Collection[str] = ()) -> list[Finding]:
    """All that is to be said of it. `articles` is what the articles say themselves, where braces may be meant;
    `judged` are the addresses of pictures whose descriptions somebody else judges."""
    if not mail.html:
        return [Finding(Check.MARKUP, Level.PROBLEM, words.say("The mail has no HTML part."))]
    return [
        *leftovers(mail, words, articles),
        *_names(mail.page, words),
        *_pictures(mail.page, words, judged),
        *_tables(mail.page, words),
        *_letters(mail.page, words),
    ]


def leftovers(mail: Mail, words: Words, articles: str = "") -> Iterator[Finding]:
    """What a template did not fill in."""
    attributes = " ".join(value for one in mail.page.all() for name, value in one.attributes.items() if name in READ)
    for text in (str(mail.message.get("Subject", "")), mail.page.text, attributes, mail.text):
        for pattern, level in ((BRACES, Level.PROBLEM), (NOTHING, Level.WARNING), (TWICE_ESCAPED, Level.WARNING)):
            found = next((one for one in pattern.finditer(text) if one[0].strip() not in articles), None)
            if found:
                left = " ".join(text[max(found.start() - 20, 0) : found.end() + 20].split())
                said = words.say("A template seems to have left this behind: “{left}”.", left=left)
                yield Finding(Check.LEFTOVERS, level, said)


READ = ("href", "src", "alt", "title", "aria-label")


def _names(page: Element, words: Words) -> Iterator[Finding]:
    say = words.say
    root = next(page.all("html"), page)
    if not root.get("lang"):
        said = say("The HTML does not say its language (lang): it is read aloud in the wrong one.")
        yield Finding(Check.MARKUP, Level.WARNING, said)
    if not any(one.text_inside.strip() for one in page.all("title")):
        yield Finding(Check.MARKUP, Level.HINT, say("The HTML has no title."))
    again = [name for name, n in Counter(one.get("id") for one in page.all() if one.get("id")).items() if n > 1]
    if again:
        said = say("The HTML holds the same id twice: {names}.", names=", ".join(again[:5]))
        yield Finding(Check.MARKUP, Level.WARNING, said)


def _pictures(page: Element, words: Words, judged: Collection[str]) -> Iterator[Finding]:
    """No height is asked for: programs that show no pictures would keep an empty box of that height."""
    say = words.say
    for one in page.all("img"):
        source = shown(one.get("src"))
        linked = any(above.name == "a" for above in _above(one))
        silent = "alt" not in one.attributes or (linked and not one.get("alt") and not _link_text(one))
        if silent and one.get("src") not in judged:
            said = say("A picture has no description, for those who do not see it: {url}", url=source)
            yield Finding(Check.MARKUP, Level.WARNING, said)
        width = re.fullmatch(r"(\d{1,6})(px)?", one.get("width"))
        if width is None and one.get("width") != "100%":
            said = say("A picture has no width: Outlook shows it as large as it is: {url}", url=source)
            yield Finding(Check.MARKUP, Level.WARNING, said)
        elif width and int(width[1]) > WIDEST:
            said = say("A picture is {n} pixels wide, and the mail {most}: {url}", n=width[1], most=WIDEST, url=source)
            yield Finding(Check.MARKUP, Level.WARNING, said)
        if one.get("src").startswith("data:"):
            said = say("A picture stands in the HTML itself (data:): Gmail does not show it.")
            yield Finding(Check.MARKUP, Level.WARNING, said)


def _above(element: Element) -> Iterator[Element]:
    while element.parent is not None:
        element = element.parent
        yield element


def _link_text(picture: Element) -> str:
    link = next(above for above in _above(picture) if above.name == "a")
    return link.text or link.get("aria-label")


def _tables(page: Element, words: Words) -> Iterator[Finding]:
    say = words.say
    tables = list(page.all("table"))
    silent = [one for one in tables if one.get("role") not in ("presentation", "none") and not any(one.all("th"))]
    if silent:
        said = say("{n} tables are there for the look alone, and do not say so (role=presentation).", n=len(silent))
        yield Finding(Check.MARKUP, Level.HINT, said)
    for one in tables:
        width = re.fullmatch(r"(\d{1,6})(px)?", one.get("width"))
        if width and int(width[1]) > WIDEST:
            said = say("A table is {n} pixels wide: phones show it tiny, or cut.", n=width[1])
            yield Finding(Check.MARKUP, Level.WARNING, said)


def _letters(page: Element, words: Words) -> Iterator[Finding]:
    say = words.say
    sheets = [one.text_inside for one in page.all("style")]
    elsewhere = [one for one in page.all("link") if "stylesheet" in one.get("rel").lower()]
    if elsewhere or any(FROM_ELSEWHERE.search(one) for one in sheets):
        said = say("Letters or styles are fetched from elsewhere: most programs do not, the others tell of the reader.")
        yield Finding(Check.MARKUP, Level.WARNING, said)
    heaviest = max(map(len, sheets), default=0)
    if heaviest > GMAIL_STYLE:
        said = say(
            "A style sheet has {n} characters: of more than {most}, Gmail takes none.", n=heaviest, most=GMAIL_STYLE
        )
        yield Finding(Check.MARKUP, Level.WARNING, said)
    rules = css.sheet(page)
    families = {css.styles(one, rules).get("font-family", "") for one in page.all()}
    alone = sorted(one for one in families if one and one.rpartition(",")[2].strip(" '\"").lower() not in GENERIC)
    if alone:
        said = say("Letters without a kind to fall back on (serif, sans-serif): {names}.", names=alone[0])
        yield Finding(Check.MARKUP, Level.HINT, said)
    small = next((one for one in written(page, Screen()) if one.size < SMALLEST), None)
    if small:
        said = say(
            "Letters of {n} pixels are hard to read: “{text}”.",
            n=words.number(round(small.size, 1) if small.size % 1 else round(small.size)),
            text=small.text[:60],
        )
        yield Finding(Check.MARKUP, Level.HINT, said)
