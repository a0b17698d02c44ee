"""Between stored versions and the messages of the contract."""

import hashlib
from datetime import datetime

from kjernejournal.common.v1.common_pb2 import CALLER_KIND_SYSTEM, CallerContext, EntryHeader, Provenance
from kjernejournal.documents.v1.documents_pb2 import (
    AVAILABILITY_STATUS_DEPRECATED,
    RELATION_KIND_REPLACES,
    Document,
    DocumentRelation,
    DocumentsSection,
)
from services.documents import model
from services.documents.repository import DocumentPage
from shared.convert import digest, moment
from shared.register import restriction
from shared.register.convert import complete_header, fed_provenance, provenance, window
from shared.register.entry import NewEntry, StoredEntry


def new_entry(
    document: Document, patient_ref: str, entry_id: str, version: int, request_id: str | None, sent: bytes
) -> NewEntry:
    """Returns the version to be stored of a checked document; `sent` is the digest of what the caller sent."""
    recorded = moment(document.header.provenance.recorded_at)
    return NewEntry(
        patient_ref=patient_ref,
        id=entry_id,
        version=version,
        kind=model.kind_of(document),
        deleted=document.withdrawn,
        effective_at=model.effective_at(document, recorded),
        request_id=request_id,
        digest=sent,
        content=document.SerializeToString(deterministic=True),
    )


def sent(document: Document) -> Document:
    """Returns what is taken of a document that a feed sends: of one that is withdrawn, the header alone."""
    return Document(header=document.header, withdrawn=True) if document.withdrawn else document


def to_store(document: Document, source: Provenance, size: int, sha256: bytes) -> Document:
    """Returns the document as it is stored: what the system sets is set, what a caller may not set is taken away."""
    stored = Document()
    stored.CopyFrom(document)
    stored.header.CopyFrom(EntryHeader(provenance=source))
    stored.size = size
    stored.sha256 = sha256
    model.complete(stored)
    if not stored.HasField("author_institution"):
        stored.author_institution.CopyFrom(source.organisation)
    return stored


def source_of(document: Document, caller: CallerContext, now: datetime) -> Provenance:
    """Returns who recorded a document: the caller; from a feed, the original author as it states it."""
    if caller.kind != CALLER_KIND_SYSTEM:
        return provenance(caller, now)
    return fed_provenance(document.header.provenance, caller, now)


def sent_digest(document: Document, size: int, sha256: bytes, replacing: tuple[str, int] | None = None) -> bytes:
    """Returns the SHA-256 of what the caller sent: metadata and content, and what it replaces. Whether size and SHA-256
    of the content were stated makes no difference.
    """
    whole = Document()
    whole.CopyFrom(document)
    whole.size = size
    whole.sha256 = sha256
    if replacing is None:
        return digest(whole)
    return hashlib.sha256(digest(whole) + f"{replacing[0]}/{replacing[1]}".encode()).digest()


def replacing(document: Document, replaced: NewEntry) -> Document:
    """Returns the document as the one that replaces `replaced`. What the patient has restricted stays restricted."""
    result = Document()
    result.CopyFrom(document)
    result.relations.append(DocumentRelation(kind=RELATION_KIND_REPLACES, document_id=replaced.id))
    if not model.is_restricted(result):
        old = Document.FromString(replaced.content).confidentiality
        result.confidentiality.extend(coding for coding in old if coding.code == restriction.RESTRICTED)
    return result


def deprecated(latest: StoredEntry, caller: CallerContext, sent: bytes, now: datetime) -> NewEntry:
    """Returns the version that makes a document Deprecated."""
    message = Document.FromString(latest.content)
    first = message.header.first_recorded if message.header.HasField("first_recorded") else message.header.provenance
    message.header.CopyFrom(EntryHeader(provenance=provenance(caller, now), first_recorded=first))
    message.availability_status = AVAILABILITY_STATUS_DEPRECATED
    entry = new_entry(message, latest.patient_ref, latest.id, latest.version + 1, None, sent)
    return entry._replace(effective_at=latest.effective_at)


def document(stored: StoredEntry) -> Document:
    """Returns the document as a reader sees it."""
    message = Document.FromString(stored.content)
    complete_header(message.header, stored)
    return message


def section(found: DocumentPage, since: datetime | None) -> DocumentsSection:
    """Returns the summary's section."""
    return DocumentsSection(
        documents=[document(stored) for stored in found.entries],
        window=window(found, since, found.withheld),
        approved=found.approved,
    )
