"""What newsletter.toml may say: its tables and their defaults; `values` says what single ones must look like. Pure."""

from __future__ import annotations

from datetime import time
from email.utils import getaddresses
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from newsletter import values
from newsletter.settings import Days, Inbox, Rate, Via, is_loopback
from newsletter.values import ClockTime, ClockTimeOrNone, Line, Lines, Mailbox, Network, Site, WebAddress

# --- The tables of newsletter.toml ----------------------------------------------------------------


class Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class NewsletterTable(Table):
    """[newsletter]: who writes, to whom a reader answers, and where things are."""

    title: Line = Field(min_length=1)
    name: Line = ""
    site_url: Annotated[str, AfterValidator(values.site_address)]
    public_url: Annotated[str, AfterValidator(values.public_address)]
    sender: Mailbox = Field(alias="from")
    reply_to: Mailbox | None = None
    list_id: Annotated[str, AfterValidator(values.list_id)] = ""
    postal_address: str = ""
    language: Literal["fr", "en"] = "fr"
    colour: Annotated[str, AfterValidator(values.colour)] = ""
    timezone: Annotated[str, AfterValidator(values.zone)] = "Africa/Lome"
    database: Annotated[str, AfterValidator(values.database)] = "sqlite:///subscribers.db"
    editors: Annotated[tuple[Mailbox, ...], BeforeValidator(values.list_from_text)] = ()
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

    send_at: ClockTime = time(6, 30)
    days: Annotated[Days, BeforeValidator(Days.parse)] = Days.parse("mon-sun")
    by: Literal["cron", "runner"] = "cron"
    max_lateness_hours: float = Field(default=6, ge=0, le=48)
    expected_by: ClockTimeOrNone = None
    draft_at: ClockTimeOrNone = None
    decide_by: ClockTimeOrNone = None

    @model_validator(mode="after")
    def _in_order(self) -> ScheduleTable:
        if self.expected_by is not None and self.expected_by <= self.send_at:
            raise ValueError(f"expected_by must be later in the day than send_at ({self.send_at:%H:%M})")
        if self.decide_by is not None and self.decide_by > self.send_at:
            raise ValueError(f"decide_by must not be later in the day than send_at ({self.send_at:%H:%M})")
        if self.draft_at is not None and self.draft_at >= (end := self.decide_by or self.send_at):
            raise ValueError(f"draft_at must be earlier in the day than {end:%H:%M}, when it is decided on")
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
    return_path: Annotated[str, AfterValidator(values.return_path)] = "plain"
    on_uncertain: Literal["resend", "hold"] = "resend"
    claim_size: int = Field(default=500, ge=1, le=10_000)


class DkimTable(Table):
    """[dkim]: by which keys mails are signed. Without a key file they are not."""

    domain: Annotated[str, AfterValidator(values.signing_domain)] = ""
    selector: Annotated[str, AfterValidator(values.selector)] = ""
    key_file: str | None = None
    ed25519_selector: Annotated[str, AfterValidator(values.selector)] = ""
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
    embed_on: Annotated[tuple[Site, ...], BeforeValidator(values.list_from_text)] = ()
    trusted_proxies: Annotated[tuple[Network, ...], BeforeValidator(values.list_from_text)] = ()
    metrics: Annotated[str, AfterValidator(values.private_place)] = ""


class DeskTable(Table):
    """[desk]: where editors work, and whether somebody has to approve an edition."""

    approval: Literal["auto", "required"] = "auto"
    url: Annotated[str, AfterValidator(values.desk_address)] = ""
    listen: Annotated[str, AfterValidator(values.listening_place)] = ""
    session_days: int = Field(default=30, ge=1, le=365)
    undo_seconds: int = Field(default=60, ge=0, le=600)

    @model_validator(mode="after")
    def _somewhere(self) -> DeskTable:
        if self.url and not self.listen:
            raise ValueError('url needs listen: where `newsletter serve` serves the desk alone, as "127.0.0.1:8001"')
        return self


class BouncesTable(Table):
    """[bounces]: where what comes back is read, and when an address is given up."""

    inbox: Annotated[Inbox | None, BeforeValidator(Inbox.parse)] = None
    password_file: str | None = None
    folder: Annotated[str, AfterValidator(values.folder_name)] = "newsletter"
    delete: bool = False
    soft_editions: int = Field(default=5, ge=2, le=100)
    soft_days: int = Field(default=7, ge=1, le=90)
    letters_to: Annotated[tuple[Mailbox, ...], BeforeValidator(values.list_from_text)] = ()
    ses_topics: Lines = ()
    mailgun_key_file: str | None = None
    brevo_secret_file: str | None = None


class MonitorTable(Table):
    """[monitor]: whom to tell that the day's work was done."""

    ping_url: Annotated[str, AfterValidator(values.ping_address)] = ""


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
    audit: int = Field(default=400, ge=0)
    bounces: int = Field(default=400, ge=0)

    @field_validator("ledger", "bounces")
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
    desk: DeskTable = DeskTable()
    bounces: BouncesTable = BouncesTable()
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
