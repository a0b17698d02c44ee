"""The rpcs of visits."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import CallerContext, SectionQuery
from kjernejournal.visits.v1 import visits_pb2 as pb
from kjernejournal.visits.v1.visits_pb2_grpc import VisitsServiceServicer
from services.visits import convert, model
from services.visits.repository import Repository
from shared.convert import digest, optional_moment
from shared.errors import Invalid
from shared.handling import Context, caller
from shared.register.batch_sections import answer_each
from shared.register.bulk_import import alias_refs, elsewhere, entry_id, import_stream, patient_ref
from shared.register.convert import fed_provenance, window, written
from shared.register.entry import NewEntry, StoredEntry
from shared.register.paging import page_of
from shared.register.requests import asked
from shared.register.store import settled


class Servicer(VisitsServiceServicer):
    """Visits of patients."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def ListVisits(self, request: pb.ListVisitsRequest, context: Context) -> pb.ListVisitsResponse:
        as_of, since = optional_moment(request, "as_of"), optional_moment(request, "since")
        kinds = sorted(set(request.kinds)) or None
        page = page_of(request.page_size, request.page_token, as_of, since, kinds)
        found = await self._repository.entries.page(caller.patient_refs(), page, kinds=kinds, as_of=as_of, since=since)
        return pb.ListVisitsResponse(
            visits=[convert.visit(stored) for stored in found.entries],
            next_page_token=found.next_page_token,
            window=window(found, since),
            coverage=model.COVERAGE,
        )

    async def RecordVisit(self, request: pb.RecordVisitRequest, context: Context) -> pb.RecordVisitResponse:
        now = datetime.now(UTC)
        _check(request.visit, now, "visit")
        refs = caller.patient_refs()
        stated = request.visit.header.provenance
        ref, known_as = refs[0], str(uuid4())
        if stated.source_id:
            ref, known_as = await self._repository.entries.place_of(refs, stated.source_system, stated.source_id)
        visit = convert.to_store(request.visit, fed_provenance(stated, caller.current(), now))
        new = convert.new_entry(visit, ref, known_as, 1, request.request_id, digest(request.visit))
        stored = await settled(lambda: self._repository.entries.record(new, refs))
        return pb.RecordVisitResponse(written=written(stored))

    async def ReportVisitError(
        self, request: pb.ReportVisitErrorRequest, context: Context
    ) -> pb.ReportVisitErrorResponse:
        stored = await settled(lambda: self._mark(request))
        return pb.ReportVisitErrorResponse(visit=convert.visit(stored))

    async def _mark(self, request: pb.ReportVisitErrorRequest) -> StoredEntry:
        def mark(latest: StoredEntry) -> bytes:
            model.check_markable(pb.Visit.FromString(latest.content))
            return convert.marked(latest, caller.current(), request.comment, datetime.now(UTC))

        refs = caller.patient_refs()
        return await self._repository.mark(refs, request.id, request.request_id, asked(request), mark)

    async def BatchGetSections(
        self, request: pb.BatchGetSectionsRequest, context: Context
    ) -> pb.BatchGetSectionsResponse:
        answers = await answer_each(request.queries, pb.SectionAnswer, self._section)
        return pb.BatchGetSectionsResponse(answers=answers)

    async def _section(self, query: SectionQuery) -> pb.VisitsSection:
        as_of, since = optional_moment(query, "as_of"), optional_moment(query, "since")
        refs = list(query.caller.patient_refs)
        found = await self._repository.entries.newest(refs, max(0, query.max_entries), as_of=as_of, since=since)
        return convert.section(found, since)

    async def BulkImport(
        self, request_iterator: AsyncIterator[pb.BulkImportRequest], context: Context
    ) -> pb.BulkImportResponse:
        feed = caller.current()
        counts = await import_stream(
            request_iterator, lambda each: self._repository.feeds.import_batch(list(_imported(each, feed)))
        )
        return pb.BulkImportResponse(counts=counts)


def _check(visit: pb.Visit, now: datetime, path: str) -> None:
    try:
        model.check(visit, now)
    except Invalid as error:
        raise error.inside(path) from None


def _imported(message: pb.BulkImportRequest, feed: CallerContext) -> Iterator[NewEntry]:
    now = datetime.now(UTC)
    for number, patient in enumerate(message.patients):
        path = f"patients[{number}]"
        ref = patient_ref(patient.patient, path)
        for position, visit in enumerate(patient.visits):
            where = f"{path}.visits[{position}]"
            _check(visit, now, where)
            known_as = entry_id(ref, visit.header, where)
            stored = convert.to_store(visit, fed_provenance(visit.header.provenance, feed, now))
            new = convert.new_entry(stored, ref, known_as, 1, None, digest(visit))
            yield new._replace(elsewhere=elsewhere(alias_refs(patient.patient), visit.header))
