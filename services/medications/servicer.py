"""The rpcs of medicines."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from kjernejournal.common.v1.common_pb2 import Provenance, SectionQuery
from kjernejournal.medications.v1 import medications_pb2 as pb
from kjernejournal.medications.v1.medications_pb2_grpc import MedicationsServiceServicer
from services.medications import checks, convert, kinds, model
from services.medications.dispensed import counted as counted_dispensings
from services.medications.feed_writes import FeedWrites
from services.medications.knowledge.repository import KnowledgeRepository
from services.medications.knowledge.substances import KnownSubstances
from services.medications.list import convert as list_convert
from services.medications.list import together
from services.medications.list.proposals import Proposals
from services.medications.list.reads import ListReads
from services.medications.list.repository import ListRepository
from services.medications.list.updates import ListUpdates
from services.medications.reconciliation.reconcile import Reconciliation
from services.medications.repository import Repository, Whole
from services.medications.reserved import ALL, counted, from_guardian, of_section, paged
from services.medications.section import section
from shared.convert import optional_moment, time_of_reading
from shared.errors import Invalid
from shared.handling import Context, caller
from shared.register.batch_sections import answer_each
from shared.register.bulk_import import import_stream
from shared.register.convert import entry_version, window, written
from shared.register.entry import EntryPage
from shared.register.paging import page_of

ListRequest = pb.ListPrescriptionsRequest | pb.ListDispensingsRequest | pb.ListMedicationStatementsRequest


class Servicer(MedicationsServiceServicer):
    """Medicines of patients."""

    # The gateway serves it: services do not see each other's sections. Here it answers UNIMPLEMENTED.
    CheckMedication = MedicationsServiceServicer.CheckMedication

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._lists = ListRepository(repository)
        self._substances = KnownSubstances(KnowledgeRepository(repository.database))

    async def ListPrescriptions(
        self, request: pb.ListPrescriptionsRequest, context: Context
    ) -> pb.ListPrescriptionsResponse:
        found, withheld = await self._page(request, kinds.PRESCRIPTIONS, kinds.LOCKED_PRESCRIPTIONS)
        as_of = optional_moment(request, "as_of")
        now, dispensed = time_of_reading(as_of), await self._repository.dispensed(caller.patient_refs(), as_of)
        return pb.ListPrescriptionsResponse(
            prescriptions=[convert.prescription(stored, now, dispensed) for stored in found.entries],
            next_page_token=found.next_page_token,
            window=window(found, optional_moment(request, "since"), withheld),
        )

    async def RecordPrescription(
        self, request: pb.RecordPrescriptionRequest, context: Context
    ) -> pb.RecordPrescriptionResponse:
        now = datetime.now(UTC)
        _check(request.prescription, now, "prescription")
        stored = await self._recording(now).prescription(request.prescription, request.request_id)
        return pb.RecordPrescriptionResponse(written=written(stored))

    async def RecallPrescription(
        self, request: pb.RecallPrescriptionRequest, context: Context
    ) -> pb.RecallPrescriptionResponse:
        now = datetime.now(UTC)
        try:
            checks.recall(request.recall, now)
        except Invalid as error:
            raise error.inside("recall") from None
        stored = await self._recording(now).recall(request)
        return pb.RecallPrescriptionResponse(written=written(stored))

    async def ListDispensings(self, request: pb.ListDispensingsRequest, context: Context) -> pb.ListDispensingsResponse:
        found, withheld = await self._page(request, kinds.DISPENSINGS, kinds.LOCKED_DISPENSINGS)
        return pb.ListDispensingsResponse(
            dispensings=[convert.dispensing(stored) for stored in found.entries],
            next_page_token=found.next_page_token,
            window=window(found, optional_moment(request, "since"), withheld),
        )

    async def RecordDispensing(
        self, request: pb.RecordDispensingRequest, context: Context
    ) -> pb.RecordDispensingResponse:
        now = datetime.now(UTC)
        _check(request.dispensing, now, "dispensing")
        stored = await self._recording(now).dispensing(request.dispensing, request.request_id)
        return pb.RecordDispensingResponse(
            written=written(stored.dispensing),
            prescription=entry_version(stored.prescription) if stored.prescription else None,
        )

    async def ListMedicationStatements(
        self, request: pb.ListMedicationStatementsRequest, context: Context
    ) -> pb.ListMedicationStatementsResponse:
        found, _ = await self._page(request, kinds.STATEMENTS, ())
        now = time_of_reading(optional_moment(request, "as_of"))
        return pb.ListMedicationStatementsResponse(
            statements=[convert.statement(stored, now) for stored in found.entries],
            next_page_token=found.next_page_token,
            window=window(found, optional_moment(request, "since")),
        )

    async def GetMedicationList(
        self, request: pb.GetMedicationListRequest, context: Context
    ) -> pb.GetMedicationListResponse:
        return await ListReads(self._lists, caller.current(), caller.patient_refs()).medication_list(request)

    async def UpdateMedicationList(
        self, request: pb.UpdateMedicationListRequest, context: Context
    ) -> pb.UpdateMedicationListResponse:
        now = datetime.now(UTC)
        made = await ListUpdates(self._lists, caller.current(), caller.patient_refs(), now).send(request)
        still_open = await self._repository.entries.newest(caller.patient_refs(), 0, kinds=[kinds.PROPOSAL_OPEN])
        dispensed = await self._repository.dispensed(caller.patient_refs(), None) if made[1:] else {}
        seen = kinds.PRESCRIPTIONS + (kinds.LOCKED_PRESCRIPTIONS if model.sees_locked(caller.current()) else ())
        medicines = together.medication_list(made[:1], now)
        return pb.UpdateMedicationListResponse(
            medication_list=medicines,
            list_info=list_convert.list_info(medicines, still_open.total, now),
            recalled_prescriptions=[convert.prescription(each, now, dispensed) for each in made if each.kind in seen],
            answered_proposals=[list_convert.proposal(each) for each in made if each.kind in kinds.PROPOSALS],
        )

    async def ProposeMedicationChange(
        self, request: pb.ProposeMedicationChangeRequest, context: Context
    ) -> pb.ProposeMedicationChangeResponse:
        now = datetime.now(UTC)
        made = await Proposals(self._lists, caller.current(), caller.patient_refs(), now).propose(request)
        return pb.ProposeMedicationChangeResponse(
            proposals=[list_convert.proposal(each) for each in made if each.kind == kinds.PROPOSAL_OPEN],
            withdrawn_proposals=[list_convert.proposal(each) for each in made if each.kind == kinds.PROPOSAL_WITHDRAWN],
        )

    async def ListProposals(self, request: pb.ListProposalsRequest, context: Context) -> pb.ListProposalsResponse:
        return await ListReads(self._lists, caller.current(), caller.patient_refs()).proposals(request)

    async def ReconcileMedications(
        self, request: pb.ReconcileMedicationsRequest, context: Context
    ) -> pb.ReconcileMedicationsResponse:
        of_caller = (caller.current(), caller.patient_refs())
        return await Reconciliation(self._lists, self._substances, *of_caller).reconcile(request)

    async def BatchGetSections(
        self, request: pb.BatchGetSectionsRequest, context: Context
    ) -> pb.BatchGetSectionsResponse:
        answers = await answer_each(request.queries, pb.SectionAnswer, self._section)
        return pb.BatchGetSectionsResponse(answers=answers)

    async def ListHiddenEntries(
        self, request: pb.ListHiddenEntriesRequest, context: Context
    ) -> pb.ListHiddenEntriesResponse:
        guardian = from_guardian(caller.current())
        ids = await self._repository.hidden(caller.patient_refs()) if guardian else []
        return pb.ListHiddenEntriesResponse(ids=ids)

    async def BulkImport(
        self, request_iterator: AsyncIterator[pb.BulkImportRequest], context: Context
    ) -> pb.BulkImportResponse:
        feed = caller.current()
        counts = await import_stream(
            request_iterator,
            lambda each: self._repository.import_message(each, feed, datetime.now(UTC)),
        )
        return pb.BulkImportResponse(counts=counts)

    async def _page(
        self, request: ListRequest, open_kinds: Sequence[int], locked: Sequence[int]
    ) -> tuple[EntryPage, int]:
        """Returns the page that a list shows, and how many locked entries it leaves out."""
        as_of, since = optional_moment(request, "as_of"), optional_moment(request, "since")
        refs, sees_locked = caller.patient_refs(), model.sees_locked(caller.current())
        shown = [*open_kinds, *(locked if sees_locked else ())]
        page = page_of(request.page_size, request.page_token, as_of, since, shown)
        if from_guardian(caller.current()):
            return paged(await self._repository.visible(refs, shown, page.pinned(as_of)), page, since), 0
        found = await self._repository.entries.page(refs, page, kinds=shown, as_of=as_of, since=since)
        if sees_locked or not locked:
            return found, 0
        # What is locked today stays out, whatever as_of says.
        hidden = await self._repository.kinds_of(refs, kinds.ALL_LOCKED)
        kept = [stored for stored in found.entries if not convert.is_hidden(stored, hidden)]
        besides = sum(stored.id not in hidden for stored in found.entries) - len(kept)
        return found._replace(entries=kept), sum(kind in locked for kind in hidden.values()) + besides

    async def _section(self, query: SectionQuery) -> pb.MedicationsSection:
        as_of, since = optional_moment(query, "as_of"), optional_moment(query, "since")
        refs, sees_locked = list(query.caller.patient_refs), model.sees_locked(query.caller)
        most = max(0, query.max_entries)
        if from_guardian(query.caller):
            return await self._section_for_guardian(refs, most, as_of, since)
        whole = await self._repository.whole(refs, most, as_of, since)
        hidden: dict[str, int] = {}
        if not sees_locked and (as_of is not None or any(whole.totals.get(kind) for kind in kinds.ALL_LOCKED)):
            hidden = await self._repository.kinds_of(refs, kinds.ALL_LOCKED)
        prescribed = any(stored.kind in kinds.ANY_PRESCRIPTION for stored in whole.entries)
        dispensed = await self._repository.dispensed(refs, as_of, whole) if prescribed else {}
        now = time_of_reading(as_of)
        return section(whole, most, since, now, locked=sees_locked, hidden=hidden, dispensed=dispensed)

    async def _section_for_guardian(
        self, refs: Sequence[str], most: int, as_of: datetime | None, since: datetime | None
    ) -> pb.MedicationsSection:
        every = (await self._repository.entries.newest(refs, ALL, as_of=as_of)).entries
        reserved = await self._repository.reserved(refs)
        seen = reserved.without(every)
        whole = Whole(of_section(seen, most, since), counted(seen))
        # A guardian stands for the patient, to whom nothing is locked. What is reserved denies that there is nothing.
        hidden = reserved.prescriptions | reserved.list_entries
        now, dispensed = time_of_reading(as_of), counted_dispensings(every, refs)
        return section(whole, most, since, now, locked=True, hidden=hidden, dispensed=dispensed)

    def _recording(self, now: datetime) -> FeedWrites:
        return FeedWrites(self._repository, caller.current(), caller.patient_refs(), now)


def _check(message: pb.Prescription | pb.Dispensing, now: datetime, path: str) -> None:
    try:
        checks.fed(message, now)
    except Invalid as error:
        raise error.inside(path) from None
    source: Provenance = message.header.provenance
    if not source.source_id:
        raise Invalid(f"{path}.header.provenance.source_id", "is required: the entry's identifier at the source")
