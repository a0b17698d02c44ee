"""An Observation's value, interpretation and limits, and what is kept of each."""

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from kjernejournal.common.v1.common_pb2 import QUANTITY_COMPARATOR_LESS, EventTime, PartialDate, Period, Quantity
from kjernejournal.labs.v1 import labs_pb2 as pb
from tests.kj.fhir_r4.bundles import coded
from tests.kj.fhir_r4.resources.labs.reported import INTERPRETATION, LOINC, UCUM, VOLVEN, result


@pytest.mark.parametrize(
    "fields, value",
    [
        ({"valueQuantity": {"value": 5, "unit": "mg"}}, Quantity(value="5", unit="mg")),
        (
            {"valueQuantity": {"value": 0.50, "comparator": "<"}},
            Quantity(value="0.5", comparator=QUANTITY_COMPARATOR_LESS),
        ),
        ({"valueInteger": 7}, Quantity(value="7")),
        ({"valueString": "vekst"}, "vekst"),
        ({"valueBoolean": False}, False),
        ({"valueTime": "08:30:00"}, "08:30:00"),
        ({"valueDateTime": "2020-05"}, EventTime(date=PartialDate(year=2020, month=5))),
        ({"valuePeriod": {"start": "1970-01-01T00:00:05Z"}}, Period(start=Timestamp(seconds=5))),
        ({"valueRange": {"low": {"value": 1}, "high": {"value": 2}}}, None),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}}, None),
        ({"valueCodeableConcept": coded("10828004", "Positive")}, None),
        ({"valueSampledData": {"data": "1 2 E", "period": 10, "dimensions": 1, "origin": {"value": 0}}}, None),
    ],
)
def test_every_kind_of_value(fields: dict[str, Any], value: object) -> None:
    made = result(**fields)
    filled = made.WhichOneof("value")
    assert filled is not None
    if value is not None:
        assert getattr(made, filled) == value
    assert not made.HasField("absent_reason")


def test_structured_values() -> None:
    assert result(valueRange={"low": {"value": 1}, "high": {"value": 2}}).range.high.value == "2"
    titre = result(valueRatio={"numerator": {"value": 1}, "denominator": {"value": 128}}).ratio
    assert titre.denominator.value == "128"
    assert result(valueCodeableConcept=coded("10828004", "Positive")).concept.codings[0].display == "Positive"
    sampled = result(valueSampledData={"data": "1 2 E", "period": 10, "dimensions": 1, "origin": {"value": 0}})
    assert (sampled.text, sampled.comment) == ("1 2 E", "samples every 10 ms, from 0")


@pytest.mark.parametrize(
    "fields",
    [
        {"dataAbsentReason": coded("not-performed", "", "http://terminology.hl7.org/CodeSystem/data-absent-reason")},
        {
            "_valueString": {
                "extension": [
                    {
                        "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
                        "valueCode": "not-performed",
                    }
                ]
            }
        },
    ],
)
def test_why_there_is_no_value(fields: dict[str, Any]) -> None:
    made = result(**fields)
    assert made.WhichOneof("value") is None
    assert made.absent_reason.codings[0].code == "not-performed"


@pytest.mark.parametrize(
    "codes, deviation",
    [
        (["H"], pb.DEVIATION_ABOVE),
        (["HH"], pb.DEVIATION_ABOVE),
        (["L"], pb.DEVIATION_BELOW),
        (["LL"], pb.DEVIATION_BELOW),
        (["A"], pb.DEVIATION_OUTSIDE),
        (["N"], pb.DEVIATION_NONE),
        (["N", "H"], pb.DEVIATION_ABOVE),
        (["H", "L"], pb.DEVIATION_OUTSIDE),
        (["POS"], pb.DEVIATION_UNSPECIFIED),
        ([], pb.DEVIATION_UNSPECIFIED),
    ],
)
def test_the_deviation_is_what_the_source_said(codes: list[str], deviation: int) -> None:
    made = result(valueQuantity={"value": 5}, interpretation=[coded(each, "", INTERPRETATION) for each in codes])
    assert made.deviation == deviation
    assert [each.codings[0].code for each in made.interpretations] == codes


def test_an_abnormal_finding_is_outside_no_limits() -> None:
    made = result(valueCodeableConcept=coded("10828004"), interpretation=[coded("A", "", INTERPRETATION)])
    assert made.deviation == pb.DEVIATION_UNSPECIFIED


def test_norwegian_deviations_and_one_interpretation_as_before_r4() -> None:
    assert result(valueString="x", interpretation=coded("2", "", VOLVEN + "8244")).deviation == pb.DEVIATION_BELOW


def test_all_codings_limits_and_words_are_kept() -> None:
    code = {"coding": [{"system": VOLVEN + "7280", "code": "NPU28309"}, {"system": LOINC, "code": "718-7"}]}
    made = result(
        code=code,
        valueQuantity={"value": 12.10, "unit": "g/dL", "system": "http://unitsofmeasure.org", "code": "g/dL"},
        referenceRange=[
            {"low": {"value": 13.4}, "high": {"value": 17.0}, "type": coded("normal"), "age": {"low": {"value": 18}}},
            {"text": "se brukerhåndbok"},
        ],
        method=coded("1", "Fotometri"),
        bodySite=coded("2", "Arm"),
        note=[{"text": "Hemolysert"}],
    )
    assert [each.code for each in made.code.codings] == ["NPU28309", "718-7"]
    assert [each.range.low.value for each in made.reference_ranges] == ["13.4", ""]
    assert [each.text for each in made.reference_ranges] == ["age 18 and more", "se brukerhåndbok"]
    assert (made.method.codings[0].display, made.body_site.codings[0].display) == ("Fotometri", "Arm")
    assert made.comment == "Hemolysert"


@pytest.mark.parametrize(
    "written, read",
    [
        ({"value": 1, "code": "mg"}, Quantity(value="1", unit="mg")),
        ({"value": 1, "system": UCUM, "code": "10^9 /l"}, Quantity(value="1", unit="10^9 /l", system=UCUM)),
        ({"value": 1, "unit": "µg", "system": UCUM, "code": "µg"}, Quantity(value="1", unit="µg", system=UCUM)),
        ({"value": 1, "unit": "g/L", "system": UCUM}, Quantity(value="1", unit="g/L", system=UCUM)),
    ],
)
def test_a_units_code_that_is_none_is_its_name(written: dict[str, Any], read: Quantity) -> None:
    assert result(valueQuantity=written).quantity == read


@pytest.mark.parametrize(
    "fields, text",
    [
        ({"valueRange": {"low": {"value": 9}, "high": {"value": 1}}}, "9 to 1"),
        ({"valueRange": {"low": {"value": 9, "comparator": ">", "unit": "mg"}}}, ">9 mg"),
        ({"valueRatio": {"numerator": {"value": 1}}}, "1"),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 2, "comparator": "<"}}}, "1 : <2"),
    ],
)
def test_a_value_that_is_not_what_it_says_is_told_in_words(fields: dict[str, Any], text: str) -> None:
    assert result(**fields).text == text


def test_limits_with_a_comparator_are_told_in_words() -> None:
    [limits] = result(referenceRange=[{"low": {"value": 5, "comparator": ">="}}]).reference_ranges
    assert (limits.text, limits.HasField("range")) == (">=5", False)


@pytest.mark.parametrize("fields", [{"valueString": " "}, {"valueQuantity": {"unit": "mg"}}, {"valueRange": {}}])
def test_a_value_that_says_nothing_is_none(fields: dict[str, Any]) -> None:
    assert result(**fields).WhichOneof("value") is None
