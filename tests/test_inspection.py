"""An edition looked through as a whole: what the world answers, and the command over a real mail."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from cli import cli
from newsletter import daily, inspection, preview
from newsletter.fetch import Fetcher
from newsletter.inspection import asked
from newsletter.inspection.finding import Check
from newsletter.inspection.mail import Mail
from newsletter.mail.score import Mute, Score
from newsletter.newsroom import Newsroom
from newsletter.proof import Level
from tests.site import Site, resolver, serving
from tests.test_inspection_checks import said

ROOT = Path(__file__).parent.parent
Add = Callable[..., Path]


# --- Asking -----------------------------------------------------------------------------------------


def give(status: int, body: bytes = b"", **headers: str) -> Callable[[Any], None]:
    return lambda handler: handler.give(status, body, **headers)


def drips(handler: Any) -> None:
    """A picture without a length, and none for HEAD."""
    if handler.command == "HEAD":
        handler.give(405)
        return
    handler.send_response(200)
    handler.send_header("Content-Type", "image/png")
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(b"x" * 70_000)
    handler.close_connection = True


@pytest.fixture
def site() -> Any:
    with serving() as server:
        yield server


def fetcher() -> Fetcher:
    return Fetcher("newsletter tests", resolve=resolver(journal_example="127.0.0.1"), sleep=lambda _: None)


def test_links_and_pictures_are_asked_once_each(site: Site) -> None:
    site.answers = {
        "/ok": give(200, b"ok"),
        "/a.jpg": give(200, b"x" * 5000, Content_Type="image/jpeg"),
        "/b.png": drips,
        "/refused": give(403),
    }
    url = lambda path: site.url(path, "journal.example")  # noqa: E731
    wanted = [url("/ok"), url("/gone"), url("/refused"), url("/ok")]
    found = asked.ask(fetcher(), wanted, [url("/a.jpg"), url("/b.png"), url("/c.jpg")], {"journal.example"})
    assert found.links == {url("/ok"): 200, url("/gone"): 404, url("/refused"): 403}
    assert found.dead == {url("/gone"): 404}
    assert [(one.bytes, one.status, one.kind) for one in found.pictures] == [
        (5000, 200, "image/jpeg"),
        (70_000, 200, "image/png"),
        (None, 404, ""),
    ]
    assert [one[1] for one in site.seen].count("/ok") == 1


def test_addresses_that_are_not_public_are_not_asked(site: Site) -> None:  # F01
    found = asked.ask(fetcher(), [site.url("/x", "journal.example"), site.url("/y")], [site.url("/z.jpg")])
    assert set(found.links.values()) == {0}
    assert [one.status for one in found.pictures] == [0]
    assert site.seen == []


@pytest.mark.parametrize(
    "url",
    ["https://[::1", "https://", "https://journal..example/", "https://" + "a" * 300 + ".example/", "https://é\udce9/"],
)
def test_an_odd_address_is_one_that_nobody_answers(url: str) -> None:
    found = asked.ask(fetcher(), [url], [f"{url}.jpg"])
    assert found.links == {url: 0}
    assert [one.status for one in found.pictures] == [0]


def test_what_there_was_no_time_for_is_told() -> None:
    found = asked.ask(fetcher(), ["https://journal.example/a"], ["https://journal.example/b.jpg"], within=0.0)
    assert (found.links, found.pictures) == ({}, ())
    assert found.left == ("https://journal.example/b.jpg", "https://journal.example/a")


def test_no_more_than_a_mail_s_worth_is_asked() -> None:
    many = [f"https://journal.example/{n}" for n in range(asked.MOST + 5)]
    found = asked.ask(fetcher(), many, [], within=0.0)
    assert len(found.left) == len(many)


# --- The whole --------------------------------------------------------------------------------------


def nobody(message: bytes) -> list[Score | Mute]:
    return []


@pytest.fixture
def ready(room: Newsroom, add_article: Add) -> Newsroom:
    picture = {"image": "https://journal.example/port.jpg", "image_alt": '"Un quai"'}
    add_article("Le port rouvre", section="Économie", **picture)
    add_article("Le lycée ferme", section="Société", **picture)
    return room


def test_a_good_edition_lacks_its_signature_alone(ready: Newsroom) -> None:
    found = inspection.inspect(ready, None, offline=True, judge=nobody)
    assert [(one.check, one.level) for one in found.findings] == [(Check.HEADERS, Level.WARNING)], said(found.findings)
    assert found.sound
    assert (found.edition.name, found.asked, found.judgements) == ("2026-11-23", 0, ())
    assert found.html < found.cost.mail
    assert {one.url for one in found.pictures} == {"https://journal.example/port.jpg"}


def test_the_judges_get_the_mail_as_it_leaves(ready: Newsroom) -> None:
    seen: list[bytes] = []

    def judge(message: bytes) -> list[Score | Mute]:
        seen.append(message)
        return [Score("A", 7.0, 5.0, (), True)]

    found = inspection.inspect(ready, None, offline=True, judge=judge)
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in seen[0]
    assert not found.sound


def test_nothing_is_written(ready: Newsroom) -> None:
    inspection.inspect(ready, None, offline=True, judge=nobody)
    with ready.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM editions")).scalar() == 0


FEED = """<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"><channel><title>Le Quotidien</title>
<item><title>Le port rouvre</title><link>{port}</link><pubDate>Mon, 23 Nov 2026 05:00:00 GMT</pubDate>
<description>Un texte.</description><media:content url="{picture}" medium="image"><media:description>Un quai</media:description>
</media:content></item>
<item><title>Le lycée ferme</title><link>{gone}</link><pubDate>Mon, 23 Nov 2026 04:00:00 GMT</pubDate>
<description>Un texte.</description></item></channel></rss>"""


@pytest.fixture
def online(room: Newsroom, folder: Path, make_room: Callable[..., Newsroom], site: Site) -> Newsroom:
    """A newsroom whose site is there: an article, one that is gone by now, and a picture."""
    toml = folder / "newsletter.toml"
    source = f'kind = "feed"\nurl = "{site.url("/feed", "journal.example")}"\nallow_private_network = true'
    toml.write_text(
        toml.read_text(encoding="utf-8").replace('kind = "folder"\npath = "articles/"', source), encoding="utf-8"
    )
    made = make_room()
    made.fetcher = fetcher()
    places = {name: site.url(f"/{name}", "journal.example") for name in ("port", "gone", "picture")}
    site.answers = {
        "/feed": give(200, FEED.format(**places).encode(), Content_Type="application/rss+xml"),
        "/port": give(200, b"ok"),
        "/picture": give(200, b"x" * 210_000, Content_Type="image/jpeg"),
    }
    return made


def test_the_world_is_asked_for_every_link_and_picture(online: Newsroom, site: Site) -> None:
    found = inspection.inspect(online, None, judge=nobody)
    about = [one for one in found.findings if one.article]
    assert [(one.check, one.level, "404" in one.said) for one in about if "disparu" in one.said] == [
        (Check.EDITION, Level.PROBLEM, True)
    ]
    assert [(one.url.rpartition("/")[2], one.bytes) for one in found.pictures] == [("picture", 210_000)]
    assert any("210\u00a0ko" in one for one in said(found.findings, Check.PICTURES))
    told = said(found.findings, Check.LINKS)
    assert any("https://lettre.journal.example/privacy" in one for one in told)  # nobody is there
    assert not any(part in one for one in told for part in ("/u/", "/p/", "wa.me", "facebook", "archive/2026-11-23"))
    assert not any("/gone" in one and "mort" in one for one in told)  # said once, with its title
    assert not found.sound


def test_offline_nobody_is_asked(online: Newsroom, site: Site) -> None:
    daily.make_edition(online, online.today())
    site.seen.clear()
    found = inspection.inspect(online, None, offline=True, judge=nobody)
    assert site.seen == []
    assert found.asked == 0
    assert said(found.findings, Check.PICTURES) == []


# --- The command ------------------------------------------------------------------------------------


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(folder / "newsletter.toml"), "check-edition", *words])


@pytest.fixture
def kept(ready: Newsroom) -> Newsroom:
    """The edition of a day, whatever the clock of the command says."""
    daily.make_edition(ready, ready.today())
    return ready


def test_the_command(kept: Newsroom, folder: Path) -> None:
    done = run(folder, "--date", "2026-11-23", "--offline")
    assert done.exit_code == 0, done.output
    assert "warning\theaders\t–\tLe message n’est pas signé" in done.output
    assert "Gmail cuts at 102400; nobody was asked" in done.output
    assert re.search(
        r"a phone fetches \d+ bytes: \d+ of mail, \d+ of pictures; \d+ seconds? on a poor line", done.output
    )


def test_the_command_as_json(kept: Newsroom, folder: Path) -> None:
    done = run(folder, "--date", "2026-11-23", "--offline", "--json")
    found = json.loads(done.stdout)
    assert found["edition"] == "2026-11-23"
    assert found["asked"] is None
    assert [one["check"] for one in found["findings"] if one["level"] == "warning"] == ["headers"]
    assert found["phone"]["mail"] > found["bytes"] > 0
    assert all(one["points"] is not None or one["why"] for one in found["filters"])


def test_templates_of_a_newsroom_are_seen_through(kept: Newsroom, folder: Path) -> None:
    """Its own look, with some of what looks get wrong."""
    own = folder / "templates" / "email"
    shutil.copytree(ROOT / "templates" / "email", own)
    palette = own / "palette.mjml"
    palette.write_text(
        palette.read_text(encoding="utf-8").replace('"quiet": "#5e574d"', '"quiet": "#c9c3b8"'), encoding="utf-8"
    )
    footer = own / "footer.mjml"
    footer.write_text(
        footer.read_text(encoding="utf-8").replace(
            "{{ publisher }}", "{{ publisher }} {{ '{{ oubli }}' }} <a href='http://localhost:5000/x'>ici</a>"
        ),
        encoding="utf-8",
    )
    done = run(folder, "--date", "2026-11-23", "--offline")
    assert done.exit_code == 65
    assert "{{ oubli }}" in done.output
    assert "http://localhost:5000/x mène à cette machine" in done.output
    assert "Sur un écran clair, «\u00a0Lire en ligne\u00a0» se lit mal" in done.output
    assert "Sur un écran sombre" not in done.output


def test_a_broken_template_is_one_problem(kept: Newsroom, folder: Path) -> None:
    own = folder / "templates" / "email"
    own.mkdir(parents=True)
    (own / "edition.mjml").write_text("<mjml><mj-body>{{ rien.du.tout }}</mj-body></mjml>", encoding="utf-8")
    done = run(folder, "--date", "2026-11-23", "--offline")
    assert done.exit_code == 65
    assert done.output.count("problem\t") == 1
    assert "edition.mjml" in done.output


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--edition", "2026-11-23-extra"], 65),  # there is none
        (["--date", "hier"], 2),
        (["--date", "2026-11-23", "--edition", "2026-11-23"], 2),
    ],
)
def test_wrong_words(kept: Newsroom, folder: Path, words: list[str], code: int) -> None:
    assert run(folder, "--offline", *words).exit_code == code


@pytest.mark.parametrize(
    ("lines", "by_mail"),
    [
        ('return_path = "b+{token}@bounces.journal.example"\n[bounces]\ninbox = "maildir:retour"', True),
        ('return_path = "b+{token}@bounces.journal.example"', False),  # nobody reads what comes there
        ('return_path = "plain"\n[bounces]\ninbox = "maildir:retour"', False),
    ],
)
def test_the_configuration_says_whether_readers_leave_by_mail(
    make_room: Callable[..., Newsroom], add_article: Add, lines: str, by_mail: bool
) -> None:  # M17
    add_article("Le port rouvre", section="Économie")
    made = Mail(preview.preview(make_room(lines), None).eml)
    said_there = str(made.message["List-Unsubscribe"])
    assert said_there.startswith("<https://lettre.journal.example/u/")
    assert ("<mailto:b+" in said_there) is by_mail
