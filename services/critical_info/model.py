"""The rules of critical information, after Norsk helsenett's API documentation (KI-FHIR, 2026).

Pure functions: no I/O, no clock. What each category takes stands in `categories`, who may write in `authority`, what a
change does in `changes`. Lengths (comment and specification 500 characters, the reason for no resuscitation 80) stand
in the contract and are checked before a service sees the message.
"""

from collections.abc import Iterable
from datetime import date, datetime

from kjernejournal.common.v1.common_pb2 import ABSENCE_KIND_NIL_KNOWN, Coding, EventTime, PartialDate
from kjernejournal.critical_info.v1.critical_info_pb2 import (
    CATEGORY_LIFE_PROLONGING_TREATMENT,
    CATEGORY_UNSPECIFIED,
    STATUS_ACTIVE,
    STATUS_ENDED,
    STATUS_EXPIRED,
    STATUS_REFUTED,
    Category,
    CategoryAbsence,
    CriticalInfo,
    Status,
)
from services.critical_info.categories import CATEGORIES, NEVER_BOTH_ACTIVE
from shared.codes.icd10 import is_cause_or_contact
from shared.convert import moment, start_of
from shared.errors import Invalid
from shared.norwegian_time import norwegian_date

FIELDS = frozenset(
    {
        "status",
        "code",
        "specification",
        "event_time",
        "source_of_information",
        "valid_until",
        "ended",
        "comment",
        "details",
    }
)
"""What an author states of an entry, beside its category. `details` is whichever the category has."""

STATED = (STATUS_ACTIVE, STATUS_REFUTED, STATUS_ENDED)
"""Statuses that an author states. Expired is computed, and deleting is a request of its own."""


def check(entry: CriticalInfo, fields: Iterable[str] = FIELDS) -> None:
    """Raises Invalid for an entry that its category does not allow, whoever sends it. `fields`: those that are new."""
    written = frozenset(fields)
    check_category(entry)
    if "details" in written:
        _check_details(entry)
    if "status" in written and entry.status not in STATED:
        raise Invalid("status", "must be STATUS_ACTIVE, STATUS_REFUTED or STATUS_ENDED")
    if written & {"status", "ended"} and entry.HasField("ended") and entry.status != STATUS_ENDED:
        raise Invalid("ended", "goes with STATUS_ENDED alone")
    if written & {"code", "specification", "details"}:
        _check_subject(entry)
    if "valid_until" in written:
        _check_valid_until(entry)


def check_category(entry: CriticalInfo) -> None:
    """Raises Invalid for an entry without a category."""
    if entry.category not in CATEGORIES:
        raise Invalid("category", "is required")


def _check_details(entry: CriticalInfo) -> None:
    details = entry.WhichOneof("details")
    if details is not None and details != CATEGORIES[entry.category].details:
        raise Invalid(details, "does not belong to this category")


def _check_subject(entry: CriticalInfo) -> None:
    """Raises Invalid when nothing says what the entry is about. Source: KI-FHIR: free text (spesifisering) where no
    code fits. A treatment decision's reason or goal says it too.
    """
    decision = entry.treatment_decision
    in_words = entry.code.text or entry.specification or decision.clinical_reason or decision.treatment_goal
    if not entry.code.codings and not in_words:
        raise Invalid("code", "needs a coding, or a specification in words")
    if entry.specification and not CATEGORIES[entry.category].free_text:
        raise Invalid("specification", "free text is not allowed for infections")
    for position, coding in enumerate(entry.code.codings):
        check_coding(coding, f"code.codings[{position}]")


def check_coding(coding: Coding, path: str) -> None:
    """Raises Invalid for a coding without system or code, or of the ICD-10 chapters XX and XXI (V0n-Y98, Z00-Z99).

    Source: KI-FHIR, codes (16.03.2026): codes of those two chapters are refused.
    """
    if not coding.system or not coding.code:
        raise Invalid(path, "needs system and code")
    if is_cause_or_contact(coding.system, coding.code):
        raise Invalid(f"{path}.code", "ICD-10 chapters XX and XXI are not critical information")


def _check_valid_until(entry: CriticalInfo) -> None:
    if entry.category == CATEGORY_LIFE_PROLONGING_TREATMENT and not entry.HasField("valid_until"):
        raise Invalid("valid_until", "is required for limitation of life-prolonging treatment")


def asked_categories(categories: Iterable["Category.ValueType"]) -> list["Category.ValueType"]:
    """Returns the categories that a list is asked for; empty: all. Raises Invalid for one that is none.

    Nothing has the unspecified category, and an empty list would read as nothing registered.
    """
    asked = sorted(set(categories))
    if CATEGORY_UNSPECIFIED in asked:
        raise Invalid("categories", "must be categories")
    return asked


def status_at(entry: CriticalInfo, now: datetime) -> "Status.ValueType":
    """Returns the status as a reader sees it at `now`: expired is computed, never stored. What ends on a later day is
    active.

    Valid until today or a day that is past: expired; so is a procedure change whose period ends today or has ended.
    A limitation of life-prolonging treatment (category 8) stays active past its date. A day is one in Norway. Source:
    KI-FHIR, the statuses of each profile.
    """
    status = STATUS_ACTIVE if entry.status == STATUS_ENDED and _is_to_come(entry.ended, now) else entry.status
    if status != STATUS_ACTIVE or not CATEGORIES[entry.category].ends:
        return status
    today = norwegian_date(now)
    if entry.HasField("valid_until") and last_day(entry.valid_until) <= today:
        return STATUS_EXPIRED
    period = entry.procedure_change.period
    if period.HasField("end") and norwegian_date(moment(period.end)) <= today:
        return STATUS_EXPIRED
    return STATUS_ACTIVE


def caution(content: CriticalInfo | CategoryAbsence) -> int:
    """Returns how much a version leaves possible: of two of one time the higher one holds. What is in force is above
    what is over, and that nobody has asked above that there is none."""
    if isinstance(content, CategoryAbsence):
        return content.kind != ABSENCE_KIND_NIL_KNOWN
    return content.status == STATUS_ACTIVE


def _is_to_come(ended: EventTime, now: datetime) -> bool:
    """Whether every moment that the time can mean is after `now`; one that nobody knows, or knows as an age, is not."""
    if ended.HasField("instant"):
        return moment(ended.instant) > now
    return ended.HasField("date") and norwegian_date(start_of(ended.date)) > norwegian_date(now)


def both_active(entries: Iterable[CriticalInfo], now: datetime) -> bool:
    """Whether the entries of a patient hold active ones of both categories of which one at most may be active."""
    active = {entry.category for entry in entries if status_at(entry, now) == STATUS_ACTIVE}
    return active >= NEVER_BOTH_ACTIVE


def last_day(partial: PartialDate) -> date:
    """Returns the last day that a partial date can mean: nothing expires before it surely has."""
    if partial.day:
        return date(partial.year, partial.month, partial.day)
    month = partial.month or 12
    first_of_next = date(partial.year + month // 12, month % 12 + 1, 1) if partial.year < 9999 else date.max
    return date.fromordinal(first_of_next.toordinal() - 1)
