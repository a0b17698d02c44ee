"""What is a laboratory answer, and of which expertise, is what the source's codes say."""

from typing import Any

import pytest

from kjernejournal.labs.v1 import labs_pb2 as pb
from tests.kj.fhir_r4.bundles import bundle, coded, mapped, observation, patient, reasons, report
from tests.kj.fhir_r4.resources.labs.reported import CATEGORY, LOINC, SECTION, VOLVEN, held, reported


@pytest.mark.parametrize(
    "category, expertise",
    [
        (coded("LAB", "", SECTION), pb.EXPERTISE_LABORATORY),
        (coded("MB", "", SECTION), pb.EXPERTISE_LABORATORY),
        (coded("RAD", "", SECTION), pb.EXPERTISE_IMAGING),
        (coded("SP", "", SECTION), pb.EXPERTISE_PATHOLOGY),
        (coded("LP29684-5", "", LOINC), pb.EXPERTISE_IMAGING),
        (coded("BLD", "", VOLVEN + "8202"), pb.EXPERTISE_IMAGING),
        (coded("PAT", "", "http://helsedir.no/fhir/CodeSystem/no-kodeverk-8202"), pb.EXPERTISE_PATHOLOGY),
        (coded("EC", "", SECTION), pb.EXPERTISE_UNSPECIFIED),
    ],
)
def test_the_expertise_is_what_the_category_says(category: dict[str, Any], expertise: int) -> None:
    assert reported(report(category=[category], conclusion="x")).expertise == expertise


def test_the_expertise_of_norwegian_codes() -> None:
    assert reported(report(category=[], code=coded("RG0BAB", "", VOLVEN + "7270"))).expertise == pb.EXPERTISE_IMAGING
    made = reported(report(category=[], result=held("a")), observation("a", code=coded("T1", "", VOLVEN + "7010")))
    assert made.expertise == pb.EXPERTISE_LABORATORY  # the result's category says so, before its code


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"category": [coded("vital-signs", "", CATEGORY)]}, "no register holds vital signs"),
        ({"category": [coded("survey", "", CATEGORY)]}, "no register holds answers to surveys"),
        ({"category": [coded("social-history", "", CATEGORY)]}, "no register holds social history"),
        ({"category": [coded("exam", "", CATEGORY)]}, "no register holds findings of examinations"),
        ({"category": []}, "does not say that it is a laboratory answer"),
        ({"effectiveDateTime": "2031"}, "is dated before 1900 or in the future"),
        ({"status": "entered-in-error"}, "is entered in error: withdrawn in the register too"),
    ],
)
def test_what_is_no_answer_has_its_reason(fields: dict[str, Any], said: str) -> None:
    assert reasons(observation(**fields)) == {said: 1}


@pytest.mark.parametrize(
    "fields",
    [
        {"category": [], "code": coded("NPU1", "", VOLVEN + "7280")},
        {"category": [], "specimen": {"display": "blod"}},
        {"category": [coded("imaging", "", CATEGORY)]},
    ],
)
def test_what_shows_otherwise_that_it_is_an_answer(fields: dict[str, Any]) -> None:
    assert len(reported(observation(**fields)).results) == 1


def test_the_results_section_of_a_document_holds_answers() -> None:
    composition = {
        "resourceType": "Composition",
        "id": "c",
        "subject": {"reference": "Patient/p"},
        "date": "2024-05-06",
        "section": [{"code": coded("30954-2", "", LOINC), "entry": held("obs")}],
    }
    made = mapped(
        bundle(composition, patient(), observation(category=[]), observation("o2", category=[]), kind="document")
    )
    assert made.tally.rows["Observation"].placed.total() == 1
