"""What the sites have changed since an editor decided: to be taken over or left, article by article."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from newsletter import collect as collecting
from newsletter import gather, monitor, picking
from newsletter import shape as shapes
from newsletter.collect.recheck import GONE
from newsletter.gather import Gathered
from newsletter.model import Article, Choice, Edition, Who
from newsletter.newsroom import Newsroom
from newsletter.shape import Patch, Shape
from newsletter.shaping.act import Act, Shaped, do, do_in, open_edition
from newsletter.store import articles, audit, editions
from newsletter.store import shapes as rows
from newsletter.store.database import read, write


@dataclass(frozen=True, slots=True)
class Change:
    """An article that its site has changed."""

    choice: Choice
    was: Article
    now: Article
    fields: tuple[str, ...]  # of shape.SHOWN


def changes(choices: Iterable[Choice]) -> list[Change]:
    """What the sites have changed of the articles picked, and nobody has taken over or declined. Nothing of those
    that follow their site. Pure."""
    found = [
        _change(one, one.kept, one.candidate.article)
        for one in choices
        if one.picked and one.kept and one.declined != shapes.digest(articles.as_json(one.candidate.article))
    ]
    return [one for one in found if one.fields]


def _change(choice: Choice, was: Article, now: Article) -> Change:
    before, after = articles.as_json(was), articles.as_json(now)
    return Change(choice, was, now, tuple(name for name in shapes.SHOWN if before[name] != after[name]))


def not_taken(choices: Iterable[Choice]) -> tuple[str, ...]:
    """A line for each article that goes out other than its site has it, because an editor decided on it before."""
    return tuple(
        f"« {one.was.title} »: its site has changed it since an editor decided on it ({', '.join(one.fields)}); it goes"
        " out as it was. `newsletter edition refresh` shows such changes, and takes them over before the sending"
        for one in changes(choices)
    )


def take(
    room: Newsroom, who: Who, edition_id: int, article: int, version: int | None = None, *, dry_run: bool = False
) -> Shaped:
    """Take over what the site changed of an article since an editor decided on it."""
    return do(room, who, edition_id, "take", _taking(article), version, article, dry_run=dry_run)


def leave(
    room: Newsroom, who: Who, edition_id: int, article: int, version: int | None = None, *, dry_run: bool = False
) -> Shaped:
    """Keep an article as it was, and not be told of this change again. A later change of its site is told."""
    return do(room, who, edition_id, "leave", _leaving(article), version, article, dry_run=dry_run)


def _taking(article: int) -> Act:
    def patch(connection: Connection, now: Shape) -> Patch:
        return shapes.taken_over(now, article, rows.as_kept(connection, [article])[article])

    return patch


def _leaving(article: int) -> Act:
    def patch(connection: Connection, now: Shape) -> Patch:
        return shapes.declined(now, article, rows.as_kept(connection, [article])[article])

    return patch


# --- A look at the sites ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a look at the sites found for an edition."""

    edition: Edition
    changes: tuple[Change, ...]  # to be taken over or left
    followed: tuple[Change, ...]  # taken over already: of articles that follow their site
    withdrawn: tuple[Choice, ...]  # picked, and gone from their site
    fresh: tuple[Choice, ...]  # came since, to be taken in
    taken: tuple[int, ...]  # articles of which what was changed has been taken over just now
    gathered: Gathered


