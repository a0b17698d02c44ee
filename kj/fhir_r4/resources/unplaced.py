"""Resource types that no register holds, each with its reason: nothing of a bundle is dropped in silence."""

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
    "Consent": CONSENT,
    "FamilyMemberHistory": FAMILY,
}


def reason_of(resource_type: str) -> str:
    """Returns why resources of this type are not placed."""
    return REASONS.get(resource_type, NO_HOME)
