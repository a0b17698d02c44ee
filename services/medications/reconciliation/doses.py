"""Compares doses: how much, how often, whether only when needed. Pure functions.

In structured form where both sides have it; otherwise the same words are the same dose, and other words are not known
to be another one. What is taken each time and how often both count: two tablets once are not one tablet twice. Ours:
parsers of dose texts read English and answer with their best guess, where here the answer has to be "not known".
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications.reconciliation.amounts import Amount, Strength, amount, number
from services.medications.reconciliation.likeness import DIFFERENT, EQUAL, SILENT, UNKNOWN, Outcome

_DAYS = {"min": Fraction(1, 1440), "h": Fraction(1, 24), "d": Fraction(1), "wk": Fraction(7)}
_MONTHS = {"mo": Fraction(1), "a": Fraction(12)}
_BESIDES = ("duration_bounds", "count", "count_max", "period_max", "duration", "events", "offset_minutes")
"""Parts of a timing, besides its end, that are not reckoned with: where they differ, doses cannot be compared."""

WEEKLY, DAILY = "weekly", "daily"
_SAYS_WEEKLY = re.compile(r"\b(?:uken?|uka|ukentlig|ukedose|weekly|week|(?:man|tirs|ons|tors|fre|lør|søn)dag(?:er)?)\b")
_SAYS_DAILY = re.compile(
    r"\b(?:daglig|dagl|dgl|dag|dagen|døgn|døgnet|daily|day|(?:morgen|middag|kveld|natt)(?:en)?|x\s?[1-6])\b"
    r"|\d\s?[x\u00d7]\s?[1-6]\b|\d\s?[+-]\s?\d\s?[+-]\s?\d|\bhver\s(?:\d|1\d|2[0-4])\.?\stime"
)

Often = tuple[Fraction, Fraction, str]
"""At least, at most, a day or a month."""


class DoseLine(NamedTuple):
    """One line of a dosage."""

    least: Amount | None
    most: Amount | None
    often: Often | None
    as_needed: bool | None
    moments: frozenset[str]
    besides: bytes


class Dose(NamedTuple):
    """The dosages of one medicine. `phases`: what holds at once, one after the other; None: not structured."""

    phases: tuple[tuple[DoseLine, ...], ...] | None
    text: str
    short: frozenset[tuple[str, str]]
    as_needed: frozenset[bool]
    whole: tuple[bytes, ...]
    """As its source wrote it."""
    starts: frozenset[int]
    """From when, in seconds."""


def dose_of(dosages: Sequence[pb.Dosage]) -> Dose:
    """Returns the dose that dosages say."""
    texts = [_words(each.text or each.patient_instruction) for each in dosages]
    codes = frozenset((each.short_dose.system, each.short_dose.code) for each in dosages if each.short_dose.code)
    needed = frozenset(each.as_needed for each in dosages if each.HasField("as_needed"))
    whole = tuple(each.SerializeToString(deterministic=True) for each in dosages)
    starts = frozenset(each.timing.bounds.start.seconds for each in dosages if each.timing.bounds.HasField("start"))
    return Dose(_phases(dosages), " | ".join(filter(None, texts)), codes, needed, whole, starts)


def compare(one: Dose, other: Dose, strength: Strength | None, other_strength: Strength | None) -> Outcome:
    """Returns how two doses compare. With the strength of a piece, a number of pieces compares with an amount."""
    if one.whole == other.whole:
        return EQUAL
    outcome = _compare(one, other, strength, other_strength)
    if outcome is not EQUAL or one.starts == other.starts:
        return outcome
    return UNKNOWN if one.starts and other.starts else SILENT  # the same, from another day


def _compare(one: Dose, other: Dose, strength: Strength | None, other_strength: Strength | None) -> Outcome:
    stated = [any(dose.whole) for dose in (one, other)]
    if not all(stated):
        return SILENT if any(stated) else EQUAL
    if one.phases and other.phases:
        outcome = _compare_phases(one.phases, other.phases, strength, other_strength)
        if outcome is not UNKNOWN:
            return outcome
    if one.as_needed and other.as_needed and not one.as_needed & other.as_needed:
        return DIFFERENT
    if one.text and one.text == other.text:
        return EQUAL
    return _by_code(one, other)


def rhythm(dosages: Sequence[pb.Dosage]) -> str:
    """Returns WEEKLY or DAILY; empty: neither, or not known. As structured, else as the words say."""
    found = {_rhythm(each) for each in dosages} - {""}
    return found.pop() if len(found) == 1 else ""


def _rhythm(dosage: pb.Dosage) -> str:
    found = how_often(dosage.timing)
    if found is not None:
        times, most, of = found
        if of == "d" and most <= Fraction(2, 7):
            return WEEKLY
        return DAILY if of == "d" and times >= 1 else ""
    words = _words(dosage.text or dosage.patient_instruction)
    if _SAYS_WEEKLY.search(words):
        return WEEKLY
    return DAILY if _SAYS_DAILY.search(words) else ""


def _by_code(one: Dose, other: Dose) -> Outcome:
    """Compares short doses of one system; nothing else compares that is not structured or in the same words."""
    if not one.short or {each[0] for each in one.short} != {each[0] for each in other.short}:
        return UNKNOWN
    return EQUAL if one.short == other.short else DIFFERENT


def _phases(dosages: Sequence[pb.Dosage]) -> tuple[tuple[DoseLine, ...], ...] | None:
    by_sequence: dict[int, list[DoseLine]] = defaultdict(list)
    for each in dosages:
        line = _dose_line(each)
        if line is None:
            return None
        by_sequence[each.sequence].append(line)
    return tuple(_summed(by_sequence[sequence]) for sequence in sorted(by_sequence)) or None


def _compare_phases(
    one: tuple[tuple[DoseLine, ...], ...],
    other: tuple[tuple[DoseLine, ...], ...],
    strength: Strength | None,
    other_strength: Strength | None,
) -> Outcome:
    if [len(phase) for phase in one] != [len(phase) for phase in other]:
        return DIFFERENT if _is_whole(one) and _is_whole(other) else UNKNOWN
    outcomes = {
        _compare_lines(mine, theirs, strength, other_strength)
        for phase, other_phase in zip(one, other, strict=True)
        for mine, theirs in zip(phase, other_phase, strict=True)
    }
    if DIFFERENT in outcomes:
        return DIFFERENT
    return UNKNOWN if UNKNOWN in outcomes else EQUAL


def _compare_lines(
    one: DoseLine, other: DoseLine, strength: Strength | None, other_strength: Strength | None
) -> Outcome:
    parts = [
        _amounts(one.least, other.least, strength, other_strength),
        _amounts(one.most, other.most, strength, other_strength),
        _oftens(one, other),
        _as_needed(one.as_needed, other.as_needed),
    ]
    if one.moments and other.moments and one.moments != other.moments:
        parts.append(DIFFERENT if _comparable(one.moments, other.moments) else UNKNOWN)
    if one.besides != other.besides:
        parts.append(UNKNOWN)
    if DIFFERENT in parts:
        return DIFFERENT
    return UNKNOWN if UNKNOWN in parts else EQUAL


def _amounts(
    one: Amount | None, other: Amount | None, strength: Strength | None, other_strength: Strength | None
) -> Outcome:
    if one is None or other is None:
        return UNKNOWN
    if one.unit != other.unit:
        one, other = _weighed(one, strength), _weighed(other, other_strength)
    if one.unit != other.unit:
        return UNKNOWN
    return EQUAL if one.value == other.value else DIFFERENT


def _weighed(taken: Amount, strength: Strength | None) -> Amount:
    """Returns a number of pieces as what is in them; anything else as it is."""
    if strength is None or strength.per or taken.unit not in ("tablett", "kapsel", "stk", "dose", "stikkpille"):
        return taken
    return Amount(taken.value * strength.value, strength.unit)


def _oftens(one: DoseLine, other: DoseLine) -> Outcome:
    if one.often is None or other.often is None:
        # "When needed" without a number of times, on both sides, is the same; with one on one side it cannot be known.
        return EQUAL if one.often is other.often and one.as_needed and other.as_needed else UNKNOWN
    if one.often[2] != other.often[2]:
        return UNKNOWN
    return EQUAL if one.often == other.often else DIFFERENT


def _as_needed(one: bool | None, other: bool | None) -> Outcome:
    """Compares: not stated goes with "regularly", as most sources state only the other."""
    if None in (one, other):
        return UNKNOWN if True in (one, other) else EQUAL
    return EQUAL if one == other else DIFFERENT


def _comparable(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether both use times of the clock, or both parts of the day."""
    return len({":" in moment for moment in one | other}) == 1


