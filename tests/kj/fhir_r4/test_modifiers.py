"""Modifiers wherever they stand: what is not understood is never read on as if it were not there (FHIR R4)."""

from typing import Any

import pytest

from kj.fhir_r4.bundle.refusals import Refused
from kj.fhir_r4.reading.modifiers import MODIFIED
from kjernejournal.critical_info.v1.critical_info_pb2 import STATUS_ACTIVE
from tests.kj.fhir_r4.bundles import Json, allergy, bundle, coded, mapped, patient, reasons, record_of, resource

EXTENSION = [{"url": "http://hospital.example/negated", "valueBoolean": True}]
PACEMAKER = coded("706004007", "Implantable cardiac pacemaker")
EMPTY = {
    "code": coded("48765-2", "", "http://loinc.org"),
    "emptyReason": coded("nilknown", "", "http://terminology.hl7.org/CodeSystem/list-empty-reason"),
}


def document(composition: Json, section: Json, *resources: Json) -> Json:
    first = resource("Composition", "c", status="final", date="2024-01-01", section=[{**EMPTY, **section}])
    return bundle({**first, **composition}, patient(), *resources, kind="document")


@pytest.mark.parametrize(
    "fields",
    [{"modifierExtension": EXTENSION}, {"implicitRules": "http://x.example"}, {"status": "entered-in-error"}],
)
def test_a_document_that_is_modified_or_entered_in_error_as_a_whole_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        mapped(document(fields, {}, allergy()))


@pytest.mark.parametrize("fields", [{"modifierExtension": EXTENSION}, {"implicitRules": "http://x.example"}])
def test_a_bundle_that_is_modified_as_a_whole_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        mapped(bundle(patient(), allergy(), **fields))


def test_an_empty_section_with_a_modifier_states_nothing() -> None:
    made = mapped(document({}, {"modifierExtension": EXTENSION}))
    assert not made.records[0].critical_info.absences
    assert made.beside == {f"sections of the document, not read: {MODIFIED}": 1}


def test_a_resource_whose_entry_has_a_modifier_is_not_placed() -> None:
    whole = bundle(patient(), allergy())
    whole["entry"][1]["modifierExtension"] = EXTENSION
    assert mapped(whole).tally.rows["AllergyIntolerance"].not_placed == {MODIFIED: 1}


def test_what_is_about_a_modified_medicine_is_not_placed() -> None:
    used = resource("MedicationStatement", "s", status="active", medicationReference={"reference": "Medication/m"})
    for fields, why in (
        ({"modifierExtension": EXTENSION}, f"refers to what {MODIFIED}"),
        ({"status": "entered-in-error"}, "refers to a medicine that is entered in error"),
    ):
        medicine = resource("Medication", "m", code=coded("387207008", "Ibuprofen"), **fields)
        assert reasons(medicine, used)[why] == 1


def test_a_modified_removal_ends_no_implant() -> None:
    removal = coded("1", "Removal of cardiac pacemaker")
    made = record_of(
        resource("Device", "d", type=PACEMAKER, status="active"),
        resource(
            "DeviceUseStatement",
            "u",
            status="completed",
            device={"reference": "Device/d"},
            modifierExtension=EXTENSION,
        ),
        resource(
            "Procedure", "p", status="completed", code=removal, performedDateTime="2020", modifierExtension=EXTENSION
        ),
    )
    assert [each.status for each in made.critical_info.critical_info] == [STATUS_ACTIVE]
