"""What single values of newsletter.toml must look like: checks that say in a line what is wrong. Pure."""

from __future__ import annotations

import re
from datetime import datetime, time
from email.utils import getaddresses
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator

from newsletter.settings import is_loopback


def web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError("must be a web address such as https://journal.example")
    return value


def site_address(value: str) -> str:
    """Paths are added to it. (A source's address is kept to the letter: /feed/ and /feed are two pages.)"""
    return web_address(value).rstrip("/")


def public_address(value: str) -> str:
    value = site_address(value)
    parts = urlsplit(value)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("must begin with https://: mail programs accept one-click unsubscribing only there")
    if parts.query or parts.fragment:
        raise ValueError("must not hold ? or #: links are made by adding a path to it")
    if len(value) > 300 or not value.isascii():
        raise ValueError("must be plain ASCII and at most 300 characters long")
    return value


def desk_address(value: str) -> str:
    """As of public_url; empty where the desk stands below that."""
    return public_address(value) if value else value


def host_name(given: str) -> str:
    """A web host as it is compared: of `Host: LETTRE.Journal.example.:443`, lettre.journal.example. Ports count for
    nothing, since some proxies drop them; accents become xn--…, as browsers send them. Empty where it is none."""
    if set(given) & set("/?#@\\ "):
        return ""
    try:
        found = (urlsplit(f"//{given}").hostname or "").rstrip(".")
        return found if found.isascii() else found.encode("idna").decode("ascii").lower()
    except ValueError:  # a bracket that is open, dots without a name
        return ""


def mailbox(value: str) -> str:
    name, address = next(iter(getaddresses([value])), ("", ""))
    local, _, domain = address.rpartition("@")
    if not local or not domain.strip(".") or any(c in value for c in "\r\n") or not address.isascii():
        raise ValueError("must be one mail address, as lettre@journal.example or Name <lettre@journal.example>")
    if "@" in name or len(getaddresses([value])) > 1:
        raise ValueError('must hold one address only; a name with a comma needs quotes: "Le Quotidien, Lomé" <…>')
    return value


def list_id(value: str) -> str:
    if not value.isascii() or not all(value.split(".")) or value.count(".") < 1 or not _is_domain(value):
        raise ValueError("must look like a domain, as lettre.journal.example (RFC 2919)")
    return value


def signing_domain(value: str) -> str:
    if value and (not value.isascii() or value.count(".") < 1 or not all(value.split(".")) or not _is_domain(value)):
        raise ValueError("must be a domain, as journal.example (one with accents: as xn--…)")
    return value.lower()


def selector(value: str) -> str:
    if value and (not value.isascii() or not all(value.split(".")) or not _is_domain(value) or len(value) > 63):
        raise ValueError("must be letters, digits, hyphens and dots, as lettre-2026 (at most 63)")
    return value.lower()


def _is_domain(value: str) -> bool:
    return all(part.replace("-", "").isalnum() for part in value.split("."))


def zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("is not a time zone; write for example Africa/Lome or Europe/Paris") from None
    return value


def list_from_text(value: object) -> object:
    """The environment has no lists: there, commas separate."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def clock_time(value: object) -> object:
    if isinstance(value, time):
        return value
    try:
        return datetime.strptime(str(value).strip(), "%H:%M").time()  # noqa: DTZ007  a time of day has no zone
    except ValueError:
        raise ValueError('must be a time of day, as "06:30"') from None


def clock_time_or_none(value: object) -> object:
    return None if value in (None, "") else clock_time(value)


def return_path(value: str) -> str:
    if value != "plain" and (value.count("{token}") != 1 or "@" not in value):
        raise ValueError('must be "plain" or hold {token} once, as "b+{token}@bounces.journal.example"')
    return value


def database(value: str) -> str:
    scheme, _, rest = value.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return value
    if scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise ValueError(
            "must begin with sqlite:/// or postgresql://, as sqlite:///subscribers.db or postgresql://user@host/name"
        )
    try:
        urlsplit(value).port  # noqa: B018  looked at for its complaint
    except ValueError:
        raise ValueError("its port must be a number up to 65535 (a password with / or @ in it: %2F, %40)") from None
    return value


def one_line(value: str) -> str:
    if any(ord(c) < 32 for c in value):
        raise ValueError("must be one line without control characters")
    return value.strip()


def site(value: str) -> str:
    """Scheme and host of a site, as browsers name whence a page came."""
    parts = urlsplit(web_address(value))
    return f"{parts.scheme}://{parts.netloc}".lower()


def network(value: object) -> IPv4Network | IPv6Network:
    if isinstance(value, (IPv4Network, IPv6Network)):
        return value
    try:
        return ip_network(str(value).strip(), strict=False)
    except ValueError:
        raise ValueError("must be an address or a network, as 127.0.0.1 or 10.0.0.0/8") from None


def private_place(value: str) -> str:
    """Where to listen for those of the house alone."""
    host, _, port = value.rpartition(":")
    try:
        private = not value or (ip_address(host.strip("[]")).is_private and 0 < int(port) < 65536)
    except ValueError:
        private = False
    if not private:
        raise ValueError('must be empty, or a private address and a port, as "127.0.0.1:9100"')
    return value


def listening_place(value: str) -> str:
    """An address and a port to listen at."""
    host, _, port = value.rpartition(":")
    if value and not (host and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError('must be empty, or an address and a port, as "127.0.0.1:8001"')
    return value


def folder_name(value: str) -> str:
    """The name of a folder for mails, on whatever server: a plain word."""
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9 _-]{0,62}[A-Za-z0-9])?", value):
        raise ValueError("must be a plain name of letters, digits, blanks, - and _")
    return value


def colour(value: str) -> str:
    """A colour as six digits; empty where none is wanted."""
    if value and not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise ValueError('must be empty, or a colour as "#94241d"')
    return value.lower()


def ping_address(value: str) -> str:
    value = value.strip()
    if value and (urlsplit(web_address(value)).fragment or not value.isascii()):
        raise ValueError("must be a web address in plain ASCII, without #")
    return value


WebAddress = Annotated[str, AfterValidator(web_address)]
Mailbox = Annotated[str, AfterValidator(mailbox)]
Site = Annotated[str, AfterValidator(site)]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(network)]
Line = Annotated[str, AfterValidator(one_line)]
Lines = Annotated[tuple[Line, ...], BeforeValidator(list_from_text)]
ClockTime = Annotated[time, BeforeValidator(clock_time)]
ClockTimeOrNone = Annotated[time | None, BeforeValidator(clock_time_or_none)]
