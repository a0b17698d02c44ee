"""The review queue: what comes into it, who judges, and that what was asked and found stands in the log."""

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import grpc
import pytest

from kjernejournal.audit.v1 import audit_pb2 as pb
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CallerContext, Organisation, PatientIdentifier
from services.audit.review_queue import METRIC
from shared import telemetry
from tests.services.audit.records import ARENDAL, HOSPITAL, record
from tests.support.service import calling, reason_of

if TYPE_CHECKING:
    from tests.services.audit.conftest import Log

CITIZEN = CallerContext(kind=common_pb2.CALLER_KIND_CITIZEN, representation=common_pb2.REPRESENTATION_SELF)
OTHER = Organisation(number="100100673", name="En annen kommune")


def auditor(legal_entity: str = ARENDAL.number, *, controller: bool = False) -> CallerContext:
    return CallerContext(kind=common_pb2.CALLER_KIND_AUDITOR, legal_entity=legal_entity, controller=controller)


async def opened(log: "Log", *reasons: int, ref: str = "", by: Organisation = ARENDAL) -> pb.AuditRecord:
    """Records an access that has to be reviewed for these reasons, and looks through the log."""
    sent = record(ref or str(uuid4()), review_reasons=reasons or [pb.REVIEW_REASON_EMERGENCY])
    sent.actor.legal_entity.CopyFrom(by)
    await log.record(sent)
    await log.queue.fill()
    return sent


async def queue(log: "Log", who: CallerContext | None = None, **fields: object) -> list[pb.Review]:
    """Returns everything in the queue that an auditor sees, page by page."""
    request = pb.ListReviewsRequest(page_size=3, **fields)  # type: ignore[arg-type]  # the fields of the message
    reviews: list[pb.Review] = []
    while True:
        page = await log.stub.ListReviews(request, metadata=calling(who or auditor()))
        reviews += page.reviews
        if not page.next_page_token:
            return reviews
        request.page_token = page.next_page_token


async def of(log: "Log", access_id: str, who: CallerContext | None = None) -> pb.Review:
    [review] = [each for each in await queue(log, who, include_closed=True) if each.id == access_id]
    return review


def verdict(
    access_id: str, version: int = 0, found: "pb.ReviewVerdict.ValueType" = pb.REVIEW_VERDICT_JUSTIFIED
) -> pb.ReviewAccessRequest:
    return pb.ReviewAccessRequest(
        request_id=str(uuid4()), id=access_id, expected_version=version, verdict=found, comment="Vakt den kvelden."
    )


async def judge(log: "Log", request: pb.ReviewAccessRequest, who: CallerContext | None = None) -> pb.Review:
    return (await log.stub.ReviewAccess(request, metadata=calling(who or auditor()))).review


async def ask(log: "Log", ref: str, access_id: str, **fields: str) -> pb.RequestedReview:
    wanted = {"request_id": str(uuid4()), "access_id": access_id, "text": "Jeg kjenner ikke legen."} | fields
    request = pb.RequestReviewRequest(patient=PatientIdentifier(patient_ref=ref), **wanted)
    return (await log.stub.RequestReview(request, metadata=calling(CITIZEN, ref))).review


async def accesses(log: "Log", ref: str) -> list[pb.Access]:
    request = pb.ListAccessesRequest(patient=PatientIdentifier(patient_ref=ref))
    return list((await log.stub.ListAccesses(request, metadata=calling(CITIZEN, ref))).accesses)


async def refused(call: object) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call  # type: ignore[misc]  # a coroutine
    return reason_of(error.value)


async def test_each_reason_brings_an_access_into_the_queue_and_nothing_else_does(log: "Log") -> None:
    sent = {
        reason: await opened(log, reason)
        for reason in pb.ReviewReason.values()
        if reason not in (pb.REVIEW_REASON_UNSPECIFIED, pb.REVIEW_REASON_PATIENT_ASKED)
    }
    everyday = record(str(uuid4()))
    everyday.source_system = "\u0082\u0001 " * 3  # looks like the mark of a reason
    await log.record(everyday)
    await log.queue.fill()
    found = {each.id: each for each in await queue(log)}
    for reason, each in sent.items():
        assert list(found[each.access_id].reasons) == [reason]
        assert found[each.access_id].access.practitioner == each.personal.practitioner
        assert each.personal.patient_ref not in str(found[each.access_id])
        assert not found[each.access_id].access.sections[0].entries, "entries lead to the patient"
    assert everyday.access_id not in found
    assert [each.opened_at.ToDatetime() for each in found.values()] == sorted(
        each.opened_at.ToDatetime() for each in found.values()
    )


