"""The one way in: takes every rpc of the contract, by a table of paths, through steps 1 and 2: trace, deadline, who.

Handlers are bytes in, bytes out. A request is taken, and bounded, by `request_bytes`, once it is known who sends it;
it is parsed once, to find the patient; the reply is forwarded as it came.
`forwarding` does the work of the rpcs that services serve, `summary` and `changes` that of the gateway's own; each goes
through steps 3 to 6, which are in `steps`.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

import grpc

from gateway.access.clients import NO_CLIENTS, Clients
from gateway.access.tokens import Metadata, TokenVerifier, access_basis, source_system_of
from gateway.admission import Admission
from gateway.contract import Method
from gateway.decided_call import Incoming
from gateway.request_bytes import each_message, largest, only_message
from kjernejournal.audit.v1.audit_pb2 import Receipt
from kjernejournal.common.v1 import common_pb2
from shared import deadline
from shared.errors import Invalid, NotSupported, Reason, TimedOut, Unauthenticated, reason_name
from shared.handling import drain, failures, tracing

log = logging.getLogger(__name__)

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

DEFAULT_SECONDS = 2.0
"""Deadline of a unary call whose caller set none."""
LONGEST_SECONDS = 5.0
"""No unary call lasts longer."""
RESTRICTIONS_HEADER = "kj-restrictions"
"""Trailing metadata of every reply, where it is not said what patients restrict."""
IDLE = 30.0
"""Seconds that a stream may stand still, in either direction."""
LARGEST_MESSAGE = 32 * 1024 * 1024
STRANGERS_DRAINED = 2
"""Refused streams of callers without identity that are read on at a time, so that the refusal reaches them."""


@dataclass(frozen=True)
class Handlers:
    """What serves one rpc: one of the three, by its shape."""

    unary: Callable[[Incoming, bytes, Context], Awaitable[bytes]] | None = None
    server_stream: Callable[[Incoming, bytes, Context], AsyncGenerator[bytes, None]] | None = None
    client_stream: Callable[[Incoming, AsyncIterator[bytes], Context], Awaitable[bytes]] | None = None


class FrontDoor(grpc.GenericRpcHandler):
    """Serves every rpc of the contract."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        handlers: Mapping[str, Handlers],
        admission: Admission,
        verifier: TokenVerifier,
        *,
        clients: Clients = NO_CLIENTS,
        idle: float = IDLE,
        largest_message: int = LARGEST_MESSAGE,
        says: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Raises TypeError for an rpc that nothing serves, and for a handler of none: both are found out at start."""
        if unknown := handlers.keys() - methods.keys():
            raise TypeError(f"no such rpc: {', '.join(sorted(unknown))}")
        self._admission = admission
        self._verifier = verifier
        self._clients = clients
        self._idle = idle
        self._largest_message = largest_message
        self._draining = 0
        self._says = tuple(says)
        self._handlers = {
            path: self._handler(method, handlers.get(path, Handlers())) for path, method in methods.items()
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        return self._handlers.get(handler_call_details.method)

    def _handler(self, method: Method, handlers: Handlers) -> "grpc.RpcMethodHandler[Any, Any]":
        if handlers.client_stream and method.descriptor.client_streaming:
            return grpc.stream_unary_rpc_method_handler(self._client_stream(method, handlers.client_stream))
        if handlers.server_stream and method.descriptor.server_streaming:
            return grpc.stream_stream_rpc_method_handler(self._server_stream(method, handlers.server_stream))
        if handlers.unary and not (method.descriptor.client_streaming or method.descriptor.server_streaming):
            return grpc.stream_unary_rpc_method_handler(self._unary(method, handlers.unary))
        raise TypeError(f"nothing serves {method.path}")

    def _unary(self, method: Method, serve: Callable[[Incoming, bytes, Context], Awaitable[bytes]]) -> Any:
        # As a stream of one message, which is not taken before it is known who sends it.
        most = largest(method, self._largest_message)

        async def unary(_: AsyncIterator[bytes], context: Context) -> bytes:
            with _begin(method, context) as span:
                async with failures.as_status(context, span), self._let_in(method, context) as incoming:
                    return await serve(incoming, await only_message(context, most), context)

        return unary

    def _server_stream(
        self, method: Method, serve: Callable[[Incoming, bytes, Context], AsyncGenerator[bytes, None]]
    ) -> Any:
        # Written, not yielded: at a yield a caller who takes nothing would keep the call, and a message, for ever.
        most = largest(method, self._largest_message)

        async def server_stream(_: AsyncIterator[bytes], context: Context) -> None:
            with _begin(method, context) as span:
                async with (
                    failures.as_status(context, span),
                    self._let_in(method, context) as incoming,
                    aclosing(serve(incoming, await only_message(context, most), context)) as messages,
                ):
                    begun = False
                    async for message in messages:
                        if not begun:
                            # By itself: were it under way with a message that is not taken, no status could be sent.
                            # And not sooner: a call that is refused without it may be tried again.
                            await context.send_initial_metadata(())
                            begun = True
                        await _write(context, message, self._idle)

        return server_stream

    def _client_stream(
        self, method: Method, serve: Callable[[Incoming, AsyncIterator[bytes], Context], Awaitable[bytes]]
    ) -> Any:
        most = largest(method, self._largest_message)

        async def client_stream(messages: AsyncIterator[bytes], context: Context) -> bytes:
            with _begin(method, context) as span:
                async with failures.as_status(context, span):
                    known = False
                    try:
                        async with self._let_in(method, context) as incoming:
                            known = True
                            return await serve(incoming, each_message(messages, most), context)
                    except Exception:
                        await self._drain(messages, known=known)
                        raise

        return client_stream

    @asynccontextmanager
    async def _let_in(self, method: Method, context: Context) -> AsyncIterator[Incoming]:
        """Does step 2; and counts the call in while it is served, once there is room. Raises the refusal."""
        if method.rule.action == common_pb2.ACTION_INTERNAL:
            raise NotSupported(Reason.ERROR_REASON_NOT_SUPPORTED, "this rpc is not for outside callers")
        context.set_trailing_metadata((*(context.trailing_metadata() or ()), *self._says))
        incoming = await self._who(method, cast("Metadata", tuple(context.invocation_metadata() or ())))
        with self._admission.inside(incoming):
            yield incoming

    async def _who(self, method: Method, metadata: Metadata) -> Incoming:
        """Does step 2, before the request is parsed. Raises Unauthenticated, or Invalid for other metadata."""
        try:
            caller = await self._verifier.verify(metadata, method.path)
        except Unauthenticated as refusal:
            log.warning("refused without identity: %s", reason_name(refusal.reason))
            raise
        if caller.kind == common_pb2.CALLER_KIND_SYSTEM:
            caller = replace(caller, client=self._clients.of(caller.client_id, caller.legal_entity))
        if method.rule.needs_source_system(caller.kind) and not source_system_of(metadata):
            raise Invalid("source-system", "is required: the name and version of the system that asks")
        return Incoming(method, metadata, caller, access_basis(metadata))

    async def _drain(self, messages: AsyncIterator[bytes], *, known: bool) -> None:
        """Reads on what a refused client sends; of clients without identity, a few at a time: each may send much."""
        if known:
            await drain(messages)
        elif self._draining < STRANGERS_DRAINED:
            self._draining += 1
            try:
                await drain(messages)
            finally:
                self._draining -= 1


async def _write(context: Context, message: bytes, idle: float) -> None:
    """Sends a message. Raises TimedOut (STREAM_TIMEOUT) when the caller takes nothing for too long."""
    try:
        async with asyncio.timeout(deadline.remaining(idle)):
            await context.write(message)
    except TimeoutError:
        raise TimedOut(Reason.ERROR_REASON_STREAM_TIMEOUT, "the stream was not read, or open, for too long") from None


def _begin(method: Method, context: Context) -> Any:
    """Does step 1: begins the trace, always recorded, its id in trailing metadata; and sets the deadline."""
    service, name = method.path[1:].split("/")
    span = tracing.begin(method.path, service, name, context)
    context.set_trailing_metadata((("trace-id", span.context.trace_id),))
    longest = method.rule.longest_stream or LONGEST_SECONDS
    left = context.time_remaining()
    wanted = (method.rule.longest_stream or DEFAULT_SECONDS) if left is None else left  # type: ignore[redundant-expr]  # it can be
    deadline.set_deadline(min(wanted, longest), callers=left is not None and left <= longest)  # type: ignore[redundant-expr]  # as above
    return span


def add_receipt(context: Context, receipt: Receipt) -> None:
    """Adds where the call stands in the access log to its trailing metadata, as audit-index."""
    kept = tuple(context.trailing_metadata() or ())
    context.set_trailing_metadata((*kept, ("audit-index", str(receipt.index))))
