"""demo."""

from __future__ import annotations

import os
from pathlib import Path

import click

from newsletter.commands import dry_run_option, print_table, say
from newsletter.commands.edition import print_choices


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
@dry_run_option
def demo(folder: Path, dry_run: bool) -> None:
    """Try it all with a sample newsroom: nobody receives anything.

    Sets up the newsroom in FOLDER (default: here), collects, picks, renders, and sends to eight invented subscribers:
    into a Maildir.

    \b
    Example:
      mkdir demo && cd demo && newsletter demo
    """
    from newsletter import daily, edit, preview
    from newsletter import demo as sample
    from newsletter.deliver import Stop
    from newsletter.newsroom import utc_now
    from newsletter.sending import Watch

    folder = folder.absolute()
    if dry_run:
        say(f"would set up the sample newsroom in {folder}, and send its edition into a folder there")
        return
    folder.mkdir(parents=True, exist_ok=True)
    room = sample.set_up(folder, utc_now())
    day = room.today()
    found = daily.send(room, day, regardless=True, watch=Watch(Stop(room.clock)))
    edition, choices = edit.look(room, None)
    say(f"What was picked for {room.words.full_date(edition.day)}, and why:")
    print_choices(choices)
    say()
    if found.problem:
        raise found.problem
    if not any(choice.picked for choice in choices):
        say("Nothing was sent: the sample articles are of another day. Delete this folder's files to begin anew.")
        return
    shown = preview.preview(room, edition.day)
    if found.already:
        say(f"Nothing was sent: {found.said}.")
    else:
        say(f"Sent: « {shown.subject} » to {found.accepted} of {found.audience} subscribers, in {found.seconds} s.")
    say("No reader receives anything from here: the mails lie in a folder, the outbox.")
    say()
    outbox = room.config.resolve(room.config.delivery.via.path)
    paths = preview.write_files(room, shown, folder / "preview")
    names = {"html": "the edition", "text": "as plain text", "eml": "as a mail", "whatsapp": "to paste into WhatsApp"}
    rows = [(names[kind], _shown(path)) for kind, path in paths.items()] + [("the outbox", _shown(outbox / "new"))]
    say("Where to look:")
    print_table(("", ""), rows)
    say()
    say("The readers' pages: run `newsletter serve` in that folder, and open the address it says.")


def _shown(path: Path) -> str:
    """Relative where that is shorter."""
    relative = os.path.relpath(path)
    return relative if not relative.startswith("..") else str(path)
