"""The edition's page where the line breaks, a proxy answers, or the session ends: in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from newsletter import config, daily, demo, edit, editors
from newsletter.model import Edition, Role
from newsletter.newsroom import Newsroom
from newsletter.web import create_app
from newsletter.web.desk.access import COOKIE
from tests.browser import chromium, free_place, serving
from tests.conftest import Clock
from tests.desk import cookie_of, editor

GATEWAY = "<html><body><h1>504 Gateway Time-out</h1></body></html>"
BREAK = "() => { window.fetch = () => Promise.reject(new TypeError('net')) }"


class Line:
    """A desk on a real server, and browsers at it."""

    def __init__(self, room: Newsroom, public: str, made: Edition, open_fresh: Callable[..., Any]) -> None:
        self.room, self.public, self.made, self.open_fresh = room, public, made, open_fresh

    def open(self, path: str = "", **how: Any) -> Any:
        page = self.open_fresh(**{"width": 360} | how)
        self.come_in(page)
        page.goto(f"{self.public}/desk/edition/{self.made.name}{path}")
        return page

    def come_in(self, page: Any) -> None:
        cookie = cookie_of(self.room, editor(self.room, Role.EDITOR, "Efua"))
        page.context.add_cookies([{"name": COOKIE, "value": cookie, "url": self.public}])

    def log_out(self) -> None:
        one = editor(self.room, Role.EDITOR, "Efua")
        editors.log_out_everywhere(self.room, one, who=editors.as_who(one))

    def order(self) -> list[int]:
        choices = edit.with_choices(self.room, self.made.id)[1]
        return [one.candidate.id for one in choices if one.picked]

    def acts(self) -> list[str]:
        return [entry.act for entry in edit.history(self.room, self.made)]


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    folder, clock = tmp_path_factory.mktemp("line"), Clock()
    demo.set_up(folder, clock())
    place, public = free_place()
    set_public(folder / "newsletter.toml", public)
    room = Newsroom(config.load(folder / "newsletter.toml", {}), clock=clock, sleep=lambda seconds: None)
    with chromium() as open_fresh:
        made = daily.make_edition(room, room.today()).edition
        with serving(create_app(room), place):
            yield Line(room, public, made, open_fresh)
        room.engine.dispose()


def set_public(toml: Path, public: str) -> None:
    lines = toml.read_text(encoding="utf-8").splitlines()
    lines = [f'public_url = "{public}"' if one.startswith("public_url") else one for one in lines]
    toml.write_text("\n".join(lines), encoding="utf-8")


def down(page: Any) -> Any:
    return page.locator("ol.stories button[value^='down/']").first


def test_where_no_answer_comes_nothing_is_done_again(line: Line) -> None:
    page = line.open()
    down(page).click()
    page.locator("#said", has_text="Déplacé").wait_for()
    order, acts, where = line.order(), line.acts(), page.url
    page.evaluate(BREAK)
    for button in (page.get_by_role("button", name="Interroger le site"), down(page)):
        button.click()
        page.locator("#said", has_text="Pas de réponse").wait_for()
        assert button.is_enabled()
        assert page.url == where
    assert (line.order(), line.acts()) == (order, acts)  # nothing undone, nothing moved


def test_what_a_proxy_answers_is_no_page_of_ours(line: Line) -> None:
    page = line.open()
    page.route("**/refresh", lambda route: route.fulfill(status=504, content_type="text/html", body=GATEWAY))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url.rpartition('/')[2]}"))
    page.get_by_role("button", name="Interroger le site").click()
    page.locator("#said", has_text="Pas de réponse").wait_for()
    assert asked == ["POST refresh"]
    assert page.locator("#said a").get_attribute("href") == f"/desk/edition/{line.made.name}"


def test_a_double_tap_moves_one_place(line: Line) -> None:
    page, order = line.open(), line.order()
    down(page).dblclick()
    page.locator("#said", has_text="Déplacé").wait_for()
    page.locator("form[aria-busy]").wait_for(state="detached")
    assert line.order() == [order[1], order[0], *order[2:]]


def test_what_was_typed_comes_back_after_the_log_in(line: Line) -> None:
    page = line.open("/words")
    page.fill("#note", "Tapé dans le taxi.")
    line.log_out()
    with page.expect_navigation():
        page.get_by_role("button", name="Enregistrer").click()
    assert page.input_value("#typed-note") == "Tapé dans le taxi."
    line.come_in(page)
    with page.expect_navigation():  # logged in already: straight to the form
        page.get_by_role("link", name="Se connecter").click()
    assert page.input_value("#note") == ""
    page.get_by_role("button", name="Le remettre").click()
    assert page.input_value("#note") == "Tapé dans le taxi."
    with page.expect_navigation():
        page.get_by_role("button", name="Enregistrer").click()
    assert edit.with_choices(line.room, line.made.id)[0].note == "Tapé dans le taxi."
    assert page.evaluate("Object.keys(sessionStorage)") == []


def test_what_was_typed_is_shown_without_javascript_too(line: Line) -> None:
    page = line.open("/words", javascript=False)
    page.fill("#subject", "Tapé sans script")
    line.log_out()
    with page.expect_navigation():
        page.get_by_role("button", name="Enregistrer").click()
    assert page.input_value("#typed-subject") == "Tapé sans script"


def test_figures_of_somebody_who_is_logged_out_are_not_left_standing(line: Line) -> None:
    page = line.open("/progress")
    page.evaluate("document.querySelector('[data-refresh] [data-ended]')?.removeAttribute('data-ended')")
    line.log_out()
    page.locator("[data-refresh]", has_text="Vous êtes déconnecté").wait_for(timeout=8000)


def test_a_paste_is_not_cut_and_its_length_is_shown(line: Line) -> None:
    page = line.open("/words")
    page.fill("#note", "mot " * 1000)
    assert page.locator("text=4000 / 3000").is_visible()
    with page.expect_navigation():
        page.get_by_role("button", name="Enregistrer").click()
    assert "3\u00a0000" in page.locator(".problem").inner_text()
    assert page.input_value("#note") == "mot " * 1000


def test_a_wide_screen_without_javascript_can_look_first(line: Line) -> None:
    page = line.open("/words", width=1280, javascript=False)
    assert not page.locator("iframe").is_visible()
    assert page.get_by_role("button", name="Voir d’abord").is_visible()
    page.goto(f"{line.public}/desk/edition/{line.made.name}")
    assert page.locator("aside a", has_text="Voir la lettre").is_visible()
