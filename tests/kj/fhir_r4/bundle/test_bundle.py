"""Which bundles are taken, what their references find, and whose each resource is."""

from typing import Any

import pytest

from kj.fhir_r4.bundle.refusals import Refused, Skipped
from kj.fhir_r4.bundle.resource import Resource
from kj.fhir_r4.resources.national_ids import AssignedIds
from tests.kj.fhir_r4.bundles import NOW, allergy, bundle, mapped, opened, patient, reasons, record_of


def refusal(value: Any) -> str:
    with pytest.raises(Refused) as caught:
        mapped(value)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["transaction", "collection"])
def test_transactions_and_collections_are_taken(kind: str) -> None:
    assert len(mapped(bundle(patient(), allergy(), kind=kind)).records) == 1


@pytest.mark.parametrize(
    "kind", ["batch", "searchset", "history", "message", "batch-response", "transaction-response", "", "å"]
)
def test_other_bundles_are_refused_by_name(kind: str) -> None:
    assert refusal(bundle(patient(), kind=kind)).startswith("type: a bundle of type ")


@pytest.mark.parametrize(
    "value, said",
    [
        ([], "not a FHIR bundle"),
        ({}, "resourceType: it is not a Bundle"),
        (patient(), "it is not a Bundle but Patient"),
        (bundle(), "no Patient"),
        (bundle(allergy()), "no Patient"),
        ({"resourceType": "Bundle", "type": "collection", "entry": {}}, "entry: must be a list"),
        ({"resourceType": "Bundle", "type": "collection", "entry": ["x"]}, "entry[0]: must be an object"),
        ({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": "x"}]}, "entry[0].resource: must be"),
        (
            {"resourceType": "Bundle", "type": "transaction", "entry": [{"fullUrl": "x"}]},
            "entry[0].resource: is missing",
        ),
        (bundle(patient(), {"resourceType": "12", "id": "x"}), "entry[1].resource.resourceType: is not the name"),
        (bundle(patient(), patient(value="other")), "is another resource under the fullUrl"),
    ],
)
def test_what_is_refused_says_where(value: Any, said: str) -> None:
    assert said in refusal(value)


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"code": "penicillin"}, "code: must be an object"),
        ({"code": {"coding": {}}}, "code.coding: must be a list"),
        ({"recordedDate": "2020-02-31"}, "recordedDate: is not a possible date or time"),
        ({"recordedDate": "2020-02-03T10:00:00"}, "recordedDate: is not a date or time of FHIR R4"),
        ({"id": 5}, "id: must be a string"),
        ({"identifier": "x", "patient": "Patient/p"}, "patient: must be an object"),
        ({"meta": {"lastUpdated": "yesterday"}}, "meta.lastUpdated: is not a date or time of FHIR R4"),
    ],
)
def test_one_bad_field_keeps_its_resource_out_and_the_rest_is_kept(fields: dict[str, Any], said: str) -> None:
    made = mapped(bundle(patient(), {**allergy("bad"), **fields}, allergy("good")))
    assert made.tally.rows["AllergyIntolerance"].not_placed == {f"entry[1].resource.{said}": 1}
    assert len(made.records[0].critical_info.critical_info) == 1


def test_one_bad_patient_keeps_their_own_out_and_the_others_are_kept() -> None:
    other = allergy("b", patient={"reference": "Patient/q"})
    made = mapped(bundle(patient(birthDate="1961-13-01"), allergy(), patient("q", "56-78"), other))
    [record] = made.records
    assert len(record.critical_info.critical_info) == 1
    assert made.tally.rows["Patient"].not_placed == {"entry[0].resource.birthDate: is not a possible date or time": 1}
    assert made.tally.rows["AllergyIntolerance"].not_placed == {"is about a patient who is not placed": 1}


