"""A single mail to one person: a notice to the editors, a test. Pure."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime, parseaddr

from newsletter.config import NewsletterTable
from newsletter.mail import headers, quoted
from newsletter.mail.addresses import wire
from newsletter.model import Message


def letter(
    paper: NewsletterTable,
    *,
    to: str,
    subject: str,
    text: str,
    html: str | None = None,
    date: datetime,
    message_id: str,
    sender: str | None = None,
) -> Message:
    """Make it. `message_id` is `<…@…>`, `date` is aware; `sender` is the return path, where it is not From. Raises
    BadData for an address that cannot be mailed.

    Whatever stands in `subject` becomes one line: it cannot make a header. Written with the editions' own hand, not
    with email.message: that one writes an address with a non-ASCII local part as an encoded word.
    """
    address, utf8 = wire(parseaddr(to)[1] or to)
    head = [
        headers.mailbox_field("From", paper.sender, default_name=paper.title),
        f"To: {address}\r\n",
        headers.mailbox_field("Reply-To", paper.reply_to) if paper.reply_to else "",
        headers.text_field("Subject", subject),
        headers.field("Date", format_datetime(date)),
        headers.field("Message-ID", message_id),
        headers.field("Auto-Submitted", "auto-generated"),
        headers.field("Precedence", "bulk"),
        headers.field("MIME-Version", "1.0"),
    ]
    return Message(
        sender=sender or parseaddr(paper.sender)[1],
        recipient=address,
        content="".join(head).encode() + _body(text, html, headers.boundary(message_id.strip("<>"))),
        name=message_id.strip("<>"),
        utf8=utf8,
    )


def _body(text: str, html: str | None, boundary: str) -> bytes:
    if html is None:
        text = text.rstrip("\n")  # what is signed ends in one CRLF, whoever passes it on
    plain = headers.part_head("plain").encode() + quoted.encode(text) + b"\r\n"
    if html is None:
        return plain
    rich = headers.part_head("html").encode() + quoted.encode(html) + b"\r\n"
    head = headers.field("Content-Type", f'multipart/alternative; boundary="{boundary}"').encode()
    line = b"--" + boundary.encode()
    return head + b"\r\n" + line + b"\r\n" + plain + line + b"\r\n" + rich + line + b"--\r\n"
