"""What providers tell: whose word it is, what it says, and that it is taken once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from http.client import HTTPConnection
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from newsletter import subscribe
from newsletter.bounce.hooks import brevo, mailgun, parse, ses, sns
from newsletter.errors import BadData, ConfigError, FetchError
from newsletter.model import Failure, Proof, Reason, Returned, ReturnKind, SubscriberStatus
from newsletter.newsroom import Newsroom
from newsletter.returns import hooks
from newsletter.web import create_app, guard
from tests.browser import everything, free_place, serving, visit
from tests.conftest import MORNING, Clock

MakeRoom = Callable[..., Newsroom]
KEY = "cle-de-mailgun-0123456789"
SECRET = "un-secret-de-vingt-signes"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:retours"
PEM_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
KODJO = "kodjo@lecteurs.example"
OURS = "<2026-11-23.abcdef@lettre.journal.example>"
PATH = "b+abcdef@bounces.example"


def judge(code: int | None, words: str) -> Failure:
    """A judge who knows two sentences."""
    if "no such mailbox" in words or words == "5.1.1":
        return Failure("", True, Reason.UNKNOWN_USER, True, "5.1.1")
    if "mailbox is full" in words:
        return Failure("", False, Reason.MAILBOX_FULL, False, str(code or ""))
    return Failure("", None, Reason.OTHER, False, str(code or ""))


# --- What each of them says -------------------------------------------------------------------------


def of_mailgun(event: str, **more: Any) -> dict[str, Any]:
    return {
        "event-data": {
            "event": event,
            "id": "CCXMjJ7nQi2N3BPigGOdgQ",
            "timestamp": 1795502000.5,
            "recipient": KODJO,
            "envelope": {"sender": PATH, "transport": "smtp"},
            "message": {"headers": {"message-id": OURS.strip("<>"), "subject": "La lettre du matin"}},
            **more,
        }
    }


STATUS = {"code": 550, "message": "550 5.1.1 no such mailbox", "description": "", "attempt-no": 1}


@pytest.mark.parametrize(
    ("event", "kind", "failure"),
    [
        (
            of_mailgun("failed", severity="permanent", reason="bounce", **{"delivery-status": STATUS}),
            ReturnKind.BOUNCE,
            Failure(KODJO, True, Reason.UNKNOWN_USER, True, "5.1.1", "550 5.1.1 no such mailbox"),
        ),
        (
            of_mailgun(
                "failed",
                severity="temporary",
                reason="generic",
                **{"delivery-status": {"code": 452, "message": "mailbox is full"}},
            ),
            ReturnKind.BOUNCE,
            Failure(KODJO, False, Reason.DELAYED, False, "452", "mailbox is full"),
        ),
        (
            of_mailgun(
                "failed",
                severity="permanent",
                reason="suppress-bounce",
                **{
                    "delivery-status": {
                        "code": 605,
                        "message": "",
                        "description": "no such mailbox before",
                    }
                },
            ),
            ReturnKind.BOUNCE,
            Failure(KODJO, True, Reason.NOT_ALLOWED, text="no such mailbox before"),
        ),
        (
            of_mailgun("failed", severity="permanent", reason="old"),
            ReturnKind.BOUNCE,
            Failure(KODJO, True, Reason.EXPIRED),
        ),
        (
            of_mailgun("rejected", reject={"reason": "Sandbox"}),
            ReturnKind.BOUNCE,
            Failure(KODJO, True, Reason.CONTENT, text="Sandbox"),
        ),
        (of_mailgun("complained"), ReturnKind.FEEDBACK, Failure(KODJO, suppress=True)),
        (of_mailgun("delivered"), ReturnKind.DELIVERED, None),
        (of_mailgun("unsubscribed"), ReturnKind.UNSUBSCRIBE, None),
    ],
    ids=["permanent", "temporary", "suppressed", "old", "rejected", "complained", "delivered", "unsubscribed"],
)
def test_mailgun(event: dict[str, Any], kind: ReturnKind, failure: Failure | None) -> None:
    ((digest, returned),) = mailgun.read(event, judge)
    assert len(digest) == 64
    assert returned.kind is kind
    assert returned.failures == ((failure,) if failure else ())
    assert returned.sender == (KODJO if kind is ReturnKind.UNSUBSCRIBE else "")
    assert returned.clues.message_ids == (OURS,)
    assert returned.clues.return_paths == (PATH,)


def of_brevo(event: str, **more: Any) -> dict[str, Any]:
    return {
        "event": event,
        "email": KODJO,
        "id": 26224,
        "date": "2026-11-23 06:31:00",
        "ts": 1795502000,
        "message-id": "<202611230630.12345678901@smtp-relay.example>",
        "ts_event": 1795502000,
        "subject": "La lettre du matin",
        "sending_ip": "192.0.2.25",
        "ts_epoch": 1795502000605,
        "tags": [],
        **more,
    }


@pytest.mark.parametrize(
    ("event", "kind", "failure"),
    [
        (
            of_brevo("hard_bounce", reason="no such mailbox"),
            ReturnKind.BOUNCE,
            Failure(KODJO, True, Reason.UNKNOWN_USER, True, "5.1.1", "no such mailbox"),
        ),
        (
            of_brevo("soft_bounce", reason="mailbox is full"),
            ReturnKind.BOUNCE,
            Failure(KODJO, False, Reason.MAILBOX_FULL, False, "", "mailbox is full"),
        ),
        (of_brevo("hard_bounce"), ReturnKind.BOUNCE, Failure(KODJO, True)),
        (of_brevo("soft_bounce", reason="no such mailbox"), ReturnKind.BOUNCE, Failure(KODJO, False, Reason.UNKNOWN_USER, False, "5.1.1", "no such mailbox")),
        (of_brevo("blocked", reason="mailbox is full"), ReturnKind.BOUNCE,
            Failure(KODJO, True, Reason.NOT_ALLOWED, text="mailbox is full")),
        (of_brevo("invalid_email"), ReturnKind.BOUNCE, Failure(KODJO, True, Reason.UNKNOWN_USER, True)),
        (of_brevo("deferred", reason="later"), ReturnKind.BOUNCE, Failure(KODJO, False, Reason.DELAYED, text="later")),
        (of_brevo("spam"), ReturnKind.FEEDBACK, Failure(KODJO, suppress=True)),
        (of_brevo("delivered"), ReturnKind.DELIVERED, None),
        (of_brevo("unsubscribed"), ReturnKind.UNSUBSCRIBE, None),
        (of_brevo("unsubscribe"), ReturnKind.UNSUBSCRIBE, None),
    ],
    ids=lambda value: value["event"] if isinstance(value, dict) else "",
)  # fmt: skip
def test_brevo(event: dict[str, Any], kind: ReturnKind, failure: Failure | None) -> None:
    ((_, returned),) = brevo.read(event, judge)
    assert returned.kind is kind
    assert returned.failures == ((failure,) if failure else ())
    assert returned.sender == (KODJO if kind is ReturnKind.UNSUBSCRIBE else "")
    assert returned.clues.message_ids == ("<202611230630.12345678901@smtp-relay.example>",)
    assert "202611230630.12345678901" in returned.clues.words  # its reply to the final dot names it


def of_ses(kind: str, *, older: bool = False, **more: Any) -> str:
    mail = {
        "timestamp": "2026-11-23T06:30:00.000Z",
        "messageId": "0102018f00000000-aaaa-bbbb-000000",
        "source": PATH,
        "destination": [KODJO],
        "headersTruncated": False,
        "headers": [
            {"name": "From", "value": "Le Quotidien du Golfe <lettre@journal.example>"},
            {"name": "Message-ID", "value": OURS},
            {"name": "List-Unsubscribe", "value": "<https://lettre.journal.example/u/abc>"},
        ],
        "commonHeaders": {"messageId": OURS, "subject": "La lettre du matin"},
    }
    return json.dumps({"notificationType" if older else "eventType": kind, "mail": mail, **more})


def bounced(kind: str, sub: str, **recipient: str) -> dict[str, Any]:
    return {
        "bounce": {
            "bounceType": kind,
            "bounceSubType": sub,
            "bouncedRecipients": [{"emailAddress": KODJO, "action": "failed", **recipient}],
            "timestamp": "2026-11-23T06:30:05.000Z",
            "feedbackId": "0102018f-feed-000000",
        }
    }


COMPLAINT = {
    "complaint": {
        "complainedRecipients": [{"emailAddress": KODJO}],
        "timestamp": "2026-11-23T07:00:00.000Z",
        "feedbackId": "0102018f-feed-000001",
        "complaintFeedbackType": "abuse",
    }
}
DELIVERY = {"delivery": {"timestamp": "2026-11-23T06:30:09.000Z", "recipients": [KODJO], "smtpResponse": "250 ok"}}
DELAY = {
    "deliveryDelay": {
        "delayType": "MailboxFull",
        "delayedRecipients": [
            {"emailAddress": KODJO, "status": "4.2.2", "diagnosticCode": "smtp; 452 mailbox is full"}
        ],
        "timestamp": "2026-11-23T06:40:09.000Z",
    }
}
SAID = {"status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 no such mailbox"}


@pytest.mark.parametrize(
    ("message", "kind", "failure"),
    [
        (of_ses("Bounce", **bounced("Permanent", "General", **SAID)), ReturnKind.BOUNCE,
            Failure(KODJO, True, Reason.UNKNOWN_USER, True, "5.1.1", "smtp; 550 5.1.1 no such mailbox")),
        (of_ses("Bounce", older=True, **bounced("Permanent", "NoEmail")), ReturnKind.BOUNCE,
            Failure(KODJO, True, Reason.UNKNOWN_USER, True)),
        (of_ses("Bounce", **bounced("Permanent", "General")), ReturnKind.BOUNCE, Failure(KODJO, True)),
        (of_ses("Bounce", **bounced("Permanent", "OnAccountSuppressionList", **SAID)), ReturnKind.BOUNCE,
            Failure(KODJO, True, Reason.NOT_ALLOWED, False, "5.1.1", "smtp; 550 5.1.1 no such mailbox")),
        (of_ses("Bounce", **bounced("Permanent", "General", status="5.1.1")), ReturnKind.BOUNCE,
            Failure(KODJO, True, Reason.UNKNOWN_USER, True, "5.1.1")),
        (of_ses("Bounce", **bounced("Transient", "MailboxFull")), ReturnKind.BOUNCE,
            Failure(KODJO, False, Reason.MAILBOX_FULL)),
        (of_ses("Bounce", **bounced("Transient", "General", **SAID)), ReturnKind.BOUNCE,
            Failure(KODJO, False, Reason.UNKNOWN_USER, False, "5.1.1", "smtp; 550 5.1.1 no such mailbox")),
        (of_ses("Bounce", **bounced("Transient", "General", diagnosticCode="smtp; 450 later")), ReturnKind.BOUNCE,
            Failure(KODJO, False, Reason.OTHER, False, "", "smtp; 450 later")),
        (of_ses("Bounce", **bounced("Transient", "ContentRejected")), ReturnKind.BOUNCE,
            Failure(KODJO, False, Reason.CONTENT)),
        (of_ses("Bounce", **bounced("Transient", "AttachmentRejected")), ReturnKind.BOUNCE,
            Failure(KODJO, False, Reason.CONTENT)),
        (of_ses("Bounce", **bounced("Transient", "MessageTooLarge")), ReturnKind.BOUNCE,
            Failure(KODJO, False, Reason.TOO_BIG)),
        (of_ses("Bounce", **bounced("Transient", "CustomTimeoutExceeded")), ReturnKind.BOUNCE,
            Failure(KODJO, False, Reason.EXPIRED)),
        (of_ses("Bounce", **bounced("Permanent", "OnTenantSuppressionList", **SAID)), ReturnKind.BOUNCE,
            Failure(KODJO, True, Reason.NOT_ALLOWED, False, "5.1.1", "smtp; 550 5.1.1 no such mailbox")),
        (of_ses("Bounce", **bounced("Permanent", "EmailValidationSuppressed")), ReturnKind.BOUNCE,
            Failure(KODJO, True, Reason.NOT_ALLOWED)),
        (of_ses("Bounce", **bounced("Undetermined", "Undetermined", **SAID)), ReturnKind.BOUNCE,
            Failure(KODJO, True, Reason.UNKNOWN_USER, True, "5.1.1", "smtp; 550 5.1.1 no such mailbox")),
        (of_ses("DeliveryDelay", **DELAY), ReturnKind.BOUNCE,
            Failure(KODJO, False, Reason.DELAYED, False, "4.2.2", "smtp; 452 mailbox is full")),
        (of_ses("Reject", reject={"reason": "Bad content"}), ReturnKind.BOUNCE,
            Failure(KODJO, True, Reason.CONTENT, text="Bad content")),
        (of_ses("Complaint", **COMPLAINT), ReturnKind.FEEDBACK, Failure(KODJO, suppress=True, text="abuse")),
        (of_ses("Delivery", older=True, **DELIVERY), ReturnKind.DELIVERED, None),
    ],
)  # fmt: skip
def test_ses(message: str, kind: ReturnKind, failure: Failure | None) -> None:
    ((_, returned),) = ses.read(message, judge)
    assert returned.kind is kind
    assert returned.failures == ((failure,) if failure else ())
    assert returned.clues.message_ids == (OURS,)
    assert returned.clues.return_paths == (PATH,)
    assert returned.clues.links == ("<https://lettre.journal.example/u/abc>",)
    assert returned.clues.words == {"0102018f00000000-aaaa-bbbb-000000"}


def judge_by_codes(code: int | None, words: str) -> Failure:
    """As a real one, whose code stands for words where there are none."""
    return Failure("", None, Reason.MAILBOX_FULL if "4.2.2" in words else Reason.OTHER, False, words[:5])


@pytest.mark.parametrize("more", [{}, {"status": "4.0.0"}, {"action": "failed"}, {"diagnosticCode": ""}], ids=str)
def test_an_answer_out_of_the_office_is_no_bounce(more: dict[str, str]) -> None:
    """SES tells it as a bounce of this kind, of which nothing says why."""
    ((digest, returned),) = ses.read(of_ses("Bounce", **bounced("Transient", "General", **more)), judge_by_codes)
    assert (returned.kind, returned.failures, returned.sender) == (ReturnKind.VACATION, (), KODJO)
    assert returned.clues.message_ids == (OURS,)
    ((other, full),) = ses.read(of_ses("Bounce", **bounced("Transient", "General", status="4.2.2")), judge_by_codes)
    assert (full.kind, full.failures[0].reason) == (ReturnKind.BOUNCE, Reason.MAILBOX_FULL)
    assert digest != other
    ((_, dead),) = ses.read(of_ses("Bounce", **bounced("Permanent", "General")), judge_by_codes)
    assert dead.kind is ReturnKind.BOUNCE


def test_of_several_who_may_have_complained_nobody_has_for_certain() -> None:
    who = [{"emailAddress": KODJO}, {"emailAddress": "efua@lecteurs.example"}]
    told = {"complaint": COMPLAINT["complaint"] | {"complainedRecipients": who}}
    ((_, returned),) = ses.read(of_ses("Complaint", **told), judge)
    assert [(one.address, one.suppress) for one in returned.failures] == [
        (KODJO, False),
        ("efua@lecteurs.example", False),
    ]


@pytest.mark.parametrize(
    "nothing",
    [
        lambda: ses.read(of_ses("Open", open={}), judge),
        lambda: ses.read(of_ses("Send", send={}), judge),
        lambda: ses.read("Successfully validated SNS topic for Amazon SES event publishing.", judge),
        lambda: ses.read('{"notificationType": "AmazonSnsSubscriptionSucceeded", "message": "…"}', judge),
        lambda: ses.read(of_ses("Complaint", complaint={"complaintFeedbackType": "not-spam"}), judge),
        lambda: mailgun.read(of_mailgun("opened"), judge),
        lambda: mailgun.read(of_mailgun("accepted"), judge),
        lambda: brevo.read(of_brevo("unique_opened"), judge),
        lambda: brevo.read(of_brevo("request"), judge),
        lambda: brevo.read([], judge),
    ],
)
def test_what_is_no_news_of_a_delivery_is_nothing(nothing: Callable[[], list[Any]]) -> None:
    assert nothing() == []


def test_two_events_are_two_and_one_is_one() -> None:
    first, second = of_brevo("hard_bounce"), of_brevo("hard_bounce", email="efua@lecteurs.example")
    digests = [digest for digest, _ in brevo.read([first, second, dict(reversed(first.items()))], judge)]
    assert digests[0] == digests[2] != digests[1]
    complaint, bounce = (
        ses.read(of_ses(k, **v), judge)[0][0]
        for k, v in (("Complaint", COMPLAINT), ("Bounce", bounced("Permanent", "General")))
    )
    assert complaint != bounce


def test_a_bounce_of_several_recipients_is_one_event() -> None:
    told = bounced("Permanent", "General", **SAID)
    told["bounce"]["bouncedRecipients"].append({"emailAddress": "efua@lecteurs.example"})
    ((_, returned),) = ses.read(of_ses("Bounce", **told), judge)
    assert [one.address for one in returned.failures] == [KODJO, "efua@lecteurs.example"]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def like(template: Any) -> st.SearchStrategy[Any]:
    """Something that looks like this, with any part of it missing or another thing."""
    if isinstance(template, dict):
        fields = {key: like(value) for key, value in template.items()}
        return st.one_of(st.fixed_dictionaries({}, optional=fields), st.fixed_dictionaries(fields), ANYTHING)
    if isinstance(template, list):
        return st.lists(like(template[0]), max_size=3) | ANYTHING if template else ANYTHING
    return st.just(template) | ANYTHING


EVENTS = st.one_of(
    ANYTHING,
    like(of_mailgun("failed", severity="permanent", **{"delivery-status": STATUS})),
    like(of_brevo("hard_bounce", reason="non")),
    like(json.loads(of_ses("Bounce", **bounced("Permanent", "General", **SAID)))),
    like(json.loads(of_ses("Complaint", **COMPLAINT))),
    like(json.loads(of_ses("DeliveryDelay", **DELAY))),
)


@given(EVENTS)
def test_whatever_is_told_there_is_an_answer(told: Any) -> None:
    readers: list[Callable[[], list[tuple[str, Returned]]]] = [
        lambda: mailgun.read(told, judge),
        lambda: brevo.read(told, judge),
        lambda: ses.read(json.dumps(told), judge),
        lambda: ses.read(sns.read(told).text, judge),
    ]
    for reader in readers:
        try:
            found = reader()
        except BadData:
            continue
        for digest, returned in found:
            assert len(digest) == 64
            assert all(len(one.text) <= 500 and len(one.address) <= 998 for one in returned.failures)
    assert mailgun.signed(told, KEY, MORNING) is False


SNS = {
    "Type": "Notification",
    "TopicArn": "arn:aws:sns:eu-west-1:123456789012:retours",
    "Message": "{}",
    "Timestamp": "2026-11-23T06:30:00.000Z",
    "SignatureVersion": "2",
    "Signature": "bm9uZQ==",
    "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/a.pem",
    "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
}


@given(st.fixed_dictionaries({key: st.just(value) | ANYTHING for key, value in SNS.items()}))
def test_whatever_amazon_is_said_to_have_said_it_is_judged(told: dict[str, Any]) -> None:
    try:
        message = sns.read(told)
    except BadData:
        return
    assert message.is_signed(AMAZONS_CERTIFICATE, MORNING) is False
    assert message.is_recent(MORNING) in (True, False)
    assert message.certificate_url in ("", SNS["SigningCertURL"])
    assert message.confirmation_url == ""


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'"' + b"x" * 9, b"{}{}"], ids=range(6))
def test_what_is_no_json_is_bad_data(body: bytes) -> None:
    with pytest.raises(BadData):
        parse(body)


# --- By the web -------------------------------------------------------------------------------------


@pytest.fixture
def house(make_room: MakeRoom) -> Newsroom:
    room = make_room(NEWSLETTER_MAILGUN_KEY=KEY, NEWSLETTER_BREVO_SECRET=SECRET, NEWSLETTER_BOUNCES_SES_TOPICS=TOPIC)
    room.engine  # noqa: B018
    return room


def kept(room: Newsroom) -> list[tuple[str, str]]:
    return [(one.via, one.kind) for one in everything(room)["bounces"]]


def signed(clock: Clock, event: dict[str, Any], *, key: str = KEY, age: float = 0) -> dict[str, Any]:
    stamp = str(int(clock().timestamp() - age))
    token = hashlib.sha256(f"{stamp}{event}".encode()).hexdigest()[:50]
    signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), "sha256").hexdigest()
    return {"signature": {"timestamp": stamp, "token": token, "signature": signature}, **event}


FAILED = of_mailgun("failed", severity="permanent", **{"delivery-status": STATUS})


def test_mailgun_is_believed_once(house: Newsroom, clock: Clock) -> None:  # W14
    client = visit(house)
    for _ in range(2):
        answer = client.post("/hooks/mailgun", json=signed(clock, FAILED))
        assert (answer.status_code, answer.text) == (200, "ok\n")
        clock.move(minutes=3)
    assert kept(house) == [("mailgun", "bounce")]
    assert client.post("/hooks/mailgun", json=signed(clock, of_mailgun("complained"))).status_code == 200
    assert kept(house) == [("mailgun", "bounce"), ("mailgun", "feedback")]


def test_mailgun_is_not_believed_without_its_signature(house: Newsroom, clock: Clock) -> None:  # W14
    client, before = visit(house), everything(house)
    good = signed(clock, FAILED)
    wrong = [
        FAILED,
        signed(clock, FAILED, key="another"),
        signed(clock, FAILED, age=15 * 60 + 1),
        signed(clock, FAILED, age=-15 * 60 - 1),
        good | {"signature": good["signature"] | {"timestamp": good["signature"]["timestamp"] + "0"}},
        good | {"signature": good["signature"] | {"token": "x"}},
        good | {"signature": good["signature"] | {"signature": "é"}},
        good | {"signature": []},
        [],
    ]
    for told in wrong:
        assert client.post("/hooks/mailgun", json=told).status_code == 403
    assert client.post("/hooks/mailgun", json=signed(clock, FAILED, age=15 * 60 - 2)).status_code == 200
    assert client.post("/hooks/mailgun", data=b"token=1").status_code == 400
    assert client.post("/hooks/mailgun", json=signed(clock, {})).status_code == 400
    assert len(everything(house)["bounces"]) == 1
    assert everything(house)["subscribers"] == before["subscribers"]


def test_a_signature_of_mailgun_is_good_for_one_event(house: Newsroom, clock: Clock) -> None:  # W14
    """It is made over its moment and its token alone, so whoever has seen one could put it beside what they like."""
    client, told = visit(house), signed(clock, FAILED)
    assert client.post("/hooks/mailgun", json=told).status_code == 200
    assert client.post("/hooks/mailgun", json=told | of_mailgun("complained")).status_code == 403
    assert client.post("/hooks/mailgun", json=told).status_code == 200
    assert kept(house) == [("mailgun", "bounce")]


def test_brevo_says_its_secret(house: Newsroom) -> None:  # W14
    client = visit(house)
    told = of_brevo("hard_bounce", reason="no such mailbox")
    for place, header in [
        ("/hooks/brevo", ""),
        ("/hooks/brevo", "Bearer un-secret-de-vingt-signe"),
        ("/hooks/brevo", f"Basic {SECRET}"),
        ("/hooks/brevo/un-autre-secret-de-vingt-signes", ""),
        ("/hooks/brevo/un-autre-secret-de-vingt-signes", f"Bearer {SECRET}"),
        ("/hooks/brevo/é", ""),
    ]:
        assert client.post(place, json=told, headers={"Authorization": header}).status_code == 403
    assert kept(house) == []
    for place, header in [("/hooks/brevo", f"Bearer {SECRET}"), (f"/hooks/brevo/{SECRET}", "")]:
        assert client.post(place, json=told, headers={"Authorization": header}).status_code == 200
    assert kept(house) == [("brevo", "bounce")]
    both = [of_brevo("spam"), of_brevo("delivered")]
    assert client.post(f"/hooks/brevo/{SECRET}", json=both).status_code == 200
    assert kept(house)[1:] == [("brevo", "feedback"), ("brevo", "delivered")]
    assert client.post(f"/hooks/brevo/{SECRET}", json=[{}]).status_code == 400
    assert client.post(f"/hooks/brevo/{SECRET}", json=[{"event": "opened"}] * 1001).status_code == 400


def test_a_secret_that_could_be_guessed_is_none(make_room: MakeRoom) -> None:
    with pytest.raises(ConfigError, match="at least 20 signs"):
        visit(make_room(NEWSLETTER_BREVO_SECRET="x" * 19))
    assert hooks.listening(make_room(NEWSLETTER_BREVO_SECRET="x" * 20).config) == ["brevo"]


def test_only_what_is_configured_is_there(room: Newsroom, house: Newsroom) -> None:
    client = visit(room)
    unknown = client.post("/rien/du-tout", data=b"x")
    for path in ("/hooks/ses", "/hooks/mailgun", "/hooks/brevo", f"/hooks/brevo/{SECRET}", "/hooks/", "/hooks/autre"):
        for answer in (client.get(path), client.post(path, json={}), client.put(path), client.options(path)):
            assert (answer.status_code, answer.text) == (404, unknown.text)
    client = visit(house)
    assert client.get("/hooks/mailgun").status_code == 405
    assert client.post("/hooks/autre", json={}).status_code == 404
    assert "Disallow: /hooks/\n" in client.get("/robots.txt").text


def test_a_body_has_its_bound(house: Newsroom, clock: Clock) -> None:
    client = visit(house)
    large = signed(clock, FAILED | {"filler": "x" * 200_000})
    assert client.post("/hooks/mailgun", json=large).status_code == 200
    assert client.post("/hooks/mailgun", data=b"x" * (guard.LONGEST_EVENT + 1)).status_code == 413
    assert client.post("/", data=b"x" * (guard.LONGEST_BODY + 1)).status_code == 413  # as everywhere else


def test_a_body_whose_length_nobody_says_has_its_bound_too(house: Newsroom) -> None:
    house.signer  # noqa: B018
    place, _ = free_place()
    with place, serving(create_app(house), place):
        line = HTTPConnection("127.0.0.1", place.getsockname()[1], timeout=30)
        for count, status in ((200, 400), (300, 413)):
            line.request("POST", "/hooks/mailgun", iter([b"x" * 1000] * count), encode_chunked=True)
            answer = line.getresponse()
            answer.read()
            assert answer.status == status
        line.close()


def test_where_the_database_is_away_it_is_told_again(house: Newsroom, clock: Clock) -> None:
    client = visit(house)
    with house.engine.begin() as connection:
        connection.execute(text("ALTER TABLE bounces RENAME TO away"))
    answer = client.post("/hooks/mailgun", json=signed(clock, FAILED))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    with house.engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO bounces"))
    assert client.post("/hooks/mailgun", json=signed(clock, FAILED)).status_code == 200
    assert kept(house) == [("mailgun", "bounce")]


def test_no_cookie_and_no_name_in_the_log(
    house: Newsroom, clock: Clock, fetcher: FakeFetcher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "newsletter")
    client = visit(house)
    answers = [
        client.post("/hooks/mailgun", json=signed(clock, FAILED)),
        client.post("/hooks/mailgun", json=FAILED),
        client.post(f"/hooks/brevo/{SECRET}", json=of_brevo("spam")),
        client.post(f"/hooks/brevo/{SECRET}", json=of_brevo("")),
        client.post("/hooks/brevo/un-autre-secret-de-vingt", json={}),
        tell(client, of_sns(of_ses("Complaint", **COMPLAINT), clock(), key=ANOTHERS)),
    ]
    assert [answer.status_code for answer in answers] == [200, 403, 200, 400, 403, 403]
    for answer in answers:
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"
        assert "noindex" in answer.headers["X-Robots-Tag"]
    assert "POST /hooks/brevo/… 200" in caplog.text
    for word in (KODJO, "kodjo", SECRET, "un-autre-secret", KEY, OURS, PATH):
        assert word not in caplog.text


# --- Amazon -----------------------------------------------------------------------------------------


AMAZONS, ANOTHERS = generate_private_key(65537, 2048), generate_private_key(65537, 2048)


def certificate(key: RSAPrivateKey, now: datetime = MORNING, *, days: int = 30) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.example")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=60)).not_valid_after(now + timedelta(days=days))
    return made.sign(key, SHA256()).public_bytes(Encoding.PEM)


AMAZONS_CERTIFICATE = certificate(AMAZONS)


def of_sns(
    message: str,
    now: datetime,
    *,
    key: RSAPrivateKey = AMAZONS,
    version: str = "2",
    kind: str = "Notification",
    **more: Any,
) -> dict[str, Any]:
    """A message as SNS sends it, signed."""
    told = {
        "Type": kind,
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": message,
        "Timestamp": now.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "SignatureVersion": version,
        "SigningCertURL": PEM_URL,
        "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
        **more,
    }
    told = {name: value for name, value in told.items() if value is not None}
    names = sorted(
        set(told) & {"Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
    )
    if kind == "Notification":
        names = [name for name in names if name not in ("SubscribeURL", "Token")]
    canonical = "".join(f"{name}\n{told[name]}\n" for name in names).encode()
    signature = key.sign(canonical, PKCS1v15(), SHA1() if version == "1" else SHA256())
    return told | {"Signature": base64.b64encode(signature).decode()}


def tell(client: FlaskClient, told: dict[str, Any]) -> Any:
    return client.post("/hooks/ses", data=json.dumps(told), content_type="text/plain; charset=UTF-8")


class FakeFetcher:
    """Answers by URL, and remembers what it was asked for."""

    def __init__(self, **pages: bytes) -> None:
        self.pages = pages or {PEM_URL: certificate(AMAZONS)}
        self.asked: list[str] = []
        self.down = False

    def get(self, url: str, *, accept: str = "") -> Any:
        self.asked.append(url)
        if self.down or url not in self.pages:
            raise FetchError(f"{url}: the server answers 404", 404)
        return type("Page", (), {"body": self.pages[url]})


@pytest.fixture
def fetcher(house: Newsroom) -> FakeFetcher:
    house.pinger = FakeFetcher()  # type: ignore[assignment]
    return house.pinger  # type: ignore[return-value]


BOUNCE = of_ses("Bounce", **bounced("Permanent", "General", **SAID))


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [None, "Amazon SES : un retour"])
def test_amazon_is_believed_once(
    house: Newsroom, clock: Clock, fetcher: FakeFetcher, version: str, subject: str | None
) -> None:  # W14
    client = visit(house)
    for _ in range(2):
        assert tell(client, of_sns(BOUNCE, clock(), version=version, Subject=subject)).status_code == 200
        clock.move(minutes=5)
    assert kept(house) == [("ses", "bounce")]
    assert fetcher.asked == [PEM_URL]  # the certificate is kept


def test_amazon_is_not_believed_without_its_signature(
    house: Newsroom, clock: Clock, fetcher: FakeFetcher
) -> None:  # W14
    client, good = visit(house), of_sns(BOUNCE, clock())
    wrong = [
        of_sns(BOUNCE, clock(), key=ANOTHERS),
        good | {"Message": of_ses("Complaint", **COMPLAINT)},
        good | {"Timestamp": clock().strftime("%Y-%m-%dT%H:%M:%S.001Z")},
        good | {"Subject": "un autre"},
        good | {"SignatureVersion": "1"},
        good | {"SignatureVersion": "3"},
        good | {"Signature": ""},
        good | {"Signature": "é"},
        good | {"Signature": None},
        of_sns(BOUNCE, clock() - timedelta(days=1, minutes=1)),
        of_sns(BOUNCE, clock() + timedelta(days=1, minutes=1)),
        of_sns(BOUNCE, clock(), Timestamp="hier"),
    ]
    for told in wrong:
        assert tell(client, told).status_code == 403
    assert kept(house) == []
    for nonsense in ([], {}, {"Type": "Notification"}, good | {"Type": "Autre"}, json.loads(BOUNCE)):
        assert tell(client, nonsense).status_code == 400  # type: ignore[arg-type]
    assert tell(client, of_sns("no json", clock())).status_code == 400
    assert tell(client, good).status_code == 200


def test_nothing_is_fetched_for_a_topic_that_is_not_ours(house: Newsroom, clock: Clock, fetcher: FakeFetcher) -> None:
    client = visit(house)
    for topic in ("arn:aws:sns:eu-west-1:210987654321:retours", "", None, "*"):
        assert tell(client, of_sns(BOUNCE, clock(), TopicArn=topic)).status_code == 403
    assert fetcher.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com.voleur.example/a.pem",
        "https://sns.eu-west-1.amazonaws.com.cn/a.pem",
        "https://sns.eu-west-1.amazonaws.eu/a.pem",
        "https://voleur.example/sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com@voleur.example/a.pem",
        "https://x@sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
        "https://SNS.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com./a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem",
        "https://s3.eu-west-1.amazonaws.com/a.pem",
        "https://sns-eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com/a/../b.pem",
        "https://sns.eu-west-1.amazonaws.com/bucket/a.pem",
        "https://sns.eu-west-1.amazonaws.com/a.pem?x=1",
        "https://sns.eu-west-1.amazonaws.com/a.pem#x",
        "https://sns.eu-west-1.amazonaws.com/?Action=x&y=.pem",
        "https://sns.eu-west-1.amazonaws.com/a.txt",
        "https://sns.eu-west-1.amazonaws.com\\@voleur.example/a.pem",
        "https://sns.eu-west-1.amazonaws.com/a.pem\n",
        "https://[::1]/a.pem",
        "https://[/a.pem",
        "",
        None,
        5,
    ],
)
def test_certificates_come_from_amazon_alone(
    house: Newsroom, clock: Clock, fetcher: FakeFetcher, url: Any
) -> None:  # W14
    assert tell(visit(house), of_sns(BOUNCE, clock(), SigningCertURL=url)).status_code == 403
    assert fetcher.asked == []
    assert kept(house) == []


@pytest.mark.parametrize(
    ("arn", "host"),
    [
        ("aws:sns:eu-west-1", "sns.eu-west-1.amazonaws.com"),
        ("aws-us-gov:sns:us-gov-west-1", "sns.us-gov-west-1.amazonaws.com"),
        ("aws-cn:sns:cn-north-1", "sns.cn-north-1.amazonaws.com.cn"),
        ("aws-eusc:sns:eusc-de-east-1", "sns.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_amazons_names_end_as_the_topics_part_of_it_has_them(arn: str, host: str) -> None:
    topic = f"arn:{arn}:123456789012:retours"
    confirm = f"https://{{}}/?Action=ConfirmSubscription&TopicArn={topic}&Token=2336412f37"
    for end in ("amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "amazonaws.cn"):
        other = f"{host.partition('.amazonaws')[0]}.{end}"
        found = sns.read(SNS | {"TopicArn": topic, "SigningCertURL": f"https://{other}/a.pem"}).certificate_url
        assert found == (f"https://{host}/a.pem" if other == host else "")
        found = sns.read(SNS | {"TopicArn": topic, "SubscribeURL": confirm.format(other)}).confirmation_url
        assert found == (confirm.format(host) if other == host else "")


def test_a_certificate_that_cannot_be_fetched_is_asked_for_again(
    house: Newsroom, clock: Clock, fetcher: FakeFetcher
) -> None:
    client = visit(house)
    fetcher.down = True
    assert tell(client, of_sns(BOUNCE, clock())).status_code == 503
    fetcher.down = False
    assert tell(client, of_sns(BOUNCE, clock())).status_code == 200


@pytest.mark.parametrize("page", [b"", b"no certificate", certificate(AMAZONS, days=-1)], ids=["empty", "none", "over"])
def test_a_certificate_must_be_one_and_of_now(house: Newsroom, clock: Clock, fetcher: FakeFetcher, page: bytes) -> None:
    fetcher.pages = {PEM_URL: page}
    assert tell(visit(house), of_sns(BOUNCE, clock())).status_code == 403


def test_few_certificates_are_kept(house: Newsroom, clock: Clock, fetcher: FakeFetcher) -> None:
    client = visit(house)
    urls = [f"https://sns.eu-west-1.amazonaws.com/{number}.pem" for number in range(hooks.CERTIFICATES + 1)]
    fetcher.pages = dict.fromkeys(urls, certificate(AMAZONS))
    for url in [*urls, urls[0], urls[-1]]:
        assert tell(client, of_sns(BOUNCE, clock(), SigningCertURL=url)).status_code == 200
    assert fetcher.asked == [*urls, urls[0]]


def test_one_thread_fetches_and_the_others_do_not_wait_for_long(house: Newsroom, clock: Clock) -> None:
    class SlowFetcher(FakeFetcher):
        began, go = threading.Event(), threading.Event()

        def get(self, url: str, *, accept: str = "") -> Any:
            self.began.set()
            self.go.wait(30)
            return super().get(url, accept=accept)

    slow = SlowFetcher()
    house.pinger = slow  # type: ignore[assignment]
    client, answers = visit(house), []
    first = threading.Thread(target=lambda: answers.append(tell(client, of_sns(BOUNCE, clock())).status_code))
    first.start()
    assert slow.began.wait(30)
    second = client.application.test_client(use_cookies=False)
    assert tell(second, of_sns(BOUNCE, clock())).status_code == 503
    slow.go.set()
    first.join()
    assert answers == [200]
    assert len(slow.asked) == 1


def without_marks(message: str) -> str:
    """As SES tells it where the original headers are not included, and the return path is its own."""
    told = json.loads(message)
    mail = {key: told["mail"][key] for key in ("timestamp", "messageId", "destination")}
    return json.dumps(told | {"mail": mail | {"source": "lettre@journal.example"}})


def unmarked(event: str, **more: Any) -> dict[str, Any]:
    """As Mailgun tells of a mail whose sender and Message-ID are its own."""
    theirs = {"headers": {"message-id": "20261123.1@mg.journal.example"}}
    return of_mailgun(event, envelope={"sender": "bounce@mg.journal.example"}, message=theirs, **more)


@pytest.fixture
def tell_of(house: Newsroom, clock: Clock, fetcher: FakeFetcher) -> Callable[[str, str], int]:
    """What a provider tells of Kodjo's mail, with no mark of ours in it."""
    client = visit(house)
    dead = {"severity": "permanent", "delivery-status": {"code": 550, "message": "550 5.1.1 User unknown"}}
    said = {"status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 User unknown"}
    told: dict[tuple[str, str], Callable[[], Any]] = {
        ("ses", "complaint"): lambda: tell(client, of_sns(without_marks(of_ses("Complaint", **COMPLAINT)), clock())),
        ("ses", "bounce"): lambda: tell(
            client, of_sns(without_marks(of_ses("Bounce", **bounced("Permanent", "General", **said))), clock())
        ),
        ("mailgun", "complaint"): lambda: client.post("/hooks/mailgun", json=signed(clock, unmarked("complained"))),
        ("mailgun", "leaving"): lambda: client.post("/hooks/mailgun", json=signed(clock, unmarked("unsubscribed"))),
        ("mailgun", "bounce"): lambda: client.post("/hooks/mailgun", json=signed(clock, unmarked("failed", **dead))),
        ("brevo", "complaint"): lambda: client.post(f"/hooks/brevo/{SECRET}", json=of_brevo("spam")),
        ("brevo", "leaving"): lambda: client.post(f"/hooks/brevo/{SECRET}", json=of_brevo("unsubscribed")),
        ("brevo", "bounce"): lambda: client.post(
            f"/hooks/brevo/{SECRET}", json=of_brevo("hard_bounce", reason="550 5.1.1 User unknown")
        ),
    }
    return lambda provider, event: int(told[provider, event]().status_code)


