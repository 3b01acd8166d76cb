"""HTTP out: one conditional GET with limits, to public addresses only. The only outgoing socket besides mail.

Every hop is resolved here, its addresses are judged, and the connection goes to the very address that was judged:
a name that resolves differently a moment later gains nothing. TLS is verified against the name all the same.
A watchdog cuts the connection when the total time is over, whatever the server is doing meanwhile: a timeout on
the socket counts anew with each byte, so a server that drips one per second would hold us for hours.
"""

from __future__ import annotations

import copy
import random
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from newsletter.errors import FetchError
from newsletter.fetch.addresses import may_ask
from newsletter.fetch.answers import Page, Reply, Weighed, seconds_to_wait
from newsletter.fetch.line import Adapter, Line
from newsletter.fetch.unpack import CHUNK, unpacked
from newsletter.model import Validators

ACCEPT = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/json;q=0.9,"
    " application/xml;q=0.9, */*;q=0.1"
)
ATTEMPTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
# The server may do better in a moment. Every other 4xx is an answer, not an accident.
RETRIED = frozenset({429, 500, 502, 503, 504, 520, 521, 522, 523, 524})

NONE = Validators()

__all__ = ["Fetcher", "Page", "Reply", "Weighed"]

Resolve = Callable[..., Sequence[tuple[Any, ...]]]  # like socket.getaddrinfo


# --- The fetcher ----------------------------------------------------------------------------------


