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
_N = rf"(?:\d{{1,2}}\s1/2|{_IN_WORDS}|\d{{1,6}}(?:[.,]\d{{1,4}})?)"
_A_DAY = r"(?:daglig|dagl|dgl|om dagen|i døgnet|hver dag|hvert døgn|(?:per|pr\.?) (?:dag|døgn)|/ ?(?:dag|døgn|d))"
_A_MONTH = r"(?:månedlig|(?:i|hver|per|pr\.?) (?:måneden?|mnd)|/ ?(?:måned|mnd))"
_A_WEEK = r"(?:ukentlig|i uken|i uka|hver uke|per uke|pr\.? uke|/ ?uke|om uken|om uka)"
_TIMES = r"(?:gang(?:er)?|ggr?|dag(?:er)?)"
_MOST = r"(?P<most>inntil|opptil|maks\.?|maksimalt|høyst)"
_PART = (
    r"(?:om |hver |til )?(?:morgen(?:en)?|formiddag(?:en)?|middag|ettermiddag(?:en)?|kveld(?:en)?|natt(?:en)?|leggetid)"
)
_WEEKDAY = r"(?:(?:på|hver) )?(?:man|tirs|ons|tors|fre|lør|søn)dag(?:er|ene)?"
_CLOCK = r"(?:kl\.? ?)?\d{1,2}(?:[.:]\d\d)?"
_ORDINALS = {
    "annen": 2,
    "andre": 2,
    "annet": 2,
    "tredje": 3,
    "fjerde": 4,
    "femte": 5,
    "sjette": 6,
    "sjuende": 7,
    "syvende": 7,
    "åttende": 8,
    "niende": 9,
    "tiende": 10,
    "tolvte": 12,
}
_EVERY = rf"\d{{1,2}}|{'|'.join(_ORDINALS)}"
_SPANS = {"d": (1, 1), "u": (7, 7), "m": (28, 31)}
"""The fewest and the most days of what is counted in days, weeks and months, by its first letter."""
_WITHOUT_TIMES = (
    ("total_day", Fraction(1), Fraction(24)),
    ("total_week", Fraction(1, 7), Fraction(6, 7)),
    ("total_month", Fraction(1, 31), Fraction(1, 7)),
)
"""What "daily" alone may mean, in times a day."""


def _range(name: str) -> str:
    return rf"(?P<{name}>{_N})(?:\s?(?:-|\u2013|til|eller)\s?(?P<{name}_to>{_N}))?"


_OFTEN = "|".join(
    (
        rf"(?:x|\*)\s?(?P<by>{_N})\s?(?:gang(?:er)?)?\s?(?:(?P<by_week>{_A_WEEK})|{_A_DAY})?",
        rf"(?:{_MOST}\s)?{_range('times')}\s?{_TIMES}\s?(?:(?P<day>{_A_DAY})|(?P<week>{_A_WEEK})|(?P<month>{_A_MONTH}))",
        rf"(?:hvert?\s(?P<every>{_EVERY})\.?|(?P<other>annen ?hver))\s(?P<of>dag|døgn|uke|måned|mnd)",
        rf"(?P<weekdays>{_WEEKDAY}(?:\s?(?:,|og|\+)\s?{_WEEKDAY})*)",
        rf"(?P<clock>kl\.?\s?{_CLOCK}(?:\s?(?:,|og|\+)\s?{_CLOCK})*)",
        rf"hver\s(?:{_range('hours')}|(?P<nth_hour>{'|'.join(_ORDINALS)}))\.?\stime(?:r)?",
        rf"(?P<parts>(?:til\s)?{_PART}(?:\s?(?:,|og|\+)\s?{_PART})*)",
        rf"(?P<total_day>{_A_DAY})|(?P<total_week>{_A_WEEK})|(?P<total_month>{_A_MONTH})",
    )
)
_DOSE = re.compile(
    r"(?:(?P<most_of>inntil|opptil|maks\.?|maksimalt|høyst)\s)?"
    rf"{_range('amount')}\s?(?P<unit>(?!x\s?\d)[a-zæøåµ%]+)?\.?,?\s?(?:{_OFTEN})?"
)
_PLUSES = re.compile(rf"(?P<each>{_N}(?:\s?[+-]\s?{_N}){{2,3}})\s?(?P<unit>[a-zæøåµ]+)?\.?")
_NEEDED = re.compile(r"\bved behov\b|\bv/b\b")
_BESIDE = re.compile(
    rf"{_NEEDED.pattern}|^dosering:?\s|\.\s(?:svelges|tygges|tas|løses|ristes|skylles)\b[^.\d]*\.?$"
    r"|,?\s(?:til|med|før|etter|sammen med|uten) (?:mat|maten|måltid\w*|frokost)$"
    r"|\si \d{1,3} (?:dag|dager|døgn|uke|uker|måned|måneder)\.?$"
    rf"|,?\s(?:inntil|opptil|maks\.?|maksimalt|høyst)\s{_N}\s?(?!gang|ggr|dag|g\b)[a-zæøå]*\s{_A_DAY}$"
    r"|\b(?:fast|peroralt|oralt|svelges|tas|ta|gis)\b|,?\s(?:mot|for|til behandling av)\s.*$"
)
_HOW_OFTEN = re.compile(_OFTEN)
_LINE = re.compile(rf"(?P<amount>{_N})\s?(?P<unit>[a-zæøåµ]+)?\.?\s?{_PART}")
_BETWEEN_LINES = re.compile(r"\s?(?:,|\+|\bog\b)\s?")
_PARTS = re.compile(_PART)
_WEEKDAYS, _CLOCKS = re.compile(_WEEKDAY), re.compile(_CLOCK)
_SELDOM = re.compile(
    rf"\bhvert?\s(?!1\.)(?:{_EVERY})\.?\s(?:dag|døgn|uke|måned|mnd)\b|\bannen ?hver\s(?:dag|uke|måned|mnd)\b"
    r"|\bhver\s(?:48|72|96|168)\.?\stime|/ ?uke\b"
    r"|\b(?:ukentlig|ukedose|(?:hver|per|pr\.?|om|i) uk(?:en|a)|(?:hver|per|pr\.?) uke|weekly|once a week"
    r"|hver (?:man|tirs|ons|tors|fre|lør|søn)dag|(?:man|tirs|ons|tors|fre|lør|søn)dager)\b"
)
_DAILY = re.compile(r"daglig|dagl\b|dgl\b|døgn|\bdag\b|\bdagen\b|morgen|kveld|natt|daily|\d\s?[x+]\s?\d|\bx\s?\d")
_OF_A_CHECK = re.compile(
    r"\b(?:unntatt|bortsett|ikke|pause)\b|kontroll|mål(?:es|ing)|prøve|\binr\b|\bvei(?:es|ing)|reduser|trapp|\bøk|endre"
)
"""What is done, changed or left out now and then beside a medicine that is taken every day."""
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
        if structure is not None and (_is_seldom_daily(dosage, text, structure) or contradict(text, structure)):
            raise Invalid(
                f"{path}[{place}].text", "says another dose than the structure beside it: correct the one that is wrong"
            )


