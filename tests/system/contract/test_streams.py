"""Streams through the front door: documents up and down, feeds, and what is left of one that does not end well."""

import asyncio
import hashlib
import random
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import asyncpg
import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.documents.v1.documents_pb2 import (
    DownloadDocumentRequest,
    ListDocumentsRequest,
    ReplaceDocumentRequest,
    UploadDocumentRequest,
)
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.visits.v1 import visits_pb2
from tests.services.documents.calls import document
from tests.services.patients.people import new_id, person
from tests.support.client import Client, Refusal, refusal
from tests.support.patients import Patient, entries_of, visit
from tests.support.system import System, eventually

PIECE = 256 * 1024
CONTENT = random.Random(7).randbytes(3 * PIECE + 17)


def uploading(
    patient: Patient, content: bytes, *, request_id: str = "", sent: documents_pb2.Document | None = None
) -> Iterator[UploadDocumentRequest]:
    yield UploadDocumentRequest(
        patient=patient.identifier, request_id=request_id or str(uuid4()), document=sent or document()
    )
    for start in range(0, len(content), PIECE):
        yield UploadDocumentRequest(chunk=content[start : start + PIECE])


async def downloaded(client: Client, patient: Patient, document_id: str, **fields: int) -> tuple[Any, bytes]:
    request = DownloadDocumentRequest(patient=patient.identifier, id=document_id, **fields)
    first, *chunks = await client.stream("DownloadDocument", request)
    return first.document, b"".join(part.chunk for part in chunks)


async def titles(client: Client, patient: Patient) -> list[str]:
    listed = await client.call("ListDocuments", ListDocumentsRequest(patient=patient.identifier))
    return sorted(each.title for each in listed.documents)


async def rows(system: System) -> tuple[int, ...]:
    """Returns how many rows the documents service holds, a table each."""
    connection = await asyncpg.connect(system.local.database_owner_url("documents"))
    try:
        return (
            await connection.fetchval("SELECT count(*) FROM entries"),
            await connection.fetchval("SELECT count(*) FROM contents"),
            await connection.fetchval("SELECT count(*) FROM content_rows"),
        )
    finally:
        await connection.close()


async def test_what_goes_up_comes_down(client: Client, patient: Patient) -> None:
    stored = (await client.send("UploadDocument", uploading(patient, CONTENT))).document
    assert (stored.size, stored.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).digest())
    assert stored.header.provenance.recorder.hpr_number == "900000001"
    got, content = await downloaded(client, patient, stored.header.id)
    assert content == CONTENT
    assert got == stored
    assert (await downloaded(client, patient, stored.header.id, offset=PIECE - 3, length=7))[1] == CONTENT[
        PIECE - 3 : PIECE + 4
    ]
    assert (await downloaded(client, patient, stored.header.id, version=1))[1] == CONTENT


async def test_a_document_is_replaced_and_the_old_one_says_so(client: Client, patient: Patient) -> None:
    old = (await client.send("UploadDocument", uploading(patient, b"gammel"))).document
    first = ReplaceDocumentRequest(
        patient=patient.identifier,
        request_id=str(uuid4()),
        replaced_id=old.header.id,
        expected_version=1,
        document=document(),
    )
    reply = await client.send("ReplaceDocument", [first, ReplaceDocumentRequest(chunk=b"ny")])
    assert reply.replaced_document.availability_status == documents_pb2.AVAILABILITY_STATUS_DEPRECATED
    assert (await downloaded(client, patient, reply.document.header.id))[1] == b"ny"
    first.request_id = str(uuid4())
    told = await refusal(client.send("ReplaceDocument", [first, ReplaceDocumentRequest(chunk=b"ny")]))
    assert told.code.name in {"FAILED_PRECONDITION", "ABORTED"}


async def test_a_machine_gets_no_document_back(client: Client, patient: Patient) -> None:
    """It gets what it needs to send the next version."""
    uploaded = await client.send("UploadDocument", uploading(patient, b"gammel"), kind="system")
    assert uploaded == documents_pb2.UploadDocumentResponse(written=uploaded.written)
    first = ReplaceDocumentRequest(
        patient=patient.identifier,
        request_id=str(uuid4()),
        replaced_id=uploaded.written.id,
        expected_version=uploaded.written.version,
        document=document(),
    )
    reply = await client.send("ReplaceDocument", [first, ReplaceDocumentRequest(chunk=b"ny")], kind="system")
    assert reply == documents_pb2.ReplaceDocumentResponse(written=reply.written, replaced=reply.replaced)
    assert (reply.replaced.id, reply.replaced.version) == (uploaded.written.id, 2)
    assert (await downloaded(client, patient, reply.written.id))[1] == b"ny"


async def test_an_upload_that_is_sent_again_is_one_document(client: Client, patient: Patient) -> None:
    request_id = str(uuid4())
    before = await titles(client, patient)
    first = await client.send("UploadDocument", uploading(patient, CONTENT, request_id=request_id))
    again = await client.send("UploadDocument", uploading(patient, CONTENT, request_id=request_id))
    assert again == first
    assert len(await titles(client, patient)) == len(before) + 1
    other = uploading(patient, CONTENT[1:], request_id=request_id)
    told = await refusal(client.send("UploadDocument", other))
    assert told.short == ("INVALID_ARGUMENT", "REQUEST_ID_REUSED")


