"""subscribers add, remove, list, show, import."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.commands import (
    complain,
    dry_run_option,
    iso,
    json_option,
    print_json,
    print_table,
    say,
    with_newsroom,
)
from newsletter.model import SubscriberStatus

if TYPE_CHECKING:
    from newsletter.model import Consent, Subscriber
    from newsletter.newsroom import Newsroom

consent_option = click.option("--consent", metavar="TEXT", help="How we know that they asked; kept with each.")


@click.group()
def subscribers() -> None:
    """Who is on the list.

    \b
    Example:
      newsletter subscribers import lecteurs.csv --consent "papier, kiosque de Lomé, 2026"
    """


@subscribers.command()
@click.argument("addresses", metavar="ADDRESS…", nargs=-1, required=True)
@consent_option
@dry_run_option
@with_newsroom
def add(room: Newsroom, addresses: tuple[str, ...], consent: str | None, dry_run: bool) -> None:
    """Put addresses on the list.

    \b
    Example:
      newsletter subscribers add afi@lecteurs.example --consent "par téléphone"
    """
    from newsletter import subscribe

    added = subscribe.add(room, addresses, consent, dry_run=dry_run)
    would = "would be " if dry_run else ""
    say(f"{len(added)} {would}added, {len(addresses) - len(added)} on the list already")


@subscribers.command()
@click.argument("address")
@dry_run_option
@with_newsroom
def remove(room: Newsroom, address: str, dry_run: bool) -> None:
    """Unsubscribe an address; what it was sent stays in the ledger.

    \b
    Example:
      newsletter subscribers remove afi@lecteurs.example
    """
    from newsletter import subscribe

    before = subscribe.remove(room, address, dry_run=dry_run)
    if before.status in (SubscriberStatus.ACTIVE, SubscriberStatus.PENDING):
        say(f"{before.address}: {'would be ' if dry_run else ''}unsubscribed")
    else:
        say(f"{before.address}: {before.status} already")


@subscribers.command("list")
@click.option("--status", type=click.Choice([status.value for status in SubscriberStatus]), help="Only these.")
@json_option
@with_newsroom
def list_(room: Newsroom, status: str | None, as_json: bool) -> None:
    """List the subscribers.

    \b
    Example:
      newsletter subscribers list --status active
    """
    from newsletter import subscribe

    people = subscribe.listed(room, SubscriberStatus(status) if status else None)
    if as_json:
        print_json([_figures(one) for one in people])
    else:
        print_table(("address", "status", "since"), [tuple(_figures(one).values()) for one in people])


@subscribers.command()
@click.argument("address")
@json_option
@with_newsroom
def show(room: Newsroom, address: str, as_json: bool) -> None:
    """Show one subscriber; `newsletter trace` tells what they were sent.

    \b
    Example:
      newsletter subscribers show afi@lecteurs.example
    """
    from newsletter import subscribe

    one = subscribe.find(room, address)
    figures = _figures(one) | {"name": one.name, "variant": one.variant.value, "paused_until": iso(one.paused_until)}
    acts = [_act(act) for act in subscribe.history(room, one)]
    if as_json:
        print_json(figures | {"consents": acts})
        return
    for key, value in figures.items():
        say(f"{key}: {value or '–'}")
    print_table(tuple(acts[0]) if acts else (), [tuple(act.values()) for act in acts])


def _act(act: Consent) -> dict[str, object]:
    origin = act.origin
    figures: dict[str, object] = {"at": iso(act.at), "act": act.act.value, "how": origin.how, "page": origin.page}
    return figures | {"wording": origin.wording, "network": origin.network, "note": act.imported or origin.note}


def _figures(one: Subscriber) -> dict[str, object]:
    return {"address": one.address, "status": one.status.value, "since": iso(one.since)}


@subscribers.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@consent_option
@dry_run_option
@json_option
@with_newsroom
def import_(room: Newsroom, file: Path, consent: str | None, dry_run: bool, as_json: bool) -> None:
    """Put the addresses of a CSV file on the list: its column email (or adresse, e-mail, courriel), optional name.

    Rows that cannot be used are listed, and the others go on. Nobody who has left is brought back.

    \b
    Example:
      newsletter subscribers import lecteurs.csv --consent "formulaire du site, 2026" --dry-run
    """
    from newsletter import imports
    from newsletter.errors import BadData

    result = imports.import_file(room, file, consent, dry_run=dry_run)
    for line in result.bad:
        complain(f"{file}: {line}")
    if as_json:
        print_json({"added": result.added, "known": result.known, "bad": result.bad})
    else:
        would = "would be " if dry_run else ""
        say(f"{result.added} {would}added, {result.known} on the list already, {len(result.bad)} unusable")
    if not result.usable:
        raise BadData(f"{file}: no row could be used")
