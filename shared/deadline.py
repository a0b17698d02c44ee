"""The deadline of the call at hand, on the monotonic clock. Queries and calls take what it leaves."""

import math
import time
from contextvars import ContextVar

_own: ContextVar[bool] = ContextVar("own", default=False)
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def set_deadline(seconds_left: float, *, callers: bool = False) -> None:
    """Starts the deadline of this task: `seconds_left` from now. `callers`: it is the one that the caller has set."""
    _own.set(callers)
    _deadline.set(time.monotonic() + seconds_left)


def remaining(at_most: float) -> float:
    """Returns the seconds left, never more than `at_most`, never negative. Without a deadline: `at_most`."""
    deadline = _deadline.get()
    return at_most if deadline is None else max(0.0, min(at_most, deadline - time.monotonic()))


ANSWER = 0.05
"""Seconds kept for the answer that says what went wrong, at most; of short deadlines a tenth."""


def inside(at_most: float) -> float:
    """Returns `remaining` less a margin: a refusal that comes after the deadline reaches nobody."""
    left = remaining(math.inf)
    return max(0.0, min(at_most, left - min(ANSWER, left * 0.1)))


def callers_own(at_most: float) -> bool:
    """Whether a wait of at most so many seconds ends early by the deadline that the caller has set: it says nothing
    about whoever is waited for."""
    return _own.get() and inside(at_most) < at_most
