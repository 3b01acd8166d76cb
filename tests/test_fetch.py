"""fetch: real servers on the loopback, which each test allows; the public internet is a resolver of our own."""

import gzip
import socket
import ssl
import subprocess
import threading
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path

import pytest

from newsletter.errors import FetchError
from newsletter.fetch import Fetcher
from newsletter.fetch.addresses import is_public, may_ask
from tests.needs import needs
from tests.site import Answer, Handler, Site, resolver, serving

FEED = b"<rss><channel><title>Essai</title></channel></rss>"


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as server:
        yield server


def fetcher(**changes: object) -> Fetcher:
    waits: list[float] = []
    made = Fetcher(
        "essai/1 (+https://lettre.journal.example)", **{"sleep": waits.append, "jitter": lambda: 0.5, **changes}
    )  # type: ignore[arg-type]
    made.waits = waits  # type: ignore[attr-defined]
    return made


# --- A plain page ---------------------------------------------------------------------------------


def test_a_page_comes_with_its_validators_verbatim(site: Site) -> None:
    site.answers["/feed"] = lambda h: h.give(
        200, FEED, ETag='W/"é-1;gzip"'.encode().decode("latin-1"), Last_Modified="Mon, 12 Oct 2026 08:00:00 GMT"
    )
    page = fetcher().get(site.url(), allow_private=True)
    assert (page.status, page.body, page.notes) == (200, FEED, ())
    site.answers["/feed"] = lambda h: h.give(304)
    again = fetcher().get(site.url(), page.validators, allow_private=True)
    assert (again.status, again.body, again.validators) == (304, b"", page.validators)
    sent = site.seen[1][2]
    assert sent["If-None-Match"] == 'W/"é-1;gzip"'.encode().decode("latin-1")
    assert sent["If-Modified-Since"] == "Mon, 12 Oct 2026 08:00:00 GMT"


def test_what_is_sent_names_us_and_nothing_else(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    site.answers["/a"] = lambda h: h.give(302, Location="/feed", Set_Cookie="suivi=1")
    site.answers["/feed"] = lambda h: h.give(200, FEED)
    fetcher().get(site.url("/a"), allow_private=True)
    sent = {name.lower(): value for name, value in site.seen[1][2].items()}
    assert sent["user-agent"].startswith("essai/1 (+https://")
    assert "application/rss+xml" in sent["accept"]
    assert sent["accept-encoding"] == "gzip"
    assert not sent.keys() & {"cookie", "referer", "authorization"}


def test_304_without_having_asked_is_an_error(site: Site) -> None:
    site.answers["/feed"] = lambda h: h.give(304)
    with pytest.raises(FetchError, match="answers 304"):
        fetcher().get(site.url(), allow_private=True)


# --- F01: only public addresses --------------------------------------------------------------------

REFUSED = [
    "http://127.0.0.1/", "http://127.8.9.1/", "http://0.0.0.0/", "http://10.0.0.1/", "http://172.16.0.1/",
    "http://172.31.255.254/", "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/",
    "http://100.127.255.254/", "http://192.0.0.8/", "http://192.0.2.1/", "http://198.18.0.1/", "http://198.51.100.7/",
    "http://203.0.113.9/", "http://224.0.0.1/", "http://239.1.2.3/", "http://240.0.0.1/", "http://255.255.255.255/",
    "http://[::1]/", "http://[::]/", "http://[fe80::1]/", "http://[fc00::1]/", "http://[fd00:ec2::254]/",
    "http://[ff02::1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:10.0.0.1]/", "http://[::ffff:a9fe:a9fe]/",
    "http://[64:ff9b::7f00:1]/", "http://[64:ff9b::a9fe:a9fe]/", "http://[64:ff9b:1::a00:1]/", "http://[2002:7f00:1::]/",
    "http://[2002:a00:1::1]/", "http://[::127.0.0.1]/", "http://[2001:db8::1]/", "http://[100::1]/", "http://[2001::1]/",
    "http://localhost/", "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/",
    "http://①②⑦.⓪.⓪.①/",
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
def test_addresses_that_are_not_public_are_refused(url: str) -> None:  # F01
    with pytest.raises(FetchError, match=r"not public|cannot be resolved|no usable address"):
        fetcher().get(url)


@pytest.mark.parametrize(
    "url", ["ftp://journal.example/", "file:///etc/passwd", "gopher://journal.example/", "journal.example/feed", "http://", "http:///feed", "http://a:b@journal.example/", "http://journal.example:99999/"]
)  # fmt: skip
def test_other_schemes_and_odd_urls_are_refused(url: str) -> None:  # F01
    with pytest.raises(FetchError, match=r"only http|no host|no usable|user name"):
        fetcher(resolve=resolver(journal_example="127.0.0.1")).get(url, allow_private=True)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "2606:2800:21f:cb07::1", "64:ff9b::5db8:d70e", "2002:5db8:d70e::1", "::ffff:8.8.8.8"]
)
def test_public_addresses_are_public_in_every_dress(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "224.0.0.1", "0.0.0.0", "fe80::1%eth0", "::ffff:169.254.169.254", "fd00:ec2::254"]
)
def test_a_private_network_never_means_a_clouds_metadata(address: str) -> None:  # F01
    assert not may_ask(address, allow_private=True)


