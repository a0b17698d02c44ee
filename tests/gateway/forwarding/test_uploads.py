"""Uploads through the front door: whole or not at all, on record before and after."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.documents.v1 import documents_pb2 as pb
from shared.handling import drain
from tests.gateway.forwarding.streams import STORED, UPLOAD, chunk, first, stored
from tests.support.client import refusal
from tests.support.gateway import Front
from tests.support.scripted.services import refusing
from tests.support.waiting import becomes


async def test_an_upload_arrives_with_a_reference_in_place_of_the_national_id(front: Front) -> None:
    patient = front.people.add()
    front.registers["documents"].client_stream(UPLOAD, stored)
    reply = await front.client.send("UploadDocument", [first(patient), chunk(b"a" * 70_000), chunk(b"b")])
    assert reply == STORED
    [call] = front.registers["documents"].calls
    head, *chunks = [pb.UploadDocumentRequest.FromString(message) for message in call.messages]
    assert head.patient.patient_ref == front.people.ref(patient)
    assert [each.chunk for each in chunks] == [b"a" * 70_000, b"b"]
    assert patient.encode() not in b"".join(call.messages) + call.caller.SerializeToString()


async def test_an_upload_is_on_record_before_and_after(front: Front) -> None:
    patient = front.people.add()
    front.registers["documents"].client_stream(UPLOAD, stored)
    request = first(patient)
    await front.client.send("UploadDocument", [request, chunk(b"a")])
    permit, outcome = front.log.records
    assert (permit.kind, outcome.kind) == (audit_pb2.RECORD_KIND_PERMIT, audit_pb2.RECORD_KIND_OUTCOME)
    assert permit.request_id == outcome.request_id == request.request_id
    assert outcome.status_code == 0
    assert [(each.id, each.version) for each in outcome.sections[0].entries] == [("d-1", 1)], "once"


async def test_a_patient_in_a_later_message_is_refused_and_nothing_stored(front: Front) -> None:
    """The reference was put in place for the first message alone: another patient's would slip through."""
    patient, other = front.people.add(), front.people.add()
    front.registers["documents"].client_stream(UPLOAD, stored)
    told = await refusal(front.client.send("UploadDocument", [first(patient), first(other)]))
    assert told.short == ("INVALID_ARGUMENT", "INVALID_FIELD")
    assert other.encode() not in b"".join(front.registers["documents"].calls[0].messages)
    assert front.log.records[-1].status_code == grpc.StatusCode.INVALID_ARGUMENT.value[0]


@pytest.mark.parametrize("messages", [[], [chunk(b"a")], [pb.UploadDocumentRequest()]])
async def test_an_upload_that_does_not_begin_with_its_patient_is_refused(front: Front, messages: list[Any]) -> None:
    front.registers["documents"].client_stream(UPLOAD, stored)
    told = await refusal(front.client.send("UploadDocument", messages))
    assert told.code is grpc.StatusCode.INVALID_ARGUMENT
    assert not front.registers["documents"].calls


async def test_a_silent_upload_times_out(front: Front) -> None:
    patient, ended = front.people.add(), asyncio.Event()

    async def waits(messages: AsyncIterator[bytes], context: Any) -> bytes:
        try:
            return await stored(messages, context)
        finally:
            ended.set()

    front.registers["documents"].client_stream(UPLOAD, waits)
    call = front.client.sending("UploadDocument", None)
    await call.write(first(patient).SerializeToString())
    began = time.monotonic()
    told = await refusal(call)
    assert told.short == ("DEADLINE_EXCEEDED", "STREAM_TIMEOUT")
    assert time.monotonic() - began < 2
    await asyncio.wait_for(ended.wait(), 2)


async def test_an_upload_that_never_begins_times_out(front: Front) -> None:
    told = await refusal(front.client.sending("UploadDocument", None))
    assert told.short == ("DEADLINE_EXCEEDED", "STREAM_TIMEOUT")


