"""What newsletter.toml may say: its tables, their defaults, and what single values must look like. Pure."""

from __future__ import annotations

from datetime import datetime, time
from email.utils import getaddresses
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from newsletter.settings import Days, Rate, Via, is_loopback

# --- What single values must look like ------------------------------------------------------------


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError("must be a web address such as https://journal.example")
    return value


def _site_address(value: str) -> str:
    """Paths are added to it. (A source's address is kept to the letter: /feed/ and /feed are two pages.)"""
    return _web_address(value).rstrip("/")


def _public_address(value: str) -> str:
    value = _site_address(value)
    parts = urlsplit(value)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("must begin with https://: mail programs accept one-click unsubscribing only there")
    if parts.query or parts.fragment:
        raise ValueError("must not hold ? or #: links are made by adding a path to it")
    if len(value) > 300 or not value.isascii():
        raise ValueError("must be plain ASCII and at most 300 characters long")
    return value


def _mailbox(value: str) -> str:
    name, address = next(iter(getaddresses([value])), ("", ""))
    local, _, domain = address.rpartition("@")
    if not local or not domain.strip(".") or any(c in value for c in "\r\n") or not address.isascii():
        raise ValueError("must be one mail address, as lettre@journal.example or Name <lettre@journal.example>")
    if "@" in name or len(getaddresses([value])) > 1:
        raise ValueError('must hold one address only; a name with a comma needs quotes: "Le Quotidien, Lomé" <…>')
    return value


def _list_id(value: str) -> str:
    if not value.isascii() or not all(value.split(".")) or value.count(".") < 1 or not _is_domain(value):
        raise ValueError("must look like a domain, as lettre.journal.example (RFC 2919)")
    return value


def _signing_domain(value: str) -> str:
    if value and (not value.isascii() or value.count(".") < 1 or not all(value.split(".")) or not _is_domain(value)):
        raise ValueError("must be a domain, as journal.example (one with accents: as xn--…)")
    return value.lower()


def _selector(value: str) -> str:
    if value and (not value.isascii() or not all(value.split(".")) or not _is_domain(value) or len(value) > 63):
        raise ValueError("must be letters, digits, hyphens and dots, as lettre-2026 (at most 63)")
    return value.lower()


def _is_domain(value: str) -> bool:
    return all(part.replace("-", "").isalnum() for part in value.split("."))


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("is not a time zone; write for example Africa/Lome or Europe/Paris") from None
    return value


