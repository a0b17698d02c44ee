"""What health personnel write, beyond what everybody does: the codes of a field, and what belongs to its category.

A feed's entries keep the codes of their source. Pure functions.
"""

from collections.abc import Callable, Iterable

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, EventTime
from kjernejournal.critical_info.v1.critical_info_pb2 import (
    ALLERGEN_KIND_UNSPECIFIED,
    CATEGORY_DRUG_REACTION,
    CriticalInfo,
    Reaction,
)
from services.critical_info.categories import CATEGORIES
from services.critical_info.codes import DURATIONS, MANIFESTATIONS, SOURCES_OF_INFORMATION
from services.critical_info.model import FIELDS
from shared.codes import atc
from shared.codes.systems import canonical
from shared.convert import moment
from shared.errors import Invalid, Reason

OLDEST = 150
"""Years of age that nobody has reached."""


def check(entry: CriticalInfo, fields: Iterable[str] = FIELDS) -> None:
    """Raises Invalid for what health personnel do not write in an entry of its category. `fields`: those that are new.

    UNKNOWN_CODE_SYSTEM: a code of a system that the field does not take. The entry has passed `model.check`.
    """
    written = frozenset(fields)
    for field, rule in _RULES.items():
        if field in written:
            rule(entry)


def _check_code(entry: CriticalInfo) -> None:
    takes = CATEGORIES[entry.category]
    for position, coding in enumerate(entry.code.codings):
        path = f"code.codings[{position}]"
        _check_system(coding, takes.systems, path)
        if atc.is_atc(coding.system) and not atc.plain(coding.code):
            raise Invalid(f"{path}.code", "is not an ATC code")
    if entry.code.text and not takes.free_text:
        raise Invalid("code.text", "free text is not allowed for infections")


def _check_event_time(entry: CriticalInfo) -> None:
    _check_age(entry.event_time, "event_time")


def _check_ended(entry: CriticalInfo) -> None:
    _check_age(entry.ended, "ended")


def _check_source_of_information(entry: CriticalInfo) -> None:
    if not entry.HasField("source_of_information"):
        return
    if not CATEGORIES[entry.category].source_of_information:
        raise Invalid("source_of_information", "does not belong to this category")
    _check_coding(entry.source_of_information, SOURCES_OF_INFORMATION, "source_of_information")


def _check_details(entry: CriticalInfo) -> None:
    if entry.HasField("reaction"):
        _check_reaction(entry, entry.reaction)
    elif entry.HasField("anaesthesia"):
        _check_concept(entry.anaesthesia.intubation_grading, "anaesthesia.intubation_grading")
        _check_concept(entry.anaesthesia.mask_ventilation, "anaesthesia.mask_ventilation")
    elif entry.HasField("treatment"):
        _check_age(entry.treatment.started, "treatment.started")
    elif entry.HasField("implant"):
        _check_age(entry.implant.implanted, "implant.implanted")
    elif entry.HasField("procedure_change"):
        period = entry.procedure_change.period
        if period.HasField("start") and period.HasField("end") and moment(period.end) < moment(period.start):
            raise Invalid("procedure_change.period.end", "is before the start")
    elif entry.treatment_decision.HasField("duration"):
        _check_coding(entry.treatment_decision.duration, DURATIONS, "treatment_decision.duration")


def _check_reaction(entry: CriticalInfo, reaction: Reaction) -> None:
    """Raises Invalid where a field does not belong to the category. Source: KI-FHIR: FHIR's category separates drug
    reactions from other allergies; only medicines have excipients.
    """
    allergens = CATEGORIES[entry.category].allergens
    if reaction.allergen_kind not in (*allergens, ALLERGEN_KIND_UNSPECIFIED):
        raise Invalid("reaction.allergen_kind", "does not belong to this category")
    if reaction.inactive_ingredient and entry.category != CATEGORY_DRUG_REACTION:
        raise Invalid("reaction.inactive_ingredient", "belongs to drug reactions alone")
    for position, manifestation in enumerate(reaction.manifestations):
        path = f"reaction.manifestations[{position}]"
        if not manifestation.codings and not manifestation.text:
            raise Invalid(path, "needs a coding, or words")
        for number, coding in enumerate(manifestation.codings):
            _check_coding(coding, MANIFESTATIONS, f"{path}.codings[{number}]")


def _check_concept(concept: CodeableConcept, path: str) -> None:
    for position, coding in enumerate(concept.codings):
        if not coding.system or not coding.code:
            raise Invalid(f"{path}.codings[{position}]", "needs system and code")


def _check_coding(coding: Coding, systems: frozenset[str], path: str) -> None:
    if not coding.code:
        raise Invalid(f"{path}.code", "is required")
    _check_system(coding, systems, path)


def _check_system(coding: Coding, systems: frozenset[str], path: str) -> None:
    if canonical(coding.system) not in systems:
        raise Invalid(f"{path}.system", "is not a code system of this field", Reason.ERROR_REASON_UNKNOWN_CODE_SYSTEM)


def _check_age(time: EventTime, path: str) -> None:
    if time.HasField("age_years") and not 0 <= time.age_years <= OLDEST:
        raise Invalid(f"{path}.age_years", f"must be 0 to {OLDEST}")


_RULES: dict[str, Callable[[CriticalInfo], None]] = {
    "code": _check_code,
    "event_time": _check_event_time,
    "ended": _check_ended,
    "source_of_information": _check_source_of_information,
    "details": _check_details,
}
