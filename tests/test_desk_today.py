"""The day's edition on the desk: shaped by two editors, previewed, tested."""

from __future__ import annotations

import gzip
import mailbox
import re
from collections.abc import Callable
from pathlib import Path

import html5lib
import pytest
from sqlalchemy import update

from newsletter import config, daily, edit, editors, preview
from newsletter.model import Choice, Edition, EditionStatus, Role
from newsletter.newsroom import Newsroom
from newsletter.store.database import write
from newsletter.store.schema import articles
from tests.browser import everything
from tests.desk import Desk, text_of

Add = Callable[..., Path]
TITLES = ("Le port rouvre", "Les taxis en grève", "Le café de Kpalimé", "Un pont à Vogan")


@pytest.fixture
def ready(room: Newsroom, add_article: Add) -> Newsroom:
    for i, title in enumerate(TITLES):
        add_article(title, hours=i + 1, section="Société", name=f"n{i}")
    return room


@pytest.fixture
def made(ready: Newsroom) -> Edition:
    return daily.make_edition(ready, ready.today()).edition


@pytest.fixture
def desk(ready: Newsroom) -> Desk:
    return Desk(ready)


def picked(room: Newsroom, edition: Edition) -> list[Choice]:
    return [one for one in edit.with_choices(room, edition.id)[1] if one.picked]


def titles(room: Newsroom, edition: Edition) -> list[str]:
    return [one.article.title for one in picked(room, edition)]


def now(room: Newsroom, edition: Edition) -> Edition:
    return edit.with_choices(room, edition.id)[0]


# --- Today ------------------------------------------------------------------------------------------


def test_a_morning_begins_with_the_draft(desk: Desk, ready: Newsroom) -> None:
    assert "pas encore préparée" in desk.text("/")
    shown = desk.act("/make", day=ready.today().isoformat())
    for title in TITLES:
        assert title in shown
    assert "Le port rouvre" in desk.text("/")  # from here on the first page is the edition


def test_what_the_machine_did_is_told(desk: Desk, made: Edition, ready: Newsroom, add_article: Add) -> None:
    add_article("Une vieille histoire", hours=60)
    daily.make_edition(ready, ready.today())
    shown = text_of(desk.text("/"))
    assert "Trop ancien" in shown
    assert shown.index("Laissés de côté") < shown.index("Une vieille histoire")


def test_sources_that_are_down_are_told(desk: Desk, folder: Path) -> None:
    (folder / "articles").rename(folder / "elsewhere")
    answer = desk.post("/make", day="2026-11-23")
    assert answer.status_code == 502
    assert "Aucune réponse" in answer.text
    assert "all sources are down" in answer.text
    assert "Pas encore d’article" in desk.text("/")  # nothing to be shaped, and a way on
    (folder / "elsewhere").rename(folder / "articles")
    assert "1 nouveau" in desk.act("/edition/2026-11-23/refresh") or "Le port rouvre" in desk.text("/")


# --- Acts -------------------------------------------------------------------------------------------


def test_the_buttons_of_the_list(desk: Desk, made: Edition, ready: Newsroom) -> None:
    first, second, third, _ = [one.candidate.id for one in picked(ready, made)]
    path = f"/edition/{made.name}/order"
    desk.act(path, do=f"down/{first}", version=0)
    assert titles(ready, made) == [TITLES[i] for i in (1, 0, 2, 3)]
    desk.act(path, do=f"up/{first}")
    desk.act(path, do=f"lead/{third}")
    assert titles(ready, made) == [TITLES[i] for i in (2, 0, 1, 3)]
    shown = desk.act(path, do=f"drop/{second}")
    assert "Retiré par Efua" in text_of(shown)
    assert titles(ready, made) == [TITLES[i] for i in (2, 0, 3)]
    desk.act(path, do=f"add/{second}")
    assert titles(ready, made) == [TITLES[i] for i in (2, 0, 3, 1)]
    desk.act(path, order=f"{second},{third}")
    assert titles(ready, made)[:2] == [TITLES[1], TITLES[2]]
    for _ in range(6):
        desk.act(f"/edition/{made.name}/undo")
    assert titles(ready, made) == list(TITLES)
    desk.act(f"/edition/{made.name}/redo")
    assert titles(ready, made)[0] == TITLES[1]
    assert "Choisi de nouveau" in desk.act(f"/edition/{made.name}/again")
    assert titles(ready, made) == list(TITLES)


