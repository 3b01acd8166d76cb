"""Shapes: patches that keep an edition whole, are taken back without a trace, and never lose a text in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter import shape as shapes
from newsletter.shape import Patch, Shape, applied, before, key, order_of

ARTICLES = range(1, 8)
SITE = {one: {"title": f"Titre {one}", "summary": "", "url": f"https://journal.example/{one}/"} for one in ARTICLES}

articles = st.sampled_from(ARTICLES)
texts = st.sampled_from(["Le port", "Le lycée", "Le pont", ""])
orders = st.lists(articles, unique=True)
machines = orders.map(lambda order: {"order": order, **{key("section", one): "Société" for one in order}})
Act = Callable[[Shape], Patch]


def written(name: str, text: str) -> Act:
    return lambda shape: shapes.merged(shape, shape, {name: text or None})[0]


@st.composite
def acts(draw: st.DrawFn) -> Act:
    one, other, order = draw(articles), draw(articles | st.none()), draw(orders)
    text, what = draw(texts), draw(st.sampled_from(["title", "summary", "section"]))
    changed = {**SITE[one], "title": text}
    every: list[Act] = [
        lambda shape: shapes.moved(shape, one, other),
        lambda shape: shapes.placed(shape, one, draw_place),
        lambda shape: shapes.led_by(shape, one, "Ama"),
        lambda shape: shapes.taken_in(shape, one, "Ama", other),
        lambda shape: shapes.dropped(shape, one, "Ama"),
        lambda shape: shapes.arranged(shape, order),
        lambda shape: shapes.taken_over(shape, one, changed),
        lambda shape: shapes.declined(shape, one, changed),
        lambda shape: shapes.begun_anew(shape, order, dict.fromkeys(order, "Sport"), "2026-11-23T06:30:00+00:00"),
        written(key(what, one), text),
        written("subject", text),
    ]
    draw_place = draw(st.integers(-3, 12))
    act = draw(st.sampled_from(every))
    pins = draw(st.booleans())

    def whole(shape: Shape) -> Patch:
        patch = act(shape)
        if patch and pins:
            patch = {**patch, **shapes.pinned(applied(shape, patch), SITE)}
        return patch

    return whole


@given(machines, st.lists(acts(), max_size=12))
def test_no_article_stands_there_twice(shape: Shape, some: list[Act]) -> None:
    for act in some:
        shape = applied(shape, act(shape))
        assert len(order_of(shape)) == len(set(order_of(shape)))
        assert None not in shape.values()


@given(machines, st.lists(acts(), max_size=6), acts())
def test_what_is_undone_was_never_done(shape: Shape, some: list[Act], last: Act) -> None:
    for act in some:
        shape = applied(shape, act(shape))
    patch = last(shape)
    after = applied(shape, patch)
    undoing = shapes.undone(after, before(shape, patch), patch)
    assert undoing is not None
    assert applied(after, undoing) == shape


@given(machines, st.lists(acts(), max_size=10))
def test_all_undone_it_is_the_machines_again(machine: Shape, some: list[Act]) -> None:
    shape, done = machine, []
    for act in some:
        patch = act(shape)
        done.append((before(shape, patch), patch))
        shape = applied(shape, patch)
    for was, patch in reversed(done):
        undoing = shapes.undone(shape, was, patch)
        assert undoing is not None
        shape = applied(shape, undoing)
    assert shape == machine


@given(machines, st.lists(acts(), max_size=10))
def test_a_shape_is_found_again_from_what_each_act_met(machine: Shape, some: list[Act]) -> None:
    shape, found = machine, []
    for act in some:
        patch = act(shape)
        found.append(before(shape, patch))
        shape = applied(shape, patch)
    assert shapes.rewound(shape, reversed(found)) == machine


forms = st.dictionaries(st.sampled_from(["title/1", "summary/1", "note"]), texts.map(lambda text: text or None))


@given(forms.map(lambda base: applied({}, base)), forms, forms)
def test_no_text_is_lost_in_silence(base: Shape, first: Patch, second: Patch) -> None:
    """Two forms made from the same version, one kept after the other: each text stands there, or stands in what the
    log holds as found before, or is disputed."""
    patch, disputed = shapes.merged(base, base, first)
    assert not disputed
    log: list[dict[str, Any]] = [before(base, patch)]
    now = applied(base, patch)
    second_patch, disputed = shapes.merged(base, now, second)
    if not disputed:
        log.append(before(now, second_patch))
        now = applied(now, second_patch)
    for name, text in [*base.items(), *first.items()]:
        assert text is None or now.get(name) == text or any(was.get(name) == text for was in log)
    if not disputed:  # else nothing of the second form is kept, and it is shown again with what was typed
        assert all(now.get(name) == text for name, text in second.items() if base.get(name) != text)


def test_two_who_write_the_same_do_not_dispute_it() -> None:
    patch, disputed = shapes.merged({}, {"note": "A"}, {"note": "A"})
    assert (patch, disputed) == ({}, [])


def test_a_field_left_as_it_was_does_not_write_over_anothers() -> None:
    base: Shape = {"subject": "A", "note": "B"}
    patch, disputed = shapes.merged(base, {"subject": "A", "note": "C"}, {"subject": "D", "note": "B"})
    assert (patch, disputed) == ({"subject": "D"}, [])


def test_an_act_that_was_overtaken_cannot_be_undone() -> None:
    assert shapes.undone({"note": "C"}, {"note": "A"}, {"note": "B"}) is None


@pytest.mark.parametrize(
    ("article", "before", "order"),
    [
        (3, 1, [3, 1, 2]),
        (1, None, [2, 3, 1]),
        (1, 3, [2, 1, 3]),
        (2, 2, [1, 2, 3]),
        (9, 1, [1, 2, 3]),
        (1, 9, [1, 2, 3]),
    ],
)
def test_moving(article: int, before: int | None, order: list[int]) -> None:
    shape = {"order": [1, 2, 3]}
    assert applied(shape, shapes.moved(shape, article, before))["order"] == order


@pytest.mark.parametrize(
    ("number", "order"), [(1, [2, 1, 3]), (2, [1, 2, 3]), (3, [1, 3, 2]), (0, [2, 1, 3]), (99, [1, 3, 2])]
)
def test_placing(number: int, order: list[int]) -> None:
    shape = {"order": [1, 2, 3]}
    assert applied(shape, shapes.placed(shape, 2, number))["order"] == order


def test_an_order_from_an_older_page_neither_loses_nor_brings_back_an_article() -> None:
    shape = {"order": [1, 2, 4]}  # meanwhile 3 was dropped, and 4 taken in
    assert applied(shape, shapes.arranged(shape, [3, 2, 1]))["order"] == [2, 1, 4]


def test_what_was_written_of_an_article_waits_for_it() -> None:
    shape: Shape = {"order": [1, 2], "title/2": "Le pont", "kept/2": SITE[2]}
    out = applied(shape, shapes.dropped(shape, 2, "Ama"))
    assert out == {"order": [1], "title/2": "Le pont", "by/2": "Ama"}


def test_a_declined_change_is_known_again_by_what_a_mail_shows() -> None:
    site = {**SITE[1], "words": 300}
    assert shapes.digest(site) == shapes.digest({**site, "words": 400})
    assert shapes.digest(site) != shapes.digest({**site, "title": "Autre"})


def test_an_approved_edition_stays_pinned_when_the_first_act_is_undone() -> None:
    shape: Shape = {"order": [2, 1], "kept/1": SITE[1], "kept/2": SITE[2], "shaped": True}
    undoing = {"order": [1, 2], "kept/1": None, "kept/2": None, "kept/3": None, "shaped": None}
    assert shapes.still_pinned(shape, undoing) == {"order": [1, 2], "kept/3": None}
