"""newsletter.toml: what it may say, where values come from, and how mistakes are told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, time, timedelta
from pathlib import Path

import pytest

from newsletter.config import Config, find, load
from newsletter.errors import ConfigError
from newsletter.newsroom import Newsroom
from tests.conftest import TOML


def load_text(tmp_path: Path, text: str, **environ: str) -> Config:
    path = tmp_path / "newsletter.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, environ)


def problems(tmp_path: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, text, **environ)
    return [line.replace(f"{tmp_path}/", "") for line in caught.value.problems]


def test_the_file_of_the_documentation_is_read_as_it_stands(tmp_path: Path) -> None:
    sample = Path(__file__).parent / "data" / "config" / "full.toml"
    config = load_text(tmp_path, sample.read_text(encoding="utf-8"))
    assert config.newsletter.title == "Le Quotidien du Golfe"
    assert config.newsletter.sender == "Le Quotidien du Golfe <lettre@journal.example>"
    assert config.schedule.send_at == time(6, 30)
    assert config.sources[0].section == "Politique"
    assert config.pick.sections == ("Politique", "Société", "Économie", "Sport")
    assert config.delivery.via.kind == "maildir"
    assert config.delivery.rate is None
    assert config.warnings() == []


def test_what_is_not_said_follows_from_what_is(tmp_path: Path) -> None:
    config = load_text(
        tmp_path,
        '[newsletter]\ntitle = "Golfe"\nsite_url = "https://golfe.example/"\n'
        'public_url = "https://lettre.golfe.example"\nfrom = "lettre@golfe.example"\n',
    )
    assert config.newsletter.name == "Golfe"
    assert config.newsletter.list_id == "lettre.golfe.example"
    assert config.newsletter.site_url == "https://golfe.example"
    assert config.delivery.retry_for_hours == 12


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        TOML.replace('language = "fr"', 'language = "de"\nlangage = "fr"').replace("Africa/Lome", "Africa/Lomé")
        + '[schedule]\nsend_at = "6h30"\ndays = "lun-ven"\n[delivery]\nrate = "fast"\nconnections = 0\nvia = "post"\n',
    )
    text = "\n".join(found)
    for key in (
        "newsletter.langage: unknown key; did you mean language?",
        "newsletter.language: 'de': input should be 'fr' or 'en'",
        "newsletter.timezone: 'Africa/Lomé': is not a time zone",
        "schedule.send_at: '6h30': must be a time of day",
        "schedule.days: 'lun-ven': must name days",
        "delivery.rate: 'fast': must be \"0\"",
        "delivery.connections: 0:",
        "delivery.via: 'post': must be",
    ):
        assert key in text
    assert len(found) == 8
    assert all(line.startswith("newsletter.toml: ") for line in found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[newsletter]", "[newsletter"), "not valid TOML"),
        (('title = "Le Quotidien du Golfe"\n', ""), "newsletter.title: missing"),
        (('kind = "folder"', 'kind = "rss"'), "sources[1].kind"),
        (('path = "articles/"', 'url = "https://journal.example"'), "a folder needs path"),
        (('public_url = "https', 'public_url = "http'), "must begin with https://"),
        (('lettre.journal.example"\nfrom', 'lettre.journal.example/?x=1"\nfrom'), "must not hold ? or #"),
        (("<lettre@journal.example>", "<lettre>"), "newsletter.from"),
        (("<lettre@journal.example>", "<lettre@journal.example>, a@b.example"), "newsletter.from"),
        (('list_id = "lettre', 'list_id = "lét'), "newsletter.list_id"),
        (("[pick]", "[pick]\nmin_articles = 5\nmax_articles = 2"), "min_articles must not be above"),
        (("[pick]", "[pik]"), "pik: unknown key; did you mean pick?"),
        (("[pick]", '[delivery]\nreturn_path = "b@x"\n[pick]'), 'must be "plain" or hold {token}'),
        (("[pick]", '[delivery]\nvia = "smtp+plain://u@relay.example:25"\n[pick]'), "password in the clear"),
        (("[newsletter]", '[newsletter]\ndatabase = "mysql://x"'), "must begin with sqlite:/// or postgresql://"),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    assert change[0] in TOML
    assert said in "\n".join(problems(tmp_path, TOML.replace(*change, 1)))


def test_a_password_in_the_file_is_refused_and_never_printed(tmp_path: Path) -> None:
    found = problems(tmp_path, TOML + '[delivery]\nvia = "smtps://lettre:hunter2@relay.example"\n')
    assert "NEWSLETTER_SMTP_PASSWORD" in found[0]
    assert "hunter2" not in found[0]


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="newsletter init"):
        load(tmp_path / "none.toml", {})


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    path = tmp_path / "newsletter.toml"
    path.write_bytes(TOML.encode("latin-1"))
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(path, {})


def test_the_environment_goes_before_the_file_and_says_so(tmp_path: Path) -> None:
    config = load_text(
        tmp_path,
        TOML,
        NEWSLETTER_TITLE="Autre titre",
        NEWSLETTER_DELIVERY_RATE="200/hour",
        NEWSLETTER_EDITORS="a@journal.example, b@journal.example",
        NEWSLETTER_SMTP_PASSWORD="hunter2",
    )
    assert config.newsletter.title == "Autre titre"
    assert config.newsletter.editors == ("a@journal.example", "b@journal.example")
    assert config.delivery.rate is not None
    assert config.delivery.rate.interval == 18
    view = {key: (value, origin) for key, value, origin in config.view()}
    assert view["newsletter.title"] == ("Autre titre", "environment (NEWSLETTER_TITLE)")
    assert view["newsletter.name"] == ("La lettre du matin", "newsletter.toml")
    assert view["delivery.connections"] == (4, "default")
    assert view["delivery.password"] == ("•••", "environment (NEWSLETTER_SMTP_PASSWORD)")
    assert "hunter2" not in str(view)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://lettre:hunter2@db.example/lettre",
        "postgresql://lettre:hun@hunter2@db.example/lettre",
        "postgresql://lettre:hun%2Fhunter2@db.example/lettre",
        "postgresql://lettre@db.example/lettre?sslmode=require&password=hunter2&connect_timeout=5",
        "postgresql:///lettre?host=/run/postgresql&password=hunter2",
    ],
)
def test_the_view_masks_the_databases_password(tmp_path: Path, url: str) -> None:
    config = load_text(tmp_path, TOML, NEWSLETTER_DATABASE=url)
    assert "hunter2" not in str(list(config.view()))
    assert "hunter2" in config.database_url


@pytest.mark.parametrize("port", ["port", "99999", "-1"])
def test_a_bad_port_of_the_database_is_told(tmp_path: Path, port: str) -> None:
    found = problems(tmp_path, TOML.replace("[newsletter]", f'[newsletter]\ndatabase = "postgresql://u@h:{port}/x"', 1))
    assert "newsletter.database" in found[0]
    assert "port" in found[0]


def test_mistakes_of_all_kinds_come_together(tmp_path: Path) -> None:
    text = TOML.replace("[newsletter]", '[newsletter]\ndatabase = "mysql://x"\nnonsense = 1', 1)
    found = "\n".join(problems(tmp_path, text + '[delivery]\npassword_file = "nowhere"\nconnections = 0\n'))
    for key in ("newsletter.database", "newsletter.nonsense", "delivery.password_file", "delivery.connections"):
        assert key in found


def test_a_password_file_lies_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n", encoding="utf-8")
    (tmp_path / "secret").chmod(0o644)
    config = load_text(tmp_path, TOML + '[delivery]\npassword_file = "secret"\n')
    assert config.password == "hunter2"
    assert "chmod 600" in config.warnings()[0]


def test_paths_start_at_the_file(tmp_path: Path) -> None:
    config = load_text(tmp_path, TOML)
    assert config.resolve("outbox") == tmp_path / "outbox"
    assert config.database_url == f"sqlite:///{tmp_path}/subscribers.db"


def test_the_file_is_found_by_flag_then_environment_then_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find(None, {}) == tmp_path / "newsletter.toml"
    assert find(None, {"NEWSLETTER_CONFIG": "a.toml"}) == tmp_path / "a.toml"
    assert find("b.toml", {"NEWSLETTER_CONFIG": "a.toml"}) == tmp_path / "b.toml"


def test_links_that_lead_to_this_machine_are_not_mailed_to_others(tmp_path: Path) -> None:
    text = TOML.replace("https://lettre.journal.example", "http://127.0.0.1:8000")
    load_text(tmp_path, text + '[delivery]\nvia = "smtp://127.0.0.1:2525"\n')
    found = problems(tmp_path, text + '[delivery]\nvia = "smtp://relay.example:25"\n')
    assert "readers could not unsubscribe" in found[0]


def test_an_answer_nobody_reads_is_warned_of(tmp_path: Path) -> None:  # M25
    config = load_text(tmp_path, TOML.replace("redaction@", "no-reply@"))
    assert "give them an address somebody reads" in config.warnings()[0]


@pytest.mark.parametrize("zone", ["Africa/Lome", "Europe/Paris", "America/New_York"])
def test_lateness_is_counted_from_the_local_hour(tmp_path: Path, zone: str) -> None:
    config = load_text(tmp_path, TOML.replace("Africa/Lome", zone))
    due = config.due(date(2026, 3, 29))
    assert (due.hour, due.minute, str(due.tzinfo)) == (6, 30, zone)
    assert config.too_late(date(2026, 3, 29)) - due.astimezone(UTC) == timedelta(hours=6)


def test_the_newsroom_is_built_only_as_far_as_it_is_used(make_room: Callable[..., Newsroom]) -> None:
    room = make_room()
    assert not room.config.resolve("subscribers.db").exists()
    assert room.engine.dialect.name == "sqlite"
    assert room.config.resolve("subscribers.db").stat().st_mode & 0o777 == 0o600