def test_what_the_site_changed_is_taken_over_or_left(
    desk: Desk, made: Edition, ready: Newsroom, add_article: Add
) -> None:
    first, second, *_ = picked(ready, made)
    desk.act(f"/edition/{made.name}/order", do=f"down/{first.candidate.id}")
    add_article("Le port rouvre demain", section="Société", name="n0")
    add_article("Les taxis roulent", hours=2, section="Société", name="n1")
    add_article("Dernière minute", hours=0, section="Société")
    shown = text_of(desk.act(f"/edition/{made.name}/refresh"))
    assert "2 articles ont changé et 1 nouveau" in shown
    assert "Le site a changé : le titre et le résumé. Le port rouvre demain" in shown.replace("\u00a0", " ")
    assert titles(ready, made)[1] == "Le port rouvre"
    desk.act(f"/edition/{made.name}/order", do=f"take/{first.candidate.id}")
    desk.act(f"/edition/{made.name}/order", do=f"leave/{second.candidate.id}")
    assert titles(ready, made)[:2] == ["Les taxis en grève", "Le port rouvre demain"]
    assert "Le site a changé" not in desk.text("/")
    assert "Dernière minute" in desk.text("/")


def test_what_is_to_mind_is_told(desk: Desk, made: Edition, ready: Newsroom) -> None:
    desk.act(f"/edition/{made.name}/words", subject="Un objet bien trop long " * 4, preheader="", note="")
    shown = text_of(desk.text("/"))
    assert "À surveiller" in shown
    assert "La lettre pèse" in shown


@pytest.mark.parametrize("do", ["", "up", "up/", "up/x", "explode/1", "drop/-1"])
def test_what_is_no_button_is_refused(desk: Desk, made: Edition, do: str) -> None:
    before = everything(desk.room)["choices"]
    assert desk.post(f"/edition/{made.name}/order", do=do).status_code == 400
    assert everything(desk.room)["choices"] == before


def test_an_edition_that_is_not_there(desk: Desk, made: Edition) -> None:
    for path in ("/edition/2020-01-01", "/edition/x", "/edition/2026-11-23-extra", f"/edition/{made.name}/article/999"):
        assert desk.get(path).status_code == 404


def test_a_frozen_edition_is_not_touched(desk: Desk, made: Edition, ready: Newsroom) -> None:
    first = picked(ready, made)[0].candidate.id
    edit.decide(ready, made.day, EditionStatus.CANCELLED)
    answer = desk.post(f"/edition/{made.name}/order", do=f"drop/{first}")
    assert answer.status_code == 409
    assert titles(ready, made) == list(TITLES)


def test_no_form_without_its_token(desk: Desk, made: Edition) -> None:  # W15
    before = everything(desk.room)
    for path in ("/make", f"/edition/{made.name}/order", f"/edition/{made.name}/undo", f"/edition/{made.name}/words"):
        assert desk.client.post(f"/desk{path}", data={"do": "drop/1"}).status_code == 403
        assert desk.client.post(f"/desk{path}", data={"do": "drop/1", "form": "a" * 30}).status_code == 403
    assert everything(desk.room) == before


# --- Texts ------------------------------------------------------------------------------------------


def test_an_article_is_rewritten_and_goes_back(desk: Desk, made: Edition, ready: Newsroom) -> None:
    one = picked(ready, made)[1]
    path = f"/edition/{made.name}/article/{one.candidate.id}"
    assert one.article.title in desk.text(path)
    fields = {"summary": one.article.summary, "section": "Société", "picture": "", "alt": "", "shown": "yes"}
    desk.act(path, version=0, title="Grève des taxis : ce qu'il faut savoir", **fields)
    assert titles(ready, made)[1] == "Grève des taxis : ce qu'il faut savoir"
    assert picked(ready, made)[1].edits.summary is None  # left as it was: it is not ours
    assert "Sur le site" in desk.text(path)
    desk.act(path, title="", **fields)
    assert titles(ready, made)[1] == "Les taxis en grève"


