"""The pages for everybody: the sign-up, whoever asks; the form pasted elsewhere; privacy; what machines ask for."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from newsletter import daily, embed, keyring, post, subscribe
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.links import Purpose
from newsletter.model import Consent, SubscriberStatus
from newsletter.newsroom import Newsroom
from newsletter.settings import Days
from newsletter.store import subscribers
from newsletter.store.database import write
from newsletter.web import phrases
from tests.browser import AMA, everything, reader, visit
from tests.conftest import Clock, on_both

MakeRoom = Callable[..., Newsroom]
Add = Callable[..., Path]
ASKED = "Regardez dans votre boîte"


def shown(room: Newsroom) -> str:
    return room.signer.token(Purpose.FORM, 0, room.clock())


def ask(client: FlaskClient, room: Newsroom, clock: Clock, address: str = AMA, **more: str) -> TestResponse:
    """As a person does on our page."""
    form = {"email": address, "shown": shown(room), embed.HONEYPOT: "", "lang": "fr"} | more
    clock.move(seconds=7)
    return client.post("/", data=form)


def letters_of(room: Newsroom) -> list[Any]:
    return everything(room)["letters"]


def proof(room: Newsroom, address: str = AMA) -> Consent:
    return subscribe.history(room, subscribe.find(room, address))[-1]


# --- The page -------------------------------------------------------------------------------------


def test_the_page_has_one_field_and_one_button(room: Newsroom) -> None:
    html = visit(room).get("/").text
    assert len(re.findall(r"<button", html)) == 1
    assert re.findall(r'<input [^>]*name="(\w+)"', html) == ["email", "topic", "shown", "lang"]
    assert "tous les jours à 6\u00a0h\u00a030" in html
    assert "<iframe" not in html  # no edition yet
    assert "<script" not in html
    assert "style=" not in html


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_page_is_small_with_all_that_stands_on_it(
    make_room: MakeRoom, add_article: Add, clock: Clock, language: str
) -> None:
    room = make_room(NEWSLETTER_LANGUAGE=language)
    reader(room, "kodjo@lecteurs.example")
    for day in range(7):
        add_article(f"Le port rouvre, jour {day}", summary="x" * 200)
        assert daily.send(room, room.today(), watch=Watch(Stop(clock))).accepted == 1
        clock.move(days=1)
    client = visit(room)
    html = client.get("/").text
    assert html.count('<li><a href="/archive/') == 4
    frame = re.search(r'<iframe [^>]*src="(/archive/2026-11-29/mail)"[^>]* sandbox="([^"]*)"', html)
    assert frame
    assert "allow-scripts" not in frame[2]
    assert "allow-same-origin" not in frame[2]
    assert client.get(frame[1]).status_code == 200
    parts = [len(client.get(path).data) for path in ("/", "/style.css", frame[1])]
    assert sum(parts) < 60_000, parts


def test_without_an_archive_the_page_leads_to_none(make_room: MakeRoom, add_article: Add, clock: Clock) -> None:
    room = make_room(NEWSLETTER_WEB_ARCHIVE="false")
    reader(room)
    add_article("Le port rouvre")
    daily.send(room, date(2026, 11, 23), watch=Watch(Stop(clock)))
    assert "archive" not in visit(room).get("/").text


@pytest.mark.parametrize(
    ("language", "wanted", "spoken"),
    [
        ("fr", "", "fr"),
        ("fr", "en-GB,en;q=0.9", "en"),
        ("fr", "en,fr;q=0.1", "fr"),
        ("fr", "ee,de", "fr"),
        ("en", "fr-TG", "fr"),
        ("en", "*", "en"),
    ],
)
def test_a_page_speaks_the_newsletters_language_else_the_browsers(
    make_room: MakeRoom, language: str, wanted: str, spoken: str
) -> None:
    client = visit(make_room(NEWSLETTER_LANGUAGE=language))
    for path in ("/", "/embed", "/privacy", "/nothing", "/u/none", "/c/none", "/d/none", "/a/none", "/p/none"):
        answer = client.get(path, headers={"Accept-Language": wanted})
        assert f'<html lang="{spoken}">' in answer.text
        assert answer.headers["Content-Language"] == spoken
        assert "Accept-Language" in answer.headers["Vary"]


@pytest.mark.parametrize(
    ("days", "french", "english"),
    [
        ("mon-sun", "tous les jours", "every day"),
        ("mon-fri", "du lundi au vendredi", "from Monday to Friday"),
        ("sat-mon", "du samedi au lundi", "from Saturday to Monday"),
        ("mon,wed,fri", "le lundi, le mercredi et le vendredi", "on Monday, on Wednesday and on Friday"),
        ("sat", "le samedi", "on Saturday"),
        ("sat,sun", "le samedi et le dimanche", "on Saturday and on Sunday"),
    ],
)
def test_the_days_are_told_in_words(room: Newsroom, days: str, french: str, english: str) -> None:
    assert phrases.days(room.words_in("fr"), Days.parse(days)) == french
    assert phrases.days(room.words_in("en"), Days.parse(days)) == english


def test_the_next_edition_is_the_next_that_is_due(make_room: MakeRoom, clock: Clock) -> None:
    room = make_room(NEWSLETTER_SCHEDULE_DAYS="mon-fri")
    clock.move(minutes=-1)  # Monday, 6:29
    assert phrases.next_edition(room.words, room.config, clock()).startswith("lundi 23 novembre 2026")
    clock.move(days=4, minutes=1)  # Friday, just due
    assert phrases.next_edition(room.words, room.config, clock()).startswith("lundi 30 novembre 2026")


# --- Signing up -----------------------------------------------------------------------------------


def test_a_sign_up_writes_to_the_reader_and_keeps_the_proof(room: Newsroom, clock: Clock) -> None:
    client = visit(room)
    answer = ask(client, room, clock)
    assert (answer.status_code, ASKED in answer.text) == (200, True)
    assert post.send_waiting(room) == 1
    origin = proof(room).origin
    agreed = embed.wording(room, "fr")
    assert (origin.how, origin.page, origin.wording) == ("page", "https://lettre.journal.example/", agreed.version)
    assert origin.network == "127.0.0.0/24"
    assert agreed.text in client.get("/").text
    assert [tuple(row)[:2] for row in everything(room)["wordings"]] == [(agreed.version, agreed.text)]


def test_the_letter_comes_in_the_readers_language(room: Newsroom, clock: Clock) -> None:
    client = visit(room)
    ask(client, room, clock, lang="en")
    ask(client, room, clock, "kodjo@lecteurs.example", lang="xx")
    assert [row.language for row in letters_of(room)] == ["en", "fr"]


def test_everybody_gets_one_answer(room: Newsroom, clock: Clock) -> None:  # W07
    for name in ("active", "blocked", "left", "gone"):
        reader(room, f"{name}@lecteurs.example")
    with write(room.engine) as connection:
        blocked = subscribe.find(room, "blocked@lecteurs.example")
        subscribers.set_status(connection, blocked.id, SubscriberStatus.COMPLAINED, clock())
    subscribe.remove(room, "left@lecteurs.example")
    subscribe.forget(room, subscribe.find(room, "gone@lecteurs.example"), subscribe.Origin("link"))
    client = visit(room)
    ask(client, room, clock, "pending@lecteurs.example")
    names = ("active", "blocked", "left", "gone", "pending", "new", "new")
    answers = [ask(client, room, clock, f"{name}@lecteurs.example") for name in names]
    answers.append(ask(client, room, clock, "robot@lecteurs.example", topic="cheap pills"))
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, answers[0].text)}
    assert {tuple(sorted(answer.headers.items())) for answer in answers} == {tuple(sorted(answers[0].headers.items()))}


def test_everybody_waits_as_long_for_the_answer(room: Newsroom, clock: Clock) -> None:  # W07
    for name in ("active", "blocked"):
        reader(room, f"{name}@lecteurs.example")
    with write(room.engine) as connection:
        blocked = subscribe.find(room, "blocked@lecteurs.example")
        subscribers.set_status(connection, blocked.id, SubscriberStatus.COMPLAINED, clock())
    client = visit(room)
    ask(client, room, clock, "pending@lecteurs.example")
    took: dict[str, list[float]] = {"new": [], "active": [], "pending": [], "blocked": []}
    for turn in range(40):
        for name, times in took.items():
            form = {"email": f"{name}{turn if name == 'new' else ''}@lecteurs.example"}
            began = time.perf_counter()
            answer = client.post("/", data=form, environ_base={"REMOTE_ADDR": f"10.0.{turn}.1"})
            times.append(time.perf_counter() - began)
            assert answer.status_code == 200
    middle = {name: statistics.median(times) for name, times in took.items()}
    assert max(middle.values()) < 3 * min(middle.values()), middle


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ama", "Nous ne pouvons pas écrire"),
        ("", "Nous ne pouvons pas écrire"),
        ("info@lecteurs.example", "adresse d’un service"),
        ("ama@sub.jetable.example", "adresse jetable"),
        ("x" * 5000 + "@lecteurs.example", "Nous ne pouvons pas écrire"),
    ],
)
def test_an_address_we_do_not_write_to_is_told_so_in_one_line(
    make_room: MakeRoom, clock: Clock, address: str, said: str
) -> None:
    room = make_room(NEWSLETTER_SIGN_UP_REFUSE_DOMAINS="jetable.example")
    answer = ask(visit(room), room, clock, address)
    assert answer.status_code == 400
    assert said in answer.text
    assert f'value="{address[:320]}"' in answer.text
    assert letters_of(room) == []


def test_what_was_typed_comes_back_as_text(room: Newsroom, clock: Clock) -> None:
    typed = "\"><script>alert(1)</script>' onfocus=x"
    answer = ask(visit(room), room, clock, typed, lang=typed, topic="")
    assert answer.status_code == 400
    assert "<script" not in answer.text
    assert 'value="&#34;&gt;&lt;script' in answer.text


@pytest.mark.parametrize("c", list("\r\n\v\f\x00\x1b\x1c\x1d\x1e\x85\u2028\u2029"))
def test_no_control_character_gets_into_a_letter(room: Newsroom, clock: Clock, c: str) -> None:  # W10
    client = visit(room)
    for typed in (
        f"ama@lecteurs.example{c}Bcc: b@autre.example",
        f"a{c}ma@lecteurs.example",
        f"ama@lect{c}eurs.example",
    ):
        assert ask(client, room, clock, typed).status_code == 400
    page = f"https://evil.example/{c}x".encode("utf-8", "replace").decode("latin-1")
    if c not in "\r\n":
        client.post("/", data={"email": AMA}, headers={"Referer": page})
        assert c not in (proof(room).origin.page or "")
    assert all("Bcc" not in str(row) for row in letters_of(room))


# --- Robots ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "more"),
    [(1, {}), (7, {"topic": "x"}), (7, {"shown": ""}), (7, {"shown": "a" * 40}), (-7, {})],
)
def test_robots_are_answered_and_not_heard(
    room: Newsroom, clock: Clock, seconds: int, more: dict[str, str]
) -> None:  # W07
    form = {"email": AMA, "shown": shown(room)} | more
    clock.move(seconds=seconds)
    answer = visit(room).post("/", data=form)
    assert (answer.status_code, ASKED in answer.text) == (200, True)
    assert letters_of(room) == []


def test_a_page_that_stood_open_for_days_asks_for_one_more_press(room: Newsroom, clock: Clock) -> None:
    form = {"email": AMA, "shown": shown(room)}
    clock.move(hours=24, seconds=1)
    answer = visit(room).post("/", data=form)
    assert "ouverte depuis longtemps" in answer.text
    assert f'value="{AMA}"' in answer.text
    assert letters_of(room) == []


def test_a_token_of_another_purpose_is_no_form(room: Newsroom, clock: Clock) -> None:  # W05
    token = room.signer.token(Purpose.CONFIRM, 1, clock())
    clock.move(seconds=7)
    visit(room).post("/", data={"email": AMA, "shown": token})
    assert letters_of(room) == []


def test_the_page_is_good_across_a_new_key(room: Newsroom, clock: Clock) -> None:
    form = {"email": AMA, "shown": shown(room)}
    keyring.rotate(room)
    clock.move(seconds=7)
    visit(room).post("/", data=form)
    assert len(letters_of(room)) == 1


@pytest.mark.timeout(600)
def test_ten_thousand_hostile_sign_ups_are_no_more_letters_than_the_cap(room: Newsroom, clock: Clock) -> None:  # W07
    """From everywhere, for everybody: robots that fill in everything, and such that know how we work."""
    with closing(room.engine.raw_connection()) as raw:  # ten thousand commits to a disk prove nothing here
        raw.cursor().execute("PRAGMA synchronous=OFF")
    client, victim = visit(room), "victime@lecteurs.example"
    quick = shown(room)
    for i in range(10_000):
        form = {"email": victim if i % 10 == 0 else f"r{i}@lecteurs.example"}
        form |= ({}, {}, {"topic": "x"}, {"shown": quick}, {"shown": "x" * 40})[i % 5]
        client.post("/", data=form, environ_base={"REMOTE_ADDR": f"10.{i % 256}.{i // 256}.9"})
    sent = letters_of(room)
    assert len(sent) <= room.config.sign_up.total_per_hour
    assert sum(row.address == victim for row in sent) <= 1
    clock.move(hours=1, seconds=1)
    for i in range(100):
        client.post("/", data={"email": f"s{i}@lecteurs.example"}, environ_base={"REMOTE_ADDR": "10.9.9.9"})
    assert len(letters_of(room)) - len(sent) == room.config.sign_up.per_network_per_hour


# --- Forms that stand elsewhere ---------------------------------------------------------------------


class Form(HTMLParser):
    """What a browser would send of a form, and where."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.action, self.fields = "", dict[str, str]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self.action = found["action"] or ""
        if tag == "input":
            self.fields[found["name"] or ""] = found.get("value") or ""