def test_a_resource_without_an_id_is_known_by_its_one_identifier() -> None:
    composition: dict[str, Any] = {"resourceType": "Composition", "subject": {"reference": "Patient/p"}}
    composition["identifier"] = {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:1"}  # an object in R4
    value = bundle(patient(), allergy(), kind="document")
    value["entry"].insert(0, {"resource": composition})
    assert len(mapped(value).records[0].critical_info.critical_info) == 1


@pytest.mark.parametrize("kind", ["batch", "transaction", "collection"])
def test_a_file_of_hospitals_alone_is_skipped(kind: str) -> None:
    value = bundle({"resourceType": "Organization", "id": "o"}, {"resourceType": "Practitioner", "id": "q"}, kind=kind)
    with pytest.raises(Skipped, match="organisations and practitioners alone") as caught:
        mapped(value)
    assert caught.value.counts == {"Organization": 1, "Practitioner": 1}


def test_a_transaction_that_deletes_is_refused() -> None:
    value = bundle(patient(), kind="transaction")
    value["entry"].append({"request": {"method": "DELETE", "url": "Patient/1"}})
    assert "DELETE" in refusal(value)


def test_the_refusal_repeats_no_value_of_the_file() -> None:
    assert "Anna" not in refusal(bundle(patient(birthDate="Anna")))


def reached(reference: dict[str, Any], **address: Any) -> Resource | None:
    """Returns what a reference in the second resource means."""
    near = {"fullUrl": "http://a.example/fhir/Condition/c", "resource": {"resourceType": "Condition", "id": "c"}}
    contained = [{"resourceType": "Patient", "id": "inside"}]
    near["resource"] = {"resourceType": "Condition", "id": "c", "subject": reference, "contained": contained}
    target = {"resourceType": "Patient", "id": "1", "identifier": [{"system": "s", "value": "v"}]}
    value = {"resourceType": "Bundle", "type": "collection", "entry": [near, {**address, "resource": target}]}
    with opened(value) as found:
        condition = found.at(0)
        return found.resolve(condition.node.child("subject"), condition)


@pytest.mark.parametrize(
    "written, address",
    [
        ("urn:uuid:0D2C", {"fullUrl": "urn:uuid:0d2c"}),
        ("http://a.example/fhir/Patient/1", {"fullUrl": "http://a.example/fhir/Patient/1"}),
        ("http://a.example/fhir/Patient/1/_history/3", {"fullUrl": "http://a.example/fhir/Patient/1"}),
        ("Patient/1", {"fullUrl": "http://a.example/fhir/Patient/1"}),
        ("Patient/1", {"fullUrl": "urn:uuid:77"}),
        ("Patient/1", {}),
        ("Patient?identifier=s|v", {}),
        ("#inside", {}),
    ],
)
def test_every_form_of_reference_finds_its_resource(written: str, address: dict[str, str]) -> None:
    assert reached({"reference": written}, **address) is not None


def test_an_identifier_alone_is_a_reference() -> None:
    assert reached({"identifier": {"system": "s", "value": "v"}}) is not None


@pytest.mark.parametrize("written", ["http://b.example/fhir/Patient/1", "Patient/2", "#nobody", "urn:uuid:1", "1", ""])
def test_a_reference_to_elsewhere_finds_nothing(written: str) -> None:
    assert reached({"reference": written}, fullUrl="http://a.example/fhir/Patient/1") is None


def test_entries_stand_in_any_order() -> None:
    forward = mapped(bundle(patient(), allergy())).records
    backward = mapped(bundle(allergy(), patient())).records
    assert [each.critical_info for each in forward] == [each.critical_info for each in backward]


def test_each_of_several_patients_keeps_their_own() -> None:
    other = allergy("b", patient={"reference": "Patient/q"})
    first, second = mapped(bundle(allergy(), other, patient("q", "56-78"), patient())).records
    assert {each.known.national_id for each in (first, second)} == {
        first.critical_info.patient.national_id,
        second.critical_info.patient.national_id,
    }
    assert [len(each.critical_info.critical_info) for each in (first, second)] == [1, 1]
    assert first.critical_info.critical_info[0].header.provenance.source_id == "AllergyIntolerance/b"


def test_nothing_is_given_to_a_patient_whom_it_does_not_name() -> None:
    assert reasons(allergy(patient={"reference": "Patient/q"})) == {"is about somebody who is not in the bundle": 1}
    assert reasons(allergy(patient=None)) == {"names no patient": 1}


def test_a_document_is_about_its_subject_alone() -> None:
    composition = {
        "resourceType": "Composition",
        "id": "c",
        "subject": {"reference": "Patient/p"},
        "date": "2024-05-06",
    }
    other = allergy("b", patient={"reference": "Patient/q"})
    made = mapped(bundle(composition, patient(), patient("q", "56-78"), allergy(), other, kind="document"))
    [record] = made.records
    assert len(record.critical_info.critical_info) == 1
    assert (
        made.tally.rows["Patient"].not_placed.total() == made.tally.rows["AllergyIntolerance"].not_placed.total() == 1
    )


def test_a_document_without_its_composition_is_refused() -> None:
    assert "begins with its Composition" in refusal(bundle(patient(), allergy(), kind="document"))


def test_what_comes_twice_is_one_entry() -> None:
    value = bundle(patient(), allergy())
    value["entry"].append(value["entry"][1])
    made = mapped(value)
    assert len(made.records[0].critical_info.critical_info) == 1
    assert made.tally.rows["AllergyIntolerance"].not_placed == {"is in the bundle twice": 1}


def test_two_resources_of_one_id_are_two_entries() -> None:
    value = bundle(patient(), allergy(), allergy(criticality="low"))
    value["entry"][2]["fullUrl"] = "http://other.example/AllergyIntolerance/a"
    entries = mapped(value).records[0].critical_info.critical_info
    assert len({each.header.provenance.source_id for each in entries}) == 2


def test_a_resource_without_any_time_was_recorded_when_its_patient_was_first_imported() -> None:
    ids = AssignedIds()
    value = bundle(patient(), allergy(recordedDate=None))
    first = mapped(value, ids).records[0]
    later = mapped(value, ids, NOW.replace(year=2027)).records[0]
    assert first.critical_info == later.critical_info
    assert first.critical_info.critical_info[0].header.provenance.recorded_at.ToDatetime(tzinfo=NOW.tzinfo) == NOW


def test_the_source_is_the_system_that_identifies_the_patient() -> None:
    provenance = record_of(allergy()).critical_info.critical_info[0].header.provenance
    assert (provenance.source_system, provenance.source_id) == ("http://hospital.example/mrn", "AllergyIntolerance/a")