def test_a_picture_is_put_and_taken_away(desk: Desk, made: Edition, ready: Newsroom) -> None:
    one = picked(ready, made)[0]
    path = f"/edition/{made.name}/article/{one.candidate.id}"
    fields = {"title": one.article.title, "summary": one.article.summary, "section": "", "alt": "Le quai"}
    desk.act(path, picture="https://journal.example/quai.jpg", shown="yes", **fields)
    found = picked(ready, made)[0].article.picture
    assert found is not None
    assert (found.url, found.alt) == ("https://journal.example/quai.jpg", "Le quai")
    desk.act(path, picture="https://journal.example/quai.jpg", **fields)
    assert picked(ready, made)[0].article.picture is None
    answer = desk.post(path, picture="javascript:alert(1)", shown="yes", **fields | {"title": "Tapé"})
    assert answer.status_code == 400
    assert "Tapé" in answer.text  # what was typed is not lost
    assert titles(ready, made)[0] == one.article.title


def test_the_words_of_an_edition(desk: Desk, made: Edition, ready: Newsroom) -> None:
    path = f"/edition/{made.name}/words"
    assert "Le port rouvre" in desk.text(path)  # what stands there where nobody writes
    desk.act(path, subject="Ce matin", preheader="Le port", note="Bonjour,\r\n\r\nle port rouvre.", version=0)
    found = now(ready, made)
    assert (found.subject, found.preheader, found.note) == ("Ce matin", "Le port", "Bonjour,\n\nle port rouvre.")
    shown = preview.of_edition(ready, *edit.with_choices(ready, made.id))
    assert shown.subject == "Ce matin"
    assert "le port rouvre." in shown.html
    assert "le port rouvre." in shown.text
    assert "le port rouvre." in shown.whatsapp
    assert desk.post(path, subject="x" * 300, preheader="", note="").status_code == 400


# --- Two at once ------------------------------------------------------------------------------------


def test_the_second_to_save_is_told_and_loses_nothing(desk: Desk, made: Edition, ready: Newsroom) -> None:
    kodjo = Desk(ready, Role.WRITER, "Kodjo")
    path = f"/edition/{made.name}/words"
    desk.act(path, subject="D'Efua", preheader="", note="", version=0)
    answer = kodjo.post(path, subject="De Kodjo", preheader="", note="", version=0)
    assert answer.status_code == 409
    assert "De Kodjo" in answer.text
    assert "Efua" in answer.text
    assert now(ready, made).subject == "D'Efua"
    version = now(ready, made).version
    kodjo.act(path, subject="De Kodjo", preheader="", note="", version=version)
    assert now(ready, made).subject == "De Kodjo"
    desk.act(f"/edition/{made.name}/undo", version=now(ready, made).version)
    assert now(ready, made).subject == "D'Efua"


def test_two_who_write_different_things_do_not_meet(desk: Desk, made: Edition, ready: Newsroom) -> None:
    kodjo = Desk(ready, Role.WRITER, "Kodjo")
    path = f"/edition/{made.name}/words"
    desk.act(path, subject="D'Efua", preheader="", note="", version=0)
    shown = kodjo.act(path, subject="", preheader="", note="De Kodjo", version=0)
    assert (now(ready, made).subject, now(ready, made).note) == ("D'Efua", "De Kodjo")
    assert "Pendant ce temps" in shown
    first = picked(ready, made)[0].candidate.id
    shown = desk.act(f"/edition/{made.name}/order", do=f"down/{first}", version=1)
    assert "Pendant ce temps" in shown


# --- Previews ---------------------------------------------------------------------------------------


