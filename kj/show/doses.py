"""Puts doses into words: the text as the source wrote it; where there is none, what is structured."""

from collections.abc import Iterable

from kj.show.norwegian import day
from kj.show.values import concept, quantity, together
from kjernejournal.common.v1.common_pb2 import Quantity
from kjernejournal.medications.v1 import medications_pb2 as pb

_UNITS = {"s": "sekund", "min": "minutt", "h": "time", "d": "dag", "wk": "uke", "mo": "måned", "a": "år"}
_SEVERAL = {"s": "sekunder", "min": "minutter", "h": "timer", "d": "dager", "wk": "uker", "mo": "måneder", "a": "år"}
_DAYS = {"mon": "mandag", "tue": "tirsdag", "wed": "onsdag", "thu": "torsdag", "fri": "fredag"}
_WEEKEND = {"sat": "lørdag", "sun": "søndag"}
_ONE = frozenset({"", "1", "1.0"})


def doses(dosages: Iterable[pb.Dosage], *, missing: str) -> str:
    """Returns every dosage, those that follow another after "deretter"; `missing` where nothing is said."""
    said, before = "", 0
    for position, dosage in enumerate(sorted(dosages, key=lambda each: each.sequence)):
        one = _dose(dosage)
        follows = "; deretter " if position and dosage.sequence > before else "; "
        said, before = f"{said}{follows}{one}" if said and one else said or one, dosage.sequence
    return said or missing


def _dose(dosage: pb.Dosage) -> str:
    """Returns one dosage. That it is given as needed, and the most, stand after words that do not say it."""
    text = dosage.text or dosage.patient_instruction
    said = text or together(dosage.short_dose.display or dosage.short_dose.code or _structured(dosage))
    needed = dosage.as_needed and "behov" not in said.lower()
    most = ""
    if dosage.HasField("max_dose") and "maks" not in said.lower() and "høyst" not in said.lower():
        most = together("høyst", quantity(dosage.max_dose), _per(dosage.max_dose_period), by=" ")
    return together(said, together("ved behov", concept(dosage.as_needed_for), by=" ") if needed else "", most)


def _per(period: Quantity) -> str:
    return f"per {quantity(period)}" if period.value else ""


def _structured(dosage: pb.Dosage) -> str:
    """Returns a dose that comes in numbers alone, such as "5 mg, 2 ganger per dag"."""
    amounts = [_range(each.dose, each.dose_high) for each in dosage.doses if each.HasField("dose")]
    return together(*amounts, _often(dosage.timing), concept(dosage.route))


def _range(low: Quantity, high: Quantity) -> str:
    return f"{quantity(low)} til {quantity(high)}" if high.value else quantity(low)


def _often(timing: pb.Timing) -> str:
    """Returns how often, on which days and at what times, as far as it is structured."""
    times = f"{timing.frequency} til {timing.frequency_max}" if timing.frequency_max else str(timing.frequency or "")
    unit = timing.period_unit
    one = timing.period in _ONE and not timing.period_max
    long = together(timing.period, timing.period_max, by=" til ")
    per = (_UNITS.get(unit, unit) if one else f"{long} {_SEVERAL.get(unit, unit)}") if unit or timing.period else ""
    counted = f"{times} {'gang' if times == '1' else 'ganger'}" if times else ""
    often = together(counted, per, by=" per ") if counted or not per else f"per {per}"
    bounds = timing.bounds
    until = together(
        f"fra {day(bounds.start)}" if bounds.HasField("start") else "",
        f"til {day(bounds.end)}" if bounds.HasField("end") else "",
        by=" ",
    )
    days = together(*((_DAYS | _WEEKEND).get(each, each) for each in timing.days_of_week))
    return together(often, concept(timing.code), days, *(each[:5] for each in timing.times_of_day), *timing.when, until)
