"""A test mail, sent, and looked at as it arrived: what of it is left on the way, and what the receiving server says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.utils import getaddresses

from newsletter import preview
from newsletter.doctor import dmarc
from newsletter.doctor.finding import Finding, failure, ok, unknown, warning
from newsletter.errors import NewsletterError
from newsletter.mail import verify
from newsletter.mail.verify import Signature
from newsletter.model import Verdict
from newsletter.newsroom import Newsroom

LIST_FIELDS = ("list-unsubscribe", "list-unsubscribe-post")  # RFC 8058, 4: both are signed
RESULT = re.compile(r"\b(dkim|spf|dmarc)=([a-z]+)", re.IGNORECASE)
RELAY = "a relay that counts clicks or adds a footer does this: switch that off there"


def send(room: Newsroom, address: str) -> Iterator[Finding]:
    """Today's edition as a test, and what to do with it."""
    try:
        results = preview.send_test(room, None, [address])
    except NewsletterError as error:
        yield failure("test", str(error), "see `newsletter test-send`")
        return
    for recipient, outcome in results:
        if outcome is None or outcome.verdict is not Verdict.ACCEPTED:
            said = f"{recipient}: {outcome.reply if outcome else 'nothing was sent'}"
            yield failure("test", said, "see what the relay says")
            continue
        how = "there, “show original” (Gmail), “view source” (others), save it as test.eml, and call"
        yield ok("test", f"sent to {recipient}: {outcome.reply}", f"{how} `newsletter doctor --received test.eml`")


def look(room: Newsroom, raw: bytes) -> list[Finding]:
    """All that can be said of a mail as it arrived."""
    return list(_looked(room, raw))


def _looked(room: Newsroom, raw: bytes) -> Iterator[Finding]:
    paper = room.config.newsletter
    there: dict[str, list[str]] = {}
    for name, value in verify.fields(raw):
        text = " ".join(value.decode("utf-8", "replace").split())
        there.setdefault(name.decode("ascii", "replace").lower(), []).append(text)
    if f"<{paper.list_id}>" not in "".join(there.get("list-id", [])):
        said = f"its List-Id is not that of this newsroom ({paper.list_id})"
        yield failure("received", said, "save the whole source of a test mail: “show original”, not the text alone")
        return
    yield ok("received List-Id", f"names {paper.list_id}")
    yield _judge_leaving(there, paper.public_url)
    yield from _judge_signatures(room, raw, _author(there))
    yield from _judge_results(there)


def _author(there: dict[str, list[str]]) -> str:
    found = getaddresses(there.get("from", []))
    return found[0][1].rpartition("@")[2].lower() if len(found) == 1 else ""


def _judge_leaving(there: dict[str, list[str]], base: str) -> Finding:
    links, posts = there.get("list-unsubscribe", []), there.get("list-unsubscribe-post", [])
    name = "received List-Unsubscribe"
    if len(links) != 1 or f"<{base}/u/" not in links[0]:
        what = "is gone" if not links else f"was changed: {links[0][:80]}"
        return failure(name, f"the field {what}", RELAY)
    if [one.replace(" ", "") for one in posts] != ["List-Unsubscribe=One-Click"]:
        return failure(name, "List-Unsubscribe-Post is gone or changed: there is no one-click", RELAY)
    return ok(name, f"leads to {base}, with one-click")


# --- Signatures -----------------------------------------------------------------------------------


def _judge_signatures(room: Newsroom, raw: bytes, author: str) -> Iterator[Finding]:
    found = verify.signatures(raw)
    if not found:
        yield failure("received DKIM", "no signature is left", "sign here ([dkim]), or let the relay sign")
        return
    walk = dmarc.walk(room.lookup, author) if author else None
    for one in found:
        yield _judge_signature(room, raw, one, walk)


def _judge_signature(room: Newsroom, raw: bytes, one: Signature, walk: dmarc.Walk | None) -> Finding:
    name, key = f"received DKIM {one.domain}", room.lookup.txt(one.record_name)
    if key.trouble:
        return unknown(name, one.record_name, key.said)
    badly = failure if one.domain == room.config.signing_domain else warning  # a relay's own is the relay's business
    if key.nothing:
        return badly(name, f"there is no key at {one.record_name}", "see the line “dns DKIM” of `newsletter doctor`")
    why = verify.check(raw, one, key.values[0], room.clock())
    strict = bool(walk and walk.record and walk.record.strict("adkim"))
    speaks = dmarc.aligned(room.lookup, walk, one.domain, strict=strict) if walk else False
    if why:
        return badly(name, f"the signature is not valid: {why}", RELAY)
    if speaks is None:
        return unknown(name, f"whether it speaks for {walk.domain if walk else ''}", "DMARC walk without an answer")
    if not speaks:
        said = f"valid, and another domain than that of From ({walk.domain if walk else 'none'})"
        return ok(name, said, "one more signature, for the From domain, is what DMARC looks for")
    lacks = [field for field in LIST_FIELDS if field not in one.covers]
    if lacks:
        said = f"valid, and does not cover {' and '.join(lacks)}: services do not offer one-click (RFC 8058, 4)"
        return failure(name, said, "let the relay sign these too, or sign here ([dkim])")
    return ok(name, "valid, speaks for the From address, and covers the link to leave by")


# --- What the receiving server says ---------------------------------------------------------------


def _judge_results(there: dict[str, list[str]]) -> Iterator[Finding]:
    """Authentication-Results (RFC 8601): the topmost is the last server's, the only one to be believed."""
    name, found = "received verdict", there.get("authentication-results", [])
    if not found:
        yield warning(name, "the receiving server writes no Authentication-Results", "try a mailbox at a large service")
        return
    server = found[0].partition(";")[0].split(" ")[0]
    verdicts: dict[str, set[str]] = {}
    for method, result in RESULT.findall(found[0]):
        verdicts.setdefault(method.lower(), set()).add(result.lower())
    said = ", ".join(f"{method}={'/'.join(sorted(results))}" for method, results in sorted(verdicts.items()))
    lacks = [method for method in ("dkim", "spf", "dmarc") if "pass" not in verdicts.get(method, {"pass"})]
    if "dmarc" in lacks or "dkim" in lacks:
        remedy = "the lines “dns …” of `newsletter doctor` say what is missing"
        yield failure(name, f"{server} says {said}", remedy)
    elif lacks:
        yield warning(name, f"{server} says {said}", "see the line “dns SPF” of `newsletter doctor`")
    else:
        yield ok(name, f"{server} says {said or 'nothing about it'}")
