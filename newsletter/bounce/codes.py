"""What the codes of a refusal say, where its words say nothing. Data alone."""

from __future__ import annotations

from newsletter.model.bounces import Reason

# Enhanced status codes (RFC 3463; the registry of IANA), where the words say nothing.
BY_CODE = {
    "1.0": Reason.UNKNOWN_USER,
    "1.1": Reason.UNKNOWN_USER,
    "1.2": Reason.HOST_UNKNOWN,
    "1.3": Reason.UNKNOWN_USER,
    "1.4": Reason.UNKNOWN_USER,
    "1.6": Reason.UNKNOWN_USER,
    "1.7": Reason.BLOCKED,
    "1.8": Reason.BLOCKED,
    "1.9": Reason.BLOCKED,
    "1.10": Reason.HOST_UNKNOWN,
    "2.1": Reason.INACTIVE,
    "2.2": Reason.MAILBOX_FULL,
    "2.3": Reason.TOO_BIG,
    "3.4": Reason.TOO_BIG,
    "4.6": Reason.LOOP,
    "4.7": Reason.EXPIRED,
    "6.0": Reason.CONTENT,
    "6.1": Reason.CONTENT,
    "7.0": Reason.BLOCKED,
    "7.1": Reason.BLOCKED,
    "7.2": Reason.NOT_ALLOWED,
}
# Codes that say where, and hardly why.
BY_VAGUE_CODE = {
    "2.4": Reason.SYSTEM,
    "3.0": Reason.SYSTEM,
    "3.1": Reason.SYSTEM,
    "3.2": Reason.SYSTEM,
    "3.3": Reason.SYSTEM,
    "3.5": Reason.SYSTEM,
    "4.0": Reason.NETWORK,
    "4.1": Reason.NETWORK,
    "4.2": Reason.NETWORK,
    "4.3": Reason.NETWORK,
    "4.4": Reason.NETWORK,
    "4.5": Reason.THROTTLED,
    "5.0": Reason.SYSTEM,
    "5.3": Reason.THROTTLED,
}
# SMTP replies (RFC 5321, 4.2.3), where nothing says more.
BY_REPLY = {421: Reason.SYSTEM, 422: Reason.MAILBOX_FULL, 431: Reason.SYSTEM, 450: Reason.SYSTEM, 451: Reason.SYSTEM}
BY_REPLY |= {452: Reason.MAILBOX_FULL, 550: Reason.OTHER, 551: Reason.OTHER, 552: Reason.MAILBOX_FULL}
# 553 is for a mailbox's name, and many say it of a sender whom they refuse.
BY_REPLY |= {553: Reason.OTHER, 554: Reason.BLOCKED, 556: Reason.HOST_UNKNOWN}
# They are about who sends: that an account is not there, or is switched off, says nothing of the recipient then.
OF_THE_SENDER = {"7.8", "7.9", "7.12", "7.13", "7.14", *(f"7.{last}" for last in range(20, 31))}
OF_THE_SENDER |= {"530", "534", "535", "538"}
