"""What comes back, taken in: whose it is, what it means, who leaves; on both databases."""

from __future__ import annotations

import email
from collections.abc import Callable
from email import policy
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update

from newsletter import daily, post, preferences, readers, report, returns, subscribe, tidy
from newsletter.bounce import judge
from newsletter.bounce import read as bounces_read
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.links import Purpose
from newsletter.model import (
    Act,
    Clues,
    Delivery,
    Failure,
    LetterKind,
    Origin,
    Proof,
    Reason,
    Returned,
    ReturnKind,
    SubscriberStatus,
)
from newsletter.newsroom import Newsroom
from newsletter.returns import Done, passing_on
from newsletter.store import bounces, letters
from newsletter.store.database import read, write
from newsletter.store.schema import deliveries
from tests.at_desk import AtDesk
from tests.conftest import Clock
from tests.desk import text_of
from tests.fakes import FakeMailer

Status, Kind = SubscriberStatus, ReturnKind
GONE = Failure("", True, Reason.UNKNOWN_USER, True, "5.1.1", "550 5.1.1 no such user")
FULL = Failure("", True, Reason.MAILBOX_FULL, False, "5.2.2", "552 5.2.2 mailbox full")
BLOCKED = Failure("", True, Reason.BLOCKED, False, "5.7.1", "554 5.7.1 your network is on our list")


@pytest.fixture
def paper(room: Newsroom, engine: Engine) -> Newsroom:
    """A newsroom with three readers, on each of the databases."""
    room.__dict__["engine"] = engine
    room.__dict__["mailer"] = FakeMailer()
    subscribe.add(room, ["ama@lecteurs.example", "kodjo@lecteurs.example", "efua@autres.example"], "test")
    return room


def send(room: Newsroom, add_article: Callable[..., Path], script: dict[str, list[str]] | None = None) -> None:
    add_article(f"Un article du {room.today()} {room.clock():%H%M}")
    room.__dict__["mailer"] = FakeMailer(script)
    daily.send(room, room.today(), watch=Watch(Stop(room.clock)))


def status(room: Newsroom, name: str) -> SubscriberStatus:
    return subscribe.find(room, f"{name}@lecteurs.example").status


def last(room: Newsroom, name: str) -> Delivery:
    known = subscribe.find(room, f"{name}@lecteurs.example")
    with read(room.engine) as connection:
        found = bounces.latest_delivery(connection, known.id)
    assert found is not None
    return found


def bounce(
    room: Newsroom, name: str, failure: Failure = GONE, *, kind: ReturnKind = Kind.BOUNCE, clues: Clues | None = None
) -> Returned:
    """About the last edition that somebody got, with our mark in its return path."""
    token = room.signer.token(Purpose.DELIVERY, last(room, name).id)
    return Returned(kind, (failure,), clues or Clues(return_paths=(f"b+{token}@bounces.example",)))


def take(room: Newsroom, returned: Returned, digest: str = "", **values: Any) -> Done:
    digest = digest or f"{room.clock()} {returned!r}"[:64]
    return returns.take(room, returned, digest=digest, via="stdin", **values).done


def acts(room: Newsroom, name: str) -> list[Act]:
    return [one.act for one in subscribe.history(room, subscribe.find(room, f"{name}@lecteurs.example"))]


# --- Bounces ---------------------------------------------------------------------------------------


def test_a_dead_address_is_unreachable_at_once_and_once(paper: Newsroom, add_article: Callable[..., Path]) -> None:
    send(paper, add_article)
    returned = bounce(paper, "ama")
    assert take(paper, returned, "one") is Done.GONE
    assert take(paper, returned, "one") is Done.KNOWN  # B10: the same mail again
    assert take(paper, returned, "two") is Done.KEPT  # another about the same
    assert status(paper, "ama") is Status.UNREACHABLE
    assert status(paper, "kodjo") is Status.ACTIVE
    assert acts(paper, "ama") == [Act.ADDED, Act.UNREACHABLE]
    [act] = subscribe.history(paper, subscribe.find(paper, "ama@lecteurs.example"))[-1:]
    assert act.origin == Origin("bounce", note="unknown_user 5.1.1")


