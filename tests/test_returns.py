"""What comes back, taken in: whose it is, what it means, who leaves; on both databases."""

from __future__ import annotations

import email
from collections.abc import Callable
from datetime import timedelta
from email import policy
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update

from newsletter import daily, post, preferences, readers, report, returns, subscribe, tidy
from newsletter.bounce import judge
from newsletter.bounce import read as bounces_read
from newsletter.deliver import Stop
from newsletter.dispatch import Watch
from newsletter.errors import Unavailable
from newsletter.links import Purpose
from newsletter.model import (
    Act,
    Bounce,
    Clues,
    Delivery,
    DeliveryState,
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
from newsletter.returns import Done, leaving, passing_on
from newsletter.returns.whose import numbers
from newsletter.store import bounces, letters
from newsletter.store.database import read, write
from newsletter.store.schema import deliveries
from newsletter.store.schema import editions as rows_of_editions
from newsletter.store.schema import letters as rows_of_letters
from newsletter.store.schema import subscribers as people
from tests.at_desk import AtDesk
from tests.conftest import MORNING, Clock
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
    assert [one["reason"] for one in told["returned"]] == ["unknown_user"] * 2  # type: ignore[attr-defined]
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


# --- A mail says something of its own address alone --------------------------------------------------


def letter_token(room: Newsroom, kind: LetterKind) -> str:
    with read(room.engine) as connection:
        known = connection.scalars(select(rows_of_letters.c.id).where(rows_of_letters.c.kind == kind)).all()[-1]
    return room.signer.token(Purpose.LETTER, known)


def about(token: str, kind: ReturnKind = Kind.BOUNCE, **values: Any) -> Returned:
    failures = (GONE,) if kind is Kind.BOUNCE else (Failure("", suppress=True),)
    return Returned(kind, failures, Clues(return_paths=(f"b+{token}@bounces.example",)), **values)


@pytest.mark.parametrize("kind", [Kind.BOUNCE, Kind.FEEDBACK, Kind.UNSUBSCRIBE])
def test_a_mistyped_new_address_harms_no_reader(paper: Newsroom, kind: ReturnKind) -> None:
    known = subscribe.find(paper, "ama@lecteurs.example")
    preferences.ask_for_address(paper, known, "amma@lecteurs.example", Origin("page"), language="fr")
    post.send_waiting(paper)
    stranger = about(letter_token(paper, LetterKind.NEW_ADDRESS), kind, sender="amma@lecteurs.example")
    take(paper, stranger, raw=LETTER)
    assert status(paper, "ama") is Status.ACTIVE


def test_a_refused_letter_to_another_address_neither(paper: Newsroom) -> None:
    paper.__dict__["mailer"] = FakeMailer({"amma": ["never"]})
    known = subscribe.find(paper, "ama@lecteurs.example")
    preferences.ask_for_address(paper, known, "amma@lecteurs.example", Origin("page"), language="fr")
    post.send_waiting(paper)
    assert returns.take_refusals(paper) == 0
    assert status(paper, "ama") is Status.ACTIVE


def test_a_letter_of_before_says_nothing_of_who_came_back(paper: Newsroom, clock: Clock) -> None:
    subscribe.sign_up(paper, "yao@lecteurs.example", Origin("page"), language="fr")
    post.send_waiting(paper)
    token = letter_token(paper, LetterKind.CONFIRM)
    assert take(paper, about(token), "one") is Done.GONE
    clock.move(hours=1)
    subscribe.revive(paper, "yao@lecteurs.example", "il a téléphoné")
    assert take(paper, about(token), "two") is Done.KEPT
    assert status(paper, "yao") is Status.ACTIVE


def test_a_pending_sign_up_that_bounced_is_tidied_away(paper: Newsroom, clock: Clock) -> None:
    subscribe.sign_up(paper, "yao@lecteurs.example", Origin("page"), language="fr")
    post.send_waiting(paper)
    returned = about(letter_token(paper, LetterKind.CONFIRM))
    take(paper, Returned(Kind.BOUNCE, (FULL,), returned.clues))
    clock.move(days=8)
    assert tidy.tidy(paper).unconfirmed == 1


def test_who_the_report_names_decides(paper: Newsroom, add_article: Callable[..., Path]) -> None:
    send(paper, add_article)
    clues = bounce(paper, "ama").clues
    other = Failure("ancien@autres.example", True, Reason.UNKNOWN_USER, True, "5.1.1")
    ours = Failure("Ama@lecteurs.example", False, Reason.MAILBOX_FULL, False, "4.2.2")
    assert take(paper, Returned(Kind.BOUNCE, (other, ours), clues), "both") is Done.KEPT
    assert take(paper, Returned(Kind.BOUNCE, (other,), clues), "other") is Done.KEPT  # passed on there, not certain
    dead = Failure("ama@mx1.lecteurs.example", True, Reason.UNKNOWN_USER, True, "5.1.1")
    assert take(paper, Returned(Kind.BOUNCE, (other, dead), clues), "ours") is Done.GONE


def test_a_link_alone_does_not_say_which_edition_it_was(
    paper: Newsroom, add_article: Callable[..., Path], clock: Clock
) -> None:
    send(paper, add_article)
    link = paper.signer.link("https://lettre.journal.example", Purpose.UNSUBSCRIBE, last(paper, "ama").subscriber_id)
    clues = Clues(links=(link,))
    old = Failure("ama@ancienne.example", True, Reason.UNKNOWN_USER, True, "5.1.1")
    assert take(paper, Returned(Kind.BOUNCE, (old,), clues), "old") is Done.KEPT
    assert take(paper, Returned(Kind.BOUNCE, (GONE,), clues), "of when?") is Done.KEPT
    clock.move(days=8)
    assert take(paper, Returned(Kind.BOUNCE, (old,), clues), "old again") is Done.KEPT
    assert status(paper, "ama") is Status.ACTIVE
    assert take(paper, Returned(Kind.BOUNCE, (GONE,), clues), "of now") is Done.GONE


# --- Who asks to leave ------------------------------------------------------------------------------


@pytest.mark.parametrize("proof", ["message_id", "link"])
def test_a_friend_to_whom_it_was_passed_on_does_not_unsubscribe_its_reader(
    paper: Newsroom, add_article: Callable[..., Path], proof: str
) -> None:
    send(paper, add_article)
    token = paper.signer.token(Purpose.DELIVERY, last(paper, "ama").id)
    clues = {
        "message_id": Clues(message_ids=(f"<2026-11-23.{token}@lettre.journal.example>",)),
        "link": Clues(links=(f"mailto:b+{token}@bounces.example",)),
    }[proof]
    friend = Returned(Kind.UNSUBSCRIBE, (), clues, "efua@autres.example", "Re: Tr: Le port")
    assert take(paper, friend, raw=LETTER) is Done.PASSED_ON
    assert status(paper, "ama") is Status.ACTIVE


@pytest.mark.parametrize("kind", [Kind.LETTER, Kind.VACATION, Kind.UNSUBSCRIBE])
@pytest.mark.parametrize("subject", ["unsubscribe", "[SPAM] Unsubscribe "])
def test_what_a_mail_program_writes_by_our_mailto_leaves(
    paper: Newsroom, add_article: Callable[..., Path], kind: ReturnKind, subject: str
) -> None:
    send(paper, add_article)
    token = paper.signer.token(Purpose.DELIVERY, last(paper, "ama").id)
    clues = Clues(return_paths=(f"b+{token}@bounces.example",))
    assert take(paper, Returned(kind, (), clues, "ama@ailleurs.example", subject), raw=LETTER) is Done.LEFT
    assert status(paper, "ama") is Status.UNSUBSCRIBED


def test_the_signed_word_of_a_provider_does_for_complaints_and_departures_alone(paper: Newsroom) -> None:
    named = Failure("Ama@lecteurs.example", True, Reason.UNKNOWN_USER, True)
    assert take(paper, Returned(Kind.BOUNCE, (named,)), "b", vouched=True) is Done.KEPT
    assert take(paper, Returned(Kind.FEEDBACK, (named,)), "c", vouched=True) is Done.COMPLAINED
    leaves = Returned(Kind.UNSUBSCRIBE, (), sender="kodjo@lecteurs.example")
    assert take(paper, leaves, "u") is Done.KEPT
    assert take(paper, leaves, "v", vouched=True) is Done.LEFT


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("250 2.0.0 Ok: queued as 4FdXyZ99Q2z", {"4FdXyZ99Q2z"}),
        ("250 Ok 0102018f5c7e1b2a-1f2e3d4c-000000", {"0102018f5c7e1b2a-1f2e3d4c-000000"}),
        ("250 2.0.0 OK: queued as <202611230630.12345678901@smtp.example>", {"202611230630.12345678901"}),
        ("250 2.0.0 OK 1732612345 qp 2271", set()),
        ("250 ok", set()),
    ],
)
def test_what_may_be_the_relays_number(reply: str, found: set[str]) -> None:
    assert {one for one in numbers(reply) if "smtp" not in one} == found


