"""What comes back: whether somebody reads it."""

from __future__ import annotations

from collections.abc import Iterator

from newsletter.bounce.inbox import Patience
from newsletter.doctor.finding import Finding, failure, ok, warning
from newsletter.errors import ConfigError, Unavailable
from newsletter.newsroom import Newsroom
from newsletter.returns import inbox as returns
from newsletter.settings import Inbox

SECONDS = 8.0  # for each step
HOOKS = {"amazonaws.com": "ses_topics", "mailgun.org": "mailgun_key_file", "brevo.com": "brevo_secret_file"}
SECRETS = {"mailgun_key_file": "bounces.mailgun_key", "brevo_secret_file": "bounces.brevo_secret"}


def look(room: Newsroom) -> Iterator[Finding]:
    table, delivery = room.config.bounces, room.config.delivery
    hooks = [key for key in HOOKS.values() if _is_set(room, key)]
    inbox = table.inbox
    if inbox:
        yield _opened(room, inbox)
    elif delivery.return_path != "plain" and not hooks:
        said = f"bounces come to {delivery.return_path}, and nobody reads them: dead addresses stay on the list"
        yield warning("returns", said, "set bounces.inbox to that mailbox, or let the mail server pipe to us")
    elif not hooks:
        said = "no mailbox is read (bounces.inbox): what comes back goes to the From address, and to people"
        yield warning("returns", said, "see docs/bounces.md; large services mind who writes to dead addresses")
    wanted = next((key for end, key in HOOKS.items() if delivery.via.host.endswith(end)), None)
    if wanted and wanted not in hooks:
        said = f"{delivery.via.host} tells of bounces by a hook, and bounces.{wanted} is not set"
        yield warning("returns hook", said, "set it, and name /hooks/… to the service: docs/bounces.md")
    elif hooks:
        yield ok("returns hook", f"hooks are taken by bounces.{', bounces.'.join(hooks)}")


def _opened(room: Newsroom, inbox: Inbox) -> Finding:
    """Whether the mailbox lets us in; no mail is read."""
    try:
        with returns.opened(room, inbox, Patience(connect=SECONDS, step=SECONDS, total=2 * SECONDS, lock=SECONDS)):
            return ok("returns", f"what comes back is read from {inbox}")
    except ConfigError as error:
        return failure("returns", str(error), "name the mailbox that the mail server delivers to: docs/bounces.md")
    except Unavailable as error:
        return warning("returns", str(error), "ask again in some minutes; till then nothing that comes back is read")


def _is_set(room: Newsroom, key: str) -> bool:
    if key in SECRETS:
        return bool(room.config.secrets.get(SECRETS[key]))
    return bool(getattr(room.config.bounces, key))
