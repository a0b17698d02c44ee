"""Health and reflection where anybody may ask: no token is needed, so what a stranger can make us hold is bounded.

A message is taken with the next of a few slots, and soon or not at all: it may be as large as the server's largest.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, cast

import grpc
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from shared.handling import failures

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

SLOTS = 2
"""Messages of strangers that are taken at a time."""
TAKEN_WITHIN = 0.5
"""Seconds for a health request: an honest one comes in one packet with its headers."""
SLOT_WITHIN = 2.0
LOOK = 0.5
"""Seconds between two looks at what a watcher is to be sent."""
WATCHERS = 100
REFLECTIONS = 4
"""Streams of reflection at a time, each with a message of its own."""
REFLECTION_SECONDS = 30.0
LARGEST = 4096


class Statuses(health.aio.HealthServicer):
    """What health says of each service.

    A watcher is sent changes outside of the lock under which they are made: one that takes nothing would otherwise keep
    health as it was, for everybody.
    """

    _server_status: dict[str, Any]

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: N802 -- the rpc's name
        """Sends the state of a service, and each later one, to somebody who takes them."""
        sent = None
        while True:
            status = self._server_status.get(request.service, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
            if status != sent:
                async with asyncio.timeout(TAKEN_WITHIN * 10):
                    await context.write(health_pb2.HealthCheckResponse(status=status))
                sent = status
            await asyncio.sleep(LOOK)


class OpenRpcs(grpc.GenericRpcHandler):
    """Serves grpc.health.v1, and reflection when it is wanted."""

    def __init__(self, servicer: health.aio.HealthServicer, reflected: tuple[str, ...]) -> None:
        self._health = servicer
        self._slots = asyncio.Semaphore(SLOTS)
        self._inside = {"watch": 0, "reflection": 0}
        self._handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            f"/{health.SERVICE_NAME}/Check": grpc.stream_unary_rpc_method_handler(self._check),
            f"/{health.SERVICE_NAME}/Watch": grpc.stream_stream_rpc_method_handler(self._watch),
        }
        if reflected:
            self._reflection: Any = reflection.aio.ReflectionServicer(reflected)
            path = f"/{reflection.SERVICE_NAME}/ServerReflectionInfo"
            self._handlers[path] = grpc.stream_stream_rpc_method_handler(self._reflect)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        return self._handlers.get(handler_call_details.method)

    async def _check(self, _: AsyncIterator[bytes], context: Context) -> bytes:
        reply: Message = await self._health.Check(await self._health_request(context), context)
        return reply.SerializeToString()

    async def _watch(self, _: AsyncIterator[bytes], context: Context) -> None:
        async with self._one_of(WATCHERS, "watch", context):
            request, watching = await self._health_request(context), _Sending(context)
            # By itself: were it under way with a message that is not taken, no status could be sent.
            await context.send_initial_metadata(())
            try:
                await self._health.Watch(request, cast("Any", watching))
            except TimeoutError:
                await failures.end(context, grpc.StatusCode.DEADLINE_EXCEEDED, "the state was not taken in time")

    async def _reflect(self, messages: AsyncIterator[bytes], context: Context) -> None:
        async def requests() -> AsyncIterator[Any]:
            async for message in messages:
                yield await _parsed(reflection_pb2.ServerReflectionRequest, message, context)

        async with self._one_of(REFLECTIONS, "reflection", context):
            try:
                async with asyncio.timeout(REFLECTION_SECONDS):
                    await context.send_initial_metadata(())  # as in _watch
                    async for reply in self._reflection.ServerReflectionInfo(requests(), context):
                        await context.write(reply.SerializeToString())
            except TimeoutError:
                await failures.end(context, grpc.StatusCode.DEADLINE_EXCEEDED, "the stream was open for too long")

    async def _health_request(self, context: Context) -> Any:
        try:
            async with asyncio.timeout(SLOT_WITHIN):
                await self._slots.acquire()
        except TimeoutError:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls at once: try again in a moment")
        try:
            async with asyncio.timeout(TAKEN_WITHIN):
                message = await context.read()
        except TimeoutError:
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "the request did not come in time")
        finally:
            self._slots.release()
        return await _parsed(health_pb2.HealthCheckRequest, message, context)

    @asynccontextmanager
    async def _one_of(self, most: int, kind: str, context: Context) -> AsyncIterator[None]:
        if self._inside[kind] >= most:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls at once: try again in a moment")
        self._inside[kind] += 1
        try:
            yield
        finally:
            self._inside[kind] -= 1


class _Sending:
    """The context of a stream whose messages are sent as bytes."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def write(self, message: Message) -> None:
        await self._context.write(message.SerializeToString())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


async def _parsed(kind: type[Any], message: Any, context: Context) -> Any:
    if not isinstance(message, bytes) or len(message) > LARGEST:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"a message of at most {LARGEST} bytes is needed")
    try:
        return kind.FromString(message)
    except DecodeError:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the bytes are not a message of this rpc")
