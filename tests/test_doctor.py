"""`newsletter doctor`: each of its looks over real servers on loopback, the command, and a mail that came back."""

from __future__ import annotations

import json
import re
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dkim
import pytest
from click.testing import CliRunner

from cli import cli
from newsletter import config, daily, doctor, preview
from newsletter.commands import doctoring
from newsletter.config import Source
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.doctor import Look, arrived, cluster, dns, edition, house, records, relay, returns, sources, web
from newsletter.doctor.finding import Finding, Level, ok
from newsletter.errors import Unavailable
from newsletter.fetch import Fetcher
from newsletter.links import NOBODY, Purpose
from newsletter.lookup import Lookup
from newsletter.model import Harvest
from newsletter.newsroom import Newsroom
from newsletter.settings import Via
from newsletter.store import database, workers
from newsletter.store.database import write
from newsletter.store.workers import Place
from tests.browser import everything, reader, visit
from tests.conftest import TOML, Clock
from tests.dns_server import serving as dns_serving
from tests.dns_server import txt
from tests.site import serving
from tests.smtp_server import HangUp, Say, ScriptedServer, Silence
from tests.sound import HOST, SETTINGS, Sound, certificate, sound
from tests.test_smtp import smtp_sink

Add = Callable[..., Path]


@pytest.fixture
def clock() -> Clock:
    """The world's, standing: certificates are judged by it."""
    return Clock(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def well(folder: Path, clock: Clock) -> Iterator[Sound]:
    with sound(folder, clock) as found:
        yield found


def levels(findings: list[Finding]) -> dict[str, Level]:
    return {one.name: one.level for one in findings}


def the(findings: Any, name: str) -> Finding:
    [found] = [one for one in findings if one.name == name]
    assert isinstance(found, Finding)
    assert bool(found.remedy) or found.level is Level.OK, "what is not well says what to do"
    return found


# --- The examination --------------------------------------------------------------------------------


def test_with_a_sound_newsroom_nothing_that_lasts_is_wrong(well: Sound) -> None:
    found = doctor.examine(doctor.lasting_looks(well.room))
    assert {one.level for one in found} == {Level.OK}, [one for one in found if one.level is not Level.OK]
    names = [one.name for one in found]
    for wanted in ("keys", "web pages", "web one-click", dns.SPF, "dns DKIM lettre", dns.DMARC, dns.ALIGNED, dns.PTR):
        assert wanted in names
    assert all(one.there for one in records.records(well.room))


def test_each_look_has_its_time_and_none_keeps_another_waiting() -> None:
    def hangs() -> Iterator[Finding]:
        yield ok("slow", "the first half")
        time.sleep(30)

    looks = [Look("slow", hangs, 0.3), Look("other", hangs, 0.3), Look("quick", lambda: [ok("quick", "done")])]
    began, told = time.monotonic(), []
    found = doctor.examine(looks, lambda look: told.append(look.name))
    assert time.monotonic() - began < 10
    assert [one.name for one in found] == ["slow", "slow", "slow", "other", "quick"]
    assert sum("took longer than 0.3 s" in one.said and not one.sure for one in found) == 2
    assert told == ["slow", "other", "quick"]


def test_an_error_that_we_mean_is_a_finding_and_a_fault_is_raised() -> None:
    def down() -> Iterator[Finding]:
        raise Unavailable("all sources are down")
        yield

    def faulty() -> Iterator[Finding]:
        raise ZeroDivisionError
        yield

    [found] = doctor.examine([Look("sources", down)])
    assert (found.level, found.said) == (Level.FAILURE, "all sources are down")
    with pytest.raises(ZeroDivisionError):
        doctor.examine([Look("x", faulty)])


def test_when_all_is_dead_it_is_told_and_not_waited_for(folder: Path, clock: Clock) -> None:
    """A name server that is silent, a relay that never greets, sites that never answer: findings, soon."""
    with ScriptedServer({"CONNECT": Silence()}) as server, socket.socket(type=socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        (folder / "newsletter.toml").write_text(
            f'{TOML}[[sources]]\nkind = "feed"\nurl = "https://journal.example/feed"\n'
            f'[delivery]\nvia = "smtp://127.0.0.1:{server.port}"\n',
            encoding="utf-8",
        )
        room = Newsroom(config.load(folder / "newsletter.toml", {}), clock=clock, sleep=lambda seconds: None)
        room.lookup = Lookup(["127.0.0.1"], port=mute.getsockname()[1], lifetime=0.5)
        room.fetcher = Fetcher(
            "essai", total=1, resolve=lambda *_, **__: time.sleep(2) or [], sleep=lambda seconds: None
        )  # type: ignore[func-returns-value]
        began = time.monotonic()
        found = doctor.examine(doctor.looks(room))
        assert time.monotonic() - began < doctor.LONGEST
        room.engine.dispose()
    assert the(found, "relay").level is Level.FAILURE
    assert the(found, dns.SPF).level is Level.WARNING
    assert not the(found, "web pages").sure  # nobody could say where it is


# --- The readers' pages -----------------------------------------------------------------------------


def test_the_pages_as_a_mail_service_sees_them(well: Sound) -> None:
    found = list(web.look(well.room))
    assert levels(found) == {"web address": Level.OK, "web pages": Level.OK, "web one-click": Level.OK}
    assert re.search(r"good for (59|60) more days", the(found, "web pages").said)


def test_a_link_of_a_test_mail_works_and_changes_nothing(room: Newsroom) -> None:
    reader(room)
    client, before = visit(room), everything(room)
    path = f"/u/{room.signer.token(Purpose.UNSUBSCRIBE, NOBODY)}"
    for answer in (client.get(path), client.post(path, data=web.ONE_CLICK), client.post(path)):
        assert answer.status_code == 200
        assert "courriel d’essai" in answer.text
        assert "Set-Cookie" not in answer.headers
    assert client.post(f"{path[:-8]}{'a' * 8}", data=web.ONE_CLICK).status_code == 404
    assert client.post(f"{path}/back").status_code == 404
    stranger = f"/u/{room.signer.token(Purpose.UNSUBSCRIBE, 999)}"  # of somebody who is forgotten
    assert [client.get(stranger).status_code, client.post(stranger).status_code] == [404, 404]
    assert client.get(f"/p/{room.signer.token(Purpose.PREFERENCES, NOBODY)}").status_code == 404
    assert everything(room) == before


APPS: list[tuple[str, str, str]] = [  # what answers, the line, words of it
    ("200 OK", "web one-click", "not this program"),
    ("403 Forbidden", "web pages", "answers 403"),
    ("502 Bad Gateway", "web pages", "answers 502"),
    ("301 Moved", "web one-click", "is sent on to https://www.journal.example/"),
    ("405 Not Allowed", "web one-click", "is answered by 405"),
    ("401 Unauthorized", "web one-click", "is refused (401)"),
]


@pytest.mark.parametrize(("status", "name", "words"), APPS)
def test_something_else_answers(well: Sound, status: str, name: str, words: str) -> None:
    def app(environ: dict[str, Any], start: Any) -> list[bytes]:
        start(status, [("Location", "https://www.journal.example/")] if status.startswith("3") else [])
        return [b"autre chose"]

    well.app.insert(0, app)
    found = the(web.look(well.room), name)
    assert (found.level, words in found.said) == (Level.FAILURE, True), found


def test_one_click_behind_a_proxy_that_wants_a_log_in(well: Sound) -> None:
    ours = well.app[0]

    def guarded(environ: dict[str, Any], start: Any) -> Any:
        if environ["REQUEST_METHOD"] == "POST":
            start("403 Forbidden", [])
            return [b""]
        return ours(environ, start)

    well.app.insert(0, guarded)
    found = list(web.look(well.room))
    assert the(found, "web pages").level is Level.OK
    assert "is refused (403)" in the(found, "web one-click").said


def test_a_certificate_that_ends_soon_and_one_that_nobody_vouches_for(folder: Path, clock: Clock) -> None:
    with sound(folder, clock, days=5) as found:
        page = the(web.look(found.room), "web pages")
        assert page.level is Level.WARNING
        assert re.search(r"good for [45] more days", page.said)
        found.room.fetcher = Fetcher("essai", resolve=found.room.fetcher._resolve)
        page = the(web.look(found.room), "web pages")
        assert page.level is Level.FAILURE
        assert "certificate verify failed" in page.said


def test_where_the_pages_stand_in_the_dns(well: Sound) -> None:
    well.put(HOST, {"A": ["10.0.0.7"]})
    assert "readers cannot get there" in the(web.look(well.room), "web address").said
    well.forget(HOST)
    assert the(web.look(well.room), "web address").level is Level.FAILURE
    well.put(HOST, "TROUBLE")
    assert the(web.look(well.room), "web address").level is Level.WARNING


def test_http_leads_to_https(room: Newsroom) -> None:
    with serving() as site:
        port = site.server_address[1]
        room.fetcher = Fetcher("essai", sleep=lambda seconds: None)
        place = f"127.0.0.1:{port}"
        site.answers["/"] = lambda handler: handler.give(200, b"en clair")
        assert web._plain(room, place, "").level is Level.WARNING
        site.answers["/"] = lambda handler: handler.give(301, Location="https://lettre.journal.example/")
        assert web._plain(room, place, "").level is Level.OK
    assert "does not answer" in web._plain(room, place, "").said


# --- The relay --------------------------------------------------------------------------------------


def ask(server: ScriptedServer, scheme: str = "smtp", user: str = "", **options: Any) -> list[Finding]:
    via = Via.parse(f"{scheme}://{user}{'@' if user else ''}localhost:{server.port}")
    return list(relay.ask(via, options.pop("password", None), "journal.example", datetime.now(UTC), **options))


def test_a_relay_that_greets_us_and_nothing_is_sent() -> None:
    with ScriptedServer(features=["SIZE 10485760", "PIPELINING", "DSN", "SMTPUTF8"]) as server:
        found = ask(server)
    assert {one.level for one in found} == {Level.OK}
    assert the(found, "relay offers").said == "SIZE, PIPELINING, DSN, SMTPUTF8"
    assert server.commands == ["ehlo journal.example", "QUIT"]


def test_a_relay_with_a_certificate_and_a_log_in(tmp_path: Path) -> None:
    file = certificate(tmp_path, "localhost", days=9)
    context, trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=str(file))
    context.load_cert_chain(file)
    features = ["STARTTLS", "AUTH PLAIN", "SIZE 0"]
    with ScriptedServer(features=features, tls=context, login=("lettre", "s3cret")) as server:
        found = ask(server, "smtp+starttls", "lettre", password="s3cret", context=trust)
        assert "and lets us in" in the(found, "relay").said
        assert the(found, "relay TLS").level is Level.WARNING
        assert re.search(r"good for [89] more days", the(found, "relay TLS").said)
        assert "no PIPELINING" in the(found, "relay offers").said
        wrong = ask(server, "smtp+starttls", "lettre", password="faux", context=trust)
        assert "the log-in as lettre failed" in the(wrong, "relay").said
        assert "not to be trusted" in the(ask(server, "smtp+starttls"), "relay").said


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ({"CONNECT": HangUp()}, "the relay"),
        ({"CONNECT": Say("554 5.7.1 not you")}, "does not want us"),
        ({"EHLO": Say("550 no"), "HELO": Say("550 no")}, "does not accept our greeting"),
    ],
)
def test_a_relay_that_will_not_have_us(script: dict[str, Any], words: str) -> None:
    with ScriptedServer(script) as server:
        [found] = ask(server)
    assert (found.level, words in found.said) == (Level.FAILURE, True), found


