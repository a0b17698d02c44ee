from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from kjernejournal.common.v1.common_pb2 import (
    QUANTITY_COMPARATOR_LESS,
    EventTime,
    PartialDate,
    Period,
    Quantity,
)
from kjernejournal.labs.v1 import labs_pb2 as pb
from tests.kj.fhir_r4.bundles import (
    SNOMED,
    bundle,
    coded,
    mapped,
    observation,
    patient,
    reasons,
    record_of,
    report,
    resource,
)

INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
SECTION = "http://terminology.hl7.org/CodeSystem/v2-0074"
VOLVEN = "urn:oid:2.16.578.1.12.4.1.1."
LOINC = "http://loinc.org"


def held(*names: str) -> list[dict[str, str]]:
    return [{"reference": f"Observation/{each}"} for each in names]


def reported(*resources: Any) -> pb.LabReport:
    [made] = record_of(*resources).labs.reports
    return made


def result(**fields: Any) -> pb.Result:
    [made] = reported(observation(**{"valueQuantity": None, **fields})).results
    return made


def test_a_report_holds_its_results_in_their_order() -> None:
    made = reported(observation("b"), observation("a"), report(result=held("a", "b")))
    assert [each.source_id for each in made.results] == ["Observation/a", "Observation/b"]
    assert (made.status, made.expertise) == (pb.RESULT_STATUS_FINAL, pb.EXPERTISE_LABORATORY)
    assert made.header.provenance.source_id == "DiagnosticReport/rep"
    assert made.issued.seconds - made.effective.instant.seconds == 4 * 3600


def test_members_and_components_are_parts() -> None:
    value = bundle(
        patient(),
        report(result=held("top")),
        observation("top", valueQuantity=None, hasMember=held("in")),
        observation("in", component=[{"code": coded("1", "part"), "valueString": "x"}]),
    )
    made = mapped(value)
    [entry] = made.records[0].labs.reports
    assert [(each.key, each.part_of) for each in entry.results] == [("top", ""), ("in", "top"), ("#3", "in")]
    assert entry.results[2].text == "x"
    assert made.tally.rows["Observation"].placed == {"lab results": 2}


def test_results_that_a_report_does_not_hold_are_counted() -> None:
    made = bundle(
        patient(),
        patient("other", "56-78", birthDate="1950-01-01"),
        observation("theirs", subject={"reference": "Patient/other"}),
        observation("mine"),
        report(result=[*held("theirs", "mine", "nowhere"), {"reference": "Patient/p"}]),
    )
    told = mapped(made)
    assert [each.source_id for each in told.records[0].labs.reports[0].results] == ["Observation/mine"]
    assert dict(told.cuts) == {
        "results that are not in the bundle": 1,
        "results that are about somebody else, or no Observations": 2,
    }


def test_a_source_may_number_its_results_as_we_do() -> None:
    """A key that two have would be refused by the register, and with it everything that comes after."""
    others = [{**observation("x"), "id": ""} for _ in range(2)]
    made = bundle(patient(), observation("#2"), *others, report())
    for number, entry in enumerate(made["entry"][1:4]):
        entry["fullUrl"] = f"urn:uuid:00000000-0000-4000-8000-00000000000{number}"
    made["entry"][4]["resource"]["result"] = [{"reference": each["fullUrl"]} for each in made["entry"][1:4]]
    [entry] = mapped(made).records[0].labs.reports
    assert [each.key for each in entry.results] == ["#2", "#3", "#4"]


def test_a_ring_of_members_is_one_report() -> None:
    made = mapped(bundle(patient(), observation("a", hasMember=held("b")), observation("b", hasMember=held("a"))))
    [entry] = made.records[0].labs.reports
    assert [(each.key, each.part_of) for each in entry.results] == [("a", ""), ("b", "a")]
    assert made.tally.rows["Observation"].placed.total() == 2


