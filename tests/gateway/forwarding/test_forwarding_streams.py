"""Streams through the front door: uploads, feeds and downloads."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.rpc import error_details_pb2

from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.common.v1.common_pb2 import EntryHeader, ImportCounts, Organisation, PatientIdentifier
from kjernejournal.documents.v1 import documents_pb2 as pb
from kjernejournal.visits.v1 import visits_pb2
from shared.handling import drain
from tests.support.client import method, refusal
from tests.support.gateway import Front
from tests.support.scripted.services import RECORD, RESOLVE, refusing, saying
from tests.support.waiting import becomes

UPLOAD = method("UploadDocument").path
DOWNLOAD = method("DownloadDocument").path
IMPORT = method("VisitsService/BulkImport").path
STORED = pb.UploadDocumentResponse(document=pb.Document(header=EntryHeader(id="d-1", version=1)))


def first(national_id: str, **fields: Any) -> pb.UploadDocumentRequest:
    return pb.UploadDocumentRequest(
        patient=PatientIdentifier(national_id=national_id), request_id=str(uuid4()), document=pb.Document(title="x")
    )


def chunk(data: bytes) -> pb.UploadDocumentRequest:
    return pb.UploadDocumentRequest(chunk=data)


def wanted(national_id: str) -> pb.DownloadDocumentRequest:
    return pb.DownloadDocumentRequest(patient=PatientIdentifier(national_id=national_id), id=str(uuid4()))


def batch(*national_ids: str) -> visits_pb2.BulkImportRequest:
    patients = [visits_pb2.PatientEntries(patient=PatientIdentifier(national_id=each)) for each in national_ids]
    return visits_pb2.BulkImportRequest(patients=patients)


async def stored(messages: AsyncIterator[bytes], _: Any) -> bytes:
    async for _message in messages:
        pass
    return STORED.SerializeToString()


async def imported(messages: AsyncIterator[bytes], _: Any) -> bytes:
    count = 0
    async for _message in messages:
        count += 1
    return visits_pb2.BulkImportResponse(counts=ImportCounts(batches=count)).SerializeToString()


def parts(*sizes: int, document: bool = True) -> list[pb.DownloadDocumentResponse]:
    head = pb.DownloadDocumentResponse(document=pb.Document(header=EntryHeader(id="d-1", version=2)))
    return [*([head] if document else []), *(pb.DownloadDocumentResponse(chunk=b"x" * size) for size in sizes)]


def sending(*messages: pb.DownloadDocumentResponse) -> Any:
    async def answer(_: bytes, __: Any) -> AsyncIterator[bytes]:
        for message in messages:
            yield message.SerializeToString()

    return answer


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
    assert outcome.sections[0].entries[0].id == "d-1"


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
    """Also when the caller is in the middle of a message: it must not become grpc's own INTERNAL."""
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
    tried = await asyncio.gather(*(refusal(front.client.send("UploadDocument", messages)) for _ in range(200)))
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


async def test_a_feed_resolves_every_patient_of_every_message(front: Front) -> None:
    one, two, three = front.people.add(), front.people.add(), front.people.add()
    front.registers["visits"].client_stream(IMPORT, imported)
    reply = await front.client.send("VisitsService/BulkImport", [batch(one, two), batch(three)], kind="system")
    assert reply.counts.batches == 2
    [call] = front.registers["visits"].calls
    refs = [
        each.patient.patient_ref
        for message in call.messages
        for each in visits_pb2.BulkImportRequest.FromString(message).patients
    ]
    assert refs == [front.people.ref(each) for each in (one, two, three)]
    permits = [record for record in front.log.records if record.kind == audit_pb2.RECORD_KIND_PERMIT]
    assert [record.personal.patient_ref for record in permits] == refs
    assert len({record.access_id for record in front.log.records}) == 1
    assert sum(each.path == RESOLVE for each in front.people.calls) == 2, "one question a message"


