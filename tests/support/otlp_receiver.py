"""A small real OTLP/gRPC receiver: keeps what it is sent, and refuses as told."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"


@dataclass
class Receiver:
    """`refusals` are the codes of the next calls, first to last; `rejects` is the partial success of every reply."""

    port: int = 0
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)
    calls: int = 0
    refusals: list[grpc.StatusCode] = field(default_factory=list)
    rejects: int = 0

    def export(self, request: ExportTraceServiceRequest, context: grpc.ServicerContext) -> ExportTraceServiceResponse:
        """The rpc."""
        self.calls += 1
        if self.refusals:
            context.abort(self.refusals.pop(0), "as told")
        self.requests.append(request)
        reply = ExportTraceServiceResponse()
        reply.partial_success.rejected_spans = self.rejects
        return reply

    def spans(self) -> list[Span]:
        """All that was taken."""
        return [
            span
            for request in self.requests
            for of_resource in request.resource_spans
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
        ]


@contextmanager
def otlp_receiver(credentials: grpc.ServerCredentials | None = None) -> Iterator[Receiver]:
    """Serves on 127.0.0.1 at a free port, with TLS when `credentials` are given."""
    receiver = Receiver()
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    export = grpc.unary_unary_rpc_method_handler(
        receiver.export,
        request_deserializer=ExportTraceServiceRequest.FromString,
        response_serializer=ExportTraceServiceResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(_SERVICE, {"Export": export})])
    if credentials is None:
        receiver.port = server.add_insecure_port("127.0.0.1:0")
    else:
        receiver.port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield receiver
    finally:
        server.stop(grace=None).wait()
