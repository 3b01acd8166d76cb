"""Every page as people meet it, in a real Chromium: WCAG 2.2 by axe, small and large, light and dark, by keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from newsletter import config, daily, preferences, subscribe
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.links import Purpose
from newsletter.newsroom import Newsroom
from newsletter.web import create_app
from tests.browser import AMA, chromium, everything, free_place, reader, serving, token
from tests.conftest import TOML, Clock

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LEAST_TARGET = 44  # CSS pixels: of buttons and fields, more than the 24 that WCAG 2.2 AA asks for


@dataclass
class House:
    """A newsroom with an edition, readers of each standing, and its pages on a real server."""

    room: Newsroom
    public: str
    open_page: Callable[..., Any]
    clock: Clock
    paths: dict[str, str] = field(default_factory=dict)  # the pages to look at, by name

    def open(self, path: str, **how: Any) -> Any:
        page = self.open_page(**how)
        page.goto(self.public + path)
        return page


@pytest.fixture(scope="module", params=["fr", "en"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder, clock = tmp_path_factory.mktemp("house"), Clock()
    (folder / "articles").mkdir()
    place, public = free_place()
    with chromium() as open_page:
        toml = TOML.replace("https://lettre.journal.example", public)
        toml = toml.replace('language = "fr"', f'language = "{request.param}"')
        (folder / "newsletter.toml").write_text(toml, encoding="utf-8")
        room = Newsroom(config.load(folder / "newsletter.toml", {}), clock=clock, sleep=lambda seconds: None)
        _fill(room, folder, clock)
        found = House(room, public, open_page, clock)
        found.paths = _paths(room)
        with serving(create_app(room), place):
            yield found
        room.engine.dispose()


def _fill(room: Newsroom, folder: Path, clock: Clock) -> None:
    """Three editions, and readers of each standing."""
    for name in (AMA, "paused@lecteurs.example", "left@lecteurs.example"):
        reader(room, name)
    for day in range(3):
        lines = [f'title: "Le port rouvre, jour {day}"', f"date: {(clock() - timedelta(hours=1)).isoformat()}"]
        lines += [f"url: https://journal.example/{day}/", "section: Société"]
        text = "---\n" + "\n".join(lines) + "\n---\n\nLes quais sont ouverts depuis ce matin.\n"
        (folder / "articles" / f"{day}.md").write_text(text, encoding="utf-8")
        daily.send(room, room.today(), watch=Watch(Stop(clock)))
        clock.move(days=1)
    subscribe.sign_up(room, "pending@lecteurs.example", subscribe.Origin("page", network="192.0.2.0/24"), language="fr")
    preferences.pause(room, subscribe.find(room, "paused@lecteurs.example"), subscribe.Origin("link"))
    subscribe.remove(room, "left@lecteurs.example")
    known, link = subscribe.find(room, AMA), subscribe.Origin("link", network="192.0.2.0/24")
    preferences.ask_for_address(room, known, "ama@nouvelle.example", link, language="fr")


def _paths(room: Newsroom) -> dict[str, str]:
    ids = {one.address.partition("@")[0]: one.id for one in subscribe.listed(room)}
    [change] = everything(room)["address_changes"]

    def link(path: str, purpose: Purpose, subject: int) -> str:
        return f"/{path}/{token(room, purpose, subject)}"

    return {
        "sign-up": "/",
        "embed": "/embed",
        "privacy": "/privacy",
        "archive": "/archive/",
        "edition": "/archive/2026-11-24",
        "confirm": link("c", Purpose.CONFIRM, ids["pending"]),
        "welcome": link("c", Purpose.CONFIRM, ids["ama"]),
        "unsubscribe": link("u", Purpose.UNSUBSCRIBE, ids["ama"]),
        "unsubscribe, paused": link("u", Purpose.UNSUBSCRIBE, ids["paused"]),
        "unsubscribed": link("u", Purpose.UNSUBSCRIBE, ids["left"]),
        "preferences": link("p", Purpose.PREFERENCES, ids["ama"]),
        "preferences, paused": link("p", Purpose.PREFERENCES, ids["paused"]),
        "preferences, left": link("p", Purpose.PREFERENCES, ids["left"]),
        "own data": link("d", Purpose.OWN, ids["ama"]),
        "address": link("a", Purpose.ADDRESS, change.id),
        **{f"/{path}/ over": f"/{path}/none" for path in "ucda"},
        "nothing": "/nothing",
    }


def violations(page: Any) -> list[str]:
    """What axe finds wrong: each rule that is broken, with the first element that breaks it."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"runOnly": {"type": "tag", "values": WCAG}}
    found = Axe().run(page, options=options).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_wrong_with_any_page(house: House, dark: bool) -> None:
    wrong = {}
    page = house.open_page(width=360, dark=dark, locale=house.room.config.newsletter.language)
    for name, path in house.paths.items():
        page.goto(house.public + path)
        if found := violations(page):
            wrong[name] = found
    assert not wrong


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_wrong_after_a_press(house: House, dark: bool) -> None:
    """Where a press leads: the answers, the mistakes, the second question."""
    page = house.open_page(width=1280, dark=dark)
    presses = {
        "/": (".sign-up button", "info@lecteurs.example"),
        "/embed": (".sign-up button", "x@lecteurs.example"),
        house.paths["own data"]: ("#move ~ form button", "nobody@x"),
        house.paths["preferences"]: ("#data ~ form button", ""),
        house.paths["unsubscribe, paused"]: ("form[action$=resume] button, form[action$=pause] button", ""),
    }
    wrong = {}
    for path, (button, typed) in presses.items():
        page.goto(house.public + path)
        house.clock.move(seconds=5)
        if typed:
            page.fill("#email", typed)
        page.click(button)
        if found := violations(page):
            wrong[path] = found
    page.goto(house.public + house.paths["own data"])
    page.click("#delete ~ form button")
    assert violations(page) == []
    assert not wrong


