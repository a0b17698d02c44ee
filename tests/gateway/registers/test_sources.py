"""What a section that has come is."""

from typing import Any

import pytest

from gateway.contract import windows
from gateway.registers.sources import BY_SECTION, SOURCES
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import (
    ABSENCE_KIND_NIL_KNOWN,
    ABSENCE_KIND_NOT_ASKED,
    SECTION_CRITICAL_INFO,
    AbsenceKind,
    ListWindow,
    StatedAbsence,
)
from kjernejournal.critical_info.v1.critical_info_pb2 import (
    CATEGORY_DRUG_REACTION,
    CATEGORY_UNSPECIFIED,
    CategoryAbsence,
    CriticalInfoSection,
)
from kjernejournal.documents.v1.documents_pb2 import Document, DocumentsSection
from kjernejournal.labs.v1.labs_pb2 import LabsSection
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.medications.v1.medications_pb2 import MedicationList, MedicationsSection, MedicationStatement
from kjernejournal.own_registrations.v1.own_registrations_pb2 import OwnRegistrationsSection
from kjernejournal.patients.v1.patients_pb2 import PatientSection
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.vaccinations.v1.vaccinations_pb2 import VaccinationsSection
from kjernejournal.visits.v1.visits_pb2 import Visit, VisitsSection

NIL, NOT_ASKED = ABSENCE_KIND_NIL_KNOWN, ABSENCE_KIND_NOT_ASKED
Statement = tuple["AbsenceKind.ValueType", int]


@pytest.mark.parametrize(
    "statements, total, state",
    [
        ([], 0, summary_pb2.SECTION_STATE_NONE_RECORDED),
        ([(NIL, CATEGORY_UNSPECIFIED)], 0, summary_pb2.SECTION_STATE_NIL_KNOWN),
        ([(NIL, CATEGORY_DRUG_REACTION)], 0, summary_pb2.SECTION_STATE_NONE_RECORDED),
        ([(NOT_ASKED, CATEGORY_DRUG_REACTION)], 0, summary_pb2.SECTION_STATE_NONE_RECORDED),
        ([(NIL, CATEGORY_DRUG_REACTION), (NOT_ASKED, CATEGORY_UNSPECIFIED)], 0, summary_pb2.SECTION_STATE_NOT_ASKED),
        ([(NOT_ASKED, CATEGORY_UNSPECIFIED), (NIL, CATEGORY_UNSPECIFIED)], 0, summary_pb2.SECTION_STATE_NOT_ASKED),
        ([(NIL, CATEGORY_UNSPECIFIED)], 1, summary_pb2.SECTION_STATE_DATA),
    ],
)
def test_a_statement_about_one_category_says_nothing_of_the_section(
    statements: list[Statement], total: int, state: int
) -> None:
    [source] = [each for each in SOURCES if each.section == SECTION_CRITICAL_INFO]
    section = CriticalInfoSection(
        absences=[CategoryAbsence(kind=kind, category=category) for kind, category in statements],  # type: ignore[arg-type]  # a plain number in the table
        window=ListWindow(total=total),
    )
    assert source.state(section) == state


MEDICATIONS = common_pb2.SECTION_MEDICATIONS
HIDDEN, SEEN, NOTHING = ListWindow(withheld=1), ListWindow(total=1), ListWindow()
SAID_NIL = StatedAbsence(kind=common_pb2.ABSENCE_KIND_NIL_KNOWN)
SAID_NOT_ASKED = StatedAbsence(kind=common_pb2.ABSENCE_KIND_NOT_ASKED)
SAID_BY_A_NEWER_RELEASE = StatedAbsence(kind=99)  # type: ignore[arg-type]  # a kind that we do not know
OLDER = ListWindow(total=3, older_exist=True)
SAYS_NONE = MedicationStatement(kind=medications_pb2.STATEMENT_KIND_NIL_KNOWN)
TAKES = MedicationStatement(kind=medications_pb2.STATEMENT_KIND_MEDICINE)
STATED_NONE: Any = {"stated_absence": medications_pb2.STATEMENT_KIND_NIL_KNOWN}
NONE_KNOWN = medications_pb2.STATEMENT_KIND_NIL_KNOWN
NOBODY_ASKED = medications_pb2.STATEMENT_KIND_NOT_ASKED


