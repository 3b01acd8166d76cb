"""Shaping an edition: by one editor, by two at once, undone and done again, and by the command line."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from cli import cli
from newsletter import config, daily, edit, editors, gather, shaping
from newsletter.errors import BadData, NotSent, TooOften
from newsletter.model import Article, AuditEntry, Choice, Edition, EditionStatus, Role, Who
from newsletter.newsroom import Newsroom
from newsletter.shaping import Conflict
from newsletter.store import articles, audit, editions, shapes
from newsletter.store.database import read, write
from tests.conftest import TOML, Clock
from tests.site import Site, serving

DAY = date(2026, 11, 23)
AMA, KODJO = Who("Ama", 1), Who("Kodjo", 2)
Add = Callable[..., Path]
Status = EditionStatus
TITLES = ("Le port rouvre", "Le lycée ferme", "Le pont tient", "Le marché bouge")


@pytest.fixture
def room(folder: Path, clock: Clock, engine: Engine) -> Newsroom:
    """A newsroom on each of the two databases."""
    made = Newsroom(config.load(folder / "newsletter.toml", {}), clock=clock, sleep=lambda seconds: None)
    made.engine = engine
    return made


@pytest.fixture
def draft(room: Newsroom, add_article: Add) -> Edition:
    """Four articles of one section, the newest first; all of them picked. Two editors."""
    for who in (AMA, KODJO):
        address = f"{who.name.lower()}@journal.example"
        assert editors.add(room, address, Role.EDITOR, name=who.name, who=room.here).id == who.editor_id
    for i, title in enumerate(TITLES):
        add_article(title, hours=i + 1, name=f"a{i}", section="Société")
    return daily.make_edition(room, DAY).edition


def now(room: Newsroom, edition: Edition) -> Edition:
    return edit.named(room, None, edition.name)


def choices(room: Newsroom, edition: Edition) -> list[Choice]:
    with read(room.engine) as connection:
        return editions.choices_of(connection, edition.id)


def picked(room: Newsroom, edition: Edition) -> list[str]:
    return [one.article.title for one in choices(room, edition) if one.picked]


def number(room: Newsroom, edition: Edition, title: str) -> int:
    return next(one.candidate.id for one in choices(room, edition) if one.candidate.article.title == title)


def numbers(room: Newsroom, edition: Edition) -> list[int]:
    return [number(room, edition, title) for title in TITLES]


def log(room: Newsroom, edition: Edition) -> list[AuditEntry]:
    with read(room.engine) as connection:
        return audit.of_edition(connection, edition.id)


def shape(room: Newsroom, edition: Edition) -> dict[str, Any]:
    with read(room.engine) as connection:
        return shapes.read(connection, edition.id)


# --- One editor -------------------------------------------------------------------------------------


def test_the_order_is_as_the_editor_puts_it(room: Newsroom, draft: Edition) -> None:
    port, lycee, pont, marche = numbers(room, draft)
    assert picked(room, draft) == list(TITLES)
    shaping.move(room, AMA, draft.id, marche, lycee)
    shaping.step(room, AMA, draft.id, port, 1)
    shaping.drop(room, AMA, draft.id, pont)
    shaping.lead(room, AMA, draft.id, lycee)
    assert picked(room, draft) == ["Le lycée ferme", "Le marché bouge", "Le port rouvre"]
    shaping.add(room, AMA, draft.id, pont)
    shaping.place(room, AMA, draft.id, pont, 1)
    assert picked(room, draft)[0] == "Le pont tient"
    shaping.arrange(room, AMA, draft.id, [port, lycee, pont, marche])
    assert picked(room, draft) == list(TITLES)
    assert [entry.version for entry in log(room, draft)] == [7, 6, 5, 4, 3, 2, 1]
    assert [one.place for one in choices(room, draft)] == [1, 2, 3, 4]


def test_what_changes_nothing_is_no_act(room: Newsroom, draft: Edition) -> None:
    port, *_ = numbers(room, draft)
    assert not shaping.step(room, AMA, draft.id, port, -1).changed
    assert not shaping.lead(room, AMA, draft.id, port).changed
    assert not shaping.write_words(room, AMA, draft.id, {"note": "  "}).changed
    assert not shaping.rewrite(room, AMA, draft.id, port, {"title": " Le  port rouvre "}).changed
    assert log(room, draft) == []
    assert now(room, draft).version == 0


def test_a_rehearsal_changes_nothing(room: Newsroom, draft: Edition) -> None:
    before = shape(room, draft)
    port, *_ = numbers(room, draft)
    assert shaping.drop(room, AMA, draft.id, port, dry_run=True).edition.version == 1
    shaping.write_words(room, AMA, draft.id, {"note": "Bonjour"}, dry_run=True)
    shaping.pick_anew(room, AMA, draft.id, dry_run=True)
    assert (shape(room, draft), log(room, draft)) == (before, [])


def test_texts_stand_in_the_place_of_the_sites(room: Newsroom, draft: Edition) -> None:
    port, *_ = numbers(room, draft)
    picture = {"url": "https://journal.example/port.jpg", "alt": " Le  quai "}
    shaping.rewrite(room, AMA, draft.id, port, {"title": "Le port, enfin", "summary": "En bref.", "picture": picture})
    article = choices(room, draft)[0].article
    assert (article.title, article.summary) == ("Le port, enfin", "En bref.")
    assert article.picture
    assert article.picture.alt == "Le quai"
    shaping.rewrite(room, AMA, draft.id, port, {"picture": {"alt": "Des grues"}})
    again = choices(room, draft)[0].article.picture
    assert again
    assert (again.url, again.alt) == ("https://journal.example/port.jpg", "Des grues")
    shaping.rewrite(room, AMA, draft.id, port, {"title": "", "summary": None, "picture": {}})
    article = choices(room, draft)[0].article
    assert (article.title, article.picture) == ("Le port rouvre", None)


def test_a_description_keeps_what_is_known_of_the_picture(room: Newsroom, add_article: Add) -> None:
    add_article("Le port rouvre", image="https://journal.example/port.jpg")
    edition = daily.make_edition(room, DAY).edition
    [one] = choices(room, edition)
    assert one.article.picture
    known = replace(one.article.picture, alt="Le quai")
    shaping.rewrite(room, AMA, edition.id, one.candidate.id, {"picture": {"url": known.url, "alt": "Le quai"}})
    assert choices(room, edition)[0].article.picture == known
    _, [tried] = shaping.tried(
        room, edition, [one], {}, {one.candidate.id: {"picture": {"url": known.url, "alt": "Le quai"}}}
    )
    assert tried.article.picture == known


@pytest.mark.parametrize(
    "wanted",
    [
        {"title": "x" * 301},
        {"picture": {"url": "javascript:alert(1)", "alt": ""}},
        {"picture": {"url": "https://[", "alt": ""}},
        {"picture": {"url": "https://journal.example/a b.jpg", "alt": ""}},
        {"picture": {"alt": "sans photo"}},
    ],
)
def test_what_cannot_be_kept_is_refused(room: Newsroom, draft: Edition, wanted: dict[str, Any]) -> None:
    with pytest.raises(BadData):
        shaping.rewrite(room, AMA, draft.id, numbers(room, draft)[0], wanted)
    assert log(room, draft) == []


def test_what_a_site_gives_may_be_left_in_a_form_however_long_it_is(
    room: Newsroom, add_article: Add, folder: Path
) -> None:
    path = add_article("Le port rouvre " * 18, name="a", section="S" * 80)
    path.write_text(path.read_text(encoding="utf-8").replace("Texte de", "Texte  long " * 300 + "de"), encoding="utf-8")
    edition = daily.make_edition(room, DAY).edition
    [one] = choices(room, edition)
    article = one.candidate.article
    form = {"title": f" {article.title}\r\n", "summary": article.summary, "section": one.section, "picture": None}
    assert not shaping.rewrite(room, AMA, edition.id, one.candidate.id, form).changed


def test_what_no_database_can_bear_is_left_out(room: Newsroom, draft: Edition) -> None:
    wanted = {
        "subject": "Le\x00 port\ud800 \ue000address\ue001",
        "note": "Un  mot\r\n\r\n\x00  et « un\u00a0» autre \n",
    }
    shaping.write_words(room, AMA, draft.id, wanted)
    found = now(room, draft)
    assert found.subject == "Le port address"
    assert found.note == "Un mot\n\net « un\u00a0» autre"


def test_there_is_no_such_article(room: Newsroom, draft: Edition) -> None:
    acts: list[Callable[[], object]] = [
        lambda: shaping.move(room, AMA, draft.id, 999, None),
        lambda: shaping.add(room, AMA, draft.id, 999),
        lambda: shaping.rewrite(room, AMA, draft.id, 999, {"title": "Rien"}),
        lambda: shaping.take(room, AMA, draft.id, 999),
        lambda: shaping.leave(room, AMA, draft.id, 999),
    ]
    for act in acts:
        with pytest.raises(BadData, match="there is no article 999"):
            act()


def test_an_article_that_readers_have_is_not_taken_in_again(room: Newsroom, draft: Edition, clock: Clock) -> None:
    port, *_ = numbers(room, draft)
    with write(room.engine) as connection:
        editions.move(connection, draft.id, [Status.DRAFT], Status.SENDING, started_at=clock())
    clock.move(days=1)
    tomorrow = daily.make_edition(room, date(2026, 11, 24)).edition
    for act in (shaping.add, shaping.lead):
        with pytest.raises(BadData, match="in the edition of 2026-11-23 already"):
            act(room, AMA, tomorrow.id, port)


@pytest.mark.parametrize("status", [Status.SENDING, Status.SENT, Status.STOPPED, Status.CANCELLED])
def test_it_is_too_late(room: Newsroom, draft: Edition, status: EditionStatus) -> None:
    port, *_ = numbers(room, draft)
    shaping.drop(room, AMA, draft.id, port)
    with write(room.engine) as connection:
        editions.change(connection, draft.id, status=status)
    acts: list[Callable[[], object]] = [
        lambda: shaping.add(room, AMA, draft.id, port),
        lambda: shaping.write_words(room, AMA, draft.id, {"note": "Trop tard"}),
        lambda: shaping.undo(room, AMA, draft.id),
        lambda: shaping.pick_anew(room, AMA, draft.id),
        lambda: shaping.refresh(room, AMA, draft.id),
    ]
    before = shape(room, draft)
    for act in acts:
        with pytest.raises(NotSent):
            act()
    assert shape(room, draft) == before


# --- Two editors ------------------------------------------------------------------------------------


def test_a_stale_page_is_told_what_others_did_and_not_what_one_did_oneself(room: Newsroom, draft: Edition) -> None:
    port, lycee, *_ = numbers(room, draft)
    shaping.drop(room, AMA, draft.id, lycee, 0)
    shaping.step(room, KODJO, draft.id, port, 1, 0)
    shaped = shaping.write_words(room, KODJO, draft.id, {"note": "Bonjour"}, 0)
    assert [(entry.who, entry.act) for entry in shaped.meanwhile] == [(AMA, "drop")]


def test_a_text_that_both_wrote_is_disputed(room: Newsroom, draft: Edition) -> None:
    port, *_ = numbers(room, draft)
    shaping.rewrite(room, AMA, draft.id, port, {"title": "Le port d’Ama"}, 0)
    with pytest.raises(Conflict) as raised:
        shaping.rewrite(room, KODJO, draft.id, port, {"title": "Le port de Kodjo", "summary": "Bref."}, 0)
    assert raised.value.keys == [f"title/{port}"]
    assert [entry.who for entry in raised.value.meanwhile] == [AMA]
    assert choices(room, draft)[0].article.title == "Le port d’Ama"
    assert shaping.rewrite(room, KODJO, draft.id, port, {"summary": "Bref."}, 0).changed
    again = shaping.rewrite(room, KODJO, draft.id, port, {"title": "Le port de Kodjo"}, now(room, draft).version)
    assert (again.changed, again.meanwhile) == (True, ())
    assert log(room, draft)[0].before[f"title/{port}"] == "Le port d’Ama"


def test_what_one_wrote_in_another_window_is_disputed_too(room: Newsroom, draft: Edition) -> None:
    shaping.write_words(room, AMA, draft.id, {"note": "Un"}, 0)
    with pytest.raises(Conflict):
        shaping.write_words(room, AMA, draft.id, {"note": "Deux"}, 0)


def test_a_field_of_the_sites_own_words_is_not_ones_own_when_another_took_the_sites_new_ones(
    room: Newsroom, draft: Edition, add_article: Add
) -> None:
    port, *_ = numbers(room, draft)
    version = shaping.write_words(room, AMA, draft.id, {"note": "Bonjour"}).edition.version
    add_article("Le port a rouvert", hours=1, name="a0", section="Société")
    shaping.refresh(room, AMA, draft.id, take_all=True)
    form = {"title": "Le port rouvre", "section": "Économie"}  # the title as the form showed it
    shaping.rewrite(room, KODJO, draft.id, port, form, version)
    one = next(one for one in choices(room, draft) if one.candidate.id == port)
    assert (one.article.title, one.edits.title, one.section) == ("Le port a rouvert", None, "Économie")


def test_many_at_once_lose_nothing(room: Newsroom, draft: Edition) -> None:
    """Two editors in threads of their own, each with twelve acts: all are in the log, and no version twice."""
    ids, started, failed = numbers(room, draft), threading.Barrier(2), []

    def work(who: Who, name: str, by: int) -> None:
        started.wait(10)
        try:
            for i in range(6):
                shaping.step(room, who, draft.id, ids[i % 4], by)
                shaping.write_words(room, who, draft.id, {name: f"{who.name} {i}"})
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=one) for one in ((AMA, "subject", 1), (KODJO, "note", -1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    entries = log(room, draft)
    assert [entry.version for entry in entries] == list(range(len(entries), 0, -1))
    found = now(room, draft)
    assert (found.subject, found.note, found.version) == ("Ama 5", "Kodjo 5", len(entries))
    assert sorted(picked(room, draft)) == sorted(TITLES)
    for one, later in zip(entries[1:], entries, strict=False):
        for name in one.after.keys() & later.before.keys():
            assert one.after[name] == later.before[name]


def test_an_act_while_the_machine_picks_is_not_lost(room: Newsroom, draft: Edition) -> None:
    port, *_ = numbers(room, draft)
    failed: list[Exception] = []

    def pick() -> None:
        try:
            for _ in range(3):
                daily.make_edition(room, DAY)
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=pick)
    thread.start()
    shaping.drop(room, AMA, draft.id, port)
    thread.join(60)
    assert failed == []
    assert picked(room, draft) == list(TITLES[1:])


# --- Back and forth ---------------------------------------------------------------------------------


def test_all_undone_it_is_the_machines_again(room: Newsroom, draft: Edition, add_article: Add) -> None:
    before = shape(room, draft)
    port, lycee, *_ = numbers(room, draft)
    shaping.drop(room, AMA, draft.id, port)
    shaping.rewrite(room, KODJO, draft.id, lycee, {"title": "Autre", "section": "Sport"})
    shaping.write_words(room, AMA, draft.id, {"note": "Bonjour", "subject": "Le port"})
    assert now(room, draft).shaped
    for act in ("words", "rewrite", "drop"):
        last = shaping.undoable(room, draft.id)
        assert last
        assert last.act == act
        shaping.undo(room, AMA, draft.id)
    assert shape(room, draft) == before
    assert shaping.undoable(room, draft.id) is None
    with pytest.raises(BadData, match="nothing to undo"):
        shaping.undo(room, AMA, draft.id)
    add_article("Le tout dernier", hours=0.5, section="Société")
    daily.make_edition(room, DAY)  # nobody has shaped it: it is picked anew
    assert picked(room, draft)[0] == "Le tout dernier"


def test_what_was_undone_can_be_done_again(room: Newsroom, draft: Edition) -> None:
    port, lycee, *_ = numbers(room, draft)
    shaping.drop(room, AMA, draft.id, port)
    shaping.drop(room, AMA, draft.id, lycee)
    after = shape(room, draft)
    shaping.undo(room, AMA, draft.id)
    shaping.undo(room, AMA, draft.id)
    assert picked(room, draft) == list(TITLES)
    again = shaping.redoable(room, draft.id)
    assert again
    assert (again.act, again.article_id) == ("drop", port)
    shaping.redo(room, AMA, draft.id)
    shaping.redo(room, AMA, draft.id)
    assert shape(room, draft) == after
    assert shaping.redoable(room, draft.id) is None
    with pytest.raises(BadData, match="nothing to do again"):
        shaping.redo(room, AMA, draft.id)
    shaping.undo(room, AMA, draft.id)
    assert picked(room, draft) == list(TITLES[1:])
    shaping.write_words(room, AMA, draft.id, {"note": "Autre chose"})
    assert shaping.redoable(room, draft.id) is None  # something else was done since
    shaping.undo(room, AMA, draft.id)
    last = shaping.redoable(room, draft.id)
    assert last
    assert last.act == "words"


def test_nobody_undoes_what_they_have_not_seen(room: Newsroom, draft: Edition) -> None:
    port, *_ = numbers(room, draft)
    shaping.drop(room, AMA, draft.id, port)
    with pytest.raises(Conflict):
        shaping.undo(room, KODJO, draft.id, 0)
    shaping.undo(room, AMA, draft.id, 0)
    with pytest.raises(Conflict):  # Kodjo saw the act that Ama has just undone
        shaping.undo(room, KODJO, draft.id, 1)


def test_an_approved_edition_keeps_its_articles_whatever_is_undone(
    room: Newsroom, draft: Edition, add_article: Add
) -> None:
    port, *_ = numbers(room, draft)
    shaping.drop(room, AMA, draft.id, port)
    edit.decide(room, DAY, Status.APPROVED, who=AMA)
    shaping.undo(room, AMA, draft.id)
    found = now(room, draft)
    assert (found.status, found.shaped) == (Status.APPROVED, True)
    assert sorted(picked(room, draft)) == sorted(TITLES)
    add_article("Le lycée a fermé", hours=2, name="a1", section="Société")
    daily.make_edition(room, DAY)
    assert "Le lycée ferme" in picked(room, draft)
    shaping.redo(room, AMA, draft.id)
    assert picked(room, draft) == list(TITLES[1:])


# --- Beginning again --------------------------------------------------------------------------------


def test_picked_anew_it_is_the_machines_and_can_be_taken_back(
    room: Newsroom, draft: Edition, add_article: Add, clock: Clock
) -> None:
    port, lycee, *_ = numbers(room, draft)
    shaping.drop(room, AMA, draft.id, port)
    shaping.rewrite(room, AMA, draft.id, lycee, {"title": "Autre"})
    shaping.write_words(room, AMA, draft.id, {"note": "Bonjour"})
    before = shape(room, draft)
    clock.move(minutes=10)
    add_article("Le tout dernier", hours=0.1, section="Société")
    gather.collect(room)
    shaping.pick_anew(room, AMA, draft.id)
    found = now(room, draft)
    assert picked(room, draft) == ["Le tout dernier", *TITLES]
    assert (found.shaped, found.note, found.picked_at) == (False, "Bonjour", clock())
    shaping.undo(room, AMA, draft.id)
    found = shape(room, draft)
    fresh = number(room, draft, "Le tout dernier")
    assert found == before | {f"section/{fresh}": "Société"}  # it is known now, and out


def test_an_approved_edition_picked_anew_is_kept_as_it_was_picked(room: Newsroom, draft: Edition) -> None:
    shaping.drop(room, AMA, draft.id, numbers(room, draft)[0])
    edit.decide(room, DAY, Status.APPROVED)
    shaping.pick_anew(room, AMA, draft.id)
    assert now(room, draft).shaped
    assert picked(room, draft) == list(TITLES)
    assert all(one.kept for one in choices(room, draft))


def test_nothing_is_picked_for_an_extra_edition(room: Newsroom, clock: Clock) -> None:
    with write(room.engine) as connection:
        extra = editions.keep_draft(connection, DAY, "extra", clock(), [])
    with pytest.raises(BadData, match="made by hand"):
        shaping.pick_anew(room, AMA, extra.id)


def test_all_articles_dropped_from_a_held_edition_stay_out(room: Newsroom, draft: Edition) -> None:
    for one in numbers(room, draft):
        shaping.drop(room, AMA, draft.id, one)
    edit.decide(room, DAY, Status.HELD)
    daily.make_edition(room, DAY)
    assert picked(room, draft) == []


def test_words_for_an_edition_held_beforehand_leave_the_picking_to_the_machine(
    room: Newsroom, add_article: Add
) -> None:
    held = edit.decide(room, DAY, Status.HELD)
    shaping.write_words(room, AMA, held.id, {"note": "Bonjour"})
    add_article("Le port rouvre")
    made = daily.make_edition(room, DAY)
    assert ([one.article.title for one in made.picked], made.edition.note) == (["Le port rouvre"], "Bonjour")


def test_a_subject_from_the_command_line_is_an_act_and_leaves_the_choice_to_the_machine(
    room: Newsroom, draft: Edition, add_article: Add
) -> None:
    daily.make_edition(room, DAY, subject="Le port ")
    assert [(entry.act, entry.after) for entry in log(room, draft)] == [("words", {"subject": "Le port"})]
    add_article("Le tout dernier", hours=0.5, section="Société")
    daily.make_edition(room, DAY)
    assert (now(room, draft).subject, picked(room, draft)[0]) == ("Le port", "Le tout dernier")
    edit.decide(room, DAY, Status.APPROVED, subject="Le pont", who=AMA)
    acts = [(entry.act, entry.who) for entry in log(room, draft)]
    assert acts == [("approved", AMA), ("words", AMA), ("words", room.here)]
    shaping.undo(room, AMA, draft.id)
    assert now(room, draft).subject == "Le port"
    daily.make_edition(room, DAY, subject="")
    assert now(room, draft).subject is None


# --- The sites --------------------------------------------------------------------------------------


def test_a_change_is_taken_or_left(room: Newsroom, clock: Clock, draft: Edition, add_article: Add) -> None:
    port, lycee, *_ = numbers(room, draft)
    shaping.write_words(room, AMA, draft.id, {"note": "Bonjour"})
    add_article("Le port a rouvert", hours=1, name="a0", section="Société")
    add_article("Le lycée a fermé", hours=2, name="a1", section="Société")
    add_article("Le tout dernier", hours=0.5, section="Société")
    found = shaping.refresh(room, AMA, draft.id)
    assert {(one.was.title, one.now.title, one.fields) for one in found.changes} == {
        ("Le port rouvre", "Le port a rouvert", ("title", "summary")),
        ("Le lycée ferme", "Le lycée a fermé", ("title", "summary")),
    }
    assert [one.article.title for one in found.fresh] == ["Le tout dernier"]
    assert (found.followed, found.withdrawn, found.taken) == ((), (), ())
    shaping.take(room, AMA, draft.id, port)
    shaping.leave(room, AMA, draft.id, lycee)
    assert picked(room, draft)[:2] == ["Le port a rouvert", "Le lycée ferme"]
    with pytest.raises(TooOften):
        shaping.refresh(room, KODJO, draft.id)
    clock.move(seconds=31)
    found = shaping.refresh(room, AMA, draft.id)
    assert (found.changes, found.fresh) == ((), ())
    assert shaping.not_taken(choices(room, draft)) == ()
    add_article("Le lycée a bien fermé", hours=2, name="a1", section="Société")
    clock.move(seconds=31)
    found = shaping.refresh(room, AMA, draft.id)  # a later change is told again
    assert [one.now.title for one in found.changes] == ["Le lycée a bien fermé"]
    [line] = shaping.not_taken(choices(room, draft))
    assert "Le lycée ferme" in line
    assert "newsletter edition refresh" in line
    for _ in ("leave", "take"):
        shaping.undo(room, AMA, draft.id)
    assert [one.was.title for one in shaping.changes(choices(room, draft))] == ["Le port rouvre", "Le lycée ferme"]


def test_a_look_may_take_over_and_leave_at_once(room: Newsroom, draft: Edition, add_article: Add) -> None:
    port, lycee, *_ = numbers(room, draft)
    edit.decide(room, DAY, Status.APPROVED)
    add_article("Le port a rouvert", hours=1, name="a0", section="Société")
    add_article("Le lycée a fermé", hours=2, name="a1", section="Société")
    rehearsed = shaping.refresh(room, AMA, draft.id, take_all=True, dry_run=True)
    assert sorted(rehearsed.taken) == sorted([port, lycee])
    assert picked(room, draft)[:2] == list(TITLES[:2])
    found = shaping.refresh(room, AMA, draft.id, take=[port], leave=[lycee])
    assert (found.taken, found.changes) == ((port,), ())
    assert picked(room, draft)[:2] == ["Le port a rouvert", "Le lycée ferme"]
    assert [entry.act for entry in log(room, draft)][:3] == ["refresh", "leave", "take"]


def test_a_draft_follows_its_sites_and_tells_it(room: Newsroom, draft: Edition, add_article: Add) -> None:
    add_article("Le port a rouvert", hours=1, name="a0", section="Société")
    found = shaping.refresh(room, AMA, draft.id)
    assert [(one.was.title, one.now.title) for one in found.followed] == [("Le port rouvre", "Le port a rouvert")]
    assert found.changes == ()
    assert picked(room, draft)[0] == "Le port a rouvert"


def test_an_article_taken_from_its_folder_is_told(room: Newsroom, draft: Edition, folder: Path) -> None:
    (folder / "articles" / "a1.md").unlink()
    found = shaping.refresh(room, AMA, draft.id)
    assert [(one.article.title, one.candidate.answer) for one in found.withdrawn] == [("Le lycée ferme", 410)]
    assert [one.candidate.answer for one in choices(room, draft)] == [200, 410, 200, 200]


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as server:
        yield server


FEED = """<rss version="2.0"><channel><title>J</title><link>{root}</link>{items}</channel></rss>"""
ITEM = "<item><title>Titre {n}</title><link>{root}{n}</link><pubDate>Mon, 23 Nov 2026 0{n}:00:00 GMT</pubDate></item>"


def test_what_the_pages_answer_is_kept(folder: Path, clock: Clock, engine: Engine, site: Site) -> None:
    root, statuses = site.url("/"), {1: 200, 2: 404, 3: 503, 4: 403}
    body = FEED.format(root=root, items="".join(ITEM.format(n=n, root=root) for n in statuses)).encode()
    site.answers["/feed/"] = lambda handler: handler.give(200, body, Content_Type="application/rss+xml")
    for n, status in statuses.items():
        site.answers[f"/{n}"] = lambda handler, status=status: handler.give(status, b"")
    source = f'kind = "feed"\nurl = "{site.url("/feed/")}"\nallow_private_network = true'
    toml = TOML.replace('kind = "folder"\npath = "articles/"', source)
    (folder / "newsletter.toml").write_text(toml, encoding="utf-8")
    room = Newsroom(config.load(folder / "newsletter.toml", {}), clock=clock, sleep=lambda seconds: None)
    room.engine = engine
    edition = daily.make_edition(room, DAY).edition
    found = shaping.refresh(room, AMA, edition.id)
    answers = {one.article.title: one.candidate.answer for one in choices(room, edition)}
    assert answers == {f"Titre {n}": status for n, status in statuses.items()}
    assert {one.candidate.answered_at for one in choices(room, edition)} == {clock()}
    assert [one.article.title for one in found.withdrawn] == ["Titre 2"]


# --- The command line -------------------------------------------------------------------------------


Run = Callable[..., Result]


@pytest.fixture
def run(folder: Path, add_article: Add, clock: Clock) -> Run:
    """Run `edition …` on the newsroom of the folder, on the day of today, before its hour whenever that is."""
    toml = folder / "newsletter.toml"
    toml.write_text(toml.read_text(encoding="utf-8") + '\n[schedule]\nsend_at = "23:59"\n', encoding="utf-8")
    clock.now = datetime.now(UTC)
    for i, title in enumerate(TITLES):
        add_article(title, hours=i + 1, name=f"a{i}", section="Société")

    def run_it(*words: str, code: int = 0, input: str | None = None) -> Result:
        whole = ["--config", str(folder / "newsletter.toml"), "edition", *words]
        result = CliRunner().invoke(cli, whole, prog_name="newsletter", input=input)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    run_it("build")
    return run_it


def rows(result: Result) -> list[list[str]]:
    return [line.split("\t") for line in result.stdout.splitlines() if "\t" in line]


def test_an_edition_is_shaped_from_the_command_line(run: Run) -> None:
    ids = [row[1] for row in rows(run("show"))]
    titles = [row[3] for row in rows(run("show"))]
    assert "would be changed" in run("move", ids[3], "--to", "1", "--dry-run").stdout
    run("move", ids[3], "--to", "1")
    run("move", ids[0], "--before", ids[2])
    run("drop", ids[1])
    run("lead", ids[2])
    assert [row[1] for row in rows(run("show"))] == [ids[2], ids[3], ids[0]]
    run("add", ids[1])
    run(
        "rewrite", ids[1], "--title", "Un autre titre", "--picture", "https://journal.example/a.jpg", "--alt", "Un quai"
    )
    run("words", "--subject", "Le sujet", "--note", "-", input="Un mot\n\nde la rédaction\n")
    assert rows(run("show"))[-1][3] == "Un autre titre"
    assert "nothing to change" in run("rewrite", ids[1], "--title", "Un autre titre").stdout
    run("rewrite", ids[1], "--as-site")
    assert rows(run("show"))[-1][3] == titles[1]
    run("undo")
    assert rows(run("show"))[-1][3] == "Un autre titre"
    run("redo")
    run("pick-anew")
    assert [row[1] for row in rows(run("show"))] == ids
    assert "there is no article 999" in run("drop", "999", code=65).stderr
    for wrong in (("move", ids[0]), ("move", ids[0], "--to", "1", "--before", ids[1]), ("rewrite", ids[0]), ("words",)):
        run(*wrong, code=2)
    run("rewrite", ids[0], "--no-picture", "--alt", "Un quai", code=2)
    run("drop", ids[0], "--edition", "2020-01-01-extra", code=65)
    run("drop", ids[0], "--edition", "2020-01-01-extra", "--date", "2020-01-01", code=2)


def test_a_refresh_from_the_command_line(run: Run, folder: Path) -> None:
    ids = {row[3]: int(row[1]) for row in rows(run("show"))}
    run("approve")
    file = folder / "articles" / "a0.md"
    file.write_text(file.read_text(encoding="utf-8").replace("Le port rouvre", "Le port a rouvert"), encoding="utf-8")
    (folder / "articles" / "a3.md").unlink()
    assert "1 change to take or leave" in run("refresh").stdout
    found = json.loads(run("refresh", "--take-all", "--json").stdout)
    assert found["taken"] == [ids["Le port rouvre"]]
    assert found["withdrawn"] == [{"article": ids["Le marché bouge"], "answer": 410}]
    assert "Le port a rouvert" in [row[3] for row in rows(run("show"))]
    run("check", code=65)


def test_an_answer_goes_with_the_address_that_gave_it(engine: Engine, clock: Clock) -> None:
    article = Article("https://journal.example/?p=1", "https://journal.example/a/", "Le port", published=clock())
    with write(engine) as connection:
        articles.keep(connection, [article], "feed", clock(), first=True)
        articles.answered(connection, {1: 404}, clock())
        articles.keep(connection, [replace(article, title="Le port rouvre")], "feed", clock(), first=False)
        assert articles.chosen(connection, [1])[1].answer == 404
        articles.keep(connection, [replace(article, url="https://journal.example/b/")], "feed", clock(), first=False)
        assert articles.chosen(connection, [1])[1].answer is None
