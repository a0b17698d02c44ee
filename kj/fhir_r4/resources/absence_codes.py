"""Statements that there is nothing, or that nothing is known: states, never entries.

Sources: International Patient Summary, code system absent-unknown-uv-ips, and the SNOMED CT situations that its value
sets name; FHIR R4, list-empty-reason and data-absent-reason.
"""

from kj.fhir_r4.bundle.node import Node
from kjernejournal.common.v1.common_pb2 import CodeableConcept
from shared.codes.systems import SNOMED, canonical

IPS_ABSENT = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"

NO_KNOWN_DRUG_ALLERGY = {(SNOMED, "409137002"), (IPS_ABSENT, "no-known-medication-allergies")}
NO_KNOWN_OTHER_ALLERGY = {
    (SNOMED, "429625007"),  # food
    (SNOMED, "428607008"),  # environment
    (SNOMED, "716220001"),  # animals
    (SNOMED, "1003774007"),  # latex
    (IPS_ABSENT, "no-known-food-allergies"),
    (IPS_ABSENT, "no-known-environmental-allergies"),
}
NO_KNOWN_ALLERGY = {(SNOMED, "716186003"), (IPS_ABSENT, "no-known-allergies")}
NO_ALLERGY_INFORMATION = {(IPS_ABSENT, "no-allergy-info")}

NO_KNOWN_MEDICATIONS = {(SNOMED, "787481004"), (IPS_ABSENT, "no-known-medications")}
NO_MEDICATION_INFORMATION = {(IPS_ABSENT, "no-medication-info")}

NO_KNOWN_IMMUNIZATIONS = {(SNOMED, "787482006"), (IPS_ABSENT, "no-known-immunizations")}
NO_IMMUNIZATION_INFORMATION = {(IPS_ABSENT, "no-immunization-info")}

NO_KNOWN_DEVICES = {(SNOMED, "787483001"), (IPS_ABSENT, "no-known-devices")}
NO_DEVICE_INFORMATION = {(IPS_ABSENT, "no-device-info")}

DATA_ABSENT_CODES = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_DATA_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
NOT_KNOWN = frozenset({"unknown", "asked-unknown", "not-asked", "temp-unknown"})
"""Reasons for absent data that say: nobody knows. Others, such as masked, say that somebody does."""


def says(concept: CodeableConcept | None, codes: set[tuple[str, str]]) -> bool:
    """Whether one of the concept's codings is one of these."""
    return concept is not None and any((canonical(each.system), each.code) in codes for each in concept.codings)


def data_absent(node: Node | None) -> str:
    """Returns the reason that an element's extension gives for having no value; "": it gives none."""
    if node is None:
        return ""
    reasons = (each.text("valueCode") for each in node.children("extension") if each.text("url") == _DATA_ABSENT)
    return next(filter(None, reasons), "")
