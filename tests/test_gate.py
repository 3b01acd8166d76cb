"""Before the first real send over SMTP off loopback: what send itself would not notice must be in order."""

from __future__ import annotations

import email
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import policy
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from cli import cli
from newsletter import config, daily, edit, going
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.doctor import gate
from newsletter.errors import NotSent
from newsletter.model import Who
from newsletter.newsroom import Newsroom
from newsletter.report import Report
from newsletter.settings import Via
from newsletter.store import database, migrations, notes
from newsletter.store.database import read, write
from tests.browser import reader
from tests.conftest import TOML, Clock
from tests.fakes import FakeMailer
from tests.sound import SETTINGS, Sound, sound

Add = Callable[..., Path]


@pytest.fixture
def clock() -> Clock:
    """The world's, standing: certificates are judged by it."""
    return Clock(datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0))


@pytest.fixture
def well(folder: Path, clock: Clock, add_article: Add) -> Iterator[Sound]:
    """All is well, an article is there, and somebody reads us."""
    with sound(folder, clock) as found:
        add_article("Le port de Lomé s'agrandit")
        reader(found.room)
        yield found


def send(found: Sound, *, force: bool = False) -> Report:
    room = found.room
    return daily.send(room, room.today(), regardless=True, watch=Watch(Stop(room.clock), force=force))


def note(room: Newsroom) -> str | None:
    with read(room.engine) as connection:
        return notes.get(connection, gate.NOTE)


def reached(mailer: FakeMailer) -> list[bytes]:
    return mailer.received["ama@lecteurs.example"]


# --- Which way it is about: pure -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("via", "asked"),
    [
        ("maildir:outbox", False),
        ("smtp://localhost:25", False),
        ("smtp://127.0.0.1:25", False),
        ("smtp://[::1]:25", False),
        ("smtp+starttls://user@relais.invalid:587", True),
        ("smtps://user@relais.invalid", True),
        ("smtp+plain://192.0.2.25:25", True),
    ],
)
def test_only_a_relay_elsewhere_is_real(via: str, asked: bool) -> None:
    assert gate.leaves_the_machine(Via.parse(via)) is asked


# --- What it does ----------------------------------------------------------------------------------


def test_where_all_is_well_it_goes_and_is_asked_once(well: Sound, clock: Clock, add_article: Add) -> None:
    found = send(well)
    assert (found.status, found.accepted, found.problem) == ("sent", 1, None)
    assert "POST" in " ".join(well.asked)  # the link to leave by was tried
    assert note(well.room) == gate.what_it_depends_on(well.room)
    well.dns.asked.clear()
    well.dns.records = {}  # whatever becomes of it now, a morning asks nothing
    clock.move(days=1)
    add_article("Le marché de nuit")
    assert send(well).status == "sent"
    assert well.dns.asked == []
    assert len(reached(well.mailer)) == 2


def test_what_fails_hinders_and_is_told(well: Sound) -> None:
    well.forget("journal.example")
    well.forget("_dmarc.journal.example")
    found = send(well)
    assert isinstance(found.problem, NotSent)
    assert found.status == "draft"
    for words in (
        "dns SPF: journal.example has no SPF record",
        "dns DMARC",
        "`newsletter doctor` tells all",
        "--force",
    ):
        assert words in found.said
    assert reached(well.mailer) == []
    [notice] = well.mailer.received["redaction@journal.example"]  # the editors are told, as of whatever does not go
    letter = email.message_from_bytes(notice, policy=policy.default).get_content()
    _subject, first, *reasons = [line for line in letter.partition("Pour voir")[0].splitlines() if line]
    assert first.startswith("L’édition n’est pas partie\u00a0: des courriels se perdraient")
    beginnings = ["  - dns SPF: ", "  - dns DMARC: ", "  - dns MX journal.example: "]
    assert [line.startswith(one) for line, one in zip(reasons, beginnings, strict=True)] == [True] * 3, "one line each"
    assert note(well.room) is None
    well.dns.records = {**well.dns.records, "journal.example": {"A": ["192.0.2.1"]}}
    assert send(well).status == "draft"  # asked anew each time, until it is well
    assert len(well.mailer.received["redaction@journal.example"]) == 1  # and told once a day


def test_a_rehearsal_foretells_it_and_is_not_hindered(well: Sound) -> None:
    well.forget("_dmarc.journal.example")

    def rehearse(force: bool) -> Report:
        room = well.room
        return daily.send(room, room.today(), regardless=True, dry_run=True, watch=Watch(Stop(room.clock), force=force))

    found = rehearse(force=False)
    assert (found.problem, found.said.startswith("would send")) == (None, True)
    [line] = found.remarks
    assert line.startswith("it would not be sent: dns DMARC")
    assert note(well.room) is None
    assert rehearse(force=True).remarks == ()
    well.dns.records = {**well.dns.records, "_dmarc.journal.example": {"TXT": ['"v=DMARC1; p=none"']}}
    assert rehearse(force=False).remarks == ()
    assert note(well.room) is None, "a rehearsal remembers nothing"


