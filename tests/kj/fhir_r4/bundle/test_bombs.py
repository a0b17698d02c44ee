"""Bundles that are made to hurt: each is refused early, or mapped in time that grows with its size alone."""

import io
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from kj.fhir_r4 import mapping
from kj.fhir_r4.bundle import bundle as bundles
from kj.fhir_r4.bundle.bundle import Bundle
from kj.fhir_r4.bundle.refusals import Refused
from tests.kj.fhir_r4.bundles import Json, allergy, bundle, coded, gathered, mapped, observation, patient, report


def refusal(value: Any) -> str:
    with pytest.raises(Refused) as caught:
        mapped(value)
    return str(caught.value)


def bare(*resources: Json) -> Json:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in resources]}


def test_a_hundred_thousand_patients() -> None:
    started = time.process_time()
    people = [{"resourceType": "Patient", "id": str(each)} for each in range(100_000)]
    assert refusal(bare(*people)) == "entry[10000].resource: is one of more than 10000 patients"
    assert time.process_time() - started < 20


def test_thousands_of_patients_take_their_time_and_no_more() -> None:
    people = [patient(f"p{each}", f"{each}", birthDate="1950-01-01") for each in range(3000)]
    started = time.process_time()
    assert len(mapped(bundle(*people)).records) == 3000
    assert time.process_time() - started < 30


def test_a_type_for_each_resource() -> None:
    def named(number: int) -> Json:
        letters = "".join(chr(97 + int(each)) for each in str(number))
        return {"resourceType": f"X{letters}"}

    assert "is one of more than 1000 types" in refusal(bare(*map(named, range(1100))))


def test_what_is_another_kind_of_file_is_refused_before_its_end() -> None:
    class Endless(io.RawIOBase):
        """A file that never ends."""

        def __init__(self, start: bytes) -> None:
            self.left = start

        def read(self, size: int = -1) -> bytes:
            given, self.left = self.left or b'{"resource": {"resourceType": "Basic"}},' * 1000, b""
            return given

    start = b'{"resourceType": "Bundle", "type": "history", "entry": ['
    with pytest.raises(Refused, match="type: a bundle of type history is not imported"):
        Bundle(Endless(start))  # type: ignore[arg-type]  # what is read of a file is there


def test_rings_of_every_kind_of_reference() -> None:
    rings = [
        observation("a", hasMember=[{"reference": "Observation/b"}], partOf=[{"reference": "Observation/a"}]),
        observation("b", hasMember=[{"reference": "Observation/a"}, {"reference": "Observation/b"}]),
        report(result=[{"reference": "Observation/a"}], basedOn=[{"reference": "DiagnosticReport/rep"}]),
        {"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "PractitionerRole/r"}},
        allergy(recorder={"reference": "PractitionerRole/r"}),
    ]
    made = mapped(bundle(patient(), *rings))
    assert made.tally.rows["Observation"].placed.total() == 2
    assert len(made.records[0].critical_info.critical_info) == 1


def test_one_name_for_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of so many resources under one id would have to be compared with all others."""
    monkeypatch.setattr(mapping, "MOST_SHARED", 100)

    def entries() -> Iterator[Json]:
        yield {"fullUrl": "http://a.example/Patient/p", "resource": patient()}
        for number in range(300):
            yield {
                "fullUrl": f"http://a{number}.example/AllergyIntolerance/a",
                "resource": allergy(patient={"reference": "http://a.example/Patient/p"}, code=coded(str(number))),
            }

    value = {"resourceType": "Bundle", "type": "collection", "entry": list(entries())}
    assert "is one of more than 100 that share their ids with others" in refusal(value)


def test_one_identifier_for_everything_is_looked_through_so_far_and_no_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bundles, "_CANDIDATES", 10)
    same = [{"system": "s", "value": "v"}]
    many = [allergy(f"a{each}", identifier=same, recorder={"identifier": same[0]}) for each in range(400)]
    assert len(mapped(bundle(patient(), *many)).records[0].critical_info.critical_info) == 400


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"valueQuantity": {"value": "5"}}, "valueQuantity.value: must be a number"),
        ({"valueQuantity": [5]}, "valueQuantity: must be an object"),
        ({"valueBoolean": "true"}, "valueBoolean: must be true or false"),
        ({"valueString": 5}, "valueString: must be a string"),
        ({"valueInteger": 5.5}, "valueInteger: must be a whole number"),
        ({"component": {}}, "component: must be a list"),
        ({"hasMember": [5]}, "hasMember[0]: must be an object"),
        ({"category": {"coding": []}}, "category: must be a list"),
        ({"effectiveDateTime": "i går"}, "effectiveDateTime: is not a date or time of FHIR R4"),
    ],
)
def test_a_wrong_type_is_not_placed_with_its_path(fields: Json, said: str) -> None:
    row = mapped(bundle(patient(), observation(**{"valueQuantity": None, **fields}))).tally.rows["Observation"]
    [reason] = row.not_placed
    assert reason.startswith(f"entry[1].resource.{said}")


def test_a_number_that_fills_a_computer_is_not_placed() -> None:
    text = json.dumps(bundle(patient(), observation(valueQuantity={"value": 7777})))
    made = gathered(io.BytesIO(text.replace("7777", "1e999999999").encode()))
    said = "entry[1].resource.valueQuantity.value: is beyond 10 to the power of 30"
    assert made.tally.rows["Observation"].not_placed == {said: 1}
