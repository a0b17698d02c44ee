"""The one way in: every rpc of the contract, by a table of paths, through the same steps.

Handlers are bytes in, bytes out. The request is parsed once, to find the patient; the reply is forwarded as it came.
`forwarding` does the work of the rpcs that services serve, `summary` that of the gateway's own.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc

from gateway.admission import Admission, Room
from gateway.contract import Method
from kjernejournal.audit.v1.audit_pb2 import Receipt
from kjernejournal.common.v1 import common_pb2
from shared import deadline
from shared.errors import NotSupported, Reason, TimedOut
from shared.handling import drain, failures, tracing

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

DEFAULT_SECONDS = 2.0
"""Deadline of a unary call whose caller set none."""
LONGEST_SECONDS = 5.0
"""No unary call lasts longer."""
IDLE = 30.0
"""Seconds that a stream may stand still, in either direction."""


@dataclass(frozen=True)
class Handlers:
    """What serves one rpc: one of the three, by its shape."""

    unary: Callable[[Method, bytes, Context], Awaitable[bytes]] | None = None
    server_stream: Callable[[Method, bytes, Context], AsyncGenerator[bytes, None]] | None = None
    client_stream: Callable[[Method, AsyncIterator[bytes], Context], Awaitable[bytes]] | None = None


class FrontDoor(grpc.GenericRpcHandler):
    """Serves every rpc of the contract."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        handlers: Mapping[str, Handlers],
        admission: Admission,
        *,
        idle: float = IDLE,
    ) -> None:
        """Raises TypeError for an rpc that nothing serves, and for a handler of none: both are found out at start."""
        if unknown := handlers.keys() - methods.keys():
            raise TypeError(f"no such rpc: {', '.join(sorted(unknown))}")
        self._handlers = {
            path: _handler(method, handlers.get(path, Handlers()), admission.room(method), idle)
            for path, method in methods.items()
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        return self._handlers.get(handler_call_details.method)


def _handler(method: Method, handlers: Handlers, room: Room, idle: float) -> "grpc.RpcMethodHandler[Any, Any]":
    if handlers.client_stream and method.descriptor.client_streaming:
        return grpc.stream_unary_rpc_method_handler(_client_stream(method, handlers.client_stream, room))
    if handlers.server_stream and method.descriptor.server_streaming:
        return grpc.unary_stream_rpc_method_handler(_server_stream(method, handlers.server_stream, room, idle))
    if handlers.unary and not (method.descriptor.client_streaming or method.descriptor.server_streaming):
        return grpc.unary_unary_rpc_method_handler(_unary(method, handlers.unary, room))
    raise TypeError(f"nothing serves {method.path}")


def _unary(method: Method, serve: Callable[[Method, bytes, Context], Awaitable[bytes]], room: Room) -> Any:
    async def unary(data: bytes, context: Context) -> bytes:
        with _begin(method, context) as span:
            async with failures.as_status(context, span):
                _refuse_internal(method)
                await room.enter(context)
                try:
                    return await serve(method, data, context)
                finally:
                    room.leave()

    return unary


def _server_stream(
    method: Method, serve: Callable[[Method, bytes, Context], AsyncGenerator[bytes, None]], room: Room, idle: float
) -> Any:
    # Written, not yielded: at a yield a caller who takes nothing would keep the call, and a message, for ever.
    async def server_stream(data: bytes, context: Context) -> None:
        with _begin(method, context) as span:
            async with failures.as_status(context, span):
                _refuse_internal(method)
                await room.enter(context)
                try:
                    async with aclosing(serve(method, data, context)) as messages:
                        async for message in messages:
                            await _write(context, message, idle)
                finally:
                    room.leave()

    return server_stream


async def _write(context: Context, message: bytes, idle: float) -> None:
    """Sends a message. Raises TimedOut (STREAM_TIMEOUT) when the caller takes nothing for too long."""
    try:
        async with asyncio.timeout(deadline.remaining(idle)):
            await context.write(message)
    except TimeoutError:
        raise TimedOut(Reason.ERROR_REASON_STREAM_TIMEOUT, "the stream was not read, or open, for too long") from None


def _client_stream(
    method: Method, serve: Callable[[Method, AsyncIterator[bytes], Context], Awaitable[bytes]], room: Room
) -> Any:
    async def client_stream(messages: AsyncIterator[bytes], context: Context) -> bytes:
        with _begin(method, context) as span:
            async with failures.as_status(context, span):
                try:
                    _refuse_internal(method)
                    await room.enter(context)
                    try:
                        return await serve(method, messages, context)
                    finally:
                        room.leave()
                except Exception:
                    await drain(messages)
                    raise

    return client_stream


def _begin(method: Method, context: Context) -> Any:
    """Step 1: the trace, always recorded, its id in trailing metadata; and the deadline."""
    service, name = method.path[1:].split("/")
    span = tracing.begin(method.path, service, name, context)
    context.set_trailing_metadata((("trace-id", span.context.trace_id),))
    longest = method.rule.longest_stream or LONGEST_SECONDS
    left = context.time_remaining()
    wanted = (method.rule.longest_stream or DEFAULT_SECONDS) if left is None else left  # type: ignore[redundant-expr]  # it can be
    deadline.set_deadline(min(wanted, longest))
    return span


def add_receipt(context: Context, receipt: Receipt) -> None:
    """Tells the caller where the call stands in the access log: trailing metadata audit-index."""
    kept = tuple(context.trailing_metadata() or ())
    context.set_trailing_metadata((*kept, ("audit-index", str(receipt.index))))


def _refuse_internal(method: Method) -> None:
    if method.rule.action == common_pb2.ACTION_INTERNAL:
        raise NotSupported(Reason.ERROR_REASON_NOT_SUPPORTED, "this rpc is not for outside callers")