async def test_a_refusal_in_the_middle_of_an_upload_is_relayed(front: Front) -> None:
    """The caller may be in the middle of a message: it must not become grpc's own INTERNAL."""
    patient = front.people.add()
    info = error_details_pb2.ErrorInfo(reason="TOO_LARGE", domain="kjernejournal")

    async def refuses(messages: AsyncIterator[bytes], context: Any) -> bytes:
        await anext(messages)
        await drain(messages)
        return await refusing(grpc.StatusCode.INVALID_ARGUMENT, "too large", info)(b"", context)

    front.registers["documents"].client_stream(UPLOAD, refuses)
    for _ in range(5):
        messages = [first(patient), *(chunk(b"x" * 1_000_000) for _ in range(20))]
        told = await refusal(front.client.send("UploadDocument", messages))
        assert told.short == ("INVALID_ARGUMENT", "TOO_LARGE")
    assert all(record.status_code == 3 for record in front.log.records[1::2])


async def test_a_refusal_without_delay_is_relayed_and_on_record(front: Front) -> None:
    """A service may end a stream at once, with the gateway in the middle of its next message."""
    patient = front.people.add()
    info = error_details_pb2.ErrorInfo(reason="INVALID_FIELD", domain="kjernejournal")

    async def refuses(messages: AsyncIterator[bytes], context: Any) -> bytes:
        await anext(messages)
        return await refusing(grpc.StatusCode.INVALID_ARGUMENT, "no", info)(b"", context)

    front.registers["documents"].client_stream(UPLOAD, refuses)
    messages = [first(patient), *(chunk(b"x") for _ in range(9))]
    tried = []
    for _ in range(20):  # as many at a time as one person may send
        tried += await asyncio.gather(*(refusal(front.client.send("UploadDocument", messages)) for _ in range(10)))
    assert {told.short for told in tried} == {("INVALID_ARGUMENT", "INVALID_FIELD")}
    outcomes = [record for record in front.log.records if record.kind == audit_pb2.RECORD_KIND_OUTCOME]
    assert [record.status_code for record in outcomes] == [3] * 200


async def test_a_denied_caller_in_the_middle_of_sending_learns_why(front: Front) -> None:
    patient = front.people.add(blocked_hpr_numbers=["900000001"])
    for _ in range(5):
        messages = [first(patient), *(chunk(b"x" * 1_000_000) for _ in range(20))]
        told = await refusal(front.client.send("UploadDocument", messages))
        assert told.code is grpc.StatusCode.PERMISSION_DENIED


async def test_a_block_during_an_upload_ends_it(front: Front) -> None:
    patient = front.people.add()
    front.registers["documents"].client_stream(UPLOAD, stored)
    call = front.client.sending("UploadDocument", None)
    await call.write(first(patient).SerializeToString())
    await becomes(lambda: bool(front.registers["documents"].calls))
    front.people.known[patient].facts.blocked_hpr_numbers.append("900000001")
    await asyncio.sleep(0.1)
    await call.write(chunk(b"a").SerializeToString())
    told = await refusal(call)
    assert told.code is grpc.StatusCode.PERMISSION_DENIED


async def test_a_caller_who_vanishes_leaves_no_whole_stream(front: Front) -> None:
    patient, whole = front.people.add(), asyncio.Event()

    async def watches(messages: AsyncIterator[bytes], context: Any) -> bytes:
        reply = await stored(messages, context)
        await asyncio.sleep(0.05)  # the news of a cancellation comes after the end of its messages
        if not context.cancelled():
            whole.set()
        return reply

    front.registers["documents"].client_stream(UPLOAD, watches)
    call = front.client.sending("UploadDocument", None)
    await call.write(first(patient).SerializeToString())
    await becomes(lambda: bool(front.registers["documents"].calls))
    call.cancel()
    await becomes(lambda: len(front.log.records) == 2)
    assert front.log.records[1].status_code != 0
    assert not whole.is_set()
