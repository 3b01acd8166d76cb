"""What servers answer, and what it means: for good or for now, why, and whether the address is dead."""

from __future__ import annotations

import re

import pytest

from newsletter.bounce.phrasebook import FOLDER, any_of, pattern
from newsletter.bounce.reasons import IN_ORDER, LONGEST, WEAKLY, judge, verdict
from newsletter.model.bounces import Reason

# The words; permanent, or None where they leave it open; whether the address is dead; why. None: not asked.
REPLIES: tuple[tuple[str, bool | None, bool | None, str | None], ...] = (
    (
        "550 5.1.1 <x@y.example>: Recipient address rejected: User unknown in virtual mailbox table",
        True,
        True,
        "unknown_user",
    ),
    (
        "550-5.1.1 The email account that you tried to reach does not exist. Please try double-checking the recipient's email address for typos or unnecessary spaces. Learn more at https://aide.example/mail/?p=NoSuchUser x-y.12 - smtp",
        True,
        True,
        "unknown_user",
    ),
    (
        "552-5.2.2 The email account that you tried to reach is over quota. Please direct the recipient to https://aide.example/mail/?p=OverQuotaPerm - smtp",
        True,
        False,
        "mailbox_full",
    ),
    (
        "452-4.2.2 The email account that you tried to reach is over quota. https://aide.example/mail/?p=OverQuotaTemp",
        False,
        False,
        "mailbox_full",
    ),
    (
        "550-5.2.1 The email account that you tried to reach is disabled. Learn more at https://aide.example/mail/?p=DisabledUser",
        True,
        True,
        "inactive",
    ),
    ("550-5.2.1 The email account that you tried to reach is inactive. For more information", True, True, "inactive"),
    (
        "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages from being delivered. Please resend your message at a later time.",
        True,
        False,
        None,
    ),
    (
        "450-4.2.1 The user you are trying to contact is receiving mail too quickly. Please resend later",
        False,
        False,
        "throttled",
    ),
    (
        "554 delivery error: dd This user doesn't have a portail.example account (awa@portail.example) [0] - mta1234.mail.ne1.portail.example",
        True,
        True,
        "unknown_user",
    ),
    (
        "554 delivery error: dd Sorry your message to awa@portail.example cannot be delivered. This account has been disabled or discontinued [#102]. - mta1",
        True,
        True,
        "inactive",
    ),
    ("554 delivery error: dd Requested mail action aborted, mailbox not found", True, True, "unknown_user"),
    ("554 delivery error: dd Not a valid recipient - atlas", True, True, "unknown_user"),
    ("550 5.5.0 Requested action not taken: mailbox unavailable. [x.example]", True, True, "unknown_user"),
    ("550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).", True, True, "unknown_user"),
    ("550 Requested action not taken: mailbox unavailable", True, True, "unknown_user"),
    ("550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", True, None, None),
    (
        "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
        True,
        True,
        "unknown_user",
    ),
    ("550 5.1.1 RESOLVER.ADR.RecipNotFound; not found", True, True, "unknown_user"),
    ("550 5.1.1 RESOLVER.ADR.ExRecipNotFound; not found", True, True, "unknown_user"),
    ("550 5.7.1 RESOLVER.RST.AuthRequired; authentication required", True, False, None),
    ("550 5.7.1 RESOLVER.RST.NotAuthorized; not authorized", True, False, None),
    (
        "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; Delivery restriction check failed because the sender was not authenticated when sending to this group",
        True,
        False,
        None,
    ),
    ("550 5.7.124 RESOLVER.RST.SenderNotInAllowedSendersList", True, False, None),
    ("550 5.2.2 STOREDRV.Deliver; mailbox full", True, False, "mailbox_full"),
    (
        "554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded",
        True,
        False,
        "mailbox_full",
    ),
    ("550 4.4.7 QUEUE.Expired; message expired", False, False, "expired"),
    ("550 5.4.310 DNS domain xyz.example does not exist [Message=InfoDomainNonexistent]", True, True, "host_unknown"),
    ("450 4.4.312 DNS query failed [Message=InfoNoRecords]", False, False, None),
    ("550 5.4.312 Message expired, DNS query failed", True, False, None),
    ("550 5.4.316 Message expired, connection refused(Socket error code 10061)", True, False, "expired"),
    ("550 5.7.64 TenantAttribution; Relay Access Denied", True, False, "not_allowed"),
    (
        "550 5.7.1 Service unavailable, Client host [1.2.3.4] blocked using Spamhaus. To request removal from this list see https://liste.example/query/ip/1.2.3.4 (AS3130)",
        True,
        False,
        "blocked",
    ),
    ("550 5.7.606 Access denied, banned sending IP [1.2.3.4]", True, False, "blocked"),
    (
        "550 5.7.1 Unfortunately, messages from [1.2.3.4] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140).",
        True,
        False,
        "blocked",
    ),
    ("550 5.1.1 <x@y.example>: unknown or disabled account", True, True, None),
    ("550 5.1.1 unknown or illegal alias: x@y.example", True, True, "unknown_user"),
    ("552 5.2.2 <x@y.example>: user is over quota", True, False, "mailbox_full"),
    ("550 5.2.1 <x@y.example> Adresse inconnue. OFR_416 [416]", True, True, None),
    (
        "550 5.1.1 Adresse d'au moins un destinataire invalide. Invalid recipient. OFR204_416 [416]",
        True,
        True,
        "unknown_user",
    ),
    ("552 5.1.1 Boite du destinataire pleine. Recipient overquota. OFR204_417 [417]", True, False, "mailbox_full"),
    (
        "421 4.0.0 Service refuse. Veuillez essayer plus tard. Service refused, please try later. OFR004_104 [104]",
        False,
        False,
        None,
    ),
    (
        "550 5.7.1 Service refuse. Veuillez essayer plus tard. service refused, please try later. OFR_506 [506]",
        True,
        False,
        None,
    ),
    (
        "550 5.5.0 Le compte du destinataire est bloque pour inactivite ou desactive. Recipient account blocked",
        True,
        True,
        "inactive",
    ),
    ("550 spam detected", True, False, "content"),
    ("550 5.1.1 Message rejected: blocked for spam", True, False, None),
    ("550 5.1.1 <x@y.example> mailbox is full", True, False, "mailbox_full"),
    ("550 5.7.1 <x@y.example>... user unknown", True, True, "unknown_user"),
    ("554 5.7.1 <x@y.example>: Relay access denied", True, False, "not_allowed"),
    ("550 5.2.1 <x@y.example> Mailbox temporarily disabled", True, False, None),
    ("450 4.2.1 mailbox temporarily unavailable", False, False, None),
    ("550 Mailbox is frozen. See http://aide.example", True, True, "inactive"),
    ("550 Mailbox not found. http://aide.example/cgi-bin/help?subtype=1&&id=20022", True, True, "unknown_user"),
    ("550 Mailbox unavailable or access denied", True, None, None),
    (
        "550 Message was not accepted -- invalid mailbox. Local mailbox x@y.example is unavailable: user not found",
        True,
        True,
        "unknown_user",
    ),
    (
        "550 Message was not accepted -- invalid mailbox.  Local mailbox x@y.example is unavailable: account is disabled",
        True,
        True,
        None,
    ),
    ("554 5.7.1 Message rejected under suspicion of SPAM; https://aide.example/1IrBc", True, False, "content"),
    ("550 5.7.1 No such user!", True, True, "unknown_user"),
    ("550 <x@y.example>: User unknown", True, True, "unknown_user"),
    ("550 Unknown user x@y.example", True, True, "unknown_user"),
    (
        "550 Recipient address rejected: undeliverable address: host mx[1.2.3.4] said: 550 no such user",
        True,
        True,
        "unknown_user",
    ),
    (
        "550 5.1.1 <x@y.example>: Recipient address rejected: undeliverable address: unknown user",
        True,
        True,
        "unknown_user",
    ),
    ("450 4.1.1 <x@y.example>: Recipient address rejected: unverified address: connect timed out", False, False, None),
    ("550 Unrouteable address", True, True, None),
    ("Unrouteable address", True, True, None),
    ("all relevant MX records point to non-existent hosts", True, True, "host_unknown"),
    (
        "Host or domain name not found. Name service error for name=xx.example type=MX: Host not found",
        True,
        True,
        "host_unknown",
    ),
    (
        "Host or domain name not found. Name service error for name=xx.example type=MX: Host not found, try again",
        None,
        False,
        None,
    ),
    (
        "Host or domain name not found. Name service error for name=xx.example type=A: Host not found",
        True,
        True,
        "host_unknown",
    ),
    ("Domain xx.example does not accept mail (nullMX)", True, True, "host_unknown"),
    ("556 5.1.10 Recipient address has null MX", True, True, "host_unknown"),
    (
        "5.1.2 (bad destination host: DNS Soft Error looking up xx.example (MX) while asking recursive_nameserver0.parent. Error was: unable to reach nameserver on any valid IP)",
        True,
        False,
        None,
    ),
    ("5.1.2 - Bad destination host 'DNS Hard Error looking up xx.example (MX):  NXDomain'", True, True, "host_unknown"),
    (
        "5.4.7 - Delivery expired (message too old) 'DNS Soft Error looking up xx (MX) while asking recursive_nameserver0.parent. Error was: unable to reach nameserver on any valid IP'",
        True,
        False,
        "network",
    ),
    ("451 4.7.1 Greylisting in action, please come back later", False, False, "throttled"),
    ("550 5.7.1 Greylisted", True, False, "throttled"),
    ("connect to mx.y.example[1.2.3.4]:25: Connection timed out", None, False, "network"),
    ("retry timeout exceeded", None, False, "expired"),
    (
        "SMTP error from remote mail server after RCPT TO:<x@y.example>: host mx [1.2.3.4]: 550 No such recipient here",
        True,
        True,
        "unknown_user",
    ),
    (
        "550-Verification failed for <bounces@journal.example> 550-The mail server could not deliver mail to bounces@journal.example.  The account or domain may not exist, they may be blacklisted, or missing the proper dns entries. 550 Sender verify failed",
        True,
        False,
        "blocked",
    ),
    ("550 5.1.8 <b@x>: Sender address rejected: Domain not found", True, False, "blocked"),
    ("553 sorry, your envelope sender domain must exist (#5.7.1)", True, False, "blocked"),
    ("553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", True, False, "not_allowed"),
    ("Sorry, no mailbox here by that name. (#5.1.1)", True, True, "unknown_user"),
    ("511 sorry, no mailbox here by that name (#5.1.1 - chkuser)", True, True, "unknown_user"),
    ("Sorry, I couldn't find any host named xx.example. (#5.1.2)", True, True, "host_unknown"),
    (
        "Sorry, I wasn't able to establish an SMTP connection. (#4.4.1) I'm not going to try again; this message has been in the queue too long.",
        False,
        False,
        None,
    ),
    (
        "Sorry. Although I'm listed as a best-preference MX or A for that host, it isn't in my control/locals file, so I don't treat it as local. (#5.4.6)",
        True,
        False,
        None,
    ),
    ("This message is looping: it already has my Delivered-To line. (#5.4.6)", True, False, "loop"),
    ("user does not exist, but will deliver to /var/vpopmail", True, None, None),
    ("554 rejected due to spam content", True, False, "content"),
    ("552 Message size exceeds fixed maximum message size", True, False, "too_big"),
    ("552 5.3.4 Message size exceeds fixed limit", True, False, "too_big"),
    ("550 5.0.0 <x@y.example>... User unknown", True, True, "unknown_user"),
    ("User x (x@y.example) not listed in Domino Directory", True, True, "unknown_user"),
    ("User x (x@y.example) not listed in public Name & Address Book", True, True, "unknown_user"),
    ("550 x@y.example... No such user", True, True, "unknown_user"),
    ("The recipient name is not recognized", True, True, "unknown_user"),
    ("550 5.1.1 Mail Refused - Address <x@y.example> Recipient Unknown", True, True, "unknown_user"),
    ("550 Invalid recipient x@y.example (#5.1.1)", True, True, "unknown_user"),
    ("554 5.7.1 The file xy is not allowed", True, False, None),
    ("550 relay not permitted", True, False, "not_allowed"),
    ("550 authentication required", True, False, None),
    ("550 Rejected because 1.2.3.4 is in a black list at zen.spamhaus.org", True, False, "blocked"),
    ("554 5.7.1 <x@y.example>: Recipient address rejected: Policy restrictions", True, False, "blocked"),
    (
        "550 5.7.1 <x@y.example>: Recipient address rejected: Message rejected due to: SPF fail - not authorized",
        True,
        False,
        "blocked",
    ),
    (
        "550 5.7.26 This mail has been blocked because the sender is unauthenticated. We require all senders to authenticate with either SPF or DKIM.",
        True,
        False,
        "blocked",
    ),
    ("550 #5.1.0 Address rejected.", True, True, "unknown_user"),
    ("550 #5.1.0 Address rejected x@y.example", True, True, None),
    ("550 5.1.0 Address rejected", True, True, None),
    (
        "550 Administrative prohibition - envelope blocked - https://aide.example/docs/DOC-1369#550",
        True,
        False,
        "blocked",
    ),
    ("550 Invalid Recipient - https://aide.example/docs/DOC-1369#550", True, True, "unknown_user"),
    ("550 permanent failure for one or more recipients (x@y.example:blocked)", True, False, "blocked"),
    (
        "550 permanent failure for one or more recipients (x@y.example:550 5.1.1 User unknown)",
        True,
        True,
        "unknown_user",
    ),
    ("451 Internal resource temporarily unavailable - https://aide.example/docs/DOC-1369#451", False, False, None),
    ("550-5.7.1 Mail from you is not accepted", True, False, None),
    ("550 5.2.0 Message rejected. The user's mailbox has been closed", True, True, "inactive"),
    ("550 account closed", True, True, "inactive"),
    ("550 5.1.1 x@y.example Account has been suspended.", True, True, "inactive"),
    ("550 This account is not allowed to receive mail", True, None, None),
    ("550 User account is unavailable", True, None, None),
    ("550 [SUSPEND] Mailbox currently suspended - Please contact correspondent directly", True, True, "inactive"),
    ("550 5.1.1 sorry, that user is no longer here", True, True, "unknown_user"),
    ("551 not our customer", True, True, "unknown_user"),
    ("550 No such domain at this location", True, None, None),
    ("550 5.4.4 unable to look up host", True, None, None),
    ("554 5.4.14 Hop count exceeded - possible mail loop ATTR34", True, False, "loop"),
    ("too many hops", True, False, "loop"),
    ("452 4.3.1 Insufficient system storage", False, False, "system"),
    ("552 Requested mail action aborted: exceeded storage allocation", True, False, "mailbox_full"),
    ("550 Quota exceeded (mailbox for user is full)", True, False, "mailbox_full"),
    ("522 mailbox_full", True, False, "mailbox_full"),
    ("554 Refused. Your IP address is listed in the RBL", True, False, "blocked"),
    ("550 SC-001 (BAY004-MC1F25) Unfortunately, messages from 1.2.3.4 weren't sent.", True, False, None),
    ("550 5.7.350 Remote server returned message detected as spam", True, False, "content"),
    ("550 Not allowed to send to this group", True, False, "not_allowed"),
    ("550 5.7.1 TRANSPORT.RULES.RejectMessage; the message was rejected by organization policy", True, False, None),
    (
        "421 4.7.0 [TSS04] Messages from 1.2.3.4 temporarily deferred due to user complaints - 4.16.55.1",
        False,
        False,
        None,
    ),
    (
        "553 5.7.1 [BL21] Connections will not be accepted from 1.2.3.4, because the ip is in Spamhaus's list",
        True,
        False,
        "blocked",
    ),
    ("554 5.7.9 Message not accepted for policy reasons", True, False, "blocked"),
    ("550 mailbox x@y.example is unavailable", True, True, None),
    ("550 5.1.1 Recipient address rejected: La boite aux lettres n'existe pas", True, True, "unknown_user"),
    ("550 L'utilisateur n'existe pas", True, True, "unknown_user"),
    ("550 Empfänger unbekannt", True, True, "unknown_user"),
    ("550 El usuario no existe", True, True, "unknown_user"),
    ("550 RCPT TO:<x@y.example> User unknown", True, True, "unknown_user"),
    ("Mail quota exceeded", None, False, "mailbox_full"),
    ("Recipient's mailbox is full, message returned to sender. (#5.2.2)", True, False, "mailbox_full"),
    ("550 sorry, your mail was administratively denied. (#5.7.1)", True, False, "blocked"),
    ("550 5.7.1 Message contains spam or virus or sender is blocked : 149:7:-25", True, False, None),
    ("Delivery not authorized, message refused. Account Expired", True, True, "inactive"),
    ("550 Your message has been blocked by the recipient", True, False, None),
    ("550 The recipient does not accept mail from your address", True, False, None),
    ("554 Transaction failed: Cannot send message due to possible abuse", True, False, None),
    ("550 5.1.6 recipient no longer on server: x@y", True, True, "unknown_user"),
    ("550 5.1.1 User has moved. Please try <new@y.example>", True, True, None),
    ("553 5.3.0 <x@y.example>... Addressee unknown, relay=[1.2.3.4]", True, True, "unknown_user"),
    ("551 User not local; please try <new@x>", True, None, None),
    ("550 rejected by domain policy: user unknown", True, True, "unknown_user"),
    (
        "Message expired: unable to deliver in 840 minutes.<421 4.4.2 Connection dropped due to SocketError>",
        False,
        False,
        "expired",
    ),
    ("smtp; 550 5.1.1 user unknown; rejecting", True, True, "unknown_user"),
    (
        "Amazon SES has suppressed sending to this address because it has a recent history of bouncing as an invalid address.",
        True,
        None,
        None,
    ),
)


