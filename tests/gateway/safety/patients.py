"""Synthetic patients for the safety checks: entries of the two sections, and conflicts planted into them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import uuid4

from gateway.safety.check import Checked, Seen, check
from gateway.safety.knowledge import Knowledge
from gateway.texts.languages import Language
from kj.feeds.knowledge_table import SHIPPED, read
from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, EntryHeader, ListWindow, Provenance
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.codes.systems import ATC, ICD10
from shared.convert import timestamp

NOW = datetime.now(UTC).replace(microsecond=0)
TABLE = read(SHIPPED)
KNOWLEDGE = Knowledge(TABLE)


def medication(atc: str, strength: str = "10 mg") -> pb.Medication:
    return pb.Medication(
        atc=Coding(system=ATC, code=atc), code=CodeableConcept(text=f"medicine {atc}"), strength=strength
    )


def header() -> EntryHeader:
    return EntryHeader(
        id=str(uuid4()), version=1, provenance=Provenance(source_id=str(uuid4()), recorded_at=timestamp(NOW))
    )


@dataclass
class Made:
    """A patient's two sections, entry by entry."""

    critical: ki.CriticalInfoSection = field(default_factory=lambda: ki.CriticalInfoSection(window=ListWindow()))
    medicines: pb.MedicationsSection = field(
        default_factory=lambda: pb.MedicationsSection(
            prescriptions_window=ListWindow(), dispensings_window=ListWindow(), statements_window=ListWindow()
        )
    )

    def prescribed(self, atc: str, *, active: bool = True, strength: str = "10 mg", **fields: Any) -> pb.Prescription:
        added = self.medicines.prescriptions.add(
            header=header(), medication=fields.pop("medication", None) or medication(atc, strength), active=active
        )
        added.MergeFrom(pb.Prescription(**fields))
        self.medicines.active_prescriptions += active
        return added

    def listed(
        self, atc: str, status: "pb.EntryStatus.ValueType" = pb.ENTRY_STATUS_ACTIVE, **fields: Any
    ) -> pb.ListEntry:
        self.medicines.medication_list.header.version = 3
        return self.medicines.medication_list.entries.add(
            id=str(uuid4()), status=status, medication=medication(atc), **fields
        )

    def stated(self, atc: str, *, in_use: bool = True, status: str = "", **fields: Any) -> pb.MedicationStatement:
        return self.medicines.statements.add(
            header=header(),
            kind=pb.STATEMENT_KIND_MEDICINE,
            medication=medication(atc),
            in_use=in_use,
            source_record=pb.SourceRecord(status=status or ("active" if in_use else "stopped")),
            **fields,
        )

    def dispensed(self, atc: str, days_ago: int = 5, **fields: Any) -> pb.Dispensing:
        when = timestamp(NOW - timedelta(days=days_ago))
        return self.medicines.dispensings.add(header=header(), medication=medication(atc), dispensed_at=when, **fields)

    def allergic(self, atc: str = "", text: str = "", **reaction: Any) -> ki.CriticalInfo:
        codings = [Coding(system=ATC, code=atc, display=f"allergen {atc}")] if atc else []
        return self.critical.critical_info.add(
            header=header(),
            category=ki.CATEGORY_DRUG_REACTION,
            status=ki.STATUS_ACTIVE,
            code=CodeableConcept(codings=codings, text=text),
            reaction=ki.Reaction(**reaction),
        )

    def ill(self, code: str, system: str = ICD10) -> ki.CriticalInfo:
        return self.critical.critical_info.add(
            header=header(),
            category=ki.CATEGORY_CRITICAL_CONDITION,
            status=ki.STATUS_ACTIVE,
            code=CodeableConcept(codings=[Coding(system=system, code=code, display=f"condition {code}")]),
        )

    def checked(self, *asked: pb.Medication, knowledge: Knowledge | None = KNOWLEDGE) -> Checked:
        return check(knowledge, Seen(self.critical, self.medicines), NOW, asked)