def test_a_relay_that_takes_no_large_mail() -> None:
    with ScriptedServer(features=["SIZE 100000"]) as server:
        assert the(ask(server), "relay SIZE").level is Level.FAILURE


def test_postfix_own_test_server_gets_no_mail() -> None:
    with tempfile.TemporaryDirectory() as folder, smtp_sink("-d", f"{folder}/%M.") as port:
        Path(folder).chmod(0o777)  # smtp-sink writes as nobody
        found = list(relay.ask(Via.parse(f"smtp://127.0.0.1:{port}"), None, "journal.example", datetime.now(UTC)))
        assert not list(Path(folder).iterdir())
    assert {one.level for one in found} == {Level.OK}
    assert "PIPELINING" in the(found, "relay offers").said


def test_no_relay_at_all(make_room: Callable[..., Newsroom]) -> None:
    assert the(relay.look(make_room()), "relay").level is Level.WARNING
    room = make_room('via = "smtp+starttls://user@relais.invalid:587"')  # and no password
    assert "NEWSLETTER_SMTP_PASSWORD" in the(relay.look(room), "relay").said


# --- What comes back --------------------------------------------------------------------------------

RETURNS: list[tuple[str, dict[str, str], str, Level]] = [
    ("", {}, "no mailbox is read", Level.WARNING),
    ('return_path = "b+{token}@retours.journal.example"', {}, "nobody reads them", Level.WARNING),
    ("", {"NEWSLETTER_BOUNCES_INBOX": "maildir:absent"}, "absent", Level.FAILURE),
    ("", {"NEWSLETTER_BOUNCES_INBOX": "maildir:articles"}, "articles", Level.FAILURE),  # a folder, and no Maildir
    ("", {"NEWSLETTER_BOUNCES_INBOX": "maildir:retour"}, "is read from", Level.OK),
    ("", {"NEWSLETTER_BOUNCES_INBOX": "imaps://lettre@imap.invalid/INBOX"}, "password", Level.FAILURE),
    (
        "",
        {"NEWSLETTER_BOUNCES_INBOX": "imaps://a@localhost:1/INBOX", "NEWSLETTER_BOUNCES_PASSWORD": "x"},
        "localhost",
        Level.WARNING,
    ),
]


