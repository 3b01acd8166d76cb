"""Articles as they were collected, and the keys under which they are known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, func, insert, or_, select, update

from newsletter.model import FROZEN, Article, Candidate, DeliveryState, EditionStatus, Picture
from newsletter.store.partitions import any_of
from newsletter.store.schema import article_keys, articles, choices, deliveries, editions

GRACE = timedelta(minutes=10)  # two sources of one collecting are not seen at the very same second


class Kept(NamedTuple):
    """What a collecting brought: how many articles were new, and how many had changed."""

    new: int
    changed: int


def keep(connection: Connection, given: Sequence[Article], source: str, now: datetime, *, first: bool) -> Kept:
    """Store what a source gave. `first`: this source has never given anything before.

    An article without a date counts from when it was first seen; yet where a source's first articles all lack one,
    they are its archive, not today's news.
    """
    undated_archive = first and all(article.published is None for article in given)
    new = changed = 0
    for article in given:
        known = _find(connection, article)
        if known is None:
            _insert(connection, article, source, now, archived=undated_archive and article.published is None)
            new += 1
        else:
            changed += _update(connection, known, article, now)
    return Kept(new, changed)


def seen_again(connection: Connection, source: str, now: datetime) -> None:
    """The source said that nothing changed: what it gave last time, it still gives."""
    newest = select(func.max(articles.c.last_seen)).where(articles.c.source == source).scalar_subquery()
    still = and_(articles.c.source == source, articles.c.last_seen == newest)
    connection.execute(update(articles).where(still).values(last_seen=now))


def candidates(
    connection: Connection, *, since: datetime, seen_since: datetime, day: date, edition_id: int | None = None
) -> list[Candidate]:
    """The articles to choose from for the edition of `day`: published since, or given by a source since; the newest
    first.

    `edition_id` is that edition, where it is there already: what it carries itself does not count as used.
    """
    considered = or_(articles.c.published >= since, articles.c.last_seen >= seen_since - GRACE)
    used = _used_in(day, edition_id)
    query = select(articles, used.label("used_day")).where(considered)
    rows = connection.execute(query.order_by(articles.c.published.desc(), articles.c.id.desc()))
    return [_candidate(row) for row in rows]


def answered(connection: Connection, answers: Mapping[int, int], now: datetime) -> None:
    """What the articles' pages answered just now, by id: the HTTP status, 0 where none came."""
    for article_id, status in answers.items():
        query = update(articles).where(articles.c.id == article_id)
        connection.execute(query.values(answer=status, answered_at=now))


def chosen(connection: Connection, ids: Iterable[int]) -> dict[int, Candidate]:
    """Candidates by id."""
    query = select(articles, _used_in().label("used_day")).where(articles.c.id.in_(list(ids)))
    return {row.id: _candidate(row) for row in connection.execute(query)}


def titles(connection: Connection, ids: Iterable[int]) -> dict[int, str]:
    """The titles of articles, as their sites give them now."""
    query = select(articles.c.id, articles.c.title).where(articles.c.id.in_(list(ids)))
    return {row.id: row.title for row in connection.execute(query)}


def fresh(connection: Connection, since: datetime) -> dict[str, int]:
    """How many articles were first seen since then, by the source that gives them."""
    seen = articles.c.last_seen > since, articles.c.first_seen > since  # the first by its index
    query = select(articles.c.source, func.count()).where(*seen).group_by(articles.c.source)
    return {row[0]: row[1] for row in connection.execute(query)}


def taken(connection: Connection, edition_id: int) -> dict[int, date]:
    """The articles picked for this edition that have gone out in another: which, and of what day."""
    used = _used_in(edition_id=edition_id).label("used_day")
    query = select(articles.c.id, used).join(choices, choices.c.article_id == articles.c.id)
    rows = connection.execute(query.where(choices.c.edition_id == edition_id, choices.c.picked))
    return {row.id: row.used_day for row in rows if row.used_day}


def keeps_its_articles() -> ColumnElement[bool]:
    """Of an edition: it is on its way to readers, or some have it, perhaps. One that reached nobody gives them back."""
    reached = any_of(deliveries.c.state.in_([DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN]))
    on_its_way = editions.c.status == EditionStatus.SENDING
    return and_(editions.c.status.in_(FROZEN), or_(on_its_way, reached))


def _used_in(day: date | None = None, edition_id: int | None = None) -> Any:
    """The day of the edition that keeps an article for itself, if there is one: a frozen one for good; an approved one
    while it can still go out, which for `day` is no earlier one's case. A correction only names an article again."""
    keeps = keeps_its_articles()
    if day is not None:
        keeps = or_(keeps, and_(editions.c.status == EditionStatus.APPROVED, editions.c.day >= day))
    query: Select[Any] = (
        select(func.max(editions.c.day))
        .select_from(choices.join(editions, editions.c.id == choices.c.edition_id))
        .where(choices.c.article_id == articles.c.id, choices.c.picked, keeps, editions.c.corrects.is_(None))
    )
    if edition_id is not None:
        query = query.where(editions.c.id != edition_id)
    return query.scalar_subquery()


