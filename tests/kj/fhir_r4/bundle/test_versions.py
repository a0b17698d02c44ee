"""Files of other versions of FHIR are refused by name, never read as R4."""

from typing import Any

import pytest

from kj.fhir_r4.bundle.refusals import Refused
from tests.kj.fhir_r4.bundles import allergy, bundle, coded, encounter, mapped, patient, request, resource


@pytest.mark.parametrize(
    "one, version",
    [
        (resource("MedicationStatement", "s", status="active", taken="n"), "STU3"),
        (request(requester={"agent": {"display": "Dr"}}), "STU3"),
        (request(dosageInstruction=[{"doseQuantity": {"value": 1}}]), "STU3 or DSTU2"),
        (allergy(clinicalStatus="active"), "STU3"),
        (allergy(substance=coded("1")), "DSTU2"),
        (resource("Procedure", "p2", notDone=True), "STU3"),
        (resource("Procedure", "p2", context={"reference": "Encounter/e"}), "STU3"),
        (resource("ReferralRequest", "x"), "STU3 or DSTU2"),
        (resource("MedicationOrder", "x"), "DSTU2"),
        ({**encounter(), "class": "inpatient"}, "DSTU2"),
        ({**encounter(), "class": [coded("AMB")]}, "R5"),
        (request(medication={"concept": coded("1")}), "R5"),
        (patient("q", name=[{"family": ["Prøve"]}]), "DSTU2"),
        (request(reason=[{"concept": coded("1")}]), "R5"),
        (resource("Immunization", "i", reported=True), "DSTU2"),
        (resource("MedicationDispense", "d", notDoneReasonCodeableConcept=coded("1")), "STU3"),
        (allergy(meta={"profile": ["http://hl7.org/fhir/3.0/StructureDefinition/AllergyIntolerance"]}), "STU3"),
        (allergy(meta={"profile": ["https://fhir.example.uk/STU3/StructureDefinition/A"]}), "STU3"),
    ],
)
def test_a_file_of_another_version_is_refused_by_its_name(one: dict[str, Any], version: str) -> None:
    with pytest.raises(Refused) as caught:
        mapped(bundle(patient(), one))
    assert str(caught.value) == f"entry[1].resource: is FHIR {version}, and FHIR R4 is read"


def test_what_changes_nothing_in_a_file_of_r4_is_no_sign_of_another() -> None:
    given = resource("Immunization", "i", status="completed", notGiven=False, vaccineCode=coded("1"))
    made = mapped(bundle(patient(), {**given, "occurrenceDateTime": "2020-01-01"}))
    assert len(made.records[0].vaccinations.vaccinations) == 1


@pytest.mark.parametrize("place", ["resource", "backbone", "contained"])
@pytest.mark.parametrize(
    "extension", [{"modifierExtension": [{"url": "http://a.example"}]}, {"implicitRules": "http://a"}]
)
def test_a_modifier_keeps_its_resource_out_wherever_it_stands(place: str, extension: dict[str, Any]) -> None:
    held = {
        "resource": request(**extension),
        "backbone": request(dosageInstruction=[{"text": "1", **extension}]),
        "contained": request(contained=[{"resourceType": "Medication", "id": "m", **extension}]),
    }[place]
    made = mapped(bundle(patient(), held, allergy()))
    [reason] = made.tally.rows["MedicationRequest"].not_placed
    assert "not understood" in reason
    assert len(made.records[0].critical_info.critical_info) == 1


def test_the_newer_of_two_versions_under_one_address_counts() -> None:
    old = allergy(meta={"versionId": "9"}, criticality="low")
    new = allergy(meta={"versionId": "10"})
    for first, second in ((old, new), (new, old)):
        made = mapped(bundle(patient(), first, second))
        [entry] = made.records[0].critical_info.critical_info
        assert entry.reaction.criticality == 2
        assert made.tally.rows["AllergyIntolerance"].not_placed == {"is in the bundle twice": 1}
