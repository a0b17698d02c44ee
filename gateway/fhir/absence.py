"""Statements that there is nothing, or that nothing is known: states, never entries."""

from kjernejournal.common.v1.common_pb2 import CodeableConcept

SNOMED = "http://snomed.info/sct"
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


def says(concept: CodeableConcept | None, codes: set[tuple[str, str]]) -> bool:
    """Whether one of the concept's codings is one of these."""
    return concept is not None and any((each.system, each.code) in codes for each in concept.codings)
