"""Breakers of registers, of patients and of the access log: after five timeouts in a row nobody waits for one, until a
probe comes back."""

import time
from collections.abc import Callable

import grpc

TIMEOUTS = 5
PATIENCE = 0.5
"""Seconds after which no answer counts as a timeout: a caller in a hurry says nothing about who is asked."""
PROBE_AFTER = 1.0
"""Seconds after which one call may try."""


class BreakerOpen(grpc.aio.AioRpcError):
    """A call that was not made: UNAVAILABLE to whoever does not ask why."""

    def __init__(self) -> None:
        nothing = grpc.aio.Metadata()
        super().__init__(grpc.StatusCode.UNAVAILABLE, nothing, nothing, "no answer came the last times: not asked")


class Breaker:
    """Counts timeouts in a row."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._timeouts = 0
        self._next_probe = 0.0

    def admits(self) -> bool:
        """Whether a call may be made now; when the breaker is open, one call a second may."""
        if self._timeouts < TIMEOUTS:
            return True
        now = self._clock()
        if now < self._next_probe:
            return False
        self._next_probe = now + PROBE_AFTER
        return True

    def answered(self) -> None:
        """Counts from nought again: the register answered, well or badly, so it does not hang."""
        self._timeouts = 0

    def timed_out(self) -> None:
        """Counts a register that did not answer in time."""
        self._timeouts += 1
        if self._timeouts == TIMEOUTS:
            self._next_probe = self._clock() + PROBE_AFTER
