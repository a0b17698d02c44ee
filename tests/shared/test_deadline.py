"""What a call's deadline leaves for the calls inside it."""

import asyncio
import contextvars

from shared import deadline


async def in_call(seconds_left: float, at_most: float) -> float:
    """Returns what a call with this deadline grants a step."""

    async def call() -> float:
        deadline.set_deadline(seconds_left)
        return deadline.inside(at_most)

    return await asyncio.create_task(call())


async def test_a_stream_of_an_hour_is_an_hour_long() -> None:
    assert await in_call(3600.0, 3600.0) > 3599.0


async def test_a_step_takes_no_more_than_it_asks_for() -> None:
    assert await in_call(5.0, 2.0) == 2.0


async def test_a_little_is_left_over_for_the_answer() -> None:
    assert 4.9 < await in_call(5.0, 60.0) <= 4.95
    assert 0.08 < await in_call(0.1, 60.0) <= 0.09


async def test_nothing_is_left_after_the_deadline() -> None:
    assert await in_call(-1.0, 2.0) == 0.0


def test_without_a_deadline_a_step_has_what_it_asks_for() -> None:
    nothing_set = contextvars.Context()  # this one may hold another test's deadline
    assert nothing_set.run(deadline.inside, 7.0) == 7.0