async def test_an_unknown_patient_stops_a_feed_and_is_named_by_position(front: Front) -> None:
    known, unknown = front.people.add(), front.people.add()
    del front.people.known[unknown]
    front.registers["visits"].client_stream(IMPORT, imported)
    told = await refusal(
        front.client.send("VisitsService/BulkImport", [batch(known), batch(known, unknown)], kind="system")
    )
    assert told.short == ("NOT_FOUND", "PATIENT_NOT_FOUND")
    assert told.details["field"] == "patients[1].patient"
    assert unknown not in repr(told)
    assert len(front.registers["visits"].calls[0].messages) <= 1


async def test_no_message_of_a_feed_goes_on_without_its_record(front: Front) -> None:
    patient = front.people.add()
    front.registers["visits"].client_stream(IMPORT, imported)
    front.log.unary(RECORD, saying(b"\x0a\xff"))
    try:
        told = await refusal(front.client.send("VisitsService/BulkImport", [batch(patient)], kind="system"))
    finally:
        front.log.unary(RECORD, front.log.commit)
    assert told.short == ("UNAVAILABLE", "AUDIT_UNAVAILABLE")
    assert not any(call.messages for call in front.registers["visits"].calls)


async def test_a_feed_is_taken_as_fast_as_the_register_takes_it(front: Front) -> None:
    """Backpressure: what a slow register has not taken stays with the sender."""
    patient, go_on = front.people.add(), asyncio.Event()

    async def slow(messages: AsyncIterator[bytes], context: Any) -> bytes:
        await anext(messages)
        await go_on.wait()
        return await imported(messages, context)

    front.registers["visits"].client_stream(IMPORT, slow)
    entry = visits_pb2.Visit(unit=Organisation(name="x" * 1_000_000))
    message = visits_pb2.BulkImportRequest(
        patients=[visits_pb2.PatientEntries(patient=PatientIdentifier(national_id=patient), visits=[entry])]
    ).SerializeToString()
    sent = 0

    async def messages() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(30):
            yield message
            sent += 1

    call = asyncio.create_task(_awaited(front.client.sending("VisitsService/BulkImport", messages(), kind="system")))
    await asyncio.sleep(0.3)
    assert sent < 15
    go_on.set()
    assert (await call).counts.batches == 29
    assert sent == 30


async def test_a_download_arrives_whole_and_is_on_record_before_its_bytes(front: Front) -> None:
    patient = front.people.add()
    seen: list[int] = []
    head, *chunks = parts(100_000, 5)

    async def answer(_: bytes, __: Any) -> AsyncIterator[bytes]:
        yield head.SerializeToString()
        for each in chunks:
            seen.append(len(front.log.records))
            yield each.SerializeToString()

    front.registers["documents"].server_stream(DOWNLOAD, answer)
    got = await front.client.stream("DownloadDocument", wanted(patient))
    assert got == [head, *chunks]
    [record] = front.log.records
    assert [(each.id, each.version) for each in record.sections[0].entries] == [("d-1", 2)]
    assert record.sections[0].sha256 == hashlib.sha256(head.SerializeToString()).digest()
    [call] = front.registers["documents"].calls
    assert pb.DownloadDocumentRequest.FromString(call.messages[0]).patient.patient_ref == front.people.ref(patient)


async def test_no_part_of_a_download_leaves_without_its_record(front: Front) -> None:
    patient = front.people.add()
    front.registers["documents"].server_stream(DOWNLOAD, sending(*parts(10)))
    front.log.unary(RECORD, refusing(grpc.StatusCode.UNAVAILABLE, "down", None))
    got: list[Any] = []
    try:
        told = await refusal(_gather(front.client.open("DownloadDocument", wanted(patient)), got))
    finally:
        front.log.unary(RECORD, front.log.commit)
    assert told.short == ("UNAVAILABLE", "AUDIT_UNAVAILABLE")
    assert got == []


