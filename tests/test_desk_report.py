"""The report at the desk: what it says, to whom, and how it looks in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from newsletter import config, subscribe, tidy, trends
from newsletter.model import Role
from newsletter.newsroom import Newsroom
from newsletter.store import editions
from newsletter.store.database import write
from newsletter.store.schema import bounces
from newsletter.trends import page as plotted
from newsletter.web import create_app
from newsletter.web.desk.access import COOKIE
from tests.at_desk import AtDesk
from tests.browser import chromium, everything, free_place, serving
from tests.conftest import MORNING, TOML, Clock
from tests.desk import cookie_of, editor, text_of
from tests.test_web_look import violations
from tests.trending import Story, bounce, troubled


@pytest.fixture
def told(room: Newsroom) -> Newsroom:
    troubled(MORNING, days=20, readers=900).write(room.engine)
    return room


def said(room: Newsroom, path: str = "/report", language: str = "fr", role: Role = Role.WRITER) -> str:
    answer = AtDesk(room, role, name=role.value).get(path, language)
    assert answer.status_code == 200
    return text_of(answer.text)


def test_what_has_to_be_looked_at_stands_first(told: Newsroom) -> None:
    text = said(told)
    assert "2 messageries sont à surveiller." in text
    assert re.search(r"Orange : \d+ plaintes pour \d+ courriels acceptés dans les 7 dernières éditions", text)
    assert re.search(r"Yahoo a rejeté 1\d % des courriels dans les 3 dernières éditions", text)
    assert "Le plus souvent : nous sommes bloqués." in text
    assert text.index("surveiller.") < text.index("lecteurs inscrits") < text.index("Messageries")
    assert "Personne n’est suivi" in text


def test_in_english(told: Newsroom) -> None:
    text = said(told, language="en")
    for wanted in ("2 mailbox providers need a look.", "Mostly: we are blocked.", "Nobody is followed"):
        assert wanted in text


def test_a_quiet_list_is_well(room: Newsroom) -> None:
    Story(MORNING, days=12, readers=300).write(room.engine)
    text = said(room)
    assert "Tout va bien." in text
    assert "à surveiller" not in text


def test_nothing_is_read_and_it_says_so(told: Newsroom) -> None:
    with write(told.engine) as connection:
        connection.execute(bounces.delete())
    text = said(told)
    assert "ne sont pas encore lus" in text
    assert "[bounces]" in text
    assert "plaintes sur la période" not in text


def test_before_the_first_edition(room: Newsroom) -> None:
    subscribe.add(room, ["ama@lecteurs.example"], "test")
    desk = AtDesk(room)
    assert "Rien n’a encore été envoyé." in desk.get("/report").text
    with write(room.engine) as connection:
        edition = editions.keep_draft(connection, MORNING.date(), "daily", MORNING, [])
        editions.change(connection, edition.id, status="sending", started_at=MORNING)
    assert "La dernière édition" in desk.get("/report").text  # begun, with nobody in it


@pytest.mark.parametrize(("asked", "shown"), [("7", 7), ("0", 1), ("99999", 20), ("x", 20), ("-3", 20), ("", 20)])
def test_how_many_editions(told: Newsroom, asked: str, shown: int) -> None:
    wanted = "La dernière édition" if shown == 1 else f"Les {shown} dernières éditions"
    assert wanted in said(told, f"/report?last={asked}")


def test_a_look_changes_nothing_but_the_totals_that_it_keeps(told: Newsroom) -> None:
    desk = AtDesk(told)
    before = everything(told)
    desk.get("/report")
    after = everything(told)
    assert {name for name in before if before[name] != after[name]} == {"totals"}


def test_nobody_is_named(told: Newsroom) -> None:
    with write(told.engine) as connection:
        bounce(connection, 1, proof="address", address="victime@lecteurs.example", at=MORNING)
    for role in Role:
        assert not re.search(r"[\w.]+@[\w.]+\.(com|fr|net|example)", said(told, role=role))


def test_the_desk_leads_there(told: Newsroom) -> None:
    desk = AtDesk(told, Role.WRITER)
    name = trends.of_last(told).editions[-1].edition.name
    for path in ("/", "/editions", f"/edition/{name}/after"):
        page = desk.get(path).text
        assert page.count('href="/desk/report"') >= (1 if path == "/" else 2), path
    assert f'href="/desk/edition/{name}/after"' in desk.get("/report").text
    assert AtDesk(told, name="Nobody").client.get("/desk/report").status_code == 200
    stranger = create_app(told).test_client()
    assert stranger.get("/desk/report").status_code == 303


def test_an_edition_tells_what_came_back(told: Newsroom) -> None:
    line = trends.of_last(told).editions[-1]
    text = said(told, f"/edition/{line.edition.name}/after")
    assert f"{line.sum.hard} revenus, définitivement {line.sum.soft} revenus, pour l’instant" in text
    assert "ne sont pas encore lus" not in text


def test_an_edition_whose_deliveries_are_deleted_tells_what_was_kept(told: Newsroom, clock: Clock) -> None:
    line = trends.of_last(told).editions[0]
    path = f"/edition/{line.edition.name}/after"
    assert "effacés" not in said(told, path)
    clock.move(days=400)
    tidy.tidy(told)
    text = said(told, path, role=Role.EDITOR)
    assert "a pris fin le jeudi 9 décembre 2027, et ils sont effacés" in text
    assert f"{line.sum.accepted} acceptés par le relais {line.sum.refused} refusés" in text
    assert "On ne le sait plus" in text
    assert "rien à compter" not in text


# --- As people meet it ------------------------------------------------------------------------------


@dataclass
class House:
    room: Newsroom
    public: str
    alone: Path  # the page that stands by itself
    open_fresh: Callable[..., Any]

    def open(self, path: str = "/report", **how: Any) -> Any:
        page = self.open_fresh(**{"locale": self.room.config.newsletter.language} | how)
        cookie = cookie_of(self.room, editor(self.room, Role.OWNER))
        page.context.add_cookies([{"name": COOKIE, "value": cookie, "url": self.public}])
        page.goto(self.alone.as_uri() if path == "alone" else f"{self.public}/desk{path}")
        return page


@pytest.fixture(scope="module", params=["fr", "en"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("report")
    (folder / "articles").mkdir()
    place, public = free_place()
    toml = TOML.replace("https://lettre.journal.example", public)
    toml = toml.replace('language = "fr"', f'language = "{request.param}"')
    (folder / "newsletter.toml").write_text(toml, encoding="utf-8")
    room = Newsroom(config.load(folder / "newsletter.toml", {}), clock=Clock(), sleep=lambda seconds: None)
    troubled(MORNING, days=40, readers=900).write(room.engine)
    plotted.save(room, trends.of_last(room), folder / "bilan.html")
    with chromium() as open_page, serving(create_app(room), place):
        yield House(room, public, folder / "bilan.html", open_page)
    room.engine.dispose()


PAGES = ["/report", "alone"]


@pytest.mark.parametrize(("width", "dark"), [(360, True), (1280, False)])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_wrong(house: House, path: str, width: int, dark: bool) -> None:
    page = house.open(path, width=width, dark=dark)
    assert not violations(page)
    for one in page.locator("summary").all():
        one.click()
    assert page.locator("details[open]").count() == 3
    assert not violations(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_asked_from_outside(house: House, path: str) -> None:
    page = house.open(path)
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.reload()
    page.wait_for_load_state("networkidle")
    assert asked
    assert not [url for url in asked if not url.startswith((house.public, house.alone.as_uri(), "data:"))]
    assert not complaints


def test_all_of_it_without_a_script(house: House) -> None:
    page = house.open(javascript=False, width=360)
    page.locator("summary").last.click()
    assert page.locator("details[open] tbody tr").count() == 30
    page.locator(".ways a").first.click()
    assert page.locator(".ways a.chosen").inner_text().startswith("7")


def test_how_it_stands_is_seen_on_the_first_screen_of_a_phone(house: House) -> None:
    page = house.open(width=360)
    last = page.locator(".warnings li").last.bounding_box()
    assert last["y"] + last["height"] < 640


def test_every_bar_is_seen(house: House) -> None:
    """The higher the share, the higher the bar; and none leaves its plot."""
    page = house.open(width=1280)
    boxes = page.evaluate(
        """() => [...document.querySelectorAll('.plot svg')].map(svg => {
             const box = svg.getBoundingClientRect();
             const bars = [...svg.querySelectorAll('rect')].map(one => one.getBoundingClientRect());
             return {out: bars.filter(b => b.top < box.top - 1 || b.bottom > box.bottom + 1).length,
                     height: box.height, highest: Math.max(0, ...bars.map(b => b.height))} })"""
    )
    assert len(boxes) == 12  # six providers, the complaints of one, and five
    assert not [one for one in boxes if one["out"] or one["height"] < 30]
    yahoo = page.locator(".cards li", has_text="Yahoo").locator("rect.refused")
    tallest = max(one.bounding_box()["height"] for one in yahoo.all())
    gmail = max(
        one.bounding_box()["height"] for one in page.locator(".cards li", has_text="Gmail").locator("rect").all()
    )
    assert tallest > 3 * gmail


@pytest.mark.parametrize("width", [360, 1280])
def test_no_figure_lies_over_a_plot(house: House, width: int) -> None:
    page = house.open(width=width)
    over = page.evaluate(
        """() => [...document.querySelectorAll('.plot span')].filter(one => {
             const box = one.getBoundingClientRect(), svg = one.closest('.plot').querySelector('svg');
             const plot = svg.getBoundingClientRect();
             return box.height && box.top < plot.bottom - 1 && box.bottom > plot.top + 1 }).map(one => one.innerText)"""
    )
    assert page.locator(".plot span.top").count() == 5
    assert over == []


def test_what_is_a_problem_comes_first_and_shows_why(house: House) -> None:
    page = house.open(width=360)
    cards = page.locator(".cards li")
    orange, yahoo, quiet = (cards.nth(n) for n in range(3))
    french = house.room.config.newsletter.language == "fr"
    assert orange.locator(".tag.bad").inner_text() == (
        "à surveiller\u00a0: plaintes" if french else "to be looked at: complaints"
    )
    assert yahoo.locator(".tag.warned").inner_text().endswith("rejets" if french else "refusals")
    assert quiet.locator(".tag").count() == 0
    assert orange.locator("rect.complained").count() >= 3
    assert yahoo.locator("rect.complained").count() == 0
    assert re.search(r"\((\d,)?\d+\s?%\)" if french else r"\([\d.]+%\)", orange.locator(".bits .grave").inner_text())
    heights = [one.bounding_box()["height"] for one in page.locator(".bits span").all()]
    assert max(heights) < 1.5 * min(heights)  # « 1 plainte » stays in one line


def test_each_colour_means_one_thing(house: House) -> None:
    page = house.open()
    pairs = page.evaluate(
        "() => [...document.querySelectorAll('.key i')].map(one => [one.className, getComputedStyle(one).backgroundColor])"
    )
    assert len({name for name, _ in pairs}) == len({colour for _, colour in pairs}) == 7
    drawn = page.evaluate(
        "() => [...document.querySelectorAll('.plot rect')].map(one => [one.classList[0], getComputedStyle(one).fill])"
    )
    assert {tuple(one) for one in drawn} <= {tuple(one) for one in pairs}


def test_it_can_be_printed(house: House) -> None:
    page = house.open("alone", width=1280)
    page.emulate_media(media="print")
    assert page.locator("details table").first.is_visible()
    assert page.pdf()[:4] == b"%PDF"
