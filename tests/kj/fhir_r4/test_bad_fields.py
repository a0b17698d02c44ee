"""One bad field of a patient is named and left out; the patient, and all that is about them, is kept."""

from typing import Any

import pytest

from kj.fhir_r4.bundle.refusals import Refused
from tests.kj.fhir_r4.bundles import allergy, bundle, mapped, patient

BAD: dict[str, Any] = {
    "name": [{"family": 7}],
    "gender": 1,
    "address": [{"line": "Storgata 1"}],
    "telecom": "12345678",
    "maritalStatus": ["M"],
    "deceasedBoolean": "false",
    "contact": [{"name": {"family": "Kin"}}, {"telecom": [7]}],
    "communication": [{"language": "nb"}],
}


@pytest.mark.parametrize("field", BAD)
def test_a_bad_field_of_a_patient_is_named_and_the_rest_is_kept(field: str) -> None:
    made = mapped(bundle(patient(**{field: BAD[field]}), allergy()))
    assert made.tally.rows["AllergyIntolerance"].not_placed == {}
    assert [name for name in {**made.cuts, **made.beside} if "not placed" in name and f".{field}" in name]
    [whole] = made.records
    person = whole.patient.person
    assert person.HasField("birth_date")
    assert person.HasField("name") == (field != "name")


def test_one_bad_contact_leaves_the_others() -> None:
    made = mapped(bundle(patient(contact=[{"telecom": [7]}, {"name": {"family": "Kin"}}])))
    assert made.beside["contacts of patients"] == 1


def test_who_died_at_a_time_that_is_none_has_died() -> None:
    made = mapped(bundle(patient(deceasedDateTime="2025-13-45")))
    [whole] = made.records
    person = whole.patient.person
    assert person.HasField("death")
    assert "death" in person.stated.paths
    assert [name for name in made.cuts if "deceasedDateTime" in name]


@pytest.mark.parametrize("bad", [{"identifier": [{"system": 7, "value": "x"}]}, {"birthDate": "1961-13-01"}])
def test_what_says_who_the_patient_is_cannot_be_left_out(bad: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        mapped(bundle(patient(**bad), allergy()))
