"""The date in Norway, written out and as the time zone data has it."""

import zoneinfo
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from shared.norwegian_time import norwegian_date


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
    ],
)
def test_a_day_ends_at_midnight_in_oslo(moment: str, expected: date) -> None:
    assert norwegian_date(datetime.fromisoformat(moment).replace(tzinfo=UTC)) == expected


def test_it_is_the_same_date_as_the_time_zone_data_says() -> None:
    """Each hour of the weeks in which summer time begins and ends, and of the turn of each year, 1996 to 2037."""
    try:
        oslo = zoneinfo.ZoneInfo("Europe/Oslo")
    except zoneinfo.ZoneInfoNotFoundError:
        pytest.skip("no time zone data here, which is why the rule is written out")
    for year in range(1996, 2038):
        for month, day in ((3, 24), (10, 24), (12, 28)):
            start = datetime(year, month, day, tzinfo=UTC)
            for hours in range(9 * 24):
                moment = start + timedelta(hours=hours)
                assert norwegian_date(moment) == moment.astimezone(oslo).date(), moment


def test_any_time_zone_may_ask() -> None:
    in_new_york = datetime(2026, 6, 30, 18, tzinfo=timezone(timedelta(hours=-4)))
    assert norwegian_date(in_new_york) == date(2026, 7, 1)
