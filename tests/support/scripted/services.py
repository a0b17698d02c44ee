"""Services that answer as a test scripts them: real gRPC servers on unix sockets, bytes in, bytes out."""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
from google.protobuf import any_pb2
from google.rpc import status_pb2

from kj.synthetic.people.cast import MUNICIPALITY, REGISTERS
from kjernejournal.audit.v1.audit_pb2 import AuditRecord, Receipt, RecordAnswer, RecordRequest, RecordResponse
from kjernejournal.common.v1.common_pb2 import CallerContext, PartialDate
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.patients.v1.patients_pb2 import CareRelationFact, PatientFacts, PatientResolution
from shared.convert import timestamp
from shared.handling.caller import METADATA_KEY
from shared.handling.failures import STATUS_DETAILS
from tests.services.patients.people import new_id

RESOLVE = "/kjernejournal.patients.v1.PatientsService/ResolvePatients"
RECORD = "/kjernejournal.audit.v1.AuditService/Record"

Unary = Callable[[bytes, Any], Awaitable[bytes]]


@dataclass(frozen=True)
class Call:
    """What a service saw of one call."""

    path: str
    messages: list[bytes]
    metadata: dict[str, Any]
    seconds_left: float

    @property
    def caller(self) -> CallerContext:
        return CallerContext.FromString(self.metadata[METADATA_KEY])


class Service(grpc.GenericRpcHandler):
    """Rpcs by path. What is not scripted is UNIMPLEMENTED, with grpc's own text."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._handlers: dict[str, Any] = {}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return self._handlers.get(handler_call_details.method)

    def forget(self) -> None:
        """Forgets every rpc and every call."""
        self.calls.clear()
        self._handlers.clear()

    def unary(self, path: str, answer: Unary) -> None:
        async def handler(data: bytes, context: Any) -> bytes:
            self._saw(path, [data], context)
            return await answer(data, context)

        self._handlers[path] = grpc.unary_unary_rpc_method_handler(handler)

    def server_stream(self, path: str, answer: Callable[[bytes, Any], AsyncIterator[bytes]]) -> None:
        async def handler(data: bytes, context: Any) -> AsyncIterator[bytes]:
            self._saw(path, [data], context)
            async for message in answer(data, context):
                yield message

        self._handlers[path] = grpc.unary_stream_rpc_method_handler(handler)

    def client_stream(self, path: str, answer: Callable[[AsyncIterator[bytes], Any], Awaitable[bytes]]) -> None:
        async def handler(messages: AsyncIterator[bytes], context: Any) -> bytes:
            seen: list[bytes] = []
            self._saw(path, seen, context)

            async def each() -> AsyncIterator[bytes]:
                async for message in messages:
                    seen.append(message)
                    yield message

            return await answer(each(), context)

        self._handlers[path] = grpc.stream_unary_rpc_method_handler(handler)

    def _saw(self, path: str, messages: list[bytes], context: Any) -> None:
        metadata = dict(context.invocation_metadata())
        self.calls.append(Call(path, messages, metadata, context.time_remaining()))


def saying(reply: Any) -> Unary:
    """Returns an rpc that always answers with this reply, a message or bytes."""
    data: bytes = reply if isinstance(reply, bytes) else reply.SerializeToString()

    async def answer(_: bytes, __: Any) -> bytes:
        return data

    return answer


def refusing(code: grpc.StatusCode, text: str, info: Any) -> Unary:
    """Returns an rpc that refuses with these details: an ErrorInfo, bytes, or none."""
    trailing: list[tuple[str, bytes]] = []
    if isinstance(info, bytes):
        trailing.append((STATUS_DETAILS, info))
    elif info is not None:
        packed = any_pb2.Any()
        packed.Pack(info)
        status = status_pb2.Status(code=code.value[0], message=text, details=[packed])
        trailing.append((STATUS_DETAILS, status.SerializeToString()))

    async def answer(_: bytes, context: Any) -> bytes:
        await context.abort(code, text, tuple(trailing))
        raise AssertionError

    return answer


ORGANISATIONS = (REGISTERS, MUNICIPALITY)
"""Of the machines of tests."""


def treated_by(*organisations: str, until: datetime | None = None) -> list[CareRelationFact]:
    """Returns relations of these organisations, for a day unless `until` says otherwise."""
    ends = timestamp(until or datetime.now(UTC) + timedelta(days=1))
    return [CareRelationFact(legal_entity=each, organisation=each, until=ends) for each in organisations]


class People(Service):
    """The patients service, as far as the steps ask it."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, PatientResolution] = {}
        self.unary(RESOLVE, self._resolve)

    def add(self, **facts: Any) -> str:
        """Adds a registered patient, born in 1980, whom every machine's organisation treats, and returns the national
        id."""
        value = new_id()
        born = PartialDate(year=1980, month=5, day=17)
        self.known[value] = PatientResolution(
            national_id=value,
            state=patients_pb2.RESOLUTION_STATE_REGISTERED,
            patient_refs=[str(uuid4()), str(uuid4())],
            facts=PatientFacts(**{"birth_date": born, "care_relations": treated_by(*ORGANISATIONS), **facts}),
        )
        return value

    def ref(self, national_id: str) -> str:
        """Returns the canonical reference."""
        return self.known[national_id].patient_refs[0]

    async def _resolve(self, data: bytes, _: Any) -> bytes:
        asked = patients_pb2.ResolvePatientsRequest.FromString(data).national_ids
        unknown = patients_pb2.RESOLUTION_STATE_UNKNOWN
        found = [self.known.get(each, PatientResolution(national_id=each, state=unknown)) for each in asked]
        return patients_pb2.ResolvePatientsResponse(patients=found).SerializeToString()


class AccessLog(Service):
    """The audit service, as far as the recorder asks it: `records` is what stands in the log."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[AuditRecord] = []
        self.unary(RECORD, self.commit)

    async def commit(self, data: bytes, _: Any) -> bytes:
        """Takes every record."""
        answers = []
        for record in RecordRequest.FromString(data).records:
            answers.append(
                RecordAnswer(
                    record_id=record.record_id,
                    receipt=Receipt(record_id=record.record_id, index=len(self.records)),
                )
            )
            self.records.append(record)
        return RecordResponse(answers=answers).SerializeToString()


@asynccontextmanager
async def listening(*handlers: grpc.GenericRpcHandler, options: Sequence[tuple[str, Any]] = ()) -> AsyncIterator[str]:
    """Serves the handlers on a unix socket, and gives its address. `options` are grpc's, beside the usual one."""
    with tempfile.TemporaryDirectory(prefix="kj-", dir="/tmp") as folder:
        address = f"unix:{Path(folder) / 's'}"
        server = grpc.aio.server(options=[("grpc.max_receive_message_length", 32 * 1024 * 1024), *options])
        server.add_generic_rpc_handlers(handlers)
        server.add_insecure_port(address)
        await server.start()
        try:
            yield address
        finally:
            await server.stop(0)