def test_a_guessed_number_of_the_relay_proves_nothing(paper: Newsroom, add_article: Callable[..., Path]) -> None:
    send(paper, add_article)
    with write(paper.engine) as connection:
        connection.execute(update(deliveries).values(reply="250 2.0.0 OK 1732612345 qp 2271"))
    words = Clues(words=frozenset(str(1732612000 + i) for i in range(500)))
    named = Failure("ama@lecteurs.example", True, Reason.UNKNOWN_USER, True)
    assert take(paper, Returned(Kind.BOUNCE, (named,), words)) is Done.KEPT
    assert status(paper, "ama") is Status.ACTIVE


# --- Whole providers --------------------------------------------------------------------------------


def test_a_provider_that_denies_everybody_takes_few_at_once(
    paper: Newsroom, add_article: Callable[..., Path], clock: Clock
) -> None:
    crowd = range(2 * leaving.AT_ONCE + 20)
    subscribe.add(paper, [f"r{i}@grande{i % 3}.example" for i in crowd], "test")
    for turn in (1, 2):
        clock.move(days=1)
        send(paper, add_article, {f"r{i}": ["never"] for i in crowd})
        returns.take_refusals(paper)
        with read(paper.engine) as connection:
            gone = connection.scalar(select(func.count()).where(people.c.status == Status.UNREACHABLE))
        assert gone == leaving.AT_ONCE * turn


