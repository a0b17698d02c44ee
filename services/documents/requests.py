"""Streams that bring a document: what the first message must hold, and that the others hold content alone."""

from collections.abc import AsyncIterator
from typing import TypeVar
from uuid import UUID, uuid4

from kjernejournal.common.v1.common_pb2 import CALLER_KIND_SYSTEM
from kjernejournal.documents.v1.documents_pb2 import Document, ReplaceDocumentRequest, UploadDocumentRequest
from shared.errors import Invalid
from shared.handling import caller
from shared.register.store import EntryStore

Request = TypeVar("Request", UploadDocumentRequest, ReplaceDocumentRequest)


async def first(messages: AsyncIterator[Request]) -> Request:
    """Returns the first message. Raises Invalid when there is none, or when it lacks what it must hold.

    The proto's own rules cannot ask for it: they hold for every message of a stream.
    """
    async for message in messages:
        if not message.HasField("patient"):
            raise Invalid("patient", "is required in the first message")
        if not message.HasField("document"):
            raise Invalid("document", "is required in the first message")
        uuid(message.request_id, "request_id")
        return message
    raise Invalid("document", "the stream holds no message")


async def chunks(messages: AsyncIterator[Request]) -> AsyncIterator[bytes]:
    """Gives the content in the messages after the first. Raises Invalid for one that holds anything else."""
    async for message in messages:
        if not message.HasField("chunk") or len(message.ListFields()) > 1:
            raise Invalid("chunk", "messages after the first hold a chunk and nothing else")
        yield message.chunk


async def place_of(document: Document, store: EntryStore) -> tuple[str, str]:
    """Returns the reference and id that a new document is stored under: from a feed that names its source_id, the same
    each time."""
    refs, provenance = caller.patient_refs(), document.header.provenance
    if caller.current().kind == CALLER_KIND_SYSTEM and provenance.source_id:
        return await store.place_of(refs, provenance.source_system, provenance.source_id)
    return refs[0], str(uuid4())


def uuid(value: str, field: str) -> str:
    """Returns the UUID in lower case. Raises Invalid when it is none of 36 characters."""
    try:
        plain = str(UUID(value))
    except ValueError:
        plain = ""
    if not plain or plain != value.lower():
        raise Invalid(field, "must be a UUID of 36 characters")
    return plain
