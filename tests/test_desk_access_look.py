"""The log-in, one's own page and the editors in a real Chromium: by axe, on a phone and on a desk, light and dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from newsletter import config, editors
from newsletter.model import Role, Who
from newsletter.newsroom import Newsroom
from newsletter.web import create_app
from newsletter.web.desk import access
from tests.browser import chromium, free_place, serving
from tests.conftest import TOML, Clock
from tests.test_web_look import LEAST_TARGET, violations

HERE = Who("test")
OPERA = "Opera/9.80 (Android; Opera Mini/36.2/119.132; U; fr) Presto/2.12.423 Version/12.16"
PAGES = ("/in", "/in?done=asked", "/in?done=out", "/in/none", "/me?done=ended", "/editors", "/editors/2?done=added")
MORE = ("/editors/2?done=enough", "/editors/1/remove", "/nothing")
TOO_SMALL = """([least]) => [...document.querySelectorAll('main button, main a.button, main label.pick, main select,'
  + 'main input:not([type=hidden], [type=radio])')].filter(e => e.getBoundingClientRect().height < least - 0.1)
  .map(e => e.outerHTML)"""


@dataclass
class House:
    """A desk with three editors on a real server."""

    room: Newsroom
    public: str
    open_page: Callable[..., Any]

    def link(self, name: str = "afi") -> str:
        return editors.link(self.room, f"{name}@journal.example", who=HERE)

    def cookie(self) -> dict[str, str]:
        value = editors.log_in(self.room, self.link().rpartition("/")[2], "192.0.2.0/24", OPERA)
        return {"name": access.COOKIE, "value": value or "", "url": f"{self.public}/desk"}


@pytest.fixture(scope="module", params=["fr", "en"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder: Path = tmp_path_factory.mktemp("house")
    place, public = free_place()
    with chromium() as open_page:
        toml = TOML.replace("https://lettre.journal.example", public)
        toml = toml.replace('language = "fr"', f'language = "{request.param}"')
        (folder / "newsletter.toml").write_text(toml, encoding="utf-8")
        room = Newsroom(config.load(folder / "newsletter.toml", {}), clock=Clock(), sleep=lambda seconds: None)
        for name, role in (("afi", Role.OWNER), ("efua", Role.EDITOR), ("koffi", Role.WRITER)):
            editors.add(room, f"{name}@journal.example", role, name=f"{name.title()} Dossou-Mensah", who=HERE)
        with serving(create_app(room), place):
            yield House(room, public, open_page)
        room.engine.dispose()


@pytest.mark.parametrize(("width", "dark"), [(360, False), (1280, True)])
def test_axe_finds_nothing_and_all_fits(house: House, width: int, dark: bool) -> None:
    page = house.open_page(width=width, dark=dark, locale=house.room.config.newsletter.language)
    page.context.add_cookies([house.cookie()])
    stranger = house.open_page(width=width, dark=dark, locale=house.room.config.newsletter.language)
    wrong = {}
    for path in (*PAGES, *MORE, house.link().removeprefix(f"{house.public}/desk")):
        looked = stranger if path.startswith("/in") else page
        looked.goto(f"{house.public}/desk{path}")
        found = violations(looked)
        if looked.evaluate("document.documentElement.scrollWidth") > width:
            found.append("wider than the screen")
        if width == 360:
            found += looked.evaluate(TOO_SMALL, [LEAST_TARGET])
        if found:
            wrong[path] = found
    assert not wrong


def test_a_mistake_a_letter_and_a_press_without_javascript(house: House) -> None:
    """Also that a form which was shown as the answer to another may be sent: its page says no `no-referrer`."""
    page = house.open_page(width=360, javascript=False)
    page.goto(f"{house.public}/desk/editors")
    assert page.url.endswith("/desk/in?after=%2Feditors")
    page.locator("#address").fill("afi@journal")  # the browser lets that pass
    page.locator("main button").click()
    assert page.locator(".wrong").is_visible()
    page.locator("#address").fill("afi@journal.example")
    page.locator("main button").click()
    assert page.url.endswith("/desk/in?done=asked&after=%2Feditors")
    page.goto(f"{house.link()}?after=/editors")
    page.locator("main button").click()
    assert page.url.endswith("/desk/editors")
    page.locator("#address").fill("afi@journal.example")
    page.locator("main form button").click()
    assert page.locator(".problem").is_visible()
    page.locator("#address").fill("essi@journal.example")
    page.locator("main form button").click()
    assert page.url.endswith("/desk/editors/4?done=added")
    page.get_by_role("link", name="Essi").or_(page.locator("main a.button")).first.click()
    page.locator(".ask button").click()
    assert page.url.endswith("/desk/editors?done=removed")
    page.goto(f"{house.public}/desk/me")
    page.locator("main button").first.click()
    assert page.url.endswith("/desk/in?done=out")
    page.goto(f"{house.public}/desk/me")
    assert "/desk/in" in page.url


def test_the_cookie_is_hidden_from_scripts_and_from_readers_pages(house: House) -> None:
    page = house.open_page()
    page.goto(house.link())
    page.locator("main button").click()
    [cookie] = page.context.cookies(f"{house.public}/desk/me")
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/desk")
    assert page.evaluate("document.cookie") == ""
    assert page.context.cookies(f"{house.public}/") == []
