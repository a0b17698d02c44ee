"""Traces: every request, every section, every call, every query, at a few microseconds a span.

Spans are plain records on the hot path; a daemon thread turns them into OTLP in batches. OpenTelemetry's own SDK spans
cost 30 to 50 us each, ten times as much, and with some twenty spans a summary that would be felt.
What is taken from OpenTelemetry is what must agree with others: ids, the resource, span kinds, attribute names, OTLP.

Every request is recorded, whatever the sampled flag of its caller says:
the audit record of each access names its trace.
"""

from opentelemetry.trace import SpanKind

from shared.telemetry.attributes import ALLOWED_ATTRIBUTES, Value
from shared.telemetry.export import configure, dropped, stop
from shared.telemetry.propagation import parse_traceparent, traceparent
from shared.telemetry.spans import Span, SpanContext, current, span

__all__ = [
    "ALLOWED_ATTRIBUTES",
    "Span",
    "SpanContext",
    "SpanKind",
    "Value",
    "configure",
    "current",
    "dropped",
    "parse_traceparent",
    "span",
    "stop",
    "traceparent",
]
