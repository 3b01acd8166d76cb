"""preview, test-send."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from newsletter.commands import complain, dry_run_option, json_option, print_json, say, which_edition, with_newsroom

if TYPE_CHECKING:
    from newsletter.newsroom import Newsroom


@click.command()
@which_edition
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder; default: preview/, here.")
@click.option("--open", "open_it", is_flag=True, help="Open the page in a browser.")
@dry_run_option
@json_option
@with_newsroom
def preview(
    room: Newsroom,
    day: date | None,
    name: str | None,
    out: Path | None,
    open_it: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write the edition as a page, a text, a mail and a WhatsApp message, to look at.

    Where there is no edition yet, one is made up and not kept.

    \b
    Example:
      newsletter preview --open
    """
    from newsletter import preview as previews

    shown = previews.preview(room, day, name)
    folder = (out or Path("preview")).absolute()
    paths = {kind: folder / name for kind, name in previews.FILES.items()}
    if not dry_run:
        previews.write_files(room, shown, folder)
    figures = {kind: str(path) for kind, path in paths.items()}
    size = len(shown.html.encode())
    if as_json:
        print_json({"edition": shown.edition.name, "subject": shown.subject, "bytes": size} | figures)
    else:
        say(f"edition {shown.edition.name}: « {shown.subject} », {size / 1000:.0f} KB of HTML")
        for path in figures.values():
            say(f"  {path}")
    if open_it and not dry_run:
        click.launch(paths["html"].as_uri())


@click.command("test-send")
@click.argument("addresses", metavar="ADDRESS…", nargs=-1, required=True)
@which_edition
@dry_run_option
@with_newsroom
def test_send(room: Newsroom, addresses: tuple[str, ...], day: date | None, name: str | None, dry_run: bool) -> None:
    """Mail the edition to a few addresses, its subject marked. The ledger knows nothing of it.

    \b
    Example:
      newsletter test-send redaction@journal.example
    """
    from newsletter import preview as previews
    from newsletter.errors import Unavailable

    results = previews.send_test(room, day, addresses, name=name, dry_run=dry_run)
    for address, outcome in results:
        if outcome is None:
            say(f"{address}: would be sent a test")
        else:
            say(f"{address}: {outcome.verdict}, {outcome.reply}")
    if previews.refused(results):
        complain(f"via {room.config.delivery.via}")
        raise Unavailable("not every test was accepted")
