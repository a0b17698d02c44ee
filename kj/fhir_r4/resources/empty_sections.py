"""Sections of a document that are empty for a reason -> statements of absence.

Of FHIR's reasons two are statements about the patient: nilknown, that there is none, and notasked, that nobody knows.
Unavailable says of a summary's section that its maker had no information, as the International Patient Summary uses it,
so it is read as notasked: the weaker of the two. Notstarted and closed are about the maker's work; withheld says that
there is something: read as statements they would be untrue. They are counted and go no further.
"""

from collections.abc import Iterator
from typing import NamedTuple

from google.protobuf.message import Message

from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.resource import called
from kj.fhir_r4.message_spool import ABSENCES, PLACES, Place
from kj.fhir_r4.reading.context import Context
from kj.fhir_r4.reading.datatypes import concept, named
from kj.fhir_r4.reading.modifiers import modifier
from kj.fhir_r4.resources import absence_codes
from kjernejournal.common.v1.common_pb2 import (
    ABSENCE_KIND_NIL_KNOWN,
    ABSENCE_KIND_NOT_ASKED,
    CodeableConcept,
    EntryHeader,
    StatedAbsence,
)
from kjernejournal.critical_info.v1.critical_info_pb2 import (
    CATEGORY_DRUG_REACTION,
    CATEGORY_IMPLANT,
    Category,
    CategoryAbsence,
)
from kjernejournal.medications.v1.medications_pb2 import (
    STATEMENT_KIND_NIL_KNOWN,
    STATEMENT_KIND_NOT_ASKED,
    Medication,
    MedicationStatement,
    SourceRecord,
)
from shared.codes.systems import LIST_EMPTY_REASONS, LOINC, canonical

ALLERGIES, MEDICINES, IMMUNIZATIONS, RESULTS, DEVICES = "48765-2", "10160-0", "11369-6", "30954-2", "46264-8"
"""LOINC codes of a summary's sections that a register holds."""
_NONE, _UNKNOWN = frozenset({"nilknown"}), frozenset({"notasked", "unavailable"})


class Stated(NamedTuple):
    """A statement that a section makes; `message` None: its reason is none."""

    counted: str
    message: Message | None = None
    place: Place | None = None


def statements(context: Context) -> Iterator[Stated]:
    """Yields what the empty sections of a Composition state, at every depth."""
    yield from _sections(context, context.node.children("section"), 0)


def _sections(context: Context, nodes: list[Node], level: int) -> Iterator[Stated]:
    for node in nodes:
        if reason := modifier(node.value, deep=False):
            yield Stated(f"sections of the document, not read: {reason}")
            continue
        found = _section(context, node)
        if found is not None:
            yield found
        if level < 8:
            yield from _sections(context, node.children("section"), level + 1)


def _section(context: Context, node: Node) -> Stated | None:
    entries = node.children("entry")
    if any(each.text("reference") or each.has("identifier") for each in entries):
        return None  # what stands in a section says more than a reason for having nothing there
    code = concept(node.child("code"))
    codes = [each.code for each in code.codings if canonical(each.system) == LOINC] if code else []
    kind = next((each for each in codes if each in _MAKERS), "")
    reason = _reason(node, entries)
    if not reason and not entries and node.has("text") and not node.children("section"):
        return Stated("sections of a document with text alone: no register holds it")
    if not reason:
        return None
    if not kind:
        return Stated("statements of absence in sections that no register holds")
    nil_known = reason in _NONE
    if not nil_known and reason not in _UNKNOWN:
        return Stated(f"empty sections that state nothing of the patient ({reason})")
    header = context.header(context.recorded("date"))
    header.provenance.source_id = f"{called(context.resource)[:280]}#{kind}"
    text = _words(node)
    message, place = _MAKERS[kind](header, nil_known, text)
    return Stated(f"statements of absence: {place.register}", message, place)


def _reason(node: Node, entries: list[Node]) -> str:
    """Returns the section's reason; absent data as its reason is read as unavailable."""
    made = concept(node.child("emptyReason"))
    for each in made.codings if made else ():
        if canonical(each.system) == LIST_EMPTY_REASONS:
            return each.code if each.code in _KNOWN else "another reason"
    absent = next(filter(None, map(absence_codes.data_absent, (node, *entries))), "")
    if absent:
        return "unavailable" if absent in absence_codes.NOT_KNOWN else "withheld"
    return "another reason" if made is not None else ""


_KNOWN = frozenset({"nilknown", "notasked", "withheld", "unavailable", "notstarted", "closed"})


def _words(node: Node) -> str:
    made = concept(node.child("emptyReason"))
    return node.cut(named(made), 500, "emptyReason")


def _critical(category: "Category.ValueType", header: EntryHeader, nil_known: bool, text: str) -> tuple[Message, Place]:
    kind = ABSENCE_KIND_NIL_KNOWN if nil_known else ABSENCE_KIND_NOT_ASKED
    made = CategoryAbsence(header=header, kind=kind, category=category, text=text)
    return made, PLACES[CategoryAbsence]


def _medicines(header: EntryHeader, nil_known: bool, text: str) -> tuple[Message, Place]:
    made = MedicationStatement(
        header=header,
        kind=STATEMENT_KIND_NIL_KNOWN if nil_known else STATEMENT_KIND_NOT_ASKED,
        medication=Medication(code=CodeableConcept(text=text)) if text else None,
        source_record=SourceRecord(resource_type="Composition", status="active"),
    )
    return made, PLACES[MedicationStatement]


def _stated(register: str, header: EntryHeader, nil_known: bool, text: str) -> tuple[Message, Place]:
    kind = ABSENCE_KIND_NIL_KNOWN if nil_known else ABSENCE_KIND_NOT_ASKED
    return StatedAbsence(header=header, kind=kind, text=text), ABSENCES[register]


_MAKERS = {
    ALLERGIES: lambda *told: _critical(CATEGORY_DRUG_REACTION, *told),
    DEVICES: lambda *told: _critical(CATEGORY_IMPLANT, *told),
    MEDICINES: _medicines,
    IMMUNIZATIONS: lambda *told: _stated("vaccinations", *told),
    RESULTS: lambda *told: _stated("labs", *told),
}
