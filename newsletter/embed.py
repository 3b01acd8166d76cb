"""The sign-up form, wherever it stands: the words agreed to, the field for robots, and the texts to paste elsewhere."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from newsletter import subscribe
from newsletter.newsroom import Newsroom

# The field that people never see and robots fill in. Not "website" nor "nickname": password managers know those.
HONEYPOT = "topic"


class Wording(NamedTuple):
    """What is agreed to by pressing the button. The version follows from the text: other words, another version."""

    version: str
    text: str


def wording(room: Newsroom, language: str) -> Wording:
    """The sentence beside the button, in that language."""
    paper = room.config.newsletter
    text = room.words_in(language).say(
        "By pressing the button you ask {title} to send {name} to this address, until you unsubscribe.",
        title=paper.title,
        name=paper.name,
    )
    return Wording(f"{language}-{hashlib.sha256(text.encode()).hexdigest()[:8]}", text)


def texts(room: Newsroom) -> dict[str, str]:
    """What to paste into a site, by kind: `form`, `iframe` and `wordpress`, in the newsletter's language.

    The words of the form are kept, since what is pasted may stand there longer than ours stay the same.
    """
    agreed = wording(room, room.config.newsletter.language)
    subscribe.keep_wording(room, agreed.version, agreed.text)
    form = _text(room, "web/snippet-form.html", agreed)
    return {
        "form": form,
        "iframe": _text(room, "web/snippet-iframe.html", agreed),
        "wordpress": f"<!-- wp:html -->\n{form}\n<!-- /wp:html -->",
    }


def _text(room: Newsroom, template: str, agreed: Wording) -> str:
    paper = room.config.newsletter
    values = {"title": paper.title, "name": paper.name, "public": paper.public_url}
    return room.look.text(template, wording=agreed, honeypot=HONEYPOT, **values).strip()