class _Retry(Exception):
    """Not this time: `error` is what to say where it was the last one, `after` how long the server asks to wait."""

    def __init__(self, error: FetchError, after: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.after = after


@dataclass(frozen=True, slots=True)
class _Hop:
    """One URL of a chain of redirects, with what came along the way."""

    url: str
    start: str
    count: int = 0
    permanent: bool = True  # every redirect so far was one for good

    def next(self, response: requests.Response) -> _Hop:
        # Servers send raw UTF-8 there, which http.client reads as Latin-1.
        where = response.headers["Location"].encode("latin-1", "replace").decode("utf-8", "replace").strip()
        try:
            url = urljoin(self.url, where)
        except ValueError:
            raise FetchError(f"{self.start}: redirects to something that is no address") from None
        permanent = self.permanent and response.status_code in (301, 308)
        return replace(self, url=url, count=self.count + 1, permanent=permanent)

    def notes(self) -> tuple[str, ...]:
        notes = []
        if self.count and self.permanent:
            notes.append(f"{self.start} has moved for good to {self.url}: change the source's url")
        if _site(self.url) != _site(self.start):
            notes.append(f"{self.start} redirects to another host: {urlsplit(self.url).hostname}")
        return tuple(notes)


class Fetcher:
    """Fetches pages. Safe to use from several threads.

    Times are in seconds: `connect` and `read` bound one step, `total` all of a `get` with its redirects and retries.
    `max_bytes` bounds the body after decompression. `authorities` is a file of those who may vouch for a server; by
    default, those that the world trusts. `resolve` gives a host's addresses, as socket.getaddrinfo does.
    """

    def __init__(
        self,
        user_agent: str,
        *,
        total: float = 60.0,
        connect: float = 5.0,
        read: float = 20.0,
        max_bytes: int = 10_000_000,
        max_redirects: int = 5,
        authorities: str | None = None,
        resolve: Resolve = socket.getaddrinfo,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._user_agent = user_agent
        self._total = total
        self._connect = connect
        self._read = read
        self._max_bytes = max_bytes
        self._max_redirects = max_redirects
        self._authorities = authorities
        self._resolve = resolve
        self._sleep = sleep
        self._jitter = jitter
        self._now = now

    def hurried(self, total: float) -> Fetcher:
        """The same with less patience, where somebody waits for the answer."""
        other = copy.copy(self)
        other._total, other._connect, other._read = total, min(self._connect, total / 3), min(self._read, total / 2)
        return other

    def get(self, url: str, validators: Validators = NONE, allow_private: bool = False, accept: str = ACCEPT) -> Page:
        """Fetch a page, conditionally where validators of an earlier answer are given.

        Raises FetchError with one line: refused address, limit passed, no answer, or a status that is no success.
        """
        deadline = time.monotonic() + self._total
        headers = {"Accept": accept, **_conditions(validators)}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._get_once(url, headers, validators, deadline, allow_private)
            except _Retry as retry:
                wait = retry.after if retry.after is not None else 2.0 ** (attempt - 1) * (0.5 + self._jitter())
                if attempt == ATTEMPTS or time.monotonic() + wait >= deadline:
                    raise retry.error from None
                self._sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _get_once(
        self, url: str, headers: Mapping[str, str], validators: Validators, deadline: float, allow_private: bool
    ) -> Page:
        with self._answer("GET", url, headers, deadline, allow_private) as (hop, response, _):
            status = response.status_code
            if status == 304 and validators != NONE:
                return Page(hop.url, 304, response.headers, b"", validators, hop.notes())
            if not 200 <= status < 300:
                raise self._unwelcome(url, response)
            body = self._body(url, response)
            fresh = Validators(response.headers.get("ETag"), response.headers.get("Last-Modified"))
            return Page(hop.url, status, response.headers, body, fresh, hop.notes())

    def status(self, url: str, allow_private: bool = False, timeout: float = 8.0) -> int | None:
        """The status a reader would meet at this URL, redirects followed; None where nobody answers.

        HEAD first; where it is refused or finds nothing, GET has the last word: servers exist that answer HEAD
        with 404 or 405 for pages they have.
        """
        deadline = time.monotonic() + timeout
        answer = None
        for method in ("HEAD", "GET"):
            try:
                with self._answer(method, url, {"Accept": "*/*"}, deadline, allow_private) as (_, response, _line):
                    answer = response.status_code
            except (FetchError, _Retry):
                return None
            if answer < 400:
                break
        return answer

    def weigh(
        self, url: str, allow_private: bool = False, timeout: float = 8.0, most: int = 3_000_000
    ) -> Weighed | None:
        """How much a URL weighs: as HEAD says; where it does not, counted by GET, up to `most` bytes. None where nobody
        answers, or not to the end."""
        deadline = time.monotonic() + timeout
        for method in ("HEAD", "GET"):
            try:
                with self._answer(method, url, {"Accept": "*/*"}, deadline, allow_private) as (_, response, _line):
                    length = response.headers.get("Content-Length", "")
                    said = length.isascii() and length.isdigit() and len(length) < 12 and int(length) > 0
                    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
                    if response.status_code < 400 and said:
                        return Weighed(response.status_code, kind, int(length))
                    if method == "GET":
                        counted = _counted(response, most) if response.status_code < 400 else None
                        return Weighed(response.status_code, kind, counted)
            except (FetchError, _Retry):
                return None
        raise AssertionError("GET has the last word")

    def ask(
        self,
        method: str,
        url: str,
        form: Mapping[str, str] | None = None,
        *,
        allow_private: bool = False,
        timeout: float = 8.0,
    ) -> Reply:
        """One request as it is: no redirect is followed, nothing repeated. Raises FetchError where nobody answers."""
        hurried = copy.copy(self)
        hurried._total = timeout  # what is said of a silent server tells how long it was waited for
        deadline = time.monotonic() + timeout
        try:
            with hurried._answer(method, url, {"Accept": "*/*"}, deadline, allow_private, follow=False, form=form) as (
                _,
                response,
                line,
            ):
                body = next(response.iter_content(CHUNK), b"") if method != "HEAD" else b""
                return Reply(response.status_code, response.headers, body, line.certified_until)
        except _Retry as retry:
            raise retry.error from None

    @contextmanager
    def _answer(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        deadline: float,
        allow_private: bool,
        *,
        follow: bool = True,
        form: Mapping[str, str] | None = None,
    ) -> Iterator[tuple[_Hop, requests.Response, Line]]:
        """The answer at the end of the redirects, its body still unread. Raises FetchError or _Retry."""
        hop = _Hop(url, url)
        while True:
            line = self._line(hop, deadline, allow_private)
            try:
                with requests.Session() as session, self._ask(session, line, method, hop, headers, form) as response:
                    moved = response.status_code in REDIRECTS and bool(response.headers.get("Location"))
                    if not (moved and follow):
                        yield hop, response, line
                        if line.cut:  # a body without a length ends like this, and would pass for whole
                            raise TimeoutError
                        return
                    hop = hop.next(response)
            except (requests.RequestException, HTTPError, OSError) as error:
                raise self._broken(url, line, error) from None
            finally:
                line.close()
            if hop.count > self._max_redirects:
                raise FetchError(f"{url}: more than {self._max_redirects} redirects, the last to {hop.url}")

    def _line(self, hop: _Hop, deadline: float, allow_private: bool) -> Line:
        where = hop.start if hop.count == 0 else f"{hop.start}: redirects to {hop.url}, which"
        host, port = _checked(hop.url, where)
        try:
            addresses = self._resolved(host, port, deadline)
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise _Retry(FetchError(f"{hop.start}: the name {host} cannot be resolved ({reason})")) from None
        allowed = [one for one in addresses if may_ask(one, allow_private)]
        if not allowed:
            raise FetchError(
                f"{where} leads to {addresses[0] if addresses else 'nowhere'}, an address that is not public;"
                " where that is meant, set allow_private_network = true for this source"
            )
        return Line(allowed, port, deadline)

    def _resolved(self, host: str, port: int, deadline: float) -> list[str]:
        """Resolve in a thread of its own: getaddrinfo knows no time limit."""
        result: list[list[str] | Exception] = []

        def work() -> None:
            try:
                found = self._resolve(host, port, type=socket.SOCK_STREAM)
                result.append(list(dict.fromkeys(str(one[4][0]) for one in found)))
            except (OSError, UnicodeError) as error:
                result.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(max(0.0, deadline - time.monotonic()))
        if not result:
            raise TimeoutError("no answer in time")
        if isinstance(result[0], Exception):
            raise result[0]
        return result[0]

    def _ask(
        self,
        session: requests.Session,
        line: Line,
        method: str,
        hop: _Hop,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None = None,
    ) -> requests.Response:
        session.trust_env = False  # neither proxies nor .netrc
        session.verify = self._authorities or True
        session.headers.clear()
        session.mount("http://", Adapter(line))
        session.mount("https://", Adapter(line))
        sent = {"User-Agent": self._user_agent, "Accept-Encoding": "gzip", "Connection": "close", **headers}
        return session.request(
            method,
            hop.url,
            headers=sent,
            data=form,
            stream=True,
            allow_redirects=False,
            timeout=(self._connect, self._read),
        )

    def _body(self, url: str, response: requests.Response) -> bytes:
        """The decompressed body, read piece by piece so that nothing larger than the limit is ever held."""
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise FetchError(f"{url}: is compressed as {encoding}, which was not asked for")
        body = bytearray()
        try:
            for chunk in unpacked(response.raw.stream(CHUNK, decode_content=False), encoding):
                body += chunk
                if len(body) > self._max_bytes:
                    raise FetchError(f"{url}: is larger than {self._max_bytes / 1e6:g} MB")
        except zlib.error as error:
            raise FetchError(f"{url}: its compressed body is damaged ({error})") from None
        return bytes(body)

    def _unwelcome(self, url: str, response: requests.Response) -> Exception:
        status = response.status_code
        error = FetchError(f"{url}: the server answers {status} {response.reason or ''}".rstrip(), status)
        if status in RETRIED:
            return _Retry(error, seconds_to_wait(response.headers.get("Retry-After"), self._now()))
        return error

    def _broken(self, url: str, line: Line, error: Exception) -> Exception:
        if line.cut or time.monotonic() >= line.deadline:
            return FetchError(f"{url}: took longer than {self._total:g} s")
        if isinstance(error, requests.exceptions.InvalidURL | UnicodeError):
            return FetchError(f"{url}: is no usable address")
        return _Retry(FetchError(f"{url}: {_cause(error)}"))


# --- Small steps ----------------------------------------------------------------------------------


def _counted(response: requests.Response, most: int) -> int:
    count = 0
    for chunk in response.raw.stream(CHUNK, decode_content=False):
        count += len(chunk)
        if count > most:
            break
    return count


def _checked(url: str, where: str) -> tuple[str, int]:
    """Host and port of a URL that may be asked at all."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise FetchError(f"{where}: is no usable address") from None
    if parts.scheme not in ("http", "https"):
        raise FetchError(f"{where}: only http:// and https:// are fetched")
    if not parts.hostname:
        raise FetchError(f"{where}: names no host")
    if "@" in parts.netloc:
        raise FetchError(f"{where}: must not hold a user name or password")
    return parts.hostname, port


def _conditions(validators: Validators) -> dict[str, str]:
    """The validators, verbatim: servers compare them as strings (RFC 9110, 13.1)."""
    pairs = {"If-None-Match": validators.etag, "If-Modified-Since": validators.last_modified}
    return {name: value for name, value in pairs.items() if value}


def _site(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")


def _cause(error: BaseException) -> str:
    """The innermost reason, without the wrappings of three libraries."""
    text = str(error)
    while True:
        inner = error.args[0] if error.args and isinstance(error.args[0], BaseException) else None
        inner = getattr(error, "reason", None) or inner
        if not isinstance(inner, BaseException):
            break
        error, text = inner, str(inner)
    if "Read timed out" in text:
        return "the server stopped answering"
    return " ".join(text.split(": ", 1)[-1].split())[:200] or type(error).__name__
