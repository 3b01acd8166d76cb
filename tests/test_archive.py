"""The archive: what went out, for everybody to read, and nothing of a reader in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree

import html5lib
import pytest
from flask.testing import FlaskClient

from newsletter import archive, corrections, daily, dispatch, edit, shaping, subscribe
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.model import Edition, EditionStatus, Who
from newsletter.newsroom import Newsroom
from newsletter.render import harmless
from newsletter.store import editions
from newsletter.store.database import sending_lock, write
from newsletter.web import create_app
from tests.conftest import Clock

Add = Callable[..., Path]
MakeRoom = Callable[..., Newsroom]
READER = "ama.lectrice@lecteurs.example"
ATOM = "{http://www.w3.org/2005/Atom}"
DANGEROUS = {"script", "iframe", "object", "embed", "form", "input", "base", "svg", "math", "template"}


def send(room: Newsroom) -> None:
    assert daily.send(room, room.today(), watch=Watch(Stop(room.clock))).accepted == 1


@pytest.fixture
def sent(room: Newsroom, add_article: Add, clock: Clock) -> Newsroom:
    """Two days' editions to one reader."""
    subscribe.add(room, [READER], "test")
    add_article("Le port rouvre", section="Économie", author="Ama K. et Kodjo A.")
    add_article("Le lycée ferme", section="Société", hours=3)
    send(room)
    clock.move(days=1)
    add_article("Le lendemain", section="Sport")
    send(room)
    return room


@pytest.fixture
def client(sent: Newsroom) -> FlaskClient:
    return create_app(sent).test_client()


def test_an_edition_is_read_at_its_own_address(client: FlaskClient) -> None:
    answer = client.get("/archive/2026-11-23")
    assert answer.status_code == 200
    for wanted in ("Le port rouvre", "Le lycée ferme", "À la une", "https://journal.example/le-port-rouvre/"):
        assert wanted in answer.text
    assert '<link rel="canonical" href="https://lettre.journal.example/archive/2026-11-23">' in answer.text
    assert '<meta property="og:title" content="Le lycée ferme">' in answer.text
    assert '<meta property="og:description" content="Le port rouvre">' in answer.text
    assert "/archive/2026-11-24" in answer.text  # the next one


def test_nothing_of_a_reader_is_in_it(client: FlaskClient, sent: Newsroom) -> None:
    pages = ["/archive/", "/archive/2026-11-23", "/archive/2026-11-23/mail", "/archive/feed.xml", "/"]
    for page in pages:
        text = client.get(page).text
        assert "lectrice" not in text
        assert not re.search(r"/[updca]/[a-z2-7]{20,}", text)


def test_the_mail_as_it_was_mailed_can_do_nothing(client: FlaskClient) -> None:  # W12
    answer = client.get("/archive/2026-11-23/mail")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "sandbox" in policy
    assert "Le port rouvre" in answer.text
    assert "…" in answer.text  # where the reader's address stood
    assert "font:bold 42px" in answer.text.replace("font: bold", "font:bold")  # it looks as it did


