"""An editor's whole morning in a real browser, through the real server: the draft in the mailbox, the edition shaped,
sent and watched, a correction to those who have it. And two editors at once."""

from __future__ import annotations

import mailbox
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from newsletter import edit, editors, shaping
from newsletter.model import Edition, Role
from tests.browser import chromium, free_place
from tests.desk import ROOT as SOMEBODY
from tests.desk import cookie_of, editor
from tests.test_tour import House, wait_for

ROOT = Path(__file__).parent.parent
READERS = 200
AMA, KODJO = "ama@journal.example", "kodjo@journal.example"
TITLES = ("Le port rouvre", "Les taxis en grève", "Le café de Kpalimé", "Un pont à Vogan", "La pluie est là")
MORE = """
[schedule]
send_at = "23:59"  # its hour is yet to come, whenever the test is run: what is approved past it goes by itself
[desk]
undo_seconds = 2
[delivery]
rate = "40/second"
"""


class Desk(House):
    """The newsroom of the readers' tour, with a desk, two hundred readers and five articles."""

    def prepare(self) -> None:
        toml = self.folder / "newsletter.toml"
        toml.write_text(toml.read_text(encoding="utf-8") + MORE, encoding="utf-8")
        for i, title in enumerate(TITLES):
            moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 600 * (i + 1)))
            front = f'title: "{title}"\ndate: {moment}\nurl: https://journal.example/{i}/\nsection: Société'
            (self.folder / "articles" / f"{i}.md").write_text(f"---\n{front}\n---\n\n{title}, ce matin.\n")
        rows = [f"lecteur{i}@lecteurs.example" for i in range(READERS)]
        (self.folder / "lecteurs.csv").write_text("\n".join(["email", *rows]) + "\n")
        self.run("subscribers", "import", "lecteurs.csv", "--consent", "test")
        self.run("editors", "add", AMA, "--role", "owner", "--name", "Ama")
        self.run("editors", "add", KODJO, "--role", "writer", "--name", "Kodjo")

    def mail_to(self, to: str, word: str) -> Message:
        """The mail to somebody with that word in its subject; it leaves at once, so wait a little."""
        for _ in range(200):
            for mail in self.mails():
                if mail["To"] == to and word in subject_of(mail):
                    return mail
            time.sleep(0.1)
        raise AssertionError(f"no mail to {to} with {word!r}: {Counter(map(subject_of, self.mails()))}")

    def sent(self, subject: str) -> Counter[str]:
        return Counter(mail["To"] for mail in self.mails() if subject_of(mail) == subject)

    def mails(self) -> list[Message]:
        path = self.folder / "outbox"
        try:
            return list(mailbox.Maildir(path, create=False)) if (path / "cur").exists() else []
        except FileNotFoundError:  # one is just being moved from tmp to new
            return self.mails()

    def today(self) -> Edition:
        found = edit.find(self.room, self.room.today().isoformat())
        assert found is not None
        return found

    def titles(self) -> list[str]:
        return [one.article.title for one in edit.with_choices(self.room, self.today().id)[1] if one.picked]


def subject_of(mail: Message) -> str:
    return str(make_header(decode_header(mail["Subject"])))


