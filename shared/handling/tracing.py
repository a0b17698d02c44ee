"""Step 1: one span around the call, the child of the caller's."""

from typing import Any

import grpc
from opentelemetry.trace import SpanKind

from shared import telemetry


def begin(path: str, service: str, method: str, context: "grpc.aio.ServicerContext[Any, Any]") -> telemetry.Span:
    """Begins the call's span: joined to the caller's traceparent, or the root of a new trace."""
    return telemetry.span(
        path.removeprefix("/"),
        SpanKind.SERVER,
        parent=telemetry.parse_traceparent(metadata_value(context, "traceparent")),
        **{"rpc.system": "grpc", "rpc.service": service, "rpc.method": method},
    )


def metadata_value(context: "grpc.aio.ServicerContext[Any, Any]", key: str) -> str | None:
    """Returns the first value of a text key in the call's metadata."""
    for name, value in context.invocation_metadata() or ():
        if name == key:
            return value if isinstance(value, str) else None
    return None
