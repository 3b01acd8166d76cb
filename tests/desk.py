"""The desk, asked by a client of Flask's: somebody logged in, and forms sent as its pages make them."""

from __future__ import annotations

import re
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from newsletter import editors
from newsletter.model import Editor, Role, Who
from newsletter.newsroom import Newsroom
from newsletter.web import create_app
from newsletter.web.desk.access import COOKIE

ROOT = Who("root")


def editor(room: Newsroom, role: Role = Role.EDITOR, name: str = "Efua") -> Editor:
    """Somebody who works at the desk."""
    address = f"{name.lower()}@journal.example"
    known = next((one for one in editors.listed(room) if one.address == address), None)
    return known or editors.add(room, address, role, name=name, who=ROOT)


def cookie_of(room: Newsroom, one: Editor) -> str:
    """What the cookie of a new session of theirs holds."""
    token = editors.link(room, one.address, who=ROOT).rsplit("/", 1)[1]
    cookie = editors.log_in(room, token, "192.0.2.0/24", "Firefox")
    assert cookie is not None
    return cookie


class Desk:
    """A browser at the desk."""

    def __init__(self, room: Newsroom, role: Role = Role.EDITOR, name: str = "Efua") -> None:
        self.room = room
        self.editor = editor(room, role, name)
        self.client: FlaskClient = create_app(room).test_client()
        self.client.set_cookie(COOKIE, cookie_of(room, self.editor), domain="localhost")

    def get(self, path: str, **values: Any) -> TestResponse:
        return self.client.get(f"/desk{path}", headers={"Accept-Language": "fr"}, **values)

    def text(self, path: str) -> str:
        """A page, which must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.status
        return answer.text

    @property
    def token(self) -> str:
        """What a form of ours carries."""
        cookie = self.client.get_cookie(COOKIE, domain="localhost")
        session = editors.session(self.room, cookie.value if cookie else "")
        assert session is not None
        return editors.form_token(self.room, session)

    def post(self, path: str, **fields: Any) -> TestResponse:
        """As a form of ours does it; the token is added."""
        data = {"form": self.token} | fields
        return self.client.post(f"/desk{path}", data=data, headers={"Accept-Language": "fr"})

    def act(self, path: str, **fields: Any) -> str:
        """`post`, and the page to which it leads."""
        answer = self.post(path, **fields)
        assert answer.status_code == 303, (answer.status, text_of(answer.text))
        location = answer.headers["Location"]
        assert location.startswith("/desk/")
        return self.text(location.removeprefix("/desk"))


def text_of(html: str) -> str:
    """What a page says, without its tags."""
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())
