"""Waiting for what another thread or process is about to do, and how busy the machine is meanwhile."""

import asyncio
from collections.abc import Callable
from time import monotonic, process_time, sleep


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


def busyness() -> float:
    """Returns how many times as long as its own work a process takes on this machine now: near 1 on a quiet one."""
    began, worked = monotonic(), process_time()
    while process_time() - worked < 0.2:
        pass
    return (monotonic() - began) / (process_time() - worked)
