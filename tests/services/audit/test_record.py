"""Records are taken one by one, durable before they are answered, dense and in order."""

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import grpc
import pytest

from kjernejournal.audit.v1 import audit_pb2 as pb
from kjernejournal.common.v1 import error_reason_pb2 as reasons
from kjernejournal.common.v1.common_pb2 import Period
from tests.services.audit.records import record
from tests.support.service import details_of

if TYPE_CHECKING:
    from tests.services.audit.conftest import Log


async def rows(log: "Log", sql: str, *args: object) -> list[asyncpg.Record]:
    """Returns what the database holds, seen past the service."""
    connection = await asyncpg.connect(log.place.superuser_dsn)
    try:
        return await connection.fetch(sql, *args)
    finally:
        await connection.close()


async def test_a_record_gets_its_place_in_the_log_and_among_its_patients_records(log: "Log") -> None:
    ref = str(uuid4())
    first, second = record(ref), record(ref)
    answers = await log.record(first, second, record())
    assert [answer.record_id for answer in answers[:2]] == [first.record_id, second.record_id]
    indices = [answer.receipt.index for answer in answers]
    assert indices == list(range(indices[0], indices[0] + 3))
    assert [answer.receipt.patient_sequence for answer in answers] == [1, 2, 0]
    (later,) = await log.record(record(ref))
    assert later.receipt.patient_sequence == 3


async def test_a_reference_in_capitals_counts_for_the_same_patient(log: "Log") -> None:
    ref = str(uuid4())
    answers = await log.record(record(ref), record(ref.upper()), record(ref))
    assert [answer.receipt.patient_sequence for answer in answers] == [1, 2, 3]


async def test_the_bytes_without_persons_and_the_personal_bytes_stand_apart_and_give_the_record_back(
    log: "Log",
) -> None:
    sent = record(str(uuid4()))
    await log.record(sent)
    (row,) = await rows(
        log,
        "SELECT e.content, p.content AS personal FROM entries AS e JOIN personal AS p USING (idx) WHERE record_id = $1",
        sent.record_id,
    )
    assert sent.personal.patient_ref.encode() not in row["content"]
    assert b"Hjemmesykepleier" not in row["content"]
    stored = pb.AuditRecord.FromString(row["content"])
    stored.personal.MergeFromString(row["personal"])
    assert stored == sent


async def test_the_same_record_again_has_the_same_receipt(log: "Log") -> None:
    ref = str(uuid4())
    sent = record(ref)
    first = await log.record(sent)
    assert await log.record(sent) == first
    both = await log.record(sent, sent)
    assert both == first * 2
    assert (await log.record(record(ref)))[0].receipt.patient_sequence == 2


@pytest.mark.parametrize("change", [{"source_system": "Another"}, {"personal": pb.PersonalPart(subject="someone")}])
async def test_the_same_id_with_another_body_is_refused_and_its_neighbours_are_not(
    log: "Log", change: dict[str, object]
) -> None:
    sent = record(str(uuid4()))
    await log.record(sent)
    other = pb.AuditRecord()
    other.CopyFrom(sent)
    other.MergeFrom(pb.AuditRecord(**change))  # type: ignore[arg-type]  # the fields of the message
    neighbour = record(str(uuid4()))
    answers = {answer.record_id: answer for answer in await log.record(other, neighbour)}
    assert answers[sent.record_id].failure.reason == reasons.ERROR_REASON_REQUEST_ID_REUSED
    assert answers[neighbour.record_id].HasField("receipt")


async def test_a_record_that_breaks_a_rule_fails_alone(log: "Log") -> None:
    bad, good = record(rpc="ListVisits"), record()
    answers = {answer.record_id: answer for answer in await log.record(bad, good)}
    assert answers[bad.record_id].failure == pb.RecordFailure(reason=reasons.ERROR_REASON_INVALID_FIELD, field="rpc")
    assert answers[good.record_id].HasField("receipt")


async def test_a_field_over_its_limit_is_named(log: "Log") -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await log.record(record(), record(source_system="x" * 513))
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert details_of(refused.value)["field"] == "records[1].source_system"


async def test_no_national_id_is_stored_whatever_a_system_sends(log: "Log") -> None:
    national_id = "13875499818"
    sent = record(
        str(uuid4()),
        source_system=f"EPJ {national_id}",
        ground=pb.AccessGround(decision_ref=pb.DecisionRef(id=national_id)),
        sections=[pb.SectionRecord(entries=[pb.DisclosedEntry(id=national_id)])],
    )
    sent.personal.practitioner.name = f"Ola {national_id}"
    (answer,) = await log.record(sent)
    assert answer.HasField("receipt")
    (row,) = await rows(
        log,
        "SELECT e.content || p.content AS bytes FROM entries AS e JOIN personal AS p USING (idx) WHERE record_id = $1",
        sent.record_id,
    )
    assert national_id.encode() not in row["bytes"]
    assert b"EPJ [id]" in row["bytes"]


async def test_two_thousand_concurrent_appends_are_dense_and_counted_for_each_patient(log: "Log") -> None:
    refs = [str(uuid4()) for _ in range(50)]
    sent = [record(refs[number % 50]) for number in range(2_000)]
    # Four to a call: a server of grpc drops calls at random when more than a thousand wait to be taken up.
    answers = await asyncio.gather(*(log.record(*sent[first : first + 4]) for first in range(0, 2_000, 4)))
    receipts = [answer.receipt for call in answers for answer in call]
    indices = sorted(receipt.index for receipt in receipts)
    assert indices == list(range(indices[0], indices[0] + 2_000))
    for position, ref in enumerate(refs):
        mine = sorted((receipt.index, receipt.patient_sequence) for receipt in receipts[position::50])
        assert [sequence for _, sequence in mine] == list(range(1, 41)), ref
    stored = await rows(log, "SELECT idx, committed_at FROM entries ORDER BY idx")
    assert [row["idx"] for row in stored] == list(range(len(stored)))
    assert all(earlier["committed_at"] <= later["committed_at"] for earlier, later in pairwise(stored))


async def test_a_cancelled_callers_records_are_in_the_log(log: "Log") -> None:
    sent = [record(str(uuid4())) for _ in range(300)]
    calls = [log.stub.Record(pb.RecordRequest(records=[each])) for each in sent]
    await asyncio.sleep(0.02)
    for call in calls[::2]:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    cancelled = [each.record_id for each, call in zip(sent, calls, strict=True) if call.cancelled()]
    await log.committer.drain()
    received = await log.record(*sent)  # whatever never reached the service arrives now
    stored = await rows(log, "SELECT idx FROM entries WHERE record_id = ANY($1::uuid[])", cancelled)
    assert len(stored) == len(cancelled)
    assert len({answer.receipt.index for answer in received}) == len(sent)


async def test_a_cancelled_append_is_committed(log: "Log", monkeypatch: pytest.MonkeyPatch) -> None:
    boarded = asyncio.Event()
    board = log.committer._board

    def watched(rider: object) -> None:
        board(rider)  # type: ignore[arg-type]  # by the table
        boarded.set()

    monkeypatch.setattr(log.committer, "_board", watched)
    sent = record(str(uuid4()))
    call = log.stub.Record(pb.RecordRequest(records=[sent]))
    await boarded.wait()
    call.cancel()
    await log.committer.drain()
    assert await rows(log, "SELECT idx FROM entries WHERE record_id = $1", sent.record_id)


async def test_what_comes_later_answers_unimplemented(log: "Log") -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await log.stub.GetUsageStatistics(pb.GetUsageStatisticsRequest(period=Period()))
    assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
