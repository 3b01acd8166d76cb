"""[dkim] and its keys: what is refused and when, what `dkim keygen` makes, and that all mail of a newsroom is signed."""

from __future__ import annotations

import re
import stat
import subprocess
import tomllib
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from cli import cli
from newsletter import config, daily, domainkeys, post, preferences, preview, subscribe
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.errors import BadData, ConfigError
from newsletter.mail import keyfiles
from newsletter.model import DAILY, DeliveryState, EditionStatus, Origin, Variant
from newsletter.newsroom import Newsroom
from newsletter.store import editions
from newsletter.store import letters as letter_rows
from newsletter.store.database import read
from tests.conftest import TOML, Clock
from tests.fakes import FakeMailer
from tests.needs import needs
from tests.signatures import signatures, verdicts

# Verifiers refuse a signature of a time to come: long enough ago for whatever clock a test runs by.
MORNING = datetime(2024, 11, 25, 6, 30, tzinfo=UTC)
DAY = date(2024, 11, 25)
BOTH = """
selector = "lettre"
key_file = "rsa.pem"
ed25519_selector = "lettre-ed"
ed25519_key_file = "ed25519.pem"
"""
ORIGIN = Origin("page", None, None, "192.0.2.0/24")
Add = Callable[..., Path]


@pytest.fixture
def clock() -> Clock:
    return Clock(MORNING)


@pytest.fixture
def make_signed(folder: Path, clock: Clock) -> Callable[..., Newsroom]:
    """A newsroom with that [dkim] table."""

    def make(dkim: str = BOTH) -> Newsroom:
        (folder / "newsletter.toml").write_text(f"{TOML}\n[dkim]\n{dkim}\n", encoding="utf-8")
        return Newsroom(config.load(folder / "newsletter.toml", {}), clock=clock, sleep=lambda seconds: None)

    return make


@pytest.fixture
def signed(make_signed: Callable[..., Newsroom], folder: Path) -> Newsroom:
    keyfiles.make(folder / "rsa.pem", "rsa")
    keyfiles.make(folder / "ed25519.pem", "ed25519")
    return make_signed()


def mails(room: Newsroom) -> list[bytes]:
    return [path.read_bytes() for path in sorted(room.config.resolve("outbox/new").glob("*"))]


def all_right(room: Newsroom, contents: list[bytes]) -> bool:
    records = domainkeys.records(room)
    return bool(contents) and all(verdicts(content, records) == [True, True] for content in contents)


# --- All mail of a newsroom is signed ---------------------------------------------------------------


def send(room: Newsroom) -> None:
    found = daily.send(room, DAY, watch=Watch(Stop(room.clock)))
    assert found.problem is None, found.said


def test_editions_are_signed_for_every_reader(signed: Newsroom, add_article: Add) -> None:  # M19 M20 M21
    add_article("Le port rouvre")
    subscribe.add(signed, ["ama@exämple.example", "o'neil@lecteurs.example", "efua@lecteurs.example"], "test")
    reader = subscribe.find(signed, "efua@lecteurs.example")
    preferences.choose_variant(signed, reader, Variant.TEXT, ORIGIN)
    send(signed)
    found = mails(signed)
    assert len(found) == 3
    assert sum(b"multipart/alternative" in one for one in found) == 2
    assert all_right(signed, found)


def test_tests_and_letters_are_signed(signed: Newsroom, add_article: Add) -> None:  # M19
    add_article("Le port rouvre")
    preview.send_test(signed, DAY, ["redaction@journal.example"])
    subscribe.sign_up(signed, "kodjo@lecteurs.example", ORIGIN, language="fr")
    assert post.send_waiting(signed) == 1
    found = mails(signed)
    assert len(found) == 2
    assert all_right(signed, found)


def test_a_retry_of_an_edition_is_the_same_to_the_last_byte(signed: Newsroom, add_article: Add, clock: Clock) -> None:
    # M04
    relay = signed.mailer = FakeMailer({"ama": ["doubt", "ok"]})
    add_article("Le port rouvre")
    subscribe.add(signed, ["ama@lecteurs.example"], "test")
    send(signed)
    first, second = relay.received["ama@lecteurs.example"]
    assert first == second
    assert all_right(signed, [first])


def test_a_letter_keeps_its_signature_from_the_first_attempt_on(
    signed: Newsroom, folder: Path, make_signed: Callable[..., Newsroom], clock: Clock
) -> None:  # M04
    relay = signed.mailer = FakeMailer({"kodjo": ["later"]})
    subscribe.sign_up(signed, "kodjo@lecteurs.example", ORIGIN, language="fr")
    post.send_waiting(signed)
    with read(signed.engine) as connection:
        [kept] = letter_rows._all(connection, letter_rows.letters.c.id > 0)
    assert kept.content is not None
    (folder / "rsa.pem").unlink()  # another key meanwhile
    keyfiles.make(folder / "rsa.pem", "rsa")
    later = make_signed()
    later.mailer = relay
    clock.move(hours=2)
    assert post.send_waiting(later) == 1
    assert relay.received["kodjo@lecteurs.example"] == [kept.content]


