"""What the large mail services say when they do not take a mail, and whom that concerns: S07, S08.

The codes are those of their public pages in 2025 and 2026; the words are shortened.
"""

from __future__ import annotations

import pytest

from newsletter.deliver.judge import is_about_address, is_for_now, is_throttling, signature
from newsletter.model import Outcome, Phase, Verdict

ADDRESS = """
550-5.1.1 The email account that you tried to reach does not exist
550-5.2.1 The email account that you tried to reach is inactive
550-5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages
552-5.2.2 The recipient's inbox is out of storage space and inactive
552-5.2.3 The message exceeds the recipient's size limit
553-5.1.2 We weren't able to find the recipient domain
553-5.1.3 The recipient address is not a valid RFC 5321 address
553-5.1.7 The sender address is not a valid RFC 5321 address
550 5.1.10 RESOLVER.ADR.RecipientNotFound; recipient not found by SMTP address lookup
550 5.2.0 mailbox unavailable
554 5.2.2 mailbox full; STOREDRV.Deliver.Exception
550 5.1.6 recipient no longer on server
"""
POLICY = """
550-5.7.1 The IP you're using to send mail is not authorized to send email directly to our servers
550-5.7.1 Our system has detected that this message is likely unsolicited mail
550-5.7.1 The user or domain that you are sending to has a policy that prohibited the mail
550-5.7.24 The SPF record of the sending domain has one or more suspicious entries
550-5.7.25 The sending IP does not have a PTR record set up
550-5.7.26 Unauthenticated email is not accepted due to the domain's DMARC policy
550-5.7.26 This mail has been blocked because the sender is unauthenticated
550-5.7.27 The sending IP does not pass SPF
550-5.7.29 Messages without TLS are not accepted
550-5.7.30 The sending domain does not pass DKIM
550-5.7.0 Mail relay denied
550-5.4.5 Daily user sending limit exceeded
550-5.4.6 Message exceeds 50 hops
552-5.3.4 Your message exceeded the size limits
552-5.7.0 Our system detected an illegal attachment
554-5.6.0 Mail message is malformed
530-5.7.0 Must issue a STARTTLS command first
554 5.7.9 Message not accepted for policy reasons
553 5.7.1 [BL21] Connections will not be accepted
554 5.7.5 Permanent error evaluating DMARC policy
550 5.7.515 Access denied, sending domain does not meet the required authentication level
550 5.7.1 Unfortunately, messages from your network weren't sent
550 5.7.606 Access denied, banned sending IP
550 5.7.511 Access denied, banned sender
554 5.7.105 Sender denied
"""
THROTTLING = """
421-4.7.0 This message is suspicious due to the nature of the content or the links within
421-4.7.0 IP not in allowlist for RCPT domain, closing connection
421-4.7.23 The sending IP has no PTR record; your email has been rate limited
421-4.7.26 Your email has been rate limited because it is unauthenticated
421-4.7.27 Your email has been rate limited because SPF did not pass
421-4.7.28 Gmail has detected an unusual rate of mail originating from your IP address
421-4.7.29 Your email has been rate limited because it was not sent over TLS
421-4.7.30 Your email has been rate limited because DKIM did not pass
454 4.7.0 Too many login attempts, please try again later
421 4.7.0 [TSS04] Messages from you temporarily deferred due to unexpected volume
421 4.7.1 [TS03] All messages from you will be permanently deferred
451 4.7.500 Server busy; please try again later
451 4.7.650 The mail server has been temporarily rate limited due to IP reputation
451 4.7.651 The mail server has been temporarily rate limited
"""
LATER = """
450-4.2.1 The user you are trying to contact is receiving mail too quickly
451-4.3.0 Mail server temporarily rejected message
451-4.4.2 Timeout - closing connection
452-4.2.2 The email account that you tried to reach is over quota
452-4.3.1 Insufficient system storage
452-4.5.3 Your message has too many recipients
450 4.1.8 Sender address rejected: Domain not found
451 4.7.1 Greylisting in effect, please come back later
450 4.7.1 Client was greylisted, try again in 300 seconds
432 4.3.2 STOREDRV.Storage; too many concurrent connections
"""


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


def outcome(line: str) -> Outcome:
    verdict = Verdict.REJECTED if line.startswith("5") else Verdict.DEFERRED
    return Outcome(verdict, Phase.RCPT, int(line[:3]), line[4:])


@pytest.mark.parametrize("line", lines(ADDRESS))
def test_a_word_about_one_address_never_ends_a_run(line: str) -> None:  # S07
    said = outcome(line)
    assert signature(said) is None
    assert is_about_address(said.code, said.reply)


@pytest.mark.parametrize("line", lines(POLICY))
def test_a_word_about_the_mail_or_us_ends_it_when_all_get_it(line: str) -> None:  # S07
    said = outcome(line)
    assert signature(said) is not None
    assert not is_about_address(said.code, said.reply)


@pytest.mark.parametrize("line", lines(THROTTLING))
def test_a_word_about_our_pace_slows_us_down(line: str) -> None:  # S08
    assert is_throttling(outcome(line))
    assert is_for_now(outcome(line))
    assert signature(outcome(line)) is None


@pytest.mark.parametrize("line", lines(LATER))
def test_a_word_about_one_reader_s_mail_slows_nobody_down(line: str) -> None:  # S05
    assert not is_throttling(outcome(line))
