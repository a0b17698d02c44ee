"""What a dosage may say: one rule for people's writes, feeds and files. Pure functions.

What no dose can be is refused with its field: an amount below nothing, a range from ten to five, a day that no week
has. A dose that is unlikely is none of this module's business. Source: FHIR R4, Dosage and Timing, whose value sets and
invariants (tim-1 to tim-9) these are.
"""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from google.protobuf.message import Message

from kjernejournal.common.v1.common_pb2 import Quantity
from shared.convert import moment
from shared.errors import Invalid
from shared.medicines import days_supply

UNITS_OF_TIME = ("s", "min", "h", "d", "wk", "mo", "a")
DAYS_OF_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVENTS_OF_DAY = (
    *("MORN", "MORN.early", "MORN.late", "NOON", "AFT", "AFT.early", "AFT.late", "EVE", "EVE.early", "EVE.late"),
    *("NIGHT", "PHS", "IMD", "HS", "WAKE", "C", "CM", "CD", "CV", "AC", "ACM", "ACD", "ACV", "PC", "PCM", "PCD", "PCV"),
)
"""Source: FHIR R4 and R5, EventTiming."""

MOST_TIMES = 1_000
"""More in a period, or a dosage of a later place than this, is a slip."""
MOST_IN_ALL = 100_000
MOST_MINUTES = 7 * 24 * 60
_LARGEST_EXPONENT = 12
"""Beyond a million million, or a millionth of a millionth, no amount is a dose in any unit."""

_SAME_AS = {
    "kg": ("g", "1000"),
    "g": ("g", "1"),
    "gram": ("g", "1"),
    "mg": ("g", "1e-3"),
    "milligram": ("g", "1e-3"),
    "ug": ("g", "1e-6"),
    "mcg": ("g", "1e-6"),
    "mikrogram": ("g", "1e-6"),
    "ng": ("g", "1e-9"),
    "l": ("l", "1"),
    "dl": ("l", "1e-1"),
    "ml": ("l", "1e-3"),
}
"""Units of weight and volume, so that a range in two of them is compared. Other units compare with themselves alone."""
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?", re.ASCII)
_PLAIN = re.compile(r"\d{1,20}(\.\d{1,20})?([eE][+-]?\d{1,3})?", re.ASCII)


def check_medicine(message: Any) -> None:
    """Checks what a prescription, a dispensing or a statement says in amounts and times of its medicine and its use.

    Raises Invalid with the field that breaks a rule.
    """
    fields = message.DESCRIPTOR.fields_by_name
    check_contents(message.medication, "medication")
    check_dosages(message.dosages, "dosages")
    for name in ("amount", "days_supply"):
        if name in fields and message.HasField(name):
            check_amount(getattr(message, name), name)
    for name in ("use_period", "period"):
        if name in fields:
            check_period(getattr(message, name), name)


def check_contents(medication: Any, path: str) -> None:
    """Checks how much is in a medicine: this much in this, and in one package. Raises Invalid."""
    for number, part in enumerate(medication.ingredients):
        check_ratio(part, "strength_numerator", "strength_denominator", f"{path}.ingredients[{number}].")
    if medication.HasField("amount"):
        check_amount(medication.amount, f"{path}.amount")


def check_dosages(dosages: Iterable[Any], path: str) -> None:
    """Checks the dosages of a medicine, messages of type Dosage. Raises Invalid with the field that breaks a rule."""
    for number, each in enumerate(dosages):
        try:
            _dosage(each)
        except Invalid as error:
            raise error.inside(f"{path}[{number}]") from None


def check_period(period: Any, path: str) -> None:
    """Raises Invalid where a span ends before it begins."""
    if period.HasField("start") and period.HasField("end") and moment(period.end) < moment(period.start):
        raise Invalid(f"{path}.end", "is before the start")


def check_amount(quantity: Quantity, path: str, *, above_zero: bool = False) -> Decimal:
    """Returns a plain amount that is not negative. Raises Invalid for every other one."""
    if not _PLAIN.fullmatch(quantity.value.removeprefix("+")):
        problem = "must not be negative" if quantity.value.startswith("-") else "must be a decimal number"
        raise Invalid(f"{path}.value", problem)
    if quantity.comparator:
        raise Invalid(f"{path}.comparator", "makes no sense in a dose: state the amount")
    return _within(quantity.value, f"{path}.value", above_zero=above_zero)


def check_ratio(message: Message, this_much: str, in_this: str, path: str = "") -> None:
    """Checks this much in this: both are plain amounts, the second is more than nothing, and has a first."""
    if message.HasField(this_much):
        check_amount(getattr(message, this_much), path + this_much)
    if message.HasField(in_this):
        check_amount(getattr(message, in_this), path + in_this, above_zero=True)
        if not message.HasField(this_much):
            raise Invalid(path + this_much, f"is required beside {in_this}")


def _dosage(dosage: Any) -> None:
    _count(dosage.sequence, "sequence", MOST_TIMES)
    if dosage.HasField("timing"):
        try:
            _timing(dosage.timing)
        except Invalid as error:
            raise error.inside("timing") from None
    for number, each in enumerate(dosage.doses):
        path = f"doses[{number}]."
        _range(each, "dose", path)
        _range(each, "rate", path)
        check_ratio(each, "rate", "rate_per", path)
    if dosage.HasField("max_dose"):
        check_amount(dosage.max_dose, "max_dose", above_zero=True)
    check_ratio(dosage, "max_dose", "max_dose_period")


