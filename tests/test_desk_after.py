"""The desk after an edition went out: the list of editions, what came of each, extra editions and corrections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import html5lib
import pytest

from newsletter import config, corrections, daily, dispatch, edit, subscribe
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.model import Edition, EditionStatus, Role, Who
from newsletter.newsroom import Newsroom
from newsletter.store import editions
from newsletter.store.database import sending_lock, write
from newsletter.store.schema import deliveries
from newsletter.web import create_app
from newsletter.web.desk.access import COOKIE
from tests.browser import chromium, everything, free_place, serving
from tests.conftest import TOML, Clock
from tests.desk import Desk, cookie_of, editor, text_of
from tests.fakes import FakeMailer
from tests.test_web_look import violations

Add = Callable[..., Path]
Status = EditionStatus
DAY = date(2026, 11, 23)
NAME = "2026-11-23"
TEXT = "Le port rouvre jeudi, et non mercredi.\n\nToutes nos excuses."
READERS = [f"{name}@{domain}" for name in ("ama", "kodjo") for domain in ("gmail.com", "yahoo.fr", "l.example")]


def send(room: Newsroom, name: str) -> None:
    meant = edit.find(room, name)
    assert meant is not None
    edit.decide(room, meant.day, Status.APPROVED, slot=meant.slot)
    found, choices = edit.look(room, None, name)
    with sending_lock(room.engine) as still_ours:
        dispatch.send_edition(room, found, choices, Watch(Stop(room.clock), still_ours))


def named(room: Newsroom, name: str = NAME) -> Edition:
    found = edit.find(room, name)
    assert found is not None
    return found


@pytest.fixture
def sent(room: Newsroom, add_article: Add) -> Newsroom:
    room.__dict__["mailer"] = FakeMailer({"kodjo": ["full", "ok", "ok"]})
    subscribe.add(room, READERS, "test")
    add_article("Le port rouvre mercredi", section="Économie")
    add_article("Le lycée ferme", section="Société", hours=3)
    assert daily.send(room, DAY, watch=Watch(Stop(room.clock))).accepted == 5
    return room


@pytest.fixture
def desk(sent: Newsroom) -> Desk:
    return Desk(sent)


# --- The list ---------------------------------------------------------------------------------------


def test_the_list_tells_every_edition_with_its_figures(desk: Desk, sent: Newsroom, clock: Clock) -> None:
    edit.decide(sent, DAY + timedelta(days=2), Status.HELD)
    corrections.make_correction(sent, named(sent).id, TEXT, Who("Efua"))
    text = text_of(desk.text("/editions"))
    assert text.index("Mercredi 25 novembre 2026") < text.index("· rectificatif") < text.index("envoyée")
    for wanted in ("2 articles", "accepté pour 5 lecteurs sur 6", "1 refusé", "Rectificatif : ", "suspendue"):
        assert wanted in text, wanted
    assert "À l’édition du lundi 23 novembre 2026" in text


def test_the_list_has_pages(desk: Desk, sent: Newsroom) -> None:
    with write(sent.engine) as connection:
        for i in range(45):
            editions.keep_draft(connection, date(2026, 1, 1) + timedelta(days=i), "daily", sent.clock(), [])
    seen, path = [], "/editions"
    while path:
        tree = html5lib.parse(desk.text(path), namespaceHTMLElements=False)
        seen += [one.get("href") for one in tree.findall(".//ul[@class='rows past']//h2/a")]
        more = [one.get("href") for one in tree.findall(".//a") if "before=" in str(one.get("href"))]
        path = more[0].removeprefix("/desk") if more else ""
    assert len(seen) == len(set(seen)) == 46
    assert seen == sorted(seen, reverse=True)
    assert desk.get("/editions?before=nonsense").status_code == 200
    assert desk.get("/editions?before=999999").status_code == 200


def test_without_an_edition_it_says_so(room: Newsroom) -> None:
    assert "Il n’y a pas encore d’édition." in Desk(room).text("/editions")


# --- An extra edition -------------------------------------------------------------------------------


def test_an_extra_edition_is_asked_for_and_made(desk: Desk, sent: Newsroom) -> None:
    before = everything(sent)["editions"]
    assert "Elle partirait à 6 lecteurs" in text_of(desk.text("/editions/extra"))
    assert everything(sent)["editions"] == before
    answer = desk.post("/editions/extra")
    assert answer.headers["Location"] == "/desk/edition/2026-11-23-extra?done=extra"
    assert named(sent, "2026-11-23-extra").status is Status.DRAFT
    assert desk.post("/editions/extra").headers["Location"].startswith("/desk/edition/2026-11-23-extra?")
    assert "édition spéciale" in text_of(desk.act("/editions/extra"))


# --- What came of it --------------------------------------------------------------------------------


def test_results_by_state_and_provider(desk: Desk) -> None:
    text = text_of(desk.text(f"/edition/{NAME}/after"))
    for wanted in (
        "5 acceptés par le relais",
        "1 refusé par le relais",
        "Messagerie acceptés refusés Gmail 1 1",
        "Yahoo 2 –",
        "l.example 2 –",
        "1 × 552 5.2.2 mailbox full",
        "ne sont pas encore lus",
    ):
        assert wanted in text, (wanted, text)


def test_who_left_is_for_owners(sent: Newsroom, clock: Clock) -> None:
    clock.move(hours=1)
    subscribe.remove(sent, READERS[1])
    for role in (Role.WRITER, Role.EDITOR, Role.OWNER):
        text = Desk(sent, role, name=role.value).text(f"/edition/{NAME}/after")
        assert "1 lecteur est parti depuis le début de l’envoi." in text
        assert (READERS[1] in text) == (role is Role.OWNER)


def test_what_was_deleted_with_time_is_not_counted_as_nothing(desk: Desk, sent: Newsroom) -> None:
    with write(sent.engine) as connection:
        connection.execute(deliveries.delete())
    assert "Elle est partie à 6 lecteurs. Ses envois ont été effacés" in text_of(desk.text(f"/edition/{NAME}/after"))
    assert "2 articles · à 6 lecteurs" in text_of(desk.text("/editions"))


def test_an_edition_leads_to_its_results(desk: Desk) -> None:
    assert f'href="/desk/edition/{NAME}/after"' in desk.text(f"/edition/{NAME}")


def test_what_has_not_gone_out_has_no_results(desk: Desk, sent: Newsroom) -> None:
    corrections.make_extra(sent, DAY, Who("Efua"))
    answer = desk.get("/edition/2026-11-23-extra/after")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/desk/edition/2026-11-23-extra")
    for path in ("/edition/2026-11-22/after", "/edition/x/after", "/edition/x/correct", "/edition/%00/after"):
        assert desk.get(path).status_code == 404


def test_what_the_relay_says_is_text(desk: Desk, sent: Newsroom) -> None:
    with write(sent.engine) as connection:
        reply = "550 <script>alert(1)</script> <img src=x onerror=alert(1)> \u202e"
        connection.execute(deliveries.update().values(state="rejected", reply=reply))
    tree = html5lib.parse(desk.text(f"/edition/{NAME}/after"), namespaceHTMLElements=False)
    assert not [one for one in tree.iter() if one.tag == "img" or "onerror" in one.attrib]
    assert [one.get("src", "")[:13] for one in tree.iter("script")] == ["/desk/desk.js"]


# --- A correction -----------------------------------------------------------------------------------


def test_a_correction_is_seen_before_it_is_made(desk: Desk, sent: Newsroom) -> None:
    article = next(one.candidate.id for one in edit.look(sent, DAY)[1] if "port" in one.article.title)
    before = everything(sent)["editions"]
    page = desk.text(f"/edition/{NAME}/correct")
    assert "Le port rouvre mercredi" in page
    assert "Vide\u00a0: «\u00a0Rectificatif\u00a0: " in page
    shown = desk.post(f"/edition/{NAME}/correct", text=TEXT, subject="", article=str(article), do="look")
    assert shown.status_code == 200
    for wanted in ("Ceci part à 5 lecteurs", "*** Rectificatif ***", "jeudi, et non mercredi", "L’article concerné"):
        assert wanted in shown.text, wanted
    assert everything(sent)["editions"] == before
    made = desk.post(f"/edition/{NAME}/correct", text=TEXT, subject="Pardon", article=str(article), do="make")
    assert made.headers["Location"] == "/desk/edition/2026-11-23-correction?done=correction"
    found = named(sent, "2026-11-23-correction")
    assert (found.subject, found.note, found.status) == ("Pardon", TEXT, Status.DRAFT)
    assert "Pardon" in desk.text(f"/edition/{NAME}/after")
    assert "Déjà préparés" in desk.text(f"/edition/{NAME}/correct")
    send(sent, found.name)
    assert "Ceci est le rectificatif d’une autre édition" in desk.text(f"/edition/{found.name}/after")
    assert desk.get(f"/edition/{found.name}/correct").status_code == 409


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"text": "  "}, "Écrivez ce qu’il faut rectifier."),
        ({"text": "x" * 3001}, "3\u00a0000 caractères au plus"),
        ({"text": TEXT, "subject": "s" * 201}, "200 caractères au plus"),
    ],
)
def test_what_is_wrong_is_said_beside_what_was_typed(desk: Desk, sent: Newsroom, fields: Any, said: str) -> None:
    before = everything(sent)["editions"]
    for do in ("look", "make"):
        answer = desk.post(f"/edition/{NAME}/correct", do=do, **fields)
        assert answer.status_code == 400
        assert said in answer.text
        assert fields["text"] in answer.text
    assert everything(sent)["editions"] == before


def test_an_article_of_no_edition_is_refused(desk: Desk, sent: Newsroom) -> None:
    answer = desk.post(f"/edition/{NAME}/correct", text=TEXT, article="99999", do="make")
    assert answer.status_code == 400
    assert len(everything(sent)["editions"]) == 1


def test_what_is_typed_is_text(desk: Desk) -> None:
    hostile = '</textarea><script>alert(1)</script>"><img src=x onerror=alert(1)>'
    answer = desk.post(f"/edition/{NAME}/correct", text=hostile, subject=hostile, article=hostile, do="look")
    tree = html5lib.parse(answer.data, namespaceHTMLElements=False)
    assert not list(tree.iter("img"))
    assert len(list(tree.iter("script"))) == 1


def test_what_did_not_go_out_cannot_be_corrected(desk: Desk, sent: Newsroom) -> None:
    corrections.make_extra(sent, DAY, Who("Efua"))
    for answer in (
        desk.get("/edition/2026-11-23-extra/correct"),
        desk.post("/edition/2026-11-23-extra/correct", text=TEXT, do="make"),
    ):
        assert answer.status_code == 409
        assert "n’est pas partie" in answer.text


# --- Who may ----------------------------------------------------------------------------------------


def test_a_writer_looks_and_makes_nothing(sent: Newsroom) -> None:
    desk = Desk(sent, Role.WRITER, name="Yao")
    before = everything(sent)["editions"]
    text = desk.text("/editions") + desk.text(f"/edition/{NAME}/after")
    assert "/correct" not in text
    assert "/editions/extra" not in text
    for path in ("/editions/extra", f"/edition/{NAME}/correct"):
        assert desk.get(path).status_code == 403
        assert desk.post(path, text=TEXT, do="make").status_code == 403
    assert everything(sent)["editions"] == before


def test_a_form_of_somebody_else_changes_nothing(desk: Desk, sent: Newsroom) -> None:
    before = everything(sent)["editions"]
    for path in ("/editions/extra", f"/edition/{NAME}/correct"):
        assert desk.post(path, form="none", text=TEXT, do="make").status_code == 403
    assert everything(sent)["editions"] == before


# --- As people meet them ----------------------------------------------------------------------------


@dataclass
class House:
    room: Newsroom
    open_page: Callable[..., Any]
    public: str
    cookie: str

    def open(self, path: str, **how: Any) -> Any:
        page = self.open_page(**how)
        page.context.add_cookies([{"name": COOKIE, "value": self.cookie, "url": self.public}])
        page.goto(self.public + path)
        return page


@pytest.fixture(scope="module", params=["fr", "en"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder, clock = tmp_path_factory.mktemp("house"), Clock()
    (folder / "articles").mkdir()
    place, public = free_place()
    with chromium() as open_page:
        toml = TOML.replace("https://lettre.journal.example", public)
        toml = toml.replace('language = "fr"', f'language = "{request.param}"')
        (folder / "newsletter.toml").write_text(toml, encoding="utf-8")
        room = Newsroom(config.load(folder / "newsletter.toml", {}), clock=clock, sleep=lambda seconds: None)
        _fill(room, folder, clock)
        cookie = cookie_of(room, editor(room, Role.OWNER))
        with serving(create_app(room), place):
            yield House(room, open_page, public, cookie)
        room.engine.dispose()


def _fill(room: Newsroom, folder: Path, clock: Clock) -> None:
    """An edition and its correction, both sent; an extra one and a second correction, both drafts."""
    room.__dict__["mailer"] = FakeMailer({"kodjo": ["full", "doubt"]})
    subscribe.add(room, READERS + [f"r@journal{i}.example" for i in range(15)], "test")
    for number, title in enumerate(("Le port rouvre mercredi après dix jours d’arrêt", "Le lycée ferme")):
        lines = [f'title: "{title}"', f"date: {(clock() - timedelta(hours=1)).isoformat()}"]
        lines += [f"url: https://journal.example/{number}/", "section: Société"]
        text = "---\n" + "\n".join(lines) + "\n---\n\nLes quais sont ouverts.\n"
        (folder / "articles" / f"{number}.md").write_text(text, encoding="utf-8")
    daily.send(room, room.today(), watch=Watch(Stop(clock)))
    clock.move(hours=2)
    subscribe.remove(room, READERS[0])
    made = corrections.make_correction(room, named(room).id, TEXT, Who("Efua"))
    send(room, made.name)
    corrections.make_correction(room, named(room).id, "Autre chose.", Who("Efua"))
    corrections.make_extra(room, DAY, Who("Efua"))


PATHS = {
    "list": "/desk/editions",
    "extra": "/desk/editions/extra",
    "results": f"/desk/edition/{NAME}/after",
    "results of a correction": f"/desk/edition/{NAME}-correction/after",
    "correct": f"/desk/edition/{NAME}/correct",
    "correct not": f"/desk/edition/{NAME}-extra/correct",
    "corrected": f"/archive/{NAME}",
    "correction": f"/archive/{NAME}-correction",
    "archive": "/archive/",
}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_wrong(house: House, dark: bool) -> None:
    page = house.open("/desk/editions", width=360, dark=dark, locale=house.room.config.newsletter.language)
    wrong = {}
    for name, path in PATHS.items():
        assert page.goto(house.public + path).status in (200, 409), name
        found = violations(page)
        if found:
            wrong[name] = found
    assert not wrong


def test_no_page_is_wider_than_its_screen(house: House) -> None:
    page = house.open("/desk/editions", width=360, locale=house.room.config.newsletter.language)
    for name, path in PATHS.items():
        page.goto(house.public + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, name


def test_a_correction_without_a_script(house: House) -> None:
    language = house.room.config.newsletter.language
    page = house.open(f"/desk/edition/{NAME}/after", width=360, javascript=False, locale=language)
    page.click(f"a[href='/desk/edition/{NAME}/correct']")
    page.fill("#text", "Le lycée ne ferme pas.")
    page.check("input[name=article] >> nth=1")
    page.click("button[value=look]")
    assert "Le lycée ne ferme pas." in page.inner_text("pre.mail")
    assert not violations_of_targets(page)
    page.click("button[value=make]")
    assert page.url.endswith("-correction-3?done=correction")


def violations_of_targets(page: Any) -> list[str]:
    """Buttons and fields that are smaller than a thumb."""
    script = """() => [...document.querySelectorAll('button, a.button, input:not([type=hidden]), textarea')]
      .filter(one => { const box = (one.closest('label') || one).getBoundingClientRect();
                       return box.height > 0 && box.height < 44 })
      .map(one => one.outerHTML)"""
    found: list[str] = page.evaluate(script)
    return found