@pytest.mark.parametrize(("delivery", "environ", "words", "level"), RETURNS)
def test_whether_somebody_reads_what_comes_back(
    make_room: Callable[..., Newsroom],
    folder: Path,
    delivery: str,
    environ: dict[str, str],
    words: str,
    level: Level,
) -> None:
    for part in ("new", "cur", "tmp"):
        (folder / "retour" / part).mkdir(parents=True)
    found = the(returns.look(make_room(delivery, **environ)), "returns")
    assert (found.level, words in found.said) == (level, True), found


def test_a_service_that_tells_by_a_hook(make_room: Callable[..., Newsroom]) -> None:
    via = 'via = "smtp+starttls://user@smtp.mailgun.org:587"'
    assert the(returns.look(make_room(via)), "returns hook").level is Level.WARNING
    room = make_room(via, NEWSLETTER_MAILGUN_KEY="clé")
    assert the(returns.look(room), "returns hook").level is Level.OK


# --- The house --------------------------------------------------------------------------------------


def test_the_house_itself(room: Newsroom, clock: Clock) -> None:
    assert the(house.look_at_database(room), "database").level is Level.OK
    assert the(house.look_at_database(room), "database runner").level is Level.WARNING
    disks = list(house.look_at_disk(room))
    assert len(disks) == 1  # all in one folder
    assert [one.level for one in house.look_at_configuration(room)] == [Level.OK]


