"""Reads for how many days a dispensing lasts: one rule for safety checks and reconciliation."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import NamedTuple

from kjernejournal.common.v1.common_pb2 import Quantity

_DAYS: dict[Fraction, tuple[str, ...]] = {
    Fraction(1, 86_400): ("s", "second", "seconds", "sekund", "sekunder"),
    Fraction(1, 1_440): ("min", "minute", "minutes", "minutt", "minutter"),
    Fraction(1, 24): ("h", "hour", "hours", "time", "timer"),
    Fraction(1): ("", "d", "day", "days", "dag", "dager", "døgn"),
    Fraction(7): ("wk", "week", "weeks", "uke", "uker"),
    Fraction(30): ("mo", "mo_j", "mo_g", "mo_s", "month", "months", "md", "mnd", "måned", "måneder"),
    Fraction(365): ("a", "a_j", "a_g", "a_t", "ann", "year", "years", "år"),
}
"""UCUM's units of time, and words for them. A month is 30 days, as in days of supply it mostly is."""
_DAYS_OF = {word: days for days, words in _DAYS.items() for word in words}
_LONGEST = 10_000
_A_DAY = 86_400
_MOST_AT_HAND = 365 * _A_DAY
"""Seconds: more than a year's use, fetched early again and again, is not believed to lie at home."""


class Supply(NamedTuple):
    """What was handed out of one treatment: when, in seconds since 1970, and for how many days."""

    at: float
    days: float


def ends(supplies: Sequence[Supply]) -> list[float]:
    """Returns when each of one treatment is used up, in seconds since 1970: what is fetched early is used after the
    rest."""
    found = [0.0] * len(supplies)
    before = 0.0
    for place in sorted(range(len(supplies)), key=lambda each: supplies[each].at):
        at, lasting = supplies[place]
        before = found[place] = at + min(max(0.0, before - at), _MOST_AT_HAND) + lasting * _A_DAY
    return found


def days(quantity: Quantity) -> float | None:
    """Returns the days that a quantity of time is; None where it is not understood, or out of all proportion."""
    unit = _unit(quantity)
    try:
        value = Decimal(quantity.value.strip().replace(",", "."))
    except InvalidOperation:
        return None
    if unit is None or quantity.comparator or not value.is_finite() or not -6 <= value.adjusted() <= 9:
        return None
    lasting = Fraction(value) * unit
    return float(lasting) if 0 < lasting < _LONGEST else None


def is_time(quantity: Quantity) -> bool:
    """Whether its unit is one of time, from seconds to years, in code or words."""
    return _unit(quantity) is not None


def _unit(quantity: Quantity) -> Fraction | None:
    unit = _DAYS_OF.get((quantity.code or quantity.unit).strip().lower().strip("{}."))
    if unit is None:
        unit = _DAYS_OF.get(quantity.unit.strip().lower().strip(".")) if quantity.unit else None
    return unit
