"""What a reader must not miss: critical information and the medication list, whole, at any width and in a pipe."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from kj.show.summary_text import MOST_ROWS, render
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, EventTime, ListWindow, PartialDate
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.medications.v1 import medications_pb2 as pb
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryResponse, SummarySection
from kjernejournal.visits.v1 import visits_pb2
from shared.convert import timestamp

WIDTHS = [80, 200]


def shown(section: Any, width: int, **fields: Any) -> str:
    out = io.StringIO()
    one = SummarySection(section=section, state=summary_pb2.SECTION_STATE_DATA, **fields)
    render(GetPatientSummaryResponse(sections=[one]), Console(file=out, width=width))
    assert all(len(line) <= width for line in out.getvalue().splitlines())
    assert "\x1b" not in out.getvalue(), "no colour in a pipe"
    return out.getvalue()


def concept(display: str) -> CodeableConcept:
    return CodeableConcept(codings=[Coding(code="c", display=display)])


@pytest.mark.parametrize("width", WIDTHS)
def test_the_last_of_many_critical_entries_is_shown_with_severity_and_reaction(width: int) -> None:
    entries = [ki.CriticalInfo(category=ki.CATEGORY_PROCEDURE_CHANGE, status=ki.STATUS_ACTIVE)] * (MOST_ROWS + 3)
    anaphylaxis = ki.CriticalInfo(
        category=ki.CATEGORY_DRUG_REACTION,
        status=ki.STATUS_ACTIVE,
        code=concept("Fenoksymetylpenicillin"),
        reaction=ki.Reaction(
            criticality=ki.CRITICALITY_HIGH,
            certainty=ki.CERTAINTY_CONFIRMED,
            manifestations=[concept("Anafylaksi")],
        ),
    )
    content = ki.CriticalInfoSection(critical_info=[*entries, anaphylaxis], window=ListWindow(total=12, returned=12))
    text = shown(common_pb2.SECTION_CRITICAL_INFO, width, critical_info=content)
    for word in ("ALVORLIG", "bekreftet", "Anafylaksi"):
        assert word in text
    assert "til her" not in text
    assert text.count("annen prosedyreendring" if width == 200 else "annen") == MOST_ROWS + 3


def test_an_implant_that_was_removed_is_over_since_a_day_and_not_refuted() -> None:
    removed = ki.CriticalInfo(
        category=ki.CATEGORY_IMPLANT,
        status=ki.STATUS_ENDED,
        code=concept("Pacemaker"),
        ended=EventTime(date=PartialDate(year=2025, month=3, day=4)),
    )
    text = shown(common_pb2.SECTION_CRITICAL_INFO, 120, critical_info=ki.CriticalInfoSection(critical_info=[removed]))
    assert "AVSLUTTET 2025-03-04" in text


def medication_list() -> pb.MedicationsSection:
    medicines = pb.MedicationList()
    medicines.confirmed.recorder.name = "Kari Lege"
    medicines.confirmed.organisation.name = "Fastlegekontoret"
    medicines.confirmed.recorded_at.CopyFrom(timestamp(datetime(2026, 11, 27, 23, 20, tzinfo=UTC)))
    for number in range(MOST_ROWS + 2):
        medicines.entries.add(
            status=pb.ENTRY_STATUS_ACTIVE,
            medication=pb.Medication(code=concept(f"Medisin{number}")),
            dosages=[pb.Dosage(text="1 tablett daglig")],
        )
    medicines.entries[0].status = pb.ENTRY_STATUS_DISCONTINUED
    medicines.entries[1].status = pb.ENTRY_STATUS_PAUSED
    content = pb.MedicationsSection(medication_list=medicines)
    content.prescriptions.add(medication=pb.Medication(code=concept("Resept")), state=pb.PRESCRIPTION_STATE_EXPIRED)
    return content


@pytest.mark.parametrize("width", WIDTHS)
def test_the_list_is_whole_after_who_confirmed_it_with_status_and_dose(width: int) -> None:
    text = shown(common_pb2.SECTION_MEDICATIONS, width, medications=medication_list())
    assert "listen er bekreftet 2026-11-28 av Kari Lege, Fastlegekontoret" in text, "the day in Norway"
    lines = text.splitlines()
    for name, status in (("Medisin0", "SEPONERT"), ("Medisin1", "PAUSET"), (f"Medisin{MOST_ROWS + 1}", "i bruk")):
        [line] = [each for each in lines if name in each]
        assert status in line
        assert "1 tablett daglig" in line
    assert text.index("bekreftet") < text.index("Medisin0") < text.index("Resept")


def test_without_a_list_no_prescription_in_force_is_cut() -> None:
    content = pb.MedicationsSection()
    for number in range(MOST_ROWS * 2):
        content.prescriptions.add(
            medication=pb.Medication(code=concept(f"Medisin{number}")), state=pb.PRESCRIPTION_STATE_DISPENSABLE
        )
    text = shown(common_pb2.SECTION_MEDICATIONS, 80, medications=content)
    assert f"Medisin{MOST_ROWS * 2 - 1}" in text
    assert "til her" not in text


def test_days_are_those_of_norway() -> None:
    visit = visits_pb2.Visit(kind=visits_pb2.CONTACT_KIND_ADMISSION)
    visit.period.start.CopyFrom(timestamp(datetime(2026, 11, 27, 23, 20, tzinfo=UTC)))
    text = shown(common_pb2.SECTION_VISITS, 80, visits=visits_pb2.VisitsSection(visits=[visit]))
    assert "2026-11-28 innleggelse" in " ".join(text.split())
