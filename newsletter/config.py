"""newsletter.toml and the environment → one frozen Config. The only reader of os.environ.

A value comes from the environment (`NEWSLETTER_TITLE`, `NEWSLETTER_DELIVERY_VIA`, …), else from the file, else
from the defaults below. Every mistake is reported in one go, each with its key and what is allowed.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from newsletter import values
from newsletter.errors import ConfigError
from newsletter.settings import Days, Inbox, Rate, Via
from newsletter.tables import (
    DeliveryTable,
    DeskTable,
    DkimTable,
    MonitorTable,
    NewsletterTable,
    PickTable,
    PrivacyTable,
    ScheduleTable,
    SignUpTable,
    Source,
    Table,
    Tables,
    WebTable,
)

__all__ = [
    "Config",
    "DeliveryTable",
    "DeskTable",
    "DkimTable",
    "MonitorTable",
    "NewsletterTable",
    "PickTable",
    "PrivacyTable",
    "ScheduleTable",
    "SignUpTable",
    "Source",
    "WebTable",
    "find",
    "load",
    "load_all",
]

FILE_NAME = "newsletter.toml"
SHAPES = {  # what pydantic says of them speaks of Python
    "model_type": "must be a table, as [{key}]",
    "model_attributes_type": "must be a table, as [{key}]",
    "dict_type": "must be a table, as [{key}]",
    "tuple_type": 'must be a list, as [[{key}]] or {key} = ["…", "…"]',
}
SECRET = "•••"  # noqa: S105  what `newsletter config` shows for a password


# With several files, the environment speaks to all of them: not of what makes a newsletter the one it is. Of
# [newsletter], these alone may be common; and of the other tables, these may not.
COMMON = {"language", "timezone", "colour", "postal_address", "editors"}
NEVER_COMMON = ("NEWSLETTER_DESK_URL", "NEWSLETTER_BOUNCES_INBOX", "NEWSLETTER_MONITOR_PING_URL")

# Each with the environment variable that may hold it; else the file that its key with _file names.
SECRETS = {
    "delivery.password": "NEWSLETTER_SMTP_PASSWORD",
    "bounces.password": "NEWSLETTER_BOUNCES_PASSWORD",
    "bounces.mailgun_key": "NEWSLETTER_MAILGUN_KEY",
    "bounces.brevo_secret": "NEWSLETTER_BREVO_SECRET",
}


class Config:
    """The whole configuration: the tables, and where everything comes from."""

    def __init__(self, tables: Tables, path: Path, origins: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        self.newsletter = tables.newsletter
        self.schedule = tables.schedule
        self.sources = tables.sources
        self.pick = tables.pick
        self.delivery = tables.delivery
        self.dkim = tables.dkim
        self.sign_up = tables.sign_up
        self.web = tables.web
        self.desk = tables.desk
        self.bounces = tables.bounces
        self.monitor = tables.monitor
        self.privacy = tables.privacy
        self.retention = tables.retention
        self.path = path
        self.folder = path.parent
        self.secrets = secrets  # by their key, see SECRETS
        self.origins = origins

    @property
    def password(self) -> str | None:
        """The relay's."""
        return self.secrets.get("delivery.password")

    def resolve(self, path: str) -> Path:
        """A path of the configuration: relative ones start at the file that names them."""
        return self.folder / Path(path).expanduser()

    @property
    def signing_domain(self) -> str:
        """The d= of DKIM signatures."""
        return self.dkim.domain or self.newsletter.sender_domain

    @property
    def database_url(self) -> str:
        """The database's URL with an absolute path, in a form SQLAlchemy takes."""
        return _database_url(self.newsletter.database, self.folder)

    def database_at(self, url: str) -> str:
        """The same for another URL than the configuration's. Raises ConfigError."""
        try:
            return _database_url(values.database(url), self.folder)
        except ValueError as error:
            raise ConfigError(f"{_masked(url)}: {error}") from None

    def due(self, day: date) -> datetime:
        """When the edition of that local date is due. A time skipped or repeated by a clock change is taken once."""
        return datetime.combine(day, self.schedule.send_at, tzinfo=self.newsletter.zone)

    @property
    def desk_url(self) -> str:
        """Where the desk is reached, without a slash at its end."""
        return self.desk.url or f"{self.newsletter.public_url}/desk"

    def draft_due(self, day: date) -> datetime | None:
        """When the draft of that local date is mailed to the editors; None where it is not."""
        return self._on(day, self.schedule.draft_at)

    def decided_by(self, day: date) -> datetime | None:
        """By when editors decide on the edition of that local date; None where nothing is said about it."""
        return self._on(day, self.schedule.decide_by)

    def expected(self, day: date) -> datetime | None:
        """By when the edition of that local date should be out; None where nothing is said about it."""
        return self._on(day, self.schedule.expected_by)

    def _on(self, day: date, at: time | None) -> datetime | None:
        """A time of that local day; UTC."""
        return datetime.combine(day, at, tzinfo=self.newsletter.zone).astimezone(UTC) if at else None

    def has_day(self, day: date) -> bool:
        """Whether the newsroom's calendar has that day: a zone that changes sides of the date line skips one."""
        return self.due(day).astimezone(UTC).astimezone(self.newsletter.zone).date() == day

    def too_late(self, day: date) -> datetime:
        """From when on the edition of that local date is not sent any more."""
        return self.due(day).astimezone(UTC) + timedelta(hours=self.schedule.max_lateness_hours)

    def view(self) -> Iterator[tuple[str, object, str]]:
        """Every key with its value, secrets masked, and its origin: for `newsletter config`."""
        for name in Tables.model_fields:
            table = getattr(self, name)
            for prefix, part in _parts(name, table):
                for key, info in type(part).model_fields.items():
                    dotted = f"{prefix}.{info.alias or key}"
                    value = getattr(part, key)
                    yield (
                        dotted,
                        "0" if key == "rate" and value is None else _shown(value),
                        self.origins.get(dotted, "default"),
                    )
        for key in SECRETS:
            yield key, SECRET if self.secrets.get(key) else None, self.origins.get(key, "default")

    def warnings(self) -> list[str]:
        """What is allowed and yet unwise, one line each."""
        found = []
        reply_to = parseaddr(self.newsletter.reply_to or self.newsletter.sender)[1]
        if reply_to.split("@")[0].replace("-", "").replace("_", "") in ("noreply", "nereponsepas"):
            found.append(f"newsletter.reply_to: readers answer to {reply_to}; give them an address somebody reads")
        secrets = {
            "delivery.password_file": self.delivery.password_file,
            "bounces.password_file": self.bounces.password_file,
            "bounces.mailgun_key_file": self.bounces.mailgun_key_file,
            "bounces.brevo_secret_file": self.bounces.brevo_secret_file,
            "dkim.key_file": self.dkim.key_file,
            "dkim.ed25519_key_file": self.dkim.ed25519_key_file,
        }
        for key, file in secrets.items():
            path = self.resolve(file or "")
            if file and path.exists() and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
                found.append(f"{key}: others can read {path}; run: chmod 600 {path}")
        if not self.newsletter.postal_address:
            found.append("newsletter.postal_address: empty; most countries want the publisher's address in each mail")
        return found