def test_of_a_large_list_a_share_may_leave(paper: Newsroom, add_article: Callable[..., Path]) -> None:
    send(paper, add_article)
    with write(paper.engine) as connection:
        connection.execute(update(rows_of_editions).values(audience=10_000))
        brake = leaving.Brake(connection, last(paper, "ama").edition_id)
        assert [brake.lets_go() for _ in range(203)] == [True] * 201 + [False] * 2  # none is written down here


def test_a_provider_that_is_down_for_ten_days_loses_no_reader(
    paper: Newsroom, add_article: Callable[..., Path], clock: Clock
) -> None:
    names = [f"r{i}" for i in range(6)]
    subscribe.add(paper, [f"{name}@lecteurs.example" for name in names], "test")
    expired = Failure("", False, Reason.EXPIRED, False, "4.4.7", "could not be delivered for a day")
    for _ in range(11):
        send(paper, add_article)
        for name in names:
            assert take(paper, bounce(paper, name, expired), f"{paper.today()} {name}") is Done.KEPT
        clock.move(days=1)
    assert {status(paper, name) for name in names} == {Status.ACTIVE}


def test_an_old_failure_does_not_shorten_the_wait(
    paper: Newsroom, add_article: Callable[..., Path], clock: Clock
) -> None:
    names = [f"r{i}" for i in range(5)]
    subscribe.add(paper, [f"{name}@lecteurs.example" for name in names], "test")
    expired = Failure("", False, Reason.EXPIRED, False, "4.4.7", "could not be delivered for a day")
    send(paper, add_article)
    for name in names:
        take(paper, bounce(paper, name, FULL), f"old {name}")
    for _ in range(2):
        clock.move(days=16)
        send(paper, add_article)
    for _ in range(11):
        clock.move(days=1)
        send(paper, add_article)
        for name in names:
            assert take(paper, bounce(paper, name, expired), f"{paper.today()} {name}") is Done.KEPT


def test_after_a_month_a_dead_domain_is_given_up(
    paper: Newsroom, add_article: Callable[..., Path], clock: Clock
) -> None:
    names = [f"r{i}" for i in range(4)]
    subscribe.add(paper, [f"{name}@lecteurs.example" for name in names], "test")
    expired = Failure("", False, Reason.EXPIRED, False, "4.4.7", "could not be delivered for a day")
    probed = 0
    for _ in range(33):
        send(paper, add_article)
        for name in names:
            probed += take(paper, bounce(paper, name, expired), f"{paper.today()} {name}") is Done.PROBED
        clock.move(days=1)
    assert probed == 4