@pytest.mark.parametrize("kind", ["form", "wordpress"])
def test_a_pasted_form_works_from_another_site(room: Newsroom, kind: str) -> None:
    text = embed.texts(room)[kind]
    form = Form(text)
    assert form.action == "https://lettre.journal.example/"
    assert set(form.fields) == {"email", embed.HONEYPOT, "lang", "wording"}
    assert "<script" not in text
    sender = {"Origin": "https://journal.example", "Referer": "https://user@journal.example/rubrique/?q=secret#x"}
    answer = visit(room).post("/", data=form.fields | {"email": AMA}, headers=sender)
    assert ASKED in answer.text
    origin = proof(room).origin
    assert (origin.how, origin.page) == ("form", "https://journal.example/rubrique/")
    assert origin.wording == embed.wording(room, "fr").version


def test_the_wordpress_block_is_one(room: Newsroom) -> None:
    lines = embed.texts(room)["wordpress"].splitlines()
    assert (lines[0], lines[-1]) == ("<!-- wp:html -->", "<!-- /wp:html -->")


@pytest.mark.parametrize("said", ["", "fr-00000000", "'; DROP TABLE", "x" * 900])
def test_a_form_of_unknown_wording_is_no_proof_of_ours(room: Newsroom, said: str) -> None:
    visit(room).post("/", data={"email": AMA, "wording": said})
    assert proof(room).origin.wording is None


