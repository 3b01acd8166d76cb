"""Somebody at the desk: a client of Flask's that is logged in, and puts the token into its forms."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from newsletter import editors
from newsletter.model import Editor, Role, Session, Who
from newsletter.newsroom import Newsroom
from newsletter.web import create_app
from newsletter.web.desk.access import COOKIE, FIELD, PATH


class AtDesk:
    """An editor in a browser: `get("/readers")`, `post("/readers/add", address=…)`."""

    def __init__(self, room: Newsroom, role: Role = Role.OWNER, name: str = "Kossi Adzo") -> None:
        self.room = room
        address = f"{role}@journal.example"
        self.editor: Editor = editors.add(room, address, role, name=name, who=room.here)
        self.cookie = cookie_of(room, self.editor)
        found = editors.session(room, self.cookie)
        assert found is not None
        self.session: Session = found
        self.client: FlaskClient = create_app(room).test_client()
        self.client.set_cookie(COOKIE, self.cookie, path=PATH)

    @property
    def who(self) -> Who:
        return editors.as_who(self.editor)

    def get(self, path: str, language: str = "fr") -> TestResponse:
        return self.client.get(PATH + path, headers={"Accept-Language": language})

    def post(self, path: str, language: str = "fr", **form: Any) -> TestResponse:
        data = {FIELD: editors.form_token(self.room, self.session), **form}
        return self.client.post(PATH + path, data=data, headers={"Accept-Language": language})


def cookie_of(room: Newsroom, editor: Editor) -> str:
    """What the cookie of a new session of theirs holds."""
    link = editors.link(room, editor.address, who=room.here)
    cookie = editors.log_in(room, link.rpartition("/")[2], "192.0.2.0/24", "a browser")
    assert cookie
    return cookie


def location(answer: TestResponse) -> str:
    """Where an act leads, below the desk."""
    assert answer.status_code == 303
    return answer.headers["Location"].removeprefix(PATH)
