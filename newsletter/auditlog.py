"""The audit log, read and put into words: who did what, when, and what stood there before and after.

In the database an act is a name and two JSON objects; `told` and `changes` say it as people do. Both are pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from newsletter.errors import BadData
from newsletter.model import AuditEntry, SubscriberStatus
from newsletter.newsroom import Newsroom
from newsletter.store import articles, audit, editions, subscribers
from newsletter.store.database import read
from newsletter.words import Words, plain

AT_ONCE = 40
# What only owners may read of: readers are theirs.
OF_READERS = frozenset(
    [
        *("reader_added", "reader_unsubscribed", "reader_revived", "reader_forgotten", "reader_handed_out"),
        *("readers_exported", "readers_imported"),
    ]
)
THE_SCHEDULE = "the schedule"
LONGEST_TITLE = 120  # characters


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, the newest first, with the names of what they are about."""

    entries: list[AuditEntry]
    more: bool  # there are older ones
    titles: Mapping[int, str]  # of articles
    editions: Mapping[int, str]  # their names
    readers: frozenset[int]  # those who are still there


def page(
    room: Newsroom, *, limit: int = AT_ONCE, before: int | None = None, edition: str = "", of_readers: bool = True
) -> Page:
    """A page of the log, of one edition where it is named; entries about readers only where they are asked for.

    Raises BadData where there is no edition of that name.
    """
    with read(room.engine) as connection:
        known = editions.named(connection, edition) if edition else None
        if edition and known is None:
            raise BadData(f"there is no edition {plain(edition)[:40]}")
        found = audit.latest(
            connection,
            limit + 1,
            before_id=before,
            edition_id=known.id if known else None,
            without=() if of_readers else OF_READERS,
        )
        entries = found[:limit]
        people = {one.subscriber_id for one in entries if one.subscriber_id is not None}
        return Page(
            entries,
            more=len(found) > limit,
            titles=articles.titles(connection, _articles_of(entries)),
            editions=editions.names(connection, {one.edition_id for one in entries if one.edition_id is not None}),
            readers=frozenset(subscribers.still_there(connection, people)),
        )


def _articles_of(entries: list[AuditEntry]) -> set[int]:
    """Every article that an act was about, or stands in an order that it changed."""
    found = {one.article_id for one in entries if one.article_id is not None}
    for one in entries:
        for side in (one.before, one.after):
            found |= {int(number) for number in side.get("order") or ()}
            found |= {int(name.partition("/")[2]) for name in side if "/" in name}
    return found


def line_of(room: Newsroom, entry: AuditEntry, words: Words) -> str:
    """One act in a line: who, and what they did."""
    with read(room.engine) as connection:
        titles = articles.titles(connection, _articles_of([entry]))
    return f"{name_of(entry, words)} {told(entry, words, titles)}"


# --- In words ---------------------------------------------------------------------------------------


def name_of(entry: AuditEntry, words: Words) -> str:
    """Who did it."""
    if entry.who.editor_id is None and entry.who.name == THE_SCHEDULE:
        return words.say("The schedule")
    return plain(entry.who.name)


def told(entry: AuditEntry, words: Words, titles: Mapping[int, str] = {}) -> str:
    """What was done, in a few words that go on from the name of who did it."""
    for sentences in (_of_shaping, _of_deciding, _of_readers, _of_sources, _of_editors):
        known = sentences(entry, words, titles)
        if entry.act in known:
            return known[entry.act]
    return words.say("did something that this version knows no words for ({act})", act=plain(entry.act))


def _of_shaping(entry: AuditEntry, words: Words, titles: Mapping[int, str]) -> dict[str, str]:
    say, title = words.say, _title(entry.article_id, words, titles)
    order = entry.after.get("order") or []
    moved = say("moved {title}", title=title)
    if entry.article_id in order:
        moved = say("moved {title} to place {place}", title=title, place=order.index(entry.article_id) + 1)
    articles_in, tests = int(entry.after.get("articles") or 0), int(entry.after.get("count") or 0)
    what = words.names([_label(name, words) for name in _fields(entry)]) or say("the words")
    back = all(value is None for value in entry.after.values() if not isinstance(value, bool))
    rewritten = say("put {what} of {title} back as the site has it", what=what, title=title)
    return {
        "move": moved,
        "arrange": say("put the articles into another order"),
        "lead": say("made {title} the lead", title=title),
        "add": say("took {title} in", title=title),
        "drop": say("took {title} out", title=title),
        "words": say("wrote {what} of the edition", what=what),
        "rewrite": rewritten if back else say("wrote {what} of {title}", what=what, title=title),
        "take": say("took over what the site has changed of {title}", title=title),
        "leave": say("left {title} as it was, whatever the site has changed", title=title),
        "pick_anew": say("had the choice made anew"),
        "refresh": say("looked what the sites have changed"),
        "made": words.count(
            "had the edition made: {n} article in it", "had the edition made: {n} articles in it", articles_in
        ),
        "tested": words.count("mailed {n} test of it", "mailed {n} tests of it", tests),
        "undo": say("took the act before back"),
        "redo": say("did what was taken back once more"),
    }


def _of_deciding(entry: AuditEntry, words: Words, titles: Mapping[int, str]) -> dict[str, str]:
    say, day = words.say, plain(str(entry.after.get("corrects") or ""))
    return {
        "approved": say("approved the edition"),
        "held": say("held the edition back"),
        "cancelled": say("cancelled the edition"),
        "send_now": say("sent the edition off at once"),
        "take_back": say("took the sending back, in time"),
        "stop": say("stopped the sending"),
        "resume": say("let the sending go on"),
        "make_extra": say("began an extra edition"),
        "make_correction": say("began a correction of the edition of {day}", day=day),
    }