def contradict(text: Said | None, structure: Said) -> bool:
    """Whether two cannot both be right."""
    if text is None:
        return False
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
    if (often := _HOW_OFTEN.fullmatch(plain)) is not None:
        times = _times(often)
        return None if times is None else Said(None, "", times, None)
    in_all = _lines(plain)
    if in_all is not None:
        return Said(None, in_all.unit, None, (in_all.value, in_all.value))
    match = _DOSE.fullmatch(plain)
    unit = _unit(match["unit"]) if match else None
    if match is None or unit is None:
        return None
    taken = _span(match, "amount")
    least = Fraction(0) if match["most_of"] else taken[0]
    each = (least * unit.value, taken[1] * unit.value)
    if match["total_day"] or match["total_week"] or match["total_month"]:
        days = (1, 1) if match["total_day"] else (7, 7) if match["total_week"] else (31, 28)
        return Said(None, unit.unit, None, (each[0] / days[0], each[1] / days[1]))
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
    times = found[:2] if found else None
    if found and found[2] == "mo":
        times = (found[0] / 31, found[1] / 28)
    if times and dosage.as_needed:
        times = (Fraction(0), times[1])
    return Said(each, least.unit if least and each else "", times, _product(each, times)) if each or times else None


def _is_seldom_daily(dosage: pb.Dosage, text: Said | None, structure: Said) -> bool:
    """Whether words that are not understood whole speak of every week, or every third day, alone, and the structure
    says every day.

    Methotrexate kills so, and patches of fentanyl. What is measured every week is no dose.
    """
    words = " ".join(dosage.text.lower().split())
    if text is not None or dosage.as_needed or structure.times is None or structure.times[0] < 1:
        return False
    rest = _SELDOM.sub(" ", words)
    return rest != words and not _DAILY.search(rest) and not _OF_A_CHECK.search(words)


def _lines(plain: str) -> Amount | None:
    """Returns the day's amount of "1 tablett morgen, 2 tabletter kveld"; None: it is said in another way."""
    found = [_LINE.fullmatch(piece) for piece in _BETWEEN_LINES.split(plain)]
    if len(found) < 2:
        return None
    total, units = Fraction(0), set()
    for match in found:
        unit = _unit(match["unit"]) if match else None
        if match is None or unit is None:
            return None
        total += _value(match["amount"]) * unit.value
        units.add(unit.unit)
    return Amount(total, units.pop()) if len(units) == 1 else None


def _times(match: re.Match[str]) -> Span | None:
    """Returns how often a day, at least and at most."""
    if match["times"]:
        least, most = _span(match, "times")
        days, longest = (7, 7) if match["week"] else (28, 31) if match["month"] else (1, 1)
        return (Fraction(0) if match["most"] else least) / longest, most / days
    if match["hours"]:
        least, most = _span(match, "hours")
        return (24 / most, 24 / least) if least else None
    for name, least, most in _WITHOUT_TIMES:
        if match[name]:
            return least, most
    if match["of"]:
        return _every(match)
    exactly = _exactly(match)
    return None if exactly is None else (exactly, exactly)


def _every(match: re.Match[str]) -> Span | None:
    """Returns how often "every third day", "every sixth month" is, in times a day."""
    every = match["every"] or "annen"
    number_of = _ORDINALS.get(every) or int(every)
    fewest, most = _SPANS[match["of"][0]]
    return (Fraction(1, number_of * most), Fraction(1, number_of * fewest)) if number_of else None


def _exactly(match: re.Match[str]) -> Fraction | None:
    if match["nth_hour"]:
        return Fraction(24, _ORDINALS[match["nth_hour"]])
    if match["by"]:
        return _value(match["by"]) / (7 if match["by_week"] else 1)
    for name, pattern, span in (("weekdays", _WEEKDAYS, 7), ("clock", _CLOCKS, 1), ("parts", _PARTS, 1)):
        if match[name]:
            return Fraction(len(pattern.findall(match[name])), span)
    return None


def _span(match: re.Match[str], name: str) -> Span:
    least = _value(match[name])
    return least, _value(match[f"{name}_to"]) if match[f"{name}_to"] else least


def _value(word: str) -> Fraction:
    whole, _, half = word.rpartition(" ")
    if whole.isdigit() and half == "1/2":
        return Fraction(whole) + Fraction(1, 2)
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
