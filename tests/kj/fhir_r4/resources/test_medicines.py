"""Orders, dispensings and statements become medicines as their source described them."""

from typing import Any

import pytest

from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.codes import atc
from tests.kj.fhir_r4.bundles import (
    RXNORM,
    SNOMED,
    bundle,
    coded,
    mapped,
    patient,
    record_of,
    request,
    resource,
    whole,
)
from tests.support.look_alikes import LOOK_ALIKES


def prescription(**fields: Any) -> pb.Prescription:
    [made] = record_of(request(**fields)).medications.prescriptions
    return made


def statement(**fields: Any) -> pb.MedicationStatement:
    medicine = {"medicationCodeableConcept": coded("387207008", "Ibuprofen")}
    made = record_of(resource("MedicationStatement", "s", status="active", **{**medicine, **fields}))
    return made.medications.statements[0]


def test_an_order_keeps_what_its_source_said_and_has_no_state_of_the_prescription_register() -> None:
    made = prescription(
        statusReason=coded("1", "Side effects"),
        encounter={"reference": "Encounter/e"},
        identifier=[{"system": "s", "value": "v"}],
        requester={"display": "Dr. Martha Ledner"},
    )
    assert made.state == pb.PRESCRIPTION_STATE_UNSPECIFIED
    record = made.source_record
    assert (record.resource_type, record.status, record.intent) == ("MedicationRequest", "stopped", "order")
    assert (record.encounter, record.identifiers[0].code, record.status_reasons[0].codings[0].code) == (
        "Encounter/e",
        "v",
        "1",
    )
    assert made.prescriber.name == "Dr. Martha Ledner"
    assert made.medication.code.codings[0].system == RXNORM
    assert not made.medication.HasField("atc")


def test_the_dosage_is_kept_structured() -> None:
    made = prescription(
        dosageInstruction=[
            {
                "sequence": 1,
                "text": "1 tablett morgen",
                "timing": {"repeat": {"frequency": 1, "period": 1.0, "periodUnit": "d", "when": ["MORN"]}},
                "asNeededBoolean": False,
                "route": coded("26643006", "Oral"),
                "doseAndRate": [{"doseQuantity": {"value": 0.5, "unit": "tablet"}}],
                "maxDosePerPeriod": {"numerator": {"value": 4}, "denominator": {"value": 1, "unit": "d"}},
            }
        ]
    ).dosages[0]
    assert (made.timing.frequency, made.timing.period, made.timing.period_unit, made.timing.when[0]) == (
        1,
        "1.0",
        "d",
        "MORN",
    )
    assert (made.doses[0].dose.value, made.doses[0].dose.unit, made.max_dose.value) == ("0.5", "tablet", "4")
    assert made.HasField("as_needed")
    assert not made.as_needed


def test_a_medicine_of_its_own_resource_comes_with_form_and_parts() -> None:
    medicine = {
        "resourceType": "Medication",
        "id": "m",
        "code": {"coding": [{"system": "urn:oid:1.2.40.0.34.4.16", "code": "1255446"}]},
        "form": coded("385055001", "Tablet"),
        "ingredient": [
            {
                "itemCodeableConcept": coded("N02BA01", "Acetylsalicylsyre", "urn:oid:2.16.840.1.113883.6.73"),
                "strength": {"numerator": {"value": 500, "unit": "mg"}, "denominator": {"value": 1}},
            }
        ],
    }
    order = request(medicationCodeableConcept=None, medicationReference={"reference": "Medication/m"})
    made = record_of(order, medicine).medications.prescriptions[0].medication
    assert (made.atc.system, made.atc.code) == (atc.SYSTEM, "N02BA01")
    assert (made.form.codings[0].display, made.ingredients[0].strength_numerator.value) == ("Tablet", "500")


@pytest.mark.parametrize("name", atc.NAMES)
@pytest.mark.parametrize("written, code", [("B01AA03", "B01AA03"), ("b01aa03", "B01AA03"), ("QJ01CA04", "QJ01CA04")])
def test_the_atc_code_is_found_under_every_name_and_the_coding_stays_as_it_came(
    name: str, written: str, code: str
) -> None:
    made = prescription(medicationCodeableConcept=coded(written, "Marevan", name)).medication
    assert (made.atc.system, made.atc.code) == (atc.SYSTEM, code)
    assert [(each.system, each.code) for each in made.code.codings] == [(name, written)]


