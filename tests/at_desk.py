"""Somebody at the desk who may do everything, in either language."""

from __future__ import annotations

from typing import Any

from werkzeug.test import TestResponse

from newsletter import editors
from newsletter.model import Editor, Role, Who
from newsletter.newsroom import Newsroom
from newsletter.web import create_app
from newsletter.web.desk.access import COOKIE, FIELD, PATH
from tests.desk import ROOT, Desk, cookie_of


class AtDesk(Desk):
    """An owner, unless said otherwise: `get("/readers")`, `post("/readers/add", "en", address=…)`."""

    def __init__(self, room: Newsroom, role: Role = Role.OWNER, name: str = "Kossi Adzo") -> None:
        self.room = room
        self.editor: Editor = editors.add(room, f"{role}@journal.example", role, name=name, who=ROOT)
        self.client = create_app(room).test_client()
        self.cookie = cookie_of(room, self.editor)
        self.client.set_cookie(COOKIE, self.cookie, domain="localhost")

    @property
    def who(self) -> Who:
        return editors.as_who(self.editor)

    def get(self, path: str, language: str = "fr", **values: Any) -> TestResponse:
        return self.client.get(PATH + path, headers={"Accept-Language": language}, **values)

    def post(self, path: str, language: str = "fr", **fields: Any) -> TestResponse:
        data = {FIELD: self.token} | fields
        return self.client.post(PATH + path, data=data, headers={"Accept-Language": language})


def location(answer: TestResponse) -> str:
    """Where an act leads, below the desk."""
    assert answer.status_code == 303
    return answer.headers["Location"].removeprefix(PATH)
