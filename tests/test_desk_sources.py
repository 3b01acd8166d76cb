"""The desk's page of sources: how each fares, asking them now, trying another."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import html5lib
import pytest
from sqlalchemy import Engine, select, update

from newsletter import gather, sourcing
from newsletter.fetch import Fetcher
from newsletter.model import Article, Harvest, Role
from newsletter.newsroom import Newsroom
from newsletter.store import articles, audit
from newsletter.store.database import read, write
from newsletter.store.schema import articles as article_table
from newsletter.store.schema import sources as table
from tests.at_desk import AtDesk, location
from tests.browser import everything
from tests.conftest import MORNING, Clock
from tests.site import Site, resolver, serving
from tests.test_desk_readers import HOSTILE, harmless

FEED = """<rss version="2.0"><channel><title>J</title>
<item><title>Le pont rouvre</title><link>https://journal.example/pont/</link>
<pubDate>Mon, 23 Nov 2026 05:00:00 +0000</pubDate><description>Les quais aussi.</description>
<enclosure url="https://journal.example/pont.jpg" type="image/jpeg" length="1000"/></item>
<item><title>&lt;script&gt;alert(1)&lt;/script&gt;La \u202erue</title><link>https://journal.example/rue/</link>
<pubDate>Mon, 23 Nov 2026 04:00:00 +0000</pubDate></item></channel></rss>"""

ACTS = ["source_tried", "collected"]


class Nearby(Fetcher):
    """A fetcher that finds the test's own site under a public name, which it would refuse by its address."""

    def __init__(self, site: Site) -> None:
        super().__init__("test", resolve=resolver(journal_example="127.0.0.1"), sleep=lambda seconds: None)
        self.site = site
        self.asked: list[tuple[str, bool]] = []

    def get(self, url: str, *args: object, **values: object) -> object:  # type: ignore[override]
        allow_private = args[1] if len(args) > 1 else values.get("allow_private", False)
        self.asked.append((url, bool(allow_private)))
        place = url.replace("https://journal.example", self.site.url("", "127.0.0.1"))
        return super().get(place, args[0], True)  # type: ignore[arg-type]


@pytest.fixture
def desk(room: Newsroom) -> AtDesk:
    return AtDesk(room, Role.WRITER)


def entries(room: Newsroom) -> list[tuple[str, dict[str, object]]]:
    with read(room.engine) as connection:
        return [(one.act, dict(one.after)) for one in audit.latest(connection, 100)[::-1] if one.act in ACTS]


# --- How they fare ----------------------------------------------------------------------------------


def test_each_source_says_what_it_gave(desk: AtDesk, add_article: Callable[..., Path]) -> None:
    assert "Pas encore interrogée" in desk.get("/sources").text
    add_article("Le port")
    add_article("Le marché")
    path = location(desk.post("/sources/collect"))
    page = desk.get(path).text
    assert "2 nouveaux articles" in page
    assert "2 articles à la dernière réponse, le 23 novembre 2026" in page
    assert "2 nouveaux depuis 24 heures" in page
    assert [(act, after["new"], after["failed"]) for act, after in entries(desk.room)] == [("collected", 2, 0)]


def test_a_source_that_fails_says_since_when(desk: AtDesk, clock: Clock, folder: Path) -> None:
    (folder / "articles").rmdir()
    gather.collect(desk.room)
    clock.move(hours=3)
    path = location(desk.post("/sources/collect"))
    page = desk.get(path).text
    assert "Ne donne rien depuis le 23 novembre 2026 à 6\u00a0h\u00a030" in page
    assert "1 source n’a rien donné" in page
    english = desk.get(path, language="en").text
    assert "1 source gave nothing" in english


def test_the_sites_are_not_asked_again_and_again(desk: AtDesk, clock: Clock) -> None:
    location(desk.post("/sources/collect"))
    clock.move(seconds=5)
    answer = desk.post("/sources/collect")
    assert answer.status_code == 429
    assert "viennent d’être interrogées" in answer.text
    clock.move(seconds=30)
    location(desk.post("/sources/collect"))
    assert len(entries(desk.room)) == 2


@pytest.mark.parametrize("entry", ["1", "999", "-1", "x", "99999999999999999999", ""])
def test_an_entry_of_something_else_is_none(desk: AtDesk, entry: str) -> None:
    answer = desk.get(f"/sources?entry={entry}")
    assert answer.status_code == 200
    assert 'class="done"' not in answer.text


def test_what_is_new_is_counted_by_source(engine: Engine) -> None:
    with write(engine) as connection:
        for source, count in (("feed a", 2), ("feed b", 1)):
            given = [Article(f"{source}/{i}", f"https://x.example/{i}", f"T{i}") for i in range(count)]
            articles.keep(connection, given, source, MORNING, first=False)
        ids = list(connection.scalars(select(article_table.c.id).order_by(article_table.c.id)))
        assert articles.fresh(connection, MORNING.replace(hour=0)) == {"feed a": 2, "feed b": 1}
        assert articles.fresh(connection, MORNING) == {}
        assert articles.titles(connection, [ids[0], 10**6]) == {ids[0]: "T0"}


# --- Trying another ---------------------------------------------------------------------------------