OURS = (
    "550 5.2.0 From: Domain is invalid. Please provide a valid From: IB506",
    "550 Sender account suspended for spamming",
    "550 Your account has been suspended, contact your provider",
    "550 Adresse IP source bloquee pour incident de spam. Client host blocked for spamming issues",
    "550 outgoing mail from this account disabled",
    "550 Greylisted, user unknown until retry, try again later",
)


@pytest.mark.parametrize("words", OURS)
def test_what_is_said_of_us_gives_no_reader_up(words: str) -> None:
    # B04
    assert not judge(None, words).suppress


@pytest.mark.parametrize(("words", "permanent", "dead", "reason"), REPLIES)
def test_a_reply_is_judged(words: str, permanent: bool | None, dead: bool | None, reason: str | None) -> None:
    # B03 B04
    judged = verdict(words, action="failed" if permanent is not False else "")
    if permanent is not None:
        assert judged.permanent is permanent
    if dead is not None:
        assert judged.suppress is dead
    if reason is not None:
        assert judged.reason == reason


@pytest.mark.parametrize(
    ("status", "words", "action", "permanent"),
    [
        ("5.1.1", "", "failed", True),
        ("4.4.7", "550 4.4.7 QUEUE.Expired; message expired", "failed", False),
        ("5.0.0", "451 4.7.1 try later", "failed", False),  # 5.0.0 is said where nothing is known
        ("5.0.0", "", "failed", True),
        ("", "", "failed", True),
        ("", "", "delayed", False),
        ("5.1.1", "550 user unknown", "delayed", False),
        ("", "550-5.1.1 no such user", "", True),
        ("", "450 mailbox busy", "", False),
    ],
)
def test_the_code_goes_before_the_action_and_the_words(status: str, words: str, action: str, permanent: bool) -> None:
    # B03
    assert verdict(words, status=status, action=action).permanent is permanent


