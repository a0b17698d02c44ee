"""The rpcs of critical information."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import CallerContext, SectionQuery
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from kjernejournal.critical_info.v1.critical_info_pb2_grpc import CriticalInfoServiceServicer
from services.critical_info import convert, model
from services.critical_info.repository import Repository
from shared.convert import digest, fed_provenance, optional_moment, provenance, time_of_reading, window
from shared.entry import NewEntry
from shared.errors import Invalid
from shared.handling import Context, caller
from shared.importing import alias_refs, elsewhere, entry_id, import_stream, patient_ref
from shared.paging import page_of, size_of, version_below
from shared.sections import answer_each


class Servicer(CriticalInfoServiceServicer):
    """Critical information of patients."""

    # Behaviour that comes later: the generated default answers UNIMPLEMENTED.
    UpdateCriticalInfo = CriticalInfoServiceServicer.UpdateCriticalInfo
    DeleteCriticalInfo = CriticalInfoServiceServicer.DeleteCriticalInfo

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def ListCriticalInfo(
        self, request: pb.ListCriticalInfoRequest, context: Context
    ) -> pb.ListCriticalInfoResponse:
        as_of, since = optional_moment(request, "as_of"), optional_moment(request, "since")
        kinds = model.asked_categories(request.categories) or convert.CATEGORIES
        refs = caller.patient_refs()
        page = page_of(request.page_size, request.page_token, as_of, since, kinds)
        found = await self._repository.page(refs, page, kinds=kinds, as_of=as_of, since=since)
        absences = await self._repository.newest(refs, convert.MOST_ABSENCES, kinds=[convert.ABSENCE], as_of=as_of)
        now = time_of_reading(as_of)
        return pb.ListCriticalInfoResponse(
            entries=[convert.entry(stored, now) for stored in found.entries],
            next_page_token=found.next_page_token,
            window=window(found, since),
            absences=[convert.absence(stored) for stored in absences.entries],
        )

    async def GetCriticalInfo(self, request: pb.GetCriticalInfoRequest, context: Context) -> pb.GetCriticalInfoResponse:
        stored = await self._repository.latest(caller.patient_refs(), request.id, kinds=convert.CATEGORIES)
        return pb.GetCriticalInfoResponse(entry=convert.entry(stored, datetime.now(UTC)))

    async def CreateCriticalInfo(
        self, request: pb.CreateCriticalInfoRequest, context: Context
    ) -> pb.CreateCriticalInfoResponse:
        now = datetime.now(UTC)
        kind = request.WhichOneof("content")
        if kind is None:
            raise Invalid("content", "needs an entry or a statement of absence")
        sent = digest(request.entry if kind == "entry" else request.absence)
        content = _checked_entry(request.entry) if kind == "entry" else _checked_absence(request.absence)
        convert.clear_what_the_system_sets(content)
        if isinstance(content, pb.CriticalInfo):
            content.ClearField("verified")  # provenance too: verifying is an act of its own, by whoever does it
        content.header.provenance.CopyFrom(provenance(caller.current(), now))
        refs = caller.patient_refs()
        new = convert.new_entry(content, refs[0], str(uuid4()), 1, request.request_id, sent)
        stored = await self._repository.add(new, refs)
        if stored.kind == convert.ABSENCE:
            return pb.CreateCriticalInfoResponse(absence=convert.absence(stored))
        return pb.CreateCriticalInfoResponse(entry=convert.entry(stored, now))

    async def ListCriticalInfoVersions(
        self, request: pb.ListCriticalInfoVersionsRequest, context: Context
    ) -> pb.ListCriticalInfoVersionsResponse:
        size, refs = size_of(request.page_size), caller.patient_refs()
        below = version_below(request.page_token)
        latest = await self._repository.latest(refs, request.id, kinds=convert.CATEGORIES)
        stored = await self._repository.versions(refs, latest.id, below, size + 1)
        now = datetime.now(UTC)
        return pb.ListCriticalInfoVersionsResponse(
            versions=[convert.version(each, latest.deleted, now) for each in stored[:size]],
            next_page_token=str(stored[size - 1].version) if len(stored) > size else "",
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

    async def _section(self, query: SectionQuery) -> pb.CriticalInfoSection:
        refs = list(query.caller.patient_refs)
        if query.max_entries == 0:
            return convert.presence(await self._repository.latest_contents(refs), datetime.now(UTC))
        as_of, since = optional_moment(query, "as_of"), optional_moment(query, "since")
        most = query.max_entries + convert.MOST_ABSENCES
        found = await self._repository.newest(refs, most, as_of=as_of, since=since)
        said = [stored for stored in found.entries if stored.kind == convert.ABSENCE]
        if len(said) > convert.MOST_ABSENCES:  # so many that they may have taken the places of entries
            only = await self._repository.newest(
                refs, query.max_entries, kinds=convert.CATEGORIES, as_of=as_of, since=since
            )
            shown = [*only.entries, *said[: convert.MOST_ABSENCES]]
            found = only._replace(entries=shown, total=only.total + convert.MOST_ABSENCES)
        return convert.section(found, query.max_entries, since, time_of_reading(as_of))

    async def BulkImport(
        self, request_iterator: AsyncIterator[pb.BulkImportRequest], context: Context
    ) -> pb.BulkImportResponse:
        feed = caller.current()
        counts = await import_stream(
            request_iterator, lambda each: self._repository.import_batch(list(_imported(each, feed)))
        )
        return pb.BulkImportResponse(counts=counts)


def _checked_entry(entry: pb.CriticalInfo) -> pb.CriticalInfo:
    if entry.status == pb.STATUS_UNSPECIFIED:
        entry.status = pb.STATUS_ACTIVE
    try:
        model.check(entry)
        model.check_code_systems(entry)
    except Invalid as error:
        raise error.inside("entry") from None
    return entry


def _checked_absence(absence: pb.AbsenceStatement) -> pb.AbsenceStatement:
    if absence.kind == pb.AbsenceStatement.KIND_UNSPECIFIED:
        raise Invalid("absence.kind", "is required")
    return absence


def _imported(message: pb.BulkImportRequest, feed: CallerContext) -> Iterator[NewEntry]:
    now = datetime.now(UTC)
    for number, patient in enumerate(message.patients):
        path = f"patients[{number}]"
        ref, aliases = patient_ref(patient.patient, path), alias_refs(patient.patient)
        for position, entry in enumerate(patient.entries):
            where = f"{path}.entries[{position}]"
            try:
                model.check(entry)
            except Invalid as error:
                raise error.inside(where) from None
            places = elsewhere(aliases, entry.header)
            yield _new(entry, ref, where, feed, now)._replace(elsewhere=places)
        for position, absence in enumerate(patient.absences):
            where = f"{path}.absences[{position}]"
            places = elsewhere(aliases, absence.header)
            yield _new(_checked_absence(absence), ref, where, feed, now)._replace(elsewhere=places)


def _new(content: convert.Content, ref: str, path: str, feed: CallerContext, now: datetime) -> NewEntry:
    sent, known_as = digest(content), entry_id(ref, content.header, path)
    source = fed_provenance(content.header.provenance, feed, now)
    convert.clear_what_the_system_sets(content)
    content.header.provenance.CopyFrom(source)
    return convert.new_entry(content, ref, known_as, 1, None, sent)