def refresh(
    room: Newsroom,
    who: Who,
    edition_id: int,
    *,
    take: Sequence[int] = (),
    take_all: bool = False,
    leave: Sequence[int] = (),
    dry_run: bool = False,
) -> Refreshed:
    """Ask the sources and the picked articles' pages what has changed; take over what is named, or all of it; leave
    what is named to be left. Nothing else of an editor's choice changes.

    Takes up to a minute; no transaction is open meanwhile. Raises NotSent where the edition cannot be changed, TooOften
    where the desk asked a moment ago.
    """
    with write(room.engine, rehearsal=True) as connection:
        open_edition(connection, room, who, edition_id)  # too late is told before anybody is asked
    if not dry_run:
        gather.take_turn(room, who, "refreshed")
    harvests = gather.ask_all(room)
    with read(room.engine) as connection:
        before = editions.choices_of(connection, edition_id)
    answers = _ask(room, [one for one in before if one.picked])
    with write(room.engine, rehearsal=dry_run) as connection:  # articles first, then the edition: as a picking does
        gathered = Gathered(harvests, gather.keep(connection, harvests, room.clock()))
        articles.answered(connection, answers, room.clock())
        edition = open_edition(connection, room, who, edition_id)
        fresh = picking.offer(room, connection, edition)
        wanted = _changed(connection, edition_id) if take_all else dict.fromkeys(take)
        taken = [one for one in wanted if _done(connection, room, who, edition, "take", one)]
        for one in leave:
            _done(connection, room, who, edition, "leave", one)
        found = _refreshed(connection, edition_id, before, fresh, taken, gathered)
        _write_down(connection, room, who, found)
    if not dry_run:
        monitor.look(room)
    return found


def _refreshed(
    connection: Connection,
    edition_id: int,
    before: Sequence[Choice],
    fresh: Sequence[int],
    taken: Sequence[int],
    gathered: Gathered,
) -> Refreshed:
    found = editions.choices_of(connection, edition_id)
    return Refreshed(
        editions.by_id(connection, edition_id),
        changes=tuple(changes(found)),
        followed=tuple(_followed(before, found)),
        withdrawn=tuple(one for one in found if one.picked and one.candidate.answer in GONE),
        fresh=tuple(one for one in found if one.candidate.id in fresh),
        taken=tuple(taken),
        gathered=gathered,
    )


def ask_pages(room: Newsroom, choices: Sequence[Choice]) -> list[Choice]:
    """Look whether the picked articles' pages answer, and keep what they did; returns the choices with it."""
    answers = _ask(room, [one for one in choices if one.picked])
    with write(room.engine) as connection:
        articles.answered(connection, answers, room.clock())
    with read(room.engine) as connection:
        known = articles.chosen(connection, [one.candidate.id for one in choices])
    return [replace(one, candidate=known[one.candidate.id]) for one in choices]


def _ask(room: Newsroom, picked: Sequence[Choice]) -> dict[int, int]:
    """The status of each picked article's page, by the article's id."""
    by_key = {source.key: source for source in room.config.sources}
    pairs = [(one.candidate.article, by_key.get(one.candidate.source)) for one in picked]
    answers = collecting.answers(pairs, room.collect_rules, room.fetcher)
    found = {one.candidate.id: answers.get(one.candidate.article.identity) for one in picked}
    return {number: answer.status for number, answer in found.items() if answer}


def _changed(connection: Connection, edition_id: int) -> list[int]:
    return [one.choice.candidate.id for one in changes(editions.choices_of(connection, edition_id))]


def _done(connection: Connection, room: Newsroom, who: Who, edition: Edition, name: str, article: int) -> bool:
    act = _taking(article) if name == "take" else _leaving(article)
    return do_in(connection, room, who, edition, name, act, article=article).changed


def _followed(before: Sequence[Choice], after: Sequence[Choice]) -> list[Change]:
    was: Mapping[int, Article] = {one.candidate.id: one.candidate.article for one in before if one.picked}
    following = [one for one in after if one.picked and one.kept is None and one.candidate.id in was]
    found = [_change(one, was[one.candidate.id], one.candidate.article) for one in following]
    return [one for one in found if one.fields]


def _write_down(connection: Connection, room: Newsroom, who: Who, found: Refreshed) -> None:
    after = {
        "changed": len(found.changes) + len(found.followed) + len(found.taken),
        "withdrawn": len(found.withdrawn),
        "fresh": len(found.fresh),
    }
    audit.add(connection, who, "refresh", room.clock(), edition_id=found.edition.id, after=after)