async def test_a_download_that_hangs_times_out(front: Front) -> None:
    patient, ended = front.people.add(), asyncio.Event()

    async def hangs(_: bytes, __: Any) -> AsyncIterator[bytes]:
        try:
            yield parts()[0].SerializeToString()
            await asyncio.sleep(30)
        finally:
            ended.set()

    front.registers["documents"].server_stream(DOWNLOAD, hangs)
    got: list[Any] = []
    told = await refusal(_gather(front.client.open("DownloadDocument", wanted(patient)), got))
    assert told.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert len(got) == 1
    await asyncio.wait_for(ended.wait(), 2)


async def test_a_caller_who_leaves_a_download_ends_it_at_the_service(front: Front) -> None:
    patient, ended = front.people.add(), asyncio.Event()

    async def endless(_: bytes, __: Any) -> AsyncIterator[bytes]:
        try:
            while True:
                yield parts(1000, document=False)[0].SerializeToString()
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    front.registers["documents"].server_stream(DOWNLOAD, endless)
    call = front.client.open("DownloadDocument", wanted(patient))
    await call.read()
    call.cancel()
    await asyncio.wait_for(ended.wait(), 2)


async def test_a_block_during_a_download_ends_it(front: Front) -> None:
    patient = front.people.add()

    async def slow(_: bytes, __: Any) -> AsyncIterator[bytes]:
        for number in range(50):
            if number == 3:
                front.people.known[patient].facts.blocked_hpr_numbers.append("900000001")
            yield parts(10, document=False)[0].SerializeToString()
            await asyncio.sleep(0.03)

    front.registers["documents"].server_stream(DOWNLOAD, slow)
    got: list[Any] = []
    told = await refusal(_gather(front.client.open("DownloadDocument", wanted(patient)), got))
    assert told.code is grpc.StatusCode.PERMISSION_DENIED
    assert len(got) < 10


async def test_a_download_is_read_as_fast_as_its_caller_takes_it(front: Front) -> None:
    patient, produced = front.people.add(), 0

    async def answer(_: bytes, __: Any) -> AsyncIterator[bytes]:
        nonlocal produced
        for each in parts(*[250_000] * 100):
            produced += 1
            yield each.SerializeToString()

    front.registers["documents"].server_stream(DOWNLOAD, answer)
    call = front.client.open("DownloadDocument", wanted(patient))
    await call.read()
    await asyncio.sleep(0.2)
    assert produced < 60
    rest = 0
    while await call.read() is not grpc.aio.EOF:
        rest += 1
    assert rest == 100


@pytest.mark.parametrize("after", [0, 2])
async def test_a_fault_in_a_stream_is_relayed_with_a_fixed_text(front: Front, after: int) -> None:
    patient = front.people.add()

    async def breaks(_: bytes, __: Any) -> AsyncIterator[bytes]:
        for each in parts(10, 10)[:after]:
            yield each.SerializeToString()
        raise ValueError("asyncpg in /srv/app.py")

    front.registers["documents"].server_stream(DOWNLOAD, breaks)
    told = await refusal(front.client.stream("DownloadDocument", wanted(patient)))
    assert told.short == ("INTERNAL", "INTERNAL")
    assert "asyncpg" not in repr(told)


async def test_the_longest_stream_of_the_contract_bounds_a_download(front: Front) -> None:
    patient = front.people.add()
    front.registers["documents"].server_stream(DOWNLOAD, sending(*parts(1)))
    await _gather(front.client.open("DownloadDocument", wanted(patient), seconds=None), [])
    assert 890 < front.registers["documents"].calls[0].seconds_left <= 900


async def _gather(call: Any, into: list[Any]) -> None:
    """Keeps what came before a refusal, too."""
    async for message in call:
        into.append(message)  # noqa: PERF401 -- a comprehension would lose it


async def _awaited(call: Any) -> Any:
    return await call


async def test_the_record_of_a_download_says_which_part(front: Front) -> None:
    request = wanted(front.people.add())
    request.offset, request.length = 10, 5
    front.registers["documents"].server_stream(DOWNLOAD, sending(*parts(5)))
    await front.client.stream("DownloadDocument", request)
    part = front.log.records[-1].sections[0].range
    assert (part.start, part.end) == (10, 15)
