"""Tests the date in Norway: known evenings, the written law as an oracle, and laws that hold for any day."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.norwegian_time import midnight_after, norwegian_date

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "moment, expected",
    [
        ("2026-01-31T22:59:59", date(2026, 1, 31)),
        ("2026-01-31T23:00:00", date(2026, 2, 1)),
        ("2026-06-30T21:59:59", date(2026, 6, 30)),
        ("2026-06-30T22:00:00", date(2026, 7, 1)),
        # The evening before summer time, and the evening of the day it begins.
        ("2026-03-28T23:00:00", date(2026, 3, 29)),
        ("2026-03-29T22:00:00", date(2026, 3, 30)),
        # The evening of the day it ends.
        ("2026-10-25T22:59:59", date(2026, 10, 25)),
        ("2026-10-25T23:00:00", date(2026, 10, 26)),
        # Until 1995 summer ended in September.
        ("1995-09-23T22:00:00", date(1995, 9, 24)),
        ("1995-09-24T22:59:59", date(1995, 9, 24)),
        ("1995-10-10T22:30:00", date(1995, 10, 10)),
        ("1996-10-10T22:30:00", date(1996, 10, 11)),
        # Before 1980 there was no summer time.
        ("1979-07-01T22:59:59", date(1979, 7, 1)),
        ("1980-07-01T22:00:00", date(1980, 7, 2)),
        ("1970-07-01T22:59:59", date(1970, 7, 1)),
        # Years that the data does not list one by one go by its last rule.
        ("2099-06-30T22:00:00", date(2099, 7, 1)),
        ("2099-12-31T22:59:59", date(2099, 12, 31)),
    ],
)
def test_a_day_ends_at_midnight_in_oslo(moment: str, expected: date) -> None:
    assert norwegian_date(datetime.fromisoformat(moment).replace(tzinfo=UTC)) == expected


def test_it_is_the_date_that_the_law_says() -> None:
    """Each hour of the weeks in which summer time begins and ends, and of the turn of each year, 1996 to 2150."""
    for year in range(1996, 2151):
        for month, day in ((3, 24), (10, 24), (12, 28)):
            start = datetime(year, month, day, tzinfo=UTC)
            for hours in range(9 * 24):
                moment = start + timedelta(hours=hours)
                assert norwegian_date(moment) == (moment + lawful_offset(moment)).date(), moment


def lawful_offset(moment: datetime) -> timedelta:
    """Returns one hour ahead of UTC; two from the last Sunday of March to the last Sunday of October, 01:00 UTC both.

    Source: directive 2000/84/EC, articles 1 to 3, which Norway follows (lov om fastsettelse av normaltid; forskrift om
    sommertid). The same rule held from 1996.
    """
    begins, ends = (
        last - timedelta(days=(last.weekday() - 6) % 7)
        for last in (datetime(moment.year, 3, 31, 1, tzinfo=UTC), datetime(moment.year, 10, 31, 1, tzinfo=UTC))
    )
    return timedelta(hours=2 if begins <= moment < ends else 1)


@given(st.dates(date(1970, 1, 1), date(9998, 12, 31)))
def test_midnight_parts_a_day_from_the_next(day: date) -> None:
    midnight = midnight_after(day)
    assert midnight.tzinfo is UTC
    assert norwegian_date(midnight - timedelta.resolution) == day
    assert norwegian_date(midnight) == day + timedelta(days=1)


@given(st.integers(0, 250_000_000_000), st.integers(-14 * 60, 14 * 60))
def test_any_time_zone_may_ask(seconds: int, minutes: int) -> None:
    moment = datetime(1970, 1, 2, tzinfo=UTC) + timedelta(seconds=seconds)
    there = moment.astimezone(timezone(timedelta(minutes=minutes)))
    assert norwegian_date(there) == norwegian_date(moment)
    assert moment <= midnight_after(norwegian_date(moment)) <= moment + timedelta(hours=25)


def test_a_container_without_time_zone_data_knows_the_same() -> None:
    program = (
        "import zoneinfo\n"
        "from shared.norwegian_time import midnight_after\n"
        "from datetime import date\n"
        "print(len(zoneinfo.TZPATH), *(midnight_after(date(2026, month, 1)).hour for month in (1, 7)))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"PYTHONTZPATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "0 23 22\n"
