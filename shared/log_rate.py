"""Bounds how fast a process's log grows, whatever strangers do: by place in the code, and for what is no log line."""

import io
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

LINES_AT_ONCE = 10
SECONDS_A_LINE = 1.0
"""Of each place in the code that logs: so many lines at once, and one more in each such time."""
TOLD_AFTER = 10.0
"""Seconds after which lines that were left out are told, when none came after them that could say so."""

_log = logging.getLogger(__name__)


@dataclass
class _Place:
    """What was logged at one place in the code."""

    full_at: float = 0.0
    """When as many lines as at first may be written at once again."""
    left_out: int = 0
    told_by: logging.LogRecord | None = None
    """The line that says how many, when none comes after them."""


class Sparing(logging.Filter):
    """Lets a few lines through of each place in the code, and says in the next one how many it has not.

    What a stranger does can make us log, as often as they like. When no line comes after those that were left out, one
    is written for their sake.
    """

    def __init__(
        self, write: Callable[[logging.LogRecord], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Takes what writes the lines that count others, from a thread of their own."""
        super().__init__()
        self._write = write
        self._clock = clock
        self._lock = threading.Lock()
        self._places: dict[tuple[str, int], _Place] = {}
        self._timer: threading.Timer | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if hasattr(record, "left_out"):
            return True
        with self._lock:
            place, now = self._places.setdefault((record.pathname, record.lineno), _Place()), self._clock()
            full_at = max(place.full_at, now) + SECONDS_A_LINE
            if full_at - now > LINES_AT_ONCE * SECONDS_A_LINE and record.levelno < logging.CRITICAL:
                place.left_out += 1
                # Without its values and its error, whose frames would be kept alive.
                place.told_by = place.told_by or logging.LogRecord(
                    record.name, record.levelno, record.pathname, record.lineno, record.msg, (), None
                )
                self._tell_later()
                return False
            place.full_at = full_at
            if place.left_out:
                record.left_out, place.left_out, place.told_by = place.left_out, 0, None
            return True

    def tell(self) -> None:
        """Writes a line for each place with lines that were left out since its last one: the same without its values,
        and their number."""
        lines = []
        with self._lock:
            self._timer = None
            for place in self._places.values():
                if place.told_by is not None:
                    place.told_by.left_out = place.left_out
                    lines.append(place.told_by)
                    place.left_out, place.told_by = 0, None
        for line in lines:
            self._write(line)

    def _tell_later(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(TOLD_AFTER, self.tell)
            self._timer.daemon = True
            self._timer.start()


class Printed(io.TextIOBase):
    """Stands in for stderr: what libraries print there is no log line, unbounded, and may hold anybody's values.

    grpc prints the traceback of a call whose status could not be sent. That there was something is logged, by Sparing.
    """

    def __init__(self, log: TextIO) -> None:
        """Takes the real stderr, where log lines go."""
        self.log = log

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.log.fileno()

    def write(self, text: str) -> int:
        if text.strip():
            _log.error("something was printed that is no log line")
        return len(text)