def test_the_next_edition_does_not_go_there(paper: Newsroom, add_article: Callable[..., Path], clock: Clock) -> None:
    send(paper, add_article)
    take(paper, bounce(paper, "ama"))
    clock.move(days=1)
    send(paper, add_article)
    assert sorted(paper.mailer.offered) == ["efua@autres.example", "kodjo@lecteurs.example"]  # type: ignore[attr-defined]


# B08
def test_a_forged_bounce_takes_nobody_off(paper: Newsroom, add_article: Callable[..., Path]) -> None:
    send(paper, add_article)
    forged = Failure("Ama@Lecteurs.example", True, Reason.UNKNOWN_USER, True, "5.1.1", "550 5.1.1 no such user")
    for i in range(12):
        told = Clues(return_paths=(f"b+{'a' * 40}@bounces.example",), message_ids=(f"<{'b' * 40}.{i}@x.example>",))
        assert take(paper, Returned(Kind.BOUNCE, (forged,), told), f"forged {i}") is Done.KEPT
    assert take(paper, Returned(Kind.FEEDBACK, (forged,)), "complaint") is Done.KEPT
    assert status(paper, "ama") is Status.ACTIVE
    with read(paper.engine) as connection:
        rows = bounces.listed(connection, unproven=True)
    assert {(one.proof, one.subscriber_id, one.address) for one, _ in rows} == {
        (Proof.ADDRESS, None, "ama@lecteurs.example")
    }


# B07
def test_a_complaint_takes_out_at_once_and_only_the_newsroom_brings_back(
    paper: Newsroom, add_article: Callable[..., Path], clock: Clock
) -> None:
    send(paper, add_article)
    delivery = last(paper, "ama")
    token = paper.signer.token(Purpose.DELIVERY, delivery.id)
    redacted = Returned(
        Kind.FEEDBACK,
        (Failure("", suppress=True),),
        Clues(message_ids=(f"<2026-11-23.{token}@lettre.journal.example>",)),
    )
    assert take(paper, redacted, "a") is Done.COMPLAINED
    assert take(paper, redacted, "b") is Done.KEPT
    assert status(paper, "ama") is Status.COMPLAINED
    subscribe.sign_up(paper, "ama@lecteurs.example", Origin("page"), language="fr")
    with read(paper.engine) as connection:
        assert not letters.of_subscriber(connection, delivery.subscriber_id)
    clock.move(hours=1)
    subscribe.revive(paper, "ama@lecteurs.example", "elle a téléphoné")
    assert status(paper, "ama") is Status.ACTIVE
    late = Returned(Kind.BOUNCE, (GONE,), redacted.clues)
    assert take(paper, late, "late") is Done.KEPT  # of a mail from before she came back
    assert status(paper, "ama") is Status.ACTIVE


def test_a_report_that_is_no_complaint_changes_nothing(paper: Newsroom, add_article: Callable[..., Path]) -> None:
    """A signature that failed, "this is not spam": reports of the same form (RFC 6591, RFC 5965, 7.3)."""
    send(paper, add_article)
    token = paper.signer.token(Purpose.DELIVERY, last(paper, "ama").id)
    raw = (
        f"From: abuse@mx.example\nTo: b+{token}@bounces.example\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="="\n\n'
        "--=\nContent-Type: text/plain\n\nA report.\n\n--=\nContent-Type: message/feedback-report\n\n"
        "Feedback-Type: {}\nUser-Agent: x/1\nVersion: 1\n\n"
        "--=\nContent-Type: text/rfc822-headers\n\nFrom: lettre@journal.example\nSubject: x\n\n--=--\n"
    )
    for kind in ("auth-failure", "not-spam"):
        assert take(paper, bounces_read(raw.format(kind).encode()), kind) is Done.KEPT
    assert status(paper, "ama") is Status.ACTIVE
    assert take(paper, bounces_read(raw.format("abuse").encode()), "abuse") is Done.COMPLAINED


def test_a_complaint_by_the_link_to_leave(paper: Newsroom, add_article: Callable[..., Path]) -> None:
    send(paper, add_article)
    link = paper.signer.link("https://lettre.journal.example", Purpose.UNSUBSCRIBE, last(paper, "ama").subscriber_id)
    assert (
        take(paper, Returned(Kind.FEEDBACK, (Failure("", suppress=True),), Clues(links=(f"<{link}>",))))
        is Done.COMPLAINED
    )
    with read(paper.engine) as connection:
        [(row, address)] = bounces.listed(connection)
    assert (row.proof, row.edition_id, address) == (Proof.LINK, last(paper, "ama").edition_id, "ama@lecteurs.example")