def _is_whole(phases: tuple[tuple[DoseLine, ...], ...]) -> bool:
    return all(line.least is not None and line.often is not None for phase in phases for line in phase)


def _dose_line(dosage: pb.Dosage) -> DoseLine | None:
    """Returns the structured content; None: there is none that is understood."""
    if len(dosage.doses) > 1 or any(each.HasField("rate") or each.HasField("rate_per") for each in dosage.doses):
        return None
    least = most = None
    if dosage.doses and dosage.doses[0].HasField("dose"):
        least = most = amount(dosage.doses[0].dose)
        if dosage.doses[0].HasField("dose_high"):
            most = amount(dosage.doses[0].dose_high)
    often = how_often(dosage.timing)
    if least is None and often is None:
        return None
    as_needed = dosage.as_needed if dosage.HasField("as_needed") else None
    timing = dosage.timing
    moments = frozenset([*timing.when, *(time[:5] for time in timing.times_of_day), *timing.days_of_week])
    besides = pb.Dosage()
    for field in _BESIDES:
        if field in {each.name for each, _ in timing.ListFields()}:
            _copy(timing, besides.timing, field)
    if timing.bounds.HasField("end"):
        besides.timing.bounds.end.CopyFrom(timing.bounds.end)
    if dosage.HasField("max_dose"):
        besides.max_dose.CopyFrom(dosage.max_dose)
        besides.max_dose_period.CopyFrom(dosage.max_dose_period)
    return DoseLine(least, most, often, as_needed, moments, besides.SerializeToString(deterministic=True))


