"""National ids, organisation numbers and HPR numbers: check digits, dates, kinds, and what is taken where."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kjernejournal.common.v1 import error_reason_pb2 as reasons
from shared.errors import Invalid
from shared.national_id import (
    Kind,
    NationalId,
    classify,
    make_synthetic,
    parse,
    valid_hpr_number,
    valid_organisation_number,
)

# Skatteetaten's worked examples of the rule of 2032.
RULE_OF_2032 = ["02013299997", "02013299903", "30108299920", "30108299939"]


def with_check_digits(first_nine: str, k1_remainder: int = 0) -> str | None:
    """Returns the number with check digits from the rule's own formula, written apart from the code."""
    total = sum(int(d) * w for d, w in zip(first_nine, [3, 7, 6, 1, 8, 9, 4, 5, 2], strict=True))
    k1 = (11 + k1_remainder - total % 11) % 11
    if k1 == 10:
        return None
    total = sum(int(d) * w for d, w in zip(f"{first_nine}{k1}", [5, 4, 3, 2, 7, 6, 5, 4, 3, 2], strict=True))
    k2 = (11 - total % 11) % 11
    return None if k2 == 10 else f"{first_nine}{k1}{k2}"


def some_number(first_six: str, k1_remainder: int = 0) -> str:
    found = (with_check_digits(f"{first_six}{serial:03d}", k1_remainder) for serial in range(100, 200))
    return next(number for number in found if number)


def refusal(value: str, *, production: bool) -> Invalid:
    with pytest.raises(Invalid) as raised:
        parse(value, production=production)
    assert raised.value.reason == reasons.ERROR_REASON_INVALID_NATIONAL_ID
    assert raised.value.field == "patient.national_id"
    assert not value or value not in str(raised.value.status())
    return raised.value


@pytest.mark.parametrize("value", RULE_OF_2032)
def test_the_rule_of_2032_is_read_beside_the_old_one(value: str) -> None:
    assert parse(value, production=True).kind is Kind.FODSELSNUMMER


@pytest.mark.parametrize(
    "value, kind",
    [
        ("13717404089", Kind.SYNTHETIC_NHN),  # NHN's Connectathon
        ("48882807579", Kind.SYNTHETIC_TENOR),  # D + 80, NAV's fnrvalidator
    ],
)
def test_published_synthetic_numbers(value: str, kind: Kind) -> None:
    assert parse(value, production=False) == NationalId(value, kind)
    refusal(value, production=True)


@pytest.mark.parametrize(
    "first_six, kind",
    [
        ("010190", Kind.FODSELSNUMMER),
        ("310190", Kind.FODSELSNUMMER),
        ("410190", Kind.D_NUMBER),
        ("711290", Kind.D_NUMBER),
        ("018190", Kind.SYNTHETIC_TENOR),
        ("319290", Kind.SYNTHETIC_TENOR),
        ("418190", Kind.SYNTHETIC_TENOR),
        ("016690", Kind.SYNTHETIC_NHN),
        ("317790", Kind.SYNTHETIC_NHN),
        ("416690", Kind.SYNTHETIC_NHN),
        ("014190", Kind.H_NUMBER),
        ("315290", Kind.H_NUMBER),
        ("414190", Kind.H_NUMBER),
        ("812345", Kind.FH_NUMBER),
        ("990000", Kind.FH_NUMBER),
        ("290200", Kind.FODSELSNUMMER),  # 2000 was a leap year
        ("290296", Kind.FODSELSNUMMER),
    ],
)
def test_kinds(first_six: str, kind: Kind) -> None:
    assert classify(some_number(first_six)).kind is kind


ACCEPTED = {  # kind: (in production, outside)
    "010190": (True, False),
    "410190": (True, False),
    "018190": (False, True),
    "418190": (False, True),
    "016690": (False, True),
    "416690": (False, True),
    "812345": (True, True),
    "014190": (False, False),
}


@pytest.mark.parametrize("production", [True, False])
@pytest.mark.parametrize("first_six", ACCEPTED)
def test_what_is_taken_where(first_six: str, production: bool) -> None:
    value = some_number(first_six)
    if ACCEPTED[first_six][0 if production else 1]:
        assert parse(value, production=production).value == value
    else:
        refusal(value, production=production)


@pytest.mark.parametrize(
    "first_six",
    [
        "000190",
        "320190",
        "010090",
        "011390",
        "014090",
        "015390",
        "290201",
        "310490",
        "401290",
        "720190",
        "019390",
        "400190",
        "016590",
        "017890",
        "018090",
    ],
)
def test_impossible_dates(first_six: str) -> None:
    refusal(some_number(first_six), production=True)
    refusal(some_number(first_six), production=False)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1371740408",
        "137174040890",
        "137174 04089",
        "137174-4089",
        " 3717404089",
        "13717404089\n",
        "1371740408\uff19",
        "\u0661" * 11,
        "1371740408a",
        "+3717404089",
        "-1371740408",
        "²²²²²²²²²²²",
        "\x00" * 11,
        "0" * 11,
    ],
)
def test_only_eleven_ascii_digits(value: str) -> None:
    refusal(value, production=False)