def test_somebody_was_at_work(room: Newsroom, add_article: Add, clock: Clock) -> None:
    add_article("Le port rouvre")
    reader(room)
    daily.send(room, room.today(), regardless=True, watch=Watch(Stop(clock)))
    assert "was last at work on" in the(house.look_at_database(room), "database runner").said
    clock.move(days=4)
    assert the(house.look_at_database(room), "database runner").level is Level.WARNING


def test_where_machines_share_the_work_the_workers_are_looked_at(
    make_room: Callable[..., Newsroom], new_database: Callable[[str], str]
) -> None:
    room = make_room(NEWSLETTER_DATABASE=new_database("postgresql"))
    assert list(cluster.look(room)) == []
    with write(room.engine) as connection:
        _well, ill = (
            workers.begin(connection, Place(f"{name}.example", 7, "1", "smtp://relay.example")) for name in "ab"
        )
        workers.say(connection, ill, None, {}, "relay.example refuses everything")
    found = list(cluster.look(room))
    assert "a.example, b.example" in the(found, "cluster instance").said
    assert "process 7 on b.example): relay.example refuses" in the(found, "cluster worker").said
    wanted = 2 * cluster.OF_A_WORKER + cluster.OF_THE_REST
    assert f"2 workers, serve and send may want {wanted}" in the(found, "cluster connections").said
    assert cluster._judge_connections(2, 5, wanted).level is Level.OK
    assert cluster._judge_connections(3, 5, wanted).level is Level.WARNING
    assert cluster._judge_connections(0, 99, 100).level is Level.WARNING
    named = make_room(NEWSLETTER_DATABASE=room.config.newsletter.database, NEWSLETTER_INSTANCE="matin")
    with write(named.engine) as connection:
        workers.end(connection, ill)
    assert [one.name for one in cluster.look(named)] == ["cluster worker", "cluster connections"]


@pytest.mark.parametrize(
    ("seconds", "level"),
    [(0, Level.OK), (29, Level.OK), (-29, Level.OK), (31, Level.WARNING), (-200, Level.WARNING), (301, Level.FAILURE),
     (-86_400, Level.FAILURE)],
)  # fmt: skip
def test_the_clock(seconds: int, level: Level) -> None:
    theirs = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
    assert house.judge_clock(theirs + timedelta(seconds=seconds), theirs, "journal.example").level is level


def test_the_clock_against_a_site_that_answers(folder: Path, clock: Clock) -> None:
    with serving() as site:
        site.answers["/"] = lambda handler: handler.give(200, b"la une")
        text = TOML.replace('site_url = "https://journal.example"', f'site_url = "{site.url("/")}"')
        (folder / "newsletter.toml").write_text(text, encoding="utf-8")
        room = Newsroom(config.load(folder / "newsletter.toml", {}), clock=clock)
        assert "could not be looked up" in the(house.look_at_clock(room), "clock").said  # loopback is not public
        room.fetcher = Open("essai", sleep=lambda seconds: None)
        assert the(house.look_at_clock(room), "clock").level is Level.OK
        clock.move(hours=2)
        assert the(house.look_at_clock(room), "clock").level is Level.FAILURE


class Open(Fetcher):
    """Where loopback stands for the world."""

    def ask(self, *args: Any, **values: Any) -> Any:
        return super().ask(*args, **{**values, "allow_private": True})

    def status(self, url: str, allow_private: bool = False, timeout: float = 8.0) -> int | None:
        return super().status(url, True, timeout)


def test_keys_in_files(folder: Path, clock: Clock) -> None:
    (folder / "newsletter.toml").write_text(TOML + SETTINGS, encoding="utf-8")
    room = Newsroom(config.load(folder / "newsletter.toml", {}), clock=clock)
    found = the(house.look_at_keys(room), "keys")
    assert found.level is Level.FAILURE
    assert "no such file" in found.said
    assert list(dns.look_at_dkim(room)) == []  # told once


# --- Sources, and today's edition -------------------------------------------------------------------


