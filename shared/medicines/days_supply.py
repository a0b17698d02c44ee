"""Reads for how many days a dispensing lasts: one rule for safety checks and reconciliation."""

from decimal import Decimal, InvalidOperation

from kjernejournal.common.v1.common_pb2 import Quantity

_DAYS = {
    1: ("", "d", "day", "days", "dag", "dager", "døgn"),
    7: ("wk", "week", "weeks", "uke", "uker"),
    30: ("mo", "month", "months", "md", "mnd", "måned", "måneder"),
    365: ("a", "ann", "year", "years", "år"),
}
"""UCUM's units of time, and words for them. A month is 30 days, as in days of supply it mostly is."""
_DAYS_OF = {word: days for days, words in _DAYS.items() for word in words}
_LONGEST = 10_000


def days(quantity: Quantity) -> float | None:
    """Returns the days that a quantity of time is; None where it is not understood, or out of all proportion."""
    unit = _unit(quantity)
    try:
        value = Decimal(quantity.value.strip().replace(",", "."))
    except InvalidOperation:
        return None
    if unit is None or quantity.comparator or not value.is_finite() or not -6 <= value.adjusted() <= 4:
        return None
    if not 0 < value * unit < _LONGEST:
        return None
    return float(value * unit)


def is_time(quantity: Quantity) -> bool:
    """Whether its unit is one of days, weeks, months or years, in code or words."""
    return _unit(quantity) is not None


def _unit(quantity: Quantity) -> int | None:
    unit = _DAYS_OF.get((quantity.code or quantity.unit).strip().lower().strip("{}."))
    if unit is None:
        unit = _DAYS_OF.get(quantity.unit.strip().lower().strip(".")) if quantity.unit else None
    return unit