def test_the_ways_to_look(desk: Desk, made: Edition, ready: Newsroom) -> None:
    base = f"/edition/{made.name}"
    light, dark = desk.text(f"{base}/mail"), desk.text(f"{base}/mail?light=dark")
    assert "prefers-color-scheme" not in light + dark
    assert "@media not all" in light
    assert "@media all" in dark
    for query in ("", "?screen=wide&light=dark&pictures=no", "?part=text", "?part=whatsapp", "?part=x&light=%00"):
        assert "Le port rouvre" in desk.text(f"{base}/preview{query}") or "<iframe" in desk.text(
            f"{base}/preview{query}"
        )


def test_without_pictures_none_is_fetched(desk: Desk, made: Edition, ready: Newsroom) -> None:
    one = picked(ready, made)[0]
    fields = {"title": "Le port", "summary": "Les quais.", "section": "", "alt": "Le quai", "shown": "yes"}
    desk.act(f"/edition/{made.name}/article/{one.candidate.id}", picture="https://journal.example/quai.jpg", **fields)
    assert "quai.jpg" in desk.text(f"/edition/{made.name}/mail")
    answer = desk.get(f"/edition/{made.name}/mail?pictures=no")
    assert "quai.jpg" not in answer.text
    assert "Le quai" in answer.text
    assert "https:" not in answer.headers["Content-Security-Policy"]


def test_what_is_tried_is_not_kept(desk: Desk, made: Edition, ready: Newsroom) -> None:
    before = everything(ready)["editions"], everything(ready)["choices"], everything(ready)["audit"]
    answer = desk.post(f"/edition/{made.name}/try", subject="", preheader="", note="Un mot à l'essai")
    assert "Un mot à l" in answer.text
    number = picked(ready, made)[1].candidate.id
    answer = desk.post(f"/edition/{made.name}/try", article=number, title="À l'essai", summary="", shown="yes")
    assert "À l" in answer.text
    assert desk.post(f"/edition/{made.name}/try", article=999, title="x").status_code == 400
    assert (everything(ready)["editions"], everything(ready)["choices"], everything(ready)["audit"]) == before


def test_the_frame_can_do_nothing(desk: Desk, made: Edition) -> None:  # W12
    for answer in (desk.get(f"/edition/{made.name}/mail"), desk.post(f"/edition/{made.name}/try", note="x")):
        policy = answer.headers["Content-Security-Policy"]
        assert "sandbox" in policy
        assert "script" not in policy.replace("allow-scripts", "x")
        assert "frame-ancestors 'self'" in policy


def test_a_test_goes_to_whoever_asks(desk: Desk, made: Edition, ready: Newsroom, folder: Path) -> None:
    assert "essai" in desk.act(f"/edition/{made.name}/test")
    [mail] = list(mailbox.Maildir(folder / "outbox"))
    assert mail["To"] == "efua@journal.example"
    assert everything(ready)["deliveries"] == []


# --- Hostile articles -------------------------------------------------------------------------------


EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def test_hostile_texts_are_only_texts(desk: Desk, made: Edition, ready: Newsroom) -> None:  # F05
    number = picked(ready, made)[0].candidate.id
    with write(ready.engine) as connection:  # as a careless version, or another program, may have stored it
        values = {"title": EVIL, "summary": EVIL, "url": "javascript:alert(3)", "section": EVIL}
        connection.execute(update(articles).values(**values))
    desk.act(f"/edition/{made.name}/article/{number}", title=f"2 {EVIL}", summary=EVIL, section=EVIL, alt=EVIL)
    desk.act(f"/edition/{made.name}/words", subject=EVIL, preheader=EVIL, note=EVIL)
    paths = ["/", f"/edition/{made.name}/article/{number}", f"/edition/{made.name}/words"]
    paths += [f"/edition/{made.name}/preview", f"/edition/{made.name}/preview?part=text", f"/edition/{made.name}/mail"]
    for path in paths:
        tree = html5lib.parse(desk.text(path), namespaceHTMLElements=False)
        assert not [one for one in tree.iter() if any(name.startswith("on") for name in one.attrib)]
        assert not list(tree.iter("img"))
        assert all(one.attrib["src"].startswith("/desk/desk.js?") for one in tree.iter("script"))
        assert not [one for one in tree.iter("a") if one.attrib.get("href", "").startswith("javascript")]


