"""The rpcs of critical information."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from kjernejournal.common.v1.common_pb2 import ABSENCE_KIND_UNSPECIFIED, ImportCounts, SectionQuery
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from kjernejournal.critical_info.v1.critical_info_pb2_grpc import CriticalInfoServiceServicer
from services.critical_info import clinician_checks, convert, model
from services.critical_info.absences import ABSENCE, holding
from services.critical_info.importing import imported
from services.critical_info.repository import Repository
from services.critical_info.writes import Writes
from shared.convert import digest, optional_moment, time_of_reading
from shared.errors import Invalid
from shared.handling import Context, caller
from shared.register.batch_sections import answer_each
from shared.register.bulk_import import import_stream
from shared.register.convert import window
from shared.register.entry import StoredEntry, length
from shared.register.paging import cut, page_of, size_of, version_below

EVERY_KIND = (*convert.CATEGORIES, ABSENCE)


class Servicer(CriticalInfoServiceServicer):
    """Critical information of patients."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def ListCriticalInfo(
        self, request: pb.ListCriticalInfoRequest, context: Context
    ) -> pb.ListCriticalInfoResponse:
        as_of, since = optional_moment(request, "as_of"), optional_moment(request, "since")
        kinds = model.asked_categories(request.categories) or convert.CATEGORIES
        refs = caller.patient_refs()
        page = page_of(request.page_size, request.page_token, as_of, since, kinds)
        found = await self._repository.page_by_danger(refs, page, kinds, as_of, since)
        now = time_of_reading(as_of)
        return pb.ListCriticalInfoResponse(
            critical_info=[convert.entry(stored, now) for stored in found.entries],
            next_page_token=found.next_page_token,
            window=window(found, since),
            absences=[convert.absence(stored) for stored in await self._absences(refs, as_of, now)],
        )

    async def GetCriticalInfo(self, request: pb.GetCriticalInfoRequest, context: Context) -> pb.GetCriticalInfoResponse:
        stored = await self._repository.entries.latest(caller.patient_refs(), request.id, kinds=convert.CATEGORIES)
        return pb.GetCriticalInfoResponse(critical_info=convert.entry(stored, datetime.now(UTC)))

    async def CreateCriticalInfo(
        self, request: pb.CreateCriticalInfoRequest, context: Context
    ) -> pb.CreateCriticalInfoResponse:
        now = datetime.now(UTC)
        kind = request.WhichOneof("content")
        if kind is None:
            raise Invalid("content", "needs an entry or a statement of absence")
        stated = kind == "absence"
        sent = digest(request.absence if stated else request.critical_info)
        content = _checked_absence(request.absence) if stated else _checked_entry(request.critical_info)
        convert.clear_what_the_system_sets(content)
        if isinstance(content, pb.CriticalInfo):
            content.ClearField("verified")  # provenance too: verifying is an act of its own, by whoever does it
        stored = await self._writing(now).create(content, request.request_id, sent)
        if stored.kind == ABSENCE:
            return pb.CreateCriticalInfoResponse(absence=convert.absence(stored))
        return pb.CreateCriticalInfoResponse(critical_info=convert.entry(stored, now))

    async def UpdateCriticalInfo(
        self, request: pb.UpdateCriticalInfoRequest, context: Context
    ) -> pb.UpdateCriticalInfoResponse:
        now = datetime.now(UTC)
        stored = await self._writing(now).update(request)
        return pb.UpdateCriticalInfoResponse(critical_info=convert.entry(stored, now))

    async def DeleteCriticalInfo(
        self, request: pb.DeleteCriticalInfoRequest, context: Context
    ) -> pb.DeleteCriticalInfoResponse:
        now = datetime.now(UTC)
        stored = await self._writing(now).delete(request)
        return pb.DeleteCriticalInfoResponse(critical_info=convert.entry(stored, now))

    async def ListCriticalInfoVersions(
        self, request: pb.ListCriticalInfoVersionsRequest, context: Context
    ) -> pb.ListCriticalInfoVersionsResponse:
        size, refs = size_of(request.page_size), caller.patient_refs()
        below = version_below(request.page_token)
        latest = await self._repository.entries.latest(refs, request.id, kinds=convert.CATEGORIES)
        stored = await self._repository.entries.versions(refs, latest.id, below, size + 1)
        shown, more = cut(stored, size, length)
        now = datetime.now(UTC)
        return pb.ListCriticalInfoVersionsResponse(
            versions=[convert.version(each, latest.deleted, now) for each in shown],
            next_page_token=str(shown[-1].version) if more else "",
        )

    async def GetCriticalInfoStatus(
        self, request: pb.GetCriticalInfoStatusRequest, context: Context
    ) -> pb.GetCriticalInfoStatusResponse:
        latest = await self._repository.latest_contents(caller.patient_refs())
        return convert.status(latest, datetime.now(UTC))

    async def BatchGetSections(
        self, request: pb.BatchGetSectionsRequest, context: Context
    ) -> pb.BatchGetSectionsResponse:
        answers = await answer_each(request.queries, pb.SectionAnswer, self._section)
        return pb.BatchGetSectionsResponse(answers=answers)

    async def BulkImport(
        self, request_iterator: AsyncIterator[pb.BulkImportRequest], context: Context
    ) -> pb.BulkImportResponse:
        feed = caller.current()

        async def store(message: pb.BulkImportRequest) -> ImportCounts:
            now = datetime.now(UTC)
            return await self._repository.store(list(imported(message, feed, now)), now)

        return pb.BulkImportResponse(counts=await import_stream(request_iterator, store))

    async def _section(self, query: SectionQuery) -> pb.CriticalInfoSection:
        refs = list(query.caller.patient_refs)
        if query.max_entries == 0:
            return convert.presence(await self._repository.latest_contents(refs), datetime.now(UTC))
        as_of, since = optional_moment(query, "as_of"), optional_moment(query, "since")
        newest = await self._repository.entries.newest(refs, query.max_entries, as_of=as_of)
        found = newest.entries
        if newest.older_exist or any(stored.kind == ABSENCE for stored in found):
            # What is active is shown before what is newer, and what holds depends on every entry.
            found = await self._everything(refs, as_of)
        return convert.section(found, query.max_entries, since, time_of_reading(as_of))

    async def _absences(self, refs: Sequence[str], as_of: datetime | None, now: datetime) -> list[StoredEntry]:
        said = await self._repository.entries.newest(refs, 1, kinds=[ABSENCE], as_of=as_of)
        return holding(await self._everything(refs, as_of), now) if said.entries else []

    async def _everything(self, refs: Sequence[str], as_of: datetime | None) -> list[StoredEntry]:
        return [stored async for stored in self._repository.entries.every(refs, EVERY_KIND, as_of)]

    def _writing(self, now: datetime) -> Writes:
        return Writes(self._repository, caller.current(), caller.patient_refs(), now)


def _checked_entry(entry: pb.CriticalInfo) -> pb.CriticalInfo:
    if entry.status == pb.STATUS_UNSPECIFIED:
        entry.status = pb.STATUS_ACTIVE
    try:
        model.check(entry)
        clinician_checks.check(entry)
    except Invalid as error:
        raise error.inside("critical_info") from None
    return entry


def _checked_absence(absence: pb.CategoryAbsence) -> pb.CategoryAbsence:
    if absence.kind == ABSENCE_KIND_UNSPECIFIED:
        raise Invalid("absence.kind", "is required")
    if absence.withdrawn:
        raise Invalid("absence.withdrawn", "is a feed's to state")
    return absence
