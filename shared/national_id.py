"""Checks Norwegian national ids and distinguishes their kinds; and the other numbers that travel beside them.

Pure: no clock, so that the same number gets the same answer on every day. Neither sex nor birth date is read from a
number: numbers issued from 2032 carry neither, and the population register is the source for both. Ours, since the
published libraries read them nevertheless, and know the old rule of the check digits alone.

Both rules of the first check digit are read in parallel: for fødselsnummer and D-numbers the weighted remainder may be
0, 1, 2 or 3 (Skatteetaten, "Nytt fødselsnummer fra 2032"), because numbers issued before stay valid for life.
"""

import enum
import re
import unicodedata
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from kjernejournal.common.v1 import error_reason_pb2 as reasons
from shared.errors import Invalid

FIELD = "patient.national_id"

TENOR_MONTH_OFFSET = 80
NHN_MONTH_OFFSET = 65
_H_MONTH_OFFSET = 40
_D_DAY_OFFSET = 40
_K1_WEIGHTS = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
_K2_WEIGHTS = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
_ORGANISATION_WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2, 1)
_LEAP_YEAR = 2000

_BETWEEN = r"[\s.\-\u00ad\u200b-\u200d\u2010-\u2015\u2060\u2212\ufeff]"
"""What people put between the parts of a number: blanks, dots and dashes of every kind, and what is not seen."""
_BEGINS = r"(?:(?<!\d)|(?<=%[0-9A-Fa-f]{2}))"
_IN_TEXT = re.compile(
    # Day, month, year, individual number, check digits; no decimals.
    rf"{_BEGINS}(?<!\d[.,])\d\d{_BETWEEN}?\d\d{_BETWEEN}?\d\d{_BETWEEN}{{0,3}}\d{{3}}{_BETWEEN}?\d\d(?!\d)"
    rf"|(?<!\d)(?<!\d{_BETWEEN})\d(?P<each>{_BETWEEN})(?:\d(?P=each)){{9}}\d(?!\d)(?!(?P=each)\d)"
    r"|(?<=\d\.)\d{11}(?!\d)"
)
_OBJECT_IDENTIFIER = re.compile(r"\d(?:\.\d+){2,}\.\Z")
_LONGEST_ROOT = 64


class Kind(enum.Enum):
    """What a number is, by its pattern."""

    FODSELSNUMMER = "fødselsnummer"
    D_NUMBER = "D-number"
    SYNTHETIC_TENOR = "synthetic, month + 80"
    SYNTHETIC_NHN = "synthetic, month + 65"
    FH_NUMBER = "FH-number"
    H_NUMBER = "H-number"


SYNTHETIC = frozenset({Kind.SYNTHETIC_TENOR, Kind.SYNTHETIC_NHN})
"""Kinds that belong to nobody. An FH-number carries no sign of being synthetic, so it is not among them."""


@dataclass(frozen=True, slots=True)
class NationalId:
    """A checked number: exactly 11 ASCII digits. Its repr names the kind alone."""

    value: str = field(repr=False)
    kind: Kind


def parse(value: str, *, production: bool, field: str = FIELD) -> NationalId:
    """Returns the number that `value` holds, of a kind that may come from outside.

    Separators are refused: one person has one spelling everywhere. H-numbers are refused, as they mean something
    inside one business only (and numbers with month + 40 collide with NAV's test persons). Outside production only
    synthetic numbers and FH-numbers are taken; in production synthetic ones are refused.

    Raises Invalid (INVALID_NATIONAL_ID); the text never holds the value.
    """
    found = classify(value, field=field)
    if found.kind is Kind.H_NUMBER:
        raise _invalid(field, "H-numbers are not accepted: they are valid inside one business only")
    if production and found.kind in SYNTHETIC:
        raise _invalid(field, "synthetic national ids are not accepted in production")
    if not production and found.kind in {Kind.FODSELSNUMMER, Kind.D_NUMBER}:
        raise _invalid(field, "only synthetic national ids are accepted outside production")
    return found


def is_one(value: str) -> bool:
    """Whether the value is a national id of any kind."""
    try:
        classify(value)
    except Invalid:
        return False
    return True


