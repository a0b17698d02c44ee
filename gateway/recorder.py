"""Does step 5, audit: makes records durable before anything is released. Calls that come together share one Record.

While one Record is under way the next records gather, and go together when it is back: the service commits them in one
transaction. A caller who goes away does not take their record along.
"""

import asyncio
import contextvars
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import grpc
from google.protobuf.message import DecodeError

from gateway.registers.backends import Backend
from gateway.registers.breaker import PATIENCE, Breaker
from kjernejournal.audit.v1.audit_pb2 import AuditRecord, Receipt, RecordAnswer, RecordRequest, RecordResponse
from shared import deadline, telemetry
from shared.errors import Overloaded, Reason, TimedOut, Unauthenticated, Unavailable

log = logging.getLogger(__name__)

PATH = "/kjernejournal.audit.v1.AuditService/Record"
BUDGET = 2.0
"""Seconds for which a record is waited for, at most."""
LARGEST_BATCH = 1000
LARGEST_BYTES = 8 * 1024 * 1024
"""A summary's record may name some thousand entries: a thousand such records would be more than one call takes."""
MOST_WAITING = 20_000
"""Records: beyond this the gateway sheds calls rather than lets them queue."""


@dataclass(slots=True)
class _WaitingRecord:
    record: AuditRecord
    done: "asyncio.Future[Receipt]"
    context: contextvars.Context
    span: telemetry.Span


class Recorder:
    """Appends to the access log."""

    def __init__(self, audit: Backend) -> None:
        self._audit = audit
        self._waiting: list[_WaitingRecord] = []
        self._sender: asyncio.Task[None] | None = None
        self._breaker = Breaker()

    async def record(self, records: Sequence[AuditRecord]) -> list[Receipt]:
        """Makes the records durable and returns their places in the log.

        Raises Unauthenticated (PROOF_REPLAYED) when the call's proof is that of another call; Unavailable
        (AUDIT_UNAVAILABLE) when it cannot be shown in time, and at once when it could not the last times; TimedOut when
        the caller has set less time. Nothing may be released then.
        """
        if not self._breaker.admits():
            raise _unavailable()
        if len(self._waiting) + len(records) > MOST_WAITING:
            raise Overloaded(Reason.ERROR_REASON_OVERLOADED, "the access log is behind: try again in a moment")
        with telemetry.span("audit commit", **{"kj.batch.size": len(records)}) as span:
            loop = asyncio.get_running_loop()
            waiting = [_WaitingRecord(each, loop.create_future(), contextvars.copy_context(), span) for each in records]
            self._waiting.extend(waiting)
            if self._sender is None or self._sender.done():
                self._sender = asyncio.create_task(self._send())
            waits, hurried = deadline.inside(BUDGET), deadline.callers_own(BUDGET)
            try:
                async with asyncio.timeout(waits):
                    receipts = [await asyncio.shield(each.done) for each in waiting]
            except TimeoutError:
                if waits >= PATIENCE:
                    self._breaker.timed_out()
                raise (_hurried() if hurried else _unavailable()) from None
            span.set("kj.audit.index", receipts[0].index)
            return receipts

    async def finish(self, seconds: float) -> None:
        """Waits for records whose callers have gone: before the process ends, and the log's channel with it."""
        if self._sender is not None and not self._sender.done():
            await asyncio.wait([self._sender], timeout=seconds)

    async def _send(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            # The call runs in the first rider's trace; the others' spans are linked to it.
            first = batch[0]
            carrying = asyncio.create_task(self._call(batch), context=first.context)
            batch_id = str(uuid4())
            for each in batch:
                each.span.attributes["kj.batch.id"] = batch_id
                if each.span is not first.span and first.span.context not in each.span.links:
                    each.span.links.append(first.span.context)
            await carrying

    def _next_batch(self) -> list[_WaitingRecord]:
        batch: list[_WaitingRecord] = []
        size = 0
        for each in self._waiting[:LARGEST_BATCH]:
            size += each.record.ByteSize()
            if batch and size > LARGEST_BYTES:
                break
            batch.append(each)
        del self._waiting[: len(batch)]
        return batch

    async def _call(self, batch: list[_WaitingRecord]) -> None:
        answers: dict[str, RecordAnswer] = {}
        try:
            answers = await self._append(batch)
            self._breaker.answered()
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                self._breaker.answered()
            if error.code() is grpc.StatusCode.INVALID_ARGUMENT and len(batch) > 1:
                # One record that the log refuses must not take its neighbours along.
                for each in batch:
                    await self._call([each])
                return
        except DecodeError:
            pass  # garbage: no record of these is known to be durable, and every rider hears that
        except Exception:
            log.exception("a call to the access log could not be made")
        finally:
            for each in batch:
                _settle(each, answers.get(each.record.record_id))

    async def _append(self, batch: list[_WaitingRecord]) -> dict[str, RecordAnswer]:
        request = RecordRequest(records=[each.record for each in batch])
        reply = await self._audit.unary(PATH, request.SerializeToString(), caller=None, timeout=BUDGET)
        answers = RecordResponse.FromString(reply).answers
        times = Counter(each.record_id for each in answers)
        # Two answers about one record are none: one of them may say that it is not durable.
        return {each.record_id: each for each in answers if times[each.record_id] == 1}


def _settle(waiting: _WaitingRecord, answer: RecordAnswer | None) -> None:
    if waiting.done.done():
        return
    if answer is not None and answer.HasField("receipt") and answer.receipt.record_id == answer.record_id:
        waiting.done.set_result(answer.receipt)
    else:
        replayed = answer is not None and answer.failure.reason == Reason.ERROR_REASON_PROOF_REPLAYED
        waiting.done.set_exception(_replayed() if replayed else _unavailable())
        waiting.done.exception()  # a rider who has gone away leaves nobody to ask for it


def _replayed() -> Unauthenticated:
    log.warning("refused: a proof came with a second call")
    return Unauthenticated(Reason.ERROR_REASON_PROOF_REPLAYED, "the proof came with another call: make a new one")


def _hurried() -> TimedOut:
    return TimedOut(
        Reason.ERROR_REASON_DEADLINE_EXCEEDED,
        "the deadline passed before the access was on record: nothing was released",
    )


def _unavailable() -> Unavailable:
    return Unavailable(
        Reason.ERROR_REASON_AUDIT_UNAVAILABLE, "the access log cannot be written: nothing was released; try again"
    )
