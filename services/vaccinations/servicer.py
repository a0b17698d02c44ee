"""The rpcs of vaccinations."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import CallerContext, SectionQuery
from kjernejournal.vaccinations.v1 import vaccinations_pb2 as pb
from kjernejournal.vaccinations.v1.vaccinations_pb2_grpc import VaccinationsServiceServicer
from services.vaccinations import codes, convert, model
from services.vaccinations.repository import Repository
from shared.convert import digest, optional_moment
from shared.errors import Invalid
from shared.handling import Context, caller
from shared.register import stated_absence
from shared.register.batch_sections import answer_each
from shared.register.bulk_import import alias_refs, elsewhere, entry_id, import_stream, patient_ref
from shared.register.convert import fed_provenance, window, written
from shared.register.entry import NewEntry
from shared.register.paging import page_of
from shared.register.store import settled


class Servicer(VaccinationsServiceServicer):
    """Vaccinations of patients."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def ListVaccinations(
        self, request: pb.ListVaccinationsRequest, context: Context
    ) -> pb.ListVaccinationsResponse:
        as_of, since = optional_moment(request, "as_of"), optional_moment(request, "since")
        refs = caller.patient_refs()
        codes.check_asked(request.codes)
        asked = sorted({(each.system, each.code) for each in request.codes})
        page = page_of(request.page_size, request.page_token, as_of, since, asked)
        if asked:
            found = await self._repository.page_of_codes(refs, page, request.codes, as_of, since)
        else:
            found = await self._repository.entries.page(refs, page, kinds=model.KINDS, as_of=as_of, since=since)
        return pb.ListVaccinationsResponse(
            vaccinations=[convert.vaccination(stored) for stored in found.entries],
            next_page_token=found.next_page_token,
            window=window(found, since),
            absence=await stated_absence.stated(self._repository.entries, refs, model.KINDS, as_of),
        )

    async def RecordVaccination(
        self, request: pb.RecordVaccinationRequest, context: Context
    ) -> pb.RecordVaccinationResponse:
        now = datetime.now(UTC)
        _check(request.vaccination, now, "vaccination")
        refs = caller.patient_refs()
        stated = request.vaccination.header.provenance
        ref, known_as = refs[0], str(uuid4())
        if stated.source_id:
            ref, known_as = await self._repository.entries.place_of(refs, stated.source_system, stated.source_id)
        vaccination = convert.to_store(request.vaccination, fed_provenance(stated, caller.current(), now))
        new = convert.new_entry(vaccination, ref, known_as, request.request_id, digest(request.vaccination))
        stored = await settled(lambda: self._repository.entries.record(new, refs))
        return pb.RecordVaccinationResponse(written=written(stored))

    async def BatchGetSections(
        self, request: pb.BatchGetSectionsRequest, context: Context
    ) -> pb.BatchGetSectionsResponse:
        answers = await answer_each(request.queries, pb.SectionAnswer, self._section)
        return pb.BatchGetSectionsResponse(answers=answers)

    async def _section(self, query: SectionQuery) -> pb.VaccinationsSection:
        as_of, since = optional_moment(query, "as_of"), optional_moment(query, "since")
        refs, most = list(query.caller.patient_refs), max(0, query.max_entries)
        found = await self._repository.entries.newest(refs, most, kinds=model.KINDS, as_of=as_of, since=since)
        if not most:  # the counts alone
            return convert.section(found, None, since)
        said = await stated_absence.stated(self._repository.entries, refs, model.KINDS, as_of)
        return convert.section(found, said, since)

    async def BulkImport(
        self, request_iterator: AsyncIterator[pb.BulkImportRequest], context: Context
    ) -> pb.BulkImportResponse:
        feed = caller.current()
        counts = await import_stream(
            request_iterator, lambda each: self._repository.feeds.import_batch(list(_imported(each, feed)))
        )
        return pb.BulkImportResponse(counts=counts)


def _check(vaccination: pb.Vaccination, now: datetime, path: str) -> None:
    try:
        model.check(vaccination, now)
    except Invalid as error:
        raise error.inside(path) from None


def _imported(message: pb.BulkImportRequest, feed: CallerContext) -> Iterator[NewEntry]:
    now = datetime.now(UTC)
    for number, patient in enumerate(message.patients):
        path = f"patients[{number}]"
        ref, aliases = patient_ref(patient.patient, path), alias_refs(patient.patient)
        for position, vaccination in enumerate(patient.vaccinations):
            where = f"{path}.vaccinations[{position}]"
            _check(vaccination, now, where)
            known_as = entry_id(ref, vaccination.header, where)
            stored = convert.to_store(vaccination, fed_provenance(vaccination.header.provenance, feed, now))
            new = convert.new_entry(stored, ref, known_as, None, digest(vaccination))
            yield new._replace(elsewhere=elsewhere(aliases, vaccination.header))
        for position, said in enumerate(patient.absences):
            new = stated_absence.new_entry(said, ref, f"{path}.absences[{position}]", feed, now)
            yield new._replace(elsewhere=elsewhere(aliases, said.header, stated_absence.NAME))
