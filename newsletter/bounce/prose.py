"""What a mail says in its own words, and what of it is the mail that it is about. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from newsletter.bounce.decode import plain
from newsletter.bounce.mail import Part, parse

MAX_TEXT = 60_000  # characters of prose that are looked at
_STATUSES = ("message/delivery-status", "message/global-delivery-status")
_DISPOSITIONS = ("message/disposition-notification", "message/global-disposition-notification")

# The mail that is returned begins here.
_CUT = re.compile(
    r"^[ \t>*|#=_~-]{0,80}(?:"
    r"(?:this|here|the following|below(?: this line)?|following|included|enclosed|attached)\b.{0,30}\bis (?:a |"
    r"the )?(?:copy|returned|original|first|text|header|beginning)"
    r"|below this line is a copy|(?:the )?(?:original|unsent|returned|undelivered|failed|rejected|bounced|"
    r"(?:text|copy|body|start) of your) (?:e-?mail )?message(?: text)?(?: follows| below| headers?| is| was|"
    r" begins| included| body| content| excerpt)?(?: follows?| below| included| attached|"
    r" returned)?[ \t]*[:.\->=*_]*$"
    r"|(?:message|mail|original|e-?mail)(?: message)? (?:headers?|text|body|contents?|"
    r"excerpt)(?: \w+){0,3}[ \t]*[:\-=]"
    r"|(?:start|begin\w*) of (?:the )?(?:original|returned|message|mail|header|forwarded)|original headers|"
    r"returned (?:message|mail) (?:follows|header)"
    r"|(?:the )?(?:first|header|text|content|body|copy|start|beginning)\w*(?: \d+)?(?: \w+){0,4} (?:of|"
    r"from) (?:the |your )?(?:original |returned |undelivered |failed )?(?:message|mail|e-?mail)"
    r"|-{3,} ?(?:forwarded|original|undelivered|returned|message|unsent|urspr|mensaje|messaggio|mensagem|"
    r"message d'origine|d.but)"
    r"|(?:message|courriel) (?:d'origine|original|initial)|urspr.{1,3}ngliche (?:nachricht|kopfzeilen|header|"
    r"e-?mail)|kopfzeilen der|mensaje original|encabezados de|en-t.tes? d|messaggio originale|intestazioni|"
    r"mensagem original|cabe.alhos|oorspronkelijk|oryginaln|исходн|元の"
    r").{0,120}$",
    re.I | re.M,
)
_FIELDS = re.compile(r"^[ \t]{0,8}(?:final|original)-recipient[ \t]*:", re.I | re.M)
_HEADER_LINE = re.compile(r"^(?:> ?){0,3}[ \t]{0,8}([A-Za-z][A-Za-z0-9-]{1,40}):[ \t]+\S", re.M)
_OF_MAILS = {
    "received",
    "message-id",
    "mime-version",
    "return-path",
    "x-mailer",
    "content-type",
    "dkim-signature",
    "delivered-to",
}
_OF_HEADS = _OF_MAILS | {
    "from",
    "to",
    "subject",
    "date",
    "cc",
    "reply-to",
    "sender",
    "content-transfer-encoding",
    "in-reply-to",
}


@dataclass(slots=True)
class Prose:
    """The texts of a mail, taken apart."""

    own: str = ""  # what it says itself
    statuses: list[str] = field(default_factory=list)  # its delivery statuses
    disposition: str = ""  # a report of what became of the mail at its reader's (RFC 8098)
    originals: list[Part] = field(default_factory=list)  # the mail it is about, whole or its headers
    quoted: str = ""  # the same where it stands in the text
    mime: bool = False  # whether what it is about is attached


def prose_of(mail: Part) -> Prose:
    prose = Prose(originals=mail.attached())
    prose.mime = bool(prose.originals)
    texts: list[str] = []
    pages: list[str] = []
    for part in mail.walk():
        if part.inner and part.is_bare_mail:
            continue
        if part.kind in _STATUSES:
            prose.statuses.append(_whole(part))
        elif part.kind in _DISPOSITIONS:
            prose.disposition += _whole(part)
        elif part.kind == "text/html":
            pages.append(plain(part.text))
        elif part.kind.startswith("multipart/") and not part.parts:
            texts.append(part.text)  # its boundary never came
        elif part.kind.startswith("text/") and not part.holds_headers_only and part.kind != "text/calendar":
            texts.append(part.text)
    if not prose.statuses and prose.originals and prose.originals[0].kind == "multipart/report" and _by_a_machine(mail):
        return _wrapped(prose, prose.originals[0], texts)
    everything = "\n".join(texts if any(text.strip() for text in texts) else pages)[: MAX_TEXT * 2]
    prose.own, prose.quoted = parted(everything)
    if prose.quoted:
        prose.originals += _quoted_mail(prose.quoted)
    if _FIELDS.search(everything):
        prose.statuses += [everything] if not prose.statuses else []
    return prose


def _by_a_machine(mail: Part) -> bool:
    """Else a person passes a report on, as anybody could."""
    empty = any(path.strip() == "<>" for path in mail.all("return-path")[:1])
    daemon = re.search(r"mailer-?daemon|postmaster|notification", mail.first("from"), re.I)
    return empty or bool(daemon) or mail.first("auto-submitted").lower().startswith("auto")


def _wrapped(prose: Prose, report: Part, texts: list[str]) -> Prose:
    """A report that came as a mail within a mail, from a server that puts its disclaimer before everything."""
    inner = prose_of(report)
    if not inner.statuses:
        inner.originals = prose.originals
        inner.own, inner.quoted = parted("\n".join(texts)[: MAX_TEXT * 2])
    return inner


def _whole(part: Part) -> str:
    """A report's text. Where it has headers of its own between its blocks, the parser took the first for the part's."""
    text = part.text
    odd = [
        f"{name}: {value}"
        for name, values in part.headers.items()
        for value in values
        if not name.startswith("content-")
    ]
    return "\n".join([*odd, "", text]) if odd else text


def parted(text: str) -> tuple[str, str]:
    """What the server says, and the mail it returns."""
    at = len(text)
    for match in _CUT.finditer(text):
        if match.start() > 20:
            at = match.start()
            break
    head = _head_of_a_mail(text)
    at = min(at, head)
    return text[:at][:MAX_TEXT], text[at:]


def _head_of_a_mail(text: str) -> int:
    """Where three header lines or more stand together, as only a mail's do."""
    run: list[tuple[int, str]] = []
    end = -1
    for match in _HEADER_LINE.finditer(text[:MAX_TEXT]):
        between = text[end : match.start()] if end >= 0 else ""
        if run and (
            between.count("\n") > 12
            or "\n\n" in between
            or re.search(r"\n(?:> ?)*[^\s>]", between[1:] if between[:1] == "\n" else between)
        ):
            run = []
        run.append((match.start(), match[1].lower()))
        end = text.find("\n", match.end())
        end = len(text) if end < 0 else end
        names = {name for _, name in run}
        indented = text[run[0][0] : run[0][0] + 1] in (" ", "\t") and not names & {"received", "return-path"}
        if indented:  # PMDF names the mail by some of its headers, and only then says what became of it
            continue
        if len(run) >= 3 and names & _OF_MAILS and len(names & _OF_HEADS) >= 2 and "reporting-mta" not in names:
            return run[0][0]
    return len(text)


def _quoted_mail(text: str) -> list[Part]:
    """The headers of a mail in a text, with what stands before them left out."""
    lines = [re.sub(r"^(?:> ?){1,3}|^\| ?", "", line) for line in text[:MAX_TEXT].splitlines()]
    start = next((i for i, line in enumerate(lines[:80]) if _header_name(line) in _OF_HEADS), None)
    if start is None:
        return []
    pad = re.match(r"[ \t]*", lines[start])
    cut = len(pad[0]) if pad else 0
    head = "\n".join(line[cut:] if line[:cut].isspace() else line for line in lines[start:])
    return [parse(head.encode("utf-8", "replace"))]


def _header_name(line: str) -> str:
    match = _HEADER_LINE.match(line)
    return match[1].lower() if match else ""
