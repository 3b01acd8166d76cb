"""An edition to look at before it goes: as files, and as a test in an editor's inbox. Neither touches the ledger."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from email import message_from_bytes, policy
from pathlib import Path

from newsletter import daily, dispatch, edit
from newsletter.errors import BadData, NotSent
from newsletter.links import NOBODY
from newsletter.mail.addresses import normalise
from newsletter.mail.message import WireTemplate
from newsletter.model import Choice, Edition, EditionStatus, Message, Outcome, Variant, Verdict, Who
from newsletter.newsroom import Newsroom
from newsletter.store import audit, editions
from newsletter.store.database import read, write

SAMPLE_READER = "lectrice@lecteurs.example"
DARK = re.compile(r"@media\s*\(prefers-color-scheme:\s*dark\)")
SCHEMES = re.compile(r'(color-schemes?(?:" content="|:\s*))light dark')
PICTURE = re.compile(r'(<img\b[^>]*?)\ssrc="[^"]*"', re.IGNORECASE)
FILES = {"html": "edition.html", "text": "edition.txt", "eml": "edition.eml", "whatsapp": "whatsapp.txt"}


@dataclass(frozen=True, slots=True)
class Preview:
    """An edition as one reader would get it."""

    edition: Edition
    subject: str
    html: str
    text: str
    eml: bytes
    whatsapp: str


def preview(room: Newsroom, day: date | None, name: str | None = None) -> Preview:
    """The edition of a day, made up without being kept where there is none yet; or the one of that name.

    A frozen one is shown from its frozen template: what was sent, not what would be today.
    Raises BadData where there is nothing to show.
    """
    return of_edition(room, *look_up(room, day, name))


def look_up(room: Newsroom, day: date | None, name: str | None = None) -> tuple[Edition, list[Choice]]:
    """What `preview` shows, before it is rendered. Raises BadData as it does."""
    edition, choices = _edition(room, day, name)
    _check_something(edition, [choice for choice in choices if choice.picked])
    return edition, choices


def of_edition(room: Newsroom, edition: Edition, choices: Sequence[Choice]) -> Preview:
    """An edition with its choices, kept or not, as a reader would get it now; a frozen one as it was frozen. Raises
    TemplateError."""
    from newsletter.render import whatsapp

    picked = [choice for choice in choices if choice.picked]
    message = _message(room, _wire(room, edition, picked), SAMPLE_READER)
    subject, text, html = _parts(message)
    corrected, archive = dispatch.corrected_by(room, edition), room.config.web.archive
    plain = whatsapp(room.look, room.config.newsletter, edition, picked, archive=archive, corrected=corrected)
    return Preview(edition, subject, html, text, message.content, plain)


def usual_words(room: Newsroom, edition: Edition, choices: Sequence[Choice]) -> dict[str, str]:
    """The subject and the preheader that the edition has where no editor writes one. Raises TemplateError."""
    rendered = dispatch.render_edition(room, replace(edition, subject=None, preheader=None), choices)
    return {"subject": rendered.subject, "preheader": rendered.preheader}


def as_page(room: Newsroom, shown: Preview, *, dark: bool, pictures: bool) -> str:
    """The mail as a page that can do nothing, as it is seen on a dark or a light screen; without pictures, as where a
    program or a reader has turned them off."""
    from newsletter.render import harmless

    html = as_seen(shown.html, dark=dark, pictures=pictures)
    return harmless(html, title=shown.subject, language=room.config.newsletter.language)


def as_seen(html: str, *, dark: bool, pictures: bool) -> str:
    """Whatever the screen is on which it is looked at. Pure."""
    html = DARK.sub("@media all" if dark else "@media not all", html)
    html = SCHEMES.sub(r"\1dark" if dark else r"\1light", html)
    return html if pictures else PICTURE.sub(r"\1", html)


def write_files(room: Newsroom, shown: Preview, folder: Path) -> dict[str, Path]:
    """Write the preview's files into `folder`; returns where each stands.

    Pictures that lie in a folder of articles are shown from there: their web addresses need not exist yet.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths = {kind: folder / name for kind, name in FILES.items()}
        paths["html"].write_text(_with_local_pictures(room, shown.html), encoding="utf-8")
        paths["text"].write_text(shown.text, encoding="utf-8")
        paths["eml"].write_bytes(shown.eml)
        paths["whatsapp"].write_text(shown.whatsapp, encoding="utf-8")
    except OSError as error:
        raise BadData(f"{folder}: {error.strerror}") from None
    return paths


