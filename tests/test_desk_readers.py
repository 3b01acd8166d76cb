"""The desk's pages of readers: looked for, added, taken off, brought back, forgotten, handed out; and what is kept of
who did it."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import html5lib
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, update

from cli import cli
from newsletter import config, daily, exports, readers, subscribe
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.model import Origin, Role, Subscriber, SubscriberStatus
from newsletter.newsroom import Newsroom
from newsletter.store import audit, search, subscribers
from newsletter.store import exports as lists
from newsletter.store.database import read, write
from newsletter.store.schema import deliveries
from newsletter.store.schema import subscribers as table
from newsletter.web import create_app
from newsletter.web.desk.access import COOKIE, SEARCH
from tests.at_desk import AtDesk, location
from tests.browser import AMA, chromium, everything, free_place, reader, serving
from tests.conftest import TOML, Clock
from tests.test_web_look import violations

Status = SubscriberStatus
NOW = datetime(2026, 11, 23, tzinfo=UTC)
PATHS = ["", "/unsubscribe", "/revive", "/forget"]


def put(room: Newsroom, known: Subscriber, status: SubscriberStatus) -> None:
    with write(room.engine) as connection:
        subscribers.set_status(connection, known.id, status, room.clock())


def acts(room: Newsroom) -> list[tuple[str, str, int | None]]:
    """What the audit log holds about readers, the oldest first."""
    with read(room.engine) as connection:
        entries = audit.latest(connection, 100)[::-1]
    return [(one.act, one.who.name, one.subscriber_id) for one in entries if one.act.startswith("reader")]


def many(room: Newsroom, count: int) -> None:
    rows = [
        {"address": f"lecteur{i}@lecteurs.example", "key": f"lecteur{i}@lecteurs.example", "status": "active"}
        | {"since": NOW, "created_at": NOW}
        for i in range(count)
    ]
    with write(room.engine) as connection:
        connection.execute(insert(table), rows)


# --- Whose they are ---------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.WRITER, Role.EDITOR])
def test_readers_are_for_owners_alone(room: Newsroom, role: Role) -> None:
    known, desk = reader(room), AtDesk(room, role)
    before = everything(room)
    answers = [desk.get("/readers"), *(desk.get(f"/readers/{known.id}{path}") for path in PATHS)]
    answers += [desk.post(f"/readers/{known.id}{path}", sure="yes", reason="x") for path in (*PATHS[1:], "/data")]
    answers += [desk.post("/readers/export"), desk.post("/readers/add", address="x@y.example", reason="x")]
    assert {one.status_code for one in answers} == {403}
    assert not any(AMA in one.text for one in answers)
    assert everything(room) == before


# --- Looking ----------------------------------------------------------------------------------------


def test_the_list_tells_figures_and_readers(room: Newsroom) -> None:
    reader(room)
    subscribe.remove(room, reader(room, "parti@lecteurs.example").address)
    page = AtDesk(room).get("/readers").text
    assert "<b>1</b> <span>sur la liste</span>" in page
    assert "<b>1</b> <span>désinscription</span>" in page
    assert page.index("parti@lecteurs.example") < page.index(AMA), "the newest first"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"q": "AMA"}, [AMA]),
        ({"q": "lecteurs.ex"}, ["zoe@lecteurs.example", AMA]),
        ({"q": "zoe@lecteurs.example"}, ["zoe@lecteurs.example"]),
        ({"q": " ZOE@Lecteurs.Example "}, ["zoe@lecteurs.example"]),
        ({"q": "é & ; = % +"}, []),
        ({"q": "%"}, []),
        ({"q": "_"}, []),
        ({"q": "\\"}, []),
        ({"q": "a\0ma"}, []),
        ({"q": " "}, ["zoe@lecteurs.example", AMA]),
        ({"status": "unsubscribed"}, ["zoe@lecteurs.example"]),
        ({"q": "ama", "status": "unsubscribed"}, []),
        ({"q": "zoe@lecteurs.example", "status": "active"}, []),
        ({"status": "forgotten"}, ["zoe@lecteurs.example", AMA]),
    ],
)
def test_readers_are_looked_for(room: Newsroom, asked: dict[str, str], found: list[str]) -> None:
    reader(room)
    subscribe.remove(room, reader(room, "zoe@lecteurs.example").address)
    desk = AtDesk(room)
    path = location(desk.post("/readers/found", **asked))
    assert path in ("/readers", "/readers?status=unsubscribed", "/readers/found"), "no address stands in it"
    assert shown_in(desk.get(path).text) == found
    assert shown_in(desk.get(path).text) == found, "it can be left and come back to"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("status=unsubscribed", ["zoe@lecteurs.example"]),
        ("status=%27%3B--", ["zoe@lecteurs.example", AMA]),
        ("q=ama", ["zoe@lecteurs.example", AMA]),
        ("before=2", [AMA]),
        ("before=-1", ["zoe@lecteurs.example", AMA]),
        ("before=99999999999999999999", ["zoe@lecteurs.example", AMA]),
        ("before=%C2%B2", ["zoe@lecteurs.example", AMA]),
    ],
)
def test_the_list_s_address_says_no_more_than_a_status(room: Newsroom, asked: str, found: list[str]) -> None:
    reader(room)
    subscribe.remove(room, reader(room, "zoe@lecteurs.example").address)
    assert shown_in(AtDesk(room).get(f"/readers?{asked}").text) == found


def shown_in(html: str) -> list[str | None]:
    table = html5lib.parse(html, namespaceHTMLElements=False).find(".//table")
    return [cell.findtext(".//bdi") for cell in ([] if table is None else table.findall(".//tbody/tr/th"))]


def test_a_search_is_forgotten_with_the_session(room: Newsroom) -> None:
    reader(room)
    desk = AtDesk(room)
    desk.post("/readers/found", q=AMA)
    [held] = [one for one in desk.client._cookies.values() if one.key == SEARCH]
    assert (held.path, held.http_only, held.max_age) == ("/desk/readers", True, 3600)
    assert AMA not in desk.get("/readers").text.partition("<table")[0], "the whole list is another page"
    desk.post("/out")
    assert not [one for one in desk.client._cookies.values() if one.key == SEARCH]


def test_fifty_at_once_and_the_others_behind(room: Newsroom) -> None:
    many(room, 120)
    desk, seen = AtDesk(room), list[str]()
    path = location(desk.post("/readers/found", q="lecteur"))
    for _ in range(5):
        html = html5lib.parse(desk.get(path).text, namespaceHTMLElements=False)
        seen += [cell.text for cell in html.findall(".//tbody//bdi") if "@" in (cell.text or "")]
        assert len(seen) <= 150
        further = [a.get("href") for a in html.iter("a") if "before=" in a.get("href", "")]
        if not further:
            break
        path = further[0].removeprefix("/desk")
    assert seen == [f"lecteur{i}@lecteurs.example" for i in reversed(range(120))]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.text(max_size=150))
def test_whatever_is_typed_is_looked_for(room: Newsroom, part: str) -> None:
    assert len(readers.find(room, part).people) <= readers.AT_ONCE


def test_a_name_is_found_whatever_its_letters(engine: Engine) -> None:
    rows = [("a@x.example", "Éloïse Agbeko"), ("b@x.example", "100% Kpalimé_1"), ("c@x.example", None), ("", None)]
    with write(engine) as connection:
        connection.execute(
            insert(table),
            [
                {"address": address, "key": f"k{i}", "name": name, "status": "active" if address else "forgotten"}
                | {"since": NOW, "created_at": NOW}
                for i, (address, name) in enumerate(rows)
            ],
        )

        def found(part: str) -> list[str]:
            return [one.address for one in search.search(connection, part, limit=10)]

        assert found("éloïse") == found("ÉLOÏSE") == found("agb") == ["a@x.example"]
        assert found("0%") == found("é_1") == ["b@x.example"]
        assert found("%") == found("_") == ["b@x.example"], "a wildcard stands for itself"
        assert found("") == found("X.EXAMPLE") == ["c@x.example", "b@x.example", "a@x.example"]
        assert found("/") == found("\\") == found("'") == []


def test_a_page_of_readers_begins_before_an_id(engine: Engine) -> None:
    with write(engine) as connection:
        people = [subscribers.NewSubscriber(f"{i}@x.example", f"{i}@x.example") for i in range(5)]
        ids = sorted(subscribers.add(connection, people, now=NOW))
        subscribers.set_status(connection, ids[1], Status.COMPLAINED, NOW)
        some = search.search(connection, "", Status.ACTIVE, before=ids[3], limit=2)
        assert [one.id for one in some] == [ids[2], ids[0]]
        assert search.traces(connection, ids[0]) == (0, 0, 0)
        assert subscribers.still_there(connection, [*ids[:2], 10**6]) == ids[:2]


def test_the_list_is_handed_out_a_thousand_at_a_time(engine: Engine) -> None:
    with write(engine) as connection:
        people = [subscribers.NewSubscriber(f"{i}@x.example", f"{i}@x.example") for i in range(1003)]
        subscribers.add(connection, people, now=NOW)
        first = lists.joined(connection)
        rest = lists.joined(connection, None, first[-1].subscriber.id)
        assert (len(first), len(rest)) == (1000, 3)
        assert lists.joined(connection, Status.COMPLAINED) == []
        assert lists.joined(connection, None, rest[-1].subscriber.id) == []


# --- One reader -------------------------------------------------------------------------------------


def test_a_reader_s_page_tells_all_that_is_kept(room: Newsroom, clock: Clock, add_article: Callable[..., Path]) -> None:
    known = reader(room)
    add_article("Le port")
    daily.send(room, room.today(), watch=Watch(Stop(clock)))
    with write(room.engine) as connection:
        connection.execute(update(deliveries).values(code=250, reply="2.0.0 queued as 4F2A"))
    clock.move(hours=1)
    subscribe.remove(room, AMA, note="par téléphone")
    desk = AtDesk(room)
    page = desk.get(f"/readers/{known.id}").text
    assert "acceptée par le relais" in page
    assert "250 2.0.0 queued as 4F2A" in page
    [(_, _, message_id)] = readers.dossier(room, known).trace.deliveries
    assert message_id.strip("<>") in page
    assert "Désinscription" in page
    assert "par téléphone" in page
    assert "a désinscrit un lecteur" in page
    assert "/unsubscribe" not in page, "they have left already"
    english = desk.get(f"/readers/{known.id}", language="en").text
    assert "taken on by the relay" in english
    assert "delivered" not in english


def test_a_long_story_has_pages(room: Newsroom, clock: Clock, add_article: Callable[..., Path]) -> None:
    known = reader(room)
    for day in range(readers.DELIVERIES_AT_ONCE + 2):
        add_article(f"Le port, jour {day}")
        daily.send(room, room.today(), watch=Watch(Stop(clock)))
        clock.move(days=1)
    first = readers.dossier(room, known)
    assert (len(first.trace.deliveries), first.more) == (readers.DELIVERIES_AT_ONCE, True)
    rest = readers.dossier(room, known, before=first.trace.deliveries[-1][1].id)
    assert (len(rest.trace.deliveries), rest.more) == (2, False)
    assert first.counts == (1, readers.DELIVERIES_AT_ONCE + 2, 0)
    desk = AtDesk(room)
    assert "?before=" in desk.get(f"/readers/{known.id}").text
    last = desk.get(f"/readers/{known.id}?before={first.trace.deliveries[-1][1].id}").text
    assert "2026-11-23" in last
    assert "2026-12-04" not in last


@pytest.mark.parametrize("number", ["7", "0", "99999999999999999999", "-1", "x"])
def test_nobody_has_no_page(room: Newsroom, number: str) -> None:
    desk = AtDesk(room)
    assert {desk.get(f"/readers/{number}{path}").status_code for path in PATHS} == {404}
    assert desk.post(f"/readers/{number}/forget", sure="yes").status_code == 404


def test_all_that_is_known_can_be_taken_along(room: Newsroom) -> None:
    known, desk = reader(room), AtDesk(room)
    answer = desk.post(f"/readers/{known.id}/data")
    assert json.loads(answer.text)["address"] == AMA
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert acts(room)[-1] == ("reader_handed_out", "Kossi Adzo", known.id)


# --- Added ------------------------------------------------------------------------------------------


def test_a_reader_is_added_with_the_proof(room: Newsroom) -> None:
    desk = AtDesk(room)
    path = location(desk.post("/readers/add", address=" Ama@Lecteurs.example ", reason="feuille au kiosque"))
    known = subscribe.find(room, AMA)
    assert path == f"/readers/{known.id}?done=added"
    [act] = subscribe.history(room, known)
    assert (act.act, act.origin.how, act.origin.note) == ("added", "desk", "feuille au kiosque")
    page = desk.get(path).text
    assert "La prochaine édition y partira aussi" in page
    assert "Au desk" in page
    assert acts(room) == [("reader_added", "Kossi Adzo", known.id)]
    assert location(desk.post("/readers/add", address=AMA, reason="encore")) == f"/readers/{known.id}?done=known"
    assert len(acts(room)) == 1


@pytest.mark.parametrize("status", [one for one in Status if one not in (Status.ACTIVE, Status.FORGOTTEN)])
def test_who_has_left_is_not_added(room: Newsroom, status: SubscriberStatus) -> None:
    put(room, reader(room), status)
    desk = AtDesk(room)
    before = everything(room)
    for language, said in (("fr", "23 novembre 2026"), ("en", "23 November 2026")):
        answer = desk.post("/readers/add", language, address=AMA, reason="au marché")
        assert answer.status_code == 400
        assert said in answer.text
        assert 'value="au marché"' in answer.text
    assert everything(room) == before


def test_a_forgotten_reader_is_not_added(room: Newsroom) -> None:
    subscribe.forget(room, reader(room), Origin("link"))
    answer = AtDesk(room).post("/readers/add", address=AMA, reason="au marché")
    assert answer.status_code == 400
    assert "seul le lecteur peut revenir" in answer.text


@pytest.mark.parametrize(("address", "reason"), [("ama", "x"), ("", "x"), (AMA, ""), (AMA, " \u202e ")])
def test_what_is_wrong_is_told_beside_the_field(room: Newsroom, address: str, reason: str) -> None:
    desk = AtDesk(room)
    before = everything(room)
    answer = desk.post("/readers/add", address=address, reason=reason)
    assert answer.status_code == 400
    assert 'aria-invalid="true"' in answer.text
    assert everything(room) == before


# --- Taken off, brought back ------------------------------------------------------------------------


def test_unsubscribing_is_asked(room: Newsroom) -> None:
    known, desk = reader(room), AtDesk(room)
    question = desk.get(f"/readers/{known.id}/unsubscribe").text
    assert "Seul le lecteur peut revenir" in question
    assert subscribe.find(room, AMA).status is Status.ACTIVE
    path = location(desk.post(f"/readers/{known.id}/unsubscribe", reason="par téléphone"))
    assert "Plus rien n’y part" in desk.get(path).text
    known = subscribe.find(room, AMA)
    assert known.status is Status.UNSUBSCRIBED
    act = subscribe.history(room, known)[-1]
    assert (act.act, act.origin.how, act.origin.note) == ("unsubscribed", "desk", "par téléphone")
    desk.post(f"/readers/{known.id}/unsubscribe")  # twice is harmless
    assert [one for one in acts(room) if one[0] == "reader_unsubscribed"] == [
        ("reader_unsubscribed", "Kossi Adzo", known.id)
    ]


@pytest.mark.parametrize("status", [Status.PENDING, Status.UNREACHABLE])
def test_who_is_not_reached_can_be_unsubscribed(room: Newsroom, status: SubscriberStatus) -> None:
    known, desk = reader(room), AtDesk(room)
    put(room, known, status)
    assert "/unsubscribe" in desk.get(f"/readers/{known.id}").text
    assert "Plus rien n’y part" in desk.get(location(desk.post(f"/readers/{known.id}/unsubscribe"))).text
    assert subscribe.find(room, AMA).status is Status.UNSUBSCRIBED
    assert subscribe.history(room, known)[-1].act == "unsubscribed"
    assert acts(room)[-1] == ("reader_unsubscribed", "Kossi Adzo", known.id)


def test_who_complained_is_not_unsubscribed_and_that_is_said(room: Newsroom) -> None:
    known, desk = reader(room), AtDesk(room)
    put(room, known, Status.COMPLAINED)
    before = acts(room)
    assert "/unsubscribe" not in desk.get(f"/readers/{known.id}").text
    answer = desk.post(f"/readers/{known.id}/unsubscribe")
    assert answer.status_code == 409
    assert "Rien n’a été changé" in answer.text
    assert "Rien n’a été changé" in desk.get(f"/readers/{known.id}/unsubscribe").text
    assert (subscribe.find(room, AMA).status, acts(room)) == (Status.COMPLAINED, before)


@pytest.mark.parametrize("status", [Status.COMPLAINED, Status.UNREACHABLE])
def test_bringing_back_needs_a_reason(room: Newsroom, status: SubscriberStatus) -> None:
    known, desk = reader(room), AtDesk(room)
    put(room, known, status)
    assert "/revive" in desk.get(f"/readers/{known.id}").text
    assert desk.post(f"/readers/{known.id}/revive", reason=" ").status_code == 400
    assert subscribe.find(room, AMA).status is status
    path = location(desk.post(f"/readers/{known.id}/revive", reason="vu au marché"))
    assert "De nouveau sur la liste" in desk.get(path).text
    known = subscribe.find(room, AMA)
    assert known.status is Status.ACTIVE
    assert subscribe.history(room, known)[-1].origin == Origin("desk", note="vu au marché")
    assert acts(room)[-1] == ("reader_revived", "Kossi Adzo", known.id)


def test_who_left_is_not_brought_back(room: Newsroom) -> None:
    known, desk = reader(room), AtDesk(room)
    put(room, known, Status.UNSUBSCRIBED)
    assert "<form" not in desk.get(f"/readers/{known.id}/revive").text
    assert desk.post(f"/readers/{known.id}/revive", reason="x").status_code == 409
    assert subscribe.find(room, AMA).status is Status.UNSUBSCRIBED


# --- Forgotten --------------------------------------------------------------------------------------


def test_forgetting_is_asked_twice_and_leaves_nothing(
    room: Newsroom, folder: Path, clock: Clock, add_article: Callable[..., Path]
) -> None:
    desk = AtDesk(room)
    desk.post("/readers/add", address=AMA, reason="vue chez Abalo-le-cordonnier")
    known = subscribe.find(room, AMA)
    with write(room.engine) as connection:
        connection.execute(update(table).values(name="Ama Dossou-Yovo"))
    add_article("Le port")
    daily.send(room, room.today(), watch=Watch(Stop(clock)))
    desk.post(f"/readers/{known.id}/data")
    desk.post(f"/readers/{known.id}/unsubscribe", reason="appelée au 90-11-22-33")
    assert AMA.encode() in whole(folder)

    first = desk.get(f"/readers/{known.id}/forget").text
    assert "Ce qui disparaît" in first
    assert "les preuves de 2 actes" in first
    assert "dans 1 envoi<" in first
    second = desk.post(f"/readers/{known.id}/forget").text
    assert f"Oublier {AMA} pour de bon" in second
    assert subscribe.find(room, AMA)
    path = location(desk.post(f"/readers/{known.id}/forget", sure="yes"))
    assert path == "/readers?done=forgotten"
    assert "est effacé" in desk.get(path).text

    assert desk.get(f"/readers/{known.id}").status_code == 404
    assert acts(room)[-1] == ("reader_forgotten", "Kossi Adzo", known.id)
    log = desk.get("/audit").text
    assert "a effacé tout ce que l’on savait d’un lecteur" in log
    assert f"/readers/{known.id}" not in log, "a link that leads nowhere"
    room.engine.dispose()
    held = whole(folder)
    for trace in (AMA, "ama@", "Dossou", "cordonnier", "90-11-22"):
        assert trace.encode() not in held, trace


def whole(folder: Path) -> bytes:
    """All bytes of the database's files."""
    return b"".join(file.read_bytes() for file in folder.glob("*subscribers.db*") if file.is_file())