def found(checked: Checked) -> list[tuple[str, str, str]]:
    """Returns kind, severity and text of each finding, in short."""
    return [
        (
            pb.CheckKind.Name(each.kind).removeprefix("CHECK_KIND_"),
            pb.Severity.Name(each.severity).removeprefix("SEVERITY_"),
            each.text.text,
        )
        for each in checked.findings(Language.ENGLISH)
    ]


def kinds(checked: Checked) -> list[str]:
    return [kind for kind, _, _ in found(checked)]


def not_checked(checked: Checked) -> set[tuple[str, str, str]]:
    """Returns kind, reason and medicine of what was not checked, but for what never is."""
    return {
        (
            pb.CheckKind.Name(each.kind).removeprefix("CHECK_KIND_"),
            pb.NotCheckedReason.Name(each.reason).removeprefix("NOT_CHECKED_REASON_"),
            each.medication.text or (each.medication.codings[0].display if each.medication.codings else ""),
        )
        for each in checked.not_checked
        if each.kind != pb.CHECK_KIND_LABORATORY
    }


def without_pairs(checked: Checked) -> set[str]:
    """Returns the medicines of which no pair is known."""
    assert checked.coverage is not None
    return {each.text for each in checked.coverage.medicines_without_pairs}


def member(group: str) -> str:
    """Returns a code of a substance in the group."""
    return (group + "A" * (5 - len(group)) if len(group) < 5 else group)[:5] + "99" if len(group) < 7 else group


@dataclass(frozen=True)
class Planted:
    """A patient with one conflict of the table."""

    row: str
    kind: str
    severity: str
    made: Made
    atc: str
    """The medicine that is to be prescribed when the conflict is asked about instead."""


@cache
def planted() -> tuple[Planted, ...]:
    """Returns each row of the table, at each pair of its codes, in a patient of its own. Made when a test asks."""
    return (*_allergies(), *_interactions(), *_duplicates(), *_conditions())


def _allergies() -> Iterator[Planted]:
    """Yields allergies to a substance of the class and, where the other is of another class, to the class alone."""
    for number, row in enumerate(TABLE.cross_reactions):
        for allergen, atc in _pairs(row.allergy_atc, row.medicine_atc):
            for of_class in {False, len(allergen) < 7 and not atc.startswith(allergen)}:
                made = Made()
                made.allergic(allergen if of_class else _other(allergen, atc))
                made.prescribed(member(atc))
                yield Planted(f"allergy {number}", "ALLERGY_CLASS", _severity(row.severity), made, member(atc))


def _interactions() -> Iterator[Planted]:
    """Yields each pair that interacts, in both orders."""
    for number, row in enumerate(TABLE.interactions):
        for pair in _pairs(row.first_atc, row.second_atc):
            for one, two in (pair, pair[::-1]):
                made = Made()
                made.prescribed(member(one))
                made.listed(member(two))
                yield Planted(f"interaction {number}", "INTERACTION", _severity(row.severity), made, member(one))


def _duplicates() -> Iterator[Planted]:
    for number, row in enumerate(TABLE.therapeutic_groups):
        for one, two in _pairs(row.atc, row.atc):
            if member(one) != _other(two, member(one)):
                made = Made()
                made.prescribed(member(one))
                made.stated(_other(two, member(one)))
                yield Planted(f"duplicate {number}", "DUPLICATE", _severity(row.severity), made, member(one))


def _conditions() -> Iterator[Planted]:
    for number, row in enumerate(TABLE.condition_conflicts):
        for condition in row.conditions:
            for atc in row.atc:
                made = Made()
                made.ill(condition.code if "." in condition.code else f"{condition.code}.0")
                made.dispensed(member(atc))
                yield Planted(f"condition {number}", "CONDITION", _severity(row.severity), made, member(atc))


def _pairs(ones: Iterable[str], twos: Iterable[str]) -> Iterator[tuple[str, str]]:
    return ((one, two) for one in ones for two in twos)


def _other(group: str, than: str) -> str:
    """Returns a code of a substance in the group, another one than `than` where the group has others."""
    code = member(group)
    if len(group) < 7 and code[:5] == member(than)[:5]:
        return code[:5] + "98"
    return code


def _severity(value: int) -> str:
    return pb.Severity.Name(value).removeprefix("SEVERITY_")  # type: ignore[arg-type]  # a Severity
