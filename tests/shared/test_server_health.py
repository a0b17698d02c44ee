"""What health says while a process looks at what it depends on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from grpc_health.v1 import health

from shared import server
from shared.server import NOT_SERVING, SERVING
from tests.support.waiting import becomes


class Told(health.aio.HealthServicer):
    """Keeps what was set for the whole process."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[int] = []

    async def set(self, service: str, status: int) -> None:
        if service == "":
            self.statuses.append(status)


@asynccontextmanager
async def watched(ready: Callable[[], Awaitable[bool]]) -> AsyncIterator[Told]:
    told = Told()
    task = asyncio.create_task(server._watch(told, ["some.Service"], ready))
    try:
        yield told
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def answering(answers: Iterator[bool | Exception]) -> Callable[[], Awaitable[bool]]:
    async def ready() -> bool:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ready


async def test_a_look_that_fails_is_not_serving_and_the_looks_go_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "HEALTH_INTERVAL", 0.01)
    answers: Iterator[bool | Exception] = iter(
        [True, RuntimeError("one"), RuntimeError("two"), True, False, *[True] * 1000]
    )
    async with watched(answering(answers)) as told:
        await becomes(lambda: len(told.statuses) >= 6)
    assert told.statuses[:6] == [SERVING, NOT_SERVING, NOT_SERVING, SERVING, NOT_SERVING, SERVING]
    assert [record.levelname for record in caplog.records if record.name == "shared.server"] == ["ERROR"]


async def test_a_start_is_noticed_at_once_and_looked_at_seldom_afterwards() -> None:
    answers = iter([False, False, *[True] * 1000])
    async with watched(answering(answers)) as told:
        await becomes(lambda: SERVING in told.statuses, server.HEALTH_INTERVAL / 2)
        await asyncio.sleep(server.STARTING_INTERVAL * 2)
        assert told.statuses == [NOT_SERVING, NOT_SERVING, SERVING]