def test_a_complaint_is_remembered(room: Newsroom) -> None:
    known, desk = reader(room), AtDesk(room)
    put(room, known, Status.COMPLAINED)
    assert "aucune inscription" in desk.get(f"/readers/{known.id}/forget").text
    desk.post(f"/readers/{known.id}/forget", sure="yes")
    with read(room.engine) as connection:
        entry = audit.latest(connection, 1)[0]
    assert (entry.before, entry.after) == ({"status": "complained"}, {"status": "complained"})


# --- Handed out -------------------------------------------------------------------------------------


def test_the_list_is_taken_along(room: Newsroom) -> None:
    reader(room)
    subscribe.remove(room, reader(room, "parti@lecteurs.example").address)
    desk = AtDesk(room)
    answer = desk.post("/readers/export", **{"as": "csv"})
    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="lettre.journal.example-readers-2026-11-23.csv"'
    )
    assert answer.headers["Cache-Control"] == "no-store"
    lines = answer.data.decode("utf-8-sig").splitlines()
    assert [line.partition(",")[0] for line in lines] == ["address", AMA, "parti@lecteurs.example"]
    [one] = json.loads(desk.post("/readers/export", **{"as": "json"}, status="unsubscribed").text)
    assert one["address"] == "parti@lecteurs.example"
    with read(room.engine) as connection:
        entries = audit.latest(connection, 2)
    assert [(one.act, one.who.name, one.after["count"], one.after["status"]) for one in entries] == [
        ("readers_exported", "Kossi Adzo", 1, "unsubscribed"),
        ("readers_exported", "Kossi Adzo", 2, None),
    ]
    assert "a emporté une liste de 2 lecteurs" in desk.get("/audit").text


