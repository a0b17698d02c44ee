"""Statements that there is nothing, or that nothing is known: states, never entries.

Sources: International Patient Summary, code system absent-unknown-uv-ips, and the SNOMED CT situations that its value
sets name; FHIR R4, list-empty-reason and data-absent-reason.
"""

from typing import NamedTuple

from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import NotPlaced
from kj.fhir_r4.resources import absence_words
from kj.fhir_r4.resources.absence_words import Said, Words
from kjernejournal.common.v1.common_pb2 import (
    ABSENCE_KIND_NIL_KNOWN,
    ABSENCE_KIND_NOT_ASKED,
    AbsenceKind,
    CodeableConcept,
)
from shared.codes.systems import SNOMED, canonical

IPS_ABSENT = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"

DATA_ABSENT_CODES = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_NULL_FLAVOURS = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
NO_INFORMATION = {
    (SNOMED, "1287211007"),  # no information available: what IPS 2.0 recommends for any section
    *((DATA_ABSENT_CODES, each) for each in ("unknown", "asked-unknown", "not-asked", "temp-unknown")),
    *((_NULL_FLAVOURS, each) for each in ("NI", "UNK", "ASKU", "NASK", "NAV")),
}
"""Nobody knows, whatever it is said of."""

NO_KNOWN_DRUG_ALLERGY = {(SNOMED, "409137002"), (IPS_ABSENT, "no-known-medication-allergies")}
NO_KNOWN_OTHER_ALLERGY = {
    (SNOMED, "429625007"),  # food
    (SNOMED, "428607008"),  # environment
    (SNOMED, "716220001"),  # animals
    (SNOMED, "1003774007"),  # latex
    (SNOMED, "716184000"),  # latex
    (SNOMED, "428197003"),  # insects
    (IPS_ABSENT, "no-known-food-allergies"),
    (IPS_ABSENT, "no-known-environmental-allergies"),
}
NO_KNOWN_ALLERGY = {(SNOMED, "716186003"), (SNOMED, "160244002"), (IPS_ABSENT, "no-known-allergies")}
NO_ALLERGY_INFORMATION = NO_INFORMATION | {(IPS_ABSENT, "no-allergy-info")}

NO_KNOWN_MEDICATIONS = {(SNOMED, "787481004"), (IPS_ABSENT, "no-known-medications")}
NO_MEDICATION_INFORMATION = NO_INFORMATION | {(SNOMED, "182904002"), (IPS_ABSENT, "no-medication-info")}

NO_KNOWN_IMMUNIZATIONS = {(SNOMED, "787482006"), (IPS_ABSENT, "no-known-immunizations")}
NO_IMMUNIZATION_INFORMATION = NO_INFORMATION | {(IPS_ABSENT, "no-immunization-info")}

NO_KNOWN_DEVICES = {(SNOMED, "787483001"), (IPS_ABSENT, "no-known-devices")}
NO_DEVICE_INFORMATION = NO_INFORMATION | {(IPS_ABSENT, "no-device-info")}


class Topic(NamedTuple):
    """How a source says of one kind of thing that there is none, or that nobody knows."""

    none: set[tuple[str, str]]
    unknown: set[tuple[str, str]]
    words: Words


ALLERGIES = Topic(
    NO_KNOWN_ALLERGY | NO_KNOWN_DRUG_ALLERGY | NO_KNOWN_OTHER_ALLERGY, NO_ALLERGY_INFORMATION, absence_words.ALLERGIES
)
MEDICINES = Topic(NO_KNOWN_MEDICATIONS, NO_MEDICATION_INFORMATION, absence_words.MEDICINES)
VACCINES = Topic(NO_KNOWN_IMMUNIZATIONS, NO_IMMUNIZATION_INFORMATION, absence_words.VACCINES)
DEVICES = Topic(NO_KNOWN_DEVICES, NO_DEVICE_INFORMATION, absence_words.DEVICES)

_DATA_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
NOT_KNOWN = frozenset({"unknown", "asked-unknown", "not-asked", "temp-unknown"})
"""Reasons for absent data that say: nobody knows. Others, such as masked, say that somebody does."""


def stated(concept: CodeableConcept | None, topic: Topic) -> "AbsenceKind.ValueType | None":
    """Returns what is stated of the whole, by code or in words; None: the concept names something.

    Codes that say both are the weaker: nobody knows. Raises NotPlaced for words that say so and more.
    """
    if says(concept, topic.unknown):
        return ABSENCE_KIND_NOT_ASKED
    if says(concept, topic.none):
        return ABSENCE_KIND_NIL_KNOWN
    said = topic.words.say(concept)
    if said is Said.UNSURE:
        raise NotPlaced("says in words that there is none, and more that is not understood")
    return {Said.NONE: ABSENCE_KIND_NIL_KNOWN, Said.UNKNOWN: ABSENCE_KIND_NOT_ASKED}.get(said) if said else None


def says(concept: CodeableConcept | None, codes: set[tuple[str, str]]) -> bool:
    """Whether one of the concept's codings is one of these."""
    return concept is not None and any((canonical(each.system), each.code) in codes for each in concept.codings)


def data_absent(node: Node | None) -> str:
    """Returns the reason that an element's extension gives for having no value; "": it gives none."""
    if node is None:
        return ""
    reasons = (each.text("valueCode") for each in node.children("extension") if each.text("url") == _DATA_ABSENT)
    return next(filter(None, reasons), "")
