"""The eleven categories as data: what each takes of the fields, and from which code systems.

Source: the FHIR profile of each category in Norsk helsenett's documentation (KI-FHIR, read in 2026). SNOMED CT is not
seen in those profiles; our contract takes it beside them in every category.
"""

from typing import NamedTuple

from kjernejournal.critical_info.v1.critical_info_pb2 import (
    ALLERGEN_KIND_BIOLOGIC,
    ALLERGEN_KIND_ENVIRONMENT,
    ALLERGEN_KIND_FOOD,
    ALLERGEN_KIND_MEDICATION,
    CATEGORY_CRITICAL_CONDITION,
    CATEGORY_DRUG_REACTION,
    CATEGORY_IMPLANT,
    CATEGORY_INFECTION,
    CATEGORY_INTUBATION_PROBLEM,
    CATEGORY_LIFE_PROLONGING_TREATMENT,
    CATEGORY_ONGOING_TREATMENT,
    CATEGORY_OTHER_ALLERGY,
    CATEGORY_OTHER_ANAESTHESIA_PROBLEM,
    CATEGORY_PROCEDURE_CHANGE,
    CATEGORY_TREATMENT_DECISION,
    AllergenKind,
    Category,
)
from services.critical_info.codes import DIAGNOSES, MEDICINES
from shared.codes.systems import SNOMED

EVERY_SYSTEM = MEDICINES | DIAGNOSES | {SNOMED}


class Takes(NamedTuple):
    """What entries of a category hold beside the fields of all."""

    details: str | None
    """The one of CriticalInfo's details."""
    systems: frozenset[str]
    """Code systems that health personnel code the entry in."""
    source_of_information: bool = True
    free_text: bool = True
    """Words in place of a code (spesifisering)."""
    ends: bool = True
    """It expires past its last day; else it is active until somebody refutes it."""
    allergens: "frozenset[AllergenKind.ValueType]" = frozenset()


CATEGORIES: "dict[Category.ValueType, Takes]" = {
    # KjAllergyIntolerance: ATC, FEST brand name or active ingredient. FHIR's category separates the two.
    CATEGORY_DRUG_REACTION: Takes("reaction", MEDICINES | {SNOMED}, allergens=frozenset({ALLERGEN_KIND_MEDICATION})),
    CATEGORY_OTHER_ALLERGY: Takes(
        "reaction",
        EVERY_SYSTEM,
        allergens=frozenset({ALLERGEN_KIND_FOOD, ALLERGEN_KIND_ENVIRONMENT, ALLERGEN_KIND_BIOLOGIC}),
    ),
    # KjConditionComplicationsOfAnesthesia.
    CATEGORY_INTUBATION_PROBLEM: Takes("anaesthesia", DIAGNOSES | {SNOMED}),
    CATEGORY_OTHER_ANAESTHESIA_PROBLEM: Takes("anaesthesia", EVERY_SYSTEM),
    # KjConditionCriticalMedicalCondition, coded in ICD-10.
    CATEGORY_CRITICAL_CONDITION: Takes("condition", DIAGNOSES | {SNOMED}),
    # KjProcedure: treatment with a medicine too.
    CATEGORY_ONGOING_TREATMENT: Takes("treatment", EVERY_SYSTEM),
    # KjDeviceUseStatement, and KjConditionTransplantsAndOtherForeignBodies.
    CATEGORY_IMPLANT: Takes("implant", EVERY_SYSTEM),
    # KjConsent, policyRule 1 (13.05.2026): a date is required, and the entry is shown as active past it.
    CATEGORY_LIFE_PROLONGING_TREATMENT: Takes(None, DIAGNOSES | {SNOMED}, source_of_information=False, ends=False),
    # KjFlag.
    CATEGORY_PROCEDURE_CHANGE: Takes("procedure_change", EVERY_SYSTEM, source_of_information=False),
    # KjConditionInfection. Helsedirektoratet, February 2025: a code, never free text in its place.
    CATEGORY_INFECTION: Takes("condition", DIAGNOSES | {SNOMED}, free_text=False),
    # KjConsentBehandlingsavklaring, policyRule 2 (20.05.2026).
    CATEGORY_TREATMENT_DECISION: Takes("treatment_decision", DIAGNOSES | {SNOMED}, source_of_information=False),
}

NEVER_BOTH_ACTIVE = frozenset({CATEGORY_LIFE_PROLONGING_TREATMENT, CATEGORY_TREATMENT_DECISION})
"""A patient has active entries of one of the two at most; the second replaces the first.

Source: KI-FHIR, behandlingsavklaring: category 8 must be inactivated or expire first. Here it must be refuted or
deleted: past its date it is still shown as active, and a reader would have two decisions before them, either of which
could be the older. Category 11 expires as others do, and stands in nobody's way then.
"""
