"""The date in Norway, which decides what is over: a day begins and ends at midnight in Oslo, not in Greenwich.

Written out, since a container may have no time zone data: Python's zoneinfo raises there, and the package that brings
the data is not among ours.
"""

from datetime import UTC, date, datetime, timedelta

SUNDAY = 6
MARCH, OCTOBER = 3, 10


def norwegian_date(moment: datetime) -> date:
    """The date in Norway at a moment, which must have a time zone. Right for the years from 1996 on."""
    return (moment.astimezone(UTC) + _offset(moment)).date()


def _offset(moment: datetime) -> timedelta:
    """One hour ahead of UTC; two from the last Sunday of March to the last Sunday of October, 01:00 UTC both.

    Source: directive 2000/84/EC, articles 1 to 3, which Norway follows (lov om fastsettelse av normaltid; forskrift om
    sommertid). The same rule held from 1996; before, summer ended in September.
    """
    at = moment.astimezone(UTC)
    summer = _change(at.year, MARCH) <= at < _change(at.year, OCTOBER)
    return timedelta(hours=2 if summer else 1)


def _change(year: int, month: int) -> datetime:
    """01:00 UTC on the last Sunday of a month of 31 days."""
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() - SUNDAY) % 7)
