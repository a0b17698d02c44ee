"""The rpcs of labs."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import CallerContext, SectionQuery
from kjernejournal.labs.v1 import labs_pb2 as pb
from kjernejournal.labs.v1.labs_pb2_grpc import LabsServiceServicer
from services.labs import convert, importing, model
from services.labs.repository import Question, ReportPage, Repository
from shared.convert import digest, optional_moment
from shared.errors import Denied, Reason, StateConflict, VersionBehind, entry_not_found
from shared.handling import Context, caller
from shared.register import restriction, stated_absence
from shared.register.batch_sections import LARGEST_SECTION, answer_each
from shared.register.bulk_import import import_stream
from shared.register.convert import window, written
from shared.register.entry import StoredEntry, length
from shared.register.hidden import marked
from shared.register.paging import cut, page_of, size_of, version_below
from shared.register.requests import answered, asked
from shared.register.store import settled


class Servicer(LabsServiceServicer):
    """Reports of patients."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def ListLabReports(self, request: pb.ListLabReportsRequest, context: Context) -> pb.ListLabReportsResponse:
        question = _question(request)._replace(expertises=sorted(set(request.expertises)))
        found = await self._page(request, question)
        return pb.ListLabReportsResponse(
            reports=[convert.report(stored) for stored in found.entries],
            next_page_token=found.next_page_token,
            window=window(found, question.since, found.withheld),
            absence=convert.absence(found.absence) if found.absence else None,
        )

    async def ListLabResults(self, request: pb.ListLabResultsRequest, context: Context) -> pb.ListLabResultsResponse:
        question = _question(request)._replace(results_only=True)
        found = await self._page(request, question)
        return pb.ListLabResultsResponse(
            results=[each for stored in found.entries for each in convert.results(stored, question.codes)],
            next_page_token=found.next_page_token,
            window=window(found, question.since, found.withheld),
        )

    async def ListLabReportVersions(
        self, request: pb.ListLabReportVersionsRequest, context: Context
    ) -> pb.ListLabReportVersionsResponse:
        size, below, refs = size_of(request.page_size), version_below(request.page_token), caller.patient_refs()
        latest = await self._visible(refs, request.id)
        stored = await self._repository.entries.versions(refs, latest.id, below, size + 1)
        shown, more = cut(stored, size, length)
        return pb.ListLabReportVersionsResponse(
            versions=[convert.report(each) for each in shown],
            next_page_token=str(shown[-1].version) if more else "",
        )

    async def RecordLabReport(self, request: pb.RecordLabReportRequest, context: Context) -> pb.RecordLabReportResponse:
        refs, stated = caller.patient_refs(), request.report.header.provenance
        report = importing.checked(request.report, caller.current(), datetime.now(UTC), "report")
        ref, known_as = refs[0], str(uuid4())
        if stated.source_id:
            ref, known_as = await self._repository.entries.place_of(refs, stated.source_system, stated.source_id)
        new = convert.new_entry(report, ref, known_as, 1, request.request_id, digest(request.report))
        try:
            stored = await settled(lambda: self._repository.entries.record(new, refs))
        except StateConflict as error:
            error.details["field"] = "report.status"
            raise
        return pb.RecordLabReportResponse(written=written(stored))

    async def ReleaseLabReport(
        self, request: pb.ReleaseLabReportRequest, context: Context
    ) -> pb.ReleaseLabReportResponse:
        if not model.may_release(caller.current()):
            raise Denied(Reason.ERROR_REASON_ROLE_REFUSED, "the citizen's delay of a report is ended by doctors")
        stored = await settled(lambda: self._release(request))
        return pb.ReleaseLabReportResponse(report=convert.report(stored))

    async def BatchGetSections(
        self, request: pb.BatchGetSectionsRequest, context: Context
    ) -> pb.BatchGetSectionsResponse:
        answers = await answer_each(request.queries, pb.SectionAnswer, self._section)
        return pb.BatchGetSectionsResponse(answers=answers)

    async def ListHiddenEntries(
        self, request: pb.ListHiddenEntriesRequest, context: Context
    ) -> pb.ListHiddenEntriesResponse:
        reader, now = caller.current(), datetime.now(UTC)
        found = await marked(self._repository.database, caller.patient_refs(), restriction.view_of(reader).absent)
        reports = {each.id: pb.LabReport.FromString(each.content) for each in found if each.kind != stated_absence.KIND}
        return pb.ListHiddenEntriesResponse(
            ids=[entry_id for entry_id, report in reports.items() if not model.is_visible(report, reader, now)]
        )

    async def BulkImport(
        self, request_iterator: AsyncIterator[pb.BulkImportRequest], context: Context
    ) -> pb.BulkImportResponse:
        feed = caller.current()
        counts = await import_stream(
            request_iterator,
            lambda each: self._repository.import_reports(list(importing.entries(each, feed, datetime.now(UTC)))),
        )
        return pb.BulkImportResponse(counts=counts)

    async def _page(
        self, request: pb.ListLabReportsRequest | pb.ListLabResultsRequest, question: Question
    ) -> ReportPage:
        asked = question._replace(refs=(), caller=CallerContext(), at=_NO_TIME)
        return await self._repository.list_page(question, page_of(request.page_size, request.page_token, *asked))

    async def _section(self, query: SectionQuery) -> pb.LabsSection:
        as_of, since = optional_moment(query, "as_of"), optional_moment(query, "since")
        question = Question(list(query.caller.patient_refs), query.caller, datetime.now(UTC), as_of, since)
        found = await self._repository.list_section(question, query.max_entries, LARGEST_SECTION - _ENVELOPES)
        return convert.section(found, since)

    async def _visible(self, refs: list[str], report_id: str) -> StoredEntry:
        """Returns the latest version of a report that the caller may see."""
        latest = await self._repository.entries.latest(refs, report_id)
        if latest.deleted or latest.kind == stated_absence.KIND:
            raise entry_not_found()
        model.check_visible(pb.LabReport.FromString(latest.content), caller.current(), datetime.now(UTC))
        return latest

    async def _release(self, request: pb.ReleaseLabReportRequest) -> StoredEntry:
        refs, now = caller.patient_refs(), datetime.now(UTC)
        before = await answered(self._repository.database, refs, request.request_id, asked(request))
        if before is not None:
            await self._visible(refs, before[0].id)  # it may have been restricted or withdrawn since
            return before[0]
        latest = await self._visible(refs, request.id)
        if request.expected_version > latest.version or request.expected_version < 1:
            raise entry_not_found()
        if request.expected_version < latest.version:
            raise VersionBehind(latest.version)
        model.check_release(pb.LabReport.FromString(latest.content), now)
        new = convert.released(latest, caller.current(), request.request_id, now)
        return await self._repository.release(new, refs, asked(request))


_NO_TIME = datetime.min.replace(tzinfo=UTC)
_ENVELOPES = 256 * 1024
"""Bytes kept free of a section for what is set when entries are read: ids, versions, times, and field lengths."""


def _question(request: pb.ListLabReportsRequest | pb.ListLabResultsRequest) -> Question:
    return Question(
        refs=caller.patient_refs(),
        caller=caller.current(),
        at=datetime.now(UTC),
        as_of=optional_moment(request, "as_of"),
        since=optional_moment(request, "since"),
        before=optional_moment(request, "before"),
        codes=model.asked_codes(request.codes),
    )
