"""Encounter -> visits: when and where, never why. Reason codes, types and diagnoses are not even read."""

from kj.fhir_r4.bundle.refusals import NotPlaced
from kj.fhir_r4.bundle.times import AHEAD, EARLIEST, period
from kj.fhir_r4.reading.context import Context
from kjernejournal.common.v1.common_pb2 import Coding, Organisation
from kjernejournal.visits.v1.visits_pb2 import (
    CONTACT_KIND_ADMISSION,
    CONTACT_KIND_DAY_TREATMENT,
    CONTACT_KIND_OUTPATIENT,
    CONTACT_KIND_UNSPECIFIED,
    ContactKind,
    Visit,
)
from shared.codes.systems import ACT_CODES, CONTACT_CLASSES, canonical
from shared.convert import moment

_KINDS = {
    "AMB": CONTACT_KIND_OUTPATIENT,
    "EMER": CONTACT_KIND_OUTPATIENT,
    "SS": CONTACT_KIND_DAY_TREATMENT,
    "IMP": CONTACT_KIND_ADMISSION,
    "ACUTE": CONTACT_KIND_ADMISSION,
    "NONAC": CONTACT_KIND_ADMISSION,
}
"""HL7 v3 ActEncounterCode: ambulatory, emergency, short stay, inpatient, acute and non-acute inpatient."""
_NO_PLACE = "VR"
_NOT_HAPPENED = frozenset({"planned"})
_TAKEN_BACK = frozenset({"cancelled", "entered-in-error"})
"""Nothing else is read then: what was taken for a visit before is none."""


def map_encounter(context: Context) -> Visit:
    """Returns the visit; one that did not take place, or is entered in error, is marked so, and is in no list.

    Primary care is no kind of its own here: the class does not say it, and the source's code is kept. Raises NotPlaced
    for what is no contact: planned, without a place or a start.
    """
    node = context.node
    status = node.text("status")
    if status in _TAKEN_BACK:
        unit = _unit(context)
        return Visit(
            header=context.header(context.recorded_start("period"), organisation=unit), unit=unit, withdrawn=True
        )
    if status in _NOT_HAPPENED:
        raise NotPlaced("has not taken place")
    coded = node.child("class")
    if coded is not None and coded.text("code") == _NO_PLACE:
        raise NotPlaced("is a contact without a place (virtual)")
    kind, source_class = _class(coded.text("system") if coded else "", coded.text("code") if coded else "")
    if kind == CONTACT_KIND_UNSPECIFIED and not source_class:
        raise NotPlaced("does not say what kind of contact it was")
    span = period(node.child("period"))
    if span is None or not span.HasField("start"):
        raise NotPlaced("does not say when it began")
    begun = moment(span.start)
    if not EARLIEST <= begun <= context.now + AHEAD:
        raise NotPlaced("began before 1900 or begins in the future")
    unit = _unit(context)
    if unit is None:
        raise NotPlaced("does not say where it was")
    recorded = context.recorded_start("period")
    return Visit(
        header=context.header(recorded, organisation=unit),
        kind=kind,
        source_class=source_class,
        period=span,
        unit=unit,
    )


def _class(system: str, code: str) -> "tuple[ContactKind.ValueType, list[Coding]]":
    """Returns the kind of contact and the source's code for it.

    A code of another system is not understood, so it is not kept.
    """
    if not code or canonical(system) not in CONTACT_CLASSES:
        return CONTACT_KIND_UNSPECIFIED, []
    kind = _KINDS.get(code, CONTACT_KIND_UNSPECIFIED) if canonical(system) == ACT_CODES else CONTACT_KIND_UNSPECIFIED
    return kind, [Coding(system=system, code=code)]


def _unit(context: Context) -> Organisation | None:
    """Returns the unit that answers for the contact, else the place where it was."""
    unit = context.organisation(context.node.child("serviceProvider"))
    if unit is not None:
        return unit
    places = (each.child("location") for each in context.node.children("location"))
    return next(filter(None, map(context.organisation, places)), None)
