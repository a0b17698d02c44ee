"""Makes amounts and strengths comparable, in quantities or in words. Exact: 0,5 g is 500 mg. Pure functions.

Units are those that Norwegian medicine names, FEST and UCUM use. What is not understood is None, never a guess. Ours,
since libraries of units know neither a decimal comma nor tablets and sprays, and read as much as they can of a text:
here a text that is not read whole is not read.
"""

import re
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import NamedTuple

from kjernejournal.common.v1.common_pb2 import Quantity
from kjernejournal.medications.v1 import medications_pb2 as pb

_METRIC: dict[str, tuple[str, Fraction]] = {
    "kg": ("g", Fraction(1000)),
    "g": ("g", Fraction(1)),
    "mg": ("g", Fraction(1, 1000)),
    "ug": ("g", Fraction(1, 10**6)),
    "ng": ("g", Fraction(1, 10**9)),
    "l": ("ml", Fraction(1000)),
    "dl": ("ml", Fraction(100)),
    "cl": ("ml", Fraction(10)),
    "ml": ("ml", Fraction(1)),
    "mol": ("mol", Fraction(1)),
    "mmol": ("mol", Fraction(1, 1000)),
    "umol": ("mol", Fraction(1, 10**6)),
    "ie": ("ie", Fraction(1)),
    "mill ie": ("ie", Fraction(10**6)),
    "%": ("%", Fraction(1)),
}
_CALLED = {
    "gram": "g",
    "milligram": "mg",
    "mcg": "ug",
    "mikrog": "ug",
    "mikrogram": "ug",
    "microgram": "ug",
    "nanogram": "ng",
    "liter": "l",
    "mikromol": "umol",
    "iu": "ie",
    "[iu]": "ie",
    "unt": "ie",
    "e": "ie",
    "enhet": "ie",
    "enheter": "ie",
    "mill. ie": "mill ie",
    "mill.ie": "mill ie",
    "prosent": "%",
}
_PIECES = {
    "tablett": ("tablett", "tabletter", "tabl", "tab", "tbl", "tablet", "tablets"),
    "kapsel": ("kapsel", "kapsler", "kaps", "capsule", "capsules"),
    "dose": ("dose", "doser", "doses"),
    "stk": ("stk", "stykk", "stykker", "1"),
    "dråpe": ("dråpe", "dråper", "drops"),
    "inhalasjon": ("inhalasjon", "inhalasjoner", "inh", "puff", "sug", "drag"),
    "injeksjon": ("injeksjon", "injeksjoner"),
    "stikkpille": ("stikkpille", "stikkpiller"),
    "plaster": ("plaster", "plastre"),
    "pose": ("pose", "poser", "dosepose", "doseposer"),
    "time": ("time", "timer", "t", "h"),
    "døgn": ("døgn", "24 timer", "d"),
}
_PIECE_OF = {word: piece for piece, words in _PIECES.items() for word in words}
_ONE_OF_IT = frozenset({"tablett", "kapsel", "dose", "stk", "inhalasjon", "stikkpille", "plaster", "pose"})
"""Strength in one of these is the strength of the medicine: 25 µg a dose is 25 µg."""

_NUMBER = r"\d{1,12}(?:[.,]\d{1,12})?"
_TERM = re.compile(rf"(?P<number>{_NUMBER})?\s*(?P<unit>[^\d\s].*)?")
_IN_A_NAME = r"(?:kg|mg|g|[µ\u03bc]g|ug|mcg|mikrog(?:ram)?|ml|mmol|ie|iu|%)"
_IN_NAME = re.compile(
    rf"(?<![\w.,/])({_NUMBER}\s*{_IN_A_NAME}(?:\s*[/+]\s*(?:{_NUMBER}\s*)?(?:{_IN_A_NAME}|dose|time|l)(?!\w))*)(?!\w)"
)


Unit = tuple[str, Fraction]
"""A base unit, and how many of it."""


class Amount(NamedTuple):
    """A value in a base unit: g, ml, mol, IE, %, or the word for a piece."""

    value: Fraction
    unit: str


class Strength(NamedTuple):
    """How much is in how much. `per` is empty for what is in one piece."""

    unit: str
    per: str
    value: Fraction


