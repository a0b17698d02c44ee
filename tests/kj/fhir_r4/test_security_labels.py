"""Security labels: a restriction is carried where a register keeps it, and elsewhere the resource stays outside."""

from typing import Any

import pytest

from kj.fhir_r4.bundle.refusals import Refused
from tests.kj.fhir_r4.bundles import (
    Json,
    allergy,
    bundle,
    coded,
    document,
    encounter,
    mapped,
    observation,
    patient,
    reasons,
    record_of,
    report,
    request,
    resource,
)

VOLVEN = "urn:oid:2.16.578.1.12.4.1.1.9603"
V3 = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
CANNOT = "carries a restriction that its register cannot keep"
UNKNOWN = "carries a restriction that is not understood"


def labelled(value: Json, code: str, system: str = V3) -> Json:
    return value | {"meta": {"security": [{"system": system, "code": code}]}}


@pytest.mark.parametrize("made", [allergy(), encounter(), request()])
@pytest.mark.parametrize(
    "system, code, said",
    [
        (V3, "R", CANNOT),
        (V3, "V", CANNOT),
        (VOLVEN, "NORS", CANNOT),
        (V3, "NORN_FFL", CANNOT),
        ("http://terminology.hl7.org/CodeSystem/v3-ActCode", "PSY", UNKNOWN),
        ("", "", UNKNOWN),
    ],
)
def test_what_a_register_cannot_keep_stays_outside(made: Json, system: str, code: str, said: str) -> None:
    assert reasons(labelled(made, code, system)) == {said: 1}


@pytest.mark.parametrize(
    "system, code", [(V3, "N"), (V3, "U"), (VOLVEN, "N"), ("http://hl7.org/fhir/v3/ActReason", "HTEST")]
)
def test_what_restricts_nothing_changes_nothing(system: str, code: str) -> None:
    assert len(record_of(labelled(allergy(), code, system)).critical_info.critical_info) == 1


def test_documents_and_answers_carry_their_restrictions() -> None:
    record = record_of(labelled(document(), "NORS", VOLVEN), labelled(report(), "NORN_FFL", VOLVEN))
    assert [each.code for each in record.documents.documents[0].document.confidentiality] == ["NORS"]
    assert [each.code for each in record.labs.reports[0].confidentiality] == ["NORN_FFL"]


def test_a_restricted_result_restricts_its_report() -> None:
    result = labelled(observation(), "NORS", VOLVEN)
    [made] = record_of(result, report(result=[{"reference": "Observation/obs"}])).labs.reports
    assert [each.code for each in made.confidentiality] == ["NORS"]


def test_what_an_entry_is_told_with_restricts_it_too() -> None:
    medicine = labelled({"resourceType": "Medication", "id": "m", "code": coded("1", "x")}, "R")
    order = request(medicationCodeableConcept=None, medicationReference={"reference": "Medication/m"})
    assert CANNOT in reasons(order, medicine)


def test_a_restriction_that_is_not_understood_keeps_documents_and_answers_outside() -> None:
    system = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    assert reasons(labelled(report(), "HIV", system), labelled(document(), "HIV", system)) == {UNKNOWN: 1}


def test_a_restricted_patient_stays_outside_with_all_that_is_told_of_them() -> None:
    made = mapped(bundle(labelled(patient(), "V"), allergy(), patient("q", "56-78")))
    assert len(made.records) == 1
    assert made.tally.rows["Patient"].not_placed == {CANNOT: 1}
    [reason] = made.tally.rows["AllergyIntolerance"].not_placed
    assert "patient whose record carries a restriction" in reason


@pytest.mark.parametrize(
    "fields",
    [
        {"meta": {"security": [{"system": V3, "code": "R"}]}},
        {"first": {"confidentiality": "V"}},
        {"first": {"meta": {"security": [{"system": VOLVEN, "code": "NORS"}]}}},
    ],
)
def test_a_bundle_that_is_restricted_is_refused(fields: dict[str, Any]) -> None:
    first = fields.pop("first", {})
    composition = resource("Composition", "c", subject={"reference": "Patient/p"}, **first)
    with pytest.raises(Refused, match="restricts the whole bundle"):
        mapped(bundle(composition, patient(), kind="document", **fields))