def test_a_queues_number_of_last_month_proves_nothing(
    paper: Newsroom, add_article: Callable[..., Path], clock: Clock
) -> None:
    send(paper, add_article)
    with write(paper.engine) as connection:
        connection.execute(update(deliveries).values(reply="250 2.0.0 Ok: queued as 4FdXyZ99Q2z"))
    clock.move(days=15)
    named = Failure("ama@lecteurs.example", True, Reason.UNKNOWN_USER, True)
    assert take(paper, Returned(Kind.BOUNCE, (named,), Clues(words=frozenset(["4FdXyZ99Q2z"])))) is Done.KEPT


def test_an_old_stop_does_not_reach_who_came_back(
    paper: Newsroom, add_article: Callable[..., Path], clock: Clock
) -> None:
    send(paper, add_article)
    token = paper.signer.token(Purpose.DELIVERY, last(paper, "ama").id)
    old = letter(Kind.UNSUBSCRIBE, Clues(return_paths=(f"b+{token}@bounces.example",)))
    assert take(paper, old, "now", raw=LETTER) is Done.LEFT
    clock.move(days=1)
    subscribe.come_back(paper, subscribe.find(paper, "ama@lecteurs.example"), Origin("link"))
    assert take(paper, old, "replayed", raw=LETTER) is Done.PASSED_ON
    assert status(paper, "ama") is Status.ACTIVE


def test_what_came_of_each_edition(clock: Clock) -> None:
    """A report that it arrived counts, and so does silence; what is our fault says nothing."""

    def mail(number: int, state: DeliveryState = DeliveryState.ACCEPTED) -> Delivery:
        return Delivery(number, number, 1, "ama@lecteurs.example", state, first_attempt=clock())

    def back(number: int, kind: ReturnKind = Kind.BOUNCE, reason: Reason = Reason.MAILBOX_FULL) -> Bounce:
        return Bounce(number, clock(), kind, "stdin", Proof.RETURN_PATH, delivery_id=number, reason=reason)

    mails = [mail(n) for n in range(1, 5)] + [mail(5, DeliveryState.REJECTED), mail(6, DeliveryState.DEFERRED)]
    found = leaving.history(mails, [back(1), back(2, Kind.DELIVERED), back(3, reason=Reason.BLOCKED)])
    assert [(one.failed, one.arrived) for one in found] == [(True, False), (False, True), (False, False)]


def test_one_mailbox_of_a_living_domain_is_given_up(
    paper: Newsroom, add_article: Callable[..., Path], clock: Clock
) -> None:
    expired = Failure("", False, Reason.EXPIRED, False, "4.4.7", "could not be delivered for a day")
    done = []
    for _ in range(8):
        send(paper, add_article)
        done.append(take(paper, bounce(paper, "ama", expired)))
        clock.move(days=1)
    assert done[-1] is Done.PROBED


# --- Letters are never lost, and never go round -----------------------------------------------------


def test_our_own_mails_are_not_passed_on(paper: Newsroom) -> None:
    """Where letters_to is the mailbox that is read, they would go round for ever."""
    take(paper, letter(), "l", raw=LETTER)
    post.send_waiting(paper)
    [ours] = paper.mailer.received["redaction@journal.example"]  # type: ignore[attr-defined]
    assert take(paper, bounces_read(ours), "again", raw=ours) is Done.KEPT


def test_a_letter_that_is_refused_goes_once_more_without_what_is_heavy(paper: Newsroom) -> None:
    paper.__dict__["mailer"] = FakeMailer({"redaction": ["policy"]})
    take(paper, letter(), "l", raw=LETTER)
    post.send_waiting(paper)
    returns.take_refusals(paper)
    post.send_waiting(paper)
    [raw] = paper.mailer.received["redaction@journal.example"]  # type: ignore[attr-defined]
    parts = list(email.message_from_bytes(raw, policy=policy.default).iter_parts())  # type: ignore[attr-defined]
    assert len(parts) == 1
    assert "Merci pour l'article" in parts[0].get_content()
    assert "554 5.7.1" in parts[0].get_content()
    returns.take_refusals(paper)
    assert post.send_waiting(paper) == 0


