"""Unary rpcs through the front door: what a service receives, what a caller gets back, what stands in the log."""

import asyncio
import hashlib
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.rpc import error_details_pb2

from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import EntryHeader, ListWindow, PatientIdentifier
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.visits.v1 import visits_pb2
from shared.errors import Reason
from tests.gateway.forwarding.calls import CREATE, LIST, SECRET, asked, creation, refused, visit
from tests.support.client import refusal
from tests.support.gateway import Front
from tests.support.scripted.services import RECORD, RESOLVE, refusing, saying
from tests.support.waiting import becomes


async def test_a_service_sees_a_reference_and_never_the_national_id(front: Front) -> None:
    patient = front.people.add()
    front.registers["visits"].unary(LIST, saying(visits_pb2.ListVisitsResponse(window=ListWindow())))
    await front.client.call("ListVisits", asked(patient))
    [call] = front.registers["visits"].calls
    request = visits_pb2.ListVisitsRequest.FromString(call.messages[0])
    assert request.patient.patient_ref == front.people.ref(patient)
    assert request.page_size == 7
    assert patient.encode() not in call.messages[0] + call.caller.SerializeToString()
    assert list(call.caller.patient_refs) == list(front.people.known[patient].patient_refs)
    assert call.caller.decision == common_pb2.SECTION_DECISION_PERMIT


async def test_fields_that_this_gateway_does_not_know_go_along(front: Front) -> None:
    """A service may be newer than the gateway."""
    patient = front.people.add()
    newer = visits_pb2.ListVisitsResponse(window=ListWindow()).SerializeToString() + b"\xfa\x07\x03new"
    front.registers["visits"].unary(LIST, saying(newer))
    request = asked(patient).SerializeToString() + b"\xf8\x07\x01"
    answer = await front.client.answer("ListVisits", request)
    assert answer.reply.SerializeToString() == newer
    assert front.registers["visits"].calls[0].messages[0].endswith(b"\xf8\x07\x01")


async def test_nothing_of_the_callers_metadata_reaches_a_service(front: Front) -> None:
    patient = front.people.add()
    front.registers["visits"].unary(LIST, saying(visits_pb2.ListVisitsResponse(window=ListWindow())))
    forged = common_pb2.CallerContext(kind=common_pb2.CALLER_KIND_SYSTEM, elevated=True).SerializeToString()
    extra: list[tuple[str, str | bytes]] = [
        ("kj-caller-bin", forged),
        ("x-forwarded-for", "1.2.3.4"),
        ("kj-patient-refs-bin", b"x"),
    ]
    await front.client.answer("ListVisits", asked(patient), extra=extra)
    [call] = front.registers["visits"].calls
    assert set(call.metadata) - {"user-agent"} == {"traceparent", "kj-caller-bin"}
    assert call.caller.kind == common_pb2.CALLER_KIND_CLINICIAN
    assert not call.caller.elevated


async def test_the_callers_trace_goes_through(front: Front) -> None:
    patient = front.people.add()
    front.registers["visits"].unary(LIST, saying(visits_pb2.ListVisitsResponse(window=ListWindow())))
    extra = [("traceparent", f"00-{'a' * 32}-{'b' * 16}-00")]
    answer = await front.client.answer("ListVisits", asked(patient), extra=extra)
    assert answer.trace_id == "a" * 32
    assert front.registers["visits"].calls[0].metadata["traceparent"].split("-")[1] == "a" * 32
    assert front.log.records[0].trace_id == "a" * 32


async def test_a_read_is_on_record_before_it_leaves(front: Front) -> None:
    patient = front.people.add()
    reply = visits_pb2.ListVisitsResponse(visits=[visit("v-1"), visit("v-2")], window=ListWindow())
    front.registers["visits"].unary(LIST, saying(reply))
    answer = await front.client.answer("ListVisits", asked(patient))
    assert answer.reply == reply
    [record] = front.log.records
    [section] = record.sections
    assert record.kind == audit_pb2.RECORD_KIND_DISCLOSURE
    assert [(each.id, each.version) for each in section.entries] == [("v-1", 4), ("v-2", 4)]
    assert section.sha256 == hashlib.sha256(reply.SerializeToString()).digest()
    assert record.personal.patient_ref == front.people.ref(patient)
    assert answer.trailers["audit-index"] == "0"


