"""Logs as JSON lines on stderr, with trace ids, and without identities or foreign text.

Drivers and libraries put values into their messages (`Key (patient_ref)=(...) already exists`), so of an error that is
not our own only its type, its SQLSTATE and the places in our code are logged, and of a library's message the template.
"""

import atexit
import json
import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from shared import telemetry
from shared.log_rate import Printed, Sparing
from shared.redaction import redact

_ROOT = Path(__file__).resolve().parents[1]
_OUR_PACKAGES = frozenset({"gateway", "kj", "kjernejournal", "services", "shared"})
_OUR_LOGS = frozenset({"__main__", "security"})
"""Loggers of ours without a package. What an operator has to look into is in `security`."""
_MOST_ERRORS = 8
_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_log = logging.getLogger(__name__)


def configure_logging(service: str, level: str = "INFO") -> None:
    """Sends this process's logs to stderr as JSON lines, warnings and uncaught exceptions too.

    What is printed to stderr otherwise becomes a line that says so, without its text.
    ValueError for a `level` that logging does not know. Fields: time (UTC), level, service, logger, message, at (for
    libraries), trace_id and span_id (inside a span), errors (outermost first), left_out (lines of the same place before
    this one that were too many), and what `extra=` adds.
    """
    stderr: TextIO = sys.stderr.log if isinstance(sys.stderr, Printed) else sys.stderr
    handler = logging.StreamHandler(stderr)
    handler.setFormatter(JsonFormatter(service))
    sparing = Sparing(handler.handle)
    handler.addFilter(sparing)
    atexit.register(sparing.tell)
    sys.stderr = Printed(stderr)
    root = logging.getLogger()
    root.setLevel(level)
    root.handlers[:] = [handler]
    logging.captureWarnings(capture=True)
    # What logging prints about its own failures holds the arguments.
    logging.raiseExceptions = False
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback, logging.ERROR)
    sys.unraisablehook = lambda args: _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback, logging.ERROR)


class JsonFormatter(logging.Formatter):
    """One JSON object a record; `service` says which process wrote it."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
        }
        if record.name.partition(".")[0] in {*_OUR_PACKAGES, *_OUR_LOGS}:
            line["message"] = redact(_message(record))
            line.update(_extra(record))
        else:
            # Without arguments the text may have been put together already, values and all: the place must do.
            line["message"] = redact(str(record.msg)) if record.args else ""
            line["at"] = f"{'/'.join(Path(record.pathname).parts[-2:])}:{record.lineno}"
        if span := telemetry.current():
            line["trace_id"], line["span_id"] = span.context
        if record.exc_info and record.exc_info[1]:
            line["errors"] = list(_errors(record.exc_info[1]))
        return json.dumps(line, ensure_ascii=False)


def _message(record: logging.LogRecord) -> str:
    if not isinstance(record.args, tuple):
        return str(record.msg)
    try:
        return str(record.msg) % tuple(map(_speakable, record.args)) if record.args else str(record.msg)
    except (TypeError, ValueError):
        return str(record.msg)


def _extra(record: logging.LogRecord) -> Iterator[tuple[str, object]]:
    for key, value in vars(record).items():
        if key not in _STANDARD_FIELDS:
            safe = _speakable(value)
            text = redact(str(safe))
            yield key, safe if isinstance(safe, int | float | None) and text == str(safe) else text


def _speakable(value: object) -> object:
    """Returns the type's name alone for a foreign exception, as its text would otherwise slip through here."""
    return type(value).__name__ if isinstance(value, BaseException) and not _is_ours(value) else value


def _is_ours(error: BaseException) -> bool:
    """Whether the class is defined in our packages: such texts are fixed by the code that raises them."""
    return type(error).__module__.partition(".")[0] in _OUR_PACKAGES


def _errors(error: BaseException) -> Iterator[dict[str, object]]:
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_ERRORS:
        found = waiting.pop(0)
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        yield _described(found)
        if isinstance(found, BaseExceptionGroup):
            waiting.extend(found.exceptions)
        waiting.append(found.__cause__ or (None if found.__suppress_context__ else found.__context__))


def _described(error: BaseException) -> dict[str, object]:
    kind = type(error)
    described: dict[str, object] = {"type": f"{kind.__module__}.{kind.__qualname__}"}
    if _is_ours(error):
        described["text"] = redact(str(error))
    sqlstate: Any = getattr(error, "sqlstate", None)
    if isinstance(sqlstate, str) and len(sqlstate) == 5:
        described["sqlstate"] = sqlstate
    described["at"] = [place for frame in traceback.extract_tb(error.__traceback__) if (place := _our_place(frame))]
    return described


def _our_place(frame: traceback.FrameSummary) -> str | None:
    path = Path(frame.filename)
    if not path.is_relative_to(_ROOT) or path.relative_to(_ROOT).parts[0] not in _OUR_PACKAGES:
        return None
    return f"{path.relative_to(_ROOT)}:{frame.lineno} {frame.name}"


def _log_uncaught(
    kind: type[BaseException],
    error: BaseException | None,
    where: TracebackType | None,
    level: int = logging.CRITICAL,
    /,
) -> None:
    """Logs what nobody caught; what ended the process however many there were before it."""
    if not issubclass(kind, SystemExit | KeyboardInterrupt):
        _log.log(level, "uncaught %s", kind.__name__, exc_info=None if error is None else (kind, error, where))
