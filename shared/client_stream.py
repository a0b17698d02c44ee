"""A client stream that ends with the status which the other side sent."""

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import suppress
from typing import Any, Generic, TypeVar, cast

import grpc

Request = TypeVar("Request")
Reply = TypeVar("Reply")
T = TypeVar("T")

_OWN = "Internal error from Core"
"""Details of the status that grpc.aio gives a call when a write fails."""


class ClientStream(Generic[Request, Reply]):
    """A call whose requests are written one by one, to be awaited for its reply.

    When the other side refuses while a write is under way, grpc.aio may put a status of its own in the refusal's place
    (https://github.com/grpc/grpc/issues/36066). The first status is kept here, so that the refusal is what is raised.
    """

    def __init__(self, call: "grpc.aio.StreamUnaryCall[Request, Reply]") -> None:
        self._call = call
        self._first: grpc.aio.AioRpcError | None = None
        call.add_done_callback(self._keep)

    async def write(self, request: Request) -> bool:
        """Sends a request once there is room for it. False: the call has ended, and its status says why."""
        try:
            await self._call.write(request)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return False
        return True

    async def done_writing(self) -> None:
        """Ends the stream, which is whole."""
        with suppress(grpc.aio.InternalError):  # the call has ended
            await self._call.done_writing()

    def cancel(self) -> None:
        """Ends the call, unless it has ended."""
        self._call.cancel()

    def __await__(self) -> Generator[Any, None, Reply]:
        """Returns the reply. Raises grpc.aio.AioRpcError."""
        return self._reply().__await__()

    async def trailing_metadata(self) -> grpc.aio.Metadata:
        """Returns what came with the reply, or with the refusal that awaiting raised."""
        last = await self._call.trailing_metadata()
        return last if self._first is None else self._first.trailing_metadata()

    async def _reply(self) -> Reply:
        try:
            return await self._call
        except grpc.aio.AioRpcError as error:
            raise (self._first or error) from None

    def _keep(self, _: Any) -> None:
        """Keeps the first status, unless it is one of grpc.aio's own."""
        details = _at_once(self._call.details())
        if details != _OWN:
            code, trailing = _at_once(self._call.code()), _at_once(self._call.trailing_metadata())
            self._first = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, details)


def _at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """Returns what a coroutine that waits for nothing returns. Raises RuntimeError when it waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    raise RuntimeError("the call has no status")
