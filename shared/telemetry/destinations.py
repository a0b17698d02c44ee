"""Where encoded spans go: a collector over OTLP/gRPC, or rotated files of JSON lines."""

import os
import random
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import SERVICE_NAME, Resource

from shared.telemetry.otlp import JsonLines, Messages
from shared.telemetry.spans import Span

ROTATE_AT_BYTES = 512 * 1024 * 1024

_ATTEMPTS = 4
_CALL_SECONDS = 5.0
_STOPPING_CALL_SECONDS = 1.0
_BACKOFF_SECONDS = 0.25
_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_ENDPOINT = re.compile(r"(?:(https?)://)?(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?/?")

# What OTLP's specification calls retryable; RESOURCE_EXHAUSTED only when the collector says when to come back,
# but three more calls harm nobody.
_RETRYABLE = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)


class Destination(Protocol):
    """Takes batches on the exporting thread."""

    batch: int
    """Spans at a time. Encoding holds the interpreter's lock: a batch must be done in a millisecond or two."""

    def send(self, spans: Sequence[Span]) -> int:
        """Delivers a batch; the number of spans that were not taken. May raise OSError: none were."""

    def close(self) -> None:
        """Gives back what it holds."""


class Collector:
    """An OTLP/gRPC endpoint: `http://host:port`, `https://host:port` (TLS, roots as gRPC finds them) or `host:port`.

    A batch is tried four times over about two seconds, then given up.
    """

    batch = 256

    def __init__(self, endpoint: str, resource: Resource, stopping: threading.Event) -> None:
        parts = _ENDPOINT.fullmatch(endpoint)
        if parts is None:
            raise ValueError("the OTLP endpoint must be http://host:port, https://host:port or host:port")
        target = f"{parts[2]}:{parts[3] or 4317}"
        if parts[1] == "https":
            self._channel = grpc.secure_channel(target, grpc.ssl_channel_credentials())
        else:
            self._channel = grpc.insecure_channel(target)
        # The generated stub has no types; the method's path is all that it adds.
        self._export = self._channel.unary_unary(
            _EXPORT,
            request_serializer=ExportTraceServiceRequest.SerializeToString,
            response_deserializer=ExportTraceServiceResponse.FromString,
        )
        self._messages = Messages(resource)
        self._stopping = stopping

    def send(self, spans: Sequence[Span]) -> int:
        request = self._messages.encode(spans)
        for attempt in range(_ATTEMPTS):
            # Read before the call: a stop that comes during it still leaves one short attempt.
            stopping = self._stopping.is_set()
            try:
                reply = self._export(request, timeout=_STOPPING_CALL_SECONDS if stopping else _CALL_SECONDS)
            except grpc.RpcError as error:
                if stopping or attempt == _ATTEMPTS - 1 or error.code() not in _RETRYABLE:
                    break
                self._stopping.wait(_BACKOFF_SECONDS * 2**attempt * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
            else:
                return int(reply.partial_success.rejected_spans)
        return len(spans)

    def close(self) -> None:
        self._channel.close()


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
