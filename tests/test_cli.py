"""The command line: what it prints, its JSON, its exit codes. In process, but for what signals and a fresh start prove."""

from __future__ import annotations

import email
import email.policy
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from cli import COMMANDS, cli
from newsletter.commands import EXIT_CODES, EXIT_OF
from newsletter.errors import NewsletterError
from newsletter.store import database
from tests.conftest import TOML
from tests.needs import needs
from tests.smtp_server import Say, ScriptedServer

ROOT = Path(__file__).parent.parent
Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A newsroom's folder, in which we stand; late it never is, whatever the hour of the test."""
    (tmp_path / "articles").mkdir()
    (tmp_path / "newsletter.toml").write_text(
        TOML + '\n[schedule]\nmax_lateness_hours = 24\nsend_at = "23:59"\n', encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    """Run a command; `run("send", code=0)` checks its exit code."""

    def run_it(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(cli, list(arguments), prog_name="newsletter")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return run_it


def figures(result: Result) -> Any:
    return json.loads(result.stdout)


def write_article(folder: Path, title: str, *, hours: float = 1, **front: object) -> Path:
    slug = re.sub(r"\W+", "-", title.lower())
    published = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
    lines = [f'title: "{title}"', f"date: {published}", f"url: https://journal.example/{slug}/"]
    lines += [f"{key}: {value}" for key, value in front.items()]
    path = folder / "articles" / f"{slug}.md"
    path.write_text("---\n" + "\n".join(lines) + f"\n---\n\nTexte de « {title} ».\n", encoding="utf-8")
    return path


@pytest.fixture
def ready(run: Run, folder: Path) -> Run:
    write_article(folder, "Le port rouvre", section="Société")
    write_article(folder, "Le lycée ferme", section="Politique", hours=2)
    run("subscribers", "add", "ama@lecteurs.example", "kodjo@lecteurs.example", "--consent", "test")
    return run


def relay(folder: Path, port: int, **delivery: object) -> None:
    """Send by this server from now on."""
    lines = [f'via = "smtp://127.0.0.1:{port}"'] + [f"{key} = {json.dumps(value)}" for key, value in delivery.items()]
    text = (folder / "newsletter.toml").read_text(encoding="utf-8").split("\n[delivery]")[0]
    (folder / "newsletter.toml").write_text(text + "\n[delivery]\n" + "\n".join(lines) + "\n", encoding="utf-8")


# --- Every command --------------------------------------------------------------------------------


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = list(commands(cli))  # type: ignore[arg-type]


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_every_command_has_help_with_an_example(run: Run, path: tuple[str, ...], command: click.Command) -> None:
    text = run(*path, "--help").stdout
    assert "Example:" in text
    assert f"newsletter {' '.join(path)}" in text
    assert run(*path, "-h").stdout == text


def test_the_commands_of_the_first_release_are_there() -> None:
    names = {" ".join(path) for path, _ in ALL}
    assert names >= {
        *(
            "init",
            "demo",
            "collect",
            "collect try",
            "preview",
            "test-send",
            "send",
            "status",
            "trace",
            "config",
            "adopt",
        ),
        *(f"edition {name}" for name in ("build", "show", "explain", "approve", "hold", "cancel")),
        *(f"subscribers {name}" for name in ("add", "remove", "list", "show", "import")),
        "database backup",
    }
    assert set(COMMANDS) == {path[0] for path, _ in ALL}


@pytest.mark.parametrize(
    "name",
    [
        "status",
        "trace",
        "config",
        "edition show",
        "edition explain",
        "subscribers list",
        "subscribers show",
        "subscribers export",
        "collect try",
        "keys list",
        "embed",
    ],
)
def test_every_reading_command_speaks_json(name: str) -> None:
    command = next(command for path, command in ALL if " ".join(path) == name)
    assert "--json" in {option for parameter in command.params for option in parameter.opts}


@pytest.mark.parametrize(
    "name",
    [
        "init",
        "collect",
        "edition build",
        "edition approve",
        "edition hold",
        "edition cancel",
        "test-send",
        "send",
        "adopt",
        "database backup",
        "subscribers add",
        "subscribers remove",
        "subscribers import",
        "subscribers forget",
        "subscribers revive",
        "tidy",
        "keys rotate",
        "preview",
        "demo",
    ],
)
def test_everything_that_writes_or_sends_can_be_rehearsed(name: str) -> None:
    command = next(command for path, command in ALL if " ".join(path) == name)
    assert "--dry-run" in {option for parameter in command.params for option in parameter.opts}


def test_every_error_has_an_exit_code_that_is_documented() -> None:
    def kinds(kind: type[NewsletterError]) -> Iterator[type[NewsletterError]]:
        yield kind
        for below in kind.__subclasses__():
            yield from kinds(below)

    for kind in kinds(NewsletterError):
        assert kind is NewsletterError or any(issubclass(kind, known) for known in EXIT_OF)
    assert set(EXIT_OF.values()) <= set(EXIT_CODES)


def test_help_is_instant() -> None:
    """Nothing heavy is imported for it: not the database, not the templates, not the configuration."""
    code = "import sys; sys.argv = ['newsletter', '--help']\ntry:\n  import newsletter.__main__ as m; m.main()\nexcept SystemExit: pass\n"
    code += "print([n for n in ('sqlalchemy', 'jinja2', 'pydantic', 'requests', 'nh3', 'babel', 'rich') if n in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


# --- The first hour -------------------------------------------------------------------------------


def test_a_newsroom_is_founded_with_little_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    invoke = CliRunner().invoke
    assert invoke(cli, ["status"]).exit_code == 78
    arguments = ["init", "--title", 'Le « Golfe », quotidien "libre"', "--site", "https://www.golfe.example/"]
    assert invoke(cli, arguments).exit_code == 2
    arguments += ["--from", "lettre@golfe.example"]
    assert "would write" in invoke(cli, [*arguments, "--dry-run"]).stdout
    assert not (tmp_path / "newsletter.toml").exists()
    assert invoke(cli, arguments).exit_code == 0
    assert (tmp_path / "subscribers.db").exists()
    assert (tmp_path / "newsletter.toml").read_text(encoding="utf-8").count("#") > 15
    assert figures(invoke(cli, ["status", "--json"]))["edition"] is None
    again = invoke(cli, arguments)
    assert (again.exit_code, "exists already" in again.stderr) == (65, True)


def test_wrong_answers_found_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["init", "--title", "G", "--site", "golfe", "--from", "lettre"])
    assert result.exit_code == 78
    assert "newsletter.site_url" in result.stderr
    assert "newsletter.from" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_look_is_copied_and_never_overwritten(run: Run, folder: Path) -> None:
    run("init", "--eject-templates")
    own = folder / "templates" / "email" / "edition.txt"
    own.write_text("À nous", encoding="utf-8")
    assert run("init", "--eject-templates").stdout == ""
    assert own.read_text(encoding="utf-8") == "À nous"


def test_the_configuration_is_shown_with_its_origins(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSLETTER_SMTP_PASSWORD", "hunter2")
    view = figures(run("config", "--json"))
    assert view["newsletter.title"] == {"value": "Le Quotidien du Golfe", "from": "newsletter.toml"}
    assert view["delivery.password"]["value"] == "•••"
    assert "hunter2" not in run("config").output


def test_the_configuration_can_be_named_before_or_after_the_command(run: Run, folder: Path) -> None:
    (folder / "newsletter.toml").rename(folder / "other.toml")
    run("status", code=78)
    assert figures(run("--config", "other.toml", "status", "--json")) == figures(
        run("status", "--config", "other.toml", "--json")
    )


def test_a_wrong_configuration_lists_its_mistakes(run: Run, folder: Path) -> None:
    (folder / "newsletter.toml").write_text(TOML + '[delivery]\nrate = "x"\nviá = "y"\n', encoding="utf-8")
    (folder / "newsletter.toml").write_text(TOML + '[delivery]\nrate = "x"\nvai = "y"\n', encoding="utf-8")
    lines = run("status", code=78).stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("newsletter: ") for line in lines)
    (folder / "newsletter.toml").write_text("[newsletter", encoding="utf-8")
    assert "not valid TOML" in run("send", code=78).stderr


# --- The day --------------------------------------------------------------------------------------


def test_a_day_as_an_editor_types_it(ready: Run, folder: Path) -> None:
    assert "2 articles, 2 new" in ready("collect").stdout
    built = figures(ready("edition", "build", "--json"))
    assert [one["title"] for one in built["articles"]] == ["Le lycée ferme", "Le port rouvre"]
    explained = figures(ready("edition", "explain", "--json"))
    assert [set(one) for one in explained] == [{"article", "title", "url", "picked", "place", "reason", "by"}] * 2
    assert [one["place"] for one in explained] == [1, 2]
    assert figures(ready("send", "--dry-run", "--json"))["status"] == "draft"
    sent = figures(ready("send", "--json"))
    assert sent["status"] == "sent"
    assert (sent["articles"], sent["audience"], sent["accepted"]) == (2, 2, 2)
    assert list(sent) == [
        *("edition", "status", "articles", "audience", "accepted", "rejected"),
        *("pending", "deferred", "uncertain", "skipped", "seconds"),
    ]
    assert "was already sent" in ready("send").stdout
    status = figures(ready("status", "--json"))
    assert status["subscribers"]["active"] == 2
    assert {key: status[key] for key in list(sent)[:-1]} == {key: sent[key] for key in list(sent)[:-1]}
    story = figures(ready("trace", "AMA@lecteurs.example", "--json"))
    assert (story["address"], story["status"]) == ("ama@lecteurs.example", "active")
    [delivery] = story["deliveries"]
    assert list(delivery) == ["edition", "state", "attempts", "code", "reply", "message_id", "at"]
    assert (delivery["edition"], delivery["state"], delivery["attempts"]) == (sent["edition"], "accepted", 1)
    assert len(list((folder / "outbox" / "new").iterdir())) == 2


def test_held_and_cancelled_leave_with_four(ready: Run) -> None:
    ready("edition", "hold")
    assert "is held" in ready("send", code=4).stderr
    assert figures(ready("send", "--json", code=4))["status"] == "held"
    ready("edition", "cancel")
    assert figures(ready("send", "--json", code=4))["status"] == "cancelled"
    ready("edition", "build")
    ready("edition", "approve")
    ready("send")
    ready("edition", "hold", code=4)


def test_a_day_in_plain_lines_for_cron(ready: Run) -> None:
    result = ready("send")
    assert result.stderr == ""
    assert len(result.stdout.splitlines()) == 2
    assert "\x1b" not in result.stdout
    for command in (("status",), ("edition", "explain"), ("subscribers", "list"), ("config",)):
        assert "\x1b" not in ready(*command).stdout


def test_nothing_new_leaves_with_nought(ready: Run, folder: Path) -> None:
    for file in (folder / "articles").iterdir():
        file.unlink()
    assert ready("send").stdout.startswith("nothing new today")
    assert figures(ready("send", "--json"))["status"] == "nothing_new"


def test_sources_that_are_down_leave_with_69(ready: Run, folder: Path) -> None:
    (folder / "articles").rename(folder / "elsewhere")
    for command in (("collect",), ("send",), ("edition", "build")):
        assert "all sources are down" in ready(*command, code=69).stderr


def test_a_preview_writes_four_files(ready: Run, folder: Path) -> None:
    shown = figures(ready("preview", "--json"))
    for kind in ("html", "text", "eml", "whatsapp"):
        assert "Le lycée ferme" in Path(shown[kind]).read_text(encoding="utf-8") or kind == "eml"
    assert shown["bytes"] < 80_000
    ready("edition", "explain", code=65)  # nothing was kept
    ready("send")
    before = Path(shown["html"]).read_bytes()
    write_article(folder, "Le port rouvre", section="Société", summary="Autrement.")
    ready("preview")
    assert Path(shown["html"]).read_bytes() == before  # what was sent, not what would be today


def test_a_test_goes_to_whom_it_says_and_into_no_ledger(ready: Run, folder: Path) -> None:
    with ScriptedServer() as server:
        relay(folder, server.port)
        ready("test-send", "redaction@journal.example", "pas une adresse", code=65)
        assert server.messages == []
        ready("test-send", "redaction@journal.example", "ama@lecteurs.example")
        ready("test-send", "redaction@journal.example", "--dry-run")
    assert [one.rcpt for one in server.messages] == [
        "RCPT TO:<redaction@journal.example>",
        "RCPT TO:<ama@lecteurs.example>",
    ]
    for one in server.messages:
        mail = email.message_from_bytes(one.content, policy=email.policy.default)
        assert mail["Subject"] == "[Essai] Le lycée ferme"
    assert figures(ready("trace", "ama@lecteurs.example", "--json"))["deliveries"] == []


def test_the_list_from_a_file(run: Run, folder: Path) -> None:
    (folder / "liste.csv").write_text("\ufeffAdresse;Nom\nama@lecteurs.example;Ama\nx;Y\n", encoding="utf-8")
    result = run("subscribers", "import", "liste.csv", "--consent", "formulaire")
    assert result.stdout.startswith("1 added")
    assert "line 3" in result.stderr
    [one] = figures(run("subscribers", "list", "--json"))
    assert set(one) == {"address", "status", "since"}
    [act] = figures(run("subscribers", "show", "ama@lecteurs.example", "--json"))["consents"]
    assert (act["act"], act["how"], act["note"]) == ("imported", "import", "formulaire")
    (folder / "liste.csv").write_text("email\nx\n", encoding="utf-8")
    run("subscribers", "import", "liste.csv", code=65)
    run("subscribers", "import", "nowhere.csv", code=2)
    run("subscribers", "remove", "ama@lecteurs.example")
    assert "unsubscribed already" in run("subscribers", "remove", "ama@lecteurs.example").stdout
    run("subscribers", "remove", "nobody@lecteurs.example", code=65)


def test_a_source_is_tried_without_a_newsroom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "feed.xml").write_text(FEED.format(items=""), encoding="utf-8")
    (tmp_path / "page.html").write_text("<html><body>Bonjour</body></html>", encoding="utf-8")
    invoke = CliRunner().invoke
    assert figures(invoke(cli, ["collect", "try", "feed.xml", "--json"])) == []
    assert invoke(cli, ["collect", "try", "page.html"]).exit_code == 65
    assert invoke(cli, ["collect", "try", "nowhere.xml"]).exit_code == 65
    assert invoke(cli, ["collect", "try", "http://127.0.0.1:9/feed"]).exit_code == 65
    assert sorted(path.name for path in tmp_path.iterdir()) == ["feed.xml", "page.html"]


