"""What stands around the entries of a summary: whose it is, death, who said that there is nothing, what is withheld."""

import io
from typing import Any

import pytest
from rich.console import Console

from kj.show.summary_text import render
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import ListWindow, PartialDate
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryResponse, SummarySection


def printed(reply: GetPatientSummaryResponse) -> list[str]:
    out = io.StringIO()
    render(reply, Console(file=out, width=120))
    return [each.strip() for each in out.getvalue().splitlines()]


def only(section: Any, state: Any, **fields: Any) -> str:
    one = SummarySection(section=section, state=state, **fields)
    return " ".join(" ".join(printed(GetPatientSummaryResponse(sections=[one]))).split())


@pytest.mark.parametrize("state", [each for each in summary_pb2.SectionState.values() if each])
def test_what_is_withheld_is_counted_in_every_state(state: Any) -> None:
    content = documents_pb2.DocumentsSection(window=ListWindow(withheld=3))
    assert "3 SPERRET AV PASIENTEN" in only(common_pb2.SECTION_DOCUMENTS, state, documents=content)


def test_none_known_says_who_said_it_and_when() -> None:
    absence = ki.CategoryAbsence(kind=common_pb2.ABSENCE_KIND_NIL_KNOWN)
    absence.header.provenance.recorder.name = "Kari Lege"
    absence.header.provenance.recorded_at.seconds = 1_772_317_800  # 2026-02-28 22:30 UTC
    content = ki.CriticalInfoSection(absences=[absence])
    text = only(common_pb2.SECTION_CRITICAL_INFO, summary_pb2.SECTION_STATE_NIL_KNOWN, critical_info=content)
    assert "ingen kjente, har helsepersonell oppgitt, sagt 2026-02-28 av Kari Lege" in text


def test_windows_say_what_they_are_of() -> None:
    content = medications_pb2.MedicationsSection(
        prescriptions_window=ListWindow(returned=0, total=4, older_exist=True),
        dispensings_window=ListWindow(returned=0, total=7, older_exist=True),
    )
    text = only(common_pb2.SECTION_MEDICATIONS, summary_pb2.SECTION_STATE_OLDER_ONLY, medications=content)
    assert "resepter: 0 av 4: det finnes eldre utleveringer: 0 av 7: det finnes eldre" in text


def test_a_dead_patient_is_said_to_be_dead_without_the_section_and_without_a_notice() -> None:
    assert printed(GetPatientSummaryResponse(deceased=True))[1] == "PASIENTEN ER DØD"


def test_whose_summary_it_is_stands_at_the_top() -> None:
    content = patients_pb2.PatientSection(version=1, name=patients_pb2.HumanName(given="Kari", family="Nordmann"))
    content.birth_date.CopyFrom(PartialDate(year=1946, month=7, day=23))
    section = SummarySection(section=common_pb2.SECTION_PATIENT, state=summary_pb2.SECTION_STATE_DATA, patient=content)
    assert printed(GetPatientSummaryResponse(sections=[section]))[1] == "Kari Nordmann, født 1946-07-23"
