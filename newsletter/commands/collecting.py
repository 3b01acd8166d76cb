"""collect, collect try."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from newsletter.commands import (
    complain,
    config_option,
    counted,
    dry_run_option,
    iso,
    json_option,
    print_json,
    print_table,
    say,
    with_newsroom,
)

if TYPE_CHECKING:
    from newsletter.model import Article, Harvest
    from newsletter.newsroom import Newsroom


@click.group(invoke_without_command=True)
@click.pass_context
@dry_run_option
@json_option
@config_option
def collect(ctx: click.Context, dry_run: bool, as_json: bool) -> None:
    """Ask every source for its articles, and keep what is new or changed.

    Feeds hold few articles: where many are published a day, let cron collect every hour.

    \b
    Example:
      newsletter collect
      newsletter collect try https://journal.example/feed/
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(_collect, dry_run=dry_run, as_json=as_json)


@click.command()
@click.option("--dry-run", is_flag=True)
@click.option("--json", "as_json", is_flag=True)
@with_newsroom
def _collect(room: Newsroom, dry_run: bool, as_json: bool) -> None:
    from newsletter import gather

    gathered = gather.collect(room, dry_run=dry_run)
    rows: list[dict[str, Any]] = [
        {
            "source": harvest.source,
            "articles": len(harvest.articles),
            "new": kept.new,
            "changed": kept.changed,
            "unchanged": harvest.unchanged,
            "notes": list(harvest.notes),
            "error": harvest.error,
        }
        for harvest, kept in zip(gathered.harvests, gathered.kept, strict=True)
    ]
    if as_json:
        print_json(rows)
    else:
        for row, harvest in zip(rows, gathered.harvests, strict=True):
            _say_source(row, harvest)
    gathered.check()


def _say_source(row: dict[str, Any], harvest: Harvest) -> None:
    if harvest.error:
        complain(harvest.complaint)
    elif row["unchanged"]:
        say(f"{row['source']}: unchanged")
    else:
        say(f"{row['source']}: {counted(row['articles'], 'article')}, {row['new']} new, {row['changed']} changed")
    for note in row["notes"]:
        say(f"  {note}")


@collect.command("try")
@click.argument("place", metavar="URL|FILE")
@click.option("--kind", type=click.Choice(["feed", "wordpress", "folder"]), help="Default: what the answer looks like.")
@click.option("--allow-private-network", is_flag=True, help="The address may be on this machine or network.")
@json_option
@config_option
@click.pass_context
def try_(ctx: click.Context, place: str, kind: str | None, allow_private_network: bool, as_json: bool) -> None:
    """Show what a source would give, touching no database.

    Works without a newsletter.toml; with one, its time zone and its lines to strip are used.

    \b
    Example:
      newsletter collect try https://journal.example/ --kind wordpress
      newsletter collect try feed.xml --json
    """
    from newsletter.trial import try_source

    harvest = try_source(ctx.obj["config"], place, kind, allow_private_network)
    if as_json:
        print_json([_figures(article) for article in harvest.articles])
    else:
        print_table(
            ("published", "section", "title", "authors", "address"),
            [
                (
                    iso(one.published),
                    one.section,
                    ("★ " if one.lead else "") + one.title,
                    ", ".join(one.authors),
                    one.url,
                )
                for one in harvest.articles
            ],
        )
    for note in harvest.notes:
        complain(note)


def _figures(article: Article) -> dict[str, object]:
    return {
        "id": article.identity,
        "url": article.url,
        "title": article.title,
        "summary": article.summary,
        "authors": list(article.authors),
        "section": article.section,
        "image": article.picture.url if article.picture else None,
        "published": iso(article.published),
        "lead": article.lead,
    }
