"""What auditors do with the review queue, and citizens to get an access into it.

A request and a verdict are records of their own in the log, under the access they are about: in its tree, and in the
patient's log. What either of them says in words stands in the personal part, and is erased with it.
"""

import hashlib
from datetime import UTC, datetime
from uuid import uuid4

from google.protobuf.message import Message

from kjernejournal.audit.v1 import audit_pb2 as pb
from kjernejournal.common.v1.common_pb2 import ACTION_ADMIN, ACTION_WRITE, CALLER_KIND_AUDITOR, Action, Organisation
from services.audit import convert, model
from services.audit.repository import NewRecord, StoredRecord
from services.audit.review_repository import ReviewRepository
from shared import telemetry
from shared.convert import digest, optional_moment, timestamp
from shared.errors import Denied, Invalid, Reason, StateConflict, VersionBehind, entry_not_found
from shared.handling import caller
from shared.register.paging import Position, cut, page_of

SERVICE = "/kjernejournal.audit.v1.AuditService/"
ASKED = model.reasons_mask([pb.REVIEW_REASON_PATIENT_ASKED])


class Reviews:
    """The three rpcs of reviews."""

    def __init__(self, repository: ReviewRepository) -> None:
        self._repository = repository

    async def list(self, request: pb.ListReviewsRequest) -> pb.ListReviewsResponse:
        """Returns a page of the queue, oldest first: an auditor's own organisation's, the controller's everybody's."""
        legal_entity = _auditors_entity()
        since = optional_moment(request, "since")
        page = page_of(request.page_size, request.page_token, "reviews", since, legal_entity, request.include_closed)
        found = await self._repository.page(
            page, since=since, legal_entity=legal_entity, closed_too=request.include_closed
        )
        records = await self._repository.records([each.access_id for each in found[: page.size]])
        reviews = [convert.review(each, records[each.access_id]) for each in found[: page.size]]
        shown, left = cut(reviews, page.size, pb.Review.ByteSize)
        token = ""
        if left or len(found) > page.size:
            last = found[len(shown) - 1]
            token = page.token_after(Position(last.opened_at, last.access_id), last.opened_at)
        return pb.ListReviewsResponse(reviews=shown, next_page_token=token)

    async def judge(self, request: pb.ReviewAccessRequest) -> pb.ReviewAccessResponse:
        """Adds a verdict. Raises Invalid, NotFound, VersionBehind."""
        legal_entity = _auditors_entity()
        if request.verdict not in pb.ReviewVerdict.values():
            raise Invalid("verdict", "is not one that is known here")
        access_id, asked = request.id.lower(), _asked(request, caller.current().legal_entity)
        async with self._repository.judging(access_id) as judging:
            if judging is None or legal_entity not in (None, judging.review.legal_entity):
                raise entry_not_found()
            if not await judging.is_repeat(request.request_id, asked):
                if request.expected_version != judging.review.version:
                    raise VersionBehind(judging.review.version)
                record = _record(
                    pb.RECORD_KIND_REVIEW, "ReviewAccess", ACTION_ADMIN, await judging.records(), request.comment
                )
                record.review_verdict = request.verdict
                record.request_id = request.request_id
                closed = request.verdict != pb.REVIEW_VERDICT_INQUIRY
                await judging.judge(request.request_id, asked, _new(record), request.verdict, closed=closed)
        return pb.ReviewAccessResponse(review=await self._review(access_id))

    async def ask(self, request: pb.RequestReviewRequest) -> pb.RequestReviewResponse:
        """Puts an access of the patient's log into the queue. Raises Invalid, NotFound, StateConflict."""
        refs, access_id = caller.patient_refs(), request.access_id.lower()
        asked = _asked(request, "")
        async with self._repository.asking(refs, access_id) as judging:
            if judging is None:
                raise entry_not_found()
            if not await judging.is_repeat(request.request_id, asked):
                if judging.review.asked:
                    raise StateConflict(
                        Reason.ERROR_REASON_STATE_CONFLICT, "a review of this access is asked for already, and waits"
                    )
                record = _record(
                    pb.RECORD_KIND_REVIEW_REQUEST, "RequestReview", ACTION_WRITE, await judging.records(), request.text
                )
                record.review_reasons.append(pb.REVIEW_REASON_PATIENT_ASKED)
                record.request_id = request.request_id
                await judging.ask(request.request_id, asked, _new(record), ASKED)
        review = await self._review(access_id)
        return pb.RequestReviewResponse(
            review=pb.RequestedReview(
                access_id=access_id, version=review.version, asked_at=review.asked_at, text=review.patient_text
            )
        )

    async def _review(self, access_id: str) -> pb.Review:
        records = await self._repository.records([access_id])
        return convert.review(await self._repository.review(access_id), records[access_id])


def _auditors_entity() -> str | None:
    """Returns whose accesses the auditor judges; None: everybody's. Raises Denied for anybody else."""
    current = caller.current()
    if current.kind != CALLER_KIND_AUDITOR:
        raise Denied(Reason.ERROR_REASON_CALLER_KIND_REFUSED, "reviews are for auditors")
    return model.visible_entity(current)


def _asked(request: Message, who: str) -> bytes:
    """Returns the digest of a request without its patient, who may have another reference when it is sent again."""
    body = type(request).FromString(request.SerializeToString())
    for name in ("patient", "request_id"):
        if name in body.DESCRIPTOR.fields_by_name:
            body.ClearField(name)
    return hashlib.sha256(f"{request.DESCRIPTOR.full_name}\0{who}\0".encode() + digest(body)).digest()


def _record(
    kind: pb.RecordKind.ValueType, rpc: str, action: Action.ValueType, of_access: list[StoredRecord], text: str
) -> pb.AuditRecord:
    """Returns a record about an access. It names the patient by the same references; who made it stands in the record
    of the call that it names."""
    current, span = caller.current(), telemetry.current()
    about = next((each for each in map(convert.record, of_access) if each.personal.patient_ref), pb.AuditRecord())
    record = pb.AuditRecord(
        record_id=str(uuid4()),
        access_id=of_access[0].access_id,
        kind=kind,
        occurred_at=timestamp(datetime.now(UTC)),
        rpc=SERVICE + rpc,
        action=action,
        actor=pb.Actor(
            kind=current.kind,
            legal_entity=Organisation(number=current.legal_entity),
            representation=current.representation,
        ),
        trace_id=span.context.trace_id if span else "0" * 32,
        made_by_access=current.access_id,
        personal=pb.PersonalPart(
            patient_ref=about.personal.patient_ref, other_refs=about.personal.other_refs, text=text
        ),
    )
    model.redact_identities(record)
    return record


def _new(record: pb.AuditRecord) -> NewRecord:
    return convert.new_record(record)