def _range(message: Message, low: str, path: str) -> None:
    """Checks an amount, or the least and the most of it."""
    high = f"{low}_high"
    amounts = {
        name: check_amount(getattr(message, name), path + name) for name in (low, high) if message.HasField(name)
    }
    units = [_unit(getattr(message, name)) for name in amounts]
    alike = len(units) == 2 and units[0][0] == units[1][0]
    if alike and amounts[low] * units[0][1] > amounts[high] * units[1][1]:
        raise Invalid(path + high, f"is less than {low}")


def _timing(timing: Any) -> None:
    if timing.HasField("bounds"):
        check_period(timing.bounds, "bounds")
    if timing.HasField("duration_bounds"):
        check_amount(timing.duration_bounds, "duration_bounds", above_zero=True)
        bounds = timing.duration_bounds
        if not days_supply.is_time(bounds) and bounds.code not in UNITS_OF_TIME and bounds.unit not in UNITS_OF_TIME:
            raise Invalid("duration_bounds.unit", f"must be a unit of time: one of {' '.join(UNITS_OF_TIME)}")
    for name, most in (("count", MOST_IN_ALL), ("frequency", MOST_TIMES)):
        _counts(timing, name, most)
    _span(timing)
    if timing.duration:
        _number(timing.duration, "duration")
    _unit_of_time(timing.duration, timing.duration_unit, "duration")
    _of_a_set(timing.days_of_week, DAYS_OF_WEEK, "days_of_week", "must be mon, tue, wed, thu, fri, sat or sun")
    _of_a_set(timing.when, EVENTS_OF_DAY, "when", "must be a code of FHIR's EventTiming, such as MORN, AC or HS")
    for number, each in enumerate(timing.times_of_day):
        if not _TIME_OF_DAY.fullmatch(each):
            raise Invalid(f"times_of_day[{number}]", "must be a time of the day, 00:00:00 to 23:59:59")
    _once(timing.times_of_day, "times_of_day")
    _once([each.ToNanoseconds() for each in timing.events], "events")
    _count(timing.offset_minutes, "offset_minutes", MOST_MINUTES)
    if timing.offset_minutes and not timing.when:
        raise Invalid("offset_minutes", "needs an event of the day in when")


def _counts(timing: Any, name: str, most: int) -> None:
    least, high = getattr(timing, name), getattr(timing, f"{name}_max")
    _count(least, name, most)
    _count(high, f"{name}_max", most)
    if high and high < least:
        raise Invalid(f"{name}_max", f"is less than {name}")


def _span(timing: Any) -> None:
    """Checks the period, and the longest that it may be."""
    period = _number(timing.period, "period", above_zero=True) if timing.period else None
    longest = _number(timing.period_max, "period_max", above_zero=True) if timing.period_max else None
    if longest is not None and period is None:
        raise Invalid("period", "is required beside period_max")
    if longest is not None and period is not None and longest < period:
        raise Invalid("period_max", "is less than period")
    _unit_of_time(timing.period, timing.period_unit, "period")


def _unit_of_time(value: str, unit: str, name: str) -> None:
    if unit and unit not in UNITS_OF_TIME:
        raise Invalid(f"{name}_unit", f"must be one of {' '.join(UNITS_OF_TIME)}")
    if value and not unit:
        raise Invalid(f"{name}_unit", f"is required beside {name}")


def _of_a_set(values: Sequence[str], known: Sequence[str], name: str, problem: str) -> None:
    for number, each in enumerate(values):
        if each not in known:
            raise Invalid(f"{name}[{number}]", problem)
    _once(values, name)


def _once(values: Sequence[object], name: str) -> None:
    for number, each in enumerate(values):
        if each in values[:number]:
            raise Invalid(f"{name}[{number}]", "is there already")


def _count(value: int, name: str, most: int) -> None:
    if not 0 <= value <= most:
        raise Invalid(name, f"must be 0 to {most}")


def _number(text: str, name: str, *, above_zero: bool = False) -> Decimal:
    if not _PLAIN.fullmatch(text):
        raise Invalid(name, "must be a decimal number that is not negative")
    return _within(text, name, above_zero=above_zero)


def _within(text: str, path: str, *, above_zero: bool) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:  # what the pattern lets through, no machine is to trip over
        raise Invalid(path, "must be a decimal number") from None
    if above_zero and not value:
        raise Invalid(path, "must be more than 0")
    if value and abs(value.adjusted()) > _LARGEST_EXPONENT:
        raise Invalid(path, "is out of all proportion")
    return value


def _unit(quantity: Quantity) -> tuple[str, Decimal]:
    """Returns a unit as units compare, and how many of it one of the quantity's unit is."""
    called = (quantity.code or quantity.unit).strip().lower()
    name, factor = _SAME_AS.get(called.replace("µ", "u").replace("\u03bc", "u"), (called, "1"))
    return name, Decimal(factor)
