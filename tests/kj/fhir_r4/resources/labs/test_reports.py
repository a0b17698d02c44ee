"""Which results a report holds, in which order, and what becomes of those that no report holds."""

import pytest

from kjernejournal.labs.v1 import labs_pb2 as pb
from tests.kj.fhir_r4.bundles import SNOMED, bundle, coded, mapped, observation, patient, reasons, report, resource
from tests.kj.fhir_r4.resources.labs.reported import LOINC, VOLVEN, held, reported


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
    assert (made.laboratory.name, made.interpreter.name) == ("Fürst", "Overlege Ås")
    assert [each.type.codings[0].display for each in made.specimens] == ["Blod", "Urin"]
    assert made.results[0].specimen == 2
    assert made.results[0].effective.date.day == 3
    assert [each.code for each in made.identifiers] == ["77", "88"]
    assert (made.conclusion, made.conclusion_codes[0].codings[0].code) == ("Normalt", "17621005")
    assert made.header.provenance.organisation.name == "Fürst"


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
    wrong = observation(status="entered-in-error")
    made = mapped(bundle(patient(), wrong, report(result=held("obs"), conclusion="Normal")))
    assert not made.records[0].labs.reports[0].results
    assert made.tally.rows["Observation"].not_placed == {"is entered in error": 1}


def test_a_report_whose_results_are_all_withdrawn_is_withdrawn() -> None:
    made = mapped(bundle(patient(), observation(status="entered-in-error"), report(result=held("obs"))))
    assert made.records[0].labs.reports[0].withdrawn


def test_a_result_that_cannot_be_read_costs_itself_and_shows_in_its_report() -> None:
    bad = observation("bad", effectiveDateTime="2020-03-04T11:00:00")
    made = mapped(bundle(patient(), observation(), bad, report(result=held("obs", "bad"))))
    good, unread = made.records[0].labs.reports[0].results
    assert good.quantity.value == "14.2"
    assert (unread.WhichOneof("value"), unread.absent_reason.codings[0].code) == (None, "error")
    said = "entry[2].resource.effectiveDateTime: is not a date or time of FHIR R4"
    assert made.tally.rows["Observation"].not_placed == {said: 1}


def test_a_report_without_a_performer_has_that_of_its_results() -> None:
    one, other = (observation(each, performer=[{"display": f"Lab {each}"}]) for each in ("a", "b"))
    [alone] = mapped(bundle(patient(), one, report(result=held("a")))).records[0].labs.reports
    assert alone.laboratory.name == "Lab a"
    [both] = mapped(bundle(patient(), one, other, report(result=held("a", "b")))).records[0].labs.reports
    assert [each.comment for each in both.results] == ["Utført av: Lab a", "Utført av: Lab b"]


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