def test_the_relays_number_proves_it(paper: Newsroom, add_article: Callable[..., Path]) -> None:
    send(paper, add_article)
    named = Failure("ama@lecteurs.example", True, Reason.UNKNOWN_USER, True)
    other = Returned(Kind.BOUNCE, (named,), Clues(words=frozenset(["4FdXyZ99Q2z"])))
    assert take(paper, other, "other") is Done.KEPT
    with write(paper.engine) as connection:
        here = deliveries.c.id == last(paper, "ama").id
        connection.execute(update(deliveries).where(here).values(reply="250 2.0.0 Ok: queued as 4FdXyZ99Q2z"))
    assert take(paper, other, "again") is Done.GONE


def test_soft_bounces_end_in_a_probe_and_the_probe_decides(
    paper: Newsroom, add_article: Callable[..., Path], clock: Clock
) -> None:
    """B09: five editions over seven days, then a letter that asks; only its coming back ends it."""
    done = []
    for _ in range(8):
        send(paper, add_article)
        done += [take(paper, bounce(paper, "ama", FULL), f"{paper.today()} {i}") for i in range(2)]  # twice a day
        clock.move(days=1)
    assert done == [Done.KEPT] * 14 + [Done.PROBED, Done.KEPT]
    assert status(paper, "ama") is Status.ACTIVE
    paper.__dict__["mailer"] = FakeMailer()
    assert post.send_waiting(paper) == 1
    [probe] = paper.mailer.received["ama@lecteurs.example"]  # type: ignore[attr-defined]
    said = email.message_from_bytes(probe, policy=policy.default)
    assert said["Subject"] == "La lettre du matin\u00a0: notre lettre vous parvient-elle\u00a0?"
    token = said["Message-ID"].split(".", 1)[1].split("@")[0]
    returned = Returned(Kind.BOUNCE, (FULL,), Clues(return_paths=(f"b+{token}@bounces.example",)))
    assert take(paper, returned, "the probe") is Done.GONE
    assert status(paper, "ama") is Status.UNREACHABLE


def test_a_probe_that_does_not_come_back_clears_the_count(
    paper: Newsroom, add_article: Callable[..., Path], clock: Clock
) -> None:
    probed = 0
    for _ in range(8):
        send(paper, add_article)
        probed += take(paper, bounce(paper, "ama", FULL)) is Done.PROBED
        clock.move(days=1)
    assert probed == 1
    clock.move(days=judge.PROBED_FOR.days)
    for _ in range(7):
        send(paper, add_article)
        assert take(paper, bounce(paper, "ama", FULL)) is Done.KEPT
        clock.move(days=1)
    send(paper, add_article)
    assert take(paper, bounce(paper, "ama", FULL)) is Done.PROBED
    assert status(paper, "ama") is Status.ACTIVE


def test_a_week_on_a_black_list_takes_nobody_off(
    paper: Newsroom, add_article: Callable[..., Path], clock: Clock
) -> None:
    for _ in range(12):
        send(paper, add_article)
        assert take(paper, bounce(paper, "ama", BLOCKED)) is Done.KEPT
        clock.move(days=1)
    assert status(paper, "ama") is Status.ACTIVE


def test_a_mail_to_an_address_given_up_since(paper: Newsroom, add_article: Callable[..., Path], clock: Clock) -> None:
    send(paper, add_article)
    returned = bounce(paper, "ama")
    known = subscribe.find(paper, "ama@lecteurs.example")
    preferences.ask_for_address(paper, known, "ama@nouvelle.example", Origin("page"), language="fr")
    with read(paper.engine) as connection:
        [letter] = letters.of_subscriber(connection, known.id)
    change = preferences.asked_address(
        paper, paper.signer.token(Purpose.ADDRESS, int(letter.details["change"]), clock())
    )
    assert change is not None
    assert preferences.change_address(paper, change, Origin("link"), language="fr")
    assert take(paper, returned) is Done.KEPT
    assert subscribe.find(paper, "ama@nouvelle.example").status is Status.ACTIVE