@pytest.mark.parametrize("written", LOOK_ALIKES)
def test_look_alikes_are_no_atc_code(written: str) -> None:
    made = prescription(medicationCodeableConcept=coded(written, "Amoxicillin", atc.SYSTEM)).medication
    assert not made.HasField("atc")


def test_a_medicine_elsewhere_is_known_by_its_name() -> None:
    made = prescription(medicationCodeableConcept=None, medicationReference={"reference": "x", "display": "Paracet"})
    assert made.medication.code.text == "Paracet"


def test_reasons_are_codes_even_where_they_are_conditions() -> None:
    condition = resource("Condition", "c", code=coded("38341003", "Hypertension"))
    order = request(reasonReference=[{"reference": "Condition/c"}], reasonCode=[{"text": "Høyt trykk"}])
    reasons = record_of(order, condition).medications.prescriptions[0].indication.reasons
    assert [each.text or each.codings[0].code for each in reasons] == ["Høyt trykk", "38341003"]


def test_a_dispensing_names_its_order_as_the_order_was_recorded() -> None:
    [record] = mapped(whole()).records
    order, dispensing = record.medications.prescriptions[0], record.medications.dispensings[0]
    assert dispensing.prescription_source_id == order.header.provenance.source_id == "MedicationRequest/r"
    assert (dispensing.amount.value, dispensing.amount.unit) == ("100", "tablet")


@pytest.mark.parametrize(
    "system, code, kind",
    [
        (SNOMED, "787481004", pb.STATEMENT_KIND_NIL_KNOWN),
        (
            "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips",
            "no-medication-info",
            pb.STATEMENT_KIND_NOT_ASKED,
        ),
        (SNOMED, "387207008", pb.STATEMENT_KIND_MEDICINE),
    ],
)
def test_no_known_medicines_is_a_statement_about_all(system: str, code: str, kind: int) -> None:
    assert statement(medicationCodeableConcept=coded(code, "x", system)).kind == kind


def test_a_statement_by_the_patient_says_so() -> None:
    made = statement(informationSource={"reference": "Patient/p", "display": "Anna"}, effectiveDateTime="2018")
    assert made.header.provenance.on_behalf_of == "patient"
    assert made.effective.date.year == 2018


def test_an_order_entered_in_error_withdraws_what_was_there_and_counts_as_not_placed() -> None:
    value = whole()
    [order] = [each["resource"] for each in value["entry"] if each["resource"]["id"] == "r"]
    order["status"] = "entered-in-error"
    made = mapped(value)
    assert len(made.records[0].medications.prescriptions) == 1
    assert made.tally.rows["MedicationRequest"].not_placed.total() == 1


NONE: dict[str, Any] = {
    "medicationCodeableConcept": coded(
        "no-known-medications", "", "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
    )
}


@pytest.mark.parametrize(
    "stated, kind",
    [
        ({}, pb.STATEMENT_KIND_NIL_KNOWN),
        ({"status": "stopped"}, pb.STATEMENT_KIND_NOT_ASKED),
        ({"intent": "plan"}, pb.STATEMENT_KIND_NOT_ASKED),
    ],
)
def test_an_order_for_no_known_medicines_is_a_statement_and_no_medicine(stated: dict[str, str], kind: int) -> None:
    """The International Patient Summary lets an order say it too."""
    made = record_of(request(**{"status": "active", "intent": "order", **NONE, **stated})).medications
    assert not made.prescriptions
    assert [each.kind for each in made.statements] == [kind]


def test_nothing_is_dispensed_of_no_known_medicines() -> None:
    made = mapped(bundle(patient(), resource("MedicationDispense", "d", status="completed", **NONE)))
    assert sum(made.tally.rows["MedicationDispense"].not_placed.values()) == 1
    assert not made.records[0].medications.dispensings
