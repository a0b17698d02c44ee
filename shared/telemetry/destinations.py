"""Says what a destination of spans is, and writes to one of them: rotated files of JSON lines."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from opentelemetry.sdk.resources import SERVICE_NAME, Resource

from shared.telemetry.otlp import JsonLines
from shared.telemetry.spans import Span

ROTATE_AT_BYTES = 512 * 1024 * 1024


class Destination(Protocol):
    """Takes batches on the exporting thread."""

    batch: int
    """Spans at a time. Encoding holds the interpreter's lock: a batch must be done in a millisecond or two."""

    def send(self, spans: Sequence[Span]) -> int:
        """Delivers a batch and returns the number of spans that were not taken. May raise OSError: none were."""

    def interrupt(self) -> None:
        """Ends a `send` that waits for somebody else, from another thread; its batch is lost, and later ones."""

    def close(self) -> None:
        """Gives back what it holds."""


class TraceFile:
    """`<directory>/<service>-<pid>.jsonl`, for its owner's eyes.

    Full at 512 MB it becomes `.1.jsonl`, in place of the one before: a process takes twice that at most.
    """

    batch = 64

    def __init__(self, directory: Path, resource: Resource, rotate_at: int = ROTATE_AT_BYTES) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        service = str(resource.attributes[SERVICE_NAME])
        _forget_old(directory, service, rotate_at)
        self._path = directory / f"{service}-{os.getpid()}.jsonl"
        self._lines = JsonLines(resource)
        self._rotate_at = rotate_at
        self._torn = False
        self._open()

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._file).st_size

    def send(self, spans: Sequence[Span]) -> int:
        line = self._lines.encode(spans)
        if self._size and self._size + len(line) > self._rotate_at:
            self._rotate()
        # After a disk that filled up mid-line, the next line begins on a fresh one; readers skip the torn one.
        data = b"\n" + line if self._torn else line
        self._torn = True
        written = os.write(self._file, data)
        self._size += written
        if written < len(data):
            return len(spans)
        self._torn = False
        return 0

    def interrupt(self) -> None:
        """Does nothing: a write to a file waits for nobody."""

    def _rotate(self) -> None:
        self._path.replace(self._path.with_suffix(".1.jsonl"))
        os.close(self._file)
        self._open()

    def close(self) -> None:
        os.close(self._file)


def _forget_old(directory: Path, service: str, keep_bytes: int) -> None:
    """Deletes the oldest files of this service's earlier processes, as far as together they exceed `keep_bytes`.

    Every start has a new pid, so without this a machine that restarts often would fill its disk.
    """
    of_service = re.compile(rf"{re.escape(service)}-(\d+)(?:\.1)?\.jsonl")
    total = 0
    found = [(path.stat(), path) for path in directory.glob("*.jsonl") if of_service.fullmatch(path.name)]
    for stat, path in sorted(found, key=lambda pair: pair[0].st_mtime_ns, reverse=True):
        total += stat.st_size
        named = of_service.fullmatch(path.name)
        if total > keep_bytes and named and not _is_running(int(named[1])):
            path.unlink(missing_ok=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