def test_without_a_key_nothing_is_signed(room: Newsroom, add_article: Add) -> None:
    add_article("Le port rouvre")
    subscribe.add(room, ["ama@lecteurs.example"], "test")
    send(room)
    [mail] = mails(room)
    assert not signatures(mail)


# --- A key that cannot be used ----------------------------------------------------------------------


def spoilt(folder: Path, how: str) -> None:
    """The RSA key's file, in some bad state."""
    path = folder / "rsa.pem"
    pem, pkcs8 = Encoding.PEM, PrivateFormat.PKCS8
    key = rsa.generate_private_key(65537, 1024)
    path.unlink()
    if how == "a folder":
        path.mkdir()
    elif how == "no key":
        path.write_text("-----BEGIN PRIVATE KEY-----\nBonjour\n-----END PRIVATE KEY-----\n", encoding="ascii")
    elif how == "not text":
        path.write_bytes(b"\xff\x00")
    elif how == "locked":
        path.write_bytes(key.private_bytes(pem, pkcs8, BestAvailableEncryption(b"mot de passe")))
    elif how == "another kind":
        path.write_bytes(ec.generate_private_key(ec.SECP256R1()).private_bytes(pem, pkcs8, NoEncryption()))
    elif how == "the other kind":
        path.write_bytes((folder / "ed25519.pem").read_bytes())


TROUBLES = {
    "missing": "no such file; `newsletter dkim keygen` makes one",
    "a folder": "Is a directory",
    "no key": "is no private key in PEM form",
    "not text": "is no private key in PEM form",
    "locked": "is locked by a password",
    "another kind": "is no RSA key",
    "the other kind": "is no RSA key",
}


@pytest.mark.parametrize("how", TROUBLES)
def test_a_key_that_cannot_be_used_is_told_before_anything_is_frozen(
    signed: Newsroom, folder: Path, add_article: Add, how: str
) -> None:
    add_article("Le port rouvre")
    subscribe.add(signed, ["ama@lecteurs.example"], "test")
    subscribe.sign_up(signed, "kodjo@lecteurs.example", ORIGIN, language="fr")
    spoilt(folder, how)
    with pytest.raises(ConfigError) as caught:
        daily.send(signed, DAY, watch=Watch(Stop(signed.clock)))
    [problem] = caught.value.problems
    assert problem.startswith(f"{folder / 'newsletter.toml'}: dkim.key_file: {folder / 'rsa.pem'}: ")
    assert TROUBLES[how] in problem
    assert mails(signed) == []
    with read(signed.engine) as connection:
        edition = editions.get(connection, DAY, DAILY)
        assert edition is None or edition.status is EditionStatus.DRAFT
        [letter] = letter_rows._all(connection, letter_rows.letters.c.id > 0)
    assert letter.state is DeliveryState.PENDING  # it waits, and is no fault of the reader's
    assert letter.content is None


def test_a_key_too_short_to_be_believed(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 1024)
    path = tmp_path / "rsa.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert keyfiles.read(path, "rsa").public_key() == key.public_key()
    path.unlink()
    subprocess.run([needs("openssl"), "genrsa", "-out", str(path), "512"], check=True, capture_output=True)
    with pytest.raises(ConfigError, match="best 2048"):
        keyfiles.read(path, "rsa")


def test_every_key_s_trouble_is_told_at_once(make_signed: Callable[..., Newsroom]) -> None:
    with pytest.raises(ConfigError) as caught:
        make_signed().sealer  # noqa: B018
    assert [re.search(r"dkim\.\w+", problem)[0] for problem in caught.value.problems] == [  # type: ignore[index]
        "dkim.key_file",
        "dkim.ed25519_key_file",
    ]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('key_file = "rsa.pem"', "key_file needs a selector"),
        (
            'selector = "a"\nkey_file = "rsa.pem"\ned25519_key_file = "e.pem"',
            "ed25519_key_file needs an ed25519_selector",
        ),
        ('ed25519_selector = "a"\ned25519_key_file = "e.pem"', "never alone"),  # M21
        ('selector = "a"\ned25519_selector = "a"', "must be two names"),
        ('selector = "à bientôt"', "must be letters, digits, hyphens and dots"),
        ('selector = "a; d=x"', "must be letters, digits, hyphens and dots"),
        ('domain = "journal"', "must be a domain"),
        ('domain = "jöurnal.example"', "must be a domain"),
        (
            'domain = "autre.example"',
            "must be journal.example, the domain of newsletter.from, or stand above or below it",
        ),
        ('domain = "al.example"', "must be journal.example"),
    ],
)
def test_what_dkim_may_not_say(make_signed: Callable[..., Newsroom], table: str, said: str) -> None:  # M19
    with pytest.raises(ConfigError) as caught:
        make_signed(table)
    assert said in str(caught.value)


