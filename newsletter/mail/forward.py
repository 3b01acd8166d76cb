"""A reader's letter, passed on to the newsroom: their words to read and to answer, the mail itself as it came. Pure."""

from __future__ import annotations

import base64
from datetime import datetime
from email.utils import format_datetime

from newsletter.config import NewsletterTable
from newsletter.mail import headers, quoted
from newsletter.mail.addresses import wire
from newsletter.model import Message

LONGEST_LINE = 998  # RFC 5322, 2.1.1
COLUMNS = 76  # of base64, RFC 2045, 6.8


def forward(
    paper: NewsletterTable,
    *,
    to: str,
    reply_to: str,
    subject: str,
    text: str,
    original: bytes | None,
    date: datetime,
    message_id: str,
    sender: str,
) -> Message:
    """Make it. `reply_to` is the reader's address, or empty; `original` the mail itself, where it can
    be attached; `sender` the return path. Raises BadData for an address
    that cannot be mailed."""
    address, utf8 = wire(to)
    boundary = headers.boundary(message_id.strip("<>"))
    head = [
        headers.mailbox_field("From", paper.sender, default_name=paper.title),
        f"To: {address}\r\n",
        headers.field("Reply-To", reply_to) if reply_to else "",
        headers.text_field("Subject", subject),
        headers.field("Date", format_datetime(date)),
        headers.field("Message-ID", message_id),
        headers.field("Auto-Submitted", "auto-generated"),
        headers.field("MIME-Version", "1.0"),
        headers.field("Content-Type", f'multipart/mixed; boundary="{boundary}"'),
    ]
    line = f"\r\n--{boundary}\r\n".encode()
    plain = headers.part_head("plain").encode() + quoted.encode(text.rstrip("\n") + "\n")
    mail = line + _attached(original) if original is not None else b""
    content = "".join(head).encode() + line + plain + mail + f"\r\n--{boundary}--\r\n".encode()
    return Message(sender=sender, recipient=address, content=content, name=message_id.strip("<>"), utf8=utf8)


def _attached(original: bytes) -> bytes:
    """The mail itself: as a mail where it may stand so (RFC 2046, 5.2.1 lets no encoding near it), else as a file."""
    lines = original.replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n")
    if (
        original.isascii()
        and b"\0" not in original
        and not any(b"\r" in line or len(line) > LONGEST_LINE for line in lines)
    ):
        return (
            b"Content-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n" + b"\r\n".join(lines) + b"\r\n"
        )
    coded = base64.b64encode(original)
    rows = [coded[i : i + COLUMNS] for i in range(0, len(coded), COLUMNS)]
    head = (
        b'Content-Type: application/octet-stream; name="message.eml"\r\n'
        b'Content-Disposition: attachment; filename="message.eml"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    )
    return head + b"\r\n".join(rows) + b"\r\n"
