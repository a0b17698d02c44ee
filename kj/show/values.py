"""Puts single values of an entry into words: concepts, with what is known of their codes, times, amounts, authors."""

from kj.show.norwegian import day
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, EventTime, PartialDate, Provenance, Quantity

CONTRADICTORY = "KODE OG NAVN MOTSIER HVERANDRE"
NOT_KNOWN = "koden er ikke bekreftet"
_COMPARATORS = ("", "<", "<=", ">=", ">", "<<", ">>", "ikke ")


def concept(code: CodeableConcept) -> str:
    """Returns a concept by its first name. One whose code is another thing's says so, whichever of its codings it is; a
    code without a name says whether it is known."""
    wrong = [each.code for each in code.codings if _contradicts(each)]
    named = next((each.display for each in code.codings if each.display), "") or code.text
    named = named or next((coded(each) for each in code.codings if each.code), "")
    return f"{named} ({CONTRADICTORY}: {', '.join(wrong)})" if wrong else named


def coded(coding: Coding) -> str:
    """Returns a code as it is shown by itself, with what is known of it."""
    if _contradicts(coding):
        return f"{coding.code}: {CONTRADICTORY}"
    known = coding.verification != common_pb2.CODE_VERIFICATION_NOT_VERIFIED
    return coding.code if known else f"{coding.code}: {NOT_KNOWN}"


def _contradicts(coding: Coding) -> bool:
    return coding.verification == common_pb2.CODE_VERIFICATION_CONTRADICTORY


def when(time: EventTime) -> str:
    """Returns a time as it was stated: a day, a year, or an age."""
    if time.HasField("instant"):
        return day(time.instant)
    if time.HasField("date"):
        return partial(time.date)
    return f"{time.age_years} år gammel" if time.HasField("age_years") else ""


def partial(date: PartialDate) -> str:
    """Returns a date as far as it is known."""
    if not date.year:
        return "ukjent dato"
    parts = [f"{date.year:04}"] + [f"{part:02}" for part in (date.month, date.day) if part]
    return "-".join(parts)


def quantity(amount: Quantity) -> str:
    """Returns an amount with its unit."""
    known = amount.comparator in range(len(_COMPARATORS))
    comparator = _COMPARATORS[amount.comparator] if known else f"ukjent sammenligning ({amount.comparator}) "
    return f"{comparator}{amount.value} {amount.unit or amount.code}".strip()


def said_by(provenance: Provenance) -> str:
    """Returns when something was said, by whom and where: "2026-10-20 av Kari Legesen, Sørstrand legekontor"."""
    by = together(provenance.recorder.name, provenance.organisation.name or provenance.organisation.number)
    return f"{day(provenance.recorded_at) or 'ukjent når'} av {by or 'ukjent'}"


def together(*parts: str, by: str = ", ") -> str:
    """Returns the parts that say something, joined."""
    return by.join(filter(None, parts))


def capitals(text: str, *, loud: bool) -> str:
    """Returns a text in capitals where it must not be overlooked."""
    return text.upper() if loud else text