@pytest.mark.parametrize(
    ("provider", "event", "status"),
    [
        ("ses", "complaint", SubscriberStatus.COMPLAINED),
        ("mailgun", "complaint", SubscriberStatus.COMPLAINED),
        ("brevo", "complaint", SubscriberStatus.COMPLAINED),
        ("mailgun", "leaving", SubscriberStatus.UNSUBSCRIBED),
        ("brevo", "leaving", SubscriberStatus.UNSUBSCRIBED),
        ("ses", "bounce", SubscriberStatus.ACTIVE),
        ("mailgun", "bounce", SubscriberStatus.ACTIVE),
        ("brevo", "bounce", SubscriberStatus.ACTIVE),
    ],
)
def test_a_providers_word_is_enough_for_who_complained_or_left_and_for_no_bounce(
    house: Newsroom, tell_of: Callable[[str, str], int], provider: str, event: str, status: SubscriberStatus
) -> None:
    other = "efua@lecteurs.example"
    subscribe.add(house, [KODJO, other], "test")
    for _ in range(2):
        assert tell_of(provider, event) == 200
    assert subscribe.find(house, KODJO).status is status
    assert subscribe.find(house, other).status is SubscriberStatus.ACTIVE
    (one,) = everything(house)["bounces"]
    assert one.proof == (Proof.ADDRESS if event == "bounce" else Proof.PROVIDER)


