"""Repeatable random draws, and dates and times as the contract has them.

Everything random is drawn from generators made here, each from words of its own: what one part of a record draws never
moves another part. The global generator is left alone, since trace ids come from it.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from random import Random
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from kjernejournal.common.v1.common_pb2 import PartialDate

Value = TypeVar("Value")

_EPOCH = date(1970, 1, 1).toordinal()
DAY = 86_400


def chance(*words: object) -> Random:
    """Returns a generator that draws the same for the same words, on every machine."""
    return Random(" ".join(map(str, words)))


def weighted(rng: Random, choices: Iterable[tuple[Value, float]]) -> Value:
    """Draws one of the values, by weight."""
    pairs = list(choices)
    return rng.choices(pairs, [weight for _, weight in pairs])[0][0]


def some(rng: Random, values: Sequence[Value], most: int) -> list[Value]:
    """Draws one to `most` of the values, none twice."""
    return rng.sample(values, min(len(values), rng.randint(1, most)))


def day_between(rng: Random, first: date, last: date) -> date:
    """Draws a day from `first` to `last`; returns `first` when `last` is before it."""
    return first + timedelta(days=rng.randint(0, max(0, (last - first).days)))


def at(day: date, minutes: int = 0) -> Timestamp:
    """Returns midnight (UTC) of a day, or `minutes` later."""
    return Timestamp(seconds=(day.toordinal() - _EPOCH) * DAY + minutes * 60)


def at_work(rng: Random, day: date) -> Timestamp:
    """Draws a time of day when people are at work."""
    return at(day, rng.randint(7 * 60, 14 * 60 + 30))


def whole(day: date) -> PartialDate:
    """Returns a date that is known to the day."""
    return PartialDate(year=day.year, month=day.month, day=day.day)


def years_before(day: date, years: int) -> date:
    """Returns the same day `years` earlier; 1 March for a 29 February that does not exist."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 3, 1)


def age_on(born: date, day: date) -> int:
    """Returns the age in whole years."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