# --- Real servers ---------------------------------------------------------------------------------

FEED = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Le Quotidien du Golfe</title>
<link>https://journal.example/</link>{items}</channel></rss>"""
ITEM = """<item><title>{title}</title><link>https://journal.example/{slug}/?utm_source=rss</link>
<guid isPermaLink="false">https://journal.example/?p={number}</guid><pubDate>{date}</pubDate>
<dc:creator>Ama Kpodzo</dc:creator><dc:creator>Kodjo Agbéli</dc:creator><category>Politique</category>
<description>Chapô de « {title} ». [&#8230;]</description></item>"""


@pytest.fixture
def site() -> Iterator[tuple[str, list[str]]]:
    """A newsroom's site that gives a feed of two articles; and the requests it had."""
    seen: list[str] = []
    now = datetime.now(UTC)
    titles = [("L’eau revient à Kpalimé", 2), ("Le pont sera prêt", 5)]
    items = "".join(
        ITEM.format(title=title, slug=f"a{number}", number=number, date=format_datetime(now - timedelta(hours=hours)))
        for number, (title, hours) in enumerate(titles, 1)
    )

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            body = FEED.format(items=items).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/rss+xml; charset=UTF-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/feed/", seen
    server.shutdown()
    server.server_close()
    thread.join()


