"""Calls to the documents service as the tests make them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import (
    CALLER_KIND_CITIZEN,
    REPRESENTATION_PARENT,
    REPRESENTATION_SELF,
    CallerContext,
    CodeableConcept,
    Coding,
    EntryHeader,
    EntryVersion,
    PatientIdentifier,
    Period,
    Provenance,
)
from kjernejournal.documents.v1 import documents_pb2 as pb
from services.documents.repository import Repository
from services.documents.uploads import Uploads
from shared.codes.systems import DOCUMENT_TYPES
from shared.convert import timestamp
from shared.database import Database
from tests.support.service import DOCTOR, FEED, calling

if TYPE_CHECKING:
    from kjernejournal.documents.v1.documents_pb2_grpc import DocumentsServiceAsyncStub

LARGEST = 8 * 1024 * 1024
MADE = datetime(2024, 5, 1, 9, tzinfo=UTC)
VOLVEN_9603 = "urn:oid:2.16.578.1.12.4.1.1.9603"
ELEVATED = CallerContext()
ELEVATED.CopyFrom(DOCTOR)
ELEVATED.elevated = True
CITIZEN = CallerContext(kind=CALLER_KIND_CITIZEN, for_patient=True)
PATIENT = CallerContext(kind=CALLER_KIND_CITIZEN, for_patient=True, representation=REPRESENTATION_SELF)
PARENT = CallerContext(kind=CALLER_KIND_CITIZEN, for_patient=True, representation=REPRESENTATION_PARENT)


def new_ref() -> str:
    return str(uuid4())


def patient(ref: str) -> PatientIdentifier:
    return PatientIdentifier(patient_ref=ref)


def document(*restrictions: str, source_id: str = "", made: datetime = MADE, **fields: object) -> pb.Document:
    """Returns a discharge summary."""
    values: dict[str, object] = {
        "type": CodeableConcept(codings=[Coding(system=DOCUMENT_TYPES, code="A03-2", display="Epikrise")]),
        "mime_type": "application/pdf",
        "title": "Epikrise",
        "service_period": Period(start=timestamp(made)),
        "confidentiality": [Coding(system=VOLVEN_9603, code=code) for code in restrictions],
        **fields,
    }
    provenance = Provenance(source_system="dips", source_id=source_id, recorded_at=timestamp(made))
    return pb.Document(header=EntryHeader(provenance=provenance), **values)  # type: ignore[arg-type]  # the fields of the message


@dataclass(frozen=True)
class Documents:
    """The service, the database under it as its superuser, and the parts that tests look into."""

    stub: DocumentsServiceAsyncStub
    superuser: Database
    repository: Repository
    uploads: Uploads

    async def upload(
        self, ref: str, content: bytes, sent: pb.Document | None = None, *, request_id: str = "", piece: int = 100_000
    ) -> pb.Document:
        """Sends a document as a doctor does."""
        return (await self.send(ref, content, sent, request_id=request_id, piece=piece)).document

    async def send(
        self,
        ref: str,
        content: bytes,
        sent: pb.Document | None = None,
        *,
        request_id: str = "",
        piece: int = 100_000,
        by: CallerContext = DOCTOR,
    ) -> pb.UploadDocumentResponse:
        async def messages() -> AsyncIterator[pb.UploadDocumentRequest]:
            yield pb.UploadDocumentRequest(
                patient=patient(ref), request_id=request_id or str(uuid4()), document=sent or document()
            )
            for start in range(0, len(content), piece):
                yield pb.UploadDocumentRequest(chunk=content[start : start + piece])

        return await self.stub.UploadDocument(messages(), metadata=calling(by, ref))

    async def feed(
        self, ref: str, content: bytes, sent: pb.Document, *, request_id: str = "", by: CallerContext = FEED
    ) -> EntryVersion:
        """Sends a document as a machine does."""
        return (await self.send(ref, content, sent, request_id=request_id, by=by)).written

    async def replace(
        self, ref: str, old: pb.Document, content: bytes, *, request_id: str = "", by: CallerContext = DOCTOR
    ) -> pb.ReplaceDocumentResponse:
        async def messages() -> AsyncIterator[pb.ReplaceDocumentRequest]:
            yield pb.ReplaceDocumentRequest(
                patient=patient(ref),
                request_id=request_id or str(uuid4()),
                replaced_id=old.header.id,
                expected_version=old.header.version,
                document=document(),
            )
            yield pb.ReplaceDocumentRequest(chunk=content)

        return await self.stub.ReplaceDocument(messages(), metadata=calling(by, ref))

    async def download(
        self, ref: str, document_id: str, *, by: CallerContext = DOCTOR, **fields: int
    ) -> tuple[pb.Document, bytes]:
        request = pb.DownloadDocumentRequest(patient=patient(ref), id=document_id)
        for name, value in fields.items():
            setattr(request, name, value)
        found, content = pb.Document(), bytearray()
        async for message in self.stub.DownloadDocument(request, metadata=calling(by, ref)):
            if message.HasField("document"):
                assert not content, "the document comes first"
                found = message.document
            else:
                assert 0 < len(message.chunk) < 64 * 1024
                content += message.chunk
        return found, bytes(content)

    async def listed(self, *refs: str, by: CallerContext = DOCTOR, **fields: object) -> pb.ListDocumentsResponse:
        request = pb.ListDocumentsRequest(patient=patient(refs[0]), **fields)  # type: ignore[arg-type]  # the fields of the message
        return await self.stub.ListDocuments(request, metadata=calling(by, *refs))

    async def load(
        self, ref: str, *entries: tuple[pb.Document, bytes], aliases: Sequence[str] = ()
    ) -> pb.BulkImportResponse:
        message = pb.BulkImportRequest(
            patients=[
                pb.PatientEntries(
                    patient=PatientIdentifier(patient_ref=ref, alias_refs=aliases),
                    documents=[pb.ImportedDocument(document=sent, content=content) for sent, content in entries],
                )
            ]
        )
        return await self.stub.BulkImport(iter([message]), metadata=calling(FEED))

    async def rows(self, table: str, ref: str) -> int:
        """Returns how many rows of a patient a table holds."""
        count: int = await self.superuser.fetchval(
            f"SELECT count(*) FROM {table} WHERE patient_ref = $1",  # noqa: S608  # the tests' own table names
            ref,
            name="count_rows",
        )
        return count
