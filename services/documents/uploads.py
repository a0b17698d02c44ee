"""Receives a document's content: row by row into the database, where nothing leads to it yet."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Context
from uuid import uuid4

from kjernejournal.documents.v1.documents_pb2 import Document
from services.documents.intake import Intake
from services.documents.repository import Repository
from services.documents.sealing import Content, PatientKey
from shared.errors import Invalid, KjernejournalError

log = logging.getLogger(__name__)


class Uploads:
    """The uploads that go on in this process."""

    def __init__(self, repository: Repository, largest: int) -> None:
        self._repository = repository
        self._largest = largest
        self._discarding: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def received(
        self, patient_ref: str, document_id: str, stated: Document, chunks: AsyncIterator[bytes]
    ) -> AsyncIterator[tuple[Content, bytes]]:
        """Yields the content that `chunks` bring, stored whole but not visible, with its seal.

        Whatever the block has not made visible is thrown away after it. Raises Invalid when it is empty, too large,
        or not of the size or SHA-256 stated.
        """
        content_id = str(uuid4())
        try:
            key = await self._repository.begin_upload(patient_ref, content_id)
            intake = await self._store(key, patient_ref, document_id, content_id, chunks)
            try:
                check_stated(stated, intake.size, intake.sha256)
            except Invalid as error:
                raise error.inside("document") from None
            content = Content(patient_ref, document_id, content_id, intake.size, intake.rows, intake.sha256)
            yield content, key.seal(content)
        finally:
            # In a task of its own and without the call's deadline: the call may have been cancelled or be too late.
            task = asyncio.create_task(self._discard(patient_ref, content_id), context=Context())
            self._discarding.add(task)
            task.add_done_callback(self._discarding.discard)

    async def settle(self) -> None:
        """Waits until what was received in vain is thrown away."""
        await asyncio.gather(*self._discarding)

    async def _store(
        self, key: PatientKey, patient_ref: str, document_id: str, content_id: str, chunks: AsyncIterator[bytes]
    ) -> Intake:
        intake = Intake(self._largest)
        async for chunk in chunks:
            for number, row in intake.take(chunk):
                sealed = key.seal_row(document_id, content_id, number, row, last=False)
                await self._repository.stage_row(patient_ref, content_id, number, sealed)
        number, row = intake.end()
        sealed = key.seal_row(document_id, content_id, number, row, last=True)
        await self._repository.stage_row(patient_ref, content_id, number, sealed)
        return intake

    async def _discard(self, patient_ref: str, content_id: str) -> None:
        try:
            await self._repository.discard_upload(patient_ref, content_id)
        except KjernejournalError:
            log.warning("an upload's rows could not be thrown away: a later upload will do it")


def check_stated(document: Document, size: int, sha256: bytes) -> None:
    """Raises Invalid when the content is not of the size or SHA-256 that was stated with it."""
    if document.size not in (0, size):
        raise Invalid("size", "is not the size of the content that came")
    if document.sha256 not in (b"", sha256):
        raise Invalid("sha256", "is not the SHA-256 of the content that came")
