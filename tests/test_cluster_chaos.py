"""A cluster of workers, ill-treated in short (`make chaos` is the whole); and that its judge sees what is wrong."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bench.chaos.cluster import SHORT, clusters
from bench.chaos.doubts import Incident, judge_cluster
from bench.chaos.finding import PASSED, Finding, World, markdown
from bench.chaos.judge import Case
from bench.chaos.outside import ROOT, Took, sink
from bench.chaos.place import POLICIES, Server, Workshop
from bench.chaos.proxy import Proxy
from bench.postgres import Postgres, named, through

AMA, KODJO, YAO = READERS = ["ama@lecteurs.example", "kodjo@lecteurs.example", "yao@lecteurs.example"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("chaos")
    server = Server(folder / "postgres")
    yield World(Workshop(folder, server), random.SystemRandom().randrange(10**6))
    server.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("policy", POLICIES)
def test_whatever_happens_to_a_cluster_nobody_is_lost(world: World, policy: str) -> None:  # R16
    found = clusters(world, policy, plan=SHORT)
    assert found.state == PASSED, f"seed {world.seed}: {found.problems}\n{found.incidents}\n{found.figures}"


# --- The judge finds what is wrong ------------------------------------------------------------------


def took(rcpt: str, at: float) -> Took:
    return Took(rcpt, at - 0.01, at, rcpt, f"<{rcpt}>", 1)


ALL = [took(one, 1.0 + number) for number, one in enumerate(READERS)]


def case(policy: str = "resend", more: tuple[Took, ...] = (), **states: str) -> Case:
    """Everybody has it; `more` came besides, and `ama="uncertain"` is said of her delivery."""
    said = {one: states.get(one.partition("@")[0], "accepted") for one in READERS}
    shown = sum(state == "uncertain" for state in said.values())
    return Case(policy, READERS, said, ("sent", 3), [*ALL, *more], shown=shown)


def incident(*doubted: str) -> Incident:
    return Incident("kill -9", "worker 2", 5.0, set(doubted))


@pytest.mark.parametrize(
    ("one", "incidents", "copies"),
    [
        (case(), [], []),
        (case(), [incident(AMA)], [0]),
        (case(more=(took(AMA, 6),)), [incident(AMA, YAO)], [1]),
        (case(more=(took(AMA, 6), took(AMA, 8))), [incident(AMA), incident(AMA)], [1, 1]),
        (case("hold", ama="uncertain"), [incident(AMA)], [0]),
    ],
)
def test_what_an_incident_explains_is_nobodys_fault(one: Case, incidents: list[Incident], copies: list[int]) -> None:
    assert judge_cluster(one, incidents).problems == []
    assert [each.copies for each in incidents] == copies


@pytest.mark.parametrize(
    ("one", "incidents", "said"),
    [
        (case(more=(took(AMA, 6),)), [incident(YAO)], "1 got more copies than incidents left them in doubt"),
        (case(more=(took(AMA, 6), took(AMA, 7))), [incident(AMA), incident(YAO)], "more copies than incidents"),
        (case(more=(took(AMA, 6),)), [], "1 duplicates, 0 at most"),
        (case("hold", ama="uncertain"), [incident(YAO)], "1 are uncertain whom no incident left in doubt"),
        (case("hold", more=(took(AMA, 6),)), [incident(AMA)], "hold allows none"),
    ],
)
def test_the_judge_finds_what_no_incident_explains(one: Case, incidents: list[Incident], said: str) -> None:
    assert any(said in problem for problem in judge_cluster(one, incidents).problems)


def test_the_report_tells_what_each_incident_has_cost() -> None:
    found, done = Finding("a cluster, ill-treated", "postgresql", "resend", "R16"), incident(AMA)
    found.add(judge_cluster(case(more=(took(AMA, 6),)), [done]), "trial 1")
    found.incidents.append(done.as_dict())
    assert "| resend | kill -9 | worker 2 | 0 | 1 | 1 | 0 |" in markdown([found.ended()], 1)
    assert json.loads(json.dumps(found.as_dict()))["incidents"][0]["copies"] == 1


# --- What it is done with -----------------------------------------------------------------------------


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that says back what it is told; its port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(line,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def answer(line: socket.socket) -> None:
    with line:
        while said := line.recv(1000):
            line.sendall(said)


def test_a_line_can_be_cut_and_mended(echo: int) -> None:
    with closing(Proxy(echo)) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as line:
            line.sendall(b"one")
            assert line.recv(10) == b"one"
            proxy.cut()
            assert line.recv(10) == b""
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", proxy.port), timeout=10)
        proxy.heal()
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as line:
            line.sendall(b"three")
            assert line.recv(10) == b"three"


def test_what_is_said_into_silence_arrives_late(echo: int) -> None:
    with (
        closing(Proxy(echo)) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port), timeout=0.3) as line,
    ):
        line.sendall(b"one")
        assert line.recv(10) == b"one"
        proxy.silence()
        line.sendall(b"two")
        with pytest.raises(TimeoutError):
            line.recv(10)
        proxy.heal()
        line.settimeout(10)
        assert line.recv(10) == b"two"


def test_a_postgresql_is_back_after_a_power_cut(tmp_path: Path) -> None:
    import psycopg

    postgres = Postgres(tmp_path / "postgres")
    try:
        url = postgres.database()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
            postgres.stop("immediate")
            postgres.start()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        before = postgres.cost()
        assert postgres.number(through(url, postgres.port), "SELECT n FROM kept") == 7
        assert postgres.number(postgres.database(like=url), "SELECT n FROM kept") == 7
        cost = postgres.cost() - before
        assert cost.wal > 0
        assert cost.cpu >= 0
        postgres.drop(url)
        assert postgres.number(postgres.url(), f"SELECT count(*) FROM pg_database WHERE datname = '{named(url)}'") == 0
    finally:
        postgres.close()


def test_the_sink_tells_machines_apart(tmp_path: Path) -> None:
    with sink(tmp_path / "log", 0, hosts=3) as outside:
        for host in ("127.0.0.1", "127.0.0.3"):
            with socket.create_connection((host, outside.port), timeout=10) as line:
                line.sendall(
                    b"EHLO a.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<" + host.encode() + b"@c.example>\r\n"
                )
                line.sendall(b"DATA\r\nMessage-ID: <a@b.example>\r\n\r\nBonjour\r\n.\r\nQUIT\r\n")
                assert line.makefile("rb").read().rstrip().splitlines()[-1].startswith(b"221")
        assert [(one.host, one.rcpt) for one in outside.took()] == [
            ("127.0.0.1", "127.0.0.1@c.example"),
            ("127.0.0.3", "127.0.0.3@c.example"),
        ]


def test_what_lasts_long_lasts_less_long_in_a_trial() -> None:
    order = {"shorten": SHORT.shorter}
    program = f"""
import sys
sys.argv = ["driver", {json.dumps(json.dumps(order))}, "--version"]
from bench.chaos import driver
try:
    driver.main()
except SystemExit:
    pass
import inspect
from newsletter.queue import Times
from newsletter.store import lease
print(lease.LASTS.total_seconds(), inspect.signature(lease.lease).parameters["renewed_every"].default, Times().dead)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "4.0 1 4"