@pytest.fixture
def desk(folder: Path) -> Iterator[Desk]:
    free, place = free_place()
    port = str(urlsplit(place).port)
    free.close()
    found = Desk(folder, place)
    found.prepare()
    command = [sys.executable, str(ROOT / "cli.py"), "serve", "--port", port]
    with (folder / "serve.log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            wait_for(place)
            yield found
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(30) == 0
            found.room.engine.dispose()
    assert "Traceback" not in (folder / "serve.log").read_text()


def wait_until(true: Callable[[], bool]) -> None:
    for _ in range(100):
        if true():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come to that")


def press(page: Any, button: Any) -> None:
    """A button that leads to another page."""
    with page.expect_navigation():
        button.click()


def act(page: Any, button: Any, said: str) -> None:
    """A button of the list: with the script the page stays, and says what was done."""
    button.click()
    page.locator("#said", has_text=said).wait_for()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without"])
def test_an_editor_s_whole_morning(desk: Desk, javascript: bool) -> None:
    with chromium() as open_page:
        page = open_page(width=1280 if javascript else 360, javascript=javascript)
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        come_in_by_the_draft(desk, page)
        shape(desk, page, javascript=javascript)
        look_and_test(desk, page)
        approve_and_send(desk, page, javascript=javascript)
        correct(desk, page)
        page.context.close()
    assert not wrong


def come_in_by_the_draft(desk: Desk, page: Any) -> None:
    assert "mailed to 2 editors" in desk.run("edition", "draft")
    mail = desk.mail_to(AMA, "brouillon")
    [text] = [part for part in mail.walk() if part.get_content_type() == "text/plain"]
    payload = text.get_payload(decode=True)
    assert isinstance(payload, bytes)
    links = re.findall(rf"{re.escape(desk.place)}/desk/draft/\S+", payload.decode())
    assert len(links) == 3  # approve, hold, open
    assert "Le port rouvre" in payload.decode()
    page.goto(next(link for link in links if "do=" not in link))
    assert desk.today().status == "draft"
    assert not editors.sessions(desk.room, editors.find(desk.room, AMA))  # a look lets nobody in
    press(page, page.locator("button[value=open]"))
    assert page.url == f"{desk.place}/desk/edition/{desk.today().name}"


def shape(desk: Desk, page: Any, *, javascript: bool) -> None:
    numbers = {one.article.title: one.candidate.id for one in edit.with_choices(desk.room, desk.today().id)[1]}
    act(page, page.locator(f"button[value='lead/{numbers['Un pont à Vogan']}']"), "une")
    assert desk.titles()[0] == "Un pont à Vogan"
    act(page, page.locator(f"button[value='drop/{numbers['Les taxis en grève']}']"), "Retiré")
    act(page, page.locator(f"button[value='up/{numbers['La pluie est là']}']"), "Déplacé")
    if javascript:
        page.locator("iframe[name=look]").content_frame.locator("h2", has_text="Un pont à Vogan").wait_for()
        row = page.locator(f"#a{numbers['Le port rouvre']} p.small")
        row.drag_to(page.locator(f"#a{numbers['La pluie est là']} p.small"))
        wait_until(lambda: desk.titles()[1] != "Le port rouvre")
        page.locator("form[aria-busy]").wait_for(state="detached")
        act(page, page.get_by_role("button", name="Défaire", exact=True), "Défait")
    assert desk.titles() == ["Un pont à Vogan", "Le port rouvre", "La pluie est là", "Le café de Kpalimé"]
    press(page, page.get_by_role("link", name="Écrire l’objet et le mot"))
    page.fill("#subject", "Un pont, un port, la pluie")
    page.fill("#note", "Bonjour,\n\nce matin, Vogan a son pont.")
    if javascript:  # what is typed is shown, and not kept yet
        page.locator("iframe[name=look]").content_frame.locator("p", has_text="Vogan a son pont").wait_for()
        assert desk.today().note is None
    press(page, page.get_by_role("button", name="Enregistrer"))
    assert (desk.today().subject, desk.today().note) == (
        "Un pont, un port, la pluie",
        "Bonjour,\n\nce matin, Vogan a son pont.",
    )


def look_and_test(desk: Desk, page: Any) -> None:
    base = f"{desk.place}/desk/edition/{desk.today().name}"
    page.goto(f"{base}/preview")
    for way in ("Grand écran", "Sombre", "Sans images"):
        press(page, page.get_by_role("link", name=way, exact=True))
    frame = page.locator("iframe").content_frame
    frame.locator("p", has_text="Vogan a son pont").wait_for()
    dark = frame.locator("body").evaluate("one => getComputedStyle(one).backgroundColor")
    assert dark == "rgb(27, 26, 24)"
    press(page, page.get_by_role("link", name="Texte", exact=True))
    assert "Vogan a son pont" in page.locator("pre").inner_text()
    press(page, page.get_by_role("button", name=f"Envoyer un essai à {AMA}"))
    assert "Un pont, un port" in subject_of(desk.mail_to(AMA, "[Essai]"))


def approve_and_send(desk: Desk, page: Any, *, javascript: bool) -> None:
    base = f"{desk.place}/desk/edition/{desk.today().name}"
    page.goto(base)
    press(page, page.locator("form[action$='/approve'] button"))
    assert desk.today().status == "approved"
    press(page, page.locator("form[action$='/send'] button"))
    assert "200 lecteurs" in page.inner_text("main").replace("\u00a0", " ")  # asked twice, in numbers
    assert desk.today().go_at is None
    press(page, page.locator("form[action$='/send'] button.big"))
    press(page, page.locator("#take-back"))
    assert (desk.today().status, desk.today().go_at) == ("approved", None)
    press(page, page.locator("form[action$='/send'] button"))
    press(page, page.locator("form[action$='/send'] button.big"))
    shown = watch(page, javascript=javascript, until=lambda values: 0 < values[-1] < READERS)
    press(page, page.locator("#stop"))
    time.sleep(1.5)
    there = sum(desk.sent("Un pont, un port, la pluie").values())
    assert shown[-1] <= there < READERS
    time.sleep(1)
    assert sum(desk.sent("Un pont, un port, la pluie").values()) == there  # nothing more is begun
    press(page, page.locator("#resume"))
    shown = watch(page, javascript=javascript, until=lambda values: values[-1] == READERS)
    assert shown == sorted(shown)
    assert len(set(shown)) > 2  # it was seen to go on
    got = desk.sent("Un pont, un port, la pluie")
    assert (len(got), set(got.values())) == (READERS, {1})


def watch(page: Any, *, javascript: bool, until: Any) -> list[int]:
    """What the bar shows, by itself or by asking again, until it shows what is waited for."""
    shown = [0]
    for _ in range(300):
        if page.locator("#bar").count():
            shown.append(int(page.locator("#bar").get_attribute("value")))
        if until(shown):
            return shown
        if javascript:
            time.sleep(0.2)
        else:
            page.locator(".again a").first.click()
            page.wait_for_load_state()
            time.sleep(0.1)
    raise AssertionError(f"it never came to that: {shown}")


def correct(desk: Desk, page: Any) -> None:
    name = desk.today().name
    desk.run("subscribers", "remove", "lecteur7@lecteurs.example")
    page.goto(f"{desk.place}/desk/edition/{name}/after")
    assert "200" in page.inner_text("main")
    press(page, page.locator("a[href$='/correct']"))
    page.fill("#text", "Le pont de Vogan ouvre demain, et non ce matin.")
    press(page, page.locator("main form button").first)
    assert "199" in page.inner_text("main")
    press(page, page.locator("button[value=make]"))
    assert page.url.split("?")[0] == f"{desk.place}/desk/edition/{name}-correction"
    press(page, page.locator("form[action$='/send'] button"))
    assert "199" in page.inner_text("main")
    press(page, page.locator("form[action$='/send'] button.big"))
    word = "Rectificatif"
    for _ in range(300):
        got = Counter(mail["To"] for mail in desk.mails() if subject_of(mail).startswith(word))
        if len(got) == READERS - 1:
            break
        time.sleep(0.1)
    time.sleep(0.5)
    got = Counter(mail["To"] for mail in desk.mails() if subject_of(mail).startswith(word))
    had = set(desk.sent("Un pont, un port, la pluie"))
    assert set(got) == had - {"lecteur7@lecteurs.example"}
    assert set(got.values()) == {1}
    page.goto(f"{desk.place}/archive/{name}")
    assert "Le pont de Vogan ouvre demain" in page.inner_text("main")


def test_two_browsers_at_once(desk: Desk) -> None:
    """The second to save is told what the first one wrote, and loses nothing."""
    desk.run("edition", "build")
    edition = desk.today()
    with chromium() as open_page:
        pages = []
        for name, role in (("Ama", Role.OWNER), ("Kodjo", Role.WRITER)):
            page = open_page(width=1280)
            cookie = {"name": "newsletter_desk", "value": cookie_of(desk.room, editor(desk.room, role, name))}
            page.context.add_cookies([cookie | {"url": desk.place}])
            page.goto(f"{desk.place}/desk/edition/{edition.name}/words")
            pages.append(page)
        ama, kodjo = pages
        ama.fill("#subject", "Ce qu’Ama écrit")
        kodjo.fill("#subject", "Ce que Kodjo écrit")
        kodjo.fill("#note", "Un mot de Kodjo")
        press(ama, ama.get_by_role("button", name="Enregistrer"))
        press(kodjo, kodjo.get_by_role("button", name="Enregistrer"))
        told = kodjo.locator("[role=alert]").inner_text()
        assert "Ama" in told
        assert kodjo.input_value("#subject") == "Ce que Kodjo écrit"
        assert (desk.today().subject, desk.today().note) == ("Ce qu’Ama écrit", None)
        press(kodjo, kodjo.get_by_role("button", name="Enregistrer"))
        assert (desk.today().subject, desk.today().note) == ("Ce que Kodjo écrit", "Un mot de Kodjo")
        kodjo.locator("button[value^='drop/']").first.click()
        kodjo.locator("#said", has_text="Retiré").wait_for()
        ama.locator("button[value^='down/']").nth(2).click()  # her page is older
        ama.get_by_text("Pendant ce temps").wait_for()
        assert "Kodjo" in ama.locator(".warn").first.inner_text()
        assert len(desk.titles()) == len(TITLES) - 1
    shaping.undo(desk.room, SOMEBODY, edition.id)
