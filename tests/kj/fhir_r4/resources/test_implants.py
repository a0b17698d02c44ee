"""Which devices and procedures last and become critical information, and when they no longer do."""

from typing import Any

import pytest

from kj.fhir_r4.resources.implants import Lasting, decide_device, decide_procedure
from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from tests.kj.fhir_r4.bundles import SNOMED, coded, reasons, record_of, resource


def concept(code: str, display: str = "", system: str = SNOMED) -> CodeableConcept:
    return CodeableConcept(codings=[Coding(system=system, code=code, display=display)])


@pytest.mark.parametrize(
    "code, status, lasting, rule",
    [
        (concept("88039007", "Transplant of lung"), "completed", Lasting.TRANSPLANT, "by code"),
        (concept("65200003"), "completed", Lasting.MECHANICAL_IMPLANT, "by code"),
        (concept("265764009"), "in-progress", Lasting.TREATMENT, "by code"),
        (concept("1", "Transplantation of pancreas"), "completed", Lasting.TRANSPLANT, "by name"),
        (concept("1", "Insertion of permanent cardiac pacemaker"), "completed", Lasting.MECHANICAL_IMPLANT, "by name"),
        (concept("1", "Total hip replacement"), "completed", Lasting.MECHANICAL_IMPLANT, "by name"),
        (concept("1", "Adjuvant chemotherapy"), "in-progress", Lasting.TREATMENT, "by name"),
    ],
)
def test_procedures_that_last(code: CodeableConcept, status: str, lasting: Lasting, rule: str) -> None:
    assert decide_procedure(code, status) == (lasting, rule)


@pytest.mark.parametrize(
    "code, status, said",
    [
        (concept("73761001", "Colonoscopy"), "completed", "neither an implant nor ongoing treatment"),
        (concept("1", "Removal of cardiac pacemaker"), "completed", "neither an implant"),
        (concept("1", "Evaluation for kidney transplant"), "completed", "neither an implant"),
        (concept("265764009", "Renal dialysis"), "completed", "treatment that is over"),
        (concept("88039007"), "not-done", "was not done"),
        (concept("88039007"), "entered-in-error", "was not done"),
        (concept("88039007", "", "http://other.example"), "completed", "neither an implant"),
        (None, "completed", "neither an implant"),
    ],
)
def test_procedures_that_do_not(code: CodeableConcept | None, status: str, said: str) -> None:
    decision = decide_procedure(code, status)
    assert decision.lasting is None
    assert said in decision.rule


@pytest.mark.parametrize(
    "code, lasting",
    [
        (concept("72506001"), Lasting.MECHANICAL_IMPLANT),
        (concept("69805005", "Insulin pump"), Lasting.TREATMENT),
        (concept("1", "Drug-eluting coronary stent"), Lasting.MECHANICAL_IMPLANT),
        (concept("228869008", "Manual wheelchair"), None),
        (concept("462894001", "Patient record software"), None),
        (None, None),
    ],
)
def test_devices(code: CodeableConcept | None, lasting: Lasting | None) -> None:
    assert decide_device(code).lasting is lasting


def procedure(name: str, code: str, year: int, **fields: Any) -> dict[str, Any]:
    period = {"start": f"{year}-05-01T10:00:00Z", "end": f"{year}-05-01T11:00:00Z"}
    return resource(
        "Procedure", name, **{"status": "completed", "code": coded(code), "performedPeriod": period, **fields}
    )


def test_an_implant_says_when_it_was_put_in() -> None:
    [entry] = record_of(procedure("i", "65200003", 2015)).critical_info.critical_info
    assert (entry.category, entry.status) == (pb.CATEGORY_IMPLANT, pb.STATUS_ACTIVE)
    assert entry.implant.mechanical
    assert entry.implant.implanted == entry.event_time
    assert entry.event_time.instant.ToJsonString() == "2015-05-01T10:00:00Z"


def test_what_was_taken_out_again_has_ended() -> None:
    removal = procedure("out", "68254000", 2018)
    record = record_of(removal, procedure("first", "65200003", 2015), procedure("second", "65200003", 2019))
    assert [each.status for each in record.critical_info.critical_info] == [pb.STATUS_ENDED, pb.STATUS_ACTIVE]
    assert reasons(removal) == {"takes an implant out: the entry of that implant has ended": 1}


def test_a_replacement_ends_one_and_begins_another() -> None:
    record = record_of(procedure("first", "65200003", 2015), procedure("next", "46706006", 2020))
    assert [each.status for each in record.critical_info.critical_info] == [pb.STATUS_ENDED, pb.STATUS_ACTIVE]


def test_treatment_that_goes_on() -> None:
    [entry] = record_of(procedure("t", "302497006", 2025, status="in-progress")).critical_info.critical_info
    assert (entry.category, entry.HasField("treatment")) == (pb.CATEGORY_ONGOING_TREATMENT, True)


def test_a_device_of_nobody_is_what_made_the_bundle() -> None:
    device = resource("Device", "d", type=coded("462894001", "software"), patient=None)
    assert reasons(device) == {"belongs to no patient": 1}


def test_an_inactive_device_has_ended() -> None:
    device = resource("Device", "d", type=coded("72506001", "Implantable defibrillator"), status="inactive")
    [entry] = record_of(device).critical_info.critical_info
    assert (entry.category, entry.status) == (pb.CATEGORY_IMPLANT, pb.STATUS_ENDED)