@pytest.mark.parametrize("host", ["journal.example", "deux.example"])
def test_names_are_judged_by_what_they_resolve_to(host: str) -> None:  # F01
    resolve = resolver(journal_example="127.0.0.1", deux_example="10.0.0.1 fd00::1")
    with pytest.raises(FetchError, match=r"not public.*allow_private_network"):
        fetcher(resolve=resolve).get(f"http://{host}/feed")


def test_a_redirect_to_a_private_address_is_refused(site: Site) -> None:  # F01
    for where in (
        "http://169.254.169.254/latest/",
        "http://interne.example/",
        "//169.254.169.254/",
        "file:///etc/passwd",
    ):
        site.answers["/feed"] = lambda h, where=where: h.give(302, Location=where)
        with pytest.raises(FetchError, match=r"redirects to .*(not public|only http)"):
            fetcher(resolve=resolver(interne_example="169.254.169.254")).get(site.url(), allow_private=True)


def test_a_name_is_resolved_once_per_hop_and_the_connection_goes_there(site: Site) -> None:  # F01: rebinding
    answers = iter(["127.0.0.1", "169.254.169.254", "169.254.169.254"])

    def resolve(host: str, port: int, type: int = 0) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, type, 6, "", (next(answers), port))]

    site.answers["/feed"] = lambda h: h.give(200, FEED)
    page = fetcher(resolve=resolve).get(site.url(host="journal.example"), allow_private=True)
    assert page.body == FEED
    assert site.seen[0][2]["Host"].startswith("journal.example:")
    assert next(answers) == "169.254.169.254"  # nobody asked a second time


