"""Records share a call, are durable before anybody goes on, and fail for exactly those whose they are."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any
from uuid import uuid4

import grpc
import pytest

from gateway.recorder import LARGEST_BATCH, MOST_WAITING, Recorder
from gateway.registers.backends import Backend
from kjernejournal.audit.v1.audit_pb2 import (
    AuditRecord,
    DisclosedEntry,
    RecordAnswer,
    RecordFailure,
    RecordRequest,
    RecordResponse,
)
from shared import deadline, telemetry
from shared.channels import open_channel
from shared.errors import Overloaded, Unavailable
from tests.support.scripted.services import RECORD, AccessLog, listening, refusing, saying
from tests.support.telemetry.spans import assert_whole, caught
from tests.support.waiting import becomes

Log = tuple[AccessLog, Recorder]


@pytest.fixture
async def log() -> AsyncIterator[Log]:
    service = AccessLog()
    async with listening(service) as address:
        channel = open_channel(address, cert=None, key=None, ca=None, max_message_bytes=32 * 1024 * 1024)
        yield service, Recorder(Backend("audit", channel))
        await channel.close()


def record(rpc: str = "/a.B/C") -> AuditRecord:
    return AuditRecord(record_id=str(uuid4()), rpc=rpc)


class Gate:
    """A log whose first call waits until it is opened, so that the next records gather."""

    def __init__(self, log: AccessLog) -> None:
        self.open = asyncio.Event()
        self._log = log
        log.unary(RECORD, self._commit)

    async def _commit(self, data: bytes, context: Any) -> bytes:
        first = len(self._log.calls) == 1
        if first:
            await self.open.wait()
        return await self._log.commit(data, context)


async def gathered(log: Log, count: int) -> list[asyncio.Task[Any]]:
    """Starts records that wait together while a first call is under way; the gate is open afterwards."""
    service, recorder = log
    gate = Gate(service)
    tasks = [asyncio.create_task(recorder.record([record()]))]
    await becomes(lambda: len(service.calls) == 1)
    tasks.extend(asyncio.create_task(recorder.record([record()])) for _ in range(count))
    await asyncio.sleep(0.02)
    gate.open.set()
    return tasks


async def test_a_record_has_its_place_in_the_log(log: Log) -> None:
    service, recorder = log
    sent = [record(), record()]
    receipts = await recorder.record(sent)
    assert [each.record_id for each in receipts] == [each.record_id for each in sent]
    assert [each.index for each in receipts] == [0, 1]
    assert service.records == sent


async def test_records_that_come_together_share_a_call(log: Log) -> None:
    tasks = await gathered(log, 50)
    receipts = [receipt for task in tasks for receipt in await task]
    assert len(log[0].calls) == 2
    assert sorted(each.index for each in receipts) == list(range(51))


async def test_no_call_carries_more_than_the_log_takes(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.recorder.BUDGET", 30.0)  # so many records take a busy machine a while
    tasks = await gathered(log, LARGEST_BATCH + 10)
    await asyncio.gather(*tasks)
    sizes = [len(RecordRequest.FromString(call.messages[0]).records) for call in log[0].calls]
    assert sizes == [1, LARGEST_BATCH, 10]


async def test_no_call_is_larger_than_a_message_may_be(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rider of a call that is too large would be refused, however small its own record."""
    monkeypatch.setattr("gateway.recorder.BUDGET", 30.0)  # so large records take a busy machine a while
    entries = [DisclosedEntry(id=str(uuid4()), version=1) for _ in range(2500)]
    large = [record() for _ in range(400)]
    for each in large:
        each.sections.add(entries=entries)
    receipts = await log[1].record(large)
    assert len(receipts) == 400
    assert len(log[0].calls) > 1


