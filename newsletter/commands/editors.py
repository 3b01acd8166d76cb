"""editors add, remove, list, role, link, sessions, log-out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from newsletter.commands import counted, dry_run_option, iso, json_option, print_json, print_table, say, with_newsroom
from newsletter.model import Role

if TYPE_CHECKING:
    from newsletter.model import Session
    from newsletter.newsroom import Newsroom

ROLES = [role.value for role in Role]


@click.group()
def editors() -> None:
    """Who works at the desk.

    \b
    Example:
      newsletter editors add afi@journal.example --role editor --name "Afi Dossou"
    """


@editors.command()
@click.argument("address")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What they may do: each also what stands before.")
@click.option("--name", default="", help="As colleagues read it; default: what stands before the @.")
@dry_run_option
@with_newsroom
def add(room: Newsroom, address: str, role: str, name: str, dry_run: bool) -> None:
    """Let somebody work at the desk. They log in by a link that is mailed to them when they ask for it.

    \b
    Example:
      newsletter editors add afi@journal.example --role owner --name "Afi Dossou"
    """
    from newsletter import editors as people

    added = people.add(room, address, Role(role), name=name, who=room.here, dry_run=dry_run)
    if dry_run:
        say(f"{added.address}: would work at the desk, as {added.role}")
        return
    say(f"{added.address}: works at the desk, as {added.role}")
    say(f"To log in: open {room.config.desk_url}/in and give that address; a link is mailed to it.")


@editors.command()
@click.argument("address")
@dry_run_option
@with_newsroom
def remove(room: Newsroom, address: str, dry_run: bool) -> None:
    """Let somebody work at the desk no more; their sessions and links end at once, and what they did stays on record.

    \b
    Example:
      newsletter editors remove afi@journal.example
    """
    from newsletter import editors as people

    gone = people.remove(room, address, who=room.here, dry_run=dry_run)
    say(f"{gone.address}: {'would be ' if dry_run else ''}removed")


@editors.command("list")
@json_option
@with_newsroom
def list_(room: Newsroom, as_json: bool) -> None:
    """List who works at the desk, and when they were last seen there.

    \b
    Example:
      newsletter editors list
    """
    from newsletter import editors as people

    stays = people.sessions(room)
    rows = [
        {"address": one.address, "name": one.name, "role": one.role.value, "since": iso(one.created_at)}
        | _seen([stay for stay in stays if stay.editor.id == one.id])
        for one in people.listed(room)
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(
            ("address", "name", "role", "since", "sessions", "last seen"), [tuple(row.values()) for row in rows]
        )


def _seen(stays: list[Session]) -> dict[str, object]:
    return {"sessions": len(stays), "seen": iso(max((one.seen_at for one in stays), default=None))}


@editors.command()
@click.argument("address")
@click.argument("role", type=click.Choice(ROLES))
@dry_run_option
@with_newsroom
def role(room: Newsroom, address: str, role: str, dry_run: bool) -> None:
    """Give somebody another role, which counts at once.

    \b
    Example:
      newsletter editors role afi@journal.example owner
    """
    from newsletter import editors as people

    known = people.set_role(room, address, Role(role), who=room.here, dry_run=dry_run)
    say(f"{known.address}: {'would be ' if dry_run else ''}{role} now")


@editors.command()
@click.argument("address")
@click.option("--mail", is_flag=True, help="Mail it, good for a day, in place of printing it.")
@dry_run_option
@with_newsroom
def link(room: Newsroom, address: str, mail: bool, dry_run: bool) -> None:
    """Print a link by which somebody logs in, good for 15 minutes and once: for when mail is down.

    \b
    Example:
      newsletter editors link afi@journal.example
    """
    from newsletter import editors as people
    from newsletter.errors import BadData

    if mail:
        known, language = people.find(room, address), room.config.newsletter.language
        if not people.invite(room, known, who=room.here, language=language, dry_run=dry_run):
            raise BadData(f"{known.address}: had {people.LINKS_AN_HOUR} links in this hour; wait, or print one")
        say(f"{known.address}: {'would be mailed a link' if dry_run else 'a link waits in the post'}")
        return
    made = people.link(room, address, who=room.here, dry_run=dry_run)
    say(made or f"{address}: would get a link")


@editors.command()
@click.argument("address")
@json_option
@with_newsroom
def sessions(room: Newsroom, address: str, as_json: bool) -> None:
    """List where somebody is logged in: each session with its number, network and browser.

    \b
    Example:
      newsletter editors sessions afi@journal.example
    """
    from newsletter import editors as people

    rows = [
        {"session": one.id, "since": iso(one.created_at), "seen": iso(one.seen_at)}
        | {"network": one.network, "browser": one.browser}
        for one in people.sessions(room, people.find(room, address))
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(("session", "since", "last seen", "network", "browser"), [tuple(row.values()) for row in rows])


@editors.command("log-out")
@click.argument("address")
@click.option("--session", type=click.IntRange(1, 2**63 - 1), help="That session alone, as `editors sessions` has it.")
@dry_run_option
@with_newsroom
def log_out(room: Newsroom, address: str, session: int | None, dry_run: bool) -> None:
    """End all sessions of somebody and their open links, as when a telephone is lost; or one. They may log in anew.

    \b
    Example:
      newsletter editors log-out afi@journal.example
    """
    from newsletter import editors as people

    known = people.find(room, address)
    if session is not None:
        people.end_session(room, known, session, who=room.here, dry_run=dry_run)
        say(f"{known.address}: session {session} {'would be ' if dry_run else ''}ended")
        return
    count = people.log_out_everywhere(room, known, who=room.here, dry_run=dry_run)
    say(f"{known.address}: {counted(count, 'session')} {'would be ' if dry_run else ''}ended")
