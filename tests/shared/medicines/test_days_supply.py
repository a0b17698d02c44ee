"""How long a dispensing lasts: a quantity of time in the units that sources use."""

import pytest

from kjernejournal.common.v1.common_pb2 import QUANTITY_COMPARATOR_GREATER_OR_EQUAL, Quantity
from shared.medicines.days_supply import Supply, days, ends


@pytest.mark.parametrize(
    "value, unit, code, expected",
    [
        ("30", "", "", 30),
        ("30", "days", "d", 30),
        ("12", "wk", "wk", 84),
        ("12", "uker", "", 84),
        ("3", "", "mo", 90),
        ("3", "mnd.", "", 90),
        ("1", "år", "", 365),
        ("0,5", "a", "a", 182.5),
        ("2", "weeks", "{unknown}", 14),
        (" 14 ", "Dager", "", 14),
        ("43200", "min", "min", 30),
        ("720", "timer", "", 30),
        ("1", "month", "mo_j", 30),
    ],
)
def test_units_of_days_supply_are_understood_in_codes_and_in_words(
    value: str, unit: str, code: str, expected: float
) -> None:
    assert days(Quantity(value=value, unit=unit, code=code)) == expected


@pytest.mark.parametrize(
    "value, unit",
    [
        ("", "d"),
        ("NaN", "d"),
        ("Infinity", "d"),
        ("-30", "d"),
        ("0", "d"),
        ("1e999999999", "d"),
        ("300", "a"),
        ("30", "fortnight"),
        ("30", "tablets"),
    ],
)
def test_what_is_not_understood_is_not_known_and_never_a_guess(value: str, unit: str) -> None:
    assert days(Quantity(value=value, unit=unit)) is None


def test_more_than_so_many_days_is_no_number_of_days() -> None:
    assert days(Quantity(value="30", unit="d", comparator=QUANTITY_COMPARATOR_GREATER_OR_EQUAL)) is None


def in_days(*supplies: tuple[float, float]) -> list[float]:
    return [each / 86_400 for each in ends([Supply(at * 86_400, lasting) for at, lasting in supplies])]


def test_what_is_fetched_early_is_used_after_what_is_at_hand() -> None:
    """Thirty days' worth three times in a week lasts ninety days."""
    assert in_days((0, 30), (3, 30), (6, 30)) == [30, 60, 90]
    assert in_days((6, 30), (0, 30), (3, 30)) == [90, 30, 60]


def test_what_is_fetched_when_the_rest_is_used_up_lasts_from_then() -> None:
    assert in_days((0, 30), (50, 30)) == [30, 80]
    assert in_days() == []


def test_no_more_than_a_year_lies_at_home() -> None:
    assert in_days(*[(0, 300)] * 4)[-1] == 365 + 300