def test_each_source(room: Newsroom, add_article: Add, clock: Clock) -> None:
    [source] = room.config.sources
    empty = the(sources.look(room, source), "sources articles/")
    assert empty.level is Level.WARNING
    add_article("Le port rouvre", hours=5)
    found = the(sources.look(room, source), "sources articles/")
    assert (found.level, found.said) == (Level.OK, "1 article by its files, the newest 5 h old")
    clock.move(days=4)
    assert the(sources.look(room, source), "sources articles/").level is Level.WARNING
    feed = Source.model_validate({"kind": "feed", "url": "https://journal.example/feed"})
    broken = sources.judge(feed, Harvest(feed.key, error="the server answers 500"), clock())
    assert broken.level is Level.FAILURE


def test_the_edition_of_today(room: Newsroom, add_article: Add) -> None:
    assert the(edition.look(room), "edition").level is Level.WARNING  # nothing to look at
    add_article("Le port rouvre")
    room.fetcher = Fetcher("essai", resolve=lambda *_, **__: [], sleep=lambda seconds: None)
    found = list(edition.look(room))
    assert "renders" in the(found, "edition").said
    assert any("does not answer" in one.said for one in found if one.name == "edition links")
    assert edition.judge_size("2026-11-23", 150_000).level is Level.FAILURE


def test_an_edition_behind_a_database_that_is_down_is_not_the_sources_fault(room: Newsroom, add_article: Add) -> None:
    add_article("Le port rouvre")
    room.engine.dispose()
    room.engine = database.open_engine(f"sqlite:///{room.config.folder}/none/subscribers.db")
    found = the(edition.look(room), "edition")
    assert found.level is Level.WARNING
    assert found.said.startswith("it could not be looked at: ")
    assert "sources" not in found.remedy
    room.engine.dispose()


def test_a_template_that_breaks(room: Newsroom, folder: Path, add_article: Add) -> None:
    add_article("Le port rouvre")
    (folder / "templates" / "email").mkdir(parents=True)
    (folder / "templates" / "email" / "edition.mjml").write_text("{{ broken", encoding="utf-8")
    found = the(edition.look(room), "edition")
    assert found.level is Level.FAILURE
    assert "edition.mjml" in found.said


def test_links_and_pictures_are_asked_a_bounded_number(room: Newsroom) -> None:
    html = '<a href="https://a.example/1">x</a><img src="http://a.example/p.jpg"><a href="mailto:x@y.example">m</a>'
    ours = "https://lettre.journal.example"
    html += f'<a href="{ours}/u/abc">quitter</a><a href="https://a.example/1">encore</a>'
    assert edition.addresses(html, ours) == ["https://a.example/1", "http://a.example/p.jpg"]
    with serving() as site:
        site.answers["/oui"] = lambda handler: handler.give(200, b"oui")
        room.fetcher = Open("essai", sleep=lambda seconds: None)
        found = list(edition.judge_addresses(room, [site.url("/oui")] * 1 + [site.url("/non")]))
        assert [(one.level, "404" in one.said) for one in found] == [(Level.WARNING, True)]
        many = [site.url(f"/oui?{i}") for i in range(edition.MOST + 5)]
        found = list(edition.judge_addresses(room, many))
        assert [one.said for one in found] == [f"{edition.MOST} links and pictures answer", "5 more were not asked"]


# --- The records to paste ----------------------------------------------------------------------------


def test_records_of_a_bare_domain(well: Sound) -> None:
    well.dns.records = {"relais.invalid": {"A": ["192.0.2.25"]}}
    found = {one.kind: one for one in records.records(well.room)}
    assert not any(one.there for one in found.values())
    assert found["SPF"].value == "v=spf1 a:relais.invalid ~all"
    assert found["DMARC"].value == "v=DMARC1; p=none; rua=mailto:redaction@journal.example"
    assert found["DKIM"].name == "lettre._domainkey.journal.example"
    assert len(found["DKIM"].strings[0]) == 255
    assert "MX" not in found  # bounces come to the From address's domain
    well.put("journal.example", {"TXT": [f'"{found["SPF"].value}"']})
    well.put("_dmarc.journal.example", {"TXT": [f'"{found["DMARC"].value}"']})
    again = {one.kind: one for one in records.records(well.room)}
    assert again["SPF"].there
    assert again["DMARC"].there


def test_what_is_left_out_of_a_record_is_named(well: Sound, capsys: pytest.CaptureFixture[str]) -> None:
    well.put("journal.example", {**well.dns.records["journal.example"], "TXT": ['"v=spf1 mx ipv4:192.0.2.25 -all"']})
    [entry] = [one for one in records.records(well.room) if one.kind == "SPF"]
    assert (entry.value, entry.left_out) == ("v=spf1 mx ~all", ("ipv4:192.0.2.25",))
    doctoring._print_records([entry])
    assert "Left out, since it does not hold: ipv4:192.0.2.25" in capsys.readouterr().out