def test_axe_would_find_something(house: House) -> None:
    page = house.open_page(width=360)
    page.set_content("<html><title>x</title><p style='color:#999'>pale</p><input></html>")
    assert {one.partition(":")[0] for one in violations(page)} >= {"html-has-lang", "label", "color-contrast"}


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_no_page_scrolls_sideways(house: House, width: int) -> None:
    page = house.open_page(width=width)
    wide = {}
    for name, path in house.paths.items():
        page.goto(house.public + path)
        found = page.evaluate("document.documentElement.scrollWidth")
        if found > width:
            wide[name] = found
    assert not wide


def test_what_is_pressed_is_large_enough(house: House) -> None:
    page = house.open_page(width=360)
    small = {}
    for name, path in house.paths.items():
        page.goto(house.public + path)
        for one in page.locator("button:visible, .button:visible, input[type=email], .pick, nav a:visible").all():
            box = one.bounding_box()
            if box["height"] < LEAST_TARGET:
                small[name, one.inner_text()] = box["height"]
    assert not small


def test_the_sign_up_goes_by_keyboard_alone(house: House) -> None:
    page = house.open("/", javascript=False)
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(page.locator(":focus").evaluate("one => one.name || one.tagName"))
    assert reached == ["A", "email", "BUTTON", "A"]  # never the field for robots
    assert page.locator(":focus").evaluate("one => getComputedStyle(one).outlineWidth") == "3px"
    house.clock.move(seconds=5)
    page.fill("#email", "clavier@lecteurs.example")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert subscribe.find(house.room, "clavier@lecteurs.example").status == "pending"


def test_the_field_for_robots_is_out_of_sight(house: House) -> None:
    page = house.open("/")
    box = page.locator("#topic").bounding_box()
    assert box["x"] + box["width"] < 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_nothing_comes_from_others_and_the_browser_has_nothing_to_complain_of(house: House) -> None:
    page = house.open_page(width=1280)
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    good = {name: path for name, path in house.paths.items() if "over" not in name and name != "nothing"}
    for path in good.values():
        page.goto(house.public + path)
    page.goto(f"{house.public}/")
    page.locator("iframe").scroll_into_view_if_needed()  # the edition in its frame as well
    page.wait_for_load_state("networkidle")
    assert len(page.frames) == 2
    hosts = {urlsplit(url).netloc for url in asked if not url.startswith("data:")}
    assert hosts == {urlsplit(house.public).netloc}
    assert not complaints
    assert page.context.cookies() == []


def test_the_framed_form_is_shown_by_the_newsroom_s_site_alone(house: House) -> None:
    """`web.embed_on` is empty here: the site alone may, and a page of another origin may not."""
    page = house.open_page(width=640)
    page.set_content(f'<iframe src="{house.public}/embed" title="x"></iframe>')
    page.wait_for_load_state("networkidle")
    assert page.frames[1].locator("form").count() == 0
