"""Gives the date in Norway, which decides what is over: a day begins and ends at midnight in Oslo, not in Greenwich.

The rules are those of the time zone data: the system's, or where a container has none the `tzdata` wheel's. They are
Norway's from 1970 on; for the years before, the data gives Oslo the summers of Berlin.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_OSLO = ZoneInfo("Europe/Oslo")


def norwegian_time(moment: datetime) -> datetime:
    """Returns a moment, which must have a time zone, by the clock in Norway."""
    return moment.astimezone(_OSLO)


def norwegian_date(moment: datetime) -> date:
    """Returns the date in Norway at a moment, which must have a time zone."""
    return moment.astimezone(_OSLO).date()


def midnight_after(day: date) -> datetime:
    """Returns the moment when a day ends in Norway, in UTC."""
    return datetime.combine(day + timedelta(days=1), time(), _OSLO).astimezone(UTC)