def test_no_transaction_is_open_while_the_list_leaves(room: Newsroom) -> None:
    many(room, 2500)
    records = exports.people(room)
    next(records)
    assert room.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert sum(1 for _ in records) == 2499


# --- At the command line ----------------------------------------------------------------------------


def test_the_command_line_is_in_the_audit_log_too(folder: Path, make_room: Callable[..., Newsroom]) -> None:
    def run(*words: str) -> None:
        result = CliRunner().invoke(cli, ["--config", str(folder / "newsletter.toml"), "subscribers", *words])
        assert result.exit_code == 0, result.output

    run("add", AMA, "--consent", "papier", "--dry-run")
    run("add", AMA, "--consent", "papier")
    run("export")
    run("remove", AMA, "--dry-run")
    run("remove", AMA, "--note", "appel")
    room = make_room()
    put(room, subscribe.find(room, AMA), Status.UNREACHABLE)
    run("revive", AMA, "--consent", "appel")
    run("show", AMA, "--everything")
    run("forget", AMA, "--yes")
    me = room.here.name
    assert acts(room) == [
        ("reader_added", me, 1),
        ("readers_exported", me, None),
        ("reader_unsubscribed", me, 1),
        ("reader_revived", me, 1),
        ("reader_handed_out", me, 1),
        ("reader_forgotten", me, 1),
    ]


