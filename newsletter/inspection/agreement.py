"""Whether a mail's parts say the same: HTML, text and header. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from email.utils import parseaddr

from newsletter.inspection.finding import Check, Finding
from newsletter.inspection.mail import Mail
from newsletter.proof import Level
from newsletter.render.story import Story
from newsletter.words import Words

# Without one of these, a large service refuses the mail or shows it worse.
WANTED = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "List-Id", "List-Unsubscribe")
ONE_CLICK = "List-Unsubscribe=One-Click"  # RFC 8058, 3.1
SHOUTED = 12  # letters in capitals before it counts as shouting


def headers(mail: Mail, words: Words, *, signed: bool) -> Iterator[Finding]:
    """What a mail's header lacks; `signed` by the newsroom's own key, as it leaves."""
    say, message = words.say, mail.message
    for name in WANTED:
        many = message.get_all(name, [])
        if len(many) != 1 or not str(many[0]).strip():
            said = say("The header has {n} fields {name}: one is wanted.", n=len(many), name=name)
            yield Finding(Check.HEADERS, Level.PROBLEM, said)
    if not mail.leave.startswith("https://") or message.get("List-Unsubscribe-Post", "").strip() != ONE_CLICK:
        said = say("Mail programs cannot offer to leave by one click: it wants an https:// link in List-Unsubscribe.")
        yield Finding(Check.HEADERS, Level.PROBLEM, said)
    if message.get_content_type() != "multipart/alternative":
        said = say("The mail is not of a text and HTML that say the same (multipart/alternative).")
        yield Finding(Check.HEADERS, Level.PROBLEM, said)
    if not signed:
        said = say("The mail is not signed (DKIM): large services file it as spam. See “newsletter dkim keygen”.")
        yield Finding(Check.HEADERS, Level.WARNING, said)
    if parseaddr(str(message.get("From", "")))[1].partition("@")[0].lower().replace("-", "") in (
        "noreply",
        "donotreply",
    ):
        said = say("It comes from an address that nobody reads: readers who answer are lost.")
        yield Finding(Check.HEADERS, Level.HINT, said)
    subject = str(message.get("Subject", ""))
    letters = [one for one in subject if one.isalpha()]
    if subject.count("!") > 1 or (
        len(letters) >= SHOUTED and subject == subject.upper() and subject != subject.lower()
    ):
        said = say("The subject shouts (capitals, exclamation marks): filters count that.")
        yield Finding(Check.HEADERS, Level.HINT, said)


def parts(mail: Mail, stories: Sequence[Story], words: Words) -> Iterator[Finding]:
    """Every article and the link to leave by stand in the HTML and in the text."""
    say = words.say
    if not mail.html or not mail.text:
        yield Finding(Check.AGREEMENT, Level.PROBLEM, say("The mail lacks its text or its HTML."))
        return
    shown, plain = _flat(mail.page.text), _flat(mail.text)
    followed = {one.url for one in mail.links if not one.picture}
    for story in stories:
        title = _flat(story.title)
        for there, kind in ((title in shown, "HTML"), (title in plain, say("text"))):
            if not there:
                said = say("The {kind} does not hold the title of « {title} ».", kind=kind, title=story.title)
                yield Finding(Check.AGREEMENT, Level.PROBLEM, said, story.id)
        for there, kind in ((story.url in followed, "HTML"), ((story.url or "") in mail.text, say("text"))):
            if story.url and not there:
                said = say("The {kind} does not link to « {title} ».", kind=kind, title=story.title)
                yield Finding(Check.AGREEMENT, Level.PROBLEM, said, story.id)
    for there, kind in ((mail.leave in followed, "HTML"), (mail.leave in mail.text, say("text"))):
        if mail.leave and not there:
            said = say("The {kind} does not hold the link to leave by that the header has.", kind=kind)
            yield Finding(Check.AGREEMENT, Level.PROBLEM, said)


def _flat(text: str) -> str:
    """Without line breaks and no-break spaces, and as if nothing were joined: only the words count."""
    return " ".join(text.replace("\u200d", "").split())
