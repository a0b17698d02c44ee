"""Group commit: whatever arrived while the last commit ran goes into the next one.

A durable commit costs much the same for one record as for a thousand, and all appends wait for one row. So one task
commits for everybody, one group at a time, and each caller learns the places of its own records afterwards.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass

from services.audit.repository import NewRecord, Place
from shared import deadline, telemetry
from shared.errors import Overloaded, Reason, TimedOut, Unavailable

log = logging.getLogger(__name__)

Commit = Callable[[Sequence[NewRecord]], Awaitable[list[Place]]]

MOST_WAITING = 20_000
MOST_WAITING_BYTES = 64 * 1024 * 1024
GROUP = 1_000
"""Records in one commit; a call's records are never split."""
GROUP_BYTES = 8 * 1024 * 1024
ATTEMPT_SECONDS = 2.0
PATIENCE = 3.0
"""Seconds that a caller waits at most, and that a group is tried for while the database is away."""


@dataclass(eq=False, slots=True)
class Rider:
    """The records of one call, and who waits for them. A caller that is gone leaves its records aboard."""

    records: Sequence[NewRecord]
    size: int
    answer: "asyncio.Future[list[Place]]"
    trace: telemetry.SpanContext
    batch: telemetry.SpanContext | None = None


class Committer:
    """Commits records in groups. `commit` stores all of a group or none, and is safe to repeat."""

    def __init__(
        self,
        commit: Commit,
        *,
        most_waiting: int = MOST_WAITING,
        attempt_seconds: float = ATTEMPT_SECONDS,
        patience: float = PATIENCE,
    ) -> None:
        self._commit = commit
        self._most_waiting = most_waiting
        self._attempt_seconds = attempt_seconds
        self._patience = patience
        self._waiting: deque[Rider] = deque()
        self._records = 0
        self._bytes = 0
        self._running: asyncio.Task[None] | None = None
        self._given_up: set[asyncio.Task[list[Place]]] = set()

    async def append(self, records: Sequence[NewRecord]) -> list[Place]:
        """Gives the place of each record once all are durable; Place says what became of one that has none.

        Raises Overloaded when too much waits already, and nothing was taken; Unavailable when the commit failed, its
        outcome perhaps unknown: the same records can be sent again. To cancel this call does not cancel the append.
        """
        if not records:
            return []
        size = sum(len(record.content) + len(record.personal) for record in records)
        if self._records + len(records) > self._most_waiting or self._bytes + size > MOST_WAITING_BYTES:
            raise Overloaded(Reason.ERROR_REASON_OVERLOADED, "too many records wait for their commit")
        with telemetry.span("wait for commit") as span:
            rider = Rider(records, size, asyncio.get_running_loop().create_future(), span.context)
            self._board(rider)
            try:
                async with asyncio.timeout(self._patience):
                    return await rider.answer
            except TimeoutError:
                raise _unavailable() from None
            finally:
                if rider.batch is not None:
                    span.links.append(rider.batch)
                    span.set("kj.batch.id", rider.batch.span_id)

    async def drain(self) -> None:
        """Returns when nothing waits any more."""
        while self._running is not None and not self._running.done():
            await asyncio.wait({self._running})

    def _board(self, rider: Rider) -> None:
        self._waiting.append(rider)
        self._records += len(rider.records)
        self._bytes += rider.size
        if self._running is None or self._running.done():
            # An empty context: the task outlives the call that starts it, and must not take its deadline or its trace.
            self._running = asyncio.get_running_loop().create_task(self._run(), context=Context())

    async def _run(self) -> None:
        while self._waiting:
            group = self._next_group()
            try:
                await self._carry(group)
            except asyncio.CancelledError:
                for rider in group:
                    _fail(rider, _unavailable())
                raise

    def _next_group(self) -> list[Rider]:
        group: list[Rider] = []
        records = size = 0
        while self._waiting:
            rider = self._waiting[0]
            if group and (records + len(rider.records) > GROUP or size + rider.size > GROUP_BYTES):
                break
            group.append(self._waiting.popleft())
            records += len(rider.records)
            size += rider.size
        self._records -= records
        self._bytes -= size
        return group

    async def _carry(self, group: list[Rider]) -> None:
        """Commits one group; a failure fails exactly its riders."""
        records = [record for rider in group for record in rider.records]
        # The first rider's trace has the commit and its queries as children, the other riders' link to it.
        with telemetry.span("group commit", parent=group[0].trace, **{"kj.batch.size": len(records)}) as span:
            for rider in group[1:]:
                rider.batch = span.context
                span.links.append(rider.trace)
            try:
                places = await self._persist(records)
            except (Unavailable, TimedOut) as error:
                span.fail(error.code.name)
                log.warning("a group of %d records could not be committed", len(records))
                for rider in group:
                    _fail(rider, _unavailable())
                return
            except Exception:
                # The database refuses something in the group: whose it is shows when each rider goes alone.
                span.fail("ERROR")
                log.exception("a group of %d records was refused", len(records))
            else:
                first = 0
                for rider in group:
                    _answer(rider, places[first : first + len(rider.records)])
                    first += len(rider.records)
                return
        if len(group) == 1:
            _fail(group[0], _unavailable())
            return
        for rider in group:
            await self._carry([rider])

    async def _persist(self, records: Sequence[NewRecord]) -> list[Place]:
        """Commits `records`, again when the connection was lost: a commit whose outcome is unknown is repeated by
        record_id, so that nothing is doubled and nothing lost."""
        give_up = time.monotonic() + self._patience
        pause = 0.02
        while True:
            try:
                return await self._attempt(records)
            except (Unavailable, TimedOut):
                if time.monotonic() + pause > give_up:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.25)

    async def _attempt(self, records: Sequence[NewRecord]) -> list[Place]:
        task = asyncio.create_task(self._timed(records))
        done, _ = await asyncio.wait({task}, timeout=self._attempt_seconds + 0.1)
        if done:
            return task.result()
        # A frozen server answers neither COMMIT nor a cancellation: leave the attempt behind rather than wait for it.
        self._given_up.add(task)
        task.add_done_callback(self._forget)
        task.cancel()
        raise _unavailable()

    async def _timed(self, records: Sequence[NewRecord]) -> list[Place]:
        deadline.set_deadline(self._attempt_seconds)
        return await self._commit(records)

    def _forget(self, task: "asyncio.Task[list[Place]]") -> None:
        self._given_up.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not report it as forgotten


def _answer(rider: Rider, places: list[Place]) -> None:
    if not rider.answer.done():
        rider.answer.set_result(places)


def _fail(rider: Rider, error: Exception) -> None:
    if not rider.answer.done():
        rider.answer.set_exception(error)


def _unavailable() -> Unavailable:
    return Unavailable(Reason.ERROR_REASON_AUDIT_UNAVAILABLE, "the access log cannot commit: nothing may be released")
