"""Whether the words of a dosage contradict its structure, as far as simple words are understood. Pure functions.

Only a text that is understood whole is compared ("1 tablett 2 ganger daglig", "1+0+1", "1x3"), and only with what the
structure says of the same: what is not understood contradicts nothing. Of two in a range, one that fits is enough.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from kjernejournal.common.v1.common_pb2 import Quantity
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications.reconciliation.amounts import Amount, amount, number
from services.medications.reconciliation.doses import how_often
from shared.errors import Invalid

Span = tuple[Fraction, Fraction]
"""At least, at most."""

_NUMBERS = {"en": 1, "én": 1, "ett": 1, "ei": 1, "to": 2, "tre": 3, "fire": 4, "fem": 5, "seks": 6, "ti": 10}
_HALVES = {"½": "0.5", "en halv": "0.5", "1/2": "0.5", "halv": "0.5", "1½": "1.5", "halvannen": "1.5"}
_IN_WORDS = "|".join(sorted(map(re.escape, [*_HALVES, *_NUMBERS]), key=len, reverse=True))
_N = rf"(?:\d{{1,6}}(?:[.,]\d{{1,4}})?|{_IN_WORDS})"
_A_DAY = r"(?:daglig|dagl|om dagen|hver dag|per dag|pr\.? dag|i døgnet|per døgn|pr\.? døgn|/ ?dag|/ ?døgn|/ ?d)"
_A_WEEK = r"(?:ukentlig|i uken|i uka|hver uke|per uke|pr\.? uke|/ ?uke|om uken|om uka)"
_MOST = r"(?P<most>inntil|opptil|maks\.?|maksimalt|høyst)"
_PART = r"(?:om )?(?:morgen(?:en)?|formiddag(?:en)?|middag|ettermiddag(?:en)?|kveld(?:en)?|natt(?:en)?|leggetid)"


def _range(name: str) -> str:
    return rf"(?P<{name}>{_N})(?:\s?(?:-|\u2013|til|eller)\s?(?P<{name}_to>{_N}))?"


_OFTEN = "|".join(
    (
        rf"(?:x|\*)\s?(?P<by>{_N})\s?(?:gang(?:er)?)?\s?(?:{_A_DAY})?",
        rf"(?:{_MOST}\s)?{_range('times')}\s(?:gang(?:er)?|ggr?)\s(?:(?P<day>{_A_DAY})|(?P<week>{_A_WEEK}))",
        rf"hver\s{_range('hours')}\.?\stime(?:r)?",
        rf"(?P<parts>(?:til\s)?{_PART}(?:\s?(?:,|og|\+)\s?{_PART})*)",
        rf"(?P<total_day>{_A_DAY})|(?P<total_week>{_A_WEEK})",
    )
)
_DOSE = re.compile(
    r"(?:(?P<most_of>inntil|opptil|maks\.?|maksimalt|høyst)\s)?"
    rf"{_range('amount')}\s?(?P<unit>(?!x\s?\d)[a-zæøåµ%]+)?\.?,?\s?(?:{_OFTEN})?"
)
_PLUSES = re.compile(rf"(?P<each>{_N}(?:\s?[+-]\s?{_N}){{2,3}})\s?(?P<unit>[a-zæøåµ]+)?\.?")
_NEEDED = re.compile(r"\bved behov\b|\bv/b\b")
_BESIDE = re.compile(
    rf"{_NEEDED.pattern}|\b(?:fast|peroralt|oralt|svelges|tas|ta|gis)\b|,?\s(?:mot|for|til behandling av)\s.*$"
)
_PARTS = re.compile(_PART)
_PIECES = frozenset({"tablett", "kapsel", "stk", "dose"})


class Said(NamedTuple):
    """What is said of a dose: how much each time, how often a day, how much a day in all. None: not said."""

    each: Span | None
    unit: str
    """Empty: a number of something."""
    times: Span | None
    total: Span | None


def check(dosages: Sequence[pb.Dosage], path: str) -> None:
    """Raises Invalid for a text that says another dose than its structure.

    Of several dosages a text may speak of them all: those are compared where each has words of its own.
    """
    texts = [each.text.strip() for each in dosages]
    if len(set(texts)) < len(texts):
        return
    for place, dosage in enumerate(dosages):
        text, structure = in_words(dosage.text), in_structure(dosage)
        if text is not None and structure is not None and contradict(text, structure):
            raise Invalid(
                f"{path}[{place}].text", "says another dose than the structure beside it: correct the one that is wrong"
            )


def contradict(text: Said, structure: Said) -> bool:
    """Whether two cannot both be right."""
    if not _comparable(text.unit, structure.unit):
        return bool(text.times and structure.times and _apart(text.times, structure.times))
    if text.total and structure.total:
        return _apart(text.total, structure.total)
    return any(one and other and _apart(one, other) for one, other in zip(text[::2], structure[::2], strict=True))


def in_words(text: str) -> Said | None:
    """Returns what a text says; None: it is not understood whole."""
    plain = " ".join(_BESIDE.sub(" ", " ".join(text.lower().split())).split()).strip(" .,")
    match = _PLUSES.fullmatch(plain)
    if match:
        unit = _unit(match["unit"])
        total = sum((_value(each) for each in re.findall(_N, match["each"])), Fraction(0))
        return None if unit is None else Said(None, unit.unit, None, (total * unit.value, total * unit.value))
    match = _DOSE.fullmatch(plain)
    unit = _unit(match["unit"]) if match else None
    if match is None or unit is None:
        return None
    taken = _span(match, "amount")
    least = Fraction(0) if match["most_of"] else taken[0]
    each = (least * unit.value, taken[1] * unit.value)
    if match["total_day"] or match["total_week"]:
        days = 1 if match["total_day"] else 7
        return Said(None, unit.unit, None, (each[0] / days, each[1] / days))
    times = _times(match)
    if times and _NEEDED.search(text.lower()):
        times = (Fraction(0), times[1])
    return Said(each, unit.unit, times, _product(each, times))


def in_structure(dosage: pb.Dosage) -> Said | None:
    """Returns what the structure says; None: nothing that is understood."""
    if len(dosage.doses) > 1:
        return None
    least = amount(dosage.doses[0].dose) if dosage.doses and dosage.doses[0].HasField("dose") else None
    most = amount(dosage.doses[0].dose_high) if dosage.doses and dosage.doses[0].HasField("dose_high") else least
    each = (least.value, most.value) if least and most and least.unit == most.unit else None
    found = how_often(dosage.timing)
    times = found[:2] if found and found[2] == "d" else None
    if times and dosage.as_needed:
        times = (Fraction(0), times[1])
    return Said(each, least.unit if least and each else "", times, _product(each, times)) if each or times else None


def _times(match: re.Match[str]) -> Span | None:
    if match["by"]:
        return (_value(match["by"]),) * 2
    if match["times"]:
        least, most = _span(match, "times")
        days = 7 if match["week"] else 1
        return (Fraction(0) if match["most"] else least) / days, most / days
    if match["hours"]:
        least, most = _span(match, "hours")
        return (24 / most, 24 / least) if least else None
    return (Fraction(len(_PARTS.findall(match["parts"]))),) * 2 if match["parts"] else None


def _span(match: re.Match[str], name: str) -> Span:
    least = _value(match[name])
    return least, _value(match[f"{name}_to"]) if match[f"{name}_to"] else least


def _value(word: str) -> Fraction:
    return number(_HALVES.get(word, str(_NUMBERS.get(word, word)))) or Fraction(0)


def _unit(word: str | None) -> Amount | None:
    """Returns one of a unit; one of nothing where none is named; None: not known."""
    return amount(Quantity(value="1", unit=word)) if word else Amount(Fraction(1), "")


def _product(each: Span | None, times: Span | None) -> Span | None:
    return (each[0] * times[0], each[1] * times[1]) if each and times else None


def _comparable(one: str, other: str) -> bool:
    return one == other or {one, other} <= _PIECES | {""}


def _apart(one: Span, other: Span) -> bool:
    return one[1] < other[0] or other[1] < one[0]
