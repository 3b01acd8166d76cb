"""What a newsroom's configuration says to the DNS: whose domains, which relay, what others ask of it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from newsletter.config import Config
from newsletter.fetch.addresses import is_public
from newsletter.lookup import Lookup
from newsletter.settings import is_loopback

# Whom a relay of others wants included, by the end of its host's name. Seen in guides and records in 2026-11: those of
# Amazon, Mailgun, SendGrid, Mailjet, Google, Microsoft, Gandi, Infomaniak and Fastmail; the others as they are known.
INCLUDES = {
    "amazonaws.com": "amazonses.com",
    "mailgun.org": "mailgun.org",
    "brevo.com": "spf.brevo.com",
    "sendinblue.com": "spf.brevo.com",
    "sendgrid.net": "sendgrid.net",
    "postmarkapp.com": "spf.mtasv.net",
    "mailjet.com": "spf.mailjet.com",
    "sparkpostmail.com": "sparkpostmail.com",
    "gmail.com": "_spf.google.com",
    "googlemail.com": "_spf.google.com",
    "office365.com": "spf.protection.outlook.com",
    "ovh.net": "mx.ovh.com",
    "gandi.net": "_mailcust.gandi.net",
    "infomaniak.com": "spf.infomaniak.ch",
    "zoho.com": "zohomail.com",
    "zoho.eu": "zohomail.eu",
    "fastmail.com": "spf.messagingengine.com",
    "tem.scaleway.com": "_spf.tem.scaleway.com",
}
# Of them, those that put a return path of their own into the place of ours, unless told otherwise: SPF passes by it.
REWRITING = frozenset(
    {"amazonses.com", "mailgun.org", "spf.brevo.com", "sendgrid.net", "spf.mtasv.net", "spf.mailjet.com"}
    | {"sparkpostmail.com"}
)


def envelope_domain(config: Config) -> str:
    """The domain that SPF is asked about, and to which bounces come: the return path's."""
    path = config.delivery.return_path
    return config.newsletter.sender_domain if path == "plain" else path.rpartition("@")[2].lower()


def include_for(host: str) -> str | None:
    """What the relay of a known service wants included; None for others."""
    host = host.lower().rstrip(".")
    return next((wanted for end, wanted in INCLUDES.items() if host == end or host.endswith(f".{end}")), None)


def is_inside(host: str, domain: str) -> bool:
    """Whether a host's name stands in a domain."""
    return host == domain or host.endswith(f".{domain}")


@dataclass(frozen=True, slots=True)
class Ways:
    """By which addresses our mail reaches others, as far as we can know."""

    host: str  # the relay's
    ours: bool  # this machine, or a host under our own domain
    addresses: tuple[str, ...] = ()
    why_none: str = ""
    trouble: str = ""  # the DNS did not answer


def ways_of(config: Config, lookup: Lookup) -> Ways | None:
    """None where there is no relay: mail is kept in a Maildir."""
    via = config.delivery.via
    if via.kind == "maildir":
        return None
    if is_loopback(via.host):
        public = tuple(one for one in lookup.own() if is_public(ip_address(one.partition("%")[0])))
        hidden = "this machine does not know its public address: it stands behind a router"
        return Ways(via.host, True, public, "" if public else hidden)
    ours = is_inside(via.host, config.newsletter.sender_domain)
    try:
        return Ways(via.host, ours, (str(ip_address(via.host)),))
    except ValueError:
        pass
    found = lookup.addresses(via.host)
    if found.trouble:
        return Ways(via.host, ours, trouble=found.said)
    return Ways(via.host, ours, found.values, "" if found.values else f"{via.host} has no address in the DNS")


def wanted_terms(ways: Ways | None) -> list[str]:
    """How an SPF record names the relay."""
    if ways is None:
        return []
    include = None if ways.ours else include_for(ways.host)
    if include:
        return [f"include:{include}"]
    if ways.ours:
        return [f"ip{ip_address(one).version}:{one}" for one in ways.addresses]
    return [f"a:{ways.host}"] if ways.addresses else []
