"""The rules of critical information, after Norsk helsenett's API documentation (KI-FHIR, 2026).

Pure functions: no I/O, no clock.
"""

from collections.abc import Iterable
from datetime import date, datetime

from kjernejournal.common.v1.common_pb2 import Coding, PartialDate
from kjernejournal.critical_info.v1.critical_info_pb2 import (
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
    CATEGORY_UNSPECIFIED,
    STATUS_ACTIVE,
    STATUS_EXPIRED,
    STATUS_REFUTED,
    Category,
    CriticalInfo,
    Status,
)
from shared.errors import Invalid, Reason

ICD10 = "urn:oid:2.16.578.1.12.4.1.1.7110"

CODE_SYSTEMS = frozenset(
    {
        ICD10,
        "urn:oid:2.16.578.1.12.4.1.1.7170",  # ICPC-2
        "http://www.whocc.no/atc",
        "http://snomed.info/sct",
        "http://ehelse.no/FESTSubstance",
        "http://ehelse.no/FESTMedication",
        "http://dmp.no/fhir/NamingSystem/festLegemiddelMerkevare",
        "http://dmp.no/fhir/NamingSystem/festLegemiddelDose",
        "http://dmp.no/fhir/NamingSystem/festLegemiddelPakning",
    }
)
"""Code systems that health personnel write."""

DETAILS = {
    CATEGORY_DRUG_REACTION: "reaction",
    CATEGORY_OTHER_ALLERGY: "reaction",
    CATEGORY_INTUBATION_PROBLEM: "anaesthesia",
    CATEGORY_OTHER_ANAESTHESIA_PROBLEM: "anaesthesia",
    CATEGORY_CRITICAL_CONDITION: "condition",
    CATEGORY_ONGOING_TREATMENT: "treatment",
    CATEGORY_IMPLANT: "implant",
    CATEGORY_LIFE_PROLONGING_TREATMENT: None,
    CATEGORY_PROCEDURE_CHANGE: "procedure_change",
    CATEGORY_INFECTION: "condition",
    CATEGORY_TREATMENT_DECISION: "treatment_decision",
}
"""The details that each category takes. Source: the FHIR profile of each category."""


def check(entry: CriticalInfo) -> None:
    """Raises Invalid for an entry that its category does not allow."""
    if entry.category not in DETAILS:
        raise Invalid("category", "is required")
    details = entry.WhichOneof("details")
    if details is not None and details != DETAILS[entry.category]:
        raise Invalid(details, "does not belong to this category")
    if entry.status not in (STATUS_ACTIVE, STATUS_REFUTED):
        raise Invalid("status", "must be STATUS_ACTIVE or STATUS_REFUTED")
    if not entry.code.codings and not entry.code.text and not entry.specification:
        raise Invalid("code", "needs a coding, or a specification in words")
    for position, coding in enumerate(entry.code.codings):
        check_coding(coding, f"code.codings[{position}]")
    if entry.category == CATEGORY_INFECTION and entry.specification:
        raise Invalid("specification", "free text is not allowed for infections")  # Helsedirektoratet, February 2025
    if entry.category == CATEGORY_LIFE_PROLONGING_TREATMENT and not entry.HasField("valid_until"):
        raise Invalid("valid_until", "is required for limitation of life-prolonging treatment")


def check_code_systems(entry: CriticalInfo) -> None:
    """Raises Invalid (UNKNOWN_CODE_SYSTEM) for a code of a system that health personnel do not write here.

    A feed's entries keep the codes of their source. Source: KI-FHIR, codes, and the FEST names of HL7Norway/LMDI.
    """
    for position, coding in enumerate(entry.code.codings):
        if coding.system not in CODE_SYSTEMS:
            raise Invalid(
                f"code.codings[{position}].system",
                "is not a code system of critical information",
                Reason.ERROR_REASON_UNKNOWN_CODE_SYSTEM,
            )


def asked_categories(categories: Iterable["Category.ValueType"]) -> list["Category.ValueType"]:
    """The categories that a list is asked for; empty: all. Raises Invalid for one that is none.

    Nothing has the unspecified category, and an empty list would read as nothing registered.
    """
    asked = sorted(set(categories))
    if CATEGORY_UNSPECIFIED in asked:
        raise Invalid("categories", "must be categories")
    return asked


def check_coding(coding: Coding, path: str) -> None:
    """Raises Invalid for a coding without system or code, or of the ICD-10 chapters XX and XXI (V0n-Y98, Z00-Z99).

    Source: KI-FHIR, codes (16.03.2026): codes of those two chapters are refused.
    """
    if not coding.system or not coding.code:
        raise Invalid(path, "needs system and code")
    if coding.system == ICD10 and coding.code[:1].upper() in ("V", "W", "X", "Y", "Z"):
        raise Invalid(f"{path}.code", "ICD-10 chapters XX and XXI are not critical information")


def status_at(entry: CriticalInfo, now: datetime) -> "Status.ValueType":
    """The status as a reader sees it at `now`: expired is computed, never stored.

    Valid-until today or past is expired. A limitation of life-prolonging treatment (category 8) stays active past its
    date. A procedure change ends with its period. Source: KI-FHIR, the statuses of each profile.
    """
    if entry.status != STATUS_ACTIVE or entry.category == CATEGORY_LIFE_PROLONGING_TREATMENT:
        return entry.status
    if entry.HasField("valid_until") and _last_day(entry.valid_until) <= now.date():
        return STATUS_EXPIRED
    period = entry.procedure_change.period
    if period.HasField("end") and period.end.seconds <= now.timestamp():
        return STATUS_EXPIRED
    return STATUS_ACTIVE


def _last_day(partial: PartialDate) -> date:
    """The last day that a partial date can mean: nothing expires before it surely has."""
    if partial.day:
        return date(partial.year, partial.month, partial.day)
    month = partial.month or 12
    first_of_next = date(partial.year + month // 12, month % 12 + 1, 1) if partial.year < 9999 else date.max
    return date.fromordinal(first_of_next.toordinal() - 1)