def test_force_passes_it_for_good(well: Sound, clock: Clock, add_article: Add) -> None:
    well.dns.records = {}
    assert send(well, force=True).status == "sent"
    assert well.dns.asked == []  # nobody wants to know
    clock.move(days=1)
    add_article("Le marché de nuit")
    assert send(well).status == "sent"


def test_lookups_that_could_not_be_made_do_not_hinder_and_are_made_again(
    well: Sound, clock: Clock, add_article: Add
) -> None:
    for name in ("journal.example", "_dmarc.journal.example", "lettre._domainkey.journal.example", "relais.invalid"):
        well.put(name, "TROUBLE")
    assert send(well).status == "sent"
    assert note(well.room) is None
    well.dns.records = {}
    clock.move(days=1)
    add_article("Le marché de nuit")
    assert isinstance(send(well).problem, NotSent), "the ledger does not pass for an answer"


@pytest.mark.parametrize("broken", ["pages", "key", "taken"])
def test_readers_who_could_not_leave_hinder_and_mails_that_nobody_could_check(well: Sound, broken: str) -> None:
    if broken == "pages":
        well.app.insert(0, lambda environ, start: (start("502 Bad Gateway", []), [b""])[1])
    elif broken == "key":
        well.put("lettre._domainkey.journal.example", {"TXT": ['"v=DKIM1; k=rsa; p="']})
    else:
        well.app.insert(0, lambda environ, start: (start("200 OK", []), [b"Bienvenue"])[1])
    found = send(well)
    assert isinstance(found.problem, NotSent)
    assert {"pages": "502", "key": "revoked", "taken": "not this program"}[broken] in found.said


def at_work_in_0004(folder: Path, clock: Clock, code: int | None) -> None:
    """A database as the release before left it: one edition, accepted by a relay (250) or by an outbox."""
    engine = database.open_engine(f"sqlite:///{folder}/subscribers.db")
    with write(engine) as connection:
        migrations.run(connection, "0004")
        for statement in (
            "INSERT INTO subscribers (id, address, key, status, since, created_at, variant)"
            " VALUES (1, 'ama@lecteurs.example', 'ama@lecteurs.example', 'active', :now, :now, 'full')",
            "INSERT INTO editions (id, day, slot, status, picked_at, audience, version, shaped)"
            " VALUES (1, '2026-01-05', 'daily', 'sent', :now, 1, 0, 0)",
            "INSERT INTO deliveries (id, edition_id, subscriber_id, address, variant, late, state, attempts, repeated,"
            " code, at) VALUES (1, 1, 1, 'ama@lecteurs.example', 'full', 0, 'accepted', 1, 0, :code, :now)",
        ):
            bound = text(statement)
            values = {"now": clock().replace(tzinfo=None) - timedelta(days=30), "code": code}
            connection.execute(bound, {name: values[name] for name in bound.compile().params})
    engine.dispose()


def test_a_paper_that_was_at_work_before_is_never_asked(folder: Path, clock: Clock, add_article: Add) -> None:
    """Nor when the ledger has long forgotten that it was."""
    at_work_in_0004(folder, clock, 250)
    add_article("Le port de Lomé s'agrandit")
    with sound(folder, clock) as found:
        assert note(found.room) == gate.BEFORE
        with found.room.engine.begin() as connection:
            connection.execute(text("DELETE FROM deliveries"))  # as after a pause longer than retention.ledger
        found.dns.records = {}
        assert gate.foretold(found.room) == ()
        assert send(found).status == "sent"
        assert found.dns.asked == []


def test_a_paper_that_only_filled_an_outbox_is_asked(folder: Path, clock: Clock, add_article: Add) -> None:
    at_work_in_0004(folder, clock, None)
    add_article("Le port de Lomé s'agrandit")
    with sound(folder, clock) as found:
        found.dns.records = {}
        assert isinstance(send(found).problem, NotSent)


@pytest.mark.parametrize("via", ["maildir:outbox", "smtp://127.0.0.1:2525"])
def test_a_rehearsal_on_this_machine_does_not_pass_for_a_relay(
    folder: Path, clock: Clock, add_article: Add, via: str
) -> None:
    add_article("Le port de Lomé s'agrandit")
    (folder / "newsletter.toml").write_text(f'{TOML}[delivery]\nvia = "{via}"\n', encoding="utf-8")
    trial = Newsroom(config.load(folder / "newsletter.toml", {}), clock=clock)
    if via.startswith("smtp"):
        trial.mailer = FakeMailer()
    reader(trial)
    assert daily.send(trial, trial.today(), regardless=True, watch=Watch(Stop(clock))).status == "sent"
    trial.engine.dispose()
    clock.move(days=1)
    add_article("Le marché de nuit")
    with sound(folder, clock) as found:
        found.dns.records = {}
        assert isinstance(send(found).problem, NotSent)