# --- Few bytes --------------------------------------------------------------------------------------


def test_pages_are_light(desk: Desk, made: Edition) -> None:
    """What a phone loads in the morning: page, style and script, packed."""
    total = 0
    for path in ("/", "/desk.css", "/desk.js"):
        answer = desk.client.get(f"/desk{path}", headers={"Accept-Encoding": "gzip"})
        assert answer.headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert (
            gzip.decompress(answer.data) == desk.client.get(f"/desk{path}").data or path == "/"
        )  # a token each second
        total += len(answer.data)
    assert total < 15_000
    assert "Content-Encoding" not in desk.get("/").headers


# --- What others wrote is not taken back in silence -------------------------------------------------


def field_of(page: str, name: str) -> str:
    """What stands in a field of a form."""
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    [found] = [one for one in tree.iter() if one.tag in ("input", "textarea") and one.attrib.get("id") == name]
    return found.attrib.get("value", "") if found.tag == "input" else "".join(found.itertext())


def version_of(page: str) -> str:
    found = re.search(r'name="version" value="(\d*)"', page)
    assert found is not None
    return found[1]


def test_saving_after_a_conflict_puts_back_nothing_else(desk: Desk, made: Edition, ready: Newsroom) -> None:
    kodjo, path = Desk(ready, name="Kodjo"), f"/edition/{made.name}/words"
    version = version_of(desk.text(path))
    kodjo.act(path, subject="Objet de Kodjo", preheader="Accroche de Kodjo", note="Mot de Kodjo", version=version)
    answer = desk.post(path, subject="", preheader="", note="Mot d’Efua", version=version)
    assert answer.status_code == 409
    assert "Mot de Kodjo" in text_of(answer.text)  # the other's text, beside one's own
    fields = {name: field_of(answer.text, name) for name in ("subject", "preheader", "note")}
    assert fields == {"subject": "Objet de Kodjo", "preheader": "Accroche de Kodjo", "note": "Mot d’Efua"}
    desk.act(path, **fields, version=version_of(answer.text))
    found = now(ready, made)
    assert (found.subject, found.preheader, found.note) == ("Objet de Kodjo", "Accroche de Kodjo", "Mot d’Efua")


def test_nor_in_an_article(desk: Desk, made: Edition, ready: Newsroom) -> None:
    kodjo, one = Desk(ready, name="Kodjo"), picked(ready, made)[1]
    path = f"/edition/{made.name}/article/{one.candidate.id}"
    page = desk.text(path)
    fields = {name: field_of(page, name) for name in ("title", "summary", "section", "picture", "alt")}
    fields |= {"shown": "yes", "version": version_of(page)}
    kodjo.act(path, **(fields | {"title": "Titre de Kodjo", "summary": "Résumé de Kodjo"}))
    answer = desk.post(path, **(fields | {"title": "Titre d’Efua"}))
    assert answer.status_code == 409
    assert (field_of(answer.text, "title"), field_of(answer.text, "summary")) == ("Titre d’Efua", "Résumé de Kodjo")
    assert "Titre de Kodjo" in answer.text


def test_a_form_with_a_mistake_keeps_its_version(desk: Desk, made: Edition, ready: Newsroom) -> None:
    kodjo, path = Desk(ready, name="Kodjo"), f"/edition/{made.name}/words"
    version = version_of(desk.text(path))
    kodjo.act(path, subject="Objet de Kodjo", preheader="", note="", version=version)
    answer = desk.post(path, subject="", preheader="", note="é" * 3001, version=version)
    assert answer.status_code == 400
    desk.act(path, subject="", preheader="", note="Plus court", version=version_of(answer.text))
    assert (now(ready, made).subject, now(ready, made).note) == ("Objet de Kodjo", "Plus court")


