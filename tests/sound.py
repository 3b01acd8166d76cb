"""A newsroom with which all is well, as far as the doctor can see, without a packet that leaves the machine: a name
server with its records, its pages by https behind a certificate of their own, and a relay that is only a name."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from werkzeug.serving import WSGIRequestHandler, make_server

from newsletter import config, domainkeys
from newsletter.fetch import Fetcher
from newsletter.mail import keyfiles
from newsletter.newsroom import Newsroom
from newsletter.web import create_app
from tests.conftest import TOML, Clock
from tests.dns_server import NameServer, serving, txt
from tests.fakes import FakeMailer
from tests.site import resolver

HOST = "lettre.journal.example"
PUBLIC = "93.184.215.14"  # an address that counts as public; nothing is ever sent there
SETTINGS = """
[delivery]
via = "smtp+starttls://relais.invalid:587"
[dkim]
domain = "journal.example"
selector = "lettre"
key_file = "lettre.pem"
"""
App = Callable[[dict[str, Any], Any], Any]


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        pass


def certificate(folder: Path, *hosts: str, days: float = 60) -> Path:
    """A certificate that vouches for itself, with its key in the same file."""
    key = generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    file = folder / f"{hosts[0]}.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(made.public_bytes(Encoding.PEM) + pem)
    return file


@dataclass
class Sound:
    """The newsroom, with what stands around it."""

    room: Newsroom
    dns: NameServer
    mailer: FakeMailer
    asked: list[str] = field(default_factory=list)  # "METHOD /path" of each request to the pages
    app: list[App] = field(default_factory=list)  # what answers as the pages: the first

    def forget(self, name: str) -> None:
        self.dns.records = {known: there for known, there in self.dns.records.items() if known != name}

    def put(self, name: str, there: Any) -> None:
        self.dns.records = {**self.dns.records, name: there}


@contextmanager
def https(file: Path, app: App) -> Iterator[int]:
    """An app behind a certificate, on a free port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet, ssl_context=context)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def sound(folder: Path, clock: Clock, *, days: float = 60, settings: str = SETTINGS) -> Iterator[Sound]:
    """All is well until a test changes something."""
    asked: list[str] = []
    apps: list[App] = []

    def dispatch(environ: dict[str, Any], start: Any) -> Any:
        asked.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        return apps[0](environ, start)

    file = certificate(folder, HOST, days=days)
    if not (folder / "lettre.pem").exists():
        keyfiles.make(folder / "lettre.pem", "rsa")
    with https(file, dispatch) as port:
        (folder / "newsletter.toml").write_text(TOML + settings, encoding="utf-8")
        environ = {"NEWSLETTER_PUBLIC_URL": f"https://{HOST}:{port}"}
        room = Newsroom(config.load(folder / "newsletter.toml", environ), clock=clock, sleep=lambda seconds: None)
        hosts = {"lettre_journal_example": "127.0.0.1", "journal_example": "127.0.0.1"}
        room.fetcher = Fetcher("essai", authorities=str(file), resolve=resolver(**hosts), sleep=lambda seconds: None)
        room.mailer = mailer = FakeMailer()
        with serving(right_records(room)) as dns:
            room.lookup = dns.lookup(lifetime=3)
            apps.append(create_app(room))
            yield Sound(room, dns, mailer, asked, apps)
        room.engine.dispose()


def right_records(room: Newsroom) -> dict[str, Any]:
    """What the DNS should hold."""
    keys = {one.name: {"TXT": [txt(one.value)]} for one in domainkeys.records(room)}
    return {
        "journal.example": {
            "TXT": [txt("v=spf1 ip4:192.0.2.25 -all")],
            "MX": ["10 relais.invalid."],
            "A": [PUBLIC],
        },
        "relais.invalid": {"A": ["192.0.2.25"]},
        HOST: {"A": [PUBLIC]},
        "_dmarc.journal.example": {"TXT": [txt("v=DMARC1; p=quarantine; rua=mailto:dmarc@journal.example")]},
        **keys,
    }