async def test_a_call_that_cannot_be_made_fails_its_riders_at_once_and_no_later_ones(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours must not leave records, and their callers, behind."""
    service, recorder = log
    honest = recorder._audit.unary

    async def broken(*_: Any, **__: Any) -> bytes:
        monkeypatch.setattr(recorder._audit, "unary", honest)
        raise RuntimeError("a bug")

    monkeypatch.setattr(recorder._audit, "unary", broken)
    async with asyncio.timeout(1.0):
        calls = (recorder.record([record()]), _soon(recorder.record([record()])))
        first, second = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(first, Unavailable)
    assert not isinstance(second, BaseException)
    assert len(service.records) == 1


async def _soon(work: Coroutine[Any, Any, Any]) -> Any:
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return await work


async def test_a_caller_who_goes_away_leaves_the_record_aboard(log: Log) -> None:
    service, recorder = log
    gate = Gate(service)
    first = asyncio.create_task(recorder.record([record()]))
    await becomes(lambda: len(service.calls) == 1)
    gone = asyncio.create_task(recorder.record([record("/the.one/Gone")]))
    stays = asyncio.create_task(recorder.record([record()]))
    await asyncio.sleep(0.01)
    gone.cancel()
    first.cancel()
    gate.open.set()
    await stays
    assert "/the.one/Gone" in [each.rpc for each in service.records]
    assert len(service.records) == 3


async def test_a_failure_fails_exactly_its_riders(log: Log) -> None:
    service, recorder = log
    refused, taken = record(), record()

    async def commit(data: bytes, context: Any) -> bytes:
        reply = RecordResponse.FromString(await service.commit(data, context))
        for answer in reply.answers:
            if answer.record_id == refused.record_id:
                answer.failure.CopyFrom(RecordFailure())
        return reply.SerializeToString()

    service.unary(RECORD, commit)
    bad, good = await asyncio.gather(recorder.record([refused]), recorder.record([taken]), return_exceptions=True)
    assert isinstance(bad, Unavailable)
    assert not isinstance(good, BaseException)


async def test_a_record_that_the_log_refuses_as_malformed_leaves_its_neighbours_alone(log: Log) -> None:
    service, recorder = log
    poison = record("poison")

    async def commit(data: bytes, context: Any) -> bytes:
        if any(each.rpc == "poison" for each in RecordRequest.FromString(data).records):
            return await refusing(grpc.StatusCode.INVALID_ARGUMENT, "records[0].rpc", None)(data, context)
        return await service.commit(data, context)

    service.unary(RECORD, commit)
    records = [record(), poison, record()]
    results = await asyncio.gather(*(recorder.record([each]) for each in records), return_exceptions=True)
    assert [isinstance(each, Unavailable) for each in results] == [False, True, False]


@pytest.mark.parametrize(
    "reply",
    [
        b"\x0a\xff\xff\xff\xff\x0f",
        RecordResponse(),
        RecordResponse(answers=[RecordAnswer(record_id=str(uuid4()))]),
    ],
    ids=["garbage", "no answers", "another's answer"],
)
async def test_an_answer_that_does_not_show_the_record_is_none(log: Log, reply: Any) -> None:
    service, recorder = log
    service.unary(RECORD, saying(reply))
    with pytest.raises(Unavailable):
        await recorder.record([record()])
    service.unary(RECORD, service.commit)
    assert await recorder.record([record()]), "the next one goes through"


@pytest.mark.parametrize("spoil", ["twice", "another's receipt"])
async def test_an_answer_that_cannot_be_relied_on_is_none(log: Log, spoil: str) -> None:
    service, recorder = log

    async def commit(data: bytes, context: Any) -> bytes:
        reply = RecordResponse.FromString(await service.commit(data, context))
        if spoil == "twice":
            reply.answers.append(reply.answers[0])
        else:
            reply.answers[0].receipt.record_id = str(uuid4())
        return reply.SerializeToString()

    service.unary(RECORD, commit)
    with pytest.raises(Unavailable):
        await recorder.record([record()])


async def test_an_answer_without_a_receipt_is_none(log: Log) -> None:
    service, recorder = log

    async def commit(data: bytes, _: Any) -> bytes:
        asked = RecordRequest.FromString(data).records
        return RecordResponse(answers=[RecordAnswer(record_id=each.record_id) for each in asked]).SerializeToString()

    service.unary(RECORD, commit)
    with pytest.raises(Unavailable):
        await recorder.record([record()])


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN])
async def test_a_log_that_fails_is_unavailable(log: Log, code: grpc.StatusCode) -> None:
    service, recorder = log
    service.unary(RECORD, refusing(code, "secret", None))
    with pytest.raises(Unavailable) as caught_error:
        await recorder.record([record()])
    assert "secret" not in caught_error.value.text


async def test_a_frozen_log_is_waited_for_no_longer_than_the_deadline(log: Log) -> None:
    service, recorder = log

    async def frozen(_: bytes, __: Any) -> bytes:
        await asyncio.sleep(30)
        return b""

    service.unary(RECORD, frozen)

    async def within() -> None:
        deadline.set_deadline(0.2)
        await recorder.record([record()])

    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(Unavailable):
        await asyncio.create_task(within())
    assert loop.time() - began < 1.0


async def test_beyond_the_limit_calls_are_shed(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.recorder.BUDGET", 30.0)  # so many records take a busy machine a while
    service, recorder = log
    gate = Gate(service)
    first = asyncio.create_task(recorder.record([record()]))
    await becomes(lambda: len(service.calls) == 1)
    many = asyncio.create_task(recorder.record([AuditRecord(record_id=str(n)) for n in range(MOST_WAITING)]))
    await asyncio.sleep(0.05)
    with pytest.raises(Overloaded):
        await recorder.record([record()])
    many.cancel()
    gate.open.set()
    await first


async def test_every_rider_has_its_own_span_and_a_link_to_the_shared_call(log: Log) -> None:
    service, recorder = log
    gate = Gate(service)

    async def one(name: str) -> None:
        with telemetry.span(name):
            await recorder.record([record()])

    with caught() as spans:
        tasks = [asyncio.create_task(one("first"))]
        await becomes(lambda: len(service.calls) == 1)
        tasks.extend(asyncio.create_task(one(name)) for name in ("second", "third"))
        await asyncio.sleep(0.02)
        gate.open.set()
        await asyncio.gather(*tasks)
    by_trace: dict[str, list[Any]] = {}
    for span in spans:
        by_trace.setdefault(span.context.trace_id, []).append(span)
    assert len(by_trace) == 3
    for trace in by_trace.values():
        assert_whole(trace)
    commits = [span for span in spans if span.name == "audit commit"]
    assert len(commits) == 3
    first, second, third = sorted(commits, key=lambda span: span.start_ns)
    assert first.attributes["kj.batch.id"] != second.attributes["kj.batch.id"]
    assert second.attributes["kj.batch.id"] == third.attributes["kj.batch.id"]
    assert third.links == [second.context], "the call runs in the first rider's trace"
    assert {span.attributes.get("kj.audit.index") for span in commits} == {0, 1, 2}


async def test_records_of_callers_who_have_gone_are_waited_for(log: Log) -> None:
    service, recorder = log
    gate = Gate(service)
    tasks = [asyncio.create_task(recorder.record([record()])) for _ in range(3)]
    await becomes(lambda: len(service.calls) == 1)
    tasks.append(asyncio.create_task(recorder.record([record()])))
    await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    finishing = asyncio.create_task(recorder.finish(5))
    await asyncio.sleep(0.02)
    assert not finishing.done()
    gate.open.set()
    await finishing
    assert len(service.records) == 4


async def test_a_log_that_does_not_answer_holds_up_the_end_for_so_long_and_no_longer(log: Log) -> None:
    service, recorder = log
    Gate(service)
    task = asyncio.create_task(recorder.record([record()]))
    await becomes(lambda: len(service.calls) == 1)
    async with asyncio.timeout(1):
        await recorder.finish(0.05)
    task.cancel()


async def test_a_recorder_without_records_is_finished(log: Log) -> None:
    await log[1].finish(5)
