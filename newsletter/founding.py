"""A newsroom's beginning: its newsletter.toml and its database."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from newsletter import config
from newsletter.errors import BadData, ConfigError
from newsletter.newsroom import Newsroom

TEMPLATE = Path(__file__).parent / "founding.toml"


@dataclass(frozen=True, slots=True)
class Answers:
    """What has to be asked; the rest follows from it, or has a default that the file shows."""

    title: str
    site_url: str
    sender: str  # an address
    language: str = "fr"
    timezone: str = "Africa/Lome"


def found(path: Path, answers: Answers) -> Newsroom:
    """Write a commented newsletter.toml and make the database.

    Raises ConfigError where the answers make no valid configuration, BadData where the file exists already.
    """
    if path.exists():
        raise BadData(f"{path} exists already; edit it, or name another file by --config")
    written = _filled(TEMPLATE.read_text(encoding="utf-8"), _values(answers))
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_text(written, encoding="utf-8")
        config.load(partial)
        partial.rename(path)
    except ConfigError as error:
        raise ConfigError(*(line.replace(f"{partial}: ", "") for line in error.problems)) from None
    except OSError as error:
        raise BadData(f"{path}: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)
    room = Newsroom(config.load(path))
    room.signer  # noqa: B018  makes the database and its first key
    return room


def _values(answers: Answers) -> dict[str, str]:
    host = (urlsplit(answers.site_url).hostname or "").removeprefix("www.")
    address = answers.sender.strip()
    values = {
        "title": answers.title,
        "name": f"La lettre · {answers.title}" if answers.language == "fr" else f"{answers.title} daily",
        "site_url": answers.site_url,
        "public_url": f"https://lettre.{host}" if answers.language == "fr" else f"https://letter.{host}",
        "sender": f"{_quoted_name(answers.title)} <{address}>",
        "reply_to": address,
        "list_id": f"lettre.{host}" if answers.language == "fr" else f"letter.{host}",
        "postal_address": "",
        "language": answers.language,
        "timezone": answers.timezone,
        "kind": "wordpress",
    }
    return {name: json.dumps(value, ensure_ascii=False) for name, value in values.items()} | {
        "place": f"url = {json.dumps(answers.site_url, ensure_ascii=False)}"
    }


def _quoted_name(title: str) -> str:
    """A display name with specials in it needs quotes (RFC 5322, 3.2.4)."""
    if any(c in title for c in '()<>[]:;@\\,."'):
        return '"' + title.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return title


def _filled(template: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        template = template.replace("{{ " + name + " }}", value)
    return template
