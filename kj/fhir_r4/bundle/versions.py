"""Recognises files of other versions of FHIR by what R4 does not have: as R4 they lose doses and "not taken".

Elements that the reader understands all the same, and that files of R4 hold by mistake, are not among them. Sources:
the lists of differences between versions in FHIR R4 and R5 (diff.html), and their lists of resource types.
"""

import re
from typing import Any

_DSTU2, _STU3, _EITHER, _R5 = "DSTU2", "STU3", "STU3 or DSTU2", "R5"

_TYPES = {
    **dict.fromkeys(
        ("MedicationOrder", "DiagnosticOrder", "DeviceUseRequest", "Order", "OrderResponse", "Conformance"), _DSTU2
    ),
    **dict.fromkeys(("Contraindication", "ImagingObjectSelection", "Supply"), _DSTU2),
    **dict.fromkeys(("ImagingManifest", "Sequence", "ServiceDefinition", "ExpansionProfile"), _STU3),
    **dict.fromkeys(
        ("ProcedureRequest", "ReferralRequest", "DeviceComponent", "BodySite", "DataElement", "ProcessRequest"), _EITHER
    ),
    **dict.fromkeys(("ProcessResponse", "EligibilityRequest", "EligibilityResponse"), _EITHER),
    **dict.fromkeys(("DeviceUsage", "DeviceDispense", "DeviceAssociation", "NutritionIntake", "ImagingSelection"), _R5),
    **dict.fromkeys(("GenomicStudy", "EncounterHistory", "FormularyItem", "InventoryReport", "Transport"), _R5),
}

_ELEMENTS: dict[str, dict[str, tuple[type, str]]] = {
    "AllergyIntolerance": {
        "clinicalStatus": (str, _STU3),
        "verificationStatus": (str, _STU3),
        "substance": (dict, _DSTU2),
        "status": (str, _DSTU2),
        "type": (dict, _R5),
        "participant": (list, _R5),
    },
    "Composition": {"class": (dict, _EITHER), "subject": (list, _R5)},
    "Condition": {"clinicalStatus": (str, _EITHER), "verificationStatus": (str, _EITHER), "participant": (list, _R5)},
    "Device": {"udi": (dict, _STU3), "model": (str, _EITHER), "type": (list, _R5)},
    "DeviceUseStatement": {"whenUsed": (dict, _EITHER), "indication": (list, _EITHER)},
    "DiagnosticReport": {
        "context": (dict, _STU3),
        "image": (list, _EITHER),
        "performer": (dict, _DSTU2),
    },
    "DocumentReference": {
        "class": (dict, _EITHER),
        "indexed": (str, _EITHER),
        "created": (str, _EITHER),
        "context": (list, _R5),
    },
    "Encounter": {
        "class": (str, _DSTU2),
        "patient": (dict, _DSTU2),
        "indication": (list, _DSTU2),
        "reason": (list, _STU3),
        "incomingReferral": (list, _EITHER),
        "actualPeriod": (dict, _R5),
    },
    "Immunization": {
        "notGiven": (bool, _STU3),
        "practitioner": (list, _STU3),
        "wasNotGiven": (bool, _DSTU2),
        "explanation": (dict, _EITHER),
        "reported": (bool, _DSTU2),
        "reason": (list, _R5),
        "informationSource": (dict, _R5),
        "vaccinationProtocol": (list, _EITHER),
    },
    "Medication": {"isBrand": (bool, _EITHER), "product": (dict, _DSTU2), "package": (dict, _EITHER)},
    "MedicationAdministration": {"notGiven": (bool, _STU3), "wasNotGiven": (bool, _DSTU2), "medication": (dict, _R5)},
    "MedicationDispense": {
        "notDone": (bool, _STU3),
        "patient": (dict, _DSTU2),
        "dispenser": (dict, _DSTU2),
        "notDoneReasonCodeableConcept": (dict, _STU3),
        "notDoneReasonReference": (dict, _STU3),
        "notPerformedReason": (dict, _R5),
        "medication": (dict, _R5),
    },
    "MedicationRequest": {
        "context": (dict, _STU3),
        "definition": (list, _STU3),
        "medication": (dict, _R5),
        "reason": (list, _R5),
    },
    "MedicationStatement": {
        "taken": (str, _STU3),
        "reasonNotTaken": (list, _EITHER),
        "wasNotTaken": (bool, _DSTU2),
        "patient": (dict, _DSTU2),
        "medication": (dict, _R5),
        "adherence": (dict, _R5),
        "reason": (list, _R5),
    },
    "Observation": {
        "context": (dict, _STU3),
        "comments": (str, _DSTU2),
        "related": (list, _EITHER),
    },
    "Patient": {"animal": (dict, _EITHER), "careProvider": (list, _DSTU2)},
    "Practitioner": {"practitionerRole": (list, _DSTU2), "name": (dict, _DSTU2)},
    "Procedure": {
        "notDone": (bool, _STU3),
        "context": (dict, _STU3),
        "notPerformed": (bool, _DSTU2),
        "reason": (list, _R5),
        "occurrenceDateTime": (str, _R5),
        "occurrencePeriod": (dict, _R5),
    },
    "RelatedPerson": {"relationship": (dict, _EITHER)},
}
_DOSAGES = ("dosageInstruction", "dosage")
_DOSES = ("doseQuantity", "doseRange", "rateQuantity", "rateRange", "rateRatio")
"""In R4 they stand in doseAndRate."""
_OLD_DOSES = ("quantityQuantity", "quantityRange")
_PROFILE = re.compile(r"/(STU3|DSTU2)/|^https?://hl7\.org/fhir/([135])\.0/")
_NUMBERS = {"1": _DSTU2, "3": _STU3, "5": _R5}
"""Versions of FHIR as its own addresses number them."""


def other_version(value: dict[str, Any]) -> str:
    """Returns the version of FHIR that a resource is of, by what R4 does not have; "": nothing speaks against R4."""
    kind = value.get("resourceType")
    if not isinstance(kind, str):
        return ""
    if kind in _TYPES:
        return _TYPES[kind]
    for name, (written, version) in _ELEMENTS.get(kind, {}).items():
        if isinstance(value.get(name), written) and value[name] is not False:  # "not given: false" changes nothing
            return version
    return _of_parts(kind, value) or _of_profile(value)


def _of_parts(kind: str, value: dict[str, Any]) -> str:
    if kind.startswith("Medication") and (found := _of_dosages(value)):
        return found
    if kind == "MedicationRequest" and _in(_in(value, "requester"), "agent") is not None:
        return _STU3
    if kind == "Encounter" and isinstance(value.get("class"), list):
        return _R5
    names = _objects(value.get("name")) if kind in ("Patient", "Practitioner", "RelatedPerson") else []
    return _DSTU2 if any(isinstance(each.get("family"), list) for each in names) else ""


def _of_dosages(value: dict[str, Any]) -> str:
    for each in (dosage for name in _DOSAGES for dosage in _objects(value.get(name))):
        if any(name in each for name in _OLD_DOSES):
            return _DSTU2
        if any(name in each for name in _DOSES):
            return _EITHER
    return ""


def _of_profile(value: dict[str, Any]) -> str:
    profiles = _in(_in(value, "meta") or {}, "profile")
    for each in profiles if isinstance(profiles, list) else ():
        if isinstance(each, str) and (found := _PROFILE.search(each)):
            return found[1] or _NUMBERS[found[2]]
    return ""


def _in(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