async def test_a_write_is_on_record_before_it_is_made_and_after(front: Front) -> None:
    patient, request = front.people.add(), str(uuid4())
    seen: list[int] = []

    async def create(_: bytes, __: Any) -> bytes:
        seen.extend(record.kind for record in front.log.records)
        return ki.CreateCriticalInfoResponse(
            critical_info=ki.CriticalInfo(header=EntryHeader(id="k", version=1))
        ).SerializeToString()

    front.registers["critical_info"].unary(CREATE, create)
    await front.client.call("CreateCriticalInfo", creation(patient, request))
    assert seen == [audit_pb2.RECORD_KIND_PERMIT]
    permit, outcome = front.log.records
    assert permit.request_id == outcome.request_id == request
    assert (outcome.kind, outcome.status_code) == (audit_pb2.RECORD_KIND_OUTCOME, 0)
    assert outcome.sections[0].entries[0].id == "k"
    assert permit.access_id == outcome.access_id


async def test_a_request_id_that_is_none_stays_out_of_the_log(front: Front) -> None:
    """The log would refuse the record, and the caller would hear of a log that cannot be written."""
    patient = front.people.add()
    front.registers["critical_info"].unary(CREATE, saying(ki.CreateCriticalInfoResponse()))
    await front.client.call("CreateCriticalInfo", creation(patient, "\0 no id"))
    assert {record.request_id for record in front.log.records} == {""}


async def test_the_outcome_of_a_write_with_a_garbled_reply_is_on_record(front: Front) -> None:
    patient = front.people.add()
    front.registers["critical_info"].unary(CREATE, saying(b"\x0a\xff\xff\xff\xff\x0f"))
    assert (await refused(front, creation(patient), "CreateCriticalInfo")).code is grpc.StatusCode.INTERNAL
    assert [record.status_code for record in front.log.records] == [0, grpc.StatusCode.INTERNAL.value[0]]


async def test_a_refused_write_has_its_outcome_on_record(front: Front) -> None:
    patient = front.people.add()
    info = error_details_pb2.ErrorInfo(reason="STATE_CONFLICT", domain="kjernejournal")
    front.registers["critical_info"].unary(CREATE, refusing(grpc.StatusCode.FAILED_PRECONDITION, "no", info))
    await refused(front, creation(patient), "CreateCriticalInfo")
    outcome = front.log.records[1]
    assert outcome.status_code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert outcome.reason == Reason.ERROR_REASON_STATE_CONFLICT


async def test_without_a_record_nothing_is_released(front: Front) -> None:
    patient = front.people.add()
    front.registers["visits"].unary(
        LIST, saying(visits_pb2.ListVisitsResponse(visits=[visit("v-1")], window=ListWindow()))
    )
    front.log.unary(RECORD, saying(b"\x0a\xff\xff\xff\xff\x0f"))
    try:
        told = await refused(front, asked(patient))
    finally:
        front.log.unary(RECORD, front.log.commit)
    assert told.short == ("UNAVAILABLE", "AUDIT_UNAVAILABLE")


async def test_without_a_permit_nothing_is_written(front: Front) -> None:
    patient = front.people.add()
    front.registers["critical_info"].unary(CREATE, saying(ki.CreateCriticalInfoResponse()))
    front.log.unary(RECORD, refusing(grpc.StatusCode.UNAVAILABLE, SECRET, None))
    try:
        told = await refused(front, creation(patient), "CreateCriticalInfo")
    finally:
        front.log.unary(RECORD, front.log.commit)
    assert told.short == ("UNAVAILABLE", "AUDIT_UNAVAILABLE")
    assert not front.registers["critical_info"].calls


async def test_a_denied_caller_reaches_no_register_and_is_on_record(front: Front) -> None:
    patient = front.people.add()
    front.registers["visits"].unary(LIST, saying(visits_pb2.ListVisitsResponse(window=ListWindow())))
    told = await refused(front, asked(patient), basis="")
    assert told.short == ("PERMISSION_DENIED", "BASIS_MISSING")
    assert [record.kind for record in front.log.records] == [audit_pb2.RECORD_KIND_DENIAL]
    assert not front.registers["visits"].calls


