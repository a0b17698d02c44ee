"""The rpcs of documents."""

import hashlib
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime

from kjernejournal.common.v1.common_pb2 import CALLER_KIND_CLINICIAN, CALLER_KIND_SYSTEM, CallerContext, SectionQuery
from kjernejournal.documents.v1 import documents_pb2 as pb
from kjernejournal.documents.v1.documents_pb2_grpc import DocumentsServiceServicer
from services.documents import convert, model, requests
from services.documents.intake import check_size
from services.documents.repository import Question, Repository
from services.documents.sealing import ROW
from services.documents.uploads import Uploads, check_stated
from shared.convert import optional_moment
from shared.errors import Invalid, Reason, StateConflict, VersionBehind, entry_not_found
from shared.handling import Context, caller
from shared.register import restriction
from shared.register.batch_sections import answer_each
from shared.register.bulk_import import alias_refs, elsewhere, entry_id, import_stream, patient_ref
from shared.register.convert import check_source, entry_version, window, written
from shared.register.entry import NewEntry, StoredEntry
from shared.register.hidden import marked
from shared.register.paging import page_of
from shared.register.requests import is_known
from shared.register.restriction import View
from shared.register.store import settled

LARGEST_PIECE = 64 * 1024 - 1024
"""Bytes of content in one message of a download: with its frame below the 64 KiB that a block may come too late for."""