def test_one_s_own_second_window_is_told_so(desk: Desk, made: Edition) -> None:
    path = f"/edition/{made.name}/words"
    desk.act(path, subject="", preheader="", note="De la première", version=0)
    answer = desk.post(path, subject="", preheader="", note="De la seconde", version=0)
    assert answer.status_code == 409
    assert "dans une autre fenêtre" in answer.text
    assert "Quelqu’un d’autre" not in answer.text


def test_undoing_what_somebody_else_did_since_speaks_of_no_form(desk: Desk, made: Edition, ready: Newsroom) -> None:
    kodjo, base = Desk(ready, name="Kodjo"), f"/edition/{made.name}"
    desk.act(f"{base}/words", subject="", preheader="", note="D’Efua", version=0)
    version = now(ready, made).version
    kodjo.act(f"{base}/words", subject="", preheader="", note="De Kodjo", version=version)
    answer = desk.post(f"{base}/undo", version=version)
    assert answer.status_code == 409
    assert "a travaillé à l’édition" in answer.text
    assert "formulaire ci-dessous" not in answer.text


# --- A session that is over -------------------------------------------------------------------------

TYPED = {"subject": "", "preheader": "", "note": "Un long <b>mot</b>", "version": "1", "form": "old"}


def test_what_was_typed_is_not_lost_with_the_session(desk: Desk, made: Edition, ready: Newsroom) -> None:
    path = f"/edition/{made.name}/words"
    for one in editors.sessions(ready, desk.editor):
        editors.log_out(ready, one)
    before = everything(ready)
    answer = desk.client.post(f"/desk{path}", data=TYPED, headers={"Accept-Language": "fr"})
    assert answer.status_code == 403
    assert field_of(answer.text, "typed-note") == "Un long <b>mot</b>"
    assert f"/desk/in?after={path}" in answer.text
    assert not [title for title in TITLES if title in answer.text]
    bare = desk.client.post(f"/desk/edition/{made.name}/order", data={"do": "up/1", "form": "old"})
    assert bare.status_code == 303
    assert bare.headers["Location"] == f"/desk/in?after=%2Fedition%2F{made.name}"
    assert everything(ready) == before


def test_nor_with_a_form_of_an_older_session(desk: Desk, made: Edition) -> None:
    path = f"/edition/{made.name}/words"
    answer = desk.client.post(f"/desk{path}", data=TYPED, headers={"Accept-Language": "fr"})
    assert answer.status_code == 403
    assert field_of(answer.text, "typed-note") == "Un long <b>mot</b>"
    assert f'href="/desk{path}"' in answer.text


def test_a_form_that_stood_elsewhere_is_not_shown(desk: Desk, made: Edition) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = desk.client.post(f"/desk/edition/{made.name}/words", data=TYPED, headers=headers)
    assert answer.status_code == 403
    assert "Un long" not in answer.text


# --- Numbers, and refusals --------------------------------------------------------------------------

HUGE = ("9" * 25, "9" * 5000, "٣")


@pytest.mark.parametrize("number", HUGE, ids=["25 digits", "5000 digits", "an Arabic digit"])
def test_numbers_that_are_none(desk: Desk, made: Edition, number: str) -> None:
    base = f"/edition/{made.name}"
    for path in (f"/?since={number}", f"{base}?since={number}", f"{base}/mail?only={number}"):
        assert desk.get(path).status_code == 200, path
    for fields in ({"do": f"up/{number}"}, {"do": f"add/{number}"}):
        assert desk.post(f"{base}/order", **fields).status_code == 400
    first = picked(desk.room, made)[0].candidate.id
    assert desk.post(f"{base}/order", order=f"{number},{first}").status_code == 303
    assert desk.post(f"{base}/words", note="x", version=number).status_code == 303
    assert desk.post(f"{base}/try", article=number, title="x").status_code == 400
    assert titles(desk.room, made) == list(TITLES)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2026-11-22", "2026-12-01", "demain"])
def test_a_draft_is_made_of_the_days_to_come_alone(desk: Desk, day: str) -> None:
    assert desk.post("/make", day=day).status_code == 400
    assert everything(desk.room)["editions"] == []