# What must not be taken for a dead address though it says that something is not there, and what must be: a reply of
# our wording, whether the address is dead, why.
ONE_AND_THE_OTHER: tuple[tuple[str, bool, str | None], ...] = (
    # about who sends
    ("550 5.7.1 The sending domain lettre.example was not found", False, "blocked"),
    ("550 5.1.8 Envelope sender: no such user", False, "blocked"),
    ("550 Your reply address is unknown here", False, "blocked"),
    ("550 the account this was sent from has been disabled", False, "blocked"),
    ("550 Sending from this account has been suspended", False, "blocked"),
    ("550 5.7.13 user account disabled", False, "blocked"),
    ("535 5.7.8 login refused: no such user", False, "blocked"),
    ("535 no such user", False, "blocked"),
    ("550 SPF record does not exist", False, "blocked"),
    ("554 5.7.1 Client address rejected: PTR not found", False, "blocked"),
    ("550 too many unknown recipients from your host", False, "blocked"),
    ("554 Excessive invalid recipients, come back tomorrow", False, "blocked"),
    ("550 L'adresse de l'expéditeur est inconnue", False, "blocked"),
    ("550 Le domaine de l'émetteur n'existe pas", False, "blocked"),
    ("550 Votre domaine est introuvable", False, "blocked"),
    ("550 5.7.1 Votre compte a été désactivé", False, "blocked"),
    ("421 Trop d'utilisateurs inconnus, service refuse SFR_IN_104", False, "blocked"),
    ("550 Le nom d'hôte de votre serveur est inconnu", False, "blocked"),
    ("550 Vérification du domaine impossible : adresse IP inconnue", False, "blocked"),
    # about the mail, a relay, a policy, a quota
    ("550 5.6.0 there is an invalid address in the To: header", False, "content"),
    ("550 Entête invalide, adresse invalide", False, "content"),
    ("550 A link in your text, links point to an unknown domain", False, "content"),
    ("550 5.7.1 Relaying denied: unknown user", False, "not_allowed"),
    ("550 Relaying to an unknown domain", False, "not_allowed"),
    ("550 5.7.1 Adresse bloquée par le destinataire", False, None),
    ("521 5.2.1 we will not accept delivery of this", False, "not_allowed"),
    ("550 5.2.1 the mailbox is over its limit", False, "mailbox_full"),
    ("550 this mailbox is disabled, try again", False, "system"),
    ("554 this service has been suspended", False, None),
    ("553 https://aide.example/liste", False, "other"),
    ("551 come back with a better name", False, "other"),
    ("550 Invalid domain, see our rules", False, None),
    ("550 Requested action not taken: mail Q7.12 is rejected", False, None),
    ("550 Mailbox unavailable or access denied [Q7]", False, "not_allowed"),
    ("550 Compte invalide, authentification requise", False, "blocked"),
    # gone
    ("550 Ungültiger Empfänger", True, "unknown_user"),
    ("550 5.5.0 Boite du destinataire archivee. LPN000_000", True, "inactive"),
    ("550 Cette boîte n'est plus utilisée", True, "inactive"),
    ("550 Client résilié depuis mars", True, "inactive"),
    ("550 Pas de boite à ce nom", True, "unknown_user"),
    ("550 Il n'y a personne de ce nom chez nous", True, "unknown_user"),
    ("550 Aucune boîte ne porte ce nom", True, "unknown_user"),
    ("550 Le domaine lecteurs.example n'existe pas", True, "host_unknown"),
    ("550 x@y.example: mail receiving disabled", True, "inactive"),
    ("554 delivery error: x@y.example is no longer valid.", True, "unknown_user"),
    ("550 was not found in LDAP", True, "unknown_user"),
    ("550 no mail hosts for y.example", True, "host_unknown"),
    ("550 Destinatario errato", True, "unknown_user"),
    ("550 Indirizzo inesistente", True, "unknown_user"),
    ("550 Usuario en estado inactivo", True, "inactive"),
    ("550 Verification failed for <x@y.example>, 550 Recipient verify failed: unknown user", True, "unknown_user"),
)


