"""The whole mail looked through, at the desk."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from newsletter import corrections, daily
from newsletter.model import Edition
from newsletter.newsroom import Newsroom
from newsletter.web import create_app
from tests.desk import Desk, text_of

Add = Callable[..., Path]


@pytest.fixture
def made(room: Newsroom, add_article: Add) -> Edition:
    add_article("Le port rouvre", section="Société")
    return daily.make_edition(room, room.today()).edition


@pytest.fixture
def desk(room: Newsroom) -> Desk:
    return Desk(room)


def test_the_day_s_page_leads_there(desk: Desk, made: Edition) -> None:
    assert "Regarder de plus près" in desk.text("/")
    shown = text_of(desk.text(f"/edition/{made.name}/closer"))
    assert "n’est pas signé (DKIM)" in shown
    assert re.search(r"un téléphone télécharge \d+\s*ko", shown)
    assert "SpamAssassin" not in shown  # nobody is asked for a page


def test_every_kind_has_its_heading(desk: Desk, made: Edition, folder: Path) -> None:
    own = folder / "templates" / "email"
    own.mkdir(parents=True)
    footer = Path(__file__).parent.parent / "templates" / "email" / "footer.mjml"
    flawed = "<p id='a' style='color:#eee'>{{ '{{ oubli }}' }} <a href='http://localhost/x'>ici</a></p><p id='a'></p>"
    text = footer.read_text(encoding="utf-8").replace('<p class="quiet" style="margin:0">', flawed + "<p>", 1)
    assert flawed in text
    (own / "footer.mjml").write_text(text, encoding="utf-8")
    page = desk.text(f"/edition/{made.name}/closer")
    heads = re.findall(r"<h2 id=\"[a-z]+\">([^<]+)</h2>", page)
    assert sorted(heads) == sorted(
        ["Contraste", "Le code HTML", "L’édition", "L’en-tête", "Liens", "Restes de maquette"]
    )
    assert "localhost/x mène à cette machine" in page


def test_an_edition_without_anything_says_so(desk: Desk, room: Newsroom, made: Edition) -> None:
    extra = corrections.make_extra(room, room.today(), room.here)
    assert "ne contient encore aucun article" in text_of(desk.text(f"/edition/{extra.name}/closer"))


def test_a_broken_template_is_told(desk: Desk, made: Edition, folder: Path) -> None:
    own = folder / "templates" / "email"
    own.mkdir(parents=True)
    (own / "edition.mjml").write_text("<mjml>{{ rien.du.tout }}", encoding="utf-8")
    assert "edition.mjml" in desk.text(f"/edition/{made.name}/closer")


def test_hostile_titles_stay_text(desk: Desk, room: Newsroom, add_article: Add) -> None:
    add_article("{{ 7 * 7 }} <img src=x onerror=alert(1)>", name="mal", image="https://journal.example/<b>.jpg")
    made = daily.make_edition(room, room.today()).edition
    page = desk.text(f"/edition/{made.name}/closer")
    assert "<img" not in page


def test_only_editors_see_it(desk: Desk, made: Edition) -> None:
    assert desk.get(f"/edition/{made.name}/closer").status_code == 200
    assert desk.get("/edition/2020-01-01/closer").status_code == 404
    stranger = create_app(desk.room).test_client()
    assert "DKIM" not in stranger.get(f"/desk/edition/{made.name}/closer").text
