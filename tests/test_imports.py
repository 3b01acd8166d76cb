"""Lists that come and go: whose export it is, who goes on the list and who never does, and what is handed out."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import pwd
import stat
import string
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import Engine, event, select, text

from cli import cli
from newsletter import exports, imports, subscribe
from newsletter.errors import BadData
from newsletter.imports import usual
from newsletter.imports.formats import recognise
from newsletter.imports.rows import look
from newsletter.model import Act, Origin, SubscriberStatus
from newsletter.newsroom import Newsroom
from newsletter.store import imports as lists
from newsletter.store import subscribers
from newsletter.store.database import read, write
from newsletter.store.schema import imports as imports_table
from tests.conftest import MORNING, Clock

LISTS = Path(__file__).parent / "data" / "lists"
Status = SubscriberStatus
MakeRoom = Callable[..., Newsroom]


@pytest.fixture
def room(make_room: MakeRoom, engine: Engine) -> Newsroom:
    """A newsroom on each of the two databases."""
    made = make_room()
    made.engine = engine
    return made


@pytest.fixture
def lite(make_room: MakeRoom) -> Newsroom:
    """A newsroom on SQLite, for what no database has a part in."""
    return make_room()


def import_text(room: Newsroom, folder: Path, data: bytes | str, **options: bool) -> imports.Imported:
    path = folder / "liste.csv"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return imports.import_file(room, path, "formulaire, 2026", **options)


def names(room: Newsroom) -> dict[str, str | None]:
    return {one.address: one.name for one in subscribe.listed(room)}


def rows_of(room: Newsroom) -> list[dict[str, object]]:
    with read(room.engine) as connection:
        return [dict(row._mapping) for row in connection.execute(select(imports_table).order_by(imports_table.c.id))]


# --- Whose list it is -----------------------------------------------------------------------------

AFI = {"afi.lawovi@postes.example": "Afi Lawovi"}
EDEM = {"edem.agbeko@courriel.example": "Édem Agbéko"}
FORMATS = [
    (
        "subscribed_email_audience_export_7c1d.csv",
        "Mailchimp",
        {**AFI, **EDEM, "Senam@postes.example": None, "yao.sossou@courriel.example": "Yao"},
        {},
    ),
    ("unsubscribed_email_audience_export_7c1d.csv", "Mailchimp", {}, {"unsubscribed": 2}),
    ("cleaned_email_audience_export_7c1d.csv", "Mailchimp", {}, {"cleaned": 1}),
    (
        "mailpoet.csv",
        "MailPoet",
        {**AFI, "jojo@courriel.example": 'Joseph "Jojo" d\'Almeida'},
        {"unsubscribed": 1, "unconfirmed": 1, "bounced": 1, "inactive": 1},
    ),
    ("mailpoet-tableau.csv", "MailPoet", AFI, {"unsubscribed": 1}),
    ("listmonk.csv", "listmonk", {**AFI, **EDEM}, {"blocklisted": 1, "disabled": 1}),
    ("ghost.csv", "Ghost", {**AFI, **EDEM}, {"unsubscribed": 1, "deleted": 1}),
    ("substack.csv", "Substack", dict.fromkeys([*AFI, *EDEM]), {"disabled": 1}),
    ("substack-tableau.csv", "Substack", {**AFI, **EDEM}, {}),
    ("tableur.csv", "plain list", {**AFI, **EDEM}, {"unsubscribed": 1}),
    ("tableur-unicode.txt", "plain list", {**AFI, **EDEM}, {}),
    ("adresses.txt", "plain list", dict.fromkeys([*AFI, *EDEM]), {}),
]


@pytest.mark.parametrize(("file", "format_", "people", "left_out"), FORMATS, ids=[one[0] for one in FORMATS])
def test_each_program_s_export_is_read(
    lite: Newsroom, file: str, format_: str, people: dict[str, str | None], left_out: dict[str, int]
) -> None:
    result = imports.import_file(lite, LISTS / file, "test")
    assert (result.format, result.bad) == (format_, [])
    assert names(lite) == people
    assert dict(result.left_out) == left_out
    again = imports.import_file(lite, LISTS / file, "test")
    assert (again.added, again.known) == (0, result.added)


def test_every_data_file_is_tested() -> None:
    assert {path.name for path in LISTS.iterdir()} == {one[0] for one in FORMATS}


def test_mailchimp_s_file_of_people_who_never_subscribed_adds_nobody(lite: Newsroom, folder: Path) -> None:
    path = folder / "nonsubscribed_email_audience_export_7c1d.csv"
    path.write_text("Email Address,First Name,Last Name,LEID\nama@lecteurs.example,Ama,,4\n", encoding="utf-8")
    assert imports.import_file(lite, path, None).left_out == {"nonsubscribed": 1}


@pytest.mark.parametrize(
    ("header", "person"),
    [
        ("Prénom;Nom;E-mail", "Ama;Lawson;ama@x.example"),
        ("Nom;Prénom;E-mail", "Lawson;Ama;ama@x.example"),
        ("courriel;nom", "ama@x.example;Ama Lawson"),
        ("Adresse;Adresse e-mail;Nom complet", "12 rue des Filaos;ama@x.example;Ama Lawson"),
        ("Address,Email Address,First Name,Last Name", "12 rue des Filaos,ama@x.example,Ama,Lawson"),
        ('"Ville, quartier";"E-mail";"Nom"', '"Lomé, Bè";ama@x.example;Ama Lawson'),
        ("  EMAIL_ADDRESS ,Name", "ama@x.example,Ama Lawson"),
        ("\n\nemail,name", "ama@x.example,Ama Lawson"),
    ],
)
def test_the_columns_are_found_by_what_they_are_called(lite: Newsroom, folder: Path, header: str, person: str) -> None:
    assert import_text(lite, folder, f"{header}\n{person}\n").added == 1
    assert names(lite) == {"ama@x.example": "Ama Lawson"}


def test_a_paying_reader_and_one_who_does_not_pay_both_read() -> None:
    layout = recognise(["email", "active_subscription", "email_disabled"], "email_list.csv")
    assert layout is not None
    assert [layout.gone(["a@x.example", pays, "false"]) for pays in ("true", "false")] == [None, None]


# --- Files as they come ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"email,name\nama@lecteurs.example,Ama\nkodjo@lecteurs.example,\n",
        "\ufeffAdresse;Nom\nama@lecteurs.example;Ama\nkodjo@lecteurs.example;Kodjo\n".encode(),
        "Nom\tCourriel\r\nAmé\tama@lecteurs.example\r\nKodjo\tkodjo@lecteurs.example\r\n".encode("cp1252"),
        '"E-mail"\n"ama@lecteurs.example"\n\n"kodjo@lecteurs.example"'.encode("utf-16"),
        b"email\rama@lecteurs.example\rkodjo@lecteurs.example\r",
        b"name|email\nAma|ama@lecteurs.example\n|kodjo@lecteurs.example\n",
        b"email\nAMA@lecteurs.example\nama@LECTEURS.example\nkodjo@lecteurs.example\nama@lecteurs.example\n",
        b"email\nama@lecteurs.example\0\npas une adresse\nkodjo@lecteurs.example\n",
    ],
)
def test_a_list_is_read_however_it_was_saved(room: Newsroom, folder: Path, data: bytes) -> None:
    assert import_text(room, folder, data).added == 2
    again = import_text(room, folder, data)
    assert (again.added, again.known) == (0, 2)
    assert {one.address.lower() for one in subscribe.listed(room)} == {"ama@lecteurs.example", "kodjo@lecteurs.example"}
    [act] = subscribe.history(room, subscribe.listed(room)[0])
    assert (act.act, act.origin.how, act.origin.note) == ("imported", "import", "formulaire, 2026")


def test_the_first_accent_may_stand_on_the_last_line(lite: Newsroom, folder: Path) -> None:
    rows = "".join(f"lecteur.{i}@lecteurs.example,Lecteur\n" for i in range(4000))
    import_text(lite, folder, ("email,name\n" + rows + "ame@lecteurs.example,Amé\n").encode("cp1252"))
    assert names(lite)["ame@lecteurs.example"] == "Amé"


@pytest.mark.parametrize("name", ["Renée", "Júlia", "Voilà", "Zoë Ünal"])
def test_a_row_of_utf_8_in_a_list_of_windows_is_told(lite: Newsroom, folder: Path, name: str) -> None:
    rows = "email,name\nama@lecteurs.example,Amé\nkodjo@lecteurs.example,Élom\nefua@lecteurs.example,Éfùa\n"
    found = import_text(lite, folder, rows.encode("cp1252") + f"afi@lecteurs.example,{name}\n".encode())
    assert (found.added, found.bad_count) == (3, 1)
    assert "not written in Windows-1252, as the rest of the file is" in found.bad[0]
    assert names(lite)["ama@lecteurs.example"] == "Amé"


def test_rows_are_weighed_not_accents(lite: Newsroom, folder: Path) -> None:
    data = "email,name\nama@lecteurs.example,Amé\n".encode() + b"afi@lecteurs.example,H\xe9l\xe8ne\n"
    found = import_text(lite, folder, data)
    assert names(lite) == {"ama@lecteurs.example": "Amé"}
    assert found.bad == ["line 3: afi@lecteurs.example H?l?ne: not written in UTF-8, as the rest of the file is"]


@pytest.mark.parametrize(("heading", "rest"), [("cp1252", "utf-8"), ("utf-8", "cp1252")])
def test_a_first_row_in_another_encoding_is_understood(lite: Newsroom, folder: Path, heading: str, rest: str) -> None:
    rows = "ama@lecteurs.example,Amé\nelom@lecteurs.example,Élom\n".encode(rest)
    assert import_text(lite, folder, "email,prénom\n".encode(heading) + rows).bad == []
    assert names(lite) == {"ama@lecteurs.example": "Amé", "elom@lecteurs.example": "Élom"}


def test_columns_that_cannot_be_read_are_shown_as_far_as_they_can(lite: Newsroom, folder: Path) -> None:
    with pytest.raises(BadData, match=r"found: pr\?nom, ville$"):
        import_text(lite, folder, b"pr\x81nom,ville\n" + "Amé,Lomé\nÉlom,Anié\n".encode())


def test_whether_anybody_is_forgotten_is_known_by_an_index(lite: Newsroom) -> None:
    seen: list[tuple[str, tuple[str, ...]]] = []
    with write(lite.engine) as connection:
        event.listen(
            connection, "before_cursor_execute", lambda _c, _k, sql, values, *_rest: seen.append((sql, values))
        )
        assert not lists.any_forgotten(connection)
        sql, values = seen[0]
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all()
    assert "SEARCH subscribers USING INDEX ix_subscribers_status" in str(plan)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_row_in_another_encoding_fails_alone(lite: Newsroom, folder: Path, mark: bytes) -> None:
    rows = ["ama@lecteurs.example,Amé,", "kodjo@lecteurs.example,Élom,", "efua@lecteurs.example,Éfùa,"]
    data = "email,name,note\n" + "\n".join(rows) + "\n"
    pasted = b"afi@lecteurs.example,Am\xe9,\nelom@lecteurs.example,,d\xe9j\xe0 lu\n"
    found = import_text(lite, folder, mark + data.encode() + pasted)
    assert found.bad == ["line 5: afi@lecteurs.example Am?: not written in UTF-8, as the rest of the file is"]
    assert names(lite) == {
        "ama@lecteurs.example": "Amé",
        "kodjo@lecteurs.example": "Élom",
        "efua@lecteurs.example": "Éfùa",
        "elom@lecteurs.example": None,  # what is wrong stands where we do not read
    }


def test_a_byte_that_windows_does_not_know_spoils_its_row(lite: Newsroom, folder: Path) -> None:
    rows = "email,name\nama@lecteurs.example,Amé\nkodjo@lecteurs.example,Élom\n".encode("cp1252")
    found = import_text(lite, folder, rows + b"afi@lecteurs.example,A\x81\n")
    assert (found.added, found.bad_count) == (2, 1)
    assert names(lite)["ama@lecteurs.example"] == "Amé"


@pytest.mark.parametrize("data", [b"", b"\n\n", b"nom,ville\nAma,Lom\xc3\xa9\n", b"ama@lecteurs.example,Ama\n"])
def test_a_file_without_a_column_of_addresses_is_refused(lite: Newsroom, folder: Path, data: bytes) -> None:
    with pytest.raises(BadData, match="no column called email"):
        import_text(lite, folder, data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"email\nama@lecteurs.example\n" + b"x" * (1 << 20), "line 3: longer"),
        ("email\nama@x.example\n".encode("utf-16")[:-1], "broken UTF-16"),
    ],
)
def test_a_broken_file_adds_nobody_and_says_where(room: Newsroom, folder: Path, data: bytes, said: str) -> None:
    with pytest.raises(BadData, match=said):
        import_text(room, folder, data)
    assert subscribe.listed(room) == []


@pytest.mark.parametrize(
    "rows",
    [
        'a@lecteurs.example,A\nb@lecteurs.example,"B\nc@lecteurs.example,C\n',
        'a@lecteurs.example,A\nb@lecteurs.example,"B\nc@lecteurs.example,C\nd@lecteurs.example,"D"\n',
    ],
)
def test_an_unclosed_quote_swallows_nobody_in_silence(room: Newsroom, folder: Path, rows: str) -> None:
    result = import_text(room, folder, "email,name\n" + rows)
    assert result.bad[0].startswith("line 3: ")
    assert "quotation mark" in result.bad[0]
    assert {"a@lecteurs.example", "c@lecteurs.example"} <= {one.address for one in subscribe.listed(room)}
    assert "b@lecteurs.example" not in {one.address for one in subscribe.listed(room)}


def test_one_row_with_wrong_quotes_fails_alone(room: Newsroom, folder: Path) -> None:  # R14
    rows = 'email,name\nun@x.example,A\nfaux@x.example,"Jean "Jojo" K"\ndeux@x.example,B\n'
    result = import_text(room, folder, rows)
    assert (result.added, result.bad_count) == (2, 1)
    assert result.bad[0].startswith("line 3: its quotation marks do not fit")


@pytest.mark.parametrize("row", ["b@x.example,{},", "b@x.example,B,{}"])
def test_a_quote_that_closes_readers_later_is_told_with_its_line(lite: Newsroom, folder: Path, row: str) -> None:
    swallowed = '"B\nc@x.example,C,\nd@x.example,"'
    result = import_text(lite, folder, "email,name,ville\na@x.example,A,\n" + row.format(swallowed) + "\n")
    assert (result.added, result.bad_count) == (1, 1)
    assert result.bad == ["line 3: it goes on to line 5: is a quotation mark not closed?"]


def test_a_note_may_have_several_lines(lite: Newsroom, folder: Path) -> None:
    data = 'email,note\nama@x.example,"Rencontrée au salon,\nà rappeler"\nb@x,\n'
    result = import_text(lite, folder, data)
    assert result.added == 1
    assert result.bad[0].startswith("line 4: b@x")


def test_bad_rows_are_told_with_their_line_and_the_others_go_on(room: Newsroom, folder: Path) -> None:
    data = "email,name\nama@lecteurs.example,Ama\nx@,\n,Personne\nama@Lecteurs.example,\n\nüser@exämple.example,Ü\n"
    result = import_text(room, folder, data)
    assert (result.added, result.bad_count, result.duplicates) == (2, 2, 1)
    assert [line.split(":")[0] for line in result.bad] == ["line 3", "line 4"]
    assert result.twice == ["line 5: ama@lecteurs.example stands on line 2 already"]


def test_only_the_first_of_many_are_told(room: Newsroom, folder: Path) -> None:
    rows = "".join("ama@x.example\nn'importe quoi\n" for _ in range(50))
    result = import_text(room, folder, "email\n" + rows)
    assert (result.added, result.bad_count, result.duplicates) == (1, 50, 49)
    assert (len(result.bad), len(result.twice)) == (20, 20)
    assert result.twice[0] == "line 4: ama@x.example stands on line 2 already"


@pytest.mark.parametrize("value", ["ama@x.example\nBcc: b@x.example", "ama@x.example\r\n\tb", "ama\x00@x.example"])
def test_an_address_is_one_line(lite: Newsroom, folder: Path, value: str) -> None:  # W09
    import_text(lite, folder, f'email,name\n"{value}",Ama\nkodjo@x.example,Kodjo\n')
    assert not [one for one in names(lite) if "\n" in one or "\r" in one or "\0" in one or "Bcc" in one]
    assert "kodjo@x.example" in names(lite)


@pytest.mark.parametrize("name", ["Ama\r\nBcc: x@y.example", "Ama\u2028X", "Ama\x0bX", "Ama\x85X", "A" * 5000])
def test_a_name_is_one_line(lite: Newsroom, folder: Path, name: str) -> None:  # W10
    kept = subscribe.person("ama@lecteurs.example", name).name
    assert kept is not None
    assert kept.isprintable()
    assert len(kept) <= 200
    import_text(lite, folder, f'email,name\nama@x.example,"{name}"\n')
    assert all(one is None or (one.isprintable() and len(one) <= 200) for one in names(lite).values())


# --- The fast way to a person ---------------------------------------------------------------------

ATOMS = st.text(string.ascii_letters + string.digits + "!#'*+-/=?^_{|}~.é\"@ ", min_size=0, max_size=70)
LABELS = st.sampled_from(
    ["x", "X", "x-y", "-x", "x--y", "xn--bcher-kva", "ab--c", "bücher", "a1", "1", "", "x" * 63, "x" * 64]
)
TOPS = st.sampled_from(
    ["example", "TG", "c", "c1", "1c", "test", "local", "localhost", "invalid", "onion", "arpa", "xn--p1ai", "com-"]
)
DOMAINS = st.builds(lambda labels, top: ".".join([*labels, top]), st.lists(LABELS, max_size=4), TOPS)
LOCALS = st.one_of(
    ATOMS, st.sampled_from(["info", "INFO", "News", "www", "a.b", ".a", "a.", "a..b", "x" * 64, "x" * 65])
)
NAMES = st.one_of(
    st.text(max_size=20), st.sampled_from(["", " Ama  Lawson ", "A" * 300, "Ama\u00a0L", "\u200bAma", "a\nb"])
)


@given(st.builds("{}@{}".format, LOCALS, DOMAINS) | st.text(max_size=30), NAMES)
@example("ama@x.example\n", "")
@example(" ama@x.example", "Ama")
@example("ama@" + ".".join(["x" * 62] * 4) + ".example", "")
def test_the_fast_way_says_what_the_slow_one_says(address: str, name: str) -> None:
    def said(way: Callable[[str, str], object]) -> object:
        try:
            return way(address, name)
        except BadData as error:
            return str(error)

    assert said(usual.person) == said(subscribe.person)


def test_the_usual_ones_do_go_the_fast_way() -> None:
    assert usual._usual_domain("Postes.Example") == "postes.example"
    assert usual._usual_domain("bücher.example") is None
    assert usual.person("Ama.L+x@Postes.Example") == ("Ama.L+x@postes.example", "ama.l+x@postes.example", None)


# --- Who is never brought back ---------------------------------------------------------------------


def test_an_import_revives_nobody(room: Newsroom, folder: Path) -> None:
    people = {status: f"{status.value}@lecteurs.example" for status in Status}
    subscribe.add(room, list(people.values()), "test")
    for status, address in people.items():
        one = subscribe.find(room, address)
        if status is Status.FORGOTTEN:
            subscribe.forget(room, one, Origin("page"))
        else:
            with write(room.engine) as connection:
                subscribers.set_status(connection, one.id, status, room.clock())
    before = [(one.id, one.status, one.since) for one in subscribe.listed(room)]
    rows = "".join(f"{address.upper()}\n" for address in people.values())
    for dry_run in (True, False, False):
        result = import_text(room, folder, f"email\nneuf@lecteurs.example\n{rows}", dry_run=dry_run)
        assert result.usable == 7
    assert [(one.id, one.status, one.since) for one in subscribe.listed(room)][:-1] == before
    assert subscribe.listed(room)[-1].address == "neuf@lecteurs.example"
    with pytest.raises(BadData, match="not on the list"):
        subscribe.find(room, people[Status.FORGOTTEN])


def test_the_forgotten_are_known_by_the_same_key(room: Newsroom, folder: Path) -> None:
    """Also when they are many more than are looked up at once."""
    rows = "email\n" + "".join(f"lecteur.{i}@x.example\n" for i in range(1200))
    assert import_text(room, folder, rows).added == 1200
    secret = room.forgotten_secret
    with write(room.engine) as connection:
        for one in list(subscribers.listed(connection)):
            subscribe.forget_one(connection, secret, one, Origin("command"), room.clock())
    again = import_text(room, folder, rows + "neuf@x.example\n", dry_run=True)
    assert (again.added, again.known) == (1, 1200)
    again = import_text(room, folder, rows + "neuf@x.example\n")
    assert (again.added, again.known) == (1, 1200)


def test_a_row_that_says_it_left_is_not_taken_for_a_bad_one(room: Newsroom, folder: Path) -> None:
    data = "email,statut\nama@x.example,Désabonnée\npas une adresse,bounced\nkodjo@x.example,actif\n"
    result = import_text(room, folder, data)
    assert (result.added, result.bad_count, dict(result.left_out)) == (1, 0, {"desabonnee": 1, "bounced": 1})


# --- Who imported what ----------------------------------------------------------------------------


def test_every_import_is_written_down(room: Newsroom, folder: Path, clock: Clock) -> None:
    data = b"email\nama@x.example\nx\nama@x.example\n"
    import_text(room, folder, data)
    clock.move(hours=1)
    import_text(room, folder, data)
    first, second = rows_of(room)
    assert first | {"id": 0} == {
        "id": 0,
        "at": MORNING,
        "by": pwd.getpwuid(os.getuid()).pw_name,
        "file": "liste.csv",
        "digest": hashlib.sha256(data).hexdigest(),
        "claim": "formulaire, 2026",
        "added": 1,
        "known": 0,
        "bad": 1,
    }
    assert (second["added"], second["known"], second["at"]) == (0, 1, clock())
    [act] = subscribe.history(room, subscribe.find(room, "ama@x.example"))
    assert act.imported is not None
    assert act.imported.startswith("liste.csv, by ")
    assert act.imported.endswith("formulaire, 2026")


def test_a_rehearsed_import_writes_nothing(room: Newsroom, folder: Path) -> None:
    result = import_text(room, folder, b"email\nama@lecteurs.example\nx\n", dry_run=True)
    assert (result.added, result.bad_count) == (1, 1)
    assert subscribe.listed(room) == []
    assert rows_of(room) == []


def test_a_short_list_goes_on_the_list_as_it_was_written(room: Newsroom, folder: Path) -> None:
    import_text(room, folder, "email\nyao@x.example\nama@x.example\nkodjo@x.example\n")
    assert list(names(room)) == ["yao@x.example", "ama@x.example", "kodjo@x.example"]


class Crash(Exception):
    pass


def test_after_a_crash_running_again_finishes(room: Newsroom, folder: Path) -> None:
    rows = "email\n" + "".join(f"lecteur.{i}@x.example\n" for i in range(12_000))
    path = folder / "liste.csv"
    path.write_text(rows)

    def crash(doing: str, share: float, number: int) -> None:
        if doing == "adding":
            raise Crash

    with pytest.raises(Crash):
        imports.import_file(room, path, "x", watch=crash)
    [stopped] = rows_of(room)
    assert 0 < stopped["added"] < 12_000  # type: ignore[operator]
    seen: list[tuple[str, float, int]] = []
    result = imports.import_file(room, path, "x", watch=lambda *step: seen.append(step))
    assert result.added == 12_000 - stopped["added"]  # type: ignore[operator]
    assert len(subscribe.listed(room)) == 12_000
    with read(room.engine) as connection:
        assert connection.execute(text("SELECT count(DISTINCT subscriber_id) FROM consents")).scalar() == 12_000
        assert connection.execute(text("SELECT count(*) FROM consents")).scalar() == 12_000
    assert seen[-1] == ("adding", 1.0, 12_000)
    assert [share for doing, share, _ in seen if doing == "reading"][-1] == 1.0


# --- Handed out -----------------------------------------------------------------------------------

FORMULAS = ["=1+1", "+33", "-2", "@SUM(A1)", "\tx", "\rx", "'=1", "''@x"]


def csv_rows(parts: Iterator[str]) -> list[dict[str, str]]:
    whole = "".join(parts)
    assert whole.startswith("\ufeff")  # by it a spreadsheet knows UTF-8
    return list(csv.DictReader(io.StringIO(whole.removeprefix("\ufeff"), newline="")))


@pytest.mark.parametrize("cell", FORMULAS)
def test_no_cell_is_a_formula(lite: Newsroom, cell: str) -> None:  # W09
    assert exports.harmless(cell)[0] == "'"
    assert exports.restored(exports.harmless(cell)) == cell
    subscribe.add(lite, ["ama@x.example"], f"{cell} a dit Ama")
    [row] = csv_rows(exports.csv_of(exports.COLUMNS, exports.people(lite)))
    assert row["note"] == f"'{cell} a dit Ama"


@pytest.mark.parametrize("cell", ["", "Ama", "'Ama", "l'=", "a=b", "d'Almeida"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert exports.harmless(cell) == cell == exports.restored(cell)


def test_what_is_handed_out_is_read_back(room: Newsroom, folder: Path, make_room: MakeRoom) -> None:
    people = {
        "+ama@x.example": "=Ama",
        "'=kodjo@x.example": "Kodjo, dit « Jo »",
        "éfua@x.example": 'Éfua "la grande"',
        "=yao@x.example": None,
        "-afi@x.example": "'-Afi",
        "b@xn--bcher-kva.example": "@b",
    }
    with write(room.engine) as connection:
        subscribers.add(connection, [subscribe.person(*one) for one in people.items()], now=room.clock())
    subscribe.add(room, ["partie@x.example", "oubliee@x.example"], "test")
    subscribe.remove(room, "partie@x.example")
    subscribe.forget(room, subscribe.find(room, "oubliee@x.example"), Origin("command"))
    exports.save(folder / "sortie.csv", exports.csv_of(exports.COLUMNS, exports.people(room)))
    other = make_room(NEWSLETTER_DATABASE="sqlite:///autre.db")
    result = imports.import_file(other, folder / "sortie.csv", "autre base")
    assert (result.format, result.added, result.bad, dict(result.left_out)) == (
        "newsletter",
        6,
        [],
        {"unsubscribed": 1},
    )
    assert names(other) == people


def test_how_each_joined_is_handed_out(room: Newsroom, folder: Path) -> None:
    import_text(room, folder, "email,name\nama@x.example,Ama\n")
    subscribe.add(room, ["kodjo@x.example"], "par téléphone")
    subscribe.remove(room, "kodjo@x.example")
    ama, kodjo = exports.people(room)
    assert list(ama) == list(exports.COLUMNS)
    assert (ama["address"], ama["name"], ama["act"], ama["note"]) == (
        "ama@x.example",
        "Ama",
        "imported",
        "formulaire, 2026",
    )
    assert (kodjo["status"], kodjo["act"], kodjo["how"], kodjo["note"]) == (
        "unsubscribed",
        "added",
        "command",
        "par téléphone",
    )
    assert [one["address"] for one in exports.people(room, Status.ACTIVE)] == ["ama@x.example"]


def test_more_readers_than_are_held_in_memory_are_handed_out(room: Newsroom, folder: Path) -> None:
    import_text(room, folder, "email\n" + "".join(f"lecteur.{i}@x.example\n" for i in range(2500)))
    subscribe.remove(room, "lecteur.7@x.example")
    assert len({one["address"] for one in exports.people(room)}) == 2500
    assert len(list(exports.people(room, Status.ACTIVE))) == 2499
    assert len(json.loads("".join(exports.json_of(exports.acts(room))))) == 2501


def test_every_act_is_handed_out_with_its_words(room: Newsroom, folder: Path) -> None:
    subscribe.keep_wording(room, "2026-1", "Je veux recevoir la lettre.")
    origin = Origin("page", page="https://lettre.journal.example/", wording="2026-1", network="192.0.2.0/24")
    subscribe.sign_up(room, "ama@x.example", origin, language="fr")
    import_text(room, folder, "email\nkodjo@x.example\n")
    signed_up, imported = exports.acts(room)
    assert list(signed_up) == list(exports.ACT_COLUMNS)
    assert (signed_up["act"], signed_up["wording"], signed_up["wording_text"], signed_up["network"]) == (
        Act.SIGNED_UP,
        "2026-1",
        "Je veux recevoir la lettre.",
        "192.0.2.0/24",
    )
    assert imported["import"] is not None
    assert "liste.csv" in imported["import"]


def test_a_file_is_for_its_owner_and_never_written_over(folder: Path) -> None:
    path = folder / "sortie.csv"
    exports.save(path, iter(["a"]))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(BadData, match="exists already"):
        exports.save(path, iter(["b"]))
    assert path.read_text() == "a"
    with pytest.raises(BadData, match="No such file"):
        exports.save(folder / "nulle-part" / "x.csv", iter(["b"]))

    def broken() -> Iterator[str]:
        yield "a"
        raise Crash

    with pytest.raises(Crash):
        exports.save(folder / "moitie.csv", broken())
    assert not (folder / "moitie.csv").exists()


def test_an_empty_list_is_json_too() -> None:
    assert json.loads("".join(exports.json_of(iter([])))) == []


# --- The commands ---------------------------------------------------------------------------------


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(folder)

    def run_it(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(cli, ["subscribers", *arguments], prog_name="newsletter")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return run_it


Run = Callable[..., Result]


def test_an_import_says_what_came_of_it(run: Run, folder: Path) -> None:
    rows = "email,status\nama@x.example,\nama@x.example,\nb@x.example,bounced\n" + "x,\n" * 30
    (folder / "liste.csv").write_text(rows)
    rehearsed = run("import", "liste.csv", "--dry-run")
    assert rehearsed.stdout == (
        "1 would be added, 0 on the list already, 1 left out (1 bounced), "
        "1 row for an address that stands there before, 30 unusable (plain list)\n"
    )
    assert rehearsed.stderr.count("liste.csv: line") == 11
    assert "and 20 more" in rehearsed.stderr
    assert run("import", "liste.csv", "--told", "2").stderr.count("liste.csv: line") == 3
    found = json.loads(run("import", "liste.csv", "--json").stdout)
    assert {key: value for key, value in found.items() if key != "bad"} == {
        "format": "plain list",
        "added": 0,
        "known": 1,
        "left_out": 1,
        "reasons": {"bounced": 1},
        "duplicates": 1,
        "bad_count": 30,
    }
    assert len(found["bad"]) == 20


def test_an_import_of_nobody_is_bad_data(run: Run, folder: Path) -> None:
    (folder / "liste.csv").write_text("email,status\nb@x.example,bounced\n")
    assert "1 row left out" in run("import", "liste.csv", code=65).stderr


def test_the_list_is_handed_out(run: Run, folder: Path) -> None:
    run("add", "ama@x.example", "--consent", "test")
    out = run("export").stdout_bytes
    assert out.startswith(b"\xef\xbb\xbfaddress,name,status,since,")
    assert json.loads(run("export", "--json").stdout)[0]["address"] == "ama@x.example"
    assert json.loads(run("export", "--consent", "--format", "json").stdout)[0]["act"] == "added"
    run("export", "--consent", "--status", "active", code=2)
    run("export", "--out", "sortie.csv")
    assert (folder / "sortie.csv").read_bytes() == out
    assert "exists already" in run("export", "--out", "sortie.csv", code=65).stderr


def test_somebody_is_forgotten_and_stays_so(run: Run, folder: Path) -> None:
    run("add", "ama@x.example", "--consent", "test")
    assert "would be forgotten" in run("forget", "ama@x.example", "--dry-run").stdout
    run("show", "ama@x.example")
    assert "ama@x.example: forgotten" in run("forget", "ama@x.example", "--yes").stdout
    run("show", "ama@x.example", code=65)
    run("forget", "ama@x.example", "--yes", code=65)
    (folder / "liste.csv").write_text("email\nama@x.example\n")
    assert "0 added, 1 on the list already" in run("import", "liste.csv").stdout
    assert b"ama" not in run("export").stdout_bytes


def test_a_complaint_comes_back_only_by_hand(run: Run, folder: Path, make_room: MakeRoom) -> None:
    run("add", "ama@x.example", "--consent", "test")
    room = make_room()
    with write(room.engine) as connection:
        subscribers.set_status(connection, 1, Status.COMPLAINED, room.clock())
    run("revive", "ama@x.example", code=2)
    assert "would be active" in run("revive", "ama@x.example", "--consent", "par téléphone", "--dry-run").stdout
    run("revive", "ama@x.example", "--consent", "par téléphone")
    shown = json.loads(run("show", "ama@x.example", "--json").stdout)
    assert (shown["status"], shown["consents"][-1]["note"]) == ("active", "par téléphone")
    run("revive", "ama@x.example", "--consent", "encore", code=65)


@pytest.mark.parametrize(
    ("command", "option"), [("export", "--json"), ("forget", "--dry-run"), ("revive", "--dry-run")]
)
def test_reading_speaks_json_and_writing_can_be_rehearsed(run: Run, command: str, option: str) -> None:
    assert option in run(command, "--help").stdout


def test_a_file_that_cannot_be_read_twice_is_refused(folder: Path) -> None:
    with pytest.raises(BadData, match="save the list as a file"):
        look(Path("/dev/null"))
