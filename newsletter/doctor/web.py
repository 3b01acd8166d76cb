"""The readers' pages, seen from outside: reachable by https, and the link to leave by works as mail services use it.

The link is one of a test mail, made for the id of nobody: whatever is done with it touches no reader (`web.leave`).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from newsletter.doctor.finding import Finding, failure, ok, unknown, unsure, warning
from newsletter.errors import FetchError
from newsletter.fetch import Reply
from newsletter.fetch.addresses import is_public
from newsletter.links import NOBODY, Purpose
from newsletter.newsroom import Newsroom

SOON = 14  # days left of a certificate from which on it is told
ONE_CLICK = {"List-Unsubscribe": "One-Click"}  # RFC 8058, 3.1
PAGES, LEAVE, PLAIN = "web pages", "web one-click", "web http"
SERVED = "`newsletter serve` must run, and a proxy with a certificate stand before it: docs/deploy.md"


def look(room: Newsroom) -> Iterator[Finding]:
    base = room.config.newsletter.public_url
    host = urlsplit(base).hostname or ""
    found = list(_place(room, host))
    yield from found
    if urlsplit(base).scheme != "https":
        said = f"public_url is {base}: the mail services' one-click needs https (RFC 8058, 3.1)"
        yield failure(PAGES, said, f"get a certificate, and set public_url = https://{host}")
    try:
        page = _ask(room, "GET", f"{base}/")
    except FetchError as error:
        blind = not all(one.sure for one in found)  # nobody could say where the host is
        yield unsure(PAGES, str(error), SERVED) if blind else failure(PAGES, str(error), SERVED)
        return
    yield from _judge_page(room, base, page)
    yield from leave(room)
    if urlsplit(base).scheme == "https" and urlsplit(base).port is None:
        yield _plain(room, host, urlsplit(base).path)


def _ask(room: Newsroom, method: str, url: str, form: dict[str, str] | None = None) -> Reply:
    """Of our own address, which from this machine may well be a private one."""
    return room.fetcher.ask(method, url, form, allow_private=True)


def _place(room: Newsroom, host: str) -> Iterator[Finding]:
    """Where the world finds the host, whatever this machine's /etc/hosts says."""
    try:
        addresses: tuple[str, ...] = (str(ip_address(host)),)
    except ValueError:
        found = room.lookup.addresses(host)
        if found.trouble:
            yield unknown("web address", host, found.said)
            return
        addresses = found.values
    public = [one for one in addresses if is_public(ip_address(one))]
    if not addresses:
        yield failure("web address", f"{host} has no address in the DNS", "give it an A record, and AAAA for IPv6")
    elif not public:
        said = f"{host} leads to {', '.join(addresses)}: readers cannot get there"
        yield failure("web address", said, "give it the server's public address")
    else:
        yield ok("web address", f"{host} is {', '.join(public)}")


def _judge_page(room: Newsroom, base: str, page: Reply) -> Iterator[Finding]:
    if page.status >= 500 or page.status in (401, 403, 404):
        yield failure(PAGES, f"{base}/ answers {page.status}", SERVED)
    elif page.certified_until is None:
        yield ok(PAGES, f"{base}/ answers {page.status}")
    else:
        days = (page.certified_until - room.clock()).days
        said = f"{base}/ answers {page.status}, by a certificate that is good for {days} more days"
        renew = "renew it: what should do that by itself seems not to"
        yield ok(PAGES, said) if days > SOON else warning(PAGES, said, renew)


def leave(room: Newsroom) -> Iterator[Finding]:
    """The link to leave by, as a mail service presses it (RFC 8058), and as a person opens it."""
    base, token = room.config.newsletter.public_url, room.signer.token(Purpose.UNSUBSCRIBE, NOBODY)
    link, forged = f"{base}/u/{token}", f"{base}/u/{token[:-8]}{'a' * 8}"
    try:
        pressed = _ask(room, "POST", link, ONE_CLICK)
        opened = _ask(room, "GET", link)
        made_up = _ask(room, "POST", forged, ONE_CLICK)
    except FetchError as error:
        yield failure(LEAVE, str(error), SERVED)
        return
    if pressed.status in (301, 302, 303, 307, 308):
        said = f"a one-click POST is sent on to {pressed.headers.get('Location')}: mail services do not follow"
        yield failure(LEAVE, said, "public_url must be the very address that answers, host and https included")
    elif pressed.status in (401, 403, 429):
        said = f"a one-click POST is refused ({pressed.status}): something before us wants a log-in or a browser"
        yield failure(LEAVE, said, "let POST /u/… through in the proxy, the firewall or the bot protection")
    elif pressed.status != 200:
        said = f"a one-click POST is answered by {pressed.status}, not by 200"
        yield failure(LEAVE, said, "public_url must lead to this newsroom's `newsletter serve`, and to no other's")
    elif made_up.status == 200:
        said = "a link that is made up is answered by 200 too: whatever answers there is not this program"
        yield failure(LEAVE, said, "public_url must lead to `newsletter serve`")
    elif opened.status != 200:
        yield warning(LEAVE, f"a POST works, and the page of the same link answers {opened.status}", SERVED)
    else:
        yield ok(LEAVE, "a one-click POST is answered by 200 without a log-in; a look at the link asks first")


def _plain(room: Newsroom, host: str, path: str) -> Finding:
    """http:// leads to https://, or is shut: both are well."""
    url = f"http://{host}{path}/"
    try:
        found = _ask(room, "GET", url)
    except FetchError:
        return ok(PLAIN, f"{url} does not answer: https is the only way")
    if found.headers.get("Location", "").startswith("https://"):
        return ok(PLAIN, f"{url} leads to https")
    return warning(PLAIN, f"{url} answers {found.status} in the clear", "let the proxy send it on to https://")