def test_a_confirmation_letter_that_comes_back(paper: Newsroom) -> None:
    subscribe.sign_up(paper, "yao@lecteurs.example", Origin("page"), language="fr")
    post.send_waiting(paper)
    with read(paper.engine) as connection:
        known = subscribe.find(paper, "yao@lecteurs.example")
        [letter] = letters.of_subscriber(connection, known.id)
    token = paper.signer.token(Purpose.LETTER, letter.id)
    assert take(paper, Returned(Kind.BOUNCE, (GONE,), Clues(return_paths=(f"b+{token}@b.example",)))) is Done.GONE
    assert status(paper, "yao") is Status.UNREACHABLE


def test_out_of_office_and_delivered_change_nothing(paper: Newsroom, add_article: Callable[..., Path]) -> None:
    send(paper, add_article)
    for kind in (Kind.VACATION, Kind.DELIVERED, Kind.CHALLENGE):
        assert take(paper, bounce(paper, "ama", GONE, kind=kind), kind) is Done.KEPT
    assert status(paper, "ama") is Status.ACTIVE


# --- By SMTP ---------------------------------------------------------------------------------------


def test_what_the_relay_refuses_goes_the_same_way(
    paper: Newsroom, add_article: Callable[..., Path], clock: Clock
) -> None:
    send(paper, add_article, {"ama": ["never"], "kodjo": ["policy"]})
    assert status(paper, "ama") is Status.UNREACHABLE
    assert status(paper, "kodjo") is Status.ACTIVE
    with read(paper.engine) as connection:
        rows = bounces.listed(connection)
    assert {(one.via, one.proof, one.code) for one, _ in rows} >= {("smtp", Proof.LEDGER, rows[-1][0].code)}
    assert len(rows) == 2
    assert returns.take_refusals(paper) == 0
    with read(paper.engine) as connection:
        assert len(bounces.listed(connection)) == 2  # B10
    clock.move(days=1)
    send(paper, add_article)
    assert "ama@lecteurs.example" not in paper.mailer.offered  # type: ignore[attr-defined]


def test_a_refused_confirmation_letter(paper: Newsroom) -> None:
    paper.__dict__["mailer"] = FakeMailer({"yao": ["never"]})
    subscribe.sign_up(paper, "yao@lecteurs.example", Origin("page"), language="fr")
    post.send_waiting(paper)
    assert returns.take_refusals(paper) == 1
    assert returns.take_refusals(paper) == 0
    assert status(paper, "yao") is Status.UNREACHABLE


# --- People who write ------------------------------------------------------------------------------

LETTER = (
    "From: Ama Mensah <ama@lecteurs.example>\r\nTo: b@bounces.example\r\nSubject: Re: Le port\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n\r\nMerci pour l'article !\r\nAma, d'Aného\r\n"
).encode()


def letter(kind: ReturnKind = Kind.LETTER, clues: Clues | None = None) -> Returned:
    return Returned(kind, (), clues or Clues(), "ama@lecteurs.example", "Re: Le port")


def test_a_readers_letter_goes_on_to_the_newsroom_once(paper: Newsroom) -> None:
    assert take(paper, letter(), "l", raw=LETTER) is Done.PASSED_ON
    assert take(paper, letter(), "l", raw=LETTER) is Done.KNOWN
    assert post.send_waiting(paper) == 1
    [raw] = paper.mailer.received["redaction@journal.example"]  # type: ignore[attr-defined]
    mail = email.message_from_bytes(raw, policy=policy.default)
    assert mail["Reply-To"] == "ama@lecteurs.example"
    assert mail["Subject"] == "Re: Le port"
    text, attached = mail.iter_parts()
    assert "Merci pour l'article" in text.get_content()
    assert attached.get_content_type() in ("message/rfc822", "application/octet-stream")
    assert "Aného" in text.get_content()


def test_a_flood_of_letters_waits_in_the_mailbox(paper: Newsroom, clock: Clock) -> None:
    done = [take(paper, letter(), f"l{i}", raw=LETTER) for i in range(passing_on.AN_HOUR + 2)]
    assert done == [Done.PASSED_ON] * passing_on.AN_HOUR + [Done.LEFT_THERE] * 2
    clock.move(hours=1, seconds=1)
    assert take(paper, letter(), f"l{passing_on.AN_HOUR}", raw=LETTER) is Done.PASSED_ON