@pytest.mark.parametrize("domain", ["journal.example", "Journal.Example", "lettre.journal.example", ""])
def test_the_signature_s_domain_is_that_of_from_or_near_it(make_signed: Callable[..., Newsroom], domain: str) -> None:
    assert make_signed(f'domain = "{domain}"').config.signing_domain == (domain.lower() or "journal.example")


def test_a_key_that_others_can_read_is_warned_of(signed: Newsroom, folder: Path) -> None:
    assert not [line for line in signed.config.warnings() if "dkim" in line]
    for name in ("rsa.pem", "ed25519.pem"):
        (folder / name).chmod(0o644)
    assert [line.partition(":")[0] for line in signed.config.warnings()] == ["dkim.key_file", "dkim.ed25519_key_file"]


# --- dkim keygen, dkim show --------------------------------------------------------------------------


@pytest.fixture
def run(folder: Path) -> Callable[..., Result]:
    def run_it(*arguments: str, code: int = 0) -> Result:
        toml = str(folder / "newsletter.toml")
        result = CliRunner().invoke(cli, ["dkim", *arguments, "--config", toml], prog_name="newsletter")
        assert result.exit_code == code, result.output
        return result

    return run_it


def table_in(output: str) -> str:
    """What a command said for newsletter.toml."""
    return output[output.index("[dkim]") :]


def test_what_keygen_prints_makes_mails_that_verify(
    run: Callable[..., Result], folder: Path, add_article: Add, make_signed: Callable[..., Newsroom]
) -> None:
    said = run("keygen", "--ed25519").stdout
    for name in ("dkim-newsletter.pem", "dkim-newsletter-ed25519.pem"):
        assert f"written: {folder / name}" in said
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    lines = tomllib.loads(table_in(said))["dkim"]
    assert lines == {
        "domain": "journal.example",
        "selector": "newsletter",
        "key_file": "dkim-newsletter.pem",
        "ed25519_selector": "newsletter-ed25519",
        "ed25519_key_file": "dkim-newsletter-ed25519.pem",
    }
    room = make_signed(table_in(said).removeprefix("[dkim]"))
    add_article("Le port rouvre")
    preview.send_test(room, DAY, ["redaction@journal.example"])
    assert all_right(room, mails(room))
    shown = run("show").stdout
    assert shown in said
    for one in domainkeys.records(room):
        assert f"\n{one.name}\n{one.value}\n" in shown
        assert f"\n{one.name}. IN TXT " in shown
        assert all(f'"{string}"' in shown and len(string) <= 255 for string in one.strings)


def test_a_key_is_never_overwritten(run: Callable[..., Result], folder: Path) -> None:
    run("keygen")
    before = (folder / "dkim-newsletter.pem").read_bytes()
    assert "never overwritten" in run("keygen", code=65).stderr
    assert f"there already: {folder / 'dkim-newsletter.pem'}" in run("keygen", "--ed25519").stdout
    assert (folder / "dkim-newsletter.pem").read_bytes() == before
    run("keygen", "--selector", "lettre-2027")
    assert (folder / "dkim-lettre-2027.pem").exists()
    with pytest.raises(BadData, match="never overwritten"):
        keyfiles.make(folder / "dkim-newsletter.pem", "rsa")
    assert (folder / "dkim-newsletter.pem").read_bytes() == before


def test_keygen_makes_what_the_configuration_names(make_signed: Callable[..., Newsroom], folder: Path) -> None:
    room = make_signed()
    made = domainkeys.keygen(room, None, ed25519=True)
    assert [(one.selector, one.path.name) for one in made] == [("lettre", "rsa.pem"), ("lettre-ed", "ed25519.pem")]
    assert [one.record for one in made] == domainkeys.records(room)


def test_a_rehearsal_of_keygen_writes_nothing(run: Callable[..., Result], folder: Path) -> None:
    before = sorted(folder.iterdir())
    assert "would write" in run("keygen", "--ed25519", "--dry-run").stdout
    assert sorted(folder.iterdir()) == before


def test_a_selector_that_is_none(run: Callable[..., Result]) -> None:
    assert "is no selector" in run("keygen", "--selector", "à bientôt", code=65).stderr


def test_show_without_a_key(run: Callable[..., Result]) -> None:
    assert "`newsletter dkim keygen` makes one" in run("show", code=78).stderr
