"""A caller from outside: real tokens, real metadata, real sockets, bytes checked against the contract."""

from collections.abc import AsyncIterable, Awaitable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from gateway import contract
from gateway.contract import Method
from kj.local.clients import EHR, IMPORT, PATIENTS
from kj.synthetic.people.cast import PEOPLE
from kj.token import mint_for
from kjernejournal.common.v1 import common_pb2
from shared.client_stream import ClientStream
from shared.handling.failures import STATUS_DETAILS
from tests.support.service import details_of, reason_of

Metadata = Sequence[tuple[str, str | bytes]]
SECONDS = 5.0
LATER = frozenset({"SummaryService/ExportPatientSummary"})
"""Rpcs of the gateway's own whose behaviour comes later; those of services are decided on before they say so."""


@dataclass(frozen=True)
class Answer:
    """A reply with what came around it."""

    reply: Any
    headers: dict[str, Any]
    trailers: dict[str, Any]

    @property
    def trace_id(self) -> str:
        return str(self.trailers["trace-id"])


@dataclass(frozen=True)
class Refusal:
    """What a refused caller gets."""

    code: grpc.StatusCode
    reason: str
    text: str
    details: dict[str, str]
    trailers: dict[str, Any]

    @property
    def short(self) -> tuple[str, str]:
        """Code and reason."""
        return self.code.name, self.reason

    @classmethod
    def of(cls, error: grpc.aio.AioRpcError) -> "Refusal":
        """Fails when there is no reason in it, unless the caller's own library gave up at the deadline."""
        trailers = dict(error.trailing_metadata() or ())
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED and STATUS_DETAILS not in trailers:
            return cls(error.code(), "", error.details() or "", {}, trailers)
        return cls(error.code(), reason_of(error), error.details() or "", details_of(error), trailers)