def test_tls_is_verified(tmp_path: Path) -> None:  # F01: a certificate that nobody vouches for
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [needs("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=journal.example", "-days", "2", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Site() as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.answers["/feed"] = lambda h: h.give(200, FEED)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = server.url(host="journal.example").replace("http:", "https:")
        with pytest.raises(FetchError, match="certificate verify failed"):
            fetcher(resolve=resolver(journal_example="127.0.0.1")).get(url, allow_private=True)
        server.shutdown()
        assert server.seen == []


# --- F02: limits ----------------------------------------------------------------------------------


def test_more_than_five_redirects(site: Site) -> None:  # F02
    site.answers["/feed"] = lambda h: h.give(302, Location="/feed?" + "x" * (len(h.path) % 50))
    with pytest.raises(FetchError, match="more than 5 redirects"):
        fetcher().get(site.url(), allow_private=True)
    assert len(site.seen) == 6


def test_five_redirects_are_followed_and_moving_for_good_is_said(site: Site) -> None:
    for i in range(5):
        site.answers[f"/{i}"] = lambda h, i=i: h.give(301 if i else 308, Location=f"/{i + 1}")
    site.answers["/5"] = lambda h: h.give(200, FEED)
    page = fetcher().get(site.url("/0"), allow_private=True)
    assert page.url == site.url("/5")
    assert page.notes == (f"{site.url('/0')} has moved for good to {site.url('/5')}: change the source's url",)


def test_a_redirect_to_another_host_is_said(site: Site) -> None:
    site.answers["/a"] = lambda h: h.give(302, Location=site.url("/b", "autre.example"))
    site.answers["/b"] = lambda h: h.give(200, FEED)
    resolve = resolver(journal_example="127.0.0.1", autre_example="127.0.0.1")
    page = fetcher(resolve=resolve).get(site.url("/a", "journal.example"), allow_private=True)
    assert page.notes == (f"{site.url('/a', 'journal.example')} redirects to another host: autre.example",)


BOMB = gzip.compress(bytes(60_000_000), 1)


@pytest.mark.parametrize("headers", [{"Content_Encoding": "gzip"}, {}])
def test_a_gzip_bomb_is_stopped_while_it_unpacks(site: Site, headers: dict[str, str]) -> None:  # F02
    site.answers["/feed"] = lambda h: h.give(200, BOMB, **headers)
    with pytest.raises(FetchError, match="larger than 10 MB"):
        fetcher().get(site.url(), allow_private=True)


def test_a_large_page_is_stopped(site: Site) -> None:  # F02
    site.answers["/feed"] = lambda h: h.give(200, b"x" * 10_000_001)
    with pytest.raises(FetchError, match="larger than 10 MB"):
        fetcher().get(site.url(), allow_private=True)
    site.answers["/feed"] = lambda h: h.give(200, b"x" * 10_000_000)
    assert len(fetcher().get(site.url(), allow_private=True).body) == 10_000_000


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (gzip.compress(FEED, mtime=0), {"Content_Encoding": "gzip"}),
        (gzip.compress(FEED, mtime=0), {"Content_Encoding": "x-gzip"}),
        (gzip.compress(FEED, mtime=0), {"Content_Type": "application/rss+xml"}),
        (zlib.compress(FEED), {"Content_Encoding": "deflate"}),
        (zlib.compress(FEED)[2:-4], {"Content_Encoding": "deflate"}),
        (FEED, {"Content_Encoding": "identity"}),
        (b"", {}),
    ],
)
def test_compressions(site: Site, body: bytes, headers: dict[str, str]) -> None:
    site.answers["/feed"] = lambda h: h.give(200, body, **headers)
    assert fetcher().get(site.url(), allow_private=True).body == (FEED if body else b"")


@pytest.mark.parametrize(
    ("body", "encoding", "says"),
    [(b"\x1f\x8bnon", "gzip", "damaged"), (FEED, "gzip", "damaged"), (FEED, "br", "compressed as br")],
)
def test_broken_compression(site: Site, body: bytes, encoding: str, says: str) -> None:
    site.answers["/feed"] = lambda h: h.give(200, body, Content_Encoding=encoding)
    with pytest.raises(FetchError, match=says):
        fetcher().get(site.url(), allow_private=True)


def _drip(data: bytes) -> Answer:
    def answer(handler: Handler) -> None:
        try:
            for byte in data:
                handler.wfile.write(bytes([byte]))
                handler.wfile.flush()
                time.sleep(0.05)
        except OSError:
            pass  # hung up on
        handler.close_connection = True

    return answer


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000,  # in its headers
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1000,  # in a body that ends with the connection
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000,
    ],
)
def test_a_server_that_drips_is_cut_off(site: Site, data: bytes) -> None:  # F02: the whole time, not a step's
    site.answers["/feed"] = _drip(data)
    started = time.monotonic()
    with pytest.raises(FetchError, match=r"took longer than 1\.5 s"):
        fetcher(total=1.5).get(site.url(), allow_private=True)
    assert time.monotonic() - started < 10  # the drip alone would take 50 s


def test_one_request_tells_how_long_it_was_waited_for(site: Site) -> None:
    site.answers["/feed"] = _drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000)
    with pytest.raises(FetchError, match=r"took longer than 0\.7 s"):
        fetcher(total=60).ask("GET", site.url(), allow_private=True, timeout=0.7)