async def test_the_records_of_one_access_are_one_review_with_the_reasons_of_all(log: "Log") -> None:
    first = await opened(log, pb.REVIEW_REASON_EMERGENCY)
    second = record(first.personal.patient_ref, review_reasons=[pb.REVIEW_REASON_RESTRICTED_OPENED])
    second.access_id = first.access_id
    await log.record(second)
    await log.queue.fill()
    review = await of(log, first.access_id)
    assert list(review.reasons) == [pb.REVIEW_REASON_EMERGENCY, pb.REVIEW_REASON_RESTRICTED_OPENED]


async def test_an_auditor_sees_and_judges_their_own_organisation_alone_and_the_controllers_all(log: "Log") -> None:
    mine, theirs = await opened(log), await opened(log, by=HOSPITAL)
    seen = {each.id for each in await queue(log)}
    assert mine.access_id in seen
    assert theirs.access_id not in seen
    assert await refused(judge(log, verdict(theirs.access_id))) == "ENTRY_NOT_FOUND"
    controller = auditor(OTHER.number, controller=True)
    assert {mine.access_id, theirs.access_id} <= {each.id for each in await queue(log, controller)}
    assert (await judge(log, verdict(theirs.access_id), controller)).version == 1


@pytest.mark.parametrize("kind", [common_pb2.CALLER_KIND_CITIZEN, common_pb2.CALLER_KIND_CLINICIAN])
async def test_nobody_but_auditors_reads_the_queue_or_judges(log: "Log", kind: int) -> None:
    who = CallerContext(kind=kind, legal_entity=ARENDAL.number)  # type: ignore[arg-type]  # a number
    sent = await opened(log)
    assert await refused(queue(log, who)) == "CALLER_KIND_REFUSED"
    assert await refused(judge(log, verdict(sent.access_id), who)) == "CALLER_KIND_REFUSED"


async def test_a_verdict_is_an_entry_of_its_own_in_the_log_and_the_patient_sees_it(log: "Log") -> None:
    ref = str(uuid4())
    sent = await opened(log, ref=ref)
    [before] = await accesses(log, ref)
    review = await judge(log, verdict(sent.access_id))
    assert (review.verdict, review.comment, review.version) == (
        pb.REVIEW_VERDICT_JUSTIFIED,
        "Vakt den kvelden.",
        1,
    )
    [after] = await accesses(log, ref)
    assert [each.verdict for each in after.reviews] == [pb.REVIEW_VERDICT_JUSTIFIED]
    assert [each.patient_sequence for each in after.receipts] == [1, 2], "the patient's log is without a gap"
    assert "Vakt" not in str(after), "what the reviewer wrote is for auditors"
    for changed in ("reviews", "receipts"):
        after.ClearField(changed)
        before.ClearField(changed)
    assert after == before, "the access stays as it was"
    assert sent.access_id not in {each.id for each in await queue(log)}
    connection = await asyncpg.connect(log.place.dsn)
    try:
        content = await connection.fetchval(
            "SELECT content FROM entries WHERE access_id = $1 AND kind = 6", sent.access_id
        )
    finally:
        await connection.close()
    assert b"Vakt" not in content, "words stand in the personal part, to be erased with it"
    stored = pb.AuditRecord.FromString(content)
    assert stored.review_verdict == pb.REVIEW_VERDICT_JUSTIFIED
    assert stored.made_by_access not in ("", sent.access_id), "the call's own records say who judged"


async def test_an_inquiry_leaves_the_review_open_and_the_next_verdict_is_based_on_it(log: "Log") -> None:
    sent = await opened(log)
    await judge(log, verdict(sent.access_id, found=pb.REVIEW_VERDICT_INQUIRY))
    assert sent.access_id in {each.id for each in await queue(log)}
    assert await refused(judge(log, verdict(sent.access_id))) == "VERSION_BEHIND"
    review = await judge(log, verdict(sent.access_id, 1, pb.REVIEW_VERDICT_UNJUSTIFIED))
    assert (review.verdict, review.version) == (pb.REVIEW_VERDICT_UNJUSTIFIED, 2)


async def test_a_verdict_that_is_sent_again_has_no_further_effect(log: "Log") -> None:
    sent = await opened(log)
    request = verdict(sent.access_id)
    first = await judge(log, request)
    assert await judge(log, request) == first
    request.comment = "Noe annet."
    assert await refused(judge(log, request)) == "REQUEST_ID_REUSED"
    another = await opened(log)
    request.id = another.access_id
    assert await refused(judge(log, request)) == "REQUEST_ID_REUSED"
    assert (await of(log, another.access_id)).version == 0