@pytest.mark.parametrize(("words", "dead", "reason"), ONE_AND_THE_OTHER)
def test_who_is_not_there_may_be_somebody_else(words: str, dead: bool, reason: str | None) -> None:
    # B04
    code, said = int(words[:3]), words[4:]
    for judged in (judge(code, said), judge(None, words)):
        assert judged.suppress is dead, judged
        assert reason in (None, judged.reason), judged


def test_a_domain_that_is_not_there_is_dead_though_the_report_knows_no_code() -> None:
    # B04: so Gmail reports it, and it gave up at once.
    words = "DNS Error: DNS type 'mx' lookup of y.example responded with code {}"
    none, failing = words.format("NXDOMAIN: domain name not found"), words.format("SERVFAIL")
    assert verdict(none, status="4.0.0", action="failed").suppress
    assert not verdict(none, status="4.0.0", action="delayed").suppress
    assert not verdict(failing, status="4.0.0", action="failed").suppress


@pytest.mark.parametrize(
    ("code", "words", "reason", "dead"),
    [
        (550, "5.1.1 <x@y.example>: no such user", Reason.UNKNOWN_USER, True),
        (552, "mailbox full", Reason.MAILBOX_FULL, False),
        (450, "4.1.1 user unknown", Reason.UNKNOWN_USER, False),
        (554, "5.7.1 spam", Reason.CONTENT, False),
        (550, "", Reason.OTHER, False),
        (421, "", Reason.SYSTEM, False),
        (None, "Domain y.example has null MX", Reason.HOST_UNKNOWN, True),
        (None, "", Reason.OTHER, False),
    ],
)
def test_a_refusal_at_smtp_time_is_judged_alike(code: int | None, words: str, reason: Reason, dead: bool) -> None:
    # B04
    judged = judge(code, words)
    assert (judged.reason, judged.suppress, judged.address) == (reason, dead, "")


