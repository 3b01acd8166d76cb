"""The dates that sites write → moments in UTC. Pure.

Read are RFC 822 and ISO 8601 in every sloppy form met, asctime, and dates in words: English, French and the other
languages of feeds. Month and day names are known by their first letters, without accents. A day before a month:
`10/12/2026` is the tenth of December.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

FIRST_YEAR, LAST_YEAR = 1980, 2100  # outside, a machine has said "no date": 0001, 1970-01-01, -0001-11-30

# Month names of English, French, Portuguese, Spanish, Italian, German, Dutch, Hungarian and Greek, by a prefix that
# no other month of these languages shares.
_MONTHS = {
    1: "jan gen ene styc ιαν",
    2: "feb fev fevr φεβ",
    3: "mar mars maer mrt mae μαρ μαιρ",
    4: "apr avr abr ap απρ",
    5: "may mai mag maj mei μαι μαϊ",
    6: "jun juin giu ιουν",
    7: "jul juil lug ιουλ",
    8: "aug aou ago aut αυγ",
    9: "sep set szept σεπ",
    10: "oct okt ott out οκτ",
    11: "nov νοε",
    12: "dec dez dic des δεκ",
}
_PREFIXES = sorted(
    ((word, month) for month, words in _MONTHS.items() for word in words.split()), key=lambda p: -len(p[0])
)

# Hours ahead of UTC of the names that feeds use.
_ZONES = {"z": 0, "utc": 0, "ut": 0, "gmt": 0, "wet": 0, "est": -5, "edt": -4, "et": -5, "cst": -6, "cdt": -5}
_ZONES |= {
    "mst": -7,
    "mdt": -6,
    "pst": -8,
    "pdt": -7,
    "pt": -8,
    "ct": -6,
    "akst": -9,
    "akdt": -8,
    "hst": -10,
    "brt": -3,
}
_ZONES |= {"bst": 1, "west": 1, "cet": 1, "wat": 1, "cest": 2, "mez": 1, "mesz": 2, "cat": 2, "eet": 2, "sast": 2}
_ZONES |= {"eest": 3, "eat": 3, "msk": 3, "jst": 9, "kst": 9}

_TIME = re.compile(
    r"(?<![\d:])(\d{1,2})\s?[:h]\s?(\d{2})?(?:[:.](\d{1,2})(?:[.,]\d+)?)?(?![\d:])\s*(am|pm|a\.m\.?|p\.m\.?)?"
)
_OFFSET = re.compile(r"(?:gmt|utc)?\s*([+-])\s?(\d{1,2}):?(\d{2})?(?::\d\d)?$")
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})\s?[-/.](\d{1,2}|[^\W\d]{3,10})[-/.](\d{1,2})(?!\d)")
_COMPACT = re.compile(r"^(\d{4})(\d{2})(\d{2})$")
_NUMBERS = re.compile(r"(?<!\d)(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})(?!\d)")
_DAY_MONTH = re.compile(
    r"(?<!\d)(\d{1,2})(?:er|st|nd|rd|th|º|\.)?[\s\-/.]*(?:de\s)?([^\W\d]{3,10})\.?[\s\-/,.]*(?:de\s)?"
    r"('?\d{4}|\d{2})(?!\d)"
)
_MONTH_DAY = re.compile(r"([^\W\d]{3,10})\.?\s+(\d{1,2})(?:st|nd|rd|th|er)?[\s,]+(?:(?:[a-z]{2,4}\s+)?)(\d{4})(?!\d)")
_KOREAN = re.compile(r"(\d{4})\s*[년年]\s*(\d{1,2})\s*[월月]\s*(\d{1,2})\s*[일日]?")
_YEAR_MONTH = re.compile(r"^(\d{4})-(\d{2})$")
_SECONDS = re.compile(r"1\d{9}(?:\d{3})?")  # since 1970, or thousandths of them: 2001 to 2033
_ORDINAL = re.compile(r"^(\d{4})-?(\d{3})$")


def moment_of(text: str, zone: tzinfo) -> datetime | None:
    """Read a date; one without a zone is in `zone`, one without a time is its midnight there.

    None where there is no date in it, or none that can be true.
    """
    text = _plain(text)
    if not text or len(text) > 100:
        return None
    if _SECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(text[:10]), UTC)
    clock, rest, behind = _clock(text)
    day = _day(rest)
    if day is None:
        return None
    where = _zone_of(text, behind) if clock else None
    return _moment(day, clock or (0, 0, 0), where or zone)


def _plain(text: str) -> str:
    """Small letters without accents. A bracket behind an offset is a comment (RFC 5322, 3.3)."""
    text = re.sub(r"([+-]\d\d:?\d\d)\s*\(.*", r"\1", text[:200]).replace("(", " ").replace(")", " ")
    text = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c)).lower()
    return " ".join(unicodedata.normalize("NFC", text).replace("\u2212", "-").split()).strip(" ,;.")


def _clock(text: str) -> tuple[tuple[int, int, int] | None, str, str]:
    """The time of day; the text without it and without what follows; what follows."""
    text = re.sub(r"(?<=\d)t(?=\d{1,2}:?\d{2})", " ", text)
    text = re.sub(r"(?<=\d )(\d{2})(\d{2})(\d{2})(?=z|[+-]\d|$)", r"\1:\2:\3", text)  # 20261012T080000Z
    match = _TIME.search(text)
    if not match:
        return None, text, ""
    hour, minute, second = int(match[1]), int(match[2] or 0), int(match[3] or 0)
    if match[4]:
        hour = hour % 12 + (12 if match[4].startswith("p") else 0)
    elif "오후" in text and hour < 12:
        hour += 12
    rest = text[: match.start()]
    year = re.search(r"(?<![\d:+-])(\d{4})$", text)
    if not re.search(r"\d", rest):
        rest = text[match.end() :]  # the time stands first
    elif year and year.start() >= match.end() and not re.search(r"\d{4}", rest):
        rest = f"{rest} {year[1]}"  # asctime: the year stands last
    return (hour, minute, second), rest.strip(" ,-"), text[match.end() :]


def _day(text: str) -> date | None:
    for pattern, order in _SHAPES:
        match = pattern.search(text)
        if match:
            year, month, day = (match[i] for i in order)
            return _date(_year(year), _month(month), int(day))
    return _partial(text)


_SHAPES = (
    (_YEAR_FIRST, (1, 2, 3)),
    (_COMPACT, (1, 2, 3)),
    (_KOREAN, (1, 2, 3)),
    (_DAY_MONTH, (3, 2, 1)),
    (_MONTH_DAY, (3, 1, 2)),
    (_NUMBERS, (3, 2, 1)),
)


def _partial(text: str) -> date | None:
    """ISO 8601 without a day, or with the day of the year."""
    if match := _YEAR_MONTH.match(text):
        return _date(int(match[1]), int(match[2]), 1)
    if match := _ORDINAL.match(text):
        start = _date(int(match[1]), 1, 1)
        return start + timedelta(days=int(match[2]) - 1) if start else None
    return _date(int(text), 1, 1) if re.fullmatch(r"\d{4}", text) else None


def _year(text: str) -> int:
    year = int(text.lstrip("'"))
    return year if len(text) > 2 else year + (2000 if year < 70 else 1900)


def _month(text: str) -> int:
    if text.isdigit():
        return int(text)
    return next((month for prefix, month in _PREFIXES if text.startswith(prefix)), 0)


def _date(year: int, month: int, day: int) -> date | None:
    if month > 12 >= day:  # 10/28/2026: there is no such month, so it was written the American way
        month, day = day, month
    try:
        return date(year, month, day) if FIRST_YEAR <= year <= LAST_YEAR else None
    except ValueError:
        return None


def _zone_of(text: str, behind: str) -> tzinfo | None:
    """An offset stands behind the time: in « 12 October 2026 - 08:00 » there is none."""
    if match := _OFFSET.search(behind):
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        if len(match[2]) == 2 or match[0][:1] in "gu+-":
            return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes)) if minutes <= 15 * 60 else None
    words = re.findall(r"(?<![a-z])[a-z]{1,4}(?![a-z])", re.sub(r"\d", " ", text))
    hours = next((_ZONES[word] for word in reversed(words) if word in _ZONES), None)
    return None if hours is None else timezone(timedelta(hours=hours))


def _moment(day: date, clock: tuple[int, int, int], zone: tzinfo) -> datetime | None:
    hour, minute, second = clock
    if hour == 24 and minute == 0:
        day, hour = day + timedelta(days=1), 0
    try:
        local = datetime(day.year, day.month, day.day, hour, minute, min(second, 59), tzinfo=zone)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