def test_what_readers_do_is_no_act_of_an_editor(room: Newsroom) -> None:
    known = reader(room)
    subscribe.leave(room, known, Origin("link"))
    subscribe.forget(room, known, Origin("link"))
    assert [one[0] for one in acts(room)] == ["reader_added"]


# --- In a browser -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Pages of a desk with readers of each standing, for somebody logged in: `opened(dark=True)`."""
    folder, clock = tmp_path_factory.mktemp("desk"), Clock()
    (folder / "articles").mkdir()
    (folder / "articles" / "port.md").write_text("---\ntitle: Le port\ndate: 2026-11-23T05:00Z\n---\n\nOuvert.\n")
    place, public = free_place()
    toml = TOML.replace("https://lettre.journal.example", public)
    (folder / "newsletter.toml").write_text(toml, encoding="utf-8")
    room = Newsroom(config.load(folder / "newsletter.toml", {}), clock=clock, sleep=lambda seconds: None)
    for i in range(readers.AT_ONCE + 1):
        reader(room, f"lecteur{i}.dont-le-nom-est-bien-long@courrier-des-lecteurs.example")
    daily.send(room, room.today(), watch=Watch(Stop(clock)))
    put(
        room,
        subscribe.find(room, "lecteur1.dont-le-nom-est-bien-long@courrier-des-lecteurs.example"),
        Status.COMPLAINED,
    )
    desk = AtDesk(room)
    desk.post("/sources/collect")
    with chromium() as open_page, serving(create_app(room), place):

        def open_desk(**how: Any) -> Any:
            page = open_page(**how)
            page.context.add_cookies([{"name": COOKIE, "value": desk.cookie, "url": f"{public}/desk"}])
            page.set_default_timeout(60_000)
            return page, f"{public}/desk"

        yield open_desk
    room.engine.dispose()