def test_who_asks_by_mail_leaves_at_once(paper: Newsroom, add_article: Callable[..., Path]) -> None:
    send(paper, add_article)
    token = paper.signer.token(Purpose.DELIVERY, last(paper, "ama").id)
    clues = Clues(message_ids=(f"<2026-11-23.{token}@lettre.journal.example>",))
    assert take(paper, letter(Kind.UNSUBSCRIBE, clues), "stop", raw=LETTER) is Done.LEFT
    assert status(paper, "ama") is Status.UNSUBSCRIBED
    assert acts(paper, "ama")[-1] is Act.UNSUBSCRIBED


def test_who_asks_without_a_mark_is_told_to_the_newsroom(paper: Newsroom) -> None:
    assert take(paper, letter(Kind.UNSUBSCRIBE), "stop", raw=LETTER) is Done.PASSED_ON
    assert status(paper, "ama") is Status.ACTIVE
    post.send_waiting(paper)
    [raw] = paper.mailer.received["redaction@journal.example"]  # type: ignore[attr-defined]
    text = next(email.message_from_bytes(raw, policy=policy.default).iter_parts())  # type: ignore[attr-defined]
    assert "demande à ne plus recevoir la lettre" in text.get_content()


# --- What is kept ----------------------------------------------------------------------------------


def test_forgetting_blanks_what_came_back(paper: Newsroom, add_article: Callable[..., Path]) -> None:
    send(paper, add_article)
    take(paper, bounce(paper, "ama"), "one")
    forged = Failure("AMA@lecteurs.example", True, Reason.UNKNOWN_USER, True, "5.1.1", "no such user")
    take(paper, Returned(Kind.BOUNCE, (forged,)), "two")
    known = subscribe.find(paper, "ama@lecteurs.example")
    told = readers.hand_out(paper, known, who=paper.here)
    assert [one["reason"] for one in told["returned"]] == ["unknown_user"]  # type: ignore[attr-defined]
    subscribe.forget(paper, known, Origin("command"))
    with read(paper.engine) as connection:
        assert {(one.address, one.text) for one, _ in bounces.listed(connection)} == {("", "")}


def test_old_rows_go(paper: Newsroom, add_article: Callable[..., Path], clock: Clock) -> None:
    send(paper, add_article)
    take(paper, bounce(paper, "ama"), "one")
    clock.move(days=399)
    assert tidy.tidy(paper).bounces == 0
    clock.move(days=2)
    assert tidy.tidy(paper).bounces == 1


def test_a_probe_is_kept_while_it_counts(paper: Newsroom, clock: Clock) -> None:
    with read(paper.engine) as connection:
        known = subscribe.find(paper, "ama@lecteurs.example")
    with write(paper.engine) as connection:
        letters.add(connection, LetterKind.PROBE, known.address, language="fr", now=clock(), subscriber_id=known.id)
    post.send_waiting(paper)
    clock.move(days=29)
    tidy.tidy(paper)
    with read(paper.engine) as connection:
        assert bounces.last_probe(connection, known.id) is not None
    clock.move(days=2)
    tidy.tidy(paper)
    with read(paper.engine) as connection:
        assert bounces.last_probe(connection, known.id) is None


def test_the_story_is_told_at_the_desk_and_by_trace(
    paper: Newsroom, add_article: Callable[..., Path], clock: Clock
) -> None:
    send(paper, add_article, {"kodjo": ["policy"]})
    told = Failure("", True, Reason.UNKNOWN_USER, True, "5.1.1", "550 5.1.1 <ama@lecteurs.example> no such user")
    take(paper, bounce(paper, "ama", told))
    desk = AtDesk(paper)
    page = text_of(desk.get(f"/readers/{subscribe.find(paper, 'ama@lecteurs.example').id}").text)
    assert "Ce qui est revenu" in page
    assert "Le message est revenu – adresse inexistante" in page
    assert "5.1.1 550 5.1.1 &lt;…@lecteurs.example&gt; no such user" in page
    assert "Hors d’atteinte : le courrier est revenu" in page
    page = text_of(desk.get(f"/readers/{subscribe.find(paper, 'kodjo@lecteurs.example').id}").text)
    assert "Refusé à l’envoi" in page
    story = report.trace(paper, subscribe.find(paper, "ama@lecteurs.example"))
    assert [(one.reason, one.suppress) for one in story.returned] == [(Reason.UNKNOWN_USER, True)]