@pytest.mark.parametrize(
    "referer", ["", "javascript:alert(1)", "about:blank", "http://[::", "x" * 5000, "//evil.example"]
)
def test_a_page_that_is_none_is_not_kept(room: Newsroom, referer: str) -> None:
    visit(room).post("/", data={"email": AMA}, headers={"Referer": referer})
    assert proof(room).origin.page is None


def test_a_long_page_is_cut(room: Newsroom) -> None:
    visit(room).post("/", data={"email": AMA}, headers={"Referer": "https://journal.example/" + "x" * 1000})
    assert len(proof(room).origin.page or "") == 300


def test_the_framed_form_stands_on_the_configured_sites_alone(make_room: MakeRoom, clock: Clock) -> None:
    room = make_room()
    ours = visit(room).get("/embed").headers["Content-Security-Policy"]
    assert "frame-ancestors https://journal.example" in ours
    room = make_room(NEWSLETTER_WEB_EMBED_ON="https://un.example/x,https://deux.example")
    client = visit(room)
    form = {"email": AMA, "shown": shown(room)}
    clock.move(seconds=7)
    for answer in (client.get("/embed"), client.post("/embed", data=form)):
        policy = answer.headers["Content-Security-Policy"]
        assert policy.endswith("frame-ancestors https://un.example https://deux.example")
    assert (proof(room).origin.how, proof(room).origin.page) == ("form", "https://lettre.journal.example/embed")
    assert "frame-ancestors 'none'" in client.get("/").headers["Content-Security-Policy"]