def test_a_draft_may_be_made_of_a_day_to_come(desk: Desk) -> None:
    assert desk.post("/make", day="2026-11-30").headers["Location"].startswith("/desk/edition/2026-11-30")


def test_refusals_are_in_the_editor_s_language(desk: Desk, made: Edition, ready: Newsroom) -> None:
    base, number = f"/edition/{made.name}", picked(ready, made)[0].candidate.id
    article = {"title": "x", "summary": "x", "section": "", "alt": "", "picture": "", "shown": "yes"}
    said = {
        "« Mot de la rédaction » compte 3 001 caractères, pour 3 000 au plus": ("words", {"note": "é" * 3001}),
        "« Rubrique » compte 81 caractères, pour 80 au plus": (f"article/{number}", article | {"section": "é" * 81}),
        "« Ce qu’on y voit » compte 301 caractères": (
            f"article/{number}",
            article | {"picture": "https://journal.example/a.jpg", "alt": "é" * 301},
        ),
        "L’adresse de l’image n’en est pas une": (f"article/{number}", article | {"picture": "quai.jpg"}),
        "Il n’y a plus rien à défaire": ("undo", {}),
        "Il n’y a rien à refaire": ("redo", {}),
        "Cet article ne fait pas partie": ("order", {"do": "up/999"}),
    }
    for sentence, (path, fields) in said.items():
        answer = desk.post(f"{base}/{path}", **fields)
        assert answer.status_code in (400, 409), path
        shown = text_of(answer.text).replace("\u00a0", " ").replace("\u202f", " ")
        assert sentence in shown
        assert 'lang="en"' not in answer.text
    edit.decide(ready, made.day, EditionStatus.CANCELLED)
    assert "L’édition est annulée" in desk.post(f"{base}/order", do=f"up/{number}").text


def test_no_field_cuts_what_is_pasted(desk: Desk, made: Edition, ready: Newsroom) -> None:
    number = picked(ready, made)[0].candidate.id
    for path in ("words", f"article/{number}"):
        assert "maxlength" not in desk.text(f"/edition/{made.name}/{path}")


# --- Style and script -------------------------------------------------------------------------------


def test_style_and_script_are_kept_under_the_address_of_their_content(
    desk: Desk, ready: Newsroom, folder: Path
) -> None:
    page = desk.text("/")
    for name in ("desk.css", "desk.js"):
        found = re.search(rf'"/desk/{re.escape(name)}(\?v=[0-9a-f]+)"', page)
        assert found is not None
        assert "max-age=604800" in desk.client.get(f"/desk/{name}{found[1]}").headers["Cache-Control"]
        assert desk.client.get(f"/desk/{name}?v=0").headers["Cache-Control"] == "no-cache"
    toml = folder / "newsletter.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace("[newsletter]", '[newsletter]\ncolour = "#005a9c"'))
    blue = Desk(Newsroom(config.load(toml, {}), clock=ready.clock)).text("/")
    assert re.findall(r"desk\.css\?v=\w+", blue) != re.findall(r"desk\.css\?v=\w+", page)
    assert re.findall(r"desk\.js\?v=\w+", blue) == re.findall(r"desk\.js\?v=\w+", page)


def test_titles_of_other_scripts_stand_in_their_own_direction(desk: Desk, made: Edition) -> None:
    tree = html5lib.parse(desk.text("/"), namespaceHTMLElements=False)
    headings = list(tree.iter("h3"))
    assert len(headings) == len(TITLES)
    assert all(one.attrib.get("dir") == "auto" for one in headings)


def test_no_act_but_a_harmless_one_is_a_form_s_own(desk: Desk, made: Edition) -> None:
    shown = desk.act(f"/edition/{made.name}/words", subject="", preheader="", note="x")
    tree = html5lib.parse(shown, namespaceHTMLElements=False)
    live = [one.attrib["action"] for one in tree.iter("form") if "data-live" in one.attrib]
    assert [one.rpartition("/")[2] for one in live] == ["refresh", "order"]
    assert f'formaction="/desk/edition/{made.name}/undo"' in shown