def test_what_nobody_could_see_is_not_pasted_over(well: Sound) -> None:
    for name in ("journal.example", "_dmarc.journal.example", "lettre._domainkey.journal.example"):
        well.put(name, "TROUBLE")
    assert records.records(well.room) == []


def test_two_records_are_merged_and_gone_tags_dropped(well: Sound) -> None:
    well.put("journal.example", {"TXT": ['"v=spf1 mx -all"', '"v=spf1 include:a.example ~all"']})
    well.put("a.example", {"TXT": ['"v=spf1 -all"']})
    well.put("_dmarc.journal.example", {"TXT": ['"v=DMARC1; p=reject; pct=100; rua=mailto:a@journal.example"']})
    found = {one.kind: one for one in records.records(well.room)}
    assert found["SPF"].value == "v=spf1 include:a.example mx a:relais.invalid ~all"
    assert (found["DMARC"].value, found["DMARC"].there) == ("v=DMARC1; p=reject; rua=mailto:a@journal.example", False)


def test_without_a_relay_no_record_says_that_nobody_sends(make_room: Callable[..., Newsroom]) -> None:
    room = make_room()
    with dns_serving({}) as server:
        room.lookup = server.lookup()
        assert [one.kind for one in records.records(room)] == ["DMARC"]


def test_a_bounce_domain_wants_an_mx(folder: Path, clock: Clock) -> None:
    path = SETTINGS.replace("[dkim]", 'return_path = "b+{token}@retours.journal.example"\n[dkim]')
    with sound(folder, clock, settings=path) as found:
        entry = next(one for one in records.records(found.room) if one.kind == "MX")
        assert (entry.name, entry.value, entry.there) == ("retours.journal.example", "10 relais.invalid.", False)
        assert the(dns.look_at_mx(found.room), "dns MX retours.journal.example").level is Level.FAILURE


def test_a_record_that_the_form_has_put_elsewhere(well: Sound) -> None:
    name = "lettre._domainkey.journal.example"
    there = well.dns.records[name]
    well.forget(name)
    well.put(f"{name}.journal.example", there)
    found = the(dns.look_at_dkim(well.room), "dns DKIM lettre")
    assert "the form has added the domain" in found.said
    assert "lettre._domainkey as its name" in found.remedy


MEANT: list[tuple[str, list[str], str]] = [  # where something like a DMARC record stands, what, words of the finding
    ("_dmarc.journal.example", ["v=DMARC1; p=reject", "v=DMARC1; p=quarantine"], "the strictest: v=DMARC1; p=reject"),
    ("_dmarc.journal.example", ['"v=DMARC1; p=reject"'], "write it as v=DMARC1; p=reject"),
    ("_dmarc.journal.example.journal.example", ["v=DMARC1; p=reject"], "give the form only _dmarc as its name"),
]


@pytest.mark.parametrize(("name", "texts", "words"), MEANT)
def test_where_a_policy_was_meant_no_weaker_one_is_given_to_paste(
    well: Sound, name: str, texts: list[str], words: str
) -> None:
    well.forget("_dmarc.journal.example")
    well.put(name, {"TXT": [txt(one) for one in texts]})
    found = the(dns.look_at_dmarc(well.room), dns.DMARC)
    assert (found.level, found.remedy.endswith(words)) == (Level.FAILURE, True), found
    assert "below" not in found.remedy
    assert [one.value for one in records.records(well.room) if one.kind == "DMARC"] == []


def test_a_policy_that_is_none_is_given_as_what_it_comes_to(well: Sound) -> None:
    well.put("_dmarc.journal.example", {"TXT": [txt("v=DMARC1; p=monitor; rua=mailto:a@journal.example")]})
    assert "as in the record below" in the(dns.look_at_dmarc(well.room), dns.DMARC).remedy
    [entry] = [one for one in records.records(well.room) if one.kind == "DMARC"]
    assert (entry.value, entry.there) == ("v=DMARC1; p=none; rua=mailto:a@journal.example", False)


def test_a_slow_name_server_is_asked_once_for_each_question(well: Sound, capsys: pytest.CaptureFixture[str]) -> None:
    """Nine includes, and a relay with eight addresses: 81 questions, if each were asked for each address."""
    names = [f"i{i}.example" for i in range(9)]
    for name in names:
        well.put(name, {"TXT": ['"v=spf1 ip4:198.51.100.1 -all"']})
    own = {
        **well.dns.records["journal.example"],
        "TXT": [txt(f"v=spf1 {' '.join(f'include:{n}' for n in names)} -all")],
    }
    well.put("journal.example", own)
    well.put("relais.invalid", {"A": [f"192.0.2.{i}" for i in range(1, 9)]})
    well.dns.asked.clear()
    doctoring.run(well.room, send_to=None, received=None, as_json=True)
    assert {well.dns.asked.count(f"{name} TXT") for name in [*names, "journal.example"]} == {1}
    assert json.loads(capsys.readouterr().out)["records"]