LOOKED_AT = ["/readers", "/readers/found", "/readers/1", "/readers/1/unsubscribe", "/readers/2/revive"]
LOOKED_AT += ["/readers/1/forget", "/sources?entry=56", "/audit", "/audit?edition=x"]
SMALL = """[...document.querySelectorAll('main button, main a.button, main a.reach, main summary, main select,'
  + 'main input:not([type=hidden])')].filter(e => e.offsetHeight && e.getBoundingClientRect().height < 43.9)
  .map(e => e.outerHTML.slice(0, 100))"""


@pytest.mark.parametrize(
    ("width", "dark", "locale"), [(360, False, "fr-FR"), (360, True, "en-GB"), (1280, True, "fr-FR")]
)
def test_every_page_can_be_read_and_reached(opened: Callable[..., Any], width: int, dark: bool, locale: str) -> None:
    page, desk = opened(width=width, dark=dark, locale=locale)
    wrong: dict[str, list[str]] = {}
    for path in LOOKED_AT:
        page.goto(desk + path)
        found = violations(page) + page.evaluate(SMALL)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append("wider than the screen")
        if found:
            wrong[path] = found
    assert not wrong


def test_who_was_found_can_be_left_and_come_back_to(opened: Callable[..., Any]) -> None:
    page, desk = opened(width=360, javascript=False)
    page.goto(f"{desk}/readers")
    page.fill("#q", "courrier-des-lecteurs")
    for name in ("Chercher", "la suite"):
        with page.expect_navigation():
            page.locator("main [role=search] button" if name == "Chercher" else "main a[href*='before=']").click()
        assert "courrier" not in page.url
    assert page.url.startswith(f"{desk}/readers/found?before=")
    assert page.input_value("#q") == "courrier-des-lecteurs"
    left = page.url
    with page.expect_navigation():
        page.locator("main a.reach").first.click()
    page.go_back()
    assert page.url == left
    assert page.input_value("#q") == "courrier-des-lecteurs"
    assert page.locator("main a.reach").count() == 1