async def test_malformed_and_oversized_streams_are_refused(client: Client, patient: Patient) -> None:
    first, chunk = uploading(patient, b"x")
    another = UploadDocumentRequest(patient=PatientIdentifier(national_id=new_id()), chunk=b"x")
    stated = document(size=200 * 1024 * 1024)
    cases: list[tuple[list[Any], str, str]] = [
        ([], "INVALID_ARGUMENT", "MALFORMED_MESSAGE"),
        ([b"\xff\xff"], "INVALID_ARGUMENT", "MALFORMED_MESSAGE"),
        ([chunk], "INVALID_ARGUMENT", "INVALID_FIELD"),
        ([first, b"\xff\xff"], "INVALID_ARGUMENT", "MALFORMED_MESSAGE"),
        ([first, another], "INVALID_ARGUMENT", "INVALID_FIELD"),
        ([first], "INVALID_ARGUMENT", "INVALID_FIELD"),
        ([*uploading(patient, b"x", sent=stated)], "INVALID_ARGUMENT", "TOO_LARGE"),
        ([*uploading(patient, b"x", sent=document(sha256=b"0" * 32))], "INVALID_ARGUMENT", "INVALID_FIELD"),
    ]
    before = await titles(client, patient)
    told = [await refusal(client.send("UploadDocument", messages)) for messages, _, _ in cases]
    assert [each.short for each in told] == [(code, reason) for _, code, reason in cases]
    assert await titles(client, patient) == before
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.send("UploadDocument", [first, UploadDocumentRequest(chunk=bytes(33 * 1024 * 1024))])
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_cancelled_upload_leaves_nothing(system: System, client: Client, patient: Patient) -> None:
    before = await rows(system)
    call = client.sending("UploadDocument", None)
    for message in uploading(patient, CONTENT):
        await call.write(client_bytes(message))
    await asyncio.sleep(0.1)
    call.cancel()

    async def gone() -> bool:
        return await rows(system) == before

    await eventually(gone, 5.0)


async def test_an_upload_whose_deadline_passes_leaves_nothing(system: System, client: Client, patient: Patient) -> None:
    before = await rows(system)
    call = client.sending("UploadDocument", None, seconds=0.4)
    for message in uploading(patient, CONTENT):
        await call.write(client_bytes(message))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED

    async def gone() -> bool:
        return await rows(system) == before

    await eventually(gone, 5.0)


async def test_a_download_that_nobody_reads_on_does_no_harm(client: Client, patient: Patient) -> None:
    stored = (await client.send("UploadDocument", uploading(patient, CONTENT))).document
    request = DownloadDocumentRequest(patient=patient.identifier, id=stored.header.id)
    for _ in range(5):
        call = client.open("DownloadDocument", request, seconds=5)
        assert (await call.read()).HasField("document")
        call.cancel()
    assert (await downloaded(client, patient, stored.header.id))[1] == CONTENT


@pytest.mark.parametrize("register", ["critical_info", "medications", "visits", "documents"])
async def test_a_feed_may_not_send_entries_of_somebody_nobody_knows(
    client: Client, patient: Patient, register: str
) -> None:
    module = __import__(f"kjernejournal.{register}.v1.{register}_pb2", fromlist=["BulkImportRequest"])
    service = "".join(part.title() for part in register.split("_")) + "Service"
    stranger = PatientIdentifier(national_id=new_id())
    request = module.BulkImportRequest(
        patients=[entries_of(register, patient.identifier), entries_of(register, stranger)]
    )
    told = await refusal(client.send(f"{service}/BulkImport", [request], kind="system"))
    assert told.short == ("NOT_FOUND", "PATIENT_NOT_FOUND")
    assert told.details["field"] == "patients[1].patient"
    assert stranger.national_id not in str(told)


async def test_a_feed_tells_which_entry_is_wrong_and_stores_nothing_of_its_message(
    client: Client, patient: Patient
) -> None:
    bad = visit("v-2")
    bad.ClearField("period")
    request = visits_pb2.BulkImportRequest(
        patients=[visits_pb2.PatientEntries(patient=patient.identifier, visits=[visit("v-3"), bad])]
    )
    told = await refusal(client.send("VisitsService/BulkImport", [request], kind="system"))
    assert told.code.name == "INVALID_ARGUMENT"
    assert told.details["field"].startswith("patients[0].visits[1]")
    listed = await client.call("ListVisits", visits_pb2.ListVisitsRequest(patient=patient.identifier))
    assert len(listed.visits) == 1


async def test_feeds_are_for_systems_alone(client: Client, patient: Patient) -> None:
    request = patients_pb2.BulkImportRequest(patients=[patients_pb2.ImportedPatient(person=person())])
    for kind in ("doctor", "citizen", "auditor"):
        told: Refusal = await refusal(client.send("PatientsService/BulkImport", [request], kind=kind))
        assert told.short == ("PERMISSION_DENIED", "CALLER_KIND_REFUSED")


def client_bytes(message: UploadDocumentRequest) -> bytes:
    """Serializes a message: a stream that the test writes itself takes bytes."""
    return message.SerializeToString()
