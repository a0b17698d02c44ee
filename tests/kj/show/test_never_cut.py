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
from kjernejournal.documents.v1 import documents_pb2
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


def two_lists() -> pb.MedicationsSection:
    content = medication_list()
    medicines = content.medication_list
    other = medicines.other_lists.add(list_id="list-2", version=1, active_entries=1)
    other.confirmed.recorder.name = "Per Sykehuslege"
    other.confirmed.organisation.name = "Sykehuset i vest"
    other.confirmed.recorded_at.CopyFrom(timestamp(datetime(2026, 10, 24, 22, 30, tzinfo=UTC)))
    warfarin = medicines.entries.add(status=pb.ENTRY_STATUS_ACTIVE, other_list_id="list-2")
    warfarin.medication.code.CopyFrom(concept("Warfarin"))
    warfarin.dosages.add(text="etter skjema")
    return content


@pytest.mark.parametrize("width", WIDTHS)
def test_a_second_list_is_shown_whose_it_is_and_with_its_medicines(width: int) -> None:
    text = " ".join(shown(common_pb2.SECTION_MEDICATIONS, width, medications=two_lists()).split())
    assert "PASIENTEN HAR 2 LEGEMIDDELLISTER" in text
    other = "ANNEN LISTE, bekreftet 2026-10-25 av Per Sykehuslege, Sykehuset i vest"
    assert other in text, "the day in Norway, on the edge of summer time"
    assert text.index("Medisin9") < text.index(other) < text.index("Warfarin etter skjema") < text.index("Resept")


def test_an_entry_of_a_list_that_is_not_named_is_not_shown_as_one_of_the_first() -> None:
    content = two_lists()
    del content.medication_list.other_lists[:]
    text = shown(common_pb2.SECTION_MEDICATIONS, 120, medications=content)
    assert text.index("ANNEN LISTE, ukjent hvem") < text.index("Warfarin")


def test_what_is_prescribed_and_not_on_the_list_is_shown_whole_before_the_rest() -> None:
    content = medication_list()
    content.medication_list.entries[2].prescription_id = "p-0"
    for number in range(MOST_ROWS + 4):
        prescription = content.prescriptions.add(state=pb.PRESCRIPTION_STATE_DISPENSABLE)
        prescription.header.id = f"p-{number}"
        prescription.medication.code.CopyFrom(concept(f"Ny{number}"))
    text = shown(common_pb2.SECTION_MEDICATIONS, 120, medications=content)
    beside, on_list = text.index("IKKE FUNNET PÅ LISTEN"), text.index("resepter på listen")
    assert all(beside < text.index(f"Ny{number} ") < on_list for number in range(1, MOST_ROWS + 4))
    assert text.index("Ny0 ") > on_list


def test_each_group_of_medicines_is_cut_by_itself_and_counted() -> None:
    content = medication_list()
    for number in range(MOST_ROWS + 3):
        content.prescriptions.add(state=pb.PRESCRIPTION_STATE_FINISHED).medication.code.text = f"Gammel{number}"
    content.dispensings.add().medication.code.text = "Utlevert1"
    text = shown(common_pb2.SECTION_MEDICATIONS, 120, medications=content)
    assert "... og 4 til her" in text, "one was there before"
    assert "Utlevert1" in text


def test_an_entry_that_begins_later_or_is_past_its_end_is_not_in_use() -> None:
    content = medication_list()
    later, over = content.medication_list.entries[2], content.medication_list.entries[3]
    later.started.date.CopyFrom(PartialDate(year=2999, month=1, day=1))
    over.planned_end.CopyFrom(timestamp(datetime(2020, 3, 29, 1, 0, tzinfo=UTC)))
    lines = shown(common_pb2.SECTION_MEDICATIONS, 160, medications=content).splitlines()
    assert any("IKKE ENNÅ, fra 2999-01-01" in each and "Medisin2" in each for each in lines)
    assert any("OVER PLANLAGT SLUTT 2020-03-29" in each and "Medisin3" in each for each in lines)


def test_what_is_not_to_be_given_says_so() -> None:
    content = pb.MedicationsSection()
    prescription = content.prescriptions.add(medication=pb.Medication(code=concept("Metoklopramid")))
    prescription.source_record.do_not_perform = True
    prescription.source_record.status = "active"
    text = shown(common_pb2.SECTION_MEDICATIONS, 160, medications=content)
    assert "SKAL IKKE GIS, kilden sier: active" in text


def test_codes_say_what_is_known_of_them() -> None:
    wrong = Coding(code="J01CE02", display="Ibuprofen", verification=common_pb2.CODE_VERIFICATION_CONTRADICTORY)
    invented = Coding(code="M01AE99", verification=common_pb2.CODE_VERIFICATION_NOT_VERIFIED)
    content = pb.MedicationsSection()
    content.prescriptions.add(medication=pb.Medication(atc=wrong))
    content.prescriptions.add(medication=pb.Medication(atc=invented, code=concept("Noe")))
    text = shown(common_pb2.SECTION_MEDICATIONS, 200, medications=content)
    assert "Ibuprofen (J01CE02: KODE OG NAVN MOTSIER HVERANDRE)" in text
    assert "Noe (M01AE99: koden er ikke bekreftet)" in text
    allergy = ki.CriticalInfo(status=ki.STATUS_ACTIVE, code=CodeableConcept(codings=[wrong]))
    text = shown(common_pb2.SECTION_CRITICAL_INFO, 200, critical_info=ki.CriticalInfoSection(critical_info=[allergy]))
    assert "Ibuprofen (KODE OG NAVN MOTSIER HVERANDRE: J01CE02)" in text


def test_what_was_refuted_says_so_before_its_name_and_a_decision_is_shown_with_its_words() -> None:
    refuted = ki.CriticalInfo(status=ki.STATUS_REFUTED, code=concept("Penicillin"))
    refuted.reaction.criticality = ki.CRITICALITY_HIGH
    decision = ki.CriticalInfo(category=ki.CATEGORY_TREATMENT_DECISION, status=ki.STATUS_ACTIVE, comment="se kriseplan")
    decision.treatment_decision.clinical_reason = "uhelbredelig kreft"
    decision.treatment_decision.treatment_goal = "lindring"
    content = ki.CriticalInfoSection(critical_info=[decision, refuted])
    text = shown(common_pb2.SECTION_CRITICAL_INFO, 200, critical_info=content)
    assert "AVKREFTET: Penicillin" in text
    assert "begrunnelse uhelbredelig kreft, mål lindring, se kriseplan" in text


def test_a_replaced_document_and_a_visit_that_is_reported_wrong_say_so() -> None:
    visit = visits_pb2.Visit(kind=visits_pb2.CONTACT_KIND_ADMISSION, error=visits_pb2.VisitError(comment="ikke meg"))
    assert "MELDT SOM FEIL: ikke meg" in shown(
        common_pb2.SECTION_VISITS, 120, visits=visits_pb2.VisitsSection(visits=[visit])
    )
    document = documents_pb2.Document(
        title="Epikrise", availability_status=documents_pb2.AVAILABILITY_STATUS_DEPRECATED
    )
    assert "ERSTATTET AV ET NYERE: Epikrise" in shown(
        common_pb2.SECTION_DOCUMENTS, 120, documents=documents_pb2.DocumentsSection(documents=[document])
    )