def _list_from_text(value: object) -> object:
    """The environment has no lists: there, commas separate."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _clock_time(value: object) -> object:
    if isinstance(value, time):
        return value
    try:
        return datetime.strptime(str(value).strip(), "%H:%M").time()  # noqa: DTZ007  a time of day has no zone
    except ValueError:
        raise ValueError('must be a time of day, as "06:30"') from None


def _clock_time_or_none(value: object) -> object:
    return None if value in (None, "") else _clock_time(value)


def _return_path(value: str) -> str:
    if value != "plain" and (value.count("{token}") != 1 or "@" not in value):
        raise ValueError('must be "plain" or hold {token} once, as "b+{token}@bounces.journal.example"')
    return value


def _database(value: str) -> str:
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


def _one_line(value: str) -> str:
    if any(ord(c) < 32 for c in value):
        raise ValueError("must be one line without control characters")
    return value.strip()


def _site(value: str) -> str:
    """Scheme and host of a site, as browsers name whence a page came."""
    parts = urlsplit(_web_address(value))
    return f"{parts.scheme}://{parts.netloc}".lower()


def _network(value: object) -> IPv4Network | IPv6Network:
    if isinstance(value, (IPv4Network, IPv6Network)):
        return value
    try:
        return ip_network(str(value).strip(), strict=False)
    except ValueError:
        raise ValueError("must be an address or a network, as 127.0.0.1 or 10.0.0.0/8") from None


def _private_place(value: str) -> str:
    """Where to listen for those of the house alone."""
    host, _, port = value.rpartition(":")
    try:
        private = not value or (ip_address(host.strip("[]")).is_private and 0 < int(port) < 65536)
    except ValueError:
        private = False
    if not private:
        raise ValueError('must be empty, or a private address and a port, as "127.0.0.1:9100"')
    return value


def _ping_address(value: str) -> str:
    value = value.strip()
    if value and (urlsplit(_web_address(value)).fragment or not value.isascii()):
        raise ValueError("must be a web address in plain ASCII, without #")
    return value


WebAddress = Annotated[str, AfterValidator(_web_address)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
Site = Annotated[str, AfterValidator(_site)]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
Line = Annotated[str, AfterValidator(_one_line)]
Lines = Annotated[tuple[Line, ...], BeforeValidator(_list_from_text)]


# --- The tables of newsletter.toml ----------------------------------------------------------------


class Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class NewsletterTable(Table):
    """[newsletter]: who writes, to whom a reader answers, and where things are."""

    title: Line = Field(min_length=1)
    name: Line = ""
    site_url: Annotated[str, AfterValidator(_site_address)]
    public_url: Annotated[str, AfterValidator(_public_address)]
    sender: Mailbox = Field(alias="from")
    reply_to: Mailbox | None = None
    list_id: Annotated[str, AfterValidator(_list_id)] = ""
    postal_address: str = ""
    language: Literal["fr", "en"] = "fr"
    timezone: Annotated[str, AfterValidator(_zone)] = "Africa/Lome"
    database: Annotated[str, AfterValidator(_database)] = "sqlite:///subscribers.db"
    editors: Annotated[tuple[Mailbox, ...], BeforeValidator(_list_from_text)] = ()
    instance: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _derive(cls, values: Any) -> Any:
        """What is not said follows from what is: the letter is called like the paper, its list lives at public_url."""
        if not isinstance(values, dict):
            return values
        values = dict(values)
        values.setdefault("name", values.get("title", ""))
        host = urlsplit(str(values.get("public_url", ""))).hostname or ""
        values.setdefault("list_id", host if "." in host and not is_loopback(host) else "newsletter.localhost")
        return values

    @property
    def sender_domain(self) -> str:
        """What stands behind the @ of From, in lower case."""
        return getaddresses([self.sender])[0][1].rpartition("@")[2].lower()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class ScheduleTable(Table):
    """[schedule]: when the edition is due. `send` sends when called; this says how late it is."""

    send_at: Annotated[time, BeforeValidator(_clock_time)] = time(6, 30)
    days: Annotated[Days, BeforeValidator(Days.parse)] = Days.parse("mon-sun")
    by: Literal["cron", "runner"] = "cron"
    max_lateness_hours: float = Field(default=6, ge=0, le=48)
    expected_by: Annotated[time | None, BeforeValidator(_clock_time_or_none)] = None

    @model_validator(mode="after")
    def _in_order(self) -> ScheduleTable:
        if self.expected_by is not None and self.expected_by <= self.send_at:
            raise ValueError(f"expected_by must be later in the day than send_at ({self.send_at:%H:%M})")
        return self


class Source(Table):
    """One of [[sources]]: where articles come from."""

    kind: Literal["feed", "wordpress", "folder"]
    url: WebAddress | None = None
    path: str | None = None
    section: Line | None = None
    allow_private_network: bool = False

    @model_validator(mode="after")
    def _has_a_place(self) -> Source:
        if self.kind == "folder" and (self.url or not self.path):
            raise ValueError('a folder needs path = "articles/" and no url')
        if self.kind != "folder" and bool(self.url) == bool(self.path):
            raise ValueError(f"a {self.kind} source needs either url or path")
        return self

    @property
    def place(self) -> str:
        return self.url or self.path or ""

    @property
    def key(self) -> str:
        """What the store calls it: stays the same while kind and place do."""
        return f"{self.kind} {self.place}"


class PickTable(Table):
    """[pick]: how the day's choice is made."""

    max_articles: int = Field(default=12, ge=1, le=60)
    min_articles: int = Field(default=1, ge=1, le=60)
    window_hours: float = Field(default=24, gt=0, le=72)
    sections: Lines = ()
    strip: Lines = ()

    @model_validator(mode="after")
    def _in_order(self) -> PickTable:
        if self.min_articles > self.max_articles:
            raise ValueError("min_articles must not be above max_articles")
        return self


class DeliveryTable(Table):
    """[delivery]: by which way, how fast, and what happens in doubt."""

    via: Annotated[Via, BeforeValidator(Via.parse)] = Via.parse("maildir:outbox")
    password_file: str | None = None
    connections: int = Field(default=4, ge=1, le=100)
    messages_per_connection: int = Field(default=100, ge=0)
    rate: Annotated[Rate | None, BeforeValidator(Rate.parse)] = None
    retry_for_hours: float = Field(default=12, gt=0, le=120)
    return_path: Annotated[str, AfterValidator(_return_path)] = "plain"
    on_uncertain: Literal["resend", "hold"] = "resend"
    claim_size: int = Field(default=500, ge=1, le=10_000)