def read_from_site(folder: Path, url: str) -> None:
    text = (folder / "newsletter.toml").read_text(encoding="utf-8")
    source = f'kind = "feed"\nurl = "{url}"\nallow_private_network = true'
    (folder / "newsletter.toml").write_text(
        text.replace('kind = "folder"\npath = "articles/"', source), encoding="utf-8"
    )


def test_from_a_real_feed_into_a_real_server(run: Run, folder: Path, site: tuple[str, list[str]]) -> None:
    url, seen = site
    read_from_site(folder, url)
    run("subscribers", "add", "ama@lecteurs.example", "kodjo@lecteurs.example")
    with ScriptedServer() as server:
        relay(folder, server.port)
        sent = figures(run("send", "--json"))
    assert (sent["status"], sent["articles"], sent["accepted"]) == ("sent", 2, 2)
    assert set(seen) == {"/feed/"}  # to the letter
    assert len(server.messages) == 2
    for message in server.messages:
        raw = message.raw
        assert b"\n" not in raw.replace(b"\r\n", b"")  # M06
        assert b"\r" not in raw.replace(b"\r\n", b"")
        assert max(map(len, raw.split(b"\r\n"))) <= 998  # M05
        assert b"https://journal.example/a1/" in raw.replace(b"=\r\n", b"")
        assert b"utm_source" not in raw
        assert raw.count(b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n") == 1
    assert server.connections[0].commands[-1] == "QUIT"


def smtp_sink(folder: Path, *flags: str) -> Iterator[int]:
    """Postfix's own sink, which writes each mail it takes into a file."""
    program = needs("smtp-sink")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    dump = folder / "sink"
    dump.mkdir(mode=0o777)
    dump.chmod(0o777)
    for parent in list(dump.parents)[:4]:
        if str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    user = ["-u", "nobody"] if os.getuid() == 0 else []
    command = [program, *user, *flags, "-R", str(dump), "-d", "%M.", f"127.0.0.1:{port}", "100"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    time.sleep(0.5)
    yield port
    process.terminate()
    process.communicate(timeout=10)


def test_into_postfix_s_own_sink(run: Run, folder: Path, site: tuple[str, list[str]]) -> None:
    read_from_site(folder, site[0])
    run("subscribers", "add", *[f"r{i}@lecteurs.example" for i in range(20)])
    for port in smtp_sink(folder):
        relay(folder, port)
        assert figures(run("send", "--json"))["accepted"] == 20
    mails = [path.read_text(encoding="utf-8") for path in (folder / "sink").iterdir()]
    taken = sorted(address for mail in mails for address in re.findall(r"^To: (.*)$", mail, re.MULTILINE))
    assert taken == sorted(f"r{i}@lecteurs.example" for i in range(20))


@pytest.mark.parametrize(
    ("script", "code", "state", "status"),
    [
        ({"RCPT": Say("550 5.1.1 no such user")}, 3, "rejected", "sent"),
        ({"RCPT": Say("554 5.7.1 relay access denied")}, 69, "rejected", "sent"),
        ({"RCPT": Say("450 4.2.0 later")}, 75, "deferred", "sending"),
        ({"MAIL": Say("550 5.7.1 sender refused")}, 69, "pending", "sending"),
        ({".": [Say("", hang_up=True)] * 9}, 3, "uncertain", "sent"),
    ],
)
def test_what_a_relay_says_decides_the_exit_code(
    ready: Run, folder: Path, script: dict[str, Any], code: int, state: str, status: str
) -> None:
    with ScriptedServer(script) as server:
        relay(folder, server.port, connections=1)
        sent = figures(ready("send", "--json", "--max-time", "2s", code=code))
    assert (sent["status"], sent[state]) == (status, 2)


def test_a_relay_that_is_down_leaves_the_rest_for_later(ready: Run, folder: Path) -> None:
    with ScriptedServer() as server:
        port = server.port
    relay(folder, port)
    assert figures(ready("send", "--json", code=75))["pending"] == 2
    with ScriptedServer() as server:
        relay(folder, server.port)
        assert figures(ready("send", "--json"))["accepted"] == 2


def test_what_wants_to_be_alone_and_is_not_was_not_done(ready: Run, folder: Path) -> None:
    """`send` leaves with 0 then, since another does the same; these were wanted of this one."""
    ready("send")
    engine = database.open_engine(f"sqlite:///{folder / 'subscribers.db'}")
    with database.sending_lock(engine):
        for command in (("adopt",), ("resolve", "--accepted")):
            assert "nothing was changed" in ready(*command, code=75).stderr
        assert "another run is sending" in ready("send").stdout
    engine.dispose()


def test_sigterm_finishes_the_message_and_leaves_with_75(ready: Run, folder: Path) -> None:  # R15
    for i in range(30):
        (folder / "liste.csv").write_text("email\n" + "".join(f"r{i}@lecteurs.example\n" for i in range(30)))
    ready("subscribers", "import", "liste.csv")
    with ScriptedServer() as server:
        relay(folder, server.port, rate="5/second", connections=1)
        command = [sys.executable, "-m", "newsletter", "send", "--json"]
        environ = os.environ | {"PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while not server.messages and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "another run is sending" in ready("send").stdout
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 75, err
        stopped = json.loads(out)
        assert stopped["status"] == "sending"
        assert stopped["uncertain"] == 0
        assert stopped["accepted"] == len(server.messages)
        relay(folder, server.port)
        assert figures(ready("send", "--json"))["accepted"] == 32
    recipients = [message.rcpt for message in server.messages]
    assert len(recipients) == len(set(recipients)) == 32


def test_killed_and_run_again_nobody_is_forgotten(ready: Run, folder: Path) -> None:
    (folder / "liste.csv").write_text("email\n" + "".join(f"r{i}@lecteurs.example\n" for i in range(40)))
    ready("subscribers", "import", "liste.csv")
    kills = 0
    with ScriptedServer() as server:
        relay(folder, server.port, rate="20/second", connections=2)
        environ = os.environ | {"PYTHONPATH": str(ROOT)}
        for _ in range(3):
            before = len(server.messages)
            command = [sys.executable, "-m", "newsletter", "send"]
            process = subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.DEVNULL)
            deadline = time.monotonic() + 60
            while len(server.messages) < before + 5 and time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.01)
            process.kill()
            process.wait()
            kills += 1
        relay(folder, server.port)
        found = figures(ready("send", "--json"))
    assert (found["accepted"], found["audience"]) == (42, 42)
    by_reader: dict[str, list[bytes]] = {}
    for message in server.messages:
        by_reader.setdefault(message.rcpt, []).append(message.content)
    assert len(by_reader) == 42
    assert len(server.messages) - 42 <= 2 * kills  # at most one a connection for each kill
    assert all(len(set(copies)) == 1 for copies in by_reader.values())  # and the same bytes


def test_a_backup_taken_while_sending_can_be_put_back(ready: Run, folder: Path) -> None:
    ready("send")
    ready("database", "backup", "copy.db")
    ready("database", "backup", "copy.db", code=69)
    write_article(folder, "Encore un", section="Sport")
    for end in ("", "-wal", "-shm"):
        (folder / f"subscribers.db{end}").unlink(missing_ok=True)
    (folder / "copy.db").rename(folder / "subscribers.db")
    (folder / ".newsletter-instance").unlink()
    assert "newsletter adopt" in ready("send", code=4).stderr
    assert "would be adopted" in ready("adopt", "--dry-run").stdout
    ready("send", code=4)
    ready("adopt")
    assert "was already sent" in ready("send").stdout


def test_the_demo_sends_once_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = CliRunner().invoke(cli, ["demo"])
    assert first.exit_code == 0, first.output
    assert "to 8 of 8 subscribers" in first.stdout
    assert "No reader receives anything" in first.stdout
    assert len(list((tmp_path / "outbox" / "new").iterdir())) == 8
    page = (tmp_path / "preview" / "edition.html").read_text(encoding="utf-8")
    assert (tmp_path / "articles" / "pictures" / "port.jpg").as_uri() in page
    again = CliRunner().invoke(cli, ["demo"])
    assert again.exit_code == 0
    assert "Nothing was sent" in again.stdout
    assert len(list((tmp_path / "outbox" / "new").iterdir())) == 8
    choices = json.loads(CliRunner().invoke(cli, ["edition", "explain", "--json"]).stdout)
    assert len(choices) >= 14
    assert sum(one["picked"] for one in choices) == 12