def test_records_that_take_too_long_are_left_and_what_was_not_seen_is_not_written(well: Sound) -> None:
    entry = records.Entry("SPF", "TXT", "journal.example", "v=spf1 mx ~all", there=False)
    mx = records.Entry("MX", "MX", "retours.journal.example", "10 mx.example.", there=False)
    left = Finding("dns SPF", Level.WARNING, "took longer than 40 s, and was left", "ask again", sure=False)
    assert records.seen([mx, entry], [left, ok("dns DKIM", "well")]) == [mx]
    assert records.seen([mx, entry], [ok("dns SPF", "well")]) == [entry, mx]
    written: list[records.Entry] = []
    looks = records.looks(well.room, written)
    assert all(one.seconds <= doctor.LONGEST for one in looks)
    assert doctor.examine(looks) == []
    assert {one.kind for one in written} == {"SPF", "DKIM", "DMARC"}


# --- The command --------------------------------------------------------------------------------------


def test_the_command_line(well: Sound, add_article: Add, capsys: pytest.CaptureFixture[str]) -> None:
    add_article("Le port rouvre")
    well.forget("_dmarc.journal.example")
    with ScriptedServer() as server:
        place = well.room.config.delivery.model_copy(update={"via": Via.parse(f"smtp://127.0.0.1:{server.port}")})
        well.room.config.delivery = place
        code = doctoring.run(well.room, send_to="ama@ailleurs.example", received=None, as_json=True)
        told = json.loads(capsys.readouterr().out)
        assert code == 78
        names = {one["name"] for one in told["findings"]}
        assert {"configuration", "database", "clock zone", "disk", "edition", "relay", "returns", "web pages"} <= names
        assert {"sources articles/", "keys", "dns SPF", "dns DMARC", "dns PTR", "test"} <= names
        assert {one["kind"]: one["there"] for one in told["records"]} == {"SPF": True, "DKIM": True, "DMARC": False}
        assert all(one["remedy"] for one in told["findings"] if one["level"] != "ok")
        assert len(well.mailer.received["ama@ailleurs.example"]) == 1
        doctoring.run(well.room, send_to=None, received=None, as_json=False)
    lines = capsys.readouterr().out
    assert re.search(r"^failure  dns DMARC: .+\n {9}→ .+$", lines, re.MULTILINE)
    assert re.search(r"^\d+ ok, \d+ to look at, \d+ wrong$", lines, re.MULTILINE)
    assert '_dmarc.journal.example. IN TXT "v=DMARC1; p=none; rua=mailto:redaction@journal.example"' in lines
    assert "_domainkey" not in lines.partition("wrong")[2]  # what stands there already is not to be pasted


