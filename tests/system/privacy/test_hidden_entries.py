"""A citizen does not learn from the access log what the registers do not show them; personnel and auditors do."""

from typing import Any
from uuid import uuid4

import pytest

from kjernejournal.audit.v1.audit_pb2 import (
    ACCESS_OUTCOME_CHANGED,
    ACCESS_OUTCOME_DENIED,
    ACCESS_OUTCOME_DISCLOSED,
    ListAccessesRequest,
    ListAccessesResponse,
)
from kjernejournal.documents.v1.documents_pb2 import (
    RELATION_KIND_APPENDS,
    BulkImportRequest,
    DocumentRelation,
    DownloadDocumentRequest,
    ImportedDocument,
    ListDocumentsRequest,
    PatientEntries,
    UploadDocumentRequest,
)
from kjernejournal.labs.v1.labs_pb2 import ListLabReportsRequest, RecordLabReportRequest
from tests.services.documents.calls import document
from tests.services.labs.calls import report
from tests.support.client import Client, refusal
from tests.support.patients import Patient
from tests.support.summaries import asked
from tests.support.system import System


async def log_of(client: Client, patient: Patient, **caller: Any) -> bytes:
    request = ListAccessesRequest(patient=patient.identifier, page_size=500)
    reply = await client.call("ListAccesses", request, **(caller or patient.asks()))
    assert reply.accesses
    return bytes(reply.SerializeToString())


async def uploaded(client: Client, patient: Patient, restriction: str, *related: str) -> str:
    relations = [DocumentRelation(kind=RELATION_KIND_APPENDS, document_id=each) for each in related]
    metadata = document(restriction, relations=relations)
    first = UploadDocumentRequest(patient=patient.identifier, request_id=str(uuid4()), document=metadata)
    sent = await client.send("UploadDocument", [first, UploadDocumentRequest(chunk=b"a")])
    return str(sent.document.header.id)


@pytest.mark.parametrize("restriction", ["NORN_FFL", "NORN_UNGDOM"])
async def test_a_document_refused_to_the_citizen_is_not_in_their_log(
    client: Client, patient: Patient, restriction: str
) -> None:
    secret = await uploaded(client, patient, restriction)
    known = await uploaded(client, patient, "N", secret)
    listed = await client.call("ListDocuments", ListDocumentsRequest(patient=patient.identifier))
    assert {secret, known} <= {each.header.id for each in listed.documents}
    for document_id in (secret, known):
        await client.stream("DownloadDocument", DownloadDocumentRequest(patient=patient.identifier, id=document_id))
    seen = await client.call("ListDocuments", ListDocumentsRequest(patient=patient.identifier), **patient.asks())
    whole = await client.call("GetPatientSummary", asked(patient), **patient.asks())
    pieces = await client.stream(
        "DownloadDocument", DownloadDocumentRequest(patient=patient.identifier, id=known), **patient.asks()
    )
    for reply in (seen, whole, pieces[0]):
        assert known.encode() in reply.SerializeToString()
        assert secret.encode() not in reply.SerializeToString()
    log = await log_of(client, patient)
    assert known.encode() in log
    assert secret.encode() not in log
    assert secret.encode() in await log_of(client, patient, kind="steward")


async def test_a_delayed_answer_is_not_in_the_citizens_log(client: Client, patient: Patient) -> None:
    request = RecordLabReportRequest(
        patient=patient.identifier, request_id=str(uuid4()), report=report("lab-delayed", "NORU")
    )
    secret = (await client.call("RecordLabReport", request, kind="system")).written.id
    listed = await client.call("ListLabReports", ListLabReportsRequest(patient=patient.identifier))
    assert secret in {each.header.id for each in listed.reports}
    assert secret.encode() not in await log_of(client, patient)


async def test_a_denied_attempt_and_a_feed_stand_in_the_citizens_log_and_name_nothing_hidden(
    client: Client, patient: Patient
) -> None:
    imported = ImportedDocument(document=document("NORN_FFL", source_id="bulk-hidden"), content=b"a")
    feed = [BulkImportRequest(patients=[PatientEntries(patient=patient.identifier, documents=[imported])])]
    assert (await client.send("DocumentsService/BulkImport", feed, kind="system")).counts.created == 1
    listed = await client.call("ListDocuments", ListDocumentsRequest(patient=patient.identifier))
    of_source = {each.header.provenance.source_id: each.header.id for each in listed.documents}
    secret = of_source["bulk-hidden"]
    request = DownloadDocumentRequest(patient=patient.identifier, id=secret)
    told = await refusal(client.stream("DownloadDocument", request, **patient.asks()))
    assert told.short == ("NOT_FOUND", "ENTRY_NOT_FOUND")
    reply = ListAccessesResponse.FromString(await log_of(client, patient))
    assert secret.encode() not in reply.SerializeToString()
    named = {(access.rpcs[0].rpartition("/")[2], access.outcome) for access in reply.accesses}
    assert {
        ("BulkImport", ACCESS_OUTCOME_CHANGED),
        ("DownloadDocument", ACCESS_OUTCOME_DENIED),
        ("ListDocuments", ACCESS_OUTCOME_DISCLOSED),
    } <= named


async def test_nobody_outside_says_what_is_hidden(client: Client, patient: Patient) -> None:
    request = ListAccessesRequest(patient=patient.identifier, hidden_entries=[str(uuid4())])
    told = await refusal(client.call("ListAccesses", request, **patient.asks()))
    assert told.short == ("INVALID_ARGUMENT", "INVALID_FIELD")
    assert told.details["field"] == "hidden_entries"


async def test_the_log_waits_for_a_register_that_cannot_say_what_is_hidden(
    system: System, client: Client, patient: Patient, healed: Any
) -> None:
    with system.stopped("documents"):
        told = await refusal(
            client.call("ListAccesses", ListAccessesRequest(patient=patient.identifier), **patient.asks())
        )
        assert told.short == ("UNAVAILABLE", "SERVICE_UNAVAILABLE")
        await log_of(client, patient, kind="steward")
    await healed()