def send_test(
    room: Newsroom, day: date | None, addresses: Sequence[str], *, name: str | None = None, dry_run: bool = False
) -> list[tuple[str, Outcome | None]]:
    """Mail the edition to these addresses, its subject marked, outside the ledger. Returns what the relay said to each.

    Raises BadData for an address that cannot be mailed, before anything is sent.
    """
    edition, choices = _edition(room, day, name)
    return mail_test(room, edition, choices, addresses, dry_run=dry_run)


def mail_test(
    room: Newsroom,
    edition: Edition,
    choices: Sequence[Choice],
    addresses: Sequence[str],
    *,
    who: Who | None = None,
    dry_run: bool = False,
) -> list[tuple[str, Outcome | None]]:
    """`send_test`, of that edition, as `who` does it (by default, whoever is at the command line). The audit log says
    that, and how many got one."""
    recipients = [normalise(address).text for address in addresses]
    picked = [choice for choice in choices if choice.picked]
    if not picked and not edition.note:
        raise NotSent(f"the edition {edition.name} carries no article: there is nothing to test")
    marked = replace(edition, subject=_marked(room, edition, picked), status=EditionStatus.DRAFT)
    messages = []
    for address in recipients:  # each a Message-ID and a file name of its own
        wire = _wire(room, marked, picked, name=f"{edition.name}.test-{secrets.token_hex(4)}")
        messages.append(room.seal(_message(room, wire, address)))
    if dry_run:
        return [(message.recipient, None) for message in messages]
    with room.mailer.open() as line:
        results: list[tuple[str, Outcome | None]] = [
            (message.recipient, line.send(message, lambda: None)) for message in messages
        ]
    with write(room.engine) as connection:
        kept = editions.named(connection, edition.name)  # one may be made up, and not kept
        told = {"count": len(results), "refused": len(refused(results))}
        number = kept.id if kept else None
        audit.add(connection, who or room.here, "tested", room.clock(), edition_id=number, after=told)
    return results


def refused(results: Sequence[tuple[str, Outcome | None]]) -> list[tuple[str, Outcome]]:
    """Those of a test that the relay did not accept."""
    return [(address, outcome) for address, outcome in results if outcome and outcome.verdict is not Verdict.ACCEPTED]


def _check_something(edition: Edition, picked: Sequence[Choice]) -> None:
    if not picked and not edition.stands_alone:
        raise BadData(f"the edition {edition.name} carries no article; see `newsletter edition explain`")


def _edition(room: Newsroom, day: date | None, name: str | None) -> tuple[Edition, list[Choice]]:
    if name:
        return edit.look(room, None, name)
    day = day or room.today()
    try:
        edition, choices = edit.look(room, day)
    except BadData:
        choices = []
    if any(choice.picked for choice in choices):
        return edition, choices
    made = daily.make_edition(room, day, dry_run=True)
    made.gathered.check()
    return made.edition, made.choices


def _wire(room: Newsroom, edition: Edition, picked: Sequence[Choice], name: str | None = None) -> WireTemplate:
    if edition.frozen:
        with read(room.engine) as connection:
            return WireTemplate.loads(editions.wires_of(connection, edition.id)[Variant.FULL])
    return dispatch.wire_of(room, edition, dispatch.render_edition(room, edition, picked), name=name)


def _marked(room: Newsroom, edition: Edition, picked: Sequence[Choice]) -> str:
    return f"[{room.words.say('Test')}] {dispatch.render_edition(room, edition, picked).subject}"


def _message(room: Newsroom, wire: WireTemplate, address: str) -> Message:
    now = room.clock().replace(microsecond=0)
    return wire.splice(room.signer, delivery=NOBODY, subscriber=NOBODY, address=address, date=now)


def _parts(message: Message) -> tuple[str, str, str]:
    parsed = message_from_bytes(message.content, policy=policy.default)
    text, html = parsed.get_body(("plain",)), parsed.get_body(("html",))
    return str(parsed["Subject"]), text.get_content() if text else "", html.get_content() if html else ""


def _with_local_pictures(room: Newsroom, html: str) -> str:
    site = room.config.newsletter.site_url
    for source in room.config.sources:
        folder = room.config.resolve(source.path) if source.kind == "folder" and source.path else None
        for file in sorted(folder.rglob("*.jpg")) + sorted(folder.rglob("*.png")) if folder else []:
            address = f"{site}/{file.relative_to(folder).as_posix()}" if folder else ""
            html = html.replace(f'"{address}"', f'"{file.as_uri()}"')
    return html
