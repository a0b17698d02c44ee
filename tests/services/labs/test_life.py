"""The life of a report: each version as it was then, withdrawn ones never again, delayed ones not before their time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from kjernejournal.common.v1.common_pb2 import (
    ABSENCE_KIND_NOT_ASKED,
    CALLER_KIND_CITIZEN,
    CALLER_KIND_CLINICIAN,
    CallerContext,
    Practitioner,
)
from kjernejournal.labs.v1 import labs_pb2 as pb
from shared.convert import moment, timestamp
from tests.services.labs.calls import (
    CITIZEN,
    DAY,
    ELEVATED,
    HAEMOGLOBIN,
    PARENT,
    TAKEN,
    Labs,
    new_ref,
    nothing_known,
    quantity,
    report,
    result,
)
from tests.support.service import DOCTOR, details_of, reason_of, version_of

SOON = timedelta(seconds=1)
PRELIMINARY = pb.RESULT_STATUS_PRELIMINARY
FINAL = pb.RESULT_STATUS_FINAL
CORRECTED = pb.RESULT_STATUS_CORRECTED
CANCELLED = pb.RESULT_STATUS_CANCELLED
LIFE = [
    report("a", status=PRELIMINARY, results=[result(quantity=quantity("12.9"))]),
    report("a", status=FINAL, results=[result(quantity=quantity("13.1"))]),
    report("a", status=CORRECTED, results=[result(quantity=quantity("11.3"))]),
    report("a", status=pb.RESULT_STATUS_APPENDED, results=[result(quantity=quantity("11.3")), result(key="more")]),
    report("a", status=CANCELLED, results=[result(quantity=quantity("11.3"))]),
]


async def refusal(call: object) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call  # type: ignore[misc]  # a coroutine of one of the calls
    return refused.value


async def test_at_each_point_the_record_shows_what_was_known_then(labs: Labs) -> None:
    ref = new_ref()
    lived = [await labs.record(ref, sent) for sent in LIFE]
    assert [each.version for each in lived] == [1, 2, 3, 4, 5]
    for sent, version in zip(LIFE, lived, strict=True):
        as_of = version.stored_at
        [listed] = (await labs.listed(ref, as_of=as_of)).reports
        assert (version_of(listed), listed.status) == (version, sent.status)
        values = [each.quantity.value for each in sent.results]
        assert [each.quantity.value for each in listed.results] == values
        assert list((await labs.section(ref, as_of=moment(as_of))).reports) == [listed]
        results = (await labs.results(ref, as_of=as_of, codes=HAEMOGLOBIN)).results
        assert [each.result.quantity.value for each in results] == ([] if sent.status == CANCELLED else values)
        assert all(each.report_status == sent.status for each in results)
    assert not (await labs.listed(ref, as_of=timestamp(moment(lived[0].stored_at) - SOON))).reports
    versions = await labs.versions(ref, lived[0].id)
    assert [version_of(each) for each in versions] == lived[::-1]
    [now] = (await labs.listed(ref)).reports
    assert now.status == CANCELLED
    assert now.header.first_recorded == versions[-1].header.provenance


async def test_a_life_in_one_message_is_the_same_life(labs: Labs) -> None:
    ref = new_ref()
    assert await labs.load(ref, *LIFE, report("b")) == (2, 4, 0)
    [found] = [each for each in (await labs.listed(ref)).reports if each.header.provenance.source_id == "a"]
    assert [each.status for each in await labs.versions(ref, found.header.id)] == [each.status for each in LIFE[::-1]]
    assert await labs.load(ref, *LIFE, report("b")) == (0, 0, 2), "the others are outdated"
    assert await labs.feed(*(one_message(ref, sent) for sent in LIFE)) == (0, 0, 1)
    assert (await labs.record(ref, LIFE[1])).version == 5


def one_message(ref: str, sent: pb.LabReport) -> pb.BulkImportRequest:
    of = pb.PatientEntries(reports=[sent])
    of.patient.patient_ref = ref
    return pb.BulkImportRequest(patients=[of])


async def test_a_report_does_not_go_back_and_the_entry_is_named(labs: Labs) -> None:
    ref = new_ref()
    await labs.load(ref, report("a"), report("b"))
    back = report("b", status=PRELIMINARY, taken=TAKEN + DAY)
    recorded = await refusal(labs.record(ref, back))
    assert (recorded.code(), reason_of(recorded)) == (grpc.StatusCode.FAILED_PRECONDITION, "STATE_CONFLICT")
    assert details_of(recorded)["field"] == "report.status"
    imported = await refusal(labs.feed(one_message(ref, report("c")), two_messages_in_one(ref, report("d"), back)))
    assert imported.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert details_of(imported) == {"field": "patients[0].reports[1].status", "batches_stored": "1"}
    assert (await labs.listed(ref)).window.total == 3


def two_messages_in_one(ref: str, *sent: pb.LabReport) -> pb.BulkImportRequest:
    of = pb.PatientEntries(reports=sent)
    of.patient.patient_ref = ref
    return pb.BulkImportRequest(patients=[of])


async def test_a_withdrawn_report_is_gone_for_good(labs: Labs) -> None:
    ref = new_ref()
    first = await labs.record(ref, report("a"))
    gone = await labs.record(ref, report("a", withdrawn=True))
    assert (gone.id, gone.version) == (first.id, 2)
    for as_of in (None, first.stored_at, gone.stored_at):
        assert not (await labs.listed(ref, as_of=as_of)).reports
        assert not (await labs.listed(ref, as_of=as_of, codes=HAEMOGLOBIN)).window.total
        assert not (await labs.results(ref, as_of=as_of)).results
        assert not (await labs.section(ref, as_of=moment(as_of) if as_of else None)).window.total
    assert (await refusal(labs.versions(ref, first.id))).code() == grpc.StatusCode.NOT_FOUND
    late = await labs.record(ref, report("a"))
    assert (late.version, late.outdated) == (gone.version, True), "a late copy changes nothing"
    again = await refusal(labs.record(ref, report("a", comment="likevel", taken=TAKEN + DAY)))
    assert again.code() == grpc.StatusCode.FAILED_PRECONDITION


async def test_a_report_of_another_patient_is_not_found(labs: Labs) -> None:
    mine, theirs = new_ref(), new_ref()
    other = await labs.record(theirs, report("a", "NORU"))
    assert (await refusal(labs.versions(mine, other.id))).code() == grpc.StatusCode.NOT_FOUND
    assert (await refusal(labs.release(mine, other))).code() == grpc.StatusCode.NOT_FOUND


async def test_a_restricted_report_is_withheld_and_counted_until_it_is_opened(labs: Labs) -> None:
    ref = new_ref()
    before = await labs.record(ref, report("a"))
    latest = await labs.record(ref, report("a", "NORS", comment="sperret"))
    for as_of in (None, before.stored_at):
        found = await labs.listed(ref, as_of=as_of)
        assert (len(found.reports), found.window.total, found.window.withheld) == (0, 0, 1)
        assert (await labs.section(ref, as_of=moment(as_of) if as_of else None)).window.withheld == 1
    assert reason_of(await refusal(labs.versions(ref, before.id))) == "SECTION_RESTRICTED"
    for reader in (ELEVATED, CITIZEN, PARENT):
        found = await labs.listed(ref, by=reader)
        assert (len(found.reports), found.window.withheld) == (1, 0)
        assert len(await labs.versions(ref, latest.id, reader)) == 2
        assert (await labs.section(ref, by=reader)).window.total == 1


@pytest.mark.parametrize("code", ["NORU", "NORN_FFL", "NORN_FORANS", "NORN_UNGDOM"])
async def test_what_the_citizen_may_not_see_is_not_there_and_not_counted(labs: Labs, code: str) -> None:
    ref = new_ref()
    before = await labs.record(ref, report("a"))
    await labs.load(ref, report("a", code, comment="nytt"), report("b", taken=TAKEN + DAY))
    for reader in (CITIZEN, PARENT):
        sees = (code, reader) in (("NORN_FORANS", CITIZEN), ("NORN_UNGDOM", PARENT))
        for filters in ({}, {"codes": HAEMOGLOBIN}, {"page_size": 1}):
            found = await labs.listed(ref, by=reader, **filters)
            assert (found.window.total, found.window.withheld) == (1 + sees, 0)
            assert found.window.older_exist == (sees and "page_size" in filters)
            assert (await labs.results(ref, by=reader, **filters)).window.total == 1 + sees
        then = await labs.listed(ref, by=reader, as_of=before.stored_at)
        assert (then.window.total, then.window.withheld) == (int(sees), 0)
        section = (await labs.section(ref, by=reader)).window
        assert (section.total, section.withheld) == (1 + sees, 0)
        if not sees:
            hidden = await refusal(labs.versions(ref, before.id, reader))
            assert hidden.code() == grpc.StatusCode.NOT_FOUND
    assert (await labs.listed(ref)).window.total == 2


async def test_a_delay_ends_by_itself_at_its_time(labs: Labs) -> None:
    ref, now = new_ref(), datetime.now(UTC)
    await labs.record(ref, report("over", "NORU", citizen_view_from=timestamp(now - SOON)))
    soon = await labs.record(ref, report("soon", "NORU", citizen_view_from=timestamp(now + 2 * SOON)))
    await labs.record(ref, report("late", "NORU", citizen_view_from=timestamp(now + DAY)))
    await labs.record(ref, report("both", "NORU", "NORN_FFL", citizen_view_from=timestamp(now - SOON)))
    assert (await labs.listed(ref, by=CITIZEN)).window.total == 1
    assert (await refusal(labs.versions(ref, soon.id, CITIZEN))).code() == grpc.StatusCode.NOT_FOUND
    await asyncio.sleep(max(0.0, (now + 2 * SOON - datetime.now(UTC)).total_seconds()))
    assert (await labs.listed(ref, by=CITIZEN)).window.total == 2
    assert [version_of(each) for each in await labs.versions(ref, soon.id, CITIZEN)] == [soon]
    assert (await labs.section(ref, by=CITIZEN)).window.total == 2
    assert (await labs.listed(ref)).window.total == 4


@pytest.mark.parametrize("seconds, nanos, seen", [(-62_135_596_800, 0, 1), (253_402_300_799, 999_999_999, 0)])
async def test_a_delay_may_end_at_either_end_of_the_calendar(labs: Labs, seconds: int, nanos: int, seen: int) -> None:
    ref, ends = new_ref(), Timestamp(seconds=seconds, nanos=nanos)
    await labs.record(ref, report("a", "NORU", citizen_view_from=ends))
    assert (await labs.listed(ref, by=CITIZEN)).window.total == seen
    assert not (await labs.listed(ref, as_of=ends, since=ends, before=ends)).reports
    assert (await labs.listed(ref)).reports[0].citizen_view_from == ends


async def test_a_doctor_ends_the_delay_of_one_version(labs: Labs) -> None:
    ref, request_id = new_ref(), str(uuid4())
    sent = report("a", "NORU", results=[result(quantity=quantity("7.1"))])
    delayed = await labs.record(ref, sent)
    assert not (await labs.listed(ref, by=CITIZEN)).reports
    released = await labs.release(ref, delayed, request_id=request_id)
    assert (released.header.version, released.released.recorder.name) == (2, "Kari Nordlege")
    assert released.header.first_recorded.source_system == "fuerst"
    assert await labs.release(ref, delayed, request_id=request_id) == released
    assert list((await labs.listed(ref, by=CITIZEN)).reports) == [released]
    assert (await labs.results(ref, by=CITIZEN, codes=HAEMOGLOBIN)).window.total == 1
    versions = await labs.versions(ref, delayed.id, CITIZEN)
    assert [version_of(each) for each in versions] == [version_of(released), delayed]
    # The laboratory sends the same once more, then a correction, which is judged anew.
    assert await labs.load(ref, sent) == (0, 0, 1)
    assert (await labs.listed(ref, by=CITIZEN)).window.total == 1
    forged = report("a", "NORU", status=CORRECTED, released=released.released)
    corrected = await labs.record(ref, forged)
    assert not (await labs.listed(ref)).reports[0].HasField("released")
    assert not (await labs.listed(ref, by=CITIZEN)).window.total
    assert (await labs.release(ref, corrected)).header.version == 4


async def test_a_release_is_refused_to_others_and_where_there_is_nothing_to_release(labs: Labs) -> None:
    ref = new_ref()
    delayed = await labs.record(ref, report("a", "NORU"))
    nurse = CallerContext()
    nurse.CopyFrom(DOCTOR)
    nurse.practitioner.role.code = "SP"
    patient_who_is_a_doctor = CallerContext(
        kind=CALLER_KIND_CITIZEN, for_patient=True, practitioner=Practitioner(role=DOCTOR.practitioner.role)
    )
    other_list = CallerContext()
    other_list.CopyFrom(DOCTOR)
    other_list.practitioner.role.system = "urn:oid:1.2.3"
    for reader in (nurse, patient_who_is_a_doctor, other_list, CallerContext(kind=CALLER_KIND_CLINICIAN)):
        refused = await refusal(labs.release(ref, delayed, by=reader))
        assert (refused.code(), reason_of(refused)) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_REFUSED")
    assert (await refusal(labs.release(ref, delayed, version=2))).code() == grpc.StatusCode.NOT_FOUND
    released = await labs.release(ref, delayed)
    assert (await refusal(labs.release(ref, delayed))).code() == grpc.StatusCode.ABORTED
    assert (await refusal(labs.release(ref, version_of(released)))).code() == grpc.StatusCode.FAILED_PRECONDITION
    plain = await labs.record(ref, report("b"))
    request_id = str(uuid4())
    assert (
        await refusal(labs.release(ref, plain, request_id=request_id))
    ).code() == grpc.StatusCode.FAILED_PRECONDITION
    restricted = await labs.record(ref, report("c", "NORS", "NORU"))
    assert reason_of(await refusal(labs.release(ref, restricted))) == "SECTION_RESTRICTED"
    assert (await labs.release(ref, restricted, by=ELEVATED)).header.version == 2


async def test_a_request_id_of_a_release_is_of_no_use_for_another(labs: Labs) -> None:
    ref, request_id = new_ref(), str(uuid4())
    first, second = [await labs.record(ref, report(name, "NORU")) for name in "ab"]
    await labs.release(ref, first, request_id=request_id)
    assert reason_of(await refusal(labs.release(ref, second, request_id=request_id))) == "REQUEST_ID_REUSED"


async def test_a_release_made_many_times_at_once_is_one_version_and_one_answer(labs: Labs) -> None:
    ref, request_id = new_ref(), str(uuid4())
    delayed = await labs.record(ref, report("a", "NORU"))
    answers = await asyncio.gather(*(labs.release(ref, delayed, request_id=request_id) for _ in range(8)))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0].header.version == 2


async def test_a_release_sent_again_does_not_show_what_is_restricted_or_withdrawn_since(labs: Labs) -> None:
    ref, request_id = new_ref(), str(uuid4())
    first = await labs.record(ref, report("a", "NORU"))
    await labs.release(ref, first, request_id=request_id)
    await labs.record(ref, report("a", "NORU", "NORS"))
    error = await refusal(labs.release(ref, first, request_id=request_id))
    assert error.code() == grpc.StatusCode.PERMISSION_DENIED
    assert (await labs.release(ref, first, request_id=request_id, by=ELEVATED)).header.version == 2
    await labs.record(ref, report("a", withdrawn=True))
    error = await refusal(labs.release(ref, first, request_id=request_id, by=ELEVATED))
    assert error.code() == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("status", [PRELIMINARY, FINAL, CORRECTED])
async def test_what_was_issued_earlier_does_not_come_to_stand_over_what_was_issued_later(
    labs: Labs, status: pb.ResultStatus.ValueType
) -> None:
    ref = new_ref()
    [first, between, last] = [
        report("a", status=status, issued=timestamp(TAKEN + day * DAY), results=[result(quantity=quantity(f"{day}.0"))])
        for day in range(3)
    ]
    await labs.record(ref, first)
    await labs.record(ref, last)
    assert (await labs.record(ref, between)).outdated
    assert await labs.load(ref, between, first, report("b")) == (1, 0, 0), "never seen before, and its message stands"
    [stands] = [each for each in (await labs.listed(ref)).reports if each.header.provenance.source_id == "a"]
    assert stands.results[0].quantity.value == "2.0"
    between.status = CANCELLED  # a later stage is later, whatever its time of issue
    assert (await labs.record(ref, between)).version == 3


async def test_a_statement_of_absence_holds_until_something_newer_is_recorded(labs: Labs) -> None:
    ref = new_ref()
    assert await labs.load(ref, absences=(nothing_known("none", TAKEN),)) == (1, 0, 0)
    said = await labs.section(ref)
    assert (said.absence.header.version, said.window.total, len(said.reports)) == (1, 0, 0)
    assert (await labs.listed(ref)).absence == said.absence
    assert (await refusal(labs.versions(ref, said.absence.header.id))).code() == grpc.StatusCode.NOT_FOUND
    await labs.load(ref, report("new", taken=TAKEN + DAY))
    assert not (await labs.section(ref)).HasField("absence")
    assert not (await labs.listed(ref)).HasField("absence")
    then = (await labs.listed(ref, as_of=said.absence.header.stored_at)).absence
    assert then == said.absence
    await labs.load(ref, absences=(nothing_known("again", TAKEN + 2 * DAY),))
    assert (await labs.section(ref)).absence.header.provenance.source_id == "again"
    await labs.load(ref, report("old, and news here", taken=TAKEN - DAY))
    assert not (await labs.section(ref)).HasField("absence")


async def test_a_statement_that_its_source_withdraws_is_not_in_force(labs: Labs) -> None:
    ref, said = new_ref(), nothing_known("none", TAKEN)
    await labs.load(ref, absences=(said,))
    assert (await labs.section(ref)).HasField("absence")
    said.withdrawn = True
    said.header.provenance.recorded_at.FromDatetime(TAKEN + DAY)
    assert await labs.load(ref, absences=(said,)) == (0, 1, 0)
    assert not (await labs.section(ref)).HasField("absence")
    assert not (await labs.listed(ref)).HasField("absence")


async def test_of_two_statements_of_one_time_the_weaker_holds(labs: Labs) -> None:
    for order in (1, -1):
        ref, nil, nobody = new_ref(), nothing_known("nil", TAKEN), nothing_known("nobody", TAKEN)
        nobody.kind = ABSENCE_KIND_NOT_ASKED
        await labs.load(ref, absences=(nil, nobody)[::order])
        assert (await labs.section(ref)).absence.kind == ABSENCE_KIND_NOT_ASKED
        assert (await labs.listed(ref)).absence.kind == ABSENCE_KIND_NOT_ASKED


async def test_a_report_that_is_hidden_does_not_show_through_an_absence(labs: Labs) -> None:
    ref = new_ref()
    await labs.load(ref, report("a", "NORU", "NORS"))
    await labs.load(ref, absences=(nothing_known("none", TAKEN - DAY),))
    assert (await labs.section(ref, by=CITIZEN)).HasField("absence"), "as if the report were not there"
    assert not (await labs.section(ref)).HasField("absence"), "personnel are told that one is withheld"
