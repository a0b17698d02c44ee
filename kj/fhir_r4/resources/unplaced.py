"""Resource types that no register holds, each with its reason: nothing of a bundle is dropped in silence."""

import re
from collections.abc import Iterator
from typing import Any

from kj.fhir_r4.bundle.resource import Resource

PROBLEMS = "no register holds problems and diagnoses"
PICTURES = "no register holds pictures; their reports go to laboratory answers"
ADVICE = "no register holds recommendations of vaccines"
REACTIONS = "no register holds immunity that was assessed"
FINANCIAL = "financial: not part of a care record"
FRAME = "tells about the bundle itself"
TOLD = "told with the entries that refer to it"
PLANNING = "plans, goals and teams of one provider: no register holds them"
GIVEN = "medicines given inside an institution: no register holds them"
SUPPLIES = "supplies and equipment: no register holds them"
PERSONS = "tells that several resources are one person"
CONSENT = "consents of other countries do not decide here"
FAMILY = "no register holds family history"
NO_HOME = "no register holds this type"
NOTE = "the same note as a DocumentReference: one document"
RESTRICTED_PATIENT = "is about a patient whose record carries a restriction that the registers cannot keep"
PATIENT_LEFT_OUT = "is about a patient who is not placed"
OTHER_PERSON = "about somebody else than the document's patient"

REASONS: dict[str, str] = {
    "Condition": PROBLEMS,
    "ClinicalImpression": PROBLEMS,
    "Specimen": TOLD,
    "ImagingStudy": PICTURES,
    "Media": PICTURES,
    "ImmunizationRecommendation": ADVICE,
    "ImmunizationEvaluation": REACTIONS,
    "Claim": FINANCIAL,
    "ClaimResponse": FINANCIAL,
    "ExplanationOfBenefit": FINANCIAL,
    "Coverage": FINANCIAL,
    "Account": FINANCIAL,
    "Invoice": FINANCIAL,
    "ChargeItem": FINANCIAL,
    "PaymentNotice": FINANCIAL,
    "PaymentReconciliation": FINANCIAL,
    "Composition": FRAME,
    "Provenance": FRAME,
    "MessageHeader": FRAME,
    "OperationOutcome": FRAME,
    "Medication": TOLD,
    "Practitioner": TOLD,
    "PractitionerRole": TOLD,
    "Organization": TOLD,
    "Location": TOLD,
    "Substance": TOLD,
    "Binary": TOLD,
    "HealthcareService": TOLD,
    "Endpoint": TOLD,
    "CarePlan": PLANNING,
    "CareTeam": PLANNING,
    "Goal": PLANNING,
    "ServiceRequest": PLANNING,
    "Task": PLANNING,
    "Appointment": PLANNING,
    "EpisodeOfCare": PLANNING,
    "NutritionOrder": PLANNING,
    "MedicationAdministration": GIVEN,
    "SupplyDelivery": SUPPLIES,
    "SupplyRequest": SUPPLIES,
    "DeviceRequest": SUPPLIES,
    "DeviceDefinition": SUPPLIES,
    "DeviceMetric": SUPPLIES,
    "Person": PERSONS,
    "FamilyMemberHistory": FAMILY,
}


ALERT = "is an alert: critical information takes it from a clinician, who gives it a category"
WISH = "is an advance directive, a wish about treatment: critical information (category 11) takes it from a clinician"
CRITICAL = "is a condition that critical information holds (category 5): it takes it from a clinician"

_DIRECTIVE_SCOPES = frozenset({"adr"})
_DIRECTIVES = frozenset({"acd", "dnr", "polst", "hcd", "emrgonly", "75320-2", "42348-3", "64298-3", "81334-5"})
"""HL7's consent categories and LOINC's documents of advance directives."""
_RESUSCITATION = frozenset({"304251008", "89666000", "439569004", "304253006", "143021000119109"})
"""SNOMED CT: resuscitation, and that it is not for this patient."""
_DIRECTIVE_WORDS = re.compile(
    r"advance (care |health ?care )?directive|living will|resuscitat|do not intubate|\bDNR\b|\bDNAR\b|\bHLR\b"
    r"|livstestament|gjenoppliv",
    re.IGNORECASE,
)
_CRITICAL_ICD10 = (
    *("D55", "D56", "D57", "D58", "D66", "D67", "D68", "D69.3", "D80", "D81", "D82", "D83", "D84.1"),
    *("E10", "E23", "E27.1", "E27.4", "E70", "E71", "E72", "E80", "E84", "G70.0", "I45.8", "Q20", "Q21", "Z94"),
)
"""Beginnings of ICD-10 codes: disorders of blood, clotting and immunity, of adrenals and metabolism, and the like."""


def reason_of(resource: Resource) -> str:
    """Returns why a resource is not placed. What can hurt a patient is named as what it is."""
    if resource.type == "Flag":
        return ALERT
    if resource.type == "Consent":
        return WISH if _is_directive(resource.node.value) else CONSENT
    if resource.type == "Condition" and any(
        code.replace("\u00a0", "").startswith(_CRITICAL_ICD10) for code, _ in _codings(resource.node.value.get("code"))
    ):
        return f"{CRITICAL}; {PROBLEMS}"
    return REASONS.get(resource.type, NO_HOME)


def _is_directive(consent: dict[str, Any]) -> bool:
    if any(code in _DIRECTIVE_SCOPES for code, _ in _codings(consent.get("scope"))):
        return True
    found = list(_codings([consent.get(name) for name in ("category", "policyRule", "provision")]))
    return any(
        code.lower() in _DIRECTIVES or code in _RESUSCITATION or _DIRECTIVE_WORDS.search(display)
        for code, display in found
    )


def _codings(value: Any) -> Iterator[tuple[str, str]]:
    """Yields code and display of every coding in a value, and its texts, however deep."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            code, display = each.get("code"), each.get("display", each.get("text"))
            if isinstance(code, str) or isinstance(display, str):
                yield code if isinstance(code, str) else "", display if isinstance(display, str) else ""
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
