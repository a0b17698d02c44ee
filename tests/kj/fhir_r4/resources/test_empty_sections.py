"""Empty sections of a document become statements of absence where their reason is about the patient."""

from typing import Any

import pytest

from kjernejournal.common.v1.common_pb2 import ABSENCE_KIND_NIL_KNOWN, ABSENCE_KIND_NOT_ASKED
from kjernejournal.critical_info.v1.critical_info_pb2 import CATEGORY_DRUG_REACTION, CATEGORY_IMPLANT
from kjernejournal.medications.v1.medications_pb2 import STATEMENT_KIND_NIL_KNOWN, STATEMENT_KIND_NOT_ASKED
from tests.kj.fhir_r4.bundles import Json, Wholes, allergy, bundle, coded, mapped, patient

LOINC = "http://loinc.org"
REASON = "http://terminology.hl7.org/CodeSystem/list-empty-reason"
DATA_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


def section(code: str, **fields: Any) -> Json:
    return {"code": coded(code, "", LOINC), **fields}


def empty(code: str, reason: str) -> Json:
    return section(code, emptyReason=coded(reason, "Nothing here", REASON))


def document(*sections: Json, **fields: Any) -> Wholes:
    composition = {
        "resourceType": "Composition",
        "id": "c",
        "subject": {"reference": "Patient/p"},
        "date": "2024-05-06T10:00:00Z",
        "section": list(sections),
        **fields,
    }
    return mapped(bundle(composition, patient(), allergy(), kind="document"))


@pytest.mark.parametrize("reason, nil_known", [("nilknown", True), ("notasked", False), ("unavailable", False)])
def test_an_empty_section_states_something(reason: str, nil_known: bool) -> None:
    codes = ("48765-2", "46264-8", "10160-0", "11369-6", "30954-2")
    made = document(*(empty(code, reason) for code in codes))
    [record] = made.records
    kind = ABSENCE_KIND_NIL_KNOWN if nil_known else ABSENCE_KIND_NOT_ASKED
    assert [(each.category, each.kind) for each in record.critical_info.absences] == [
        (CATEGORY_DRUG_REACTION, kind),
        (CATEGORY_IMPLANT, kind),
    ]
    [medicines] = record.medications.statements
    assert medicines.kind == (STATEMENT_KIND_NIL_KNOWN if nil_known else STATEMENT_KIND_NOT_ASKED)
    said = ABSENCE_KIND_NIL_KNOWN if nil_known else ABSENCE_KIND_NOT_ASKED
    assert [each.kind for each in (*record.vaccinations.absences, *record.labs.absences)] == [said, said]
    assert record.labs.absences[0].text == "Nothing here"
    assert record.labs.absences[0].header.provenance.source_id == "Composition/c#30954-2"
    assert record.labs.absences[0].header.provenance.recorded_at.ToJsonString() == "2024-05-06T10:00:00Z"
    assert made.beside.total() == 5
    assert made.tally.rows["Composition"].not_placed.total() == 1


@pytest.mark.parametrize("reason", ["withheld", "notstarted", "closed"])
def test_other_reasons_state_nothing_of_the_patient(reason: str) -> None:
    made = document(empty("10160-0", reason))
    assert not made.records[0].medications.statements
    assert made.beside == {f"empty sections that state nothing of the patient ({reason})": 1}


def test_what_stands_in_a_section_says_more_than_its_reason() -> None:
    both = empty("48765-2", "nilknown") | {"entry": [{"reference": "AllergyIntolerance/a"}]}
    made = document(both)
    assert not made.records[0].critical_info.absences
    assert not made.beside


@pytest.mark.parametrize(
    "code, said", [("unknown", 1), ("not-asked", 1), ("asked-unknown", 1), ("masked", 0), ("not-applicable", 0)]
)
def test_absent_data_instead_of_entries(code: str, said: int) -> None:
    made = document(section("10160-0", entry=[{"extension": [{"url": DATA_ABSENT, "valueCode": code}]}]))
    assert len(made.records[0].medications.statements) == said


def test_sections_inside_sections_and_sections_of_no_register() -> None:
    made = document(section("1", section=[empty("11369-6", "nilknown")]), empty("11450-4", "nilknown"))
    unheld = "statements of absence in sections that no register holds"
    assert made.beside == {"statements of absence: vaccinations": 1, unheld: 1}


def test_a_composition_that_is_no_document_states_nothing() -> None:
    composition = {"resourceType": "Composition", "id": "c", "section": [empty("10160-0", "nilknown")]}
    assert not mapped(bundle(patient(), composition)).beside
