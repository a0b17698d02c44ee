"""Waiting for what another thread or process is about to do."""

import asyncio
from collections.abc import Callable
from time import monotonic, sleep


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Returns once the condition holds; fails after `seconds`. Blocks: not for coroutines."""
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, f"not within {seconds} s"
        sleep(0.01)


async def becomes(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Returns once the condition holds; fails after `seconds`. For coroutines."""
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.005)
