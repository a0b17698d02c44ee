"""Traces: every request, every section, every call, every query, at a few microseconds a span.

Spans are plain records of our own on the hot path, and a daemon thread turns them into OTLP in batches. The SDK's own
spans cost 7 to 10 times as much (measured: 17 to 33 us against 2.4 to 2.8), and with some twenty spans a summary that
would be felt. What must agree with others is OpenTelemetry's: ids, the resource, span kinds, attribute names, OTLP and
the exporter that sends it.

Every request is recorded, whatever the sampled flag of its caller says:
the audit record of each access names its trace.
"""

from opentelemetry.trace import SpanKind

from shared.telemetry.attributes import ALLOWED_ATTRIBUTES, Value
from shared.telemetry.export import configure, count, dropped, measure, stop
from shared.telemetry.propagation import parse_traceparent, traceparent
from shared.telemetry.spans import Span, SpanContext, current, span

__all__ = [
    "ALLOWED_ATTRIBUTES",
    "Span",
    "SpanContext",
    "SpanKind",
    "Value",
    "configure",
    "count",
    "current",
    "dropped",
    "measure",
    "parse_traceparent",
    "span",
    "stop",
    "traceparent",
]