def test_the_iframe_has_a_title_and_leads_to_the_form(room: Newsroom) -> None:
    text = embed.texts(room)["iframe"]
    assert 'src="https://lettre.journal.example/embed?lang=fr"' in text
    assert 'title="Recevoir La lettre du matin"' in text
    assert '<html lang="en">' in visit(room).get("/embed?lang=en").text


# --- Privacy, and machines --------------------------------------------------------------------------


def test_privacy_is_told_from_the_configuration(make_room: MakeRoom) -> None:
    room = make_room(
        NEWSLETTER_PRIVACY_CONTROLLER="Golfe Médias SARL",
        NEWSLETTER_PRIVACY_CONTACT="vie.privee@journal.example",
        NEWSLETTER_PRIVACY_AUTHORITY="IPDCP, Lomé",
        NEWSLETTER_PRIVACY_MORE="Hébergé à Lomé.\n\n<b>Sans</b> sous-traitant.",
        NEWSLETTER_RETENTION_DEPARTED="0",
        NEWSLETTER_RETENTION_LEDGER="90",
    )
    html = visit(room).get("/privacy").text
    for part in (
        "Golfe Médias SARL",
        "vie.privee@journal.example",
        "IPDCP, Lomé",
        "12, rue des Filaos",
        "90\u00a0jours",
    ):
        assert part in html
    assert "<p>Hébergé à Lomé.</p>\n<p>&lt;b&gt;Sans" in html
    assert "jusqu’à ce que vous la fassiez effacer" in html
    assert embed.wording(room, "fr").text in html
    assert "3\u00a0ans" in visit(make_room()).get("/privacy").text