CHANGES = {
    "from": "NEWSLETTER_FROM=lettre@autre.example",
    "via": "NEWSLETTER_DELIVERY_VIA=smtps://relais.invalid",
    "return path": "NEWSLETTER_DELIVERY_RETURN_PATH=b+{token}@retours.journal.example",
    "public url": "NEWSLETTER_PUBLIC_URL=https://autre.journal.example",
    "selector": "NEWSLETTER_DKIM_SELECTOR=lettre-2027",
    "no key": "NEWSLETTER_DKIM_KEY_FILE=",
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_it_depends_on(folder: Path, change: str) -> None:
    (folder / "newsletter.toml").write_text(TOML + SETTINGS.replace('domain = "journal.example"', ""), encoding="utf-8")

    def digest(**environ: str) -> str:
        return gate.what_it_depends_on(Newsroom(config.load(folder / "newsletter.toml", environ)))

    name, _, value = CHANGES[change].partition("=")
    assert digest() == digest(NEWSLETTER_TITLE="Un autre titre")
    assert digest(**{name: value}) != digest()


def test_whoever_changes_the_way_is_asked_once_more(well: Sound, clock: Clock, folder: Path, add_article: Add) -> None:
    assert send(well).status == "sent"
    clock.move(days=1)
    add_article("Le marché de nuit")
    other = Newsroom(
        config.load(
            folder / "newsletter.toml",
            {
                "NEWSLETTER_PUBLIC_URL": well.room.config.newsletter.public_url,
                "NEWSLETTER_DELIVERY_VIA": "smtps://relais.journal.example",
            },
        ),
        clock=clock,
        sleep=lambda seconds: None,
    )
    other.mailer, other.lookup, other.fetcher = well.mailer, well.room.lookup, well.room.fetcher
    well.put("relais.journal.example", {"A": ["198.51.100.9"]})
    found = daily.send(other, other.today(), regardless=True, watch=Watch(Stop(clock)))
    assert "does not let 198.51.100.9 send" in found.said
    other.engine.dispose()


def test_what_an_editor_sends_now_is_asked_too(well: Sound, clock: Clock) -> None:
    """The runner's road: the same place."""
    made = daily.make_edition(well.room, well.room.today())
    called = edit.send_now(well.room, made.edition.id, Who("Ama"))
    clock.now += timedelta(seconds=well.room.config.desk.undo_seconds)
    well.forget("_dmarc.journal.example")
    watch = Watch(Stop(clock))
    found = daily.send_named(well.room, called.name, watch=watch, patient=False, go_at=called.go_at)
    assert isinstance(found.problem, NotSent)
    assert "dns DMARC" in found.said
    assert reached(well.mailer) == []
    held_back = edit.named(well.room, None, called.name)
    assert held_back.remark == found.said, "the desk shows why"
    assert going.called(well.room) == [], "and nobody asks again every minute"


GUIDE = """
[delivery]
via = "smtp+starttls://lettre@smtp.relay.example:587"
return_path = "b+{token}@bounces.journal.example"
[dkim]
domain = "journal.example"
selector = "lettre"
key_file = "lettre.pem"
"""


@pytest.mark.parametrize("page", ["deliverability.md", "bounces.md"])
def test_who_puts_into_the_dns_what_the_guide_says_may_send(folder: Path, clock: Clock, page: str) -> None:
    """With a return path of its own, as both pages advise."""
    docs = Path(__file__).parent.parent / "docs"
    told = re.findall(r"^ {4}(\S+)\. +IN (TXT|MX) +([^(\n]+)$", (docs / page).read_text(encoding="utf-8"), re.MULTILINE)
    with sound(folder, clock, settings=GUIDE) as found:
        found.put("spf.relay.example", {"TXT": ['"v=spf1 ip4:192.0.2.0/28 -all"']})
        found.put("smtp.relay.example", {"A": ["192.0.2.25"]})
        found.put("mail.journal.example", {"A": ["192.0.2.30"]})
        for name, kind, value in told:
            found.put(name, {**found.dns.records.get(name, {}), kind: [value]})
        assert {kind for name, kind, _ in told if name == "bounces.journal.example"} == {"MX", "TXT"}
        gate.check(found.room)
        assert note(found.room) == gate.what_it_depends_on(found.room)


def test_an_edition_on_its_way_is_not_stopped(well: Sound, clock: Clock) -> None:
    reader(well.room, "kodjo@lecteurs.example")
    well.mailer._script = {"kodjo": ["later", "ok"]}
    made = daily.make_edition(well.room, well.room.today())
    named = daily.send_named(well.room, made.edition.name, watch=Watch(Stop(clock)), patient=False)
    assert named.status == "sending"
    with well.room.engine.begin() as connection:
        notes.drop(connection, gate.NOTE)
    well.dns.records = {}
    clock.move(minutes=5)
    assert send(well).status == "sent"


def test_the_command_line_knows_force(folder: Path, add_article: Add) -> None:
    """On loopback nothing is asked, and so --force changes nothing."""
    result = CliRunner().invoke(cli, ["send", "--now", "--force", "--config", str(folder / "newsletter.toml")])
    assert result.exit_code == 0, result.output
