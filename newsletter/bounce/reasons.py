"""Code and words → reason."""

from newsletter.model import Failure, Reason


def judge(code: int | None, text: str) -> Failure:
    gone = code in (550, 551) and ("5.1.1" in text or "unknown" in text.lower())
    full = "full" in text
    return Failure(
        "",
        None if code is None else code >= 500,
        Reason.UNKNOWN_USER if gone else Reason.MAILBOX_FULL if full else Reason.OTHER,
        gone,
        str(code or ""),
        text,
    )