@pytest.mark.parametrize("value", ["05076600324", "13057444850", "10086055555"])
def test_published_examples_with_wrong_check_digits(value: str) -> None:
    refusal(value, production=True)


@pytest.mark.parametrize(
    "remainder, accepted", [(0, True), (1, True), (2, True), (3, True), (4, False), (7, False), (10, False)]
)
def test_remainders_of_the_first_check_digit(remainder: int, accepted: bool) -> None:
    value = some_number("018190", remainder)
    if accepted:
        assert parse(value, production=False).kind is Kind.SYNTHETIC_TENOR
    else:
        refusal(value, production=False)


def test_fh_numbers_keep_the_one_remainder() -> None:
    refusal(some_number("812345", 1), production=False)


def test_the_second_check_digit_has_one_value() -> None:
    value = "13717404089"
    accepted = [digit for digit in "0123456789" if _accepts(value[:10] + digit)]
    assert accepted == ["9"]


def test_no_single_digit_may_be_wrong_in_the_last_ten() -> None:
    """k2 catches every single wrong digit, whatever k1 allows."""
    value = "13717404089"
    for place in range(11):
        for digit in "0123456789":
            changed = value[:place] + digit + value[place + 1 :]
            assert _accepts(changed) is (changed == value)


def test_a_field_name_of_the_callers_choice() -> None:
    with pytest.raises(Invalid) as raised:
        parse("123", production=False, field="entries[3].guardian")
    assert raised.value.field == "entries[3].guardian"


def test_nothing_shows_the_number() -> None:
    found = parse("13717404089", production=False)
    assert "13717404089" not in f"{found!r}{found}"


@given(
    st.dates(date(1900, 1, 1), date(2099, 12, 31)),
    st.integers(0, 999),
    st.sampled_from([(80, Kind.SYNTHETIC_TENOR), (65, Kind.SYNTHETIC_NHN)]),
    st.booleans(),
)
def test_made_numbers_are_valid(born: date, serial: int, offset: tuple[int, Kind], d_number: bool) -> None:
    value = make_synthetic(born, serial, month_offset=offset[0], d_number=d_number)
    day = born.day + 40 if d_number else born.day
    assert value == with_check_digits(f"{day:02d}{born.month + offset[0]:02d}{born.year % 100:02d}{serial:03d}")
    if value is not None:
        assert parse(value, production=False).kind is offset[1]


def test_most_serials_exist() -> None:
    day = date(1990, 1, 1)
    made = [make_synthetic(day + timedelta(days=n), n) for n in range(1000)]
    assert 780 < sum(value is not None for value in made) < 860


@pytest.mark.parametrize("offset", [0, 40, 66])
def test_only_synthetic_numbers_are_made(offset: int) -> None:
    with pytest.raises(ValueError, match="synthetic"):
        make_synthetic(date(1990, 1, 1), 1, month_offset=offset)


@pytest.mark.parametrize("serial", [-1, 1000])
def test_individual_numbers_have_three_digits(serial: int) -> None:
    with pytest.raises(ValueError, match="individual"):
        make_synthetic(date(1990, 1, 1), serial)


@pytest.mark.parametrize(
    "value, valid",
    [
        ("100100673", True),
        ("100100223", True),
        ("100100674", False),
        ("10010067", False),
        ("1001006731", False),
        ("000000000", False),
        ("10010067a", False),
        ("", False),
        ("\uff1100100673", False),
    ],
)
def test_organisation_numbers(value: str, valid: bool) -> None:
    assert valid_organisation_number(value) is valid


@pytest.mark.parametrize("value", ["974760673", "123456785"])
def test_no_single_digit_of_an_organisation_number_may_be_wrong(value: str) -> None:
    for place in range(9):
        for digit in "0123456789":
            changed = value[:place] + digit + value[place + 1 :]
            assert valid_organisation_number(changed) is (changed == value)


@pytest.mark.parametrize(
    "value, valid",
    [
        ("9144900", True),
        ("222200068", True),
        ("1", True),
        ("", False),
        ("0123", False),
        ("1234567890", False),
        ("12a", False),
    ],
)
def test_hpr_numbers(value: str, valid: bool) -> None:
    assert valid_hpr_number(value) is valid


def _accepts(value: str) -> bool:
    try:
        parse(value, production=False)
    except Invalid:
        return False
    return True