def in_text(text: str) -> Iterator[tuple[int, int]]:
    """Yields where national ids stand in a text, also written in parts, with other digits than ours, or at the end of
    an object identifier. Digits whose check digits do not fit, and decimals, are none."""
    for found in _IN_TEXT.finditer(text):
        start, end = found.span()
        before = text[max(0, start - _LONGEST_ROOT) : start]
        if before[-1:] == "." and before[-2:-1].isdecimal() and not _OBJECT_IDENTIFIER.search(before):
            continue
        if is_one("".join(str(unicodedata.decimal(char)) for char in found.group() if char.isdecimal())):
            yield start, end


def without(text: str, mark: str) -> tuple[str, int]:
    """Returns a text with the mark in the place of each national id, and how many there were."""
    places = list(in_text(text))
    for start, end in reversed(places):
        text = text[:start] + mark + text[end:]
    return text, len(places)


def classify(value: str, *, field: str = FIELD) -> NationalId:
    """Returns the number with its kind, whichever it is. Raises Invalid when it is no national id at all."""
    if len(value) != 11 or not (value.isascii() and value.isdigit()):
        raise _invalid(field, "must be exactly 11 digits, without separators")
    kind = _kind(value)
    if kind is None:
        raise _invalid(field, "not a possible date of birth")
    first = _remainder(value, _K1_WEIGHTS)
    # The rule of 2032 belongs to numbers that the population register issues; others keep the one remainder.
    allowed = 0 if kind in {Kind.FH_NUMBER, Kind.H_NUMBER} else 3
    if first > allowed or _remainder(value, _K2_WEIGHTS) != 0:
        raise _invalid(field, "the check digits do not fit")
    return NationalId(value, kind)


def make_synthetic(
    birth_date: date, serial: int, *, month_offset: int = TENOR_MONTH_OFFSET, d_number: bool = False
) -> str | None:
    """Returns a synthetic number for a birth date and an individual number of 0 to 999, by the rule before 2032.

    None when a check digit would be 10: that number does not exist, take the next serial.
    """
    if month_offset not in {TENOR_MONTH_OFFSET, NHN_MONTH_OFFSET}:
        raise ValueError("synthetic numbers have month + 80 or month + 65")
    if not 0 <= serial <= 999:
        raise ValueError("an individual number is 0 to 999")
    day = birth_date.day + (_D_DAY_OFFSET if d_number else 0)
    digits = f"{day:02d}{birth_date.month + month_offset:02d}{birth_date.year % 100:02d}{serial:03d}"
    for weights in (_K1_WEIGHTS, _K2_WEIGHTS):
        check = -_remainder(digits, weights) % 11
        if check == 10:
            return None
        digits += str(check)
    return digits


def valid_organisation_number(value: str) -> bool:
    """Whether it is nine digits with a fitting check digit. The first is not judged: test organisations have 1."""
    return (
        len(value) == 9
        and value.isascii()
        and value.isdigit()
        and value != "000000000"
        and _remainder(value, _ORGANISATION_WEIGHTS) == 0
    )


def valid_hpr_number(value: str) -> bool:
    """Whether it is one to nine digits, not beginning with 0. The register has no check digit."""
    return 1 <= len(value) <= 9 and value.isascii() and value.isdigit() and value[0] != "0"


def _kind(value: str) -> Kind | None:
    if value[0] in "89":
        return Kind.FH_NUMBER
    day, month, year = int(value[:2]), int(value[2:4]), int(value[4:6])
    is_d_number = day > _D_DAY_OFFSET
    if is_d_number:
        day -= _D_DAY_OFFSET
    kind = Kind.D_NUMBER if is_d_number else Kind.FODSELSNUMMER
    for offset, marked in (
        (TENOR_MONTH_OFFSET, Kind.SYNTHETIC_TENOR),
        (NHN_MONTH_OFFSET, Kind.SYNTHETIC_NHN),
        (_H_MONTH_OFFSET, Kind.H_NUMBER),
    ):
        if offset < month <= offset + 12:
            kind, month = marked, month - offset
            break
    return kind if _is_date(day, month, year) else None


def _is_date(day: int, month: int, year: int) -> bool:
    """Whether the digits are a date in some century. The century is not known, so 29 February of year 00 may be."""
    if not 1 <= month <= 12:
        return False
    return 1 <= day <= monthrange(_LEAP_YEAR + year, month)[1]


def _remainder(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False)) % 11


def _invalid(field: str, text: str) -> Invalid:
    return Invalid(field, text, reasons.ERROR_REASON_INVALID_NATIONAL_ID)
