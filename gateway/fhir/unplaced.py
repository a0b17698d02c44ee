"""Resource types that no register holds, each with its reason: nothing of a bundle is dropped in silence."""

PROBLEMS = "no register holds problems and diagnoses"
LABS = "laboratory and other reports: their register comes later"
VACCINATIONS = "vaccinations: their register comes later"
FINANCIAL = "financial: not part of a care record"
FRAME = "tells about the bundle itself"
TOLD = "told with the entries that refer to it"
PLANNING = "plans, goals and teams of one provider: no register holds them"
GIVEN = "medicines given inside an institution: no register holds them"
SUPPLIES = "supplies and equipment: no register holds them"
RELATIVES = "what patients register about kin: its register comes later"
CONSENT = "consents of other countries do not decide here"
FAMILY = "no register holds family history"
NO_HOME = "no register holds this type"
NOTE = "the same note as a DocumentReference: one document"
OTHER_PERSON = "about somebody else than the document's patient"

REASONS: dict[str, str] = {
    "Condition": PROBLEMS,
    "ClinicalImpression": PROBLEMS,
    "Observation": LABS,
    "DiagnosticReport": LABS,
    "Specimen": LABS,
    "ImagingStudy": LABS,
    "Media": LABS,
    "Immunization": VACCINATIONS,
    "ImmunizationRecommendation": VACCINATIONS,
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
    "DeviceUseStatement": TOLD,
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
    "RelatedPerson": RELATIVES,
    "Person": RELATIVES,
    "Consent": CONSENT,
    "FamilyMemberHistory": FAMILY,
}


def reason_of(resource_type: str) -> str:
    """Why resources of this type are not placed."""
    return REASONS.get(resource_type, NO_HOME)