def test_a_file_by_the_command_line(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "test.eml"
    file.write_bytes(b"Subject: autre chose\n\nBonjour\n")
    words = ["doctor", "--received", str(file), "--config", str(folder / "newsletter.toml")]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 78
    assert "failure  received: its List-Id is not that of this newsroom" in result.stdout


@pytest.mark.parametrize(
    ("failed", "code"),
    [([], 0), (["sources x"], 69), (["relay", "database"], 69), (["dns SPF"], 78), (["relay", "web pages"], 78)],
)
def test_exit_codes(failed: list[str], code: int) -> None:
    found = [ok("house", "stands"), *[Finding(name, Level.FAILURE, "", "") for name in failed]]
    assert doctoring._exit_code(found) == code


# --- A test mail, sent and come back ---------------------------------------------------------------


def test_a_test_is_sent_where_one_is_wanted(well: Sound, add_article: Add) -> None:
    nothing = the(arrived.send(well.room, "ama@ailleurs.example"), "test")
    assert nothing.level is Level.FAILURE
    assert the(arrived.send(well.room, "keine Adresse"), "test").level is Level.FAILURE
    add_article("Le port rouvre")
    sent = the(arrived.send(well.room, "ama@ailleurs.example"), "test")
    assert "--received" in sent.remedy
    assert len(well.mailer.received["ama@ailleurs.example"]) == 1


@pytest.fixture
def came(well: Sound, add_article: Add) -> bytes:
    """A test mail as a mailbox abroad holds it."""
    add_article("Le port rouvre")
    preview.send_test(well.room, None, ["ama@ailleurs.example"])
    [raw] = well.mailer.received["ama@ailleurs.example"]
    results = (
        b"Authentication-Results: mx.ailleurs.example; dkim=pass header.d=journal.example;\r\n spf=pass; dmarc=pass\r\n"
    )
    return b"Return-Path: <lettre@journal.example>\r\n" + results + raw


def test_a_mail_that_came_back_whole(well: Sound, came: bytes) -> None:
    for raw in (came, came.replace(b"\r\n", b"\n")):  # as many programs save it
        found = arrived.look(well.room, raw)
        assert {one.level for one in found} == {Level.OK}, found
        assert "covers the link to leave by" in the(found, "received DKIM journal.example").said
        assert "mx.ailleurs.example says dkim=pass, dmarc=pass, spf=pass" in the(found, "received verdict").said


TAMPERED: list[tuple[str, Callable[[bytes], bytes], str, str, Level]] = [
    ("footer", lambda raw: raw + b"Envoi par relais\r\n", "received DKIM journal.example", "the text was changed", Level.FAILURE),
    ("subject", lambda raw: raw.replace(b"Subject: ", b"Subject: [PUB] "), "received DKIM journal.example", "the header was", Level.FAILURE),
    ("no one-click", lambda raw: re.sub(rb"List-Unsubscribe-Post:.*\r\n", b"", raw), "received List-Unsubscribe", "no one-click", Level.FAILURE),
    ("clicks", lambda raw: raw.replace(b"<https://lettre.", b"<https://clics.relais.", 1), "received List-Unsubscribe", "was changed", Level.FAILURE),
    ("unsigned", lambda raw: raw.replace(b"DKIM-Signature", b"X-Was"), "received DKIM", "no signature is left", Level.FAILURE),
    ("not ours", lambda raw: raw.replace(b"List-Id", b"X-Id"), "received", "List-Id", Level.FAILURE),
    ("verdict", lambda raw: raw.replace(b"dmarc=pass", b"dmarc=fail"), "received verdict", "dmarc=fail", Level.FAILURE),
    ("spf", lambda raw: raw.replace(b"spf=pass", b"spf=softfail"), "received verdict", "spf=softfail", Level.WARNING),
    ("mute", lambda raw: raw.replace(b"Authentication-Results", b"X-Results"), "received verdict", "no Authentication", Level.WARNING),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "name", "words", "level"), [one[1:] for one in TAMPERED], ids=[one[0] for one in TAMPERED]
)
def test_what_is_lost_on_the_way(
    well: Sound, came: bytes, change: Callable[[bytes], bytes], name: str, words: str, level: Level
) -> None:
    changed = change(came)
    assert changed != came
    found = the(arrived.look(well.room, changed), name)
    assert (found.level, words in found.said) == (level, True), found


def test_a_signature_that_leaves_the_link_to_leave_by_open(well: Sound, came: bytes, folder: Path) -> None:
    """As a relay may sign, which does not know RFC 8058."""
    bare = re.sub(rb"DKIM-Signature:(?:.*\r\n)(?:[ \t].*\r\n)*", b"", came)
    names = [b"from", b"to", b"subject", b"date"]
    pem = (folder / "lettre.pem").read_bytes()
    raw = dkim.sign(bare, b"lettre", b"journal.example", pem, include_headers=names) + bare
    found = the(arrived.look(well.room, raw), "received DKIM journal.example")
    assert found.level is Level.FAILURE
    assert "does not cover list-unsubscribe and list-unsubscribe-post" in found.said
    stranger = dkim.sign(bare, b"lettre", b"relais.example", pem) + came
    well.put("lettre._domainkey.relais.example", well.dns.records["lettre._domainkey.journal.example"])
    both = arrived.look(well.room, stranger)
    assert "another domain than that of From" in the(both, "received DKIM relais.example").said
    assert the(both, "received DKIM journal.example").level is Level.OK


def test_whose_key_is_not_there(well: Sound, came: bytes) -> None:
    name = "lettre._domainkey.journal.example"
    well.put(name, "TROUBLE")
    assert not the(arrived.look(well.room, came), "received DKIM journal.example").sure
    well.forget(name)
    assert the(arrived.look(well.room, came), "received DKIM journal.example").level is Level.FAILURE


def test_a_relays_own_signature_without_a_key_is_the_relays_business(well: Sound, came: bytes, folder: Path) -> None:
    stranger = dkim.sign(came, b"x", b"relais.example", (folder / "lettre.pem").read_bytes()) + came
    found = arrived.look(well.room, stranger)
    assert the(found, "received DKIM relais.example").level is Level.WARNING
    assert the(found, "received DKIM journal.example").level is Level.OK


def test_either_a_test_is_sent_or_one_is_looked_at(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "test.eml").write_bytes(b"Subject: x\n\nx\n")
    words = ["doctor", "--received", str(tmp_path / "test.eml"), "--send-to", "ama@ailleurs.example"]
    result = CliRunner().invoke(cli, [*words, "--config", str(folder / "newsletter.toml")])
    assert result.exit_code == 2
    assert "goes without --send-to" in result.output


def test_a_file_that_is_no_mail(well: Sound, tmp_path: Path) -> None:
    for raw in (b"", b"\x00\xff" * 500, b"Bonjour\n", b"From: x\r\n\r\n"):
        [found] = arrived.look(well.room, raw)
        assert found.level is Level.FAILURE