def number(text: str) -> Fraction | None:
    """Returns the value of a decimal number, with point or comma. None: not one, or out of all proportion."""
    try:
        value = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        return None
    return Fraction(value) if value.is_finite() and abs(value.adjusted()) <= 15 else None


def amount(quantity: Quantity) -> Amount | None:
    """Returns what a quantity says; None where it is not understood, or is not a plain value."""
    value = number(quantity.value)
    unit = _unit(quantity.code or quantity.unit) or _unit(quantity.unit)
    if value is None or unit is None or quantity.comparator:
        return None
    return Amount(value * unit[1], unit[0])


def strength_of(medicine: pb.Medication) -> tuple[Strength, ...] | None:
    """Returns the strength of each substance that works: as stated, of the ingredients, else of the name."""
    if medicine.strength:
        return parsed(medicine.strength)
    parts = [part for part in medicine.ingredients if not part.HasField("active") or part.active]
    if parts and all(part.HasField("strength_numerator") for part in parts):
        made = [_of_part(part) for part in parts]
        found = [each for each in made if each is not None]
        return tuple(sorted(found)) if len(found) == len(made) else None
    return _in_name(medicine)


def states_strength(medicine: pb.Medication) -> bool:
    """Whether anything is said about the strength, understood or not."""
    stated = medicine.strength or any(part.HasField("strength_numerator") for part in medicine.ingredients)
    return bool(stated) or _in_name(medicine) is not None


def parsed(text: str) -> tuple[Strength, ...] | None:
    """Reads a strength in words: "500 mg", "10 mg/ml", "100 mg/5 ml", "500/30 mg", "25 mikrog/125 mikrog/dose"."""
    terms = [_TERM.fullmatch(term) for term in re.split(r"\s*(?:/|\+)\s*", _plain(text))]
    found: list[tuple[Fraction | None, Unit | None]] = []
    for match in terms:
        unit = _unit(match["unit"]) if match and match["unit"] else None
        if match is None or (match["unit"] and unit is None):
            return None
        found.append((number(match["number"]) if match["number"] else None, unit))
    per = Amount(Fraction(1), "")
    value, unit = found[-1]
    if len(found) > 1 and unit and (value is None or unit[0] == "ml" or unit[0] in _PIECES):
        per = Amount((value if value is not None else Fraction(1)) * unit[1], unit[0])
        found.pop()
    made: list[Strength] = []
    following: Unit | None = None
    for value, unit in reversed(found):  # a number without a unit has the one that follows
        following = unit or following
        if value is None or following is None or not per.value:
            return None
        made.append(_per(Amount(value * following[1], following[0]), per))
    return tuple(sorted(made))


def _per(part: Amount, per: Amount) -> Strength:
    if per.unit in _ONE_OF_IT or not per.unit:
        return Strength(part.unit, "", part.value / per.value)
    return Strength(part.unit, per.unit, part.value / per.value)


def _of_part(part: pb.Ingredient) -> Strength | None:
    numerator = amount(part.strength_numerator)
    per = Amount(Fraction(1), "")
    if part.HasField("strength_denominator"):
        stated = amount(part.strength_denominator)
        if stated is None or not stated.value:
            return None
        per = stated
    return None if numerator is None else _per(numerator, per)


def _in_name(medicine: pb.Medication) -> tuple[Strength, ...] | None:
    """Returns the strength in the display of name, form and strength, where it says one only."""
    for text in (medicine.code.text, *(coding.display for coding in medicine.code.codings)):
        found = _IN_NAME.findall(_plain(text))
        if len(found) == 1:
            return parsed(found[0])
    return None


def _unit(called: str) -> Unit | None:
    word = _plain(called).replace("µ", "u").replace("\u03bc", "u").strip("{}")
    word = _CALLED.get(word, _CALLED.get(word.rstrip("."), word))
    if word in _METRIC:
        return _METRIC[word]
    piece = _PIECE_OF.get(word.rstrip("."))
    return None if piece is None else (piece, Fraction(1))


def _plain(text: str) -> str:
    return text.strip().lower().replace("\u00a0", " ")