class DkimTable(Table):
    """[dkim]: by which keys mails are signed. Without a key file they are not."""

    domain: Annotated[str, AfterValidator(_signing_domain)] = ""
    selector: Annotated[str, AfterValidator(_selector)] = ""
    key_file: str | None = None
    ed25519_selector: Annotated[str, AfterValidator(_selector)] = ""
    ed25519_key_file: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> DkimTable:
        keygen = "`newsletter dkim keygen` prints all lines that are needed"
        if self.key_file and not self.selector:
            raise ValueError(f"key_file needs a selector; {keygen}")
        if self.ed25519_key_file and not self.ed25519_selector:
            raise ValueError(f"ed25519_key_file needs an ed25519_selector; {keygen}")
        if self.ed25519_key_file and not self.key_file:
            raise ValueError(
                "an Ed25519 key signs beside an RSA key, never alone, since many mail services know only RSA: name an"
                " RSA key too (selector, key_file)"
            )
        if self.selector and self.selector == self.ed25519_selector:
            raise ValueError("selector and ed25519_selector must be two names: each has a record of its own in the DNS")
        return self


class SignUpTable(Table):
    """[sign_up]: who may join, how often we write to confirm, and what a newcomer gets."""

    send_latest_on_confirm: bool = False
    per_network_per_hour: int = Field(default=20, ge=1)
    total_per_hour: int = Field(default=500, ge=1)
    total_per_day: int = Field(default=2000, ge=1)
    refuse_domains: Lines = ()
    refuse_roles: bool = True


class WebTable(Table):
    """[web]: the readers' pages."""

    archive: bool = True
    embed_on: Annotated[tuple[Site, ...], BeforeValidator(_list_from_text)] = ()
    trusted_proxies: Annotated[tuple[Network, ...], BeforeValidator(_list_from_text)] = ()
    metrics: Annotated[str, AfterValidator(_private_place)] = ""


class MonitorTable(Table):
    """[monitor]: whom to tell that the day's work was done."""

    ping_url: Annotated[str, AfterValidator(_ping_address)] = ""


class PrivacyTable(Table):
    """[privacy]: what the privacy page says beyond what the rest of the configuration knows."""

    controller: Line = ""
    contact: Line = ""
    authority: Line = ""
    more: str = ""


class RetentionTable(Table):
    """[retention]: for how many days things are kept; 0 is for ever."""

    unconfirmed: int = Field(default=7, ge=7, le=60)
    departed: int = Field(default=1095, ge=0)
    letters: int = Field(default=30, ge=1)
    ledger: int = Field(default=400, ge=0)

    @field_validator("ledger")
    @classmethod
    def _long_enough(cls, value: int) -> int:
        if 0 < value < 60:
            raise ValueError("must be 0 for ever, or at least 60: links in a mail must work that long")
        return value


class Tables(Table):
    """newsletter.toml as it is written."""

    newsletter: NewsletterTable
    schedule: ScheduleTable = ScheduleTable()
    sources: tuple[Source, ...] = ()
    pick: PickTable = PickTable()
    delivery: DeliveryTable = DeliveryTable()
    dkim: DkimTable = DkimTable()
    sign_up: SignUpTable = SignUpTable()
    web: WebTable = WebTable()
    monitor: MonitorTable = MonitorTable()
    privacy: PrivacyTable = PrivacyTable()
    retention: RetentionTable = RetentionTable()

    @model_validator(mode="after")
    def _readers_can_follow_links(self) -> Tables:
        host = urlsplit(self.newsletter.public_url).hostname or ""
        via = self.delivery.via
        if is_loopback(host) and via.kind == "smtp" and not is_loopback(via.host):
            raise ValueError("newsletter.public_url leads to this machine only: readers could not unsubscribe")
        return self

    @model_validator(mode="after")
    def _signed_by_who_writes(self) -> Tables:
        """DMARC asks for it (RFC 9989): the signature's domain and that of From are one, or one stands in the other."""
        writes, signs = self.newsletter.sender_domain, self.dkim.domain
        if signs and writes != signs and not writes.endswith(f".{signs}") and not signs.endswith(f".{writes}"):
            raise ValueError(
                f"dkim.domain: {signs!r}: must be {writes}, the domain of newsletter.from, or stand above or below it:"
                " else DMARC does not count the signature"
            )
        return self
