"""The audit log: every act in words, in both languages, at the desk and on the command line."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import html5lib
import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, update

from cli import cli
from newsletter import auditlog, daily, edit, shaping, subscribe
from newsletter.auditlog import changes, told
from newsletter.errors import BadData
from newsletter.model import AuditEntry, Edition, EditionStatus, Role, Who
from newsletter.newsroom import Newsroom
from newsletter.store import audit
from newsletter.store.database import read, write
from newsletter.store.schema import articles
from newsletter.words import Words, plain
from tests.at_desk import AtDesk
from tests.browser import AMA, reader
from tests.conftest import Clock
from tests.test_desk_readers import HOSTILE, harmless

PACKAGE = Path(__file__).parent.parent / "newsletter"
NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
AMA_K = Who("Ama K.", 1)


def entry(act: str, *, before: Any = None, after: Any = None, **values: Any) -> AuditEntry:
    return AuditEntry(1, NOW, AMA_K, act, before=before or {}, after=after or {}, **values)


@pytest.fixture(params=["fr", "en"])
def words(request: pytest.FixtureRequest, room: Newsroom) -> Words:
    return room.words_in(request.param)


# --- Every act has its words ------------------------------------------------------------------------

# Calls that do not say the act in so many letters, and the acts that they may write.
PASSED_ON = {
    ("shaping.py", "name"): shaping.SHAPING,
    ("act.py", "name"): shaping.SHAPING,
    ("edit.py", "act"): frozenset([*(one.value for one in edit.DECISIONS), "send_now", "stop", "resume"]),
    ("edit.py", "TAKE_BACK"): frozenset(["take_back"]),
    ("corrections.py", "act"): frozenset(["make_extra", "make_correction"]),
    ("subscribe.py", "act"): frozenset(one for one in auditlog.OF_READERS if one.startswith("reader_")),
}


def written() -> set[str]:
    """Every act that the program writes into the audit log."""
    found: set[str] = set()
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "audit.add"):
                continue
            act = node.args[2]
            if isinstance(act, ast.Constant):
                found.add(act.value)
            else:
                key = (file.name, ast.unparse(act))
                assert key in PASSED_ON, f"which acts does {key} write? Say it in PASSED_ON"
                found |= PASSED_ON[key]
    return found


def test_every_act_that_is_written_has_its_sentence(words: Words) -> None:
    found = written()
    assert {"move", "approved", "editor_added", "reader_forgotten", "collected"} <= found
    unknown = told(entry("a-stranger"), words)
    assert "a-stranger" in unknown
    for act in found:
        said = told(entry(act), words)
        assert said != unknown.replace("a-stranger", act), f"newsletter/auditlog.py has no words for {act}"


def test_no_sentence_is_left_in_english() -> None:
    zone = Words("fr", NOW.tzinfo)  # type: ignore[arg-type]
    english = Words("en", NOW.tzinfo)  # type: ignore[arg-type]
    assert not [act for act in written() if told(entry(act), zone) == told(entry(act), english)]


TITLES = {1: "Le port", 2: "Le marché", 3: "La\u202e <b>rue</b>"}


@pytest.mark.parametrize(
    ("one", "french", "english"),
    [
        (
            entry("move", article_id=2, before={"order": [1, 2]}, after={"order": [2, 1]}),
            "a mis «\u00a0Le marché\u00a0» en place 1",
            "moved “Le marché” to place 1",
        ),
        (entry("add", article_id=9), "a pris un article qui n’est plus gardé", "took an article that is no longer"),
        (entry("drop", article_id=3), "a retiré «\u00a0La <b>rue</b>\u00a0»", "took “La <b>rue</b>” out"),
        (
            entry("rewrite", article_id=1, before={"title/1": None}, after={"title/1": "Au port"}),
            "a écrit le titre pour «\u00a0Le port\u00a0»",
            "wrote the title of “Le port”",
        ),
        (
            entry("rewrite", article_id=1, before={"title/1": "A", "summary/1": "B"}, after={"title/1": None}),
            "a remis le titre et le résumé de «\u00a0Le port\u00a0» comme sur le site",
            "put the title and the summary of “Le port” back",
        ),
        (
            entry("words", before={"subject": None, "note": None}, after={"subject": "S", "note": "N"}),
            "a écrit l’objet et le mot de la rédaction de l’édition",
            "wrote the subject and the note of the edition",
        ),
        (
            entry("make_correction", after={"corrects": "2026-11-23", "note": "Le port est fermé."}),
            "a commencé un rectificatif de l’édition du 2026-11-23",
            "began a correction of the edition of 2026-11-23",
        ),
        (
            entry("readers_exported", after={"count": 1840}),
            "une liste de 1\u00a0840 lecteurs",
            "a list of 1,840 readers",
        ),
        (
            entry("editor_role", before={"address": "a@b.example", "role": "writer"}, after={"role": "owner"}),
            "a changé le rôle de a@b.example\u00a0: comme responsable",
            "let a@b.example go on at the desk as one of its owners",
        ),
    ],
)
def test_an_act_in_words(one: AuditEntry, french: str, english: str, room: Newsroom) -> None:
    assert french in told(one, room.words_in("fr"), TITLES)
    assert english in told(one, room.words_in("en"), TITLES)


def test_changes_say_what_was_and_what_is(room: Newsroom) -> None:
    before = {"order": [1, 2], "title/1": "Port", "picture/1": None, "kept/1": {"a": 1}, "by/2": "x", "shaped": None}
    after = {"order": [2], "title/1": None, "picture/1": {}, "kept/1": None, "by/2": "y", "shaped": True}
    found = changes(entry("drop", before=before, after=after), room.words_in("fr"), TITLES)
    assert [(one.what, one.before, one.after) for one in found] == [
        ("l’ordre", "1. Le port\n2. Le marché", "1. Le marché"),
        ("le titre", "Port", ""),
        ("l’image", "", "sans image"),
    ]
    [status] = changes(entry("held", before={"status": "draft"}, after={"status": "held"}), room.words_in("fr"))
    assert (status.before, status.after) == ("brouillon", "suspendue")


@pytest.mark.parametrize("value", [None, 7, "x", [], {}, {"a": [None]}, "\u202e<b>"])
@pytest.mark.parametrize("name", ["subject", "status", "role", "title/1", "note"])
def test_whatever_stands_there_is_told(name: str, value: object, words: Words) -> None:
    for one in changes(entry("words", before={name: "was"}, after={name: value}), words):
        assert isinstance(one.after, str)
        assert "\u202e" not in one.after


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ama\u202e K.\u2066", "Ama K."),
        ("a\x1b[31m\x07b\r\nc", "a [31m b c"),
        ("12\u00a0%", "12\u00a0%"),
        ("نص\u200f عربي", "نص عربي"),
        ("", ""),
        ("\ud800", ""),
    ],
)
def test_a_text_from_elsewhere_stays_in_its_line(text: str, shown: str) -> None:
    assert plain(text) == shown


# --- The page ---------------------------------------------------------------------------------------


@pytest.fixture
def shaped(room: Newsroom, add_article: Callable[..., Path]) -> Edition:
    """An edition with some acts in the audit log."""
    add_article("Le port", hours=1)
    add_article("Le marché", hours=2)
    edition = daily.make_edition(room, room.today()).edition
    one, two = (choice.candidate.id for choice in edit.look(room, None)[1])
    shaping.step(room, AMA_K, edition.id, two, -1)
    shaping.rewrite(room, AMA_K, edition.id, one, {"summary": "Un long chapô. " * 20})
    shaping.drop(room, AMA_K, edition.id, two)
    shaping.undo(room, AMA_K, edition.id)
    edit.decide(room, edition.day, EditionStatus.HELD, who=AMA_K)
    return edition


def lines(html: str) -> list[str]:
    tree = html5lib.parse(html, namespaceHTMLElements=False)
    return [" ".join("".join(p.itertext()).split()) for p in tree.findall(".//ol/li/p[1]")]


def test_the_audit_log_tells_the_newest_first(room: Newsroom, shaped: Edition) -> None:
    desk = AtDesk(room, Role.WRITER)
    page = desk.get("/audit?edition=2026-11-23").text
    assert lines(page) == [
        "Ama K. a suspendu l’édition",
        "Ama K. a défait la dernière modification",
        "Ama K. a retiré « Le marché » défait depuis",
        "Ama K. a écrit le résumé pour « Le port »",
        "Ama K. a mis « Le marché » en place 1",
    ]
    assert page.count("<details") == 4, "what is long is opened by who wants it"
    assert "/desk/edition/2026-11-23" in page
    assert "took “Le marché” out" in desk.get("/audit", language="en").text


def test_readers_are_told_to_owners_alone(room: Newsroom) -> None:
    known = reader(room)
    owner, writer = AtDesk(room), AtDesk(room, Role.WRITER)
    subscribe.remove(room, AMA, who=owner.who)
    owner.post("/readers/export")
    assert [line for line in lines(owner.get("/audit").text) if "lecteur" in line] == [
        "Kossi Adzo a emporté une liste de 1 lecteur",
        "Kossi Adzo a désinscrit un lecteur",
        f"{room.here.name} a inscrit un lecteur",
    ]
    assert f"/desk/readers/{known.id}" in owner.get("/audit").text
    page = writer.get("/audit").text
    assert "lecteur" not in "".join(lines(page))
    assert "/desk/readers" not in page
    assert AMA not in owner.get("/audit").text


def test_the_audit_log_has_pages(room: Newsroom) -> None:
    desk = AtDesk(room)
    with write(room.engine) as connection:
        for i in range(100):
            audit.add(connection, AMA_K, "source_tried", NOW, after={"url": f"https://x.example/{i}"})
    path, seen = "/audit", []
    for _ in range(4):
        page = desk.get(path).text
        seen += lines(page)
        further = re.search(r'href="/desk(/audit\?[^"]*before=\d+)"', page)
        if further is None:
            break
        path = further[1].replace("&amp;", "&")
    assert [line for line in seen if "x.example" in line] == [
        f"Ama K. a essayé https://x.example/{i} comme source" for i in reversed(range(100))
    ]
    assert len(seen) == len(set(seen)) == 103


@pytest.mark.parametrize("name", ["2026-11-24", "x", "<script>", "2026-11-23-extra", "\u202e", "9" * 500])
def test_an_edition_that_is_not_there(room: Newsroom, name: str) -> None:
    answer = AtDesk(room).client.get("/desk/audit", query_string={"edition": name})
    assert answer.status_code == 404
    assert "Il n’y a pas d’édition de ce nom" in answer.text
    harmless(answer.text, name)


def test_the_log_is_asked_page_by_page(engine: Engine) -> None:
    with write(engine) as connection:
        for i, act in enumerate(["move", "reader_added", "move", "held"]):
            audit.add(connection, AMA_K if i % 2 else Who("root"), act, NOW, edition_id=i % 2)

        def found(**how: Any) -> list[str]:
            return [one.act for one in audit.latest(connection, 10, **how)]

        entries = audit.latest(connection, 10)
        assert found() == ["held", "move", "reader_added", "move"]
        assert found(without=auditlog.OF_READERS) == ["held", "move", "move"]
        assert found(edition_id=1) == ["held", "reader_added"]
        assert found(before_id=entries[1].id) == ["reader_added", "move"]
        assert audit.by_id(connection, entries[0].id) == entries[0]
        assert audit.by_id(connection, 10**9) is None
        assert audit.count(connection, "move", Who("root"), NOW.replace(hour=0)) == 2
        assert audit.count(connection, "move", Who("root"), NOW) == 0
        assert audit.count(connection, "held", AMA_K, NOW.replace(hour=0)) == 1


def test_hostile_texts_in_the_audit_log_stay_texts(room: Newsroom, shaped: Edition) -> None:  # F05
    with write(room.engine) as connection:
        connection.execute(update(articles).values(title=HOSTILE))
        who = Who(HOSTILE, 5)
        audit.add(connection, who, HOSTILE[:40], NOW, before={"subject": HOSTILE}, after={"subject": HOSTILE * 9})
        audit.add(connection, who, "words", NOW, after={"note": f"{HOSTILE}\n\n{HOSTILE}"}, edition_id=shaped.id)
    page = AtDesk(room).get("/audit").text
    harmless(page, "/audit")
    assert page.count("&lt;script&gt;") > 10


# --- On the command line ----------------------------------------------------------------------------


def run(folder: Path, *args: str) -> str:
    result = CliRunner().invoke(cli, ["--config", str(folder / "newsletter.toml"), "audit", *args])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_audit_log_on_the_command_line(room: Newsroom, folder: Path, shaped: Edition, clock: Clock) -> None:
    reader(room)
    rows = [line.split("\t") for line in run(folder, "--limit", "3").splitlines()]
    assert [row[1:] for row in rows] == [
        [room.here.name, "", "put a reader on the list"],
        ["Ama K.", "2026-11-23", "held the edition back"],
        ["Ama K.", "2026-11-23", "took the act before back"],
    ]
    assert rows[0][0] == "2026-11-23T06:30:00Z"
    found = json.loads(run(folder, "--edition", "2026-11-23", "--json"))
    assert [one["act"] for one in found] == ["held", "undo", "drop", "rewrite", "move"]
    assert found[2]["undone"] is True
    assert found[0]["before"] == {"status": "draft"}
    result = CliRunner().invoke(cli, ["--config", str(folder / "newsletter.toml"), "audit", "--edition", "x"])
    assert (result.exit_code, "there is no edition x" in result.stderr) == (65, True)


def test_an_edition_by_a_wrong_name_is_an_error(room: Newsroom) -> None:
    with pytest.raises(BadData, match="there is no edition"):
        auditlog.page(room, edition="2026-11-23")
    with read(room.engine) as connection:
        assert audit.latest(connection, 1) == []


def test_an_import_stands_in_the_audit_log_once(room: Newsroom, folder: Path) -> None:
    (folder / "lecteurs.csv").write_text("email\nama@lecteurs.example\nzoe@lecteurs.example\n", encoding="utf-8")
    command = ["--config", str(folder / "newsletter.toml"), "subscribers", "import", str(folder / "lecteurs.csv")]
    for words in ([*command, "--dry-run"], command, command):
        assert CliRunner().invoke(cli, words).exit_code == 0
    assert [line.split("\t")[3] for line in run(folder).splitlines()] == ["imported 2 readers"]


def test_what_others_did_meanwhile_is_told_in_words(room: Newsroom, shaped: Edition) -> None:
    with read(room.engine) as connection:
        last = audit.of_edition(connection, shaped.id)[2]
    assert auditlog.line_of(room, last, room.words_in("fr")) == "Ama K. a retiré «\u00a0Le marché\u00a0»"
