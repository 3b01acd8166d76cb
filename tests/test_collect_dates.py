"""Dates as sites write them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from newsletter.collect.dates import moment_of

PARIS = ZoneInfo("Europe/Paris")  # two hours ahead in October's first weeks, one in December

READ = {
    # with a zone
    "Mon, 12 Oct 2026 08:00:00 +0000": "2026-10-12T08:00",
    "Mon, 12 Oct 2026 08:00:00 GMT": "2026-10-12T08:00",
    "Mon, 12 Oct 26 8:00 EST": "2026-10-12T13:00",
    "12 Oct 2026 08:00 +0200": "2026-10-12T06:00",
    "Thu, 05 Apr 2012 23:47:00 UTC+02:00": "2012-04-05T21:47",
    "Thu, 5 Apr 2012 23:47:00 GMT+1": "2012-04-05T22:47",
    "Mon, 12 Oct 2026 08:00:00 +0200 (heure d'été)": "2026-10-12T06:00",
    "jeudi 15 août 2026 06:30 (GMT)": "2026-08-15T06:30",
    "2026-10-12T08:00:00Z": "2026-10-12T08:00",
    "2026-10-12T08:00Z": "2026-10-12T08:00",
    "2026-10-12T08:00:00.123456+0200": "2026-10-12T06:00",
    "2026-10-12T08:00:00 -01:00": "2026-10-12T09:00",
    "20261012T080000Z": "2026-10-12T08:00",
    "Mon Oct 12 08:00:00 UTC 2026": "2026-10-12T08:00",
    "Fri, 2006/09/15 08:19:53 EDT": "2006-09-15T12:19",
    "Κυρ, 11 Ιούλ 2004 12:00:00 EST": "2004-07-11T17:00",
    "2004-július-13T9:15-05:00": "2004-07-13T14:15",
    "Mon, 12 Oct 2026 24:00:00 +0000": "2026-10-13T00:00",
    "Mon, 12 Oct 2026 08:00:60 +0000": "2026-10-12T08:00",
    "1791792000": "2026-10-12T08:00",
    "1791792000000": "2026-10-12T08:00",
    # without one: the newsroom's
    "Monday, October 12, 2026 - 08:00": "2026-10-12T06:00",
    "Mon, 12 Oct 2026 08:00:00": "2026-10-12T06:00",
    "2026-10-12 08:00:00": "2026-10-12T06:00",
    "2026-12-12T08:00:00": "2026-12-12T07:00",
    "lun., 12 oct. 2026 08:00:00": "2026-10-12T06:00",
    "lundi 12 octobre 2026 à 08h30": "2026-10-12T06:30",
    "17 juillet 2026 14 h 05": "2026-07-17T12:05",
    "Mer, 1 févr. 2026 10:20": "2026-02-01T09:20",
    "08:30, 12 octobre 2026": "2026-10-12T06:30",
    "12/10/2026 08:15": "2026-10-12T06:15",
    "12.10.2026, 08:15": "2026-10-12T06:15",
    "10/28/2026 08:15": "2026-10-28T07:15",
    "Mon Oct 12 08:00:00 2026": "2026-10-12T06:00",
    "Oct 12, 2026 8:05 PM": "2026-10-12T18:05",
    "October 12th, 2026 at 12:30 a.m.": "2026-10-11T22:30",
    "Segunda, 12 de outubro de 2026 08:00": "2026-10-12T06:00",
    "17 Mai 2026, 14:05 Uhr": "2026-05-17T12:05",
    "2004년 05월 28일  01:31:15": "2004-05-27T23:31",
    "2004-05-25 오후 11:23:17": "2004-05-25T21:23",
    # without a time: its midnight
    "2026-10-12": "2026-10-11T22:00",
    "20261012": "2026-10-11T22:00",
    "1er décembre 2026": "2026-11-30T23:00",
    "31-12-99": "1999-12-30T23:00",
    "2026-10": "2026-09-30T22:00",
    "2003-335": "2003-11-30T23:00",
}


@pytest.mark.parametrize("text", READ)
def test_dates_that_are_read(text: str) -> None:
    moment = moment_of(text, PARIS)
    assert moment is not None
    assert moment.tzinfo is UTC
    assert moment.isoformat()[:16] == READ[text]


@pytest.mark.parametrize("month", range(1, 13))
def test_every_french_month(month: int) -> None:
    long = [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ]
    short = ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."]
    for name in (long[month - 1], short[month - 1], long[month - 1].upper()):
        assert moment_of(f"5 {name} 2026 10:00 GMT", UTC) == datetime(2026, month, 5, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "bientôt", "hier", "2026-13-45", "32/12/2026", "0001-01-01T00:00:00", "Mon, 30 Nov -0001 00:00:00 +0000",
             "Thu, 01 Jan 1970 00:00:00 +0000", "9999-12-31", "0000-00-00 00:00:00", "1" * 400, "٣", "²", "12 oct 2026 99:99"]
)  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    assert moment_of(text, PARIS) is None
