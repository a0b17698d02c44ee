"""Receives OTLP over gRPC in tests: keeps what it is sent, and refuses as the test asks."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import sleep

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"


@dataclass
class Receiver:
    """Keeps what arrives. `refusals` are the codes of the next calls, first to last; while `held`, calls wait."""

    port: int = 0
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)
    metadata: list[dict[str, str | bytes]] = field(default_factory=list)
    calls: int = 0
    refusals: list[grpc.StatusCode] = field(default_factory=list)
    held: bool = False

    def export(self, request: ExportTraceServiceRequest, context: grpc.ServicerContext) -> ExportTraceServiceResponse:
        """Answers the rpc."""
        self.calls += 1
        self.metadata.append(dict(context.invocation_metadata()))
        while self.held and context.is_active():
            sleep(0.02)
        if self.refusals:
            context.abort(self.refusals.pop(0), "as the test asks")
        self.requests.append(request)
        return ExportTraceServiceResponse()

    def spans(self) -> list[Span]:
        """Returns all that was taken."""
        return [
            span
            for request in self.requests
            for of_resource in request.resource_spans
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
        ]


@contextmanager
def otlp_receiver(credentials: grpc.ServerCredentials | None = None, port: int = 0) -> Iterator[Receiver]:
    """Serves on 127.0.0.1 at `port` or a free one, with TLS when `credentials` are given."""
    receiver = Receiver()
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    export = grpc.unary_unary_rpc_method_handler(
        receiver.export,
        request_deserializer=ExportTraceServiceRequest.FromString,
        response_serializer=ExportTraceServiceResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_SERVICE, {"Export": export})])
    if credentials is None:
        receiver.port = server.add_insecure_port(f"127.0.0.1:{port}")
    else:
        receiver.port = server.add_secure_port(f"127.0.0.1:{port}", credentials)
    server.start()
    try:
        yield receiver
    finally:
        server.stop(grace=None).wait()
