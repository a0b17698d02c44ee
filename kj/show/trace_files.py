"""Reads the spans of one trace out of the directory of OTLP JSON lines."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUS_ERROR = 2


@dataclass(frozen=True)
class SpanRecord:
    """One span as it was written. Times are nanoseconds since 1970; `parent_id` is "" for a root."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    kind: str
    start_ns: int
    end_ns: int
    ok: bool
    attributes: dict[str, str | int | float | bool]
    links: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Returns the fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class TraceRead:
    """A trace's spans by start, and how many lines named the trace but could not be read."""

    spans: list[SpanRecord]
    unreadable: int


def read_trace(directory: Path, trace_id: str) -> TraceRead:
    """Returns all spans of `trace_id` (32 lower-case hex digits) in the directory; none when there is no directory."""
    needle = trace_id.encode()
    spans: dict[str, SpanRecord] = {}
    unreadable = 0
    for path in sorted(directory.glob("*.jsonl")):
        with path.open("rb") as lines:
            for line in lines:
                # A line holds dozens of spans and few lines hold this trace: looking first spares nearly all parsing.
                if needle not in line:
                    continue
                try:
                    read = [span for span in spans_of(line) if span.trace_id == trace_id]
                except (ValueError, KeyError, TypeError, IndexError):
                    # Torn by a full disk or a kill; or being written now.
                    unreadable += 1
                    continue
                spans.update((span.span_id, span) for span in read)
    return TraceRead(sorted(spans.values(), key=lambda span: (span.start_ns, -span.end_ns)), unreadable)


def spans_of(line: bytes) -> Iterator[SpanRecord]:
    """Yields the spans of one line. Raises ValueError, KeyError, TypeError or IndexError when it is not OTLP JSON."""
    for of_resource in json.loads(line)["resourceSpans"]:
        service = str(_attributes(of_resource["resource"]["attributes"]).get("service.name", "?"))
        for of_scope in of_resource["scopeSpans"]:
            for span in of_scope["spans"]:
                yield SpanRecord(
                    trace_id=span["traceId"],
                    span_id=span["spanId"],
                    parent_id=span.get("parentSpanId", ""),
                    service=service,
                    name=span["name"],
                    kind=_KINDS[span["kind"]],
                    start_ns=int(span["startTimeUnixNano"]),
                    end_ns=int(span["endTimeUnixNano"]),
                    ok=span.get("status", {}).get("code") != _STATUS_ERROR,
                    attributes=_attributes(span.get("attributes", [])),
                    links=tuple(link["spanId"] for link in span.get("links", [])),
                )


def _attributes(pairs: list[dict[str, Any]]) -> dict[str, str | int | float | bool]:
    found: dict[str, str | int | float | bool] = {}
    for pair in pairs:
        ((kind, value),) = pair["value"].items()
        found[pair["key"]] = int(value) if kind == "intValue" else value
    return found