class Servicer(DocumentsServiceServicer):
    """Documents of patients."""

    def __init__(self, repository: Repository, uploads: Uploads, largest: int) -> None:
        self._repository = repository
        self._uploads = uploads
        self._largest = largest

    async def ListDocuments(self, request: pb.ListDocumentsRequest, context: Context) -> pb.ListDocumentsResponse:
        as_of, since = optional_moment(request, "as_of"), optional_moment(request, "since")
        classes, deprecated = model.class_numbers(request.class_codes), model.deprecated_only(request.statuses)
        view = restriction.view_of(caller.current())
        page = page_of(request.page_size, request.page_token, as_of, since, classes, deprecated)
        found = await self._repository.list_page(
            Question(caller.patient_refs(), view, as_of, since, deprecated, classes), page
        )
        documents = [convert.document(stored) for stored in found.entries]
        await self._hide_relations(documents, caller.patient_refs(), view)
        return pb.ListDocumentsResponse(
            documents=documents,
            next_page_token=found.next_page_token,
            window=window(found, since, found.withheld),
        )

    async def UploadDocument(
        self, request_iterator: AsyncIterator[pb.UploadDocumentRequest], context: Context
    ) -> pb.UploadDocumentResponse:
        first = await requests.first(request_iterator)
        await self._check_new(first.document)
        refs = caller.patient_refs()
        ref, known_as = await requests.place_of(first.document, self._repository.entries)
        async with self._uploads.received(ref, known_as, first.document, requests.chunks(request_iterator)) as (
            content,
            seal,
        ):
            sent = convert.sent_digest(first.document, content.size, content.sha256)
            source = convert.source_of(first.document, caller.current(), datetime.now(UTC))
            document = convert.to_store(first.document, source, content.size, content.sha256)
            new = convert.new_entry(document, ref, known_as, 1, first.request_id, sent)
            stored = await settled(lambda: self._repository.end_upload(new, refs, content, seal))
        return pb.UploadDocumentResponse(written=written(stored), document=_to_people(stored))

    async def ReplaceDocument(
        self, request_iterator: AsyncIterator[pb.ReplaceDocumentRequest], context: Context
    ) -> pb.ReplaceDocumentResponse:
        first = await requests.first(request_iterator)
        await self._check_new(first.document)
        refs = caller.patient_refs()
        ref, known_as = await requests.place_of(first.document, self._repository.entries)
        replaced_id = requests.uuid(first.replaced_id, "replaced_id")
        if known_as == replaced_id:
            raise Invalid("document.header.provenance.source_id", "is that of the document to be replaced")
        # A retry finds the document Deprecated by its own first try: what that stored is the answer.
        retry = await is_known(self._repository.database, refs, first.request_id)
        replaced = None if retry else await self._replaced(refs, replaced_id, first.expected_version)
        async with self._uploads.received(ref, known_as, first.document, requests.chunks(request_iterator)) as (
            content,
            seal,
        ):
            sent = convert.sent_digest(
                first.document, content.size, content.sha256, (replaced_id, first.expected_version)
            )
            source = convert.source_of(first.document, caller.current(), datetime.now(UTC))
            document = convert.to_store(first.document, source, content.size, content.sha256)
            if replaced is not None:
                document = convert.replacing(document, replaced)
            new = convert.new_entry(document, ref, known_as, 1, first.request_id, sent)
            stored = await settled(lambda: self._repository.end_upload(new, refs, content, seal, replaced))
        [old] = await self._repository.entries.versions(refs, replaced_id, first.expected_version + 2, 1)
        return pb.ReplaceDocumentResponse(
            written=written(stored),
            replaced=entry_version(old),
            document=_to_people(stored),
            replaced_document=_to_people(old),
        )

    async def DownloadDocument(
        self, request: pb.DownloadDocumentRequest, context: Context
    ) -> AsyncIterator[pb.DownloadDocumentResponse]:
        stored = await self._visible(caller.patient_refs(), request.id, request.version)
        document = convert.document(stored)
        begin, end = model.byte_range(document.size, request.offset, request.length)
        content, key = await self._repository.content_of(stored.patient_ref, stored.id, document.sha256)
        await self._hide_relations([document], caller.patient_refs(), restriction.view_of(caller.current()))
        yield pb.DownloadDocumentResponse(document=document)
        for number in range(begin // ROW, -(-end // ROW)):
            row = key.open_row(content, number, await self._repository.row(content, number))
            part = row[max(begin - number * ROW, 0) : end - number * ROW]
            for start in range(0, len(part), LARGEST_PIECE):
                yield pb.DownloadDocumentResponse(chunk=part[start : start + LARGEST_PIECE])

    async def BatchGetSections(
        self, request: pb.BatchGetSectionsRequest, context: Context
    ) -> pb.BatchGetSectionsResponse:
        answers = await answer_each(request.queries, pb.SectionAnswer, self._section)
        return pb.BatchGetSectionsResponse(answers=answers)

    async def ListHiddenEntries(
        self, request: pb.ListHiddenEntriesRequest, context: Context
    ) -> pb.ListHiddenEntriesResponse:
        absent = restriction.view_of(caller.current()).absent
        hidden = await marked(self._repository.database, caller.patient_refs(), absent)
        return pb.ListHiddenEntriesResponse(ids=[stored.id for stored in hidden])

    async def BulkImport(
        self, request_iterator: AsyncIterator[pb.BulkImportRequest], context: Context
    ) -> pb.BulkImportResponse:
        feed = caller.current()
        counts = await import_stream(
            request_iterator, lambda each: self._repository.import_documents(list(self._imported(each, feed)))
        )
        return pb.BulkImportResponse(counts=counts)

    async def _section(self, query: SectionQuery) -> pb.DocumentsSection:
        as_of, since = optional_moment(query, "as_of"), optional_moment(query, "since")
        question = Question(list(query.caller.patient_refs), restriction.view_of(query.caller), as_of, since)
        section = convert.section(await self._repository.list_section(question, max(0, query.max_entries)), since)
        await self._hide_relations(section.documents, question.refs, question.view)
        return section

    async def _hide_relations(self, documents: Sequence[pb.Document], refs: Sequence[str], view: View) -> None:
        """Takes out of documents the relations to those that do not exist for their reader."""
        if not view.absent or not any(document.relations for document in documents):
            return
        hidden = {stored.id for stored in await marked(self._repository.database, refs, view.absent)}
        for document in documents:
            shown = [relation for relation in document.relations if relation.document_id.lower() not in hidden]
            del document.relations[:]
            document.relations.extend(shown)

    async def _check_new(self, document: pb.Document) -> None:
        """Raises what the first message of an upload can be refused for."""
        try:
            model.check(document, datetime.now(UTC))
            model.check_new(document, feed=caller.current().kind == CALLER_KIND_SYSTEM)
        except Invalid as error:
            raise error.inside("document") from None
        check_size(document.size, self._largest, "document.size")
        for relation in document.relations:
            await self._repository.entries.latest(caller.patient_refs(), relation.document_id)

    async def _visible(self, refs: list[str], document_id: str, version: int = 0) -> StoredEntry:
        """Returns a version of a document (0: the latest) that the caller may see, by today's restrictions."""
        latest = await self._repository.entries.latest(refs, document_id)
        if latest.deleted:
            raise entry_not_found()
        restriction.check_visible(latest.kind, restriction.view_of(caller.current()))
        if version in (0, latest.version):
            return latest
        if not 0 < version < latest.version:
            raise entry_not_found()
        [stored] = await self._repository.entries.versions(refs, document_id, version + 1, 1)
        return stored

    async def _replaced(self, refs: list[str], document_id: str, expected_version: int) -> NewEntry:
        """Returns the version that makes the document Deprecated. Raises NotFound, Denied, VersionBehind,
        StateConflict."""
        system = caller.current().kind == CALLER_KIND_SYSTEM
        latest = await (self._repository.entries.latest if system else self._visible)(refs, document_id)
        if latest.deleted:
            raise entry_not_found()
        check_source(pb.Document.FromString(latest.content).header.provenance, caller.current(), "replaced_id")
        if latest.kind & model.DEPRECATED:
            raise StateConflict(Reason.ERROR_REASON_STATE_CONFLICT, "the document is Deprecated already")
        if latest.version != expected_version:
            raise VersionBehind(latest.version)
        _, sent = await self._repository.entries.latest_digest(self._repository.database, refs, latest.id)
        return convert.deprecated(latest, caller.current(), sent, datetime.now(UTC))

    def _imported(self, message: pb.BulkImportRequest, feed: CallerContext) -> Iterator[tuple[NewEntry, bytes, bytes]]:
        now = datetime.now(UTC)
        for number, patient in enumerate(message.patients):
            ref = patient_ref(patient.patient, f"patients[{number}]")
            for position, imported in enumerate(patient.documents):
                where = f"patients[{number}].documents[{position}]"
                document, size = convert.sent(imported.document), len(imported.content)
                sha256 = hashlib.sha256(imported.content).digest()
                if not size and not document.withdrawn:
                    raise Invalid(f"{where}.content", "is required")
                try:
                    model.check(document, now)
                    check_stated(document, size, sha256)
                except Invalid as error:
                    raise error.inside(f"{where}.document") from None
                check_size(size, self._largest, f"{where}.content")
                known_as = entry_id(ref, document.header, f"{where}.document")
                source = convert.source_of(document, feed, now)
                stored = convert.to_store(document, source, size, sha256)
                sent = convert.sent_digest(document, size, sha256)
                new = convert.new_entry(stored, ref, known_as, 1, None, sent)
                places = elsewhere(alias_refs(patient.patient), document.header)
                yield new._replace(elsewhere=places), sha256, imported.content


def _to_people(stored: StoredEntry) -> pb.Document | None:
    """Returns a document to a person; None to a machine, which never reads clinical content."""
    return convert.document(stored) if caller.current().kind == CALLER_KIND_CLINICIAN else None
