"""Work whose caller has gone goes on, and what comes of it is reported where it belongs."""

import asyncio
import logging
from typing import Any, cast

import pytest

from gateway.forwarding.write_outcomes import WriteOutcomes
from shared.errors import Reason, Unavailable


async def left_alone(error: Exception) -> list[dict[str, Any]]:
    """Returns what the loop reports of work that fails after its caller has gone."""
    told: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: told.append(context))
    outcomes = WriteOutcomes(cast("Any", None), cast("Any", None))
    go_on = asyncio.Event()

    async def work() -> None:
        await go_on.wait()
        raise error

    try:
        caller = asyncio.create_task(outcomes.shielded(work()))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        go_on.set()
        await outcomes.finish(1)
        await asyncio.sleep(0)
    finally:
        loop.set_exception_handler(before)
    return told


async def test_a_refusal_that_nobody_waits_for_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        told = await left_alone(Unavailable(Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "the log is away"))
    assert told == []
    assert not caplog.records


async def test_a_bug_that_nobody_waits_for_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        await left_alone(KeyError("bug"))
    assert [record.message for record in caplog.records] == ["work went wrong after its caller had gone"]