def test_a_letter_that_is_refused_again_stays(
    paper: Newsroom, caplog: pytest.LogCaptureFixture, clock: Clock, tmp_path: Path
) -> None:
    paper.__dict__["mailer"] = FakeMailer(default="policy")
    take(paper, letter(), "l", raw=LETTER)
    for _ in range(4):
        post.send_waiting(paper)
        returns.take_refusals(paper)
    with read(paper.engine) as connection:
        assert len(letters.not_passed_on(connection)) == 1
    assert caplog.text.count("cannot be passed on") == 1
    clock.move(days=400)
    tidy.tidy(paper)
    [file] = returns.save_letters(paper, tmp_path / "courrier")
    assert b"Merci pour l" in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0
    assert returns.save_letters(paper, tmp_path / "courrier") == []


def test_a_relay_that_is_down_for_a_week_takes_nothing_off_a_letter(paper: Newsroom, clock: Clock) -> None:
    paper.__dict__["mailer"] = FakeMailer(default="lost")
    take(paper, letter(), "l", raw=LETTER)
    for _ in range(8):
        with pytest.raises(Unavailable):
            post.send_waiting(paper)
        clock.move(days=1)
        if clock().day % 4 == 0:
            paper.__dict__["mailer"] = FakeMailer(default="lost")
        returns.take_refusals(paper)
        if clock() > MORNING + timedelta(days=3):
            break
    clock.move(days=1)
    paper.__dict__["mailer"] = FakeMailer()
    post.send_waiting(paper)  # too old by now: it ends
    returns.take_refusals(paper)
    post.send_waiting(paper)
    [raw] = paper.mailer.received["redaction@journal.example"]  # type: ignore[attr-defined]
    assert len(list(email.message_from_bytes(raw, policy=policy.default).iter_parts())) == 2  # type: ignore[attr-defined]


def test_forgetting_takes_their_letters_as_well(paper: Newsroom) -> None:
    take(paper, letter(), "l", raw=LETTER)
    subscribe.forget(paper, subscribe.find(paper, "ama@lecteurs.example"), Origin("command"))
    post.send_waiting(paper)
    assert not paper.mailer.received["redaction@journal.example"]  # type: ignore[attr-defined]
    with read(paper.engine) as connection:
        assert letters.held(connection) == []


def test_whoever_cannot_be_mailed_gets_no_letters(make_room: Callable[..., Newsroom]) -> None:
    room = make_room(NEWSLETTER_BOUNCES_LETTERS_TO="redaction@[192.0.2.1],a..b@journal.example,efua@journal.example")
    assert passing_on.to_whom(room) == ["efua@journal.example"]


def test_what_no_database_holds_is_taken_all_the_same(paper: Newsroom, add_article: Callable[..., Path]) -> None:
    send(paper, add_article)
    odd = Failure("am\0a@x\ud800", True, Reason.UNKNOWN_USER, True, "5.1.\x001", "\0no \udcffsuch user\r\nX: y")
    assert take(paper, bounce(paper, "ama", odd), "odd") in (Done.KEPT, Done.GONE)
    assert take(paper, Returned(Kind.BOUNCE, (odd,)), "odd too") is Done.KEPT
    strange = Returned(Kind.LETTER, (), sender="\0@\ud800", subject="\0\ud800\r\nBcc: x@y.example")
    assert take(paper, strange, "strange", raw=LETTER) is Done.PASSED_ON


def test_words_are_kept_without_addresses_however_written(paper: Newsroom, add_article: Callable[..., Path]) -> None:
    send(paper, add_article)
    text = "550 ama%40lecteurs.example, <ama @lecteurs.example>: AMA (at) lecteurs is unknown"
    take(paper, bounce(paper, "ama", Failure("", True, Reason.UNKNOWN_USER, True, "5.1.1", text)))
    with read(paper.engine) as connection:
        [(row, _)] = bounces.listed(connection)
    assert "ama" not in row.text.lower()


def test_an_mbox_knows_its_mails_for_ever(paper: Newsroom, add_article: Callable[..., Path], clock: Clock) -> None:
    send(paper, add_article)
    returned = bounce(paper, "ama")
    assert returns.take(paper, returned, digest="one", via="mbox").done is Done.GONE
    clock.move(days=401)
    assert tidy.tidy(paper).bounces == 1
    assert tidy.tidy(paper).bounces == 0
    assert returns.take(paper, returned, digest="one", via="mbox").done is Done.KNOWN
