"""What the Python peers send: the same edition as an EmailMessage, personalised where ours is."""

from __future__ import annotations

import json
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

SITE = "https://lettre.journal.example"


def maker(file: str) -> Callable[[int], EmailMessage]:
    """A function that makes the mail of the reader with that number."""
    mail = json.loads(Path(file).read_text(encoding="utf-8"))

    def make(number: int) -> EmailMessage:
        address = f"lecteur{number}@lecteurs.example"
        token = str(number).rjust(32, "x")
        leave, prefer = f"{SITE}/u/{token}", f"{SITE}/p/{token}"

        def fill(text: str) -> str:
            return text.replace("{address}", address).replace("{unsubscribe}", leave).replace("{preferences}", prefer)

        message = EmailMessage()
        message["From"] = "Le Quotidien du Golfe <lettre@journal.example>"
        message["Reply-To"] = "redaction@journal.example"
        message["To"] = address
        message["Subject"] = mail["subject"]
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain="lettre.journal.example")
        message["List-Id"] = "<lettre.journal.example>"
        message["List-Unsubscribe"] = f"<{leave}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(fill(mail["text"]))
        message.add_alternative(fill(mail["html"]), subtype="html")
        return message

    return make