def test_a_reader_is_forgotten_by_keyboard_and_without_a_script(opened: Callable[..., Any]) -> None:
    page, desk = opened(width=360, javascript=False)
    page.goto(f"{desk}/readers/9/forget")
    for said in ("Ce qui disparaît", "pour de bon"):
        assert said in page.inner_text("main")
        page.focus("main form button")
        with page.expect_navigation():
            page.keyboard.press("Enter")
    assert "est effacé" in page.inner_text("main")
    assert page.goto(f"{desk}/readers/9").status == 404


# --- Hostile texts ----------------------------------------------------------------------------------

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><b>\u202egras\u2066\u0007"


def test_hostile_texts_stay_texts(room: Newsroom, clock: Clock, add_article: Callable[..., Path]) -> None:  # F05, W12
    known = reader(room)
    add_article("Le port")
    daily.send(room, room.today(), watch=Watch(Stop(clock)))
    with write(room.engine) as connection:
        connection.execute(update(table).values(name=HOSTILE))
        connection.execute(update(deliveries).values(state="rejected", code=550, reply=HOSTILE))
    subscribe.remove(room, AMA, note=HOSTILE)
    desk = AtDesk(room, name=HOSTILE[:60])
    desk.post(f"/readers/{known.id}/unsubscribe")
    pages = ["/readers", "/readers/found", f"/readers/{known.id}", "/audit"]
    pages += [f"/readers/{known.id}{path}" for path in PATHS[1:]]
    desk.post("/readers/found", q="<script>\"'")
    for path in pages:
        harmless(desk.get(path).text, path)
    shown = "".join(html5lib.parse(desk.get(f"/readers/{known.id}").text, namespaceHTMLElements=False).itertext())
    assert "550 <script>alert(1)</script><img src=x onerror=alert(1)>" in shown


def harmless(html: str, where: str) -> None:
    """No element and no attribute that can act, and no character that turns the line."""
    tree = html5lib.parse(html, namespaceHTMLElements=False)
    for element in tree.iter():
        assert element.tag not in ("img", "iframe", "object", "embed"), where
        assert element.tag != "script" or "/desk.js" in element.get("src", ""), where
        assert not [name for name in element.attrib if name.startswith("on") or name == "style"], where
    text = "".join(tree.itertext())
    assert not [c for c in text if unicodedata.bidirectional(c) in ("RLO", "LRO", "RLE", "LRE", "RLI", "LRI", "FSI")]
    assert "\u0007" not in text