@pytest.mark.parametrize(
    "section, content, state",
    [
        (MEDICATIONS, MedicationsSection(), "NONE_RECORDED"),
        (MEDICATIONS, MedicationsSection(prescriptions_window=SEEN), "DATA"),
        (MEDICATIONS, MedicationsSection(dispensings_window=SEEN, prescriptions_window=HIDDEN), "DATA"),
        (MEDICATIONS, MedicationsSection(statements_window=SEEN), "DATA"),
        (MEDICATIONS, MedicationsSection(medication_list=MedicationList()), "DATA"),
        (MEDICATIONS, MedicationsSection(dispensings_window=HIDDEN), "WITHHELD"),
        # What is hidden may be a medicine: it is not "none", whatever somebody has stated.
        (MEDICATIONS, MedicationsSection(dispensings_window=HIDDEN, stated_absence=NONE_KNOWN), "WITHHELD"),
        (MEDICATIONS, MedicationsSection(stated_absence=NONE_KNOWN), "NIL_KNOWN"),
        (MEDICATIONS, MedicationsSection(stated_absence=NOBODY_ASKED), "NOT_ASKED"),
        (MEDICATIONS, MedicationsSection(stated_absence=NONE_KNOWN, prescriptions_window=SEEN), "DATA"),
        (common_pb2.SECTION_VISITS, VisitsSection(), "NONE_RECORDED"),
        (common_pb2.SECTION_VISITS, VisitsSection(window=SEEN), "DATA"),
        (common_pb2.SECTION_VISITS, VisitsSection(window=HIDDEN), "WITHHELD"),
        (common_pb2.SECTION_VISITS, VisitsSection(window=OLDER), "OLDER_ONLY"),
        (common_pb2.SECTION_VISITS, VisitsSection(visits=[Visit()], window=OLDER), "DATA"),
        (MEDICATIONS, MedicationsSection(dispensings_window=OLDER), "OLDER_ONLY"),
        (MEDICATIONS, MedicationsSection(dispensings_window=OLDER, prescriptions_window=HIDDEN), "DATA"),
        (MEDICATIONS, MedicationsSection(dispensings_window=OLDER, statements=[SAYS_NONE], **STATED_NONE), "DATA"),
        (MEDICATIONS, MedicationsSection(statements=[SAYS_NONE], statements_window=SEEN, **STATED_NONE), "NIL_KNOWN"),
        (MEDICATIONS, MedicationsSection(statements=[SAYS_NONE], statements_window=OLDER, **STATED_NONE), "DATA"),
        (
            MEDICATIONS,
            MedicationsSection(statements=[SAYS_NONE, TAKES], statements_window=ListWindow(total=2), **STATED_NONE),
            "DATA",
        ),
        (common_pb2.SECTION_DOCUMENTS, DocumentsSection(), "NONE_RECORDED"),
        (common_pb2.SECTION_DOCUMENTS, DocumentsSection(window=SEEN), "DATA"),
        (common_pb2.SECTION_DOCUMENTS, DocumentsSection(window=HIDDEN), "WITHHELD"),
        (common_pb2.SECTION_DOCUMENTS, DocumentsSection(documents=[Document()]), "DATA"),
        (common_pb2.SECTION_LABS, LabsSection(), "NONE_RECORDED"),
        (common_pb2.SECTION_LABS, LabsSection(window=SEEN), "DATA"),
        (common_pb2.SECTION_LABS, LabsSection(window=HIDDEN), "WITHHELD"),
        (common_pb2.SECTION_LABS, LabsSection(absence=SAID_NIL), "NIL_KNOWN"),
        (common_pb2.SECTION_LABS, LabsSection(absence=SAID_NOT_ASKED), "NOT_ASKED"),
        (common_pb2.SECTION_LABS, LabsSection(absence=SAID_NIL, window=SEEN), "DATA"),
        (common_pb2.SECTION_LABS, LabsSection(absence=SAID_NIL, window=HIDDEN), "WITHHELD"),
        (common_pb2.SECTION_LABS, LabsSection(absence=StatedAbsence()), "NONE_RECORDED"),
        (common_pb2.SECTION_LABS, LabsSection(absence=SAID_BY_A_NEWER_RELEASE), "NONE_RECORDED"),
        (common_pb2.SECTION_VACCINATIONS, VaccinationsSection(), "NONE_RECORDED"),
        (common_pb2.SECTION_VACCINATIONS, VaccinationsSection(window=SEEN), "DATA"),
        (common_pb2.SECTION_VACCINATIONS, VaccinationsSection(absence=SAID_NIL), "NIL_KNOWN"),
        (common_pb2.SECTION_VACCINATIONS, VaccinationsSection(absence=SAID_NOT_ASKED), "NOT_ASKED"),
        (common_pb2.SECTION_VACCINATIONS, VaccinationsSection(absence=SAID_NOT_ASKED, window=SEEN), "DATA"),
        (common_pb2.SECTION_OWN_REGISTRATIONS, OwnRegistrationsSection(), "NONE_RECORDED"),
        (common_pb2.SECTION_OWN_REGISTRATIONS, OwnRegistrationsSection(window=SEEN), "DATA"),
        (common_pb2.SECTION_PATIENT, PatientSection(), "NONE_RECORDED"),
        (common_pb2.SECTION_PATIENT, PatientSection(version=1), "DATA"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_register_sent_is_named_for_what_it_is(section: Any, content: Any, state: str) -> None:
    assert BY_SECTION[section].state(content) == summary_pb2.SectionState.Value(f"SECTION_STATE_{state}")


def test_every_section_says_what_feeds_it() -> None:
    for source in SOURCES:
        assert source.coverage.sources
        assert source.path.startswith(f"/kjernejournal.{source.service}.v1.")
        assert source.content in summary_pb2.SummarySection.DESCRIPTOR.fields_by_name


def test_every_list_has_a_window() -> None:
    listed = {source.service: windows(source.proto.SectionAnswer().section.DESCRIPTOR) for source in SOURCES}
    assert listed.pop("patients") == ()
    assert listed.pop("medications") == ("prescriptions_window", "dispensings_window", "statements_window")
    assert set(listed.values()) == {("window",)}


@pytest.mark.budgets
def test_critical_sections_have_more_time() -> None:
    assert {source.service for source in SOURCES if source.critical} == {"critical_info", "medications"}
    assert {source.budget for source in SOURCES if source.critical} == {0.8}
    assert {source.budget for source in SOURCES if not source.critical} == {0.3}