def test_the_list_leads_to_all_of_them(client: FlaskClient, sent: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    text = client.get("/archive/").text
    assert text.index("/archive/2026-11-24") < text.index("/archive/2026-11-23")
    older = client.get("/archive/?before=2026-11-24").text
    assert "/archive/2026-11-23" in older
    assert "/archive/2026-11-24" not in older
    assert client.get("/archive/?before=nonsense").status_code == 200


def test_a_long_archive_has_pages(room: Newsroom) -> None:
    with write(room.engine) as connection:
        for i in range(archive.PAGE + 5):
            day = date(2026, 1, 1) + timedelta(days=i)
            made = editions.keep_draft(connection, day, "daily", room.clock(), [])
            editions.move(connection, made.id, [EditionStatus.DRAFT], EditionStatus.SENT, subject=f"Sujet {i}")
    lines, older = archive.listed(room)
    assert len(lines) == archive.PAGE
    rest, end = archive.listed(room, older)
    assert len(rest) == 5
    assert end is None
    assert not {one.name for one in lines} & {one.name for one in rest}


def test_the_feed_is_atom(client: FlaskClient) -> None:
    answer = client.get("/archive/feed.xml")
    assert answer.mimetype == "application/atom+xml"
    root = ElementTree.fromstring(answer.data)
    entries = root.findall(f"{ATOM}entry")
    assert [entry.findtext(f"{ATOM}title") for entry in entries] == ["Le lendemain", "Le lycée ferme"]
    assert entries[1].findtext(f"{ATOM}summary") == "Le lycée ferme · Le port rouvre"
    assert {entry.findtext(f"{ATOM}id") for entry in entries} == {
        "tag:lettre.journal.example,2026-11-24:2026-11-24",
        "tag:lettre.journal.example,2026-11-23:2026-11-23",
    }
    again = client.get("/archive/feed.xml", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path", ["/archive/2026-11-25", "/archive/2026-11-22", "/archive/x", "/archive/2026-11-23x", "/archive/%00/mail"]
)
def test_what_never_went_out_is_not_there(client: FlaskClient, sent: Newsroom, path: str) -> None:
    daily.make_edition(sent, date(2026, 11, 25))  # a draft
    edit.decide(sent, date(2026, 11, 22), EditionStatus.CANCELLED)
    assert client.get(path).status_code == 404


def test_it_can_be_switched_off(sent: Newsroom, make_room: MakeRoom) -> None:
    client = create_app(make_room(NEWSLETTER_WEB_ARCHIVE="false")).test_client()
    for path in ("/archive/", "/archive/2026-11-23", "/archive/2026-11-23/mail", "/archive/feed.xml"):
        assert client.get(path).status_code == 404
    assert "/archive/" not in client.get("/").text


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title><svg onload=alert(1)>",
    "</textarea><iframe src=javascript:alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "{{ 7 * 7 }}<mj-raw><form action=//evil.example>",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stay_texts(room: Newsroom, add_article: Add, text: str) -> None:  # F05, W12
    subscribe.add(room, [READER], "test")
    quoted = text.replace('"', '\\"')
    add_article(quoted + " un", name="un", author=f'"{quoted}"', section=f'"{quoted}"', summary=f'"{quoted}"')
    add_article("Deux", hours=2, image='"javascript:alert(1)"')
    send(room)
    client = create_app(room).test_client()
    for path in ("/archive/2026-11-23", "/archive/2026-11-23/mail", "/archive/", "/"):
        tree = html5lib.parse(client.get(path).data, namespaceHTMLElements=False)
        for element in tree.iter():
            if not isinstance(element.tag, str) or (path == "/" and element.tag in ("form", "input", "iframe")):
                continue
            assert element.tag not in DANGEROUS, path
            for name, value in element.attrib.items():
                assert not name.lower().startswith("on"), path
                if name in ("href", "src"):
                    assert not value.strip().lower().startswith(("javascript:", "vbscript:", "data:text")), path
    root = ElementTree.fromstring(client.get("/archive/feed.xml").data)
    assert len(root.findall(f"{ATOM}entry")) == 1


def test_a_template_s_own_scripts_do_not_get_into_the_archive() -> None:  # W12
    evil = (
        "<html><head><style>.a{color:red}</style><style>@import url(//evil.example/x.css);</style></head><body>"
        '<p style="color:red;background:url(//evil.example/p.gif)" onclick="x()">Bonjour</p><script>x()</script>'
        '<a href="javascript:x()">a</a><form action="/"><input></form><svg><script>x()</script></svg></body></html>'
    )
    page = harmless(evil, title="</title><script>x()</script>", language="fr")
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    assert {element.tag for element in tree.iter()} & DANGEROUS == set()
    assert "evil.example" not in page
    assert "x()" not in page.replace("&lt;/title&gt;&lt;script&gt;x()&lt;/script&gt;", "")
    assert ".a{color:red}" in page
    assert "Bonjour" in page


# --- Corrections and extra editions -----------------------------------------------------------------

TEXT = "Le lycée ferme jeudi, et non mercredi.\n\nToutes nos <b>excuses</b>."


def send_made(room: Newsroom, made: Edition) -> None:
    edit.decide(room, made.day, EditionStatus.APPROVED, slot=made.slot)
    made, choices = edit.look(room, None, made.name)
    with sending_lock(room.engine) as still_ours:
        assert dispatch.send_edition(room, made, choices, Watch(Stop(room.clock), still_ours)).accepted == 1


@pytest.fixture
def corrected(sent: Newsroom, clock: Clock) -> Newsroom:
    """Two days after it went out, the first edition was corrected."""
    clock.move(hours=30)
    original, choices = edit.look(sent, date(2026, 11, 23))
    article = next(one.candidate.id for one in choices if "lycée" in one.article.title)
    send_made(sent, corrections.make_correction(sent, original.id, TEXT, Who("Efua"), article=article))
    return sent


def test_a_corrected_edition_says_so_at_its_top(corrected: Newsroom) -> None:
    client = create_app(corrected).test_client()
    text = client.get("/archive/2026-11-23").text
    assert text.index("<h1>") < text.index('class="correction"') < text.index("À la une")
    for wanted in ("Le lycée ferme jeudi", "&lt;b&gt;excuses", "mercredi 25 novembre 2026", "/2026-11-25-correction"):
        assert wanted in text
    assert "Le lycée ferme</a>" in text  # as it went out


def test_the_others_stay_as_they_were(sent: Newsroom, clock: Clock) -> None:
    client = create_app(sent).test_client()
    before = client.get("/archive/2026-11-24").text, client.get("/archive/2026-11-23").text
    assert "orrection" not in before[0] + before[1]
    original, _ = edit.look(sent, date(2026, 11, 23))
    corrections.make_correction(sent, original.id, TEXT, Who("Efua"))  # a draft is nobody's to read
    assert client.get("/archive/2026-11-23").text == before[1]
    assert client.get("/archive/2026-11-24-correction").status_code == 404


def test_a_correction_has_a_page_of_its_own(corrected: Newsroom) -> None:
    client = create_app(corrected).test_client()
    page = client.get("/archive/2026-11-25-correction")
    assert page.status_code == 200
    assert 'href="/archive/2026-11-23"' in page.text
    assert "Rectificatif" in page.text
    assert "Le lycée ferme jeudi" in page.text
    assert "L’article concerné" in page.text
    assert "À la une" not in page.text
    mail = client.get("/archive/2026-11-25-correction/mail").text
    assert "Le lycée ferme jeudi" in mail
    assert "lectrice" not in page.text + mail


def test_the_list_and_the_home_page(corrected: Newsroom) -> None:
    client = create_app(corrected).test_client()
    text = client.get("/archive/").text
    assert "rectifie l’édition du lundi 23 novembre 2026" in text
    assert "Rectifiée le mercredi 25 novembre 2026" in text
    assert "-correction" not in client.get("/").text  # what is shown to newcomers is an edition


def test_the_feed_s_entry_is_updated(corrected: Newsroom) -> None:
    root = ElementTree.fromstring(create_app(corrected).test_client().get("/archive/feed.xml").data)
    mended, other, first = root.findall(f"{ATOM}entry")
    assert mended.findtext(f"{ATOM}id", "").endswith(":2026-11-25-correction")
    assert first.findtext(f"{ATOM}updated") == mended.findtext(f"{ATOM}updated") == root.findtext(f"{ATOM}updated")
    assert first.findtext(f"{ATOM}published", "") < first.findtext(f"{ATOM}updated", "")
    summary = first.findtext(f"{ATOM}summary", "")
    assert summary.startswith("Rectificatif du mercredi 25 novembre 2026\u00a0: Le lycée ferme jeudi")
    assert summary.endswith("Le lycée ferme · Le port rouvre")
    assert [one.get("href") for one in mended.findall(f"{ATOM}link[@rel='related']")] == [
        "https://lettre.journal.example/archive/2026-11-23"
    ]
    assert other.find(f"{ATOM}published") is None


def test_an_extra_edition_shows_its_note(sent: Newsroom) -> None:
    made = corrections.make_extra(sent, sent.today(), Who("Efua"))
    shaping.write_words(sent, Who("Efua"), made.id, {"note": "Pas de journal demain.", "subject": "Demain"})
    send_made(sent, made)
    client = create_app(sent).test_client()
    text = client.get("/archive/2026-11-24-extra").text
    assert "Pas de journal demain." in text
    assert "Édition spéciale" in text
    assert "édition spéciale" in client.get("/archive/").text