def test_a_chain_that_is_told_backwards_is_one_report() -> None:
    chain = [observation(f"o{each}", hasMember=held(f"o{each - 1}") if each else []) for each in range(8)]
    assert len(reported(*chain).results) == 8


def test_too_many_levels_are_no_report_and_their_results_say_why() -> None:
    chain = [observation(f"o{each}", hasMember=held(f"o{each + 1}")) for each in range(12)]
    assert reasons(*chain) == {
        "has results in more than 8 levels": 1,
        "its panel has results in more than 8 levels": 11,
    }


def test_too_many_results_are_no_report() -> None:
    many = [observation(f"o{each}") for each in range(2001)]
    told = reasons(*many, report(result=held(*(f"o{each}" for each in range(2001)))))
    assert told == {"has more than 2000 results": 1, "its report has more than 2000 results": 2001}


def test_an_answer_without_a_report_is_a_report_of_its_own() -> None:
    made = mapped(bundle(patient(), observation()))
    assert made.records[0].labs.reports[0].header.provenance.source_id == "Observation/obs"
    assert made.tally.rows["Observation"].placed == {"lab results: reports of their own": 1}


def test_a_result_of_somebody_else_is_not_put_into_the_report() -> None:
    other = observation("b", subject={"reference": "Patient/q"})
    made = mapped(bundle(patient(), patient("q", "56-78"), other, observation("a"), report(result=held("a", "b"))))
    assert [[len(each.results) for each in record.labs.reports] for record in made.records] == [[1], [1]]


def test_results_in_two_reports_are_in_both_and_counted_once() -> None:
    made = mapped(bundle(patient(), observation(), report(result=held("obs")), report("r2", result=held("obs"))))
    assert [len(each.results) for each in made.records[0].labs.reports] == [1, 1]
    assert made.tally.rows["Observation"].placed.total() == 1


def test_what_comes_twice_is_one_report() -> None:
    value = bundle(patient(), observation(), report(result=held("obs")))
    value["entry"] += value["entry"][1:]
    made = mapped(value)
    assert len(made.records[0].labs.reports) == 1
    assert made.tally.rows["Observation"].not_placed == {"is in the bundle twice": 1}


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


def test_who_asked_who_answered_and_from_what() -> None:
    made = reported(
        report(
            result=held("a"),
            basedOn=[{"reference": "ServiceRequest/s"}],
            performer=[{"display": "Dr. Lab"}, {"reference": "Organization/o"}],
            resultsInterpreter=[{"reference": "Practitioner/i"}],
            specimen=[{"reference": "Specimen/b"}],
            identifier=[{"system": "urn:oid:1.2.3", "value": "77"}],
            conclusion="Normalt",
            conclusionCode=[coded("17621005", "Normal")],
        ),
        observation("a", specimen={"reference": "Specimen/c"}, effectiveDateTime="2020-03-03"),
        resource("Specimen", "b", type=coded("1", "Blod"), collection={"collectedDateTime": "2020-03-04"}),
        resource("Specimen", "c", type=coded("2", "Urin"), collection={"bodySite": coded("3")}),
        resource(
            "ServiceRequest",
            "s",
            requester={"reference": "PractitionerRole/g"},
            identifier=[{"system": "urn:oid:1.2.4", "value": "88"}],
        ),
        resource(
            "PractitionerRole",
            "g",
            practitioner={"display": "Fastlege Gran"},
            organization={"display": "Granveien legesenter"},
        ),
        resource("Organization", "o", name="Fürst", identifier=[]),
        resource("Practitioner", "i", name=[{"text": "Overlege Ås"}]),
    )
    assert (made.requester.practitioner.name, made.requester.organisation.name) == (
        "Fastlege Gran",
        "Granveien legesenter",
    )
    assert (made.performer.name, made.interpreter.name) == ("Fürst", "Overlege Ås")
    assert [each.type.codings[0].display for each in made.specimens] == ["Blod", "Urin"]
    assert made.results[0].specimen == 2
    assert made.results[0].effective.date.day == 3
    assert [each.code for each in made.identifiers] == ["77", "88"]
    assert (made.conclusion, made.conclusion_codes[0].codings[0].code) == ("Normalt", "17621005")
    assert made.header.provenance.organisation.name == "Fürst"


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