@pytest.mark.parametrize(
    "end, status",
    [("2020-01-01", pb.STATUS_ENDED), ("9999-12-31", pb.STATUS_ACTIVE), ("2040", pb.STATUS_ACTIVE)],
)
def test_a_device_is_in_use_until_the_end_has_come(end: str, status: int) -> None:
    """An end in the future, or the one that stands for none, must not make a pacemaker one that has been."""
    device = {"resourceType": "Device", "id": "d", "type": coded("706004007", "Implantable cardiac pacemaker")}
    used = resource(
        "DeviceUseStatement",
        "u",
        status="active",
        device={"reference": "#d"},
        contained=[device],
        timingPeriod={"start": "2015-03-02", "end": end},
    )
    [entry] = record_of(used).critical_info.critical_info
    assert entry.status == status


def words(name: str, said: str, year: int, **fields: Any) -> dict[str, Any]:
    return {**procedure(name, "1", year, **fields), "code": {"text": said}}


@pytest.mark.parametrize(
    "put_in, taken_out, status",
    [
        ("Implantation of cardiac pacemaker", "Removal of cardiac pacemaker", pb.STATUS_ENDED),
        ("Implantation of cardiac pacemaker", "Pacemaker explantation", pb.STATUS_ENDED),
        ("Implantasjon av permanent pacemaker", "Fjerning av pacemaker", pb.STATUS_ENDED),
        ("Total hip replacement, left", "Removal of left hip prosthesis", pb.STATUS_ENDED),
        ("Implantation of cardiac pacemaker", "Removal of pacemaker lead", pb.STATUS_ACTIVE),
        ("Implantation of cardiac pacemaker", "Removal of temporary pacemaker", pb.STATUS_ACTIVE),
        ("Implantation of cardiac pacemaker", "Removal and replacement of pacemaker", pb.STATUS_ACTIVE),
        ("Implantation of cardiac pacemaker", "Removal of suture from pacemaker pocket", pb.STATUS_ACTIVE),
        ("Implantation of cardiac pacemaker", "Removal of intrauterine device", pb.STATUS_ACTIVE),
        ("Total hip replacement, left", "Removal of right hip prosthesis", pb.STATUS_ACTIVE),
        ("Total knee replacement", "Removal of foreign body from knee", pb.STATUS_ACTIVE),
    ],
)
def test_a_removal_ends_the_implant_that_it_names_and_no_other(put_in: str, taken_out: str, status: int) -> None:
    entries = record_of(words("in", put_in, 2010), words("out", taken_out, 2020)).critical_info.critical_info
    assert entries[0].status == status
    assert entries[0].HasField("ended") == (status == pb.STATUS_ENDED)


def test_of_two_hips_a_removal_that_names_no_side_ends_neither() -> None:
    removal = words("out", "Removal of hip prosthesis", 2020)
    record = record_of(words("a", "Total hip replacement", 2010), words("b", "Total hip replacement", 2012), removal)
    assert [each.status for each in record.critical_info.critical_info] == [pb.STATUS_ACTIVE] * 2


def test_a_removal_before_the_implant_or_never_done_ends_nothing() -> None:
    device = resource("Device", "d", type=coded("14106009", "Cardiac pacemaker"), status="active")
    put_in = words("in", "Implantation of cardiac pacemaker", 2021)
    removal = words("out", "Removal of cardiac pacemaker", 2020)
    statuses = [each.status for each in record_of(device, put_in, removal).critical_info.critical_info]
    assert statuses == [pb.STATUS_ACTIVE] * 2
    planned = words("out", "Removal of cardiac pacemaker", 2020, status="preparation")
    assert record_of(device, planned).critical_info.critical_info[0].status == pb.STATUS_ACTIVE
    assert record_of(device, removal).critical_info.critical_info[0].status == pb.STATUS_ENDED


def used(name: str, **fields: Any) -> dict[str, Any]:
    return resource("DeviceUseStatement", name, device={"reference": "Device/d"}, **fields)


def test_a_device_has_ended_when_all_of_its_uses_have() -> None:
    device = resource("Device", "d", type=coded("14106009", "Cardiac pacemaker"), status="active")
    over = used("u", status="completed", timingPeriod={"start": "2010-04-01", "end": "2020-05-02"})
    [entry] = record_of(device, over).critical_info.critical_info
    assert (entry.status, entry.ended.date.year, entry.implant.implanted.date.year) == (pb.STATUS_ENDED, 2020, 2010)
    again = used("v", status="active", timingDateTime="2021-01-01")
    assert record_of(device, over, again).critical_info.critical_info[0].status == pb.STATUS_ACTIVE
    wrong = used("w", status="entered-in-error", timingDateTime="2021-01-01")
    assert record_of(device, over, wrong).critical_info.critical_info[0].status == pb.STATUS_ENDED


@pytest.mark.parametrize("status", ["entered-in-error", "not-done"])
def test_a_procedure_that_never_was_takes_its_entry_back(status: str) -> None:
    [entry] = record_of(procedure("i", "65200003", 2015, status=status)).critical_info.critical_info
    assert (entry.category, entry.status) == (pb.CATEGORY_IMPLANT, pb.STATUS_ENTERED_IN_ERROR)


def test_codes_of_ncsp_are_known_and_those_that_are_not_are_named() -> None:
    ncsp = "urn:oid:2.16.578.1.12.4.1.1.7210"
    [entry] = record_of({**procedure("i", "1", 2015), "code": coded("NFB40", "", ncsp)}).critical_info.critical_info
    assert entry.category == pb.CATEGORY_IMPLANT
    [reason] = reasons({**procedure("i", "1", 2015), "code": coded("ZZZ99", "", ncsp)})
    assert "a code of NCSP that is not known here" in reason