@on_both
def test_privacy_says_where_deliveries_outstay_their_time(room: Newsroom) -> None:
    """On PostgreSQL they go in parts."""
    answer = visit(room).get("/privacy").text
    assert ("jusqu’à dix jours de plus" in answer) == (room.engine.dialect.name == "postgresql")


def test_health_tells_only_ok_or_not(room: Newsroom, folder: Path) -> None:
    client = visit(room)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.text, answer.mimetype) == (200, "ok\n", "text/plain")
    room.engine.dispose()
    for file in folder.glob("subscribers.db*"):
        file.write_bytes(b"no database" * 1000)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.text) == (503, "not ok\n")


def test_the_style_is_kept_for_a_day_and_known_again(room: Newsroom) -> None:
    client = visit(room)
    first = client.get("/style.css")
    assert first.headers["Cache-Control"] == "public, max-age=86400"
    assert first.mimetype == "text/css"
    assert "&" not in first.text
    assert client.get("/style.css", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_the_pages_have_the_mails_colours(room: Newsroom, folder: Path) -> None:
    own = folder / "templates" / "email" / "palette.mjml"
    own.parent.mkdir(parents=True)
    ours = Path(__file__).parent.parent / "templates" / "email" / "palette.mjml"
    own.write_text(ours.read_text(encoding="utf-8").replace("#94241d", "#123456"), encoding="utf-8")
    css = visit(room).get("/style.css").text
    assert "--accent: #123456" in css
    assert "--accent: #f0a592" in css  # on a dark screen


def test_robots_keep_out_of_readers_links(make_room: MakeRoom) -> None:
    assert "Disallow: /u/\n" in visit(make_room()).get("/robots.txt").text


def test_a_day_later_a_pending_reader_may_be_written_to_again(room: Newsroom, clock: Clock) -> None:  # W07
    client = visit(room)
    for _ in range(3):
        ask(client, room, clock)
    clock.now += timedelta(days=1)
    ask(client, room, clock)
    assert len(letters_of(room)) == 2
