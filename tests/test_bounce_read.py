"""Returned mails are read: what they are, whom they name and why. Each sample has its answer beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli import cli
from newsletter.bounce import read
from newsletter.commands.bouncing import CLASSES, KINDS
from newsletter.model.bounces import Reason, ReturnKind

SAMPLES = sorted((Path(__file__).parent / "data" / "bounces").glob("*.eml"))
OURS = "<20261123.0600.k5qw2zxa@journal.example>"
RETURN_PATH = "b+k5qw2zxa@lettre.journal.example"
LINK = "https://lettre.journal.example/u/k5qw2zxa"


def sample(name: str) -> bytes:
    return (Path(__file__).parent / "data" / "bounces" / f"{name}.eml").read_bytes()


def expected(path: Path) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return answer


def test_there_are_samples_of_each_kind() -> None:
    kinds = [read(path.read_bytes()).kind for path in SAMPLES]
    assert len(kinds) > 50
    assert set(kinds) == set(ReturnKind)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_read_as_its_answer_says(path: Path) -> None:
    # B02 B03 B04 B05: kind, recipients, class, reason and whether the address is dead.
    returned, want = read(path.read_bytes()), expected(path)
    assert KINDS.get(returned.kind.value, returned.kind.value) == want["kind"]
    people = [
        {"address": f.address, "class": CLASSES[f.permanent], "reason": f.reason.value, "suppress": f.suppress}
        for f in returned.failures
        if f.address
    ]
    assert people == want["recipients"]


@pytest.mark.parametrize("path", [p for p in SAMPLES if "message_ids" in expected(p)], ids=lambda path: path.stem)
def test_the_mail_it_is_about_is_named_first(path: Path) -> None:
    # B01: our Message-ID, wherever it stands: attached, quoted, in a report's field or as what is answered.
    clues = read(path.read_bytes()).clues
    assert clues.message_ids[0] == OURS
    assert clues.return_paths[0] == (
        RETURN_PATH if "letter" not in path.stem and "stop" not in path.stem else clues.return_paths[0]
    )


def test_clues_are_taken_from_the_report_and_from_what_it_returns() -> None:
    # B01
    clues = read(sample("postfix")).clues
    assert clues.return_paths == (RETURN_PATH,)
    assert LINK in clues.links
    assert "mailto:stop+k5qw2zxa@lettre.journal.example?subject=unsubscribe" in clues.links
    assert "k5qw2zxa+=" in clues.links  # the ENVID, its xtext read
    assert "4XyZ7K1abcQz2R" in clues.words


def test_a_return_path_is_taken_in_the_order_of_trust() -> None:
    # B01
    raw = b"Delivered-To: one@x.example\nX-Original-To: two@x.example\nTo: three@x.example\nSubject: failure notice\n\n"
    assert read(raw).clues.return_paths == ("one@x.example", "two@x.example", "three@x.example")


@pytest.mark.parametrize(
    "quoted",
    [
        "Message-ID:\n <20261123.0600.k5qw2zxa@journal.example>",
        "> Message-Id: <20261123.0600.k5qw2zxa@journal.example>",
        "Your message (message-id 20261123.0600.k5qw2zxa@journal.example) was refused",
    ],
)
def test_a_message_id_is_found_where_it_is_folded_quoted_or_told(quoted: str) -> None:
    # B01
    raw = f"From: MAILER-DAEMON@x.example\nSubject: failure notice\n\n<a@x.example>:\nno such user\n\n{quoted}\n"
    assert OURS in read(raw.encode()).clues.message_ids


def test_a_message_id_broken_by_quoted_printable_is_whole_again() -> None:
    # B01
    raw = (
        "From: MAILER-DAEMON@x.example\nSubject: failure notice\nContent-Type: text/plain; charset=utf-8\n"
        "Content-Transfer-Encoding: quoted-printable\n\n<a@x.example>: no such user\n\n"
        "Message-ID: <20261123.0600.k5=\nqw2zxa@journal.example>\nList-Unsubscribe: <https://lettre.journal.example/=\nu/k5qw2zxa>\n"
    )
    clues = read(raw.encode()).clues
    assert OURS in clues.message_ids
    assert LINK in clues.links


def test_a_complaint_that_names_nobody_still_has_its_clues() -> None:
    # B07: address and name are blacked out; what is left are our own headers.
    returned = read(sample("complaint-redacted"))
    assert returned.kind is ReturnKind.FEEDBACK
    assert [(one.address, one.suppress) for one in returned.failures] == [("", True)]
    assert returned.clues.message_ids[0] == OURS
    assert LINK in returned.clues.links


@pytest.mark.parametrize("kind", ["auth-failure", "not-spam"])
def test_what_is_no_complaint_gives_nobody_up(kind: str) -> None:
    # B05
    raw = sample("complaint").replace(b"Feedback-Type: abuse", f"Feedback-Type: {kind}".encode())
    returned = read(raw)
    assert returned.kind is ReturnKind.FEEDBACK
    assert not any(failure.suppress for failure in returned.failures)


@pytest.mark.parametrize("name", ["stop", "stop-french", "stop-by-link"])
def test_who_writes_stop_wants_to_leave(name: str) -> None:
    returned = read(sample(name))
    assert returned.kind is ReturnKind.UNSUBSCRIBE
    assert returned.sender == "kossi@lecteurs.example"


def person(subject: str, text: str, more: str = "") -> bytes:
    head = f"Return-Path: <k@lecteurs.example>\nFrom: Kossi <k@lecteurs.example>\nTo: lettre@journal.example\n{more}"
    return f"{head}Subject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n{text}\n".encode()


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("STOP", ""),
        ("stop.", "Kossi"),
        ("Arrêt", ""),
        ("désinscription", ""),
        ("Unsubscribe", ""),
        ("unsubscribe me please", ""),
        ("Re: La lettre", "Désabonnez-moi."),
        ("Re: La lettre", "remove me from this list\n\n> La lettre"),
        ("Bonjour", "Je ne souhaite plus recevoir vos mails, merci."),
        ("", "Se désabonner"[3:]),
        ("", "Bonjour,\nMerci de me désabonner.\n"),
    ],
)
def test_short_words_of_leaving_are_understood(subject: str, text: str) -> None:
    assert read(person(subject, text)).kind is ReturnKind.UNSUBSCRIBE


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Stop aux coupures d'électricité", "Bonjour, voici une tribune."),
        ("Re: La lettre", "Je voudrais désabonner mon voisin du journal papier, et garder le mien. Comment faire ?"),
        ("Question", "Bonjour, combien coûte l'abonnement ?\n\n> Se désabonner"),
        ("Bonjour", "> STOP"),
        ("remove", "x " * 400),
        ("", ""),
    ],
)
def test_a_letter_that_holds_the_word_is_a_letter(subject: str, text: str) -> None:
    assert read(person(subject, text)).kind is ReturnKind.LETTER


@pytest.mark.parametrize("mark", ["Auto-Submitted: auto-replied", "X-Autoreply: yes", "Precedence: auto_reply"])
def test_a_machine_never_wants_to_leave(mark: str) -> None:
    assert read(person("Re: La lettre", "STOP", more=f"{mark}\n")).kind is ReturnKind.VACATION


def test_a_mail_program_that_leaves_in_its_readers_name_does() -> None:
    raw = person(
        "unsubscribe", "The mail program sent this.", more="Auto-Submitted: auto-replied\nX-Apple-Unsubscribe: true\n"
    )
    assert read(raw).kind is ReturnKind.UNSUBSCRIBE


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Undeliverable mail", "Bonjour, le facteur ne passe plus rue des Cocotiers. Qui s'en occupe ?"),
        ("failure notice", "Voici mon article sur les pannes."),
        (
            "Échec de livraison de votre colis",
            "Votre colis n'a pas pu être livré : destinataire absent, adresse inconnue.",
        ),
        ("Votre quota", "Your disk quota exceeded. Please upgrade. Account: lettre@journal.example"),
        (
            "Votre SPF",
            "Bonjour,\n\nvotre serveur reçoit 550 5.7.1 et 421 pour awa@x.example. Corrigez.\n\nLe postmaster",
        ),
        ("Absence", "Le maire sera absent jusqu'à lundi, dit-on ; pourquoi ?"),
        ("réponse automatique ?", "Est-ce une réponse automatique que j'ai reçue ?"),
    ],
)
def test_a_person_may_write_under_any_subject(subject: str, text: str) -> None:
    # B05
    assert read(person(subject, text)).kind is ReturnKind.LETTER


def test_a_postmaster_may_write_by_hand() -> None:
    # B05
    raw = person("SPF", "Bonjour,\n\n421 et 550 5.7.1 pour awa@x.example, dit notre serveur.\n\nJean").replace(
        b"k@lecteurs", b"postmaster@lecteurs"
    )
    assert read(raw).kind is ReturnKind.LETTER


def test_a_bounce_that_somebody_passes_on_is_their_letter() -> None:
    # B05: anybody could send such a thing; a server that wraps its report is not anybody.
    def wrapped(head: str) -> bytes:
        begin = f"{head}Subject: Fwd: bounce\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=w\n\n--w\n"
        middle = "Content-Type: text/plain\n\nSee below.\n\n--w\nContent-Type: message/rfc822\n\n"
        return begin.encode() + middle.encode() + sample("postfix") + b"\n--w--\n"

    assert read(wrapped("Return-Path: <k@x.example>\nFrom: Kossi <k@x.example>\n")).kind is ReturnKind.LETTER
    passed = read(wrapped("Return-Path: <>\nFrom: postmaster@x.example\nAuto-Submitted: auto-generated\n"))
    assert passed.kind is ReturnKind.BOUNCE
    assert [failure.address for failure in passed.failures] == ["awa.tetevi@courrier.example"]


def test_who_wrote_the_returned_mail_has_not_failed() -> None:
    # B02
    raw = b"Return-Path: <>\nFrom: MAILER-DAEMON@x.example\nTo: us@journal.example\nSubject: Undelivered mail\n\nThe mail could not be delivered.\n\n"
    raw += b"Received: from x\nFrom: us@journal.example\nCc: chef@journal.example\nMessage-ID: <1@journal.example>\nSubject: s\n\nEcrivez a contact@journal.example\n"
    assert not any("journal.example" in failure.address for failure in read(raw).failures)


def test_a_guess_gives_nobody_up() -> None:
    # B04
    raw = b"Return-Path: <>\nFrom: MAILER-DAEMON@x.example\nSubject: Undelivered mail\n\nuser unknown. See rules of somebody@x.example or other@x.example for what we take.\n"
    assert not any(failure.suppress for failure in read(raw).failures)


def test_one_recipient_s_reason_is_not_another_s() -> None:
    # B04
    failures = {failure.address: failure for failure in read(sample("postfix-two-fates")).failures}
    assert failures["plein@courrier.example"].reason is Reason.MAILBOX_FULL
    assert not failures["plein@courrier.example"].suppress
    assert failures["absent@courrier.example"].suppress
    assert "present@courrier.example" not in failures


# --- The command ------------------------------------------------------------------------------------


def test_classify_prints_a_line_of_json_for_each_file(tmp_path: Path) -> None:
    (tmp_path / "mail").write_bytes(sample("qmail"))
    (tmp_path / "letter").write_bytes(sample("letter"))
    result = CliRunner().invoke(
        cli, ["bounces", "classify", "--json", str(tmp_path / "mail"), str(tmp_path / "letter")]
    )
    assert result.exit_code == 0
    first, second = map(json.loads, result.stdout.splitlines())
    assert first == {
        "file": str(tmp_path / "mail"),
        "kind": "bounce",
        "recipients": expected(next(path for path in SAMPLES if path.stem == "qmail"))["recipients"],
    }
    assert second == {"file": str(tmp_path / "letter"), "kind": "none", "recipients": []}


def test_classify_goes_on_after_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "mail").write_bytes(sample("qmail"))
    result = CliRunner().invoke(
        cli, ["bounces", "classify", str(tmp_path / "none"), str(tmp_path), str(tmp_path / "mail")]
    )
    assert result.exit_code == 65
    assert result.stderr.count("cannot be read") == 2
    assert "dede@messagerie.example (permanent, unknown_user, gone)" in result.stdout


def test_classify_reads_standard_input() -> None:
    result = CliRunner().invoke(cli, ["bounces", "classify", "--json", "-"], input=sample("gmail"))
    assert json.loads(result.stdout)["recipients"][0]["address"] == "kwame@grandemessagerie.example"
    assert (
        json.loads(CliRunner().invoke(cli, ["bounces", "classify", "--json", "-"], input=b"").stdout)["kind"] == "none"
    )


def test_classify_needs_no_newsroom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["bounces", "classify", "-"], input=b"Subject: \xff\n\n")
    assert result.stdout == "-: letter\n"
    assert not list(tmp_path.iterdir())


def test_who_does_not_exist_may_be_ourselves() -> None:
    # B04: refused at MAIL FROM, before any recipient was named; so nobody of the list is gone.
    said = "host mx.lecteurs.example said: 550 5.1.7 {} (in reply to {} command)"
    mail = (
        "From: MAILER-DAEMON@relais.example\nTo: b@bounces.example\nSubject: Undelivered Mail Returned to Sender\n\n"
        "This is the mail system at host relais.example.\n\n<awa@lecteurs.example>: {}\n"
    )
    ours = read(mail.format(said.format("unknown user", "MAIL FROM")).encode())
    [failure] = ours.failures
    assert (failure.reason, failure.suppress) == (Reason.BLOCKED, False)
    theirs = read(mail.format(said.format("unknown user", "RCPT TO")).encode())
    assert [(one.reason, one.suppress) for one in theirs.failures] == [(Reason.UNKNOWN_USER, True)]


def test_qmail_says_that_a_server_does_not_like_a_recipient() -> None:
    mail = (
        b"From: MAILER-DAEMON@relais.example\nTo: b@bounces.example\nSubject: failure notice\n\n"
        b"Hi. This is the qmail-send program at relais.example.\n\n<awa@lecteurs.example>:\n"
        b"192.0.2.7 does not like recipient.\nRemote host said: 550 mailbox unavailable\nGiving up on 192.0.2.7.\n"
    )
    assert [(one.address, one.suppress) for one in read(mail).failures] == [("awa@lecteurs.example", True)]


def test_an_answer_by_exchange_is_known_in_any_language() -> None:
    # B05: its words stand before the subject that it answers.
    mail = (
        "From: Awa <awa@lecteurs.example>\nTo: lettre@journal.example\nSubject: Automatiskais atbildet\u0101js: Le port\n"
        "Thread-Topic: Le port\nX-Auto-Response-Suppress: All\n\nEsmu prom lidz pirmdienai.\n"
    )
    assert read(mail.encode()).kind is ReturnKind.VACATION
    answer = mail.replace("Automatiskais atbildet\u0101js:", "Re:").replace("X-Auto-Response-Suppress: All\n", "")
    assert read(answer.encode()).kind is ReturnKind.LETTER
