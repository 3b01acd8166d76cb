"""The keys that sign mails (DKIM): made, and shown as they belong into the DNS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from newsletter.config import Config
from newsletter.errors import BadData, ConfigError
from newsletter.mail.dkim import Record, record
from newsletter.newsroom import Newsroom
from newsletter.tables import DkimTable

if TYPE_CHECKING:
    from newsletter.mail.dkim import Key

SELECTOR = "newsletter"  # where neither the configuration nor anybody says one
Kind = Literal["rsa", "ed25519"]


@dataclass(frozen=True, slots=True)
class Made:
    """A key as `keygen` leaves it."""

    kind: Kind
    selector: str
    path: Path
    record: Record | None  # None in a rehearsal, for a key that is not there yet
    new: bool


def keygen(room: Newsroom, selector: str | None, *, ed25519: bool = False, dry_run: bool = False) -> list[Made]:
    """Make an RSA key; with `ed25519`, one of that kind beside it, and an RSA key that is there already is kept.

    The files are those that the configuration names for these selectors, else `dkim-SELECTOR.pem` beside it. Raises
    BadData where all that is asked for is there already: a key is never overwritten.
    """
    from newsletter.mail import keyfiles

    wanted = _wanted(room.config, selector, ed25519=ed25519)
    if all(path.exists() for _, _, path in wanted):
        there = " and ".join(str(path) for _, _, path in wanted)
        raise BadData(f"{there}: there already, and a key is never overwritten: name another --selector")
    made = []
    for kind, name, path in wanted:
        new = not path.exists()
        key: Key | None = None
        if not new:
            key = keyfiles.read(path, kind)
        elif not dry_run:
            key = keyfiles.make(path, kind)
        made.append(Made(kind, name, path, record(room.config.signing_domain, name, key) if key else None, new))
    return made


def _wanted(config: Config, selector: str | None, *, ed25519: bool) -> list[tuple[Kind, str, Path]]:
    """Kind, selector and file of each key that is to be there."""
    table = config.dkim
    name = _checked(selector) if selector else table.selector or SELECTOR
    file = table.key_file if name == table.selector else None
    wanted: list[tuple[Kind, str, Path]] = [("rsa", name, config.resolve(file or f"dkim-{name}.pem"))]
    if ed25519:
        other = f"{name}-ed25519" if selector or not table.ed25519_selector else table.ed25519_selector
        file = table.ed25519_key_file if other == table.ed25519_selector else None
        wanted.append(("ed25519", other, config.resolve(file or f"dkim-{other}.pem")))
    return wanted


def _checked(selector: str) -> str:
    try:
        return DkimTable(selector=selector).selector
    except ValueError:
        raise BadData(f"{selector!r} is no selector: letters, digits, hyphens and dots, as lettre-2027") from None


def lines(config: Config, made: list[Made]) -> list[str]:
    """What newsletter.toml must say so that these keys sign."""
    found = ["[dkim]", f'domain = "{config.signing_domain}"']
    for one in made:
        prefix = "" if one.kind == "rsa" else "ed25519_"
        inside = one.path.is_relative_to(config.folder)
        path = one.path.relative_to(config.folder) if inside else one.path
        found += [f'{prefix}selector = "{one.selector}"', f'{prefix}key_file = "{path}"']
    return found


def records(room: Newsroom) -> list[Record]:
    """What belongs into the DNS for the keys that sign now. Raises ConfigError where none does."""
    keys = room.dkim_keys
    if not keys:
        raise ConfigError(f"{room.config.path}: dkim.key_file: no key is named; `newsletter dkim keygen` makes one")
    return [record(room.config.signing_domain, selector, key) for selector, key in keys]
