"""A service that lies: it asks the real one, and answers something else. What it garbles is real content."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from uuid import uuid4

import grpc
from google.protobuf.message import Message

from gateway import contract

Context = Any
Lie = Callable[[Message, Context], Awaitable[bytes]]
"""Gets the true reply and returns another one."""

_KEYS = ("access_id", "record_id", "national_id")
"""The fields that say which question an answer belongs to."""
_METHODS = contract.methods()
_OURS = frozenset({"traceparent", "kj-caller-bin"})
_EXPOSED = "Traceback (most recent call last): asyncpg.exceptions: SELECT content FROM entries"


class Liar(grpc.GenericRpcHandler):
    """Serves every unary rpc that the service at `address` has."""

    def __init__(self, address: str) -> None:
        self.lie: Lie = no_message
        self.rpc = ""
        """The one rpc that is lied about; empty: all."""
        self._true = grpc.aio.insecure_channel(address)
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((self,))

    async def serve(self, address: str) -> None:
        self._server.add_insecure_port(address)
        await self._server.start()

    async def close(self) -> None:
        await self._server.stop(0)
        await self._true.close()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        method = _METHODS.get(handler_call_details.method)
        if method is None or method.descriptor.client_streaming or method.descriptor.server_streaming:
            return None
        multicallable: Any = self._true.unary_unary(method.path, response_deserializer=method.response.FromString)
        found = method

        async def unary(data: bytes, context: Context) -> bytes:
            told = [(key, value) for key, value in context.invocation_metadata() if key in _OURS]
            reply = await multicallable(data, metadata=told, timeout=context.time_remaining())
            if self.rpc and found.descriptor.name != self.rpc:
                return bytes(reply.SerializeToString())
            lied: bytes = await self.lie(reply, context)
            return lied

        return grpc.unary_unary_rpc_method_handler(unary)


async def no_message(_: Message, __: Context) -> bytes:
    """Returns bytes that no message starts with."""
    return b"\xff" * 9


async def cut_short(reply: Message, _: Context) -> bytes:
    """Returns the reply without its last byte."""
    return reply.SerializeToString()[:-1] or b"\xff"


async def nothing(_: Message, __: Context) -> bytes:
    """Returns an empty message: on the wire, that is what a list without entries looks like too."""
    return b""


async def foreign(reply: Message, _: Context) -> bytes:
    """Returns answers to questions of somebody else."""
    for answer, key in answers(reply):
        setattr(answer, key, str(uuid4()))
    return reply.SerializeToString()


async def twice(reply: Message, _: Context) -> bytes:
    """Returns two answers to one question, the first of which says that there is none."""
    message: Any = reply
    for field in reply.DESCRIPTOR.fields:
        if field.is_repeated and field.name in {"answers", "patients"}:
            listed = getattr(message, field.name)
            true = [type(each).FromString(each.SerializeToString()) for each in listed]
            for each in listed:
                _without_result(each)
            listed.extend(true)
    return reply.SerializeToString()


async def without_result(reply: Message, _: Context) -> bytes:
    """Returns answers in which nothing is answered."""
    for answer, _key in answers(reply):
        _without_result(answer)
    return reply.SerializeToString()


async def unheard_of(reply: Message, _: Context) -> bytes:
    """Returns failures with a reason that no contract has."""
    for answer, _key in answers(reply):
        if "failure" in answer.DESCRIPTOR.fields_by_name:
            answer.failure.reason = 77
        else:
            _without_result(answer)
    return reply.SerializeToString()


async def hollow(reply: Message, _: Context) -> bytes:
    """Returns sections, receipts and references with nothing in them, not even how many entries there are."""
    for answer, _key in answers(reply):
        for field, value in list(answer.ListFields()):
            if field.message_type is not None and not field.is_repeated:
                value.Clear()
                getattr(answer, field.name).SetInParent()
            elif field.is_repeated:
                answer.ClearField(field.name)
    return reply.SerializeToString()


async def overloaded(_: Message, context: Context) -> bytes:
    """Refuses as a server does that has no room."""
    await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, _EXPOSED)
    return b""


async def unknown(_: Message, context: Context) -> bytes:
    """Refuses as grpc does when a handler raises: with the exception's own words."""
    await context.abort(grpc.StatusCode.UNKNOWN, _EXPOSED)
    return b""


async def never(_: Message, __: Context) -> bytes:
    """Returns no answer as long as anybody waits."""
    await asyncio.sleep(60)
    return b""


def answers(reply: Message) -> Iterator[tuple[Any, str]]:
    """Yields every keyed answer in a reply, with the name of its key."""
    for field, value in reply.ListFields():
        if field.is_repeated and field.message_type is not None:
            listed: Any = value
            for each in listed:
                for key in _KEYS:
                    if key in each.DESCRIPTOR.fields_by_name:
                        yield each, key


def _without_result(answer: Any) -> None:
    if "result" in answer.DESCRIPTOR.oneofs_by_name:
        answer.ClearField("result")
    if "state" in answer.DESCRIPTOR.fields_by_name:
        answer.ClearField("state")