def test_a_feed_is_tried(desk: AtDesk) -> None:
    with serving() as site:
        site.answers["/feed/"] = lambda handler: handler.give(200, FEED.encode(), Content_Type="application/rss+xml")
        fetcher = desk.room.fetcher = Nearby(site)
        answer = desk.post("/sources/try", url=" journal.example/feed/ ")
    assert answer.status_code == 200
    assert fetcher.asked == [("https://journal.example/feed/", False)], "never a private address"
    assert "2 articles trouvés" in answer.text
    assert "Dont 1 avec une image" in answer.text
    assert "avec image" in answer.text
    assert "sans image" in answer.text
    lines = html5lib.parse(answer.text, namespaceHTMLElements=False).findtext(".//pre")
    assert tomllib.loads(lines or "") == {"sources": [{"kind": "feed", "url": "https://journal.example/feed/"}]}
    harmless(answer.text, "try")
    assert entries(desk.room) == [("source_tried", {"url": "https://journal.example"})]
    with read(desk.room.engine) as connection:
        assert connection.execute(select(article_table)).all() == []


@pytest.mark.parametrize(
    "url",
    [
        *("", "articles/", "/etc/passwd", "file:///etc/passwd", "ftp://journal.example/", "https://", "gopher://x/"),
        *("https://a:b@journal.example/feed/", "https://[::1", "https://journal.example/\u202efeed", "x" * 2000),
        *("javascript:alert(1)", "https://a b/", "\x00"),
    ],
)
def test_what_is_no_web_address_is_not_asked(desk: AtDesk, url: str) -> None:
    class Nobody(Fetcher):
        def get(self, *args: object, **values: object) -> object:  # type: ignore[override]
            raise AssertionError(f"asked: {args}")

    desk.room.fetcher = Nobody("test", resolve=resolver())
    before = everything(desk.room)
    answer = desk.post("/sources/try", url=url)
    assert answer.status_code == 400 or "Aucun article" in answer.text
    if "://" in url or not url.strip():
        assert everything(desk.room) == before
        assert "Ce n’est pas une adresse web" in answer.text


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/feed", "http://localhost/", "http://[::1]/", "http://169.254.169.254/latest/", "10.0.0.1"]
)
def test_private_addresses_are_refused(desk: AtDesk, url: str) -> None:
    desk.room.fetcher = Fetcher("test", resolve=resolver(localhost="127.0.0.1"), sleep=lambda seconds: None)
    answer = desk.post("/sources/try", url=url)
    assert answer.status_code == 400
    assert "Aucun article n’en est venu" in answer.text
    assert "private" in answer.text or "public" in answer.text


def test_a_site_that_is_not_there_is_told_in_a_line(desk: AtDesk) -> None:
    desk.room.fetcher = Fetcher("test", resolve=resolver(), sleep=lambda seconds: None)
    answer = desk.post("/sources/try", url="https://nowhere.example/<b>feed</b>")
    assert answer.status_code == 400
    assert "Aucun article n’en est venu" in answer.text
    assert "Traceback" not in answer.text
    harmless(answer.text, "try")


def test_an_editor_tries_twenty_an_hour(room: Newsroom, clock: Clock) -> None:
    room.fetcher = Fetcher("test", resolve=resolver(), sleep=lambda seconds: None)
    one, other = AtDesk(room, Role.WRITER), AtDesk(room, Role.EDITOR)
    codes = [one.post("/sources/try", url=f"https://nowhere.example/{i}").status_code for i in range(21)]
    assert codes == [400] * sourcing.TRIALS_AN_HOUR + [429]
    assert "On peut essayer 20 adresses par heure" in one.post("/sources/try", url="https://x.example").text
    assert other.post("/sources/try", url="https://nowhere.example/").status_code == 400
    clock.move(hours=1, seconds=1)
    assert one.post("/sources/try", url="https://nowhere.example/").status_code == 400


def test_a_key_in_an_address_is_not_kept(desk: AtDesk) -> None:
    desk.room.fetcher = Fetcher("test", resolve=resolver(), sleep=lambda seconds: None)
    desk.post("/sources/try", url="https://nowhere.example/feed?key=geheim#x")
    assert entries(desk.room) == [("source_tried", {"url": "https://nowhere.example"})]


@pytest.mark.parametrize("url", ['https://x.example/"a"', "https://x.example/é\\n", "https://x.example/'''"])
def test_the_lines_to_paste_say_the_address(url: str) -> None:
    lines = sourcing.lines(Harvest(f"wordpress {url}"))
    assert tomllib.loads(lines) == {"sources": [{"kind": "wordpress", "url": url}]}
    assert json.dumps(url, ensure_ascii=False) in lines


def test_hostile_texts_of_sources_stay_texts(desk: AtDesk, folder: Path) -> None:  # F05
    gather.collect(desk.room)
    with write(desk.room.engine) as connection:
        connection.execute(update(table).values(error=HOSTILE, note=f"{HOSTILE}\n{HOSTILE}"))
    page = desk.get("/sources").text
    harmless(page, "/sources")
    shown = "".join(html5lib.parse(page, namespaceHTMLElements=False).itertext())
    assert shown.count("<script>alert(1)</script>") == 3