def test_a_tls_handshake_that_never_ends_is_cut_off() -> None:  # F02
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(FetchError, match="took longer"):
        fetcher(total=1).get(f"https://127.0.0.1:{silent.getsockname()[1]}/", allow_private=True)


def test_a_resolver_that_never_answers_is_given_up() -> None:  # F02
    release = threading.Event()

    def resolve(host: str, port: int, type: int = 0) -> list[tuple[object, ...]]:
        release.wait(30)
        raise socket.gaierror(-3, "Temporary failure")

    with pytest.raises(FetchError, match="cannot be resolved"):
        fetcher(resolve=resolve, total=0.5).get("http://journal.example/")
    release.set()


# --- Retries --------------------------------------------------------------------------------------


def _then(*answers: Answer) -> Answer:
    left = list(answers)
    return lambda handler: (left.pop(0) if len(left) > 1 else left[0])(handler)


def test_two_failures_then_a_page(site: Site) -> None:
    site.answers["/feed"] = _then(lambda h: h.give(503), lambda h: h.give(500), lambda h: h.give(200, FEED))
    one = fetcher()
    assert one.get(site.url(), allow_private=True).body == FEED
    assert one.waits == [1.0, 2.0]


def test_three_failures_are_the_end(site: Site) -> None:
    site.answers["/feed"] = lambda h: h.give(502)
    with pytest.raises(FetchError, match="answers 502") as caught:
        fetcher().get(site.url(), allow_private=True)
    assert caught.value.status == 502
    assert len(site.seen) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
def test_a_refusal_is_not_asked_again(site: Site, status: int) -> None:
    site.answers["/feed"] = lambda h: h.give(status, b"non")
    with pytest.raises(FetchError) as caught:
        fetcher().get(site.url(), allow_private=True)
    assert caught.value.status == status
    assert len(site.seen) == 1


def test_a_connection_that_breaks_is_tried_again(site: Site) -> None:
    def hang_up(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        handler.close_connection = True

    site.answers["/feed"] = _then(hang_up, lambda h: h.give(200, FEED))
    assert fetcher().get(site.url(), allow_private=True).body == FEED


def test_nobody_listening_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(FetchError) as caught:
        fetcher().get(f"http://127.0.0.1:{port}/feed", allow_private=True)
    assert "\n" not in str(caught.value)
    assert "refused" in str(caught.value)


NOW = datetime(2026, 10, 12, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "wait"),
    [("7", 7.0), (format_datetime(NOW.replace(second=9), usegmt=True), 9.0), (format_datetime(NOW.replace(hour=7), usegmt=True), 0.0), ("bientôt".encode().decode("latin-1"), 1.0), ("-3", 1.0)],
)  # fmt: skip
def test_retry_after_is_honoured(site: Site, value: str, wait: float) -> None:
    site.answers["/feed"] = _then(lambda h: h.give(429, Retry_After=value), lambda h: h.give(200, FEED))
    one = fetcher(now=lambda: NOW)
    assert one.get(site.url(), allow_private=True).body == FEED
    assert one.waits == [wait]


def test_a_retry_after_beyond_the_total_is_not_waited_for(site: Site) -> None:
    site.answers["/feed"] = lambda h: h.give(429, Retry_After="3600")
    one = fetcher()
    with pytest.raises(FetchError, match="answers 429"):
        one.get(site.url(), allow_private=True)
    assert one.waits == []


# --- status ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "get", "status"),
    [(200, 500, 200), (404, 404, 404), (410, 410, 410), (404, 200, 200), (405, 200, 200), (403, 403, 403)],
)
def test_status_asks_again_by_get_where_head_is_refused(site: Site, head: int, get: int, status: int) -> None:
    site.answers["/a"] = lambda h: h.give(head if h.command == "HEAD" else get)
    assert fetcher().status(site.url("/a"), allow_private=True) == status


def test_status_of_what_does_not_answer(site: Site) -> None:
    assert fetcher(resolve=resolver()).status("http://parti.example/") is None
    assert fetcher().status(site.url("/a")) is None  # private
    site.answers["/a"] = _drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000)
    assert fetcher().status(site.url("/a"), allow_private=True, timeout=0.5) is None