CONFIRM = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37"


def confirmation(clock: Clock, url: str = CONFIRM, **more: Any) -> dict[str, Any]:
    kind = "SubscriptionConfirmation"
    return of_sns("You have chosen to subscribe", clock(), kind=kind, SubscribeURL=url, Token="2336412f37", **more)


def test_a_subscription_is_confirmed(house: Newsroom, clock: Clock, fetcher: FakeFetcher) -> None:
    fetcher.pages[CONFIRM] = b"<ConfirmSubscriptionResponse/>"
    assert tell(visit(house), confirmation(clock)).status_code == 200
    assert fetcher.asked == [PEM_URL, CONFIRM]
    assert kept(house) == []


def test_nothing_else_is_confirmed(house: Newsroom, clock: Clock, fetcher: FakeFetcher) -> None:
    client = visit(house)
    for url in [
        CONFIRM.replace("amazonaws.com", "amazonaws.com.voleur.example"),
        CONFIRM.replace("https", "http"),
        CONFIRM.replace("ConfirmSubscription", "DeleteTopic"),
        CONFIRM.replace(TOPIC, TOPIC + "2"),
        CONFIRM.replace("/?", "/x?"),
        "http://127.0.0.1/?Action=ConfirmSubscription",
    ]:
        assert tell(client, confirmation(clock, url)).status_code == 403
    assert tell(client, confirmation(clock, key=ANOTHERS)).status_code == 403
    assert fetcher.asked == [PEM_URL]
    fetcher.pages.pop(CONFIRM, None)
    assert tell(client, confirmation(clock)).status_code == 503  # SNS tells it once more


def test_the_end_of_a_subscription_is_told(
    house: Newsroom, clock: Clock, fetcher: FakeFetcher, caplog: pytest.LogCaptureFixture
) -> None:
    told = of_sns("gone", clock(), kind="UnsubscribeConfirmation", SubscribeURL=CONFIRM, Token="2336412f37")
    assert tell(visit(house), told).status_code == 200
    assert fetcher.asked == [PEM_URL]
    assert f"will tell nothing more of the topic {TOPIC}" in caplog.text