def _find(connection: Connection, article: Article) -> Row[Any] | None:
    """The stored article that any of its keys knows; the identity first."""
    wanted = _keys(article)
    found = connection.execute(
        select(articles, article_keys.c.key.label("found_by"))
        .join(article_keys, article_keys.c.article_id == articles.c.id)
        .where(article_keys.c.key.in_(wanted))
    ).all()
    return min(found, key=lambda row: wanted.index(row.found_by), default=None)


def _keys(article: Article) -> list[str]:
    return list(dict.fromkeys(_short(key) for key in (article.identity, *article.aliases)))


def _short(key: str) -> str:
    """A key as it stands in an index: PostgreSQL takes no entry above 2,700 bytes."""
    encoded = key.encode()
    return (
        key if len(encoded) <= 800 else f"{encoded[:200].decode(errors='ignore')}…{hashlib.sha256(encoded).hexdigest()}"
    )


def _insert(connection: Connection, article: Article, source: str, now: datetime, *, archived: bool) -> None:
    row = _values(article) | {
        "identity": _short(article.identity),
        "published": article.published or now,
        "source": source,
        "archived": archived,
        "first_seen": now,
        "last_seen": now,
    }
    article_id = connection.execute(insert(articles).values(**row).returning(articles.c.id)).scalar_one()
    _add_keys(connection, article_id, article)


def _update(connection: Connection, known: Row[Any], article: Article, now: datetime) -> bool:
    """Take what the site changed, unless an edition that carries the article is frozen; True where something was.

    Its first publication stays: a later date is an edit, not news.
    """
    _add_keys(connection, known.id, article)
    connection.execute(update(articles).where(articles.c.id == known.id).values(last_seen=now))
    values = _merged(known, _values(article))
    if values["url"] != known.url:
        values |= {"answer": None, "answered_at": None}  # that was another page's
    if all(getattr(known, name) == value for name, value in values.items()):
        return False
    carried = exists().where(
        choices.c.article_id == known.id,
        choices.c.picked,
        editions.c.id == choices.c.edition_id,
        editions.c.status.in_(FROZEN),
    )
    free = and_(articles.c.id == known.id, ~carried)
    return bool(connection.execute(update(articles).where(free).values(**values)).rowcount)


def _merged(known: Row[Any], values: dict[str, Any]) -> dict[str, Any]:
    """A second source may know less of the same article than the first: what it does not know stays."""
    for name, empty in (("summary", ""), ("authors", "[]"), ("section", None), ("picture", None), ("words", 0)):
        if values[name] == empty:
            values[name] = getattr(known, name)
    values["modified"] = values["modified"] or known.modified
    return values


def _add_keys(connection: Connection, article_id: int, article: Article) -> None:
    wanted = _keys(article)
    held = set(connection.scalars(select(article_keys.c.key).where(article_keys.c.key.in_(wanted))))
    fresh = [{"key": key, "article_id": article_id} for key in wanted if key not in held]
    if fresh:
        connection.execute(insert(article_keys), fresh)


def _values(article: Article) -> dict[str, Any]:
    return {
        "url": article.url,
        "title": article.title,
        "summary": article.summary,
        "authors": json.dumps(article.authors, ensure_ascii=False),
        "section": article.section,
        "picture": json.dumps(asdict(article.picture), ensure_ascii=False) if article.picture else None,
        "modified": article.modified,
        "lead": article.lead,
        "words": article.words,
        "language": article.language,
    }


def as_json(article: Article) -> dict[str, Any]:
    """An article as it is kept beside a choice: all that a mail shows of it."""
    return {
        "identity": article.identity,
        "url": article.url,
        "title": article.title,
        "summary": article.summary,
        "authors": list(article.authors),
        "section": article.section,
        "picture": asdict(article.picture) if article.picture else None,
        "published": article.published.isoformat() if article.published else None,
        "lead": article.lead,
        "words": article.words,
        "language": article.language,
    }


def from_json(values: dict[str, Any]) -> Article:
    """What `as_json` was given."""
    picture, published = values.get("picture"), values.get("published")
    return Article(
        **values
        | {
            "authors": tuple(values["authors"]),
            "picture": Picture(**picture) if picture else None,
            "published": datetime.fromisoformat(published) if published else None,
        }
    )


def _candidate(row: Row[Any]) -> Candidate:
    article = Article(
        identity=row.identity,
        url=row.url,
        title=row.title,
        summary=row.summary,
        authors=tuple(json.loads(row.authors)),
        section=row.section,
        picture=Picture(**json.loads(row.picture)) if row.picture else None,
        published=row.published,
        modified=row.modified,
        lead=row.lead,
        words=row.words,
        language=row.language,
    )
    return Candidate(
        id=row.id,
        article=article,
        first_seen=row.first_seen,
        published=row.published,
        archived=row.archived,
        used_in=row.used_day.isoformat() if row.used_day else None,
        source=row.source,
        answer=row.answer,
        answered_at=row.answered_at,
    )
