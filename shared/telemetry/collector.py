"""Sends spans to an OTLP collector, through OpenTelemetry's own exporter.

Everything here happens on the exporting thread. The exporter brings what a collector may ask for: headers,
certificates, compression, and retries as OTLP's specification wants them, set by `OTEL_EXPORTER_OTLP_HEADERS`,
`_CERTIFICATE`, `_CLIENT_CERTIFICATE`, `_CLIENT_KEY`, `_COMPRESSION` and `_TIMEOUT`. Imported where an endpoint is
set and nowhere else: it costs 2 MB and 30 ms.
"""

import re
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.grpc.exporter import InvalidCompressionValueException
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode

from shared.telemetry.attributes import permitted, permitted_name
from shared.telemetry.otlp import SCOPE
from shared.telemetry.spans import Span

_ENDPOINT = re.compile(r"(?:(https?)://)?(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?/?")
_SCOPE = InstrumentationScope(SCOPE)
_OK, _ERROR = Status(), Status(StatusCode.ERROR)


class Collector:
    """An OTLP/gRPC endpoint: `http://host:port`, `https://host:port` (TLS) or `host:port`, which is plain as http.

    A batch is tried for `OTEL_EXPORTER_OTLP_TIMEOUT` (10 s), then given up. Spans that the collector refuses out of a
    batch that it takes are not counted here: the exporter does not read that part of the reply.
    """

    batch = 128

    def __init__(self, endpoint: str, resource: Resource) -> None:
        parts = _ENDPOINT.fullmatch(endpoint)
        if parts is None:
            raise ValueError("the OTLP endpoint must be http://host:port, https://host:port or host:port")
        scheme = parts[1] or "http"
        try:
            self._exporter = OTLPSpanExporter(
                # The scheme alone decides about TLS, not OTEL_EXPORTER_OTLP_INSECURE.
                endpoint=f"{scheme}://{parts[2]}:{parts[3] or 4317}",
                insecure=scheme == "http",
            )
        except InvalidCompressionValueException as error:
            raise ValueError("OTEL_EXPORTER_OTLP_COMPRESSION must be gzip, or not set") from error
        self._resource = resource
        self._ended = False

    def send(self, spans: Sequence[Span]) -> int:
        taken = self._exporter.export([readable(span, self._resource) for span in spans])
        return 0 if taken is SpanExportResult.SUCCESS else len(spans)

    def interrupt(self) -> None:
        self.close()

    def close(self) -> None:
        if not self._ended:
            self._ended = True
            self._exporter.shutdown()


def readable(span: Span, resource: Resource) -> ReadableSpan:
    """Returns the span as the exporter reads it. Names and attributes pass the allow-list here."""
    trace_id, span_id = span.context
    # A server's parent is in the process that called, every other's in this one.
    remote = span.kind is SpanKind.SERVER
    return ReadableSpan(
        name=permitted_name(span.name),
        context=_context(trace_id, span_id),
        parent=_context(trace_id, span.parent_id, remote=remote) if span.parent_id else None,
        resource=resource,
        attributes=dict(permitted(span.attributes)),
        links=[
            Link(SpanContext(int(link.trace_id, 16), int(link.span_id, 16), is_remote=False)) for link in span.links
        ],
        kind=span.kind,
        status=_OK if span.status_ok else _ERROR,
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=_SCOPE,
    )


def _context(trace_id: str, span_id: str, *, remote: bool = False) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=remote)
