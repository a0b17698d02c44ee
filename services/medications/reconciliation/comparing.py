"""Two medicines compared: substance, strength, form and dose. Pure functions.

Generic equivalents are the same: brand and package are not compared. What only one of two says is not a difference;
what cannot be compared is not known to be one. Source: the ATC classification, whose fifth level is one substance, or
one combination of them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from kjernejournal.common.v1.common_pb2 import CodeableConcept
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import model
from services.medications.reconciliation import doses, forms, ways
from services.medications.reconciliation.amounts import Strength, states_strength, strength_of
from services.medications.reconciliation.likeness import DIFFERENT, EQUAL, SILENT, UNKNOWN, Outcome
from shared.codes import atc
from shared.codes.systems import canonical

_IDENTIFYING = ("nlm.nih.gov", "snomed", "festlegemiddel", "/fest", "legemiddelverket")
"""Systems whose codes name a product or a substance, wherever they are used: RxNorm, SNOMED CT, FEST."""

_NOT_A_NAME = re.compile(r"[\d(;]|\b(?:tabl?|kaps|mg|ml|oral|inj|mikst|depot|entero)\b")
"""Where the name ends in a display of name, form and strength."""


class Basis(IntEnum):
    """What shows that two entries are about one substance, from weakest to strongest."""

    NONE = 0
    NAME = 1
    CODING = 2
    ATC = 3
    ID = 4


@dataclass(frozen=True)
class Substance:
    """What distinguishes one substance from another."""

    atc: str
    """Empty: not known. Shorter than seven signs: a group."""
    codings: frozenset[tuple[str, str]]
    names: frozenset[str]
    text: str

    @property
    def full_atc(self) -> str:
        """The code of one substance, or empty."""
        return self.atc if atc.is_whole(self.atc) else ""


@dataclass(frozen=True)
class Comparable:
    """A medicine and its use, read once, as it is compared."""

    substance: Substance
    strength: tuple[Strength, ...] | None
    strength_stated: bool
    strength_text: str
    form: str
    dose: doses.Dose
    way: ways.Way


@dataclass(frozen=True)
class Compared:
    """How two medicines compare, property by property."""

    substance: Outcome
    strength: Outcome
    form: Outcome
    dose: Outcome
    basis: Basis
    route: Outcome = EQUAL
    site: Outcome = EQUAL
    beside: Outcome = EQUAL

    @property
    def likeness(self) -> tuple[int, ...]:
        """Orders what may belong together: higher is more alike."""
        return (self.basis, self.form, self.route, self.site, self.strength, self.dose)

    @property
    def is_same(self) -> bool:
        """Whether nothing is known to differ, or not to compare."""
        compared = (self.substance, self.strength, self.form, self.dose, self.route, self.site)
        return all(each in (EQUAL, SILENT) for each in compared)

    def fields(self, outcome: Outcome) -> "set[pb.ComparedField.ValueType]":
        """Returns the properties with this outcome."""
        by_field = {
            pb.COMPARED_FIELD_SUBSTANCE: self.substance,
            pb.COMPARED_FIELD_STRENGTH: self.strength,
            pb.COMPARED_FIELD_FORM: self.form,
            pb.COMPARED_FIELD_DOSE: self.dose,
            pb.COMPARED_FIELD_ROUTE: self.route,
            pb.COMPARED_FIELD_SITE: self.site,
            pb.COMPARED_FIELD_INSTRUCTIONS: self.beside,
        }
        return {field for field, each in by_field.items() if each is outcome}


def comparable(medicine: pb.Medication, dosages: Sequence[pb.Dosage]) -> Comparable:
    substance = Substance(
        model.atc_of(medicine),
        frozenset(_codings(medicine)),
        frozenset(_names(medicine)),
        _plain(medicine.code.text or next((each.display for each in medicine.code.codings), "")),
    )
    return Comparable(
        substance,
        strength_of(medicine),
        states_strength(medicine),
        _plain(medicine.strength),
        forms.form_of(medicine),
        doses.dose_of(dosages),
        ways.way_of(dosages),
    )


def compare(one: Comparable, other: Comparable) -> Compared:
    substance, basis = compare_substances(one.substance, other.substance)
    single, other_single = _single(one), _single(other)
    return Compared(
        substance,
        _strengths(one, other),
        _forms(one.form, other.form),
        doses.compare(one.dose, other.dose, single, other_single),
        basis,
        ways.compare(one.way.route, other.way.route),
        ways.compare(one.way.site, other.way.site),
        ways.compare(one.way.beside, other.way.beside),
    )


def compare_substances(one: Substance, other: Substance) -> tuple[Outcome, Basis]:
    """Compares by ATC code, else by coding. A name says that it may be the same, never that it is."""
    if one.full_atc and other.full_atc:
        return (EQUAL, Basis.ATC) if one.full_atc == other.full_atc else (DIFFERENT, Basis.NONE)
    if one.atc and other.atc and not (one.atc.startswith(other.atc) or other.atc.startswith(one.atc)):
        return DIFFERENT, Basis.NONE
    if one.codings & other.codings:
        return EQUAL, Basis.CODING
    if one.names & other.names:
        # Some substances have no code of their own, such as calcium with vitamin D (A12AX): they go by group and name.
        return (EQUAL, Basis.CODING) if one.atc and one.atc == other.atc else (UNKNOWN, Basis.NAME)
    return UNKNOWN, Basis.NONE


def is_unknown(substance: Substance) -> bool:
    """Whether nothing but words says what it is."""
    return not substance.atc and not substance.codings


def _strengths(one: Comparable, other: Comparable) -> Outcome:
    if not (one.strength_stated and other.strength_stated):
        return EQUAL if one.strength_stated == other.strength_stated else SILENT
    if one.strength_text and one.strength_text == other.strength_text:
        return EQUAL
    if one.strength is None or other.strength is None or len(one.strength) != len(other.strength):
        return UNKNOWN
    if [each[:2] for each in one.strength] != [each[:2] for each in other.strength]:
        return UNKNOWN
    return EQUAL if one.strength == other.strength else DIFFERENT


def _forms(one: str, other: str) -> Outcome:
    if not (one and other):
        return EQUAL if one == other else SILENT
    if one == other:
        return EQUAL
    return DIFFERENT if forms.is_known(one) and forms.is_known(other) else UNKNOWN


def _single(one: Comparable) -> Strength | None:
    return one.strength[0] if one.strength and len(one.strength) == 1 else None


def _codings(medicine: pb.Medication) -> list[tuple[str, str]]:
    """Returns codes that name the medicine, or its only active substance."""
    concepts = [medicine.code]
    working = [part for part in medicine.ingredients if not part.HasField("active") or part.active]
    if len(working) == 1:
        concepts.append(working[0].substance)
    return [
        (canonical(each.system).lower(), each.code)
        for concept in concepts
        for each in concept.codings
        if each.code
        and not atc.is_atc(each.system)
        and any(part in canonical(each.system).lower() for part in _IDENTIFYING)
    ]


def _names(medicine: pb.Medication) -> list[str]:
    """Returns what the substance or the brand is called, without strength and form."""
    substances = [part.substance for part in medicine.ingredients if not part.HasField("active") or part.active]
    texts = [medicine.atc.display, *_said(medicine.code), *(text for each in substances for text in _said(each))]
    return [name for text in texts if (name := _name(text))]


def _said(concept: CodeableConcept) -> list[str]:
    return [concept.text, *(coding.display for coding in concept.codings)]


def _name(text: str) -> str:
    """Returns the words of a display before strength and form; empty where they are too few to compare by."""
    words = []
    for word in _plain(text).split():
        if _NOT_A_NAME.search(word) or forms.named(word):
            break
        words.append(word.strip(".,"))
    name = " ".join(words)
    return name if len(name) >= 4 else ""


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
