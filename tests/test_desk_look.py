"""Every page of the desk as editors meet it, in a real Chromium: WCAG 2.2 by axe, small and large, light and dark, in
both languages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from newsletter import config, daily, demo, edit, editors, subscribe
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.model import Choice, Edition, Role
from newsletter.newsroom import Newsroom
from newsletter.web import create_app
from newsletter.web.desk.access import COOKIE
from tests.browser import chromium, free_place, serving
from tests.conftest import Clock
from tests.desk import ROOT, cookie_of, editor
from tests.test_web_look import LEAST_TARGET, violations


@dataclass
class House:
    """The sample newsroom with an edition that went out, one in the making, and its desk on a real server."""

    room: Newsroom
    public: str
    folder: Path
    open_fresh: Callable[..., Any]
    clock: Clock
    paths: dict[str, str] = field(default_factory=dict)  # the pages to look at, by name

    def open_page(self, *, role: Role = Role.OWNER, name: str = "Efua", **how: Any) -> Any:
        """A browser at the desk; pictures of the site come from the folder of articles."""
        page = self.open_fresh(**{"locale": self.room.config.newsletter.language} | how)
        cookie = cookie_of(self.room, editor(self.room, role, name))
        page.context.add_cookies([{"name": COOKIE, "value": cookie, "url": self.public}])
        page.route("https://journal.example/**", self._from_folder)
        return page

    def _from_folder(self, route: Any) -> None:
        file = self.folder / "articles" / urlsplit(route.request.url).path.lstrip("/")
        route.fulfill(path=str(file)) if file.is_file() else route.abort()

    def picked(self, edition: Edition) -> list[Choice]:
        return [one for one in edit.with_choices(self.room, edition.id)[1] if one.picked]


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder, clock = tmp_path_factory.mktemp("desk"), Clock()
    demo.set_up(folder, clock())
    place, public = free_place()
    toml = folder / "newsletter.toml"
    text = re.sub(r'public_url = "[^"]*"', f'public_url = "{public}"', toml.read_text(encoding="utf-8"))
    toml.write_text(
        text.replace('language = "fr"', f'language = "{getattr(request, "param", "fr")}"'), encoding="utf-8"
    )
    room = Newsroom(config.load(toml, {}), clock=clock, sleep=lambda seconds: None)
    with chromium() as open_page:
        found = House(room, public, folder, open_page, clock)
        _fill(found)
        with serving(create_app(room), place):
            yield found
        room.engine.dispose()


def _fill(house: House) -> None:
    room = house.room
    editors.add(room, "kodjo@journal.example", Role.WRITER, name="Kodjo", who=ROOT)
    sent = daily.send(room, room.today(), regardless=True, watch=Watch(Stop(house.clock)))
    assert sent.accepted
    house.clock.move(days=1)
    _age(house.folder / "articles", house.clock)
    made = daily.make_edition(room, room.today()).edition
    number = house.picked(made)[1].candidate.id
    reader = subscribe.listed(room)[0].id
    draft = f"/edition/{made.name}"
    house.paths = {
        "log-in": "/in",
        "log-in, over": "/in/none",
        "today": "/",
        "words": f"{draft}/words",
        "article": f"{draft}/article/{number}",
        "preview": f"{draft}/preview",
        "preview, text": f"{draft}/preview?part=text",
        "closer": f"{draft}/closer",
        "sent": f"/edition/{sent.edition}",
        "editions": "/editions",
        "report": "/report",
        "after": f"/edition/{sent.edition}/after",
        "progress": f"/edition/{sent.edition}/progress",
        "correction": f"/edition/{sent.edition}/correct",
        "extra": "/editions/extra",
        "readers": "/readers",
        "reader": f"/readers/{reader}",
        "sources": "/sources",
        "history": "/audit",
        "editors": "/editors",
        "me": "/me",
    }


def _age(articles: Path, clock: Clock) -> None:
    """The sample's articles are of today again, under other names: the site went on publishing."""
    for i, file in enumerate(sorted(articles.glob("*.md"))):
        text = file.read_text(encoding="utf-8")
        text = re.sub(r"^date:.*$", f"date: {clock().isoformat()}", text, count=1, flags=re.MULTILINE)
        text = re.sub(r"^(url: *\S*?)/?$", rf"\1-{i}/", text, count=1, flags=re.MULTILINE)
        text = re.sub(r"^(title: *.*?)(\"?)$", r"\1, suite\2", text, count=1, flags=re.MULTILINE)
        (articles / f"suite-{file.name}").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(("house", "width", "dark"), [("fr", 360, True), ("en", 1280, False)], indirect=["house"])
def test_axe_finds_nothing_wrong_with_any_page(house: House, dark: bool, width: int) -> None:
    wrong = {}
    page = house.open_page(width=width, dark=dark)
    for name, path in house.paths.items():
        page.goto(f"{house.public}/desk{path}")
        if found := violations(page):
            wrong[name] = found
    assert not wrong


@pytest.mark.parametrize("width", [320, 1280])
def test_no_page_scrolls_sideways(house: House, width: int) -> None:
    page = house.open_page(width=width)
    wide = {}
    for name, path in house.paths.items():
        page.goto(f"{house.public}/desk{path}")
        found = page.evaluate("document.documentElement.scrollWidth")
        if found > width:
            wide[name] = found
    assert not wide


def test_what_is_pressed_is_large_enough(house: House) -> None:
    page = house.open_page(width=360)
    small = {}
    for name, path in house.paths.items():
        page.goto(f"{house.public}/desk{path}")
        pressed = "button:visible, .button:visible, input:not([type=hidden], [type=checkbox], [type=radio]):visible"
        for one in page.locator(f"{pressed}, select:visible, .pick:visible, nav a:visible").all():
            box = one.bounding_box()
            if min(box["height"], box["width"]) < LEAST_TARGET - 6 or box["height"] < LEAST_TARGET:
                small[name, one.inner_text()] = box
    assert not small


def test_nothing_comes_from_others_and_the_browser_has_nothing_to_complain_of(house: House) -> None:
    page = house.open_page(width=1280)
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for name, path in house.paths.items():
        if "over" not in name:
            page.goto(f"{house.public}/desk{path}")
            page.wait_for_load_state("networkidle")
    hosts = {urlsplit(url).netloc for url in asked if not url.startswith("data:")}
    assert hosts <= {urlsplit(house.public).netloc, "journal.example"}  # the articles' pictures, in the mail itself
    own = [url for url in asked if urlsplit(url).netloc == "journal.example"]
    assert all("/pictures/" in url for url in own)
    assert not complaints


@pytest.mark.parametrize("house", ["fr", "en"], indirect=True)
def test_the_desk_has_its_language(house: House) -> None:
    page = house.open_page(width=1280)
    page.goto(f"{house.public}/desk/")
    title = {"fr": "Laissés de côté", "en": "Left out"}[house.room.config.newsletter.language]
    assert title in page.inner_text("main")