def _of_readers(entry: AuditEntry, words: Words, titles: Mapping[int, str]) -> dict[str, str]:
    say, count = words.say, words.count
    number = int(entry.after.get("count") or 0)
    return {
        "reader_added": say("put a reader on the list"),
        "reader_unsubscribed": say("unsubscribed a reader"),
        "reader_revived": say("brought a reader back"),
        "reader_forgotten": say("deleted all that was known of a reader"),
        "reader_handed_out": say("downloaded all that is known of a reader"),
        "readers_exported": count("took a list of {n} reader along", "took a list of {n} readers along", number),
        "readers_imported": count("imported {n} reader", "imported {n} readers", number),
    }


def _of_sources(entry: AuditEntry, words: Words, titles: Mapping[int, str]) -> dict[str, str]:
    new = int(entry.after.get("new") or 0)
    url = plain(str(entry.after.get("url") or ""))
    return {
        "collected": words.count(
            "had the sources asked: {n} new article", "had the sources asked: {n} new articles", new
        ),
        "source_tried": words.say("tried {url} as a source", url=url),
    }


def _of_editors(entry: AuditEntry, words: Words, titles: Mapping[int, str]) -> dict[str, str]:
    say, side = words.say, {**entry.before, **entry.after}
    address, role = plain(str(side.get("address") or "")), _role(side.get("role"), words)
    ended = int(entry.before.get("count") or 0)
    return {
        "editor_added": say("let {address} work at the desk, {role}", address=address, role=role),
        "editor_role": say("let {address} go on at the desk {role}", address=address, role=role),
        "editor_removed": say("took {address} off the desk", address=address),
        "editor_invited": say("had a link to the desk mailed to {address}", address=address),
        "link_printed": say("had a link to the desk printed for {address}", address=address),
        "logged_in": say("came to the desk"),
        "logged_out": say("left the desk"),
        "sessions_ended": words.count(
            "ended {n} session of {address}", "ended {n} sessions of {address}", ended, address=address
        ),
    }


def _title(article_id: int | None, words: Words, titles: Mapping[int, str]) -> str:
    if article_id is None or article_id not in titles:
        return words.say("an article that is no longer kept")
    return words.say("“{title}”", title=_short(titles[article_id]))


def _short(text: str) -> str:
    text = plain(text)
    return text if len(text) <= LONGEST_TITLE else f"{text[: LONGEST_TITLE - 1]}…"


def _role(role: object, words: Words) -> str:
    say = words.say
    known = {"writer": say("to write"), "editor": say("to edit"), "owner": say("as one of its owners")}
    return known.get(str(role), "")


# --- What stood there, and what stands there --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that an act changed, as people read it."""

    what: str
    before: str
    after: str


SHOWN = ("status", "subject", "preheader", "note", "order", "title", "summary", "section", "picture", "role")
GIVEN = ("status", "role")  # where there was none before, the sentence has said it


def changes(entry: AuditEntry, words: Words, titles: Mapping[int, str] = {}) -> list[Change]:
    """What an act found and what it left, field by field; nothing of what only the machine reads."""
    return [
        Change(_label(name, words), _value(name, entry.before, words, titles), _value(name, entry.after, words, titles))
        for name in _fields(entry)
    ]


def _fields(entry: AuditEntry) -> list[str]:
    """The keys that say something to people; what was nothing and is nothing is none of them."""
    names = dict.fromkeys([*entry.before, *entry.after])
    shown = [name for name in names if name.partition("/")[0] in SHOWN and (name not in GIVEN or name in entry.before)]
    return [name for name in shown if entry.before.get(name) != entry.after.get(name)]


def _label(name: str, words: Words) -> str:
    say, what = words.say, name.partition("/")[0]
    return {
        "status": say("the status"),
        "subject": say("the subject"),
        "preheader": say("the preheader"),
        "note": say("the note"),
        "order": say("the order"),
        "title": say("the title"),
        "summary": say("the summary"),
        "section": say("the section"),
        "picture": say("the picture"),
        "role": say("the role"),
    }.get(what, what)


def _value(name: str, side: Mapping[str, Any], words: Words, titles: Mapping[int, str]) -> str:
    value, what = side.get(name), name.partition("/")[0]
    if what == "picture" and value == {}:
        return words.say("no picture")
    if value is None or value == "":
        return ""
    if what == "order":
        return "\n".join(f"{i}. {_short(titles.get(int(one), f'№ {one}'))}" for i, one in enumerate(value, 1))
    if what == "status":
        return _status(str(value), words)
    if what == "role":
        return _role(value, words) or plain(str(value))
    if what == "picture":
        return plain(f"{value.get('url') or ''} {value.get('alt') or ''}")
    return "\n".join(plain(line) for line in str(value).splitlines())


def _status(status: str, words: Words) -> str:
    """Of an edition or of a reader: none is said of both."""
    say, of = words.say, SubscriberStatus
    return {
        "draft": say("draft"),
        "approved": say("approved"),
        "held": say("held back"),
        "sending": say("being sent"),
        "sent": say("sent out"),
        "stopped": say("given up"),
        "cancelled": say("cancelled"),
        of.PENDING: say("not confirmed"),
        of.ACTIVE: say("on the list"),
        of.UNSUBSCRIBED: say("unsubscribed"),
        of.UNREACHABLE: say("out of reach"),
        of.COMPLAINED: say("marked as unwanted"),
        of.FORGOTTEN: say("deleted"),
    }.get(status, plain(status))