# --- Reading --------------------------------------------------------------------------------------


def find(given: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The configuration file: the one given, else NEWSLETTER_CONFIG, else newsletter.toml here."""
    return Path(given or environ.get("NEWSLETTER_CONFIG") or FILE_NAME).expanduser().absolute()


def load(given: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read and check the configuration.

    Raises ConfigError with one line per mistake.
    """
    path = find(given, environ)
    raw = _read(path)
    origins = dict.fromkeys(_leaves(raw), path.name)
    _overlay(raw, origins, environ)
    problems = []
    try:
        tables = Tables.model_validate(raw)
    except ValidationError as error:
        problems = [_problem(path, raw, dict(one)) for one in error.errors()]
    secrets: dict[str, str] = {}
    for key, variable in SECRETS.items():
        try:
            secret, where = _secret(raw, key, variable, path, environ)
        except ConfigError as error:
            problems += error.problems
        else:
            secrets |= {key: secret} if secret is not None else {}
            origins |= {key: where} if where else {}
    if problems:
        raise ConfigError(*dict.fromkeys(problems))
    return Config(tables, path, origins, secrets)


def load_all(given: Sequence[str | Path], environ: Mapping[str, str] = os.environ) -> list[Config]:
    """Those of several newsletters. Raises ConfigError with all mistakes of all files, and one for each variable of the
    environment that would make two newsletters one."""
    own = _own(environ) if len(given) > 1 else []
    problems = [f"{name}: speaks to all {len(given)} files: say it in each of them" for name in own]
    common = {name: value for name, value in environ.items() if name not in own}
    loaded = []
    for path in given:
        try:
            loaded.append(load(path, common))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(*dict.fromkeys(problems))
    return loaded


def _own(environ: Mapping[str, str]) -> list[str]:
    """The variables that are there, and can be those of one newsletter only."""
    keys = {info.alias or key for key, info in NewsletterTable.model_fields.items()} - COMMON
    return sorted({*(f"NEWSLETTER_{key.upper()}" for key in keys), *NEVER_COMMON} & set(environ))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; run `newsletter init` to write one, or name it by --config") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None


def _overlay(raw: dict[str, Any], origins: dict[str, str], environ: Mapping[str, str]) -> None:
    """Lay the environment's values over the file's."""
    for name, info in Tables.model_fields.items():
        model = info.annotation
        if not (isinstance(model, type) and issubclass(model, Table)):
            continue  # [[sources]] is a list: the file alone says it
        for key, field_info in model.model_fields.items():
            key = field_info.alias or key
            variable = "_".join(["NEWSLETTER", *([] if name == "newsletter" else [name.upper()]), key.upper()])
            if variable in environ and isinstance(raw.setdefault(name, {}), dict):
                raw[name][key] = environ[variable]
                origins[f"{name}.{key}"] = f"environment ({variable})"


def _secret(
    raw: Mapping[str, Any], key: str, variable: str, path: Path, environ: Mapping[str, str]
) -> tuple[str | None, str]:
    """A secret, and where it stands. Read beside the other tables, so that all mistakes come together."""
    if variable in environ:
        return environ[variable], f"environment ({variable})"
    table = raw.get(key.partition(".")[0])
    named = table.get(f"{key.partition('.')[2]}_file") if isinstance(table, dict) else None
    if not isinstance(named, str) or not named:
        return None, ""
    file = path.parent / Path(named).expanduser()
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n"), str(file)
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{path}: {key}_file: {file}: {said}") from None


def _problem(path: Path, raw: Mapping[str, Any], error: Mapping[str, Any]) -> str:
    """One pydantic error as one line: file, key, value, what is allowed."""
    key = _dotted(error["loc"])
    kind, message, given = error["type"], str(error["msg"]).removeprefix("Value error, "), error.get("input")
    if kind == "extra_forbidden":
        return f"{path}: {key}: unknown key{_suggestion(error['loc'], raw)}"
    if kind == "missing":
        return f"{path}: {key}: missing"
    if kind in SHAPES:
        return f"{path}: {key}: {SHAPES[kind].format(key=key.rsplit('.', 1)[-1])}"
    if isinstance(given, (str, int, float, bool)):
        shown = _masked(given) if isinstance(given, str) else given
        return f"{path}: {key}: {shown!r}: {message[0].lower()}{message[1:]}"
    return f"{path}: {key}: {message}" if key else f"{path}: {message}"


def _suggestion(location: tuple[str | int, ...], raw: Mapping[str, Any]) -> str:
    """The known keys that stand where an unknown one was found, the nearest first."""
    table = str(location[0]) if len(location) > 1 else ""
    tables: dict[str, Any] = {name: info.annotation for name, info in Tables.model_fields.items()}
    model: type[Table] = (tables | {"": Tables, "sources": Source})[table]
    known = [info.alias or key for key, info in model.model_fields.items()]
    near = difflib.get_close_matches(str(location[-1]), known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(known)}"


def _dotted(location: tuple[str | int, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _leaves(raw: Mapping[str, Any]) -> Iterator[str]:
    for name, value in raw.items():
        if isinstance(value, dict):
            yield from (f"{name}.{key}" for key in value)
        elif isinstance(value, list):
            yield from (f"{name}[{i}].{key}" for i, one in enumerate(value, 1) if isinstance(one, dict) for key in one)


def _parts(name: str, table: Any) -> Iterator[tuple[str, Table]]:
    if isinstance(table, tuple):
        yield from ((f"{name}[{i}]", part) for i, part in enumerate(table, 1))
    else:
        yield name, table


def _shown(value: object) -> object:
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if isinstance(value, tuple):
        return [str(one) for one in value]
    if isinstance(value, str) and "://" in value:
        return _masked(value)
    return str(value) if isinstance(value, (Via, Inbox, Rate, Days)) else value


def _masked(url: str) -> str:
    """A URL as it may be shown: a password may hold any sign, so all between the first : and the last @ is taken for
    one; it may also stand in the query, as libpq allows."""
    url = re.sub(r"(://[^:@?]*):[^?]*@", rf"\1:{SECRET}@", url)
    return re.sub(r"([?&](?:ssl)?password=)[^&]*", rf"\1{SECRET}", url)


def _database_url(url: str, folder: Path) -> str:
    if url.startswith("sqlite:///"):
        return f"sqlite:///{folder / Path(url.removeprefix('sqlite:///')).expanduser()}"
    return "postgresql+psycopg://" + url.split("://", 1)[1]
