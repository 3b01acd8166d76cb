"""The day's choice: what is in, what is out, in which order, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from newsletter.config import PickTable
from newsletter.model import Article, Candidate, Choice
from newsletter.pick import Window, pick, window
from newsletter.words import Words

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
WORDS = Words("en", ZoneInfo("Africa/Lome"))
RULES = PickTable(sections=("Politique", "Société", "Sport"), max_articles=5)
DAY = Window(NOW - timedelta(hours=24), NOW)


def candidate(
    id: int,
    *,
    hours: float = 1,
    title: str = "",
    section: str | None = "Politique",
    lead: bool = False,
    summary: str = "",
    used_in: str | None = None,
    archived: bool = False,
) -> Candidate:
    url = f"https://journal.example/{id}/"
    article = Article(url, url, title or f"Titre {id}", summary=summary or f"Chapô {id}", section=section, lead=lead)
    published = NOW - timedelta(hours=hours)
    return Candidate(id, article, published, published, used_in=used_in, archived=archived)


def picked(choices: list[Choice]) -> list[int]:
    return [choice.candidate.id for choice in choices if choice.picked]


def reason(choices: list[Choice], id: int) -> str:
    return next(choice.reason for choice in choices if choice.candidate.id == id)


def test_the_window_reaches_back_to_the_last_picking_but_not_for_ever() -> None:
    assert window(NOW, 24, None) == DAY
    assert window(NOW, 24, NOW - timedelta(hours=2)) == DAY
    assert window(NOW, 24, NOW - timedelta(hours=40)).start == NOW - timedelta(hours=40)
    assert window(NOW, 24, NOW - timedelta(days=9)).start == NOW - timedelta(days=3)


def test_only_what_was_published_in_the_window_is_in() -> None:  # F07
    choices = pick(
        [candidate(1, hours=1), candidate(2, hours=24), candidate(3, hours=23.9), candidate(4, hours=-1)],
        DAY,
        RULES,
        WORDS,
    )
    assert picked(choices) == [1, 3]
    assert "too old" in reason(choices, 2)
    assert "after the moment of picking" in reason(choices, 4)


def test_what_went_out_or_was_there_before_us_is_out() -> None:  # F08
    choices = pick([candidate(1), candidate(2, used_in="2026-11-22"), candidate(3, archived=True)], DAY, RULES, WORDS)
    assert picked(choices) == [1]
    assert reason(choices, 2) == "already in the edition of 2026-11-22"
    assert "when its source was first read" in reason(choices, 3)


def test_the_site_s_own_lead_leads() -> None:
    choices = pick([candidate(1, hours=1), candidate(2, hours=9, section="Sport", lead=True)], DAY, RULES, WORDS)
    assert picked(choices) == [2, 1]
    assert [choice.place for choice in choices] == [1, 2]
    assert "À la une" in choices[0].reason


def test_else_the_newest_of_the_first_section_leads() -> None:
    found = [candidate(1, hours=1, section="Sport"), candidate(2, hours=8), candidate(3, hours=5)]
    assert picked(pick(found, DAY, RULES, WORDS)) == [3, 2, 1]
    found = [candidate(1, hours=1, section="Culture"), candidate(2, hours=8, section="Sport")]
    assert picked(pick(found, DAY, RULES, WORDS)) == [2, 1]
    found = [candidate(1, hours=3, section=None), candidate(2, hours=2, section="Culture")]
    assert picked(pick(found, DAY, RULES, WORDS)) == [2, 1]


def test_sections_come_in_their_order_others_after_them() -> None:
    found = [
        candidate(1, hours=1, section=None),
        candidate(2, hours=2, section="Culture"),
        candidate(3, hours=3, section="SPORT"),
        candidate(4, hours=4, section="societe"),
        candidate(5, hours=5, section="Politique"),
    ]
    choices = pick(found, DAY, RULES, WORDS)
    assert picked(choices) == [5, 4, 3, 2, 1]
    assert [choice.section for choice in choices] == ["Politique", "Société", "Sport", "Culture", None]


def test_the_newest_fill_the_places_and_the_lead_keeps_its_own() -> None:
    found = [candidate(i, hours=i) for i in range(1, 9)] + [candidate(20, hours=20, lead=True)]
    choices = pick(found, DAY, RULES, WORDS)
    assert picked(choices) == [20, 1, 2, 3, 4]
    assert reason(choices, 5) == "newer articles fill the 5 places"


def test_too_few_wait_for_tomorrow() -> None:
    choices = pick([candidate(1), candidate(2)], DAY, PickTable(min_articles=3), WORDS)
    assert picked(choices) == []
    assert reason(choices, 1) == "only 2 of at least 3 articles: kept for tomorrow"


def test_the_same_title_twice_is_one_article() -> None:  # F08
    found = [
        candidate(1, hours=2, title="L’eau revient à Kpalimé"),
        candidate(2, hours=1, title="L'EAU REVIENT A KPALIME"),
        candidate(3, hours=1, title="L’eau manque à Kpalimé"),
    ]
    choices = pick(found, DAY, RULES, WORDS)
    assert picked(choices) == [3, 1]
    assert reason(choices, 2) == "repeats an earlier article: https://journal.example/1/"


def test_a_column_without_words_goes_out_every_day() -> None:
    yesterday = candidate(1, hours=25, title="Dessin du jour", used_in="2026-11-22")
    today = candidate(2, hours=1, title="Dessin du jour")
    assert [one.candidate.id for one in pick([yesterday, today], DAY, RULES, WORDS) if one.picked] == [2]


def test_a_column_may_be_called_the_same_every_day() -> None:
    yesterday = candidate(1, hours=25, title="Revue de presse", summary="Hier.", used_in="2026-11-22")
    today = candidate(2, hours=1, title="Revue de presse", summary="Aujourd'hui.")
    assert picked(pick([yesterday, today], DAY, RULES, WORDS)) == [2]
    again = candidate(2, hours=1, title="Revue de presse", summary="Hier.")
    assert picked(pick([yesterday, again], DAY, RULES, WORDS)) == []
    later = candidate(1, hours=50, title="Revue de presse", summary="Hier.", used_in="2026-11-20")
    assert picked(pick([later, again], DAY, RULES, WORDS)) == [2]


def test_nothing_to_choose_from() -> None:
    assert pick([], DAY, RULES, WORDS) == []


candidates = st.lists(
    st.builds(
        candidate,
        st.just(0),
        hours=st.floats(-5, 60),
        title=st.sampled_from(["", "Un titre", "un TITRE", "Autre"]),
        section=st.sampled_from([None, "Politique", "sport", "Culture"]),
        lead=st.booleans(),
        used_in=st.sampled_from([None, None, "2026-11-22"]),
        archived=st.booleans(),
    ),
    max_size=30,
)


@given(candidates, st.integers(1, 8), st.integers(1, 3))
def test_every_article_gets_one_reason_and_places_run_from_one(found: list[Candidate], most: int, least: int) -> None:
    numbered = [
        Candidate(i, one.article, one.first_seen, one.published, one.archived, one.used_in)
        for i, one in enumerate(found)
    ]
    rules = PickTable(max_articles=most, min_articles=min(least, most), sections=("Politique", "Sport"))
    choices = pick(numbered, DAY, rules, WORDS)
    assert sorted(choice.candidate.id for choice in choices) == list(range(len(found)))
    assert all(choice.reason and "\n" not in choice.reason for choice in choices)
    chosen = [choice for choice in choices if choice.picked]
    assert [choice.place for choice in chosen] == list(range(1, len(chosen) + 1))
    assert len(chosen) <= most
    assert not chosen or len(chosen) >= min(least, most)
    assert all(DAY.start < choice.candidate.published <= DAY.end for choice in chosen)