@pytest.mark.parametrize(
    "status, stored",
    [("preliminary", pb.RESULT_STATUS_PRELIMINARY), ("cancelled", pb.RESULT_STATUS_CANCELLED), ("x", 9)],
)
def test_the_status(status: str, stored: int) -> None:
    assert reported(report(status=status)).status == stored


def test_a_withdrawn_report_takes_its_results_along() -> None:
    value = bundle(patient(), observation(), report(status="entered-in-error", result=held("obs")))
    made = mapped(value)
    [entry] = made.records[0].labs.reports
    assert entry.withdrawn
    assert not entry.results
    said = "is entered in error: withdrawn in the register too"
    assert made.tally.rows["DiagnosticReport"].not_placed == {said: 1}
    assert made.tally.rows["Observation"].not_placed == {f"its report {said}": 1}


def test_a_withdrawn_result_is_left_out_of_its_report() -> None:
    made = mapped(bundle(patient(), observation(status="entered-in-error"), report(result=held("obs"))))
    assert not made.records[0].labs.reports[0].results
    assert made.tally.rows["Observation"].not_placed == {"is entered in error": 1}


def test_results_that_are_elsewhere_are_counted() -> None:
    made = mapped(bundle(patient(), report(result=held("x", "y"))))
    assert made.cuts == {"results that are not in the bundle": 2}


def test_a_report_as_it_was_written_is_a_document_beside_its_results() -> None:
    pdf = [{"contentType": "application/pdf", "data": "JVBERg==", "title": "Svar"}]
    made = mapped(bundle(patient(), observation(), report(result=held("obs"), presentedForm=pdf)))
    [document] = made.records[0].documents.documents
    assert (document.content, document.document.title, document.document.mime_type) == (
        b"%PDF",
        "Svar",
        "application/pdf",
    )
    assert made.tally.rows["DiagnosticReport"].placed == {"lab reports": 1}
    assert made.beside == {"reports as written: documents": 1}


def test_a_note_that_comes_as_a_report_alone_is_a_document() -> None:
    note = report(category=[coded("34117-2", "", LOINC)], presentedForm=[{"contentType": "text/plain", "data": "aGVp"}])
    made = mapped(bundle(patient(), note))
    assert made.tally.rows["DiagnosticReport"].placed == {"documents": 1}
    assert not made.records[0].labs.reports


def test_contained_results_and_specimens() -> None:
    made = reported(
        report(
            result=[{"reference": "#r"}],
            contained=[
                {"resourceType": "Observation", "id": "r", "code": coded("1", "x", SNOMED), "valueString": "y",
                 "specimen": {"reference": "#s"}},
                {"resourceType": "Specimen", "id": "s", "type": coded("2", "Blod")},
            ],
        )
    )  # fmt: skip
    assert made.results[0].text == "y"
    assert len(made.results) == 1


UCUM = "http://unitsofmeasure.org"


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


def test_codes_of_short_lists_are_theirs() -> None:
    told = reasons(report(category=[coded("XYZ", "", VOLVEN + "8202")], conclusion="x"))
    assert told == {"has a code that its list of Volven does not have": 1}


def test_a_result_of_the_future_keeps_its_report_outside() -> None:
    told = reasons(observation(effectiveDateTime="2031"), report(result=held("obs")))
    assert "is dated before 1900 or in the future" in told


def test_a_specimen_of_the_future_has_no_time() -> None:
    taken = resource("Specimen", "s", type=coded("1", "Blod"), collection={"collectedDateTime": "2031"})
    made = mapped(bundle(patient(), report(conclusion="x", specimen=[{"reference": "Specimen/s"}]), taken))
    assert not made.records[0].labs.reports[0].specimens[0].HasField("collected")
    assert made.cuts == {"times of specimens before 1900 or in the future": 1}