async def test_of_two_verdicts_at_once_one_is_given(log: "Log") -> None:
    sent = await opened(log)
    answers = await asyncio.gather(*(judge(log, verdict(sent.access_id)) for _ in range(4)), return_exceptions=True)
    assert [reason_of(each) for each in answers if isinstance(each, grpc.aio.AioRpcError)] == ["VERSION_BEHIND"] * 3
    assert (await of(log, sent.access_id)).version == 1


async def test_a_citizen_has_an_access_looked_at_by_the_auditor_of_whoever_it_was(log: "Log") -> None:
    ref = str(uuid4())
    sent = record(ref)
    sent.actor.legal_entity.CopyFrom(HOSPITAL)
    await log.record(sent)
    await log.queue.fill()
    asked = await ask(log, ref, sent.access_id)
    assert (asked.access_id, asked.version, asked.text) == (sent.access_id, 0, "Jeg kjenner ikke legen.")
    await log.queue.fill()
    review = await of(log, sent.access_id, auditor(HOSPITAL.number))
    assert list(review.reasons) == [pb.REVIEW_REASON_PATIENT_ASKED]
    assert (review.patient_text, review.asked_at) == ("Jeg kjenner ikke legen.", asked.asked_at)
    assert sent.access_id not in {each.id for each in await queue(log)}
    [access] = await accesses(log, ref)
    assert list(access.review_reasons) == [pb.REVIEW_REASON_PATIENT_ASKED]
    assert len(access.receipts) == 2


async def test_one_request_an_access_waits_and_after_its_answer_another_can_be_made(log: "Log") -> None:
    ref = str(uuid4())
    sent = await opened(log, ref=ref)
    request_id = str(uuid4())
    first = await ask(log, ref, sent.access_id, request_id=request_id)
    assert await ask(log, ref, sent.access_id, request_id=request_id.upper()) == first
    assert await refused(ask(log, ref, sent.access_id, request_id=request_id, text="Annet")) == "REQUEST_ID_REUSED"
    assert await refused(ask(log, ref, sent.access_id)) == "STATE_CONFLICT"
    await judge(log, verdict(sent.access_id, found=pb.REVIEW_VERDICT_INQUIRY))
    assert await refused(ask(log, ref, sent.access_id)) == "STATE_CONFLICT"
    await judge(log, verdict(sent.access_id, 1))
    assert sent.access_id not in {each.id for each in await queue(log)}
    again = await ask(log, ref, sent.access_id, text="")
    assert again.version == 2
    assert sent.access_id in {each.id for each in await queue(log)}


async def test_nobody_asks_about_an_access_to_somebody_else(log: "Log") -> None:
    sent = await opened(log)
    assert await refused(ask(log, str(uuid4()), sent.access_id)) == "ENTRY_NOT_FOUND"
    assert await refused(ask(log, sent.personal.patient_ref, str(uuid4()))) == "ENTRY_NOT_FOUND"


@pytest.mark.parametrize("kind", [pb.RECORD_KIND_REVIEW, pb.RECORD_KIND_REVIEW_REQUEST])
async def test_reviews_are_not_recorded_past_their_own_rpcs(log: "Log", kind: "pb.RecordKind.ValueType") -> None:
    [answer] = await log.record(record(str(uuid4()), kind=kind))
    assert answer.failure.field == "kind"


async def test_overdue_reviews_are_a_metric_and_a_line_without_identities(
    log: "Log", caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[tuple[str, str, int]] = []
    monkeypatch.setattr(telemetry, "measure", lambda *what: measured.append(what))
    sent = await opened(log, by=OTHER)
    connection = await asyncpg.connect(log.place.owner_dsn)
    try:
        await connection.execute(
            "UPDATE reviews SET opened_at = opened_at - $2::interval WHERE access_id = $1",
            sent.access_id,
            timedelta(days=15),
        )
    finally:
        await connection.close()
    with caplog.at_level(logging.WARNING, "security"):
        for _ in range(2):
            log.queue._counted = float("-inf")
            await log.queue.fill()
    assert measured.count((METRIC, OTHER.number, 1)) == 2
    [line] = [each.getMessage() for each in caplog.records if OTHER.number in each.getMessage()]
    assert "14 days" in line
    assert sent.access_id not in line
    await judge(log, verdict(sent.access_id), auditor(OTHER.number))
    log.queue._counted = float("-inf")
    await log.queue.fill()
    assert measured[-1] == (METRIC, OTHER.number, 0)
