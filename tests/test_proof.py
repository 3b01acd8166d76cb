"""What is remarked on an edition before it goes out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli import cli
from newsletter import daily, edit, proof, shaping, subscribe
from newsletter.deliver import Stop
from newsletter.dispatch import Watch, render_edition
from newsletter.model import Article, Candidate, Choice, Edition, EditionStatus, Picture, Rendered, Who
from newsletter.newsroom import Newsroom
from newsletter.proof import CLIPPING, Level, Remark
from tests.conftest import MORNING, Clock

DAY = date(2026, 11, 23)
AMA = Who("Ama")
Add = Callable[..., Path]
EDITION = Edition(1, DAY, "daily", EditionStatus.DRAFT, MORNING)
PICTURE = Picture("https://journal.example/a.jpg", "Un quai", 640, 400, 40_000)
FINE = Rendered("Le port rouvre", "Le lycée ferme", "<p>…</p>", "…")


def choice(number: int, **values: Any) -> Choice:
    known = {name: values.pop(name) for name in ("answer", "used_in") if name in values}
    url = f"https://journal.example/{number}/"
    made = Article(url, url, f"Titre {number}", "Un texte.", section=f"Section {number}", picture=PICTURE)
    article = replace(made, **{name: value for name, value in values.items() if name != "kept"})
    candidate = Candidate(number, article, MORNING, MORNING, **known)
    return Choice(candidate, True, "", number, kept=values.get("kept"))


def said(
    room: Newsroom, *choices: Choice, rendered: Rendered = FINE, edition: Edition = EDITION
) -> list[tuple[str, int | None]]:
    return [(one.level.value, one.article) for one in remarks(room, *choices, rendered=rendered, edition=edition)]


def remarks(room: Newsroom, *choices: Choice, rendered: Rendered = FINE, edition: Edition = EDITION) -> list[Remark]:
    return proof.remarks(room, edition, choices, rendered)


def test_of_a_good_edition_nothing_is_said(room: Newsroom) -> None:
    assert said(room, choice(1), choice(2, answer=200)) == []


@pytest.mark.parametrize(
    ("values", "level", "words"),
    [
        ({"picture": replace(PICTURE, alt="")}, "warning", "n’a pas de description"),
        ({"picture": replace(PICTURE, size=300_000)}, "warning", "est laissée de côté"),
        ({"picture": None}, "hint", "n’a pas de photo"),
        ({"answer": 404}, "problem", "a disparu"),
        ({"answer": 410}, "problem", "a disparu"),
        ({"answer": 0}, "warning", "n’a pas répondu"),
        ({"answer": 503}, "warning", "est en panne"),
        ({"used_in": "2026-11-22"}, "problem", "est déjà paru"),
        ({"title": "mot " * 60}, "warning", "est coupé"),
        ({"title": ""}, "problem", "n’a pas de titre"),
        ({"url": "javascript:alert(1)"}, "problem", "n’a pas d’adresse"),
        ({"kept": Article("x", "https://journal.example/1/", "Ancien titre")}, "warning", "a modifié"),
    ],
)
def test_what_is_said_of_an_article(room: Newsroom, values: dict[str, Any], level: str, words: str) -> None:
    edition = replace(EDITION, subject="Un sujet")
    found = remarks(room, choice(1, **values), choice(2), edition=edition)
    about = [one for one in found if words in one.said]
    assert [(one.level.value, one.article) for one in about] == [(level, 1)]


@pytest.mark.parametrize("answer", [None, 200, 301, 401, 403, 429])
def test_a_refusal_says_nothing_of_an_article(room: Newsroom, answer: int | None) -> None:
    assert said(room, choice(1, answer=answer)) == []


def test_the_same_article_twice(room: Newsroom) -> None:
    same_title = choice(2, title="Titre 1")
    same_address = choice(3, url="https://journal.example/1")
    assert said(room, choice(1), same_title) == [("warning", 1), ("warning", 2)]
    assert said(room, choice(1), same_address) == [("warning", 1), ("warning", 3)]


def test_a_second_picture_over_the_budget_is_a_hint(room: Newsroom) -> None:
    heavy = replace(PICTURE, size=240_000)
    assert said(room, choice(1), choice(2, picture=heavy)) == [("hint", 2)]
    assert said(room, choice(1), choice(2, picture=None)) == []  # the lead alone needs one


@pytest.mark.parametrize(
    ("values", "rendered", "expected"),
    [
        ({"subject": "x" * 46}, {}, []),
        ({"subject": "x" * 47}, {}, ["hint"]),
        ({"subject": "x" * 61}, {}, ["warning"]),
        ({"preheader": "x" * 101}, {}, ["warning"]),
        ({}, {"preheader": ""}, ["warning"]),
        ({"note": "x" * 601}, {}, ["hint"]),
        ({}, {"html": "x" * (CLIPPING + 1)}, ["problem"]),
        ({}, {"html": "x" * 93_000}, ["warning"]),
        ({}, {"html": "x" * 75_000}, ["hint"]),
        ({}, {"html": "x" * 75_000, "left_out": (2,)}, ["warning"]),
        ({}, {"degraded": (1,)}, ["warning"]),
    ],
)
def test_what_is_said_of_the_whole(
    room: Newsroom, values: dict[str, Any], rendered: dict[str, Any], expected: list[str]
) -> None:
    found = said(room, choice(1), choice(2), edition=replace(EDITION, **values), rendered=replace(FINE, **rendered))
    assert [level for level, _ in found] == expected


def test_a_long_title_as_a_subject_is_but_a_hint(room: Newsroom) -> None:
    assert said(room, choice(1, title="mot " * 20)) == [("hint", None)]


def test_an_edition_without_an_article(room: Newsroom) -> None:
    assert said(room)[0] == ("problem", None)
    note = replace(EDITION, slot="extra", note="Un mot à nos lecteurs.", subject="À nos lecteurs")
    assert said(room, edition=note) == []


def test_problems_come_first(room: Newsroom) -> None:
    found = remarks(room, choice(1, picture=None), choice(2, answer=500), choice(3, answer=404))
    assert [one.level for one in found] == [Level.PROBLEM, Level.WARNING, Level.HINT]


def test_it_is_said_in_english_too(make_room: Callable[..., Newsroom], folder: Path) -> None:
    toml = folder / "newsletter.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace('language = "fr"', 'language = "en"'), encoding="utf-8")
    [one] = remarks(make_room(), choice(1, answer=404))
    assert one.said == "« Titre 1 » is gone: its page answers 404."


# --- Of an edition in the database --------------------------------------------------------------------


def test_an_edition_is_looked_through_with_its_weight(room: Newsroom, add_article: Add) -> None:
    add_article("Le port rouvre", image="https://journal.example/port.jpg")
    edition = daily.make_edition(room, DAY).edition
    found = proof.check(room, edition)
    rendered = render_edition(room, edition, edit.look(room, DAY)[1])
    assert found.sound
    assert len(rendered.html.encode()) <= found.weight < len(rendered.html.encode()) + 1_000
    assert found.pictures == 80_000  # assumed: nobody knows its size
    assert [one.said for one in found.remarks] == [
        "La photo de «\u00a0Le port rouvre\u00a0» n’a pas de description, pour ceux qui ne la voient pas."
    ]


def test_links_are_asked_where_it_is_wanted(room: Newsroom, add_article: Add) -> None:
    path = add_article("Le port rouvre")
    edition = daily.make_edition(room, DAY).edition
    path.unlink()
    assert proof.check(room, edition).sound
    assert not proof.check(room, edition, links=True).sound
    assert not proof.check(room, edition).sound  # it is remembered


def test_too_many_articles_are_told_by_their_names(room: Newsroom, add_article: Add) -> None:
    for number in range(3):
        add_article(f"Titre {number}", name=f"a{number}", hours=number + 1)
    edition = daily.make_edition(room, DAY).edition
    choices = edit.look(room, DAY)[1]
    rendered = replace(render_edition(room, edition, choices), left_out=(choices[2].candidate.id,))
    found = proof.proof(room, edition, choices, rendered)
    [one] = [one for one in found.remarks if one.article == choices[2].candidate.id]
    assert "Titre 2" in one.said


def test_a_broken_template_is_a_problem_and_no_crash(room: Newsroom, add_article: Add, folder: Path) -> None:
    add_article("Le port rouvre")
    edition = daily.make_edition(room, DAY).edition
    (folder / "templates" / "email").mkdir(parents=True)
    (folder / "templates" / "email" / "edition.mjml").write_text("{{ unknown.thing }", encoding="utf-8")
    found = proof.check(room, edition)
    assert [one.level for one in found.remarks] == [Level.PROBLEM]
    assert "edition.mjml" in found.remarks[0].said


def test_a_sent_edition_says_what_was_not_taken_over(room: Newsroom, add_article: Add) -> None:
    add_article("Le port rouvre", name="a")
    subscribe.add(room, ["awa@lecteurs.example"], "test")
    daily.make_edition(room, DAY)
    edit.decide(room, DAY, EditionStatus.APPROVED, who=AMA)
    add_article("Le port a rouvert", name="a")
    found = daily.send(room, DAY, watch=Watch(Stop(room.clock)))
    assert found.status == "sent"
    [line] = [line for line in found.remarks if "newsletter edition refresh" in line]
    assert line.startswith("« Le port rouvre »: its site has changed it")
    assert [one.article.title for one in edit.look(room, DAY)[1]] == ["Le port rouvre"]


def test_nothing_is_said_of_what_was_taken_over(room: Newsroom, add_article: Add) -> None:
    add_article("Le port rouvre", name="a")
    subscribe.add(room, ["awa@lecteurs.example"], "test")
    edition = daily.make_edition(room, DAY).edition
    edit.decide(room, DAY, EditionStatus.APPROVED, who=AMA)
    add_article("Le port a rouvert", name="a")
    shaping.refresh(room, AMA, edition.id, take_all=True)
    assert not daily.send(room, DAY, watch=Watch(Stop(room.clock))).remarks


def test_check_from_the_command_line(folder: Path, add_article: Add, clock: Clock) -> None:
    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(cli, ["--config", str(folder / "newsletter.toml"), "edition", *words])
        assert result.exit_code == code, result.output
        return result.stdout

    clock.now = datetime.now(UTC)
    path = add_article("Le port rouvre")
    run("build")
    assert re.search(r"1 remark; \d+ bytes of HTML, Gmail cuts at 102400; 0 bytes of pictures", run("check"))
    path.unlink()
    found = json.loads(run("check", "--links", "--json", code=65))
    assert (found["limit"], found["remarks"][0]["level"]) == (102_400, "problem")
    assert found["remarks"][0]["article"] == 1