async def refusal(call: Awaitable[object]) -> Refusal:
    """Returns the refusal of a call. Fails when it is answered, or refused without a reason."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return Refusal.of(caught.value)


async def read(call: Any) -> tuple[list[Any], Refusal | None]:
    """Returns what a stream sent, and the refusal that ended it."""
    parts: list[Any] = []
    try:
        async for part in call:
            parts.append(part)  # noqa: PERF401 -- what came before the refusal counts
    except grpc.aio.AioRpcError as error:
        return parts, Refusal.of(error)
    return parts, None


class Client:
    """Calls the front door. `kind` and the rest of who calls are those of `kj token`."""

    def __init__(self, channel: grpc.aio.Channel, issuer: Path) -> None:
        self.channel = channel
        self._issuer = issuer
        self._tokens: dict[tuple[object, ...], str] = {}

    def token(self, kind: str, **who: Any) -> str:
        """Returns a token of this kind, made once."""
        key = (kind, *sorted(who.items()))
        if key not in self._tokens:
            self._tokens[key] = mint_for(kind, self._issuer, **who)
        return self._tokens[key]

    def metadata(
        self,
        kind: str = "doctor",
        basis: str | None = None,
        source_system: str = "TestEPJ 1.0",
        rpc: str | None = None,
        **who: Any,
    ) -> list[tuple[str, str | bytes]]:
        """Returns what a caller of this kind sends along. `basis` None: AKUTT for personnel, nothing for others.

        A system is the machine `client`; when none is named, one that is registered for the rpc.
        """
        if kind == "system":
            who = {"client": registered_for(rpc), **who}
        if basis is None:
            basis = "AKUTT" if kind in PEOPLE and PEOPLE[kind].role else ""
        sent = {"source-system": source_system, "access-basis": basis}
        return [
            ("authorization", f"Bearer {self.token(kind, **who)}"),
            *((key, sent[key]) for key in sent if sent[key]),
        ]

    async def call(self, rpc: str, request: Message, *, seconds: float = SECONDS, **caller: Any) -> Any:
        """Returns the reply of a unary rpc, named by `method`. Raises AioRpcError."""
        return (await self.answer(rpc, request, seconds=seconds, **caller)).reply

    async def answer(
        self,
        rpc: str,
        request: Message | bytes,
        *,
        seconds: float | None = SECONDS,
        extra: Metadata = (),
        **caller: Any,
    ) -> Answer:
        """Returns the same with headers and trailers. `extra` is metadata that an ordinary caller does not send."""
        found = method(rpc)
        multicallable: Any = self.channel.unary_unary(found.path, response_deserializer=found.response.FromString)
        call = multicallable(_bytes(request), metadata=[*self.metadata(rpc=rpc, **caller), *extra], timeout=seconds)
        reply = await call
        return Answer(reply, dict(await call.initial_metadata()), dict(await call.trailing_metadata()))

    def open(
        self, rpc: str, request: Message, *, seconds: float | None = SECONDS, extra: Metadata = (), **caller: Any
    ) -> Any:
        """Returns the call of a server-streaming rpc, to be read message by message."""
        found = method(rpc)
        multicallable: Any = self.channel.unary_stream(found.path, response_deserializer=found.response.FromString)
        return multicallable(
            request.SerializeToString(), metadata=[*self.metadata(rpc=rpc, **caller), *extra], timeout=seconds
        )

    async def stream(self, rpc: str, request: Message, **caller: Any) -> list[Any]:
        """Returns every message of a server-streaming rpc. Raises AioRpcError."""
        return [message async for message in self.open(rpc, request, **caller)]

    def sending(
        self,
        rpc: str,
        messages: Iterable[Message | bytes] | AsyncIterable[bytes] | None,
        *,
        seconds: float | None = 20.0,
        **caller: Any,
    ) -> Any:
        """Returns the call of a client-streaming rpc; `messages` None: the test writes them."""
        found = method(rpc)
        multicallable: Any = self.channel.stream_unary(found.path, response_deserializer=found.response.FromString)
        sent: Any = [_bytes(message) for message in messages] if isinstance(messages, Iterable) else messages
        return multicallable(sent, metadata=self.metadata(rpc=rpc, **caller), timeout=seconds)

    async def send(self, rpc: str, messages: Iterable[Message | bytes], **caller: Any) -> Any:
        """Returns the reply of a client-streaming rpc. Raises AioRpcError."""
        call: ClientStream[bytes, Any] = ClientStream(self.sending(rpc, None, **caller))
        for message in messages:
            if not await call.write(_bytes(message)):
                break
        await call.done_writing()
        return await call

    async def any(self, found: Method, request: Message, **caller: Any) -> Any:
        """Calls an rpc of whatever shape with one message, and returns its reply, or the list of its replies."""
        rpc = found.path.rpartition(".")[2]
        if found.descriptor.client_streaming:
            return await self.send(rpc, [request], **caller)
        if found.descriptor.server_streaming:
            return await self.stream(rpc, request, **caller)
        return await self.call(rpc, request, **caller)


_MACHINES = {
    common_pb2.MACHINE_RIGHT_POPULATION: PATIENTS,
    common_pb2.MACHINE_RIGHT_GENERAL_PRACTITIONERS: PATIENTS,
    common_pb2.MACHINE_RIGHT_MERGES: "merges",
    common_pb2.MACHINE_RIGHT_FOLLOW: EHR,
    common_pb2.MACHINE_RIGHT_INDICATOR: EHR,
    common_pb2.MACHINE_RIGHT_DRUG_KNOWLEDGE: "knowledge",
    common_pb2.MACHINE_RIGHT_ORGANISATIONS: "operator",
    common_pb2.MACHINE_RIGHT_LOG_PROOFS: "operator",
}


def registered_for(rpc: str | None) -> str:
    """Returns the local issuer's client that may call this rpc; the one that moves records for all others."""
    return _MACHINES.get(method(rpc).rule.machine_right, IMPORT) if rpc else IMPORT


@cache
def methods() -> dict[str, Method]:
    """Returns the contract by `Service/Method`."""
    return {path.rpartition(".")[2]: found for path, found in contract.methods().items()}


def method(rpc: str) -> Method:
    """Returns an rpc of the contract: `GetPatientSummary`, or `VisitsService/BulkImport` where several have it."""
    if "/" in rpc:
        return methods()[rpc]
    [found] = [each for name, each in methods().items() if name.endswith(f"/{rpc}")]
    return found


def _bytes(message: Message | bytes) -> bytes:
    return message if isinstance(message, bytes) else message.SerializeToString()