def _copy(timing: pb.Timing, to: pb.Timing, field: str) -> None:
    one = pb.Timing.FromString(timing.SerializeToString())
    for each, _ in timing.ListFields():
        if each.name != field:
            one.ClearField(each.name)  # type: ignore[arg-type]  # a name out of the descriptor
    to.MergeFrom(one)


def how_often(timing: pb.Timing) -> Often | None:
    """Returns how often, a day or a month. On named days of the week: as many times a week."""
    times = timing.frequency or len(timing.times_of_day) or len(timing.when)
    most = max(times, timing.frequency_max)
    period = number(timing.period) if timing.period else Fraction(1)
    unit = timing.period_unit or ("d" if times and not timing.period else "")
    if timing.days_of_week and unit in ("", "d") and period == 1:
        times, most, period, unit = (
            len(timing.days_of_week) * max(1, times),
            len(timing.days_of_week) * max(1, most),
            Fraction(1),
            "wk",
        )
    if not times or not period or period < 0:
        return None
    if unit in _DAYS:
        span = period * _DAYS[unit]
        return times / span, most / span, "d"
    if unit in _MONTHS:
        return times / (period * _MONTHS[unit]), most / (period * _MONTHS[unit]), "mo"
    return None


def _summed(lines: list[DoseLine]) -> tuple[DoseLine, ...]:
    """Adds up lines that take the same amount: one in the morning and one in the evening is one twice a day."""
    made: dict[object, DoseLine] = {}
    for each in lines:
        key = (each.least, each.most, each.as_needed, each.besides)
        before = made.get(key)
        if before is None or before.often is None or each.often is None or before.often[2] != each.often[2]:
            made[key if before is None else (key, len(made))] = each
            continue
        often = (before.often[0] + each.often[0], before.often[1] + each.often[1], each.often[2])
        made[key] = before._replace(often=often, moments=before.moments | each.moments)
    return tuple(sorted(made.values(), key=_order))


def _order(line: DoseLine) -> tuple[object, ...]:
    least = line.least or Amount(Fraction(-1), "")
    return (least.unit, least.value, str(line.often), str(line.as_needed), sorted(line.moments))


def _words(text: str) -> str:
    return " ".join(text.lower().replace(",", ".").split()).rstrip(".")
