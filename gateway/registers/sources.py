"""Holds the table of registers, a row each. A register comes into the summary by a row here and a field there."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from gateway.access.facts import SectionValue
from gateway.contract import Path, disclosed_paths
from gateway.texts.catalogue import coded
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import ABSENCE_KIND_NIL_KNOWN, ABSENCE_KIND_NOT_ASKED, CodedText
from kjernejournal.critical_info.v1 import critical_info_pb2
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.labs.v1 import labs_pb2
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.own_registrations.v1 import own_registrations_pb2
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import Coverage
from kjernejournal.vaccinations.v1 import vaccinations_pb2
from kjernejournal.visits.v1 import visits_pb2
from shared.register.sections import CRITICAL

CRITICAL_BUDGET = 0.8
"""Seconds for critical information and medicines."""
BUDGET = 0.3
"""Seconds for every other section."""
MOST_REPORTS = 200
"""Laboratory reports come with all their results: 500 of them took a busy machine longer than the budget."""
THREE_YEARS = timedelta(days=3 * 365 + 1)


@dataclass(frozen=True)
class Source:
    """One register as the summary sees it."""

    section: SectionValue
    service: str
    content: str
    """The field of summary.v1.Section that holds its entries."""
    proto: Any
    """The generated module of its contract."""
    state: Callable[[Any], int]
    """What a section that has come is: data, none recorded, nil known, not asked or withheld."""
    coverage: Coverage
    most: int = 500
    """Entries that are asked for, at most."""
    window: timedelta | None = None
    """How far back entries are shown; what is older is counted."""
    disclosed: tuple[Path, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "disclosed", disclosed_paths(self.proto.SectionAnswer().section.DESCRIPTOR))

    @property
    def critical(self) -> bool:
        """Whether a summary without it lacks something critical."""
        return self.section in CRITICAL

    @property
    def budget(self) -> float:
        """Returns the seconds that the register may take."""
        return CRITICAL_BUDGET if self.critical else BUDGET

    @property
    def path(self) -> str:
        """Returns the rpc that reads sections."""
        name = next(
            service.full_name
            for service in self.proto.DESCRIPTOR.services_by_name.values()
            if "BatchGetSections" in service.methods_by_name
        )
        return f"/{name}/BatchGetSections"


def _critical_info(section: critical_info_pb2.CriticalInfoSection) -> int:
    if section.critical_info or section.window.total:
        return summary_pb2.SECTION_STATE_DATA
    # The newest statement about everything holds. "No known drug allergy" does not say that nothing critical is known.
    kinds = [each.kind for each in section.absences if not each.category][:1]
    if ABSENCE_KIND_NIL_KNOWN in kinds:
        return summary_pb2.SECTION_STATE_NIL_KNOWN
    if ABSENCE_KIND_NOT_ASKED in kinds:
        return summary_pb2.SECTION_STATE_NOT_ASKED
    return summary_pb2.SECTION_STATE_NONE_RECORDED


def _medications(section: medications_pb2.MedicationsSection) -> int:
    windows = (section.prescriptions_window, section.dispensings_window, section.statements_window)
    stated = _STATED_OF_MEDICINES.get(section.stated_absence)
    if stated is not None and not _names_medicines(section):
        return stated
    if section.HasField("medication_list") or section.prescriptions or section.dispensings or section.statements:
        return summary_pb2.SECTION_STATE_DATA
    if any(window.total for window in windows):
        withheld = any(window.withheld for window in windows)
        older = all(window.older_exist for window in windows if window.total)
        return summary_pb2.SECTION_STATE_OLDER_ONLY if older and not withheld else summary_pb2.SECTION_STATE_DATA
    if any(window.withheld for window in windows):
        return summary_pb2.SECTION_STATE_WITHHELD
    return summary_pb2.SECTION_STATE_NONE_RECORDED


_STATED_OF_MEDICINES: dict[int, int] = {
    medications_pb2.STATEMENT_KIND_NIL_KNOWN: summary_pb2.SECTION_STATE_NIL_KNOWN,
    medications_pb2.STATEMENT_KIND_NOT_ASKED: summary_pb2.SECTION_STATE_NOT_ASKED,
}


def _names_medicines(section: medications_pb2.MedicationsSection) -> bool:
    """Whether there is, or may be, any medicine in the section, of today or of before: statements that there is none
    are no medicines."""
    windows = (section.prescriptions_window, section.dispensings_window)
    return (
        section.HasField("medication_list")
        or any(window.total or window.withheld for window in windows)
        or section.statements_window.total > len(section.statements)
        or section.statements_window.withheld > 0
        or any(each.kind not in _STATED_OF_MEDICINES for each in section.statements)
    )


def _listed(field: str) -> Callable[[Any], int]:
    """Returns the rule of a section whose list is called `field`."""

    def state(section: Any) -> int:
        if getattr(section, field):
            return summary_pb2.SECTION_STATE_DATA
        if section.window.total:
            older = section.window.older_exist and not section.window.withheld
            return summary_pb2.SECTION_STATE_OLDER_ONLY if older else summary_pb2.SECTION_STATE_DATA
        if section.window.withheld:
            return summary_pb2.SECTION_STATE_WITHHELD
        return summary_pb2.SECTION_STATE_NONE_RECORDED

    return state


def _listed_or_stated(field: str) -> Callable[[Any], int]:
    """Returns the rule of a section that may hold a statement of absence beside its list."""
    listed = _listed(field)

    def state(section: Any) -> int:
        found = listed(section)
        if found == summary_pb2.SECTION_STATE_NONE_RECORDED:
            return _STATED.get(section.absence.kind, found)
        return found

    return state


_STATED: dict[int, int] = {
    common_pb2.ABSENCE_KIND_NIL_KNOWN: summary_pb2.SECTION_STATE_NIL_KNOWN,
    common_pb2.ABSENCE_KIND_NOT_ASKED: summary_pb2.SECTION_STATE_NOT_ASKED,
}


def _patient(section: patients_pb2.PatientSection) -> int:
    return summary_pb2.SECTION_STATE_DATA if section.version else summary_pb2.SECTION_STATE_NONE_RECORDED


def _said(*codes: str) -> Iterable[CodedText]:
    return map(coded, codes)


SOURCES: tuple[Source, ...] = (
    Source(
        section=common_pb2.SECTION_CRITICAL_INFO,
        service="critical_info",
        content="critical_info",
        proto=critical_info_pb2,
        state=_critical_info,
        coverage=Coverage(
            sources=_said("SOURCE_PERSONNEL"),
            # About 35 % of those expected to have critical information have any (E-helsemonitor, 2022).
            missing=_said("MISSING_MOST_CRITICAL_INFORMATION"),
        ),
    ),
    Source(
        section=common_pb2.SECTION_MEDICATIONS,
        service="medications",
        content="medications",
        proto=medications_pb2,
        state=_medications,
        window=THREE_YEARS,
        coverage=Coverage(
            sources=_said("SOURCE_PRESCRIPTION_REGISTER", "SOURCE_PHARMACIES", "SOURCE_MEDICATION_LIST"),
            missing=_said("MISSING_GIVEN_IN_INSTITUTIONS", "MISSING_WITHOUT_PRESCRIPTION"),
        ),
    ),
    Source(
        section=common_pb2.SECTION_VISITS,
        service="visits",
        content="visits",
        proto=visits_pb2,
        state=_listed("visits"),
        window=THREE_YEARS,
        coverage=Coverage(
            sources=_said("SOURCE_PATIENT_REGISTER"),
            missing=_said("MISSING_PRIMARY_CARE", "MISSING_TELEPHONE_AND_LETTER", "MISSING_FILTERED_UNITS"),
            since_year=2008,
        ),
    ),
    Source(
        section=common_pb2.SECTION_DOCUMENTS,
        service="documents",
        content="documents",
        proto=documents_pb2,
        state=_listed("documents"),
        coverage=Coverage(
            sources=_said("SOURCE_DOCUMENT_SHARING"),
            missing=_said("MISSING_NOT_SHARING"),
        ),
    ),
    Source(
        section=common_pb2.SECTION_LABS,
        service="labs",
        content="labs",
        proto=labs_pb2,
        state=_listed_or_stated("reports"),
        most=MOST_REPORTS,
        coverage=Coverage(
            sources=_said("SOURCE_LABORATORIES"),
            missing=_said("MISSING_BEFORE_REPORTING", "MISSING_ON_PAPER", "MISSING_KEPT_OUT"),
        ),
    ),
    Source(
        section=common_pb2.SECTION_VACCINATIONS,
        service="vaccinations",
        content="vaccinations",
        proto=vaccinations_pb2,
        state=_listed_or_stated("vaccinations"),
        coverage=Coverage(
            sources=_said("SOURCE_VACCINATION_REGISTER"),
            missing=_said("MISSING_VACCINATIONS_BEFORE_2011", "MISSING_VACCINATIONS_ABROAD"),
            since_year=1995,
        ),
    ),
    Source(
        section=common_pb2.SECTION_OWN_REGISTRATIONS,
        service="own_registrations",
        content="own_registrations",
        proto=own_registrations_pb2,
        state=_listed("registrations"),
        coverage=Coverage(
            sources=_said("SOURCE_PATIENT"),
            missing=_said("MISSING_NOT_REGISTERED_BY_PATIENT"),
        ),
    ),
    Source(
        section=common_pb2.SECTION_PATIENT,
        service="patients",
        content="patient",
        proto=patients_pb2,
        state=_patient,
        coverage=Coverage(sources=_said("SOURCE_POPULATION_REGISTER", "SOURCE_GP_REGISTER")),
    ),
)
"""In the order in which a reader is shown them."""

BY_SECTION = {source.section: source for source in SOURCES}
SECTIONS: tuple[SectionValue, ...] = tuple(BY_SECTION)
