"""The rpcs of the access log. Statistics come later."""

from datetime import datetime

from kjernejournal.audit.v1 import audit_pb2 as pb
from kjernejournal.audit.v1.audit_pb2_grpc import AuditServiceServicer
from kjernejournal.common.v1.common_pb2 import ListWindow
from services.audit import convert, model
from services.audit.committer import Committer
from services.audit.hidden import AccessPage, ShownPage
from services.audit.practitioner_repository import PractitionerRepository
from services.audit.proofs import Proofs
from services.audit.repository import NewRecord, Replayed, Repository
from services.audit.reviews import Reviews
from shared.convert import moment, optional_moment, timestamp
from shared.errors import Invalid, Reason, entry_not_found
from shared.handling import Context, caller
from shared.register.paging import LARGEST_SIZE, Page, Position, cut, page_of


class Servicer(AuditServiceServicer):
    """The access log."""

    # Behaviour that comes later: the generated default answers UNIMPLEMENTED.
    GetUsageStatistics = AuditServiceServicer.GetUsageStatistics
    ImportOrganisations = AuditServiceServicer.ImportOrganisations

    def __init__(
        self,
        repository: Repository,
        practitioners: PractitionerRepository,
        committer: Committer,
        proofs: Proofs,
        reviews: Reviews,
    ) -> None:
        self._repository = repository
        self._practitioners = practitioners
        self._committer = committer
        self._proofs = proofs
        self._reviews = reviews

    async def Record(self, request: pb.RecordRequest, context: Context) -> pb.RecordResponse:
        taken: list[NewRecord] = []
        answers: list[pb.RecordAnswer] = []
        for record in request.records:
            try:
                model.check(record)
            except Invalid as error:
                answers.append(_refused(record.record_id, error.reason, error.field))
            else:
                model.redact_identities(record)
                taken.append(convert.new_record(record))
        places = await self._committer.append(taken)
        for new, place in zip(taken, places, strict=True):
            if isinstance(place, Replayed):
                answers.append(_refused(new.record_id, Reason.ERROR_REASON_PROOF_REPLAYED, "proof"))
            elif place is None:
                answers.append(_refused(new.record_id, Reason.ERROR_REASON_REQUEST_ID_REUSED, "record_id"))
            else:
                answers.append(pb.RecordAnswer(record_id=new.record_id, receipt=convert.receipt(place)))
        return pb.RecordResponse(answers=answers)

    async def ListAccesses(self, request: pb.ListAccessesRequest, context: Context) -> pb.ListAccessesResponse:
        legal_entity = model.visible_entity(caller.current())
        since = optional_moment(request, "since")
        page = page_of(request.page_size, request.page_token, since, legal_entity)
        found = await self._page(page, since, legal_entity, frozenset(map(str.lower, request.hidden_entries)))
        accesses, left = cut(found.accesses, page.size, pb.Access.ByteSize)
        token = ""
        if found.more or left:
            # Nothing moves: what is recorded later stands on the first page alone.
            last = accesses[-1].receipts[0]
            token = page.token_after(Position(moment(last.committed_at), last.record_id), moment(last.committed_at))
        return pb.ListAccessesResponse(
            accesses=accesses,
            next_page_token=token,
            window=ListWindow(
                returned=len(accesses),
                total=found.total,
                older_exist=found.older_exist or left,
                since=timestamp(since) if since else None,
            ),
        )

    async def ListAccessesByPractitioner(
        self, request: pb.ListAccessesByPractitionerRequest, context: Context
    ) -> pb.ListAccessesByPractitionerResponse:
        legal_entity = model.audited_entity(caller.current())
        model.check_practitioner(request.hpr_number)
        since = optional_moment(request, "since")
        page = page_of(request.page_size, request.page_token, since, legal_entity, request.hpr_number)
        found = await self._practitioners.accesses(request.hpr_number, page, since=since, legal_entity=legal_entity)
        made = [
            pb.PractitionerAccess(access=convert.without_patient(each.records), patient_number=number)
            for each, number in zip(
                found.accesses, model.numbered(each.patient_ref for each in found.accesses), strict=True
            )
        ]
        accesses, left = cut(made, page.size, pb.PractitionerAccess.ByteSize)
        token = ""
        if found.more or left:
            last = accesses[-1].access.receipts[0]
            token = page.token_after(Position(moment(last.committed_at), last.record_id), moment(last.committed_at))
        return pb.ListAccessesByPractitionerResponse(
            accesses=accesses,
            next_page_token=token,
            window=ListWindow(
                returned=len(accesses),
                total=found.total,
                older_exist=found.older_exist or left,
                since=timestamp(since) if since else None,
            ),
        )

    async def ReconstructDisclosure(
        self, request: pb.ReconstructDisclosureRequest, context: Context
    ) -> pb.ReconstructDisclosureResponse:
        legal_entity = model.audited_entity(caller.current())
        stored = await self._repository.access(caller.patient_refs(), request.access_id, legal_entity)
        if not stored:
            raise entry_not_found()
        return convert.reconstruction(stored)

    async def ListReviews(self, request: pb.ListReviewsRequest, context: Context) -> pb.ListReviewsResponse:
        return await self._reviews.list(request)

    async def ReviewAccess(self, request: pb.ReviewAccessRequest, context: Context) -> pb.ReviewAccessResponse:
        return await self._reviews.judge(request)

    async def RequestReview(self, request: pb.RequestReviewRequest, context: Context) -> pb.RequestReviewResponse:
        return await self._reviews.ask(request)

    async def GetCheckpoint(self, request: pb.GetCheckpointRequest, context: Context) -> pb.GetCheckpointResponse:
        newest = await self._proofs.newest()
        return pb.GetCheckpointResponse(checkpoint=newest.note, tree_size=newest.size, root_hash=newest.root)

    async def GetInclusionProof(
        self, request: pb.GetInclusionProofRequest, context: Context
    ) -> pb.GetInclusionProofResponse:
        found = await self._proofs.inclusion(request.index, request.tree_size)
        return pb.GetInclusionProofResponse(
            index=request.index,
            tree_size=found.checkpoint.size,
            leaf_hash=found.leaf,
            hashes=found.hashes,
            checkpoint=found.checkpoint.note,
        )

    async def GetConsistencyProof(
        self, request: pb.GetConsistencyProofRequest, context: Context
    ) -> pb.GetConsistencyProofResponse:
        found = await self._proofs.consistency(request.first_size, request.second_size)
        return pb.GetConsistencyProofResponse(
            first_size=request.first_size,
            second_size=found.checkpoint.size,
            hashes=found.hashes,
            checkpoint=found.checkpoint.note,
        )

    async def _page(
        self, page: Page, since: datetime | None, legal_entity: str | None, hidden: frozenset[str]
    ) -> AccessPage:
        refs = caller.patient_refs()
        if not hidden:
            found = await self._repository.accesses(refs, page, since=since, legal_entity=legal_entity)
            return AccessPage(list(map(convert.access, found.accesses)), found.more, found.total, found.older_exist)
        shown, part = ShownPage(hidden, page, since), Page(LARGEST_SIZE, None, b"")
        while True:  # a part at a time: a log may be long, and other calls go on meanwhile
            found = await self._repository.accesses(refs, part, since=None, legal_entity=legal_entity)
            for stored in found.accesses:
                shown.add(convert.access(stored))
            if not found.more:
                return shown.page()
            last = found.accesses[-1][0].appended
            part = part._replace(after=Position(last.committed_at, last.record_id))


def _refused(record_id: str, reason: Reason.ValueType, field: str) -> pb.RecordAnswer:
    return pb.RecordAnswer(record_id=record_id, failure=pb.RecordFailure(reason=reason, field=field))
