"""Ends a write: its outcome is on record before its caller learns of it."""

import asyncio
import hashlib
import logging
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError

from gateway.decided_call import DecidedCall
from gateway.recorder import Recorder
from gateway.registers.refusals import refusal_of, service_fault
from gateway.steps import Steps
from kjernejournal.audit.v1.audit_pb2 import AuditRecord, SectionRecord
from kjernejournal.common.v1.common_pb2 import CallerContext
from shared import deadline
from shared.errors import KjernejournalError

log = logging.getLogger(__name__)

REFS_KEY = "kj-patient-refs-bin"
"""Trailing metadata with which the patients service says whom a write was about."""
MOST_RECORDS = 1000
"""Records that go to the access log at a time."""
LONGEST_WRITE = 5.0
"""Seconds for which a service's answer, and the record of a write's outcome, are waited for."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
"""Seconds between tries to put an outcome on record that the log did not take. Each is twice the one before."""
MOST_LATE = 20_000
"""Records that wait for the log to come back."""


T = TypeVar("T")


@dataclass
class About:
    """Whom a feed's stream has been about so far."""

    refs: dict[str, None] = field(default_factory=dict)
    """References of patients who were known, each once."""
    persons: list[str] = field(default_factory=list, repr=False)
    """National ids of persons whom the stream registers: their references are known when it is through."""


class WriteOutcomes:
    """Puts the outcomes of writes on record."""

    def __init__(self, steps: Steps, recorder: Recorder) -> None:
        self._steps = steps
        self._recorder = recorder
        self._unfinished: set[asyncio.Task[Any]] = set()
        self._late_records = 0

    async def shielded(self, work: Coroutine[Any, Any, T]) -> T:
        """Returns what `work` returns. The caller may go away now; the work goes on."""
        task = asyncio.create_task(work)
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_ended_alone)
            raise

    async def finish(self, seconds: float) -> None:
        """Waits for the work of callers who have gone: before the process ends, and the services' channels with it."""
        await asyncio.sleep(0)  # calls that were cut at the end of the drain begin their last record
        if self._unfinished:
            await asyncio.wait(self._unfinished, timeout=seconds)

    async def permitted(self, decided: DecidedCall, request_id: str) -> DecidedCall:
        """Puts on record that a write is about to be made, and decides again on facts that are fresh.

        Raises the refusal. It is the write's outcome then: no permit is left without one.
        """
        try:
            await self._recorder.record([decided.permit(request_id)])
        except KjernejournalError as refusal:
            # The log has just not answered: whoever asks is not kept waiting for it once more.
            self._send_later([decided.outcome(request_id, refusal, decided.section(), None)])
            raise
        try:
            return await self._steps.fresh(decided)
        except KjernejournalError as refusal:
            await self.record(decided, request_id, refusal, decided.section(), [])
            raise

    async def concluded(self, decided: DecidedCall, call: Any, request_id: str, about: About | None = None) -> bytes:
        """Returns the reply of a write, once its outcome is on record. Raises the refusal, once that is on record."""
        method = decided.method
        reply, refusal, entries = b"", None, []
        try:
            reply = await call
            entries = method.disclosed_in(method.response.FromString(reply))
        except grpc.aio.AioRpcError as error:
            refusal = refusal_of(error)
        except DecodeError:
            refusal = service_fault()
        refs = await _refs_of(call) or await self.refs_of(about)
        section = decided.section(entries=entries, sha256=hashlib.sha256(reply).digest() if reply else b"")
        await self.record(decided, request_id, refusal, section, refs)
        if refusal is not None:
            raise refusal
        return reply

    async def refs_of(self, about: About | None) -> list[str]:
        """Returns the canonical references of everybody whom a stream was about."""
        if about is None:
            return []
        return list(about.refs | dict.fromkeys(await self._steps.refs_of(about.persons)))

    async def record(
        self,
        decided: DecidedCall,
        request_id: str,
        refusal: KjernejournalError | None,
        section: SectionRecord,
        refs: Sequence[str | None],
    ) -> None:
        """Makes a record for each person whom the write was about, and waits for it, whatever the caller's deadline.

        Raises what the access log answers when it takes none; the records are sent again until it does.
        """
        outcomes = [decided.outcome(request_id, refusal, section, ref) for ref in refs or [None]]
        try:
            await self._send(outcomes)
        except KjernejournalError:
            self._send_later(outcomes)
            raise

    async def _send(self, outcomes: Sequence[AuditRecord]) -> None:
        """Sends records. The log knows by their ids those that it has."""
        for start in range(0, len(outcomes), MOST_RECORDS):
            deadline.set_deadline(LONGEST_WRITE)
            await self._recorder.record(outcomes[start : start + MOST_RECORDS])

    def _send_later(self, outcomes: Sequence[AuditRecord]) -> None:
        if self._late_records + len(outcomes) > MOST_LATE:
            log.error(
                "the access log is away for too long: outcomes of writes stay pending",
                extra={"kj.records": len(outcomes)},
            )
            return
        self._late_records += len(outcomes)
        task = asyncio.create_task(self._sent_again(outcomes))
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)

    async def _sent_again(self, outcomes: Sequence[AuditRecord]) -> None:
        pause = FIRST_PAUSE
        try:
            while True:
                await asyncio.sleep(pause)
                with suppress(KjernejournalError):
                    await self._send(outcomes)
                    return
                pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            self._late_records -= len(outcomes)


def _ended_alone(task: asyncio.Task[Any]) -> None:
    """Logs what went wrong with work whose caller has gone. A refusal was for that caller alone, the rest is a bug."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, KjernejournalError):
        log.error("work went wrong after its caller had gone", exc_info=error)


async def _refs_of(call: Any) -> Sequence[str | None]:
    """Returns whom a write was about, when only the patients service knew."""
    with suppress(grpc.aio.AioRpcError):
        for key, value in await call.trailing_metadata() or ():
            if key == REFS_KEY and isinstance(value, bytes):
                return list(CallerContext.FromString(value).patient_refs)[:1000]
    return []