@pytest.mark.parametrize(
    "patient, reason",
    [
        (PatientIdentifier(patient_ref=str(uuid4())), "PATIENT_REF_REFUSED"),
        (PatientIdentifier(national_id="12345678901"), "INVALID_NATIONAL_ID"),
        (PatientIdentifier(), "INVALID_FIELD"),
    ],
)
async def test_a_patient_who_is_not_named_by_a_national_id_is_refused(
    front: Front, patient: PatientIdentifier, reason: str
) -> None:
    told = await refused(front, visits_pb2.ListVisitsRequest(patient=patient))
    assert told.short == ("INVALID_ARGUMENT", reason)
    assert not front.people.calls
    assert "12345678901" not in repr(told)


async def test_bytes_that_are_no_message_are_refused_after_the_token(front: Front) -> None:
    told = await refusal(front.client.answer("ListVisits", b"\x0a\xff"))
    assert told.short == ("INVALID_ARGUMENT", "MALFORMED_MESSAGE")
    extra = [("authorization", "Bearer x")]
    told = await refusal(front.client.answer("ListVisits", b"\x0a\xff", extra=extra))
    assert told.code is grpc.StatusCode.UNAUTHENTICATED


async def test_internal_rpcs_are_not_for_outside_callers(front: Front) -> None:
    told = await refusal(front.client.answer("VisitsService/BatchGetSections", b""))
    assert told.short == ("UNIMPLEMENTED", "NOT_SUPPORTED")
    assert not front.registers["visits"].calls


async def test_the_deadline_goes_along(front: Front) -> None:
    patient = front.people.add()
    front.registers["critical_info"].unary(CREATE, saying(ki.CreateCriticalInfoResponse()))
    for seconds in (1.0, 60.0, None):
        await front.client.answer("CreateCriticalInfo", creation(patient), seconds=seconds)
    short, longest, default = (call.seconds_left for call in front.registers["critical_info"].calls)
    assert 0.5 < short <= 1.0
    assert 4.0 < longest <= 5.0, "no unary call lasts longer than 5 s"
    assert 1.5 < default <= 2.0, "2 s is the default"


async def test_a_cancelled_read_is_cancelled_at_the_service(front: Front) -> None:
    patient = front.people.add()
    ended = asyncio.Event()

    async def slow(_: bytes, __: Any) -> bytes:
        try:
            await asyncio.sleep(10)
        finally:
            ended.set()
        return b""

    front.registers["visits"].unary(LIST, slow)
    ongoing = asyncio.create_task(front.client.call("ListVisits", asked(patient)))
    await becomes(lambda: bool(front.registers["visits"].calls))
    ongoing.cancel()
    await asyncio.wait_for(ended.wait(), 2)


async def test_a_cancelled_write_goes_on_to_its_record(front: Front) -> None:
    patient = front.people.add()

    async def slow(_: bytes, __: Any) -> bytes:
        await asyncio.sleep(0.2)
        return ki.CreateCriticalInfoResponse().SerializeToString()

    front.registers["critical_info"].unary(CREATE, slow)
    ongoing = asyncio.create_task(front.client.call("CreateCriticalInfo", creation(patient)))
    await becomes(lambda: bool(front.registers["critical_info"].calls))
    ongoing.cancel()
    await becomes(lambda: len(front.log.records) == 2)
    assert front.log.records[1].status_code == 0


async def test_a_block_that_comes_while_the_register_reads_holds(front: Front) -> None:
    """Facts older than 250 ms are read again before the release."""
    patient = front.people.add()

    async def slow(_: bytes, __: Any) -> bytes:
        front.people.known[patient].facts.blocked_hpr_numbers.append("900000001")
        await asyncio.sleep(0.3)
        return visits_pb2.ListVisitsResponse(visits=[visit("v-1")], window=ListWindow()).SerializeToString()

    front.registers["visits"].unary(LIST, slow)
    told = await refused(front, asked(patient))
    assert told.code is grpc.StatusCode.PERMISSION_DENIED
    assert sum(call.path == RESOLVE for call in front.people.calls) == 2
    assert front.log.records[-1].kind == audit_pb2.RECORD_KIND_DENIAL