def test_what_is_kept_of_a_reply_is_one_line_for_a_person() -> None:
    judged = judge(550, "no\r\nsuch\x00\x1b[31m user " + "x" * 5000)
    assert judged.text.startswith("no such [31m user x")
    assert len(judged.text) == LONGEST


def test_an_address_or_a_link_that_holds_a_word_says_nothing() -> None:
    # B04
    assert (
        judge(550, "rejected: user.unknown@full.example, see https://x.example/mailbox-full").reason is Reason.BLOCKED
    )
    assert not judge(550, "see https://x.example/?p=user-unknown").suppress


def test_each_list_of_phrases_is_one_that_can_be_read() -> None:
    lists = sorted(FOLDER.glob("*.txt"))
    assert len(lists) > 30
    for path in lists:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith("# "), path.name
        assert not [line for line in lines if len(line) > 115 or line != line.strip()], path.name
        if path.stem != "words":
            phrases = [line for line in lines if line and not line.startswith("#")]
            assert len(phrases) == len(set(phrases)), path.name
            assert not re.search(r"<[a-z-]+>", any_of(path.stem)), f"{path.name}: a name that words.txt does not know"
            assert not pattern(path.stem).fullmatch(""), f"{path.name}: an empty phrase means everything"


def test_each_reason_has_its_list() -> None:
    assert {name for _, name in (*IN_ORDER, *WEAKLY)} <= {path.stem for path in FOLDER.glob("*.txt")}
    assert {reason for reason, _ in (*IN_ORDER, *WEAKLY)} | {Reason.DELAYED, Reason.OTHER} == set(Reason)
