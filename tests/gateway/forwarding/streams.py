"""Uploads, feeds and downloads as the tests of streams send them, and services that take or send them."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import EntryHeader, EntryVersion, ImportCounts, PatientIdentifier
from kjernejournal.documents.v1 import documents_pb2 as pb
from kjernejournal.visits.v1 import visits_pb2
from tests.support.client import method

UPLOAD = method("UploadDocument").path
DOWNLOAD = method("DownloadDocument").path
IMPORT = method("VisitsService/BulkImport").path
STORED = pb.UploadDocumentResponse(
    written=EntryVersion(id="d-1", version=1), document=pb.Document(header=EntryHeader(id="d-1", version=1))
)


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
