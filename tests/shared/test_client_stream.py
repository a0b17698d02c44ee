"""What a client stream's caller learns when the other side ends the call while a write is under way."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from shared.client_stream import ClientStream

TURNS = range(8)
"""Turns of the loop before the second write: in some of them grpc.aio handles the status first, in others the write."""


@asynccontextmanager
async def ended_early(answer: Callable[[Iterator[bytes], Any], bytes]) -> AsyncIterator[ClientStream[bytes, bytes]]:
    """Yields a call to a server with threads of its own, which goes on while this loop stands still."""
    server = grpc.server(ThreadPoolExecutor(1))
    handlers: Any = {"Rpc": grpc.stream_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            multicallable: Any = channel.stream_unary("/test.Service/Rpc")
            yield ClientStream(multicallable(timeout=10.0))
    finally:
        server.stop(None).wait()


async def write_late(call: ClientStream[bytes, bytes], turns: int) -> None:
    """Begins a second write when the status has come and the loop does not know of it yet."""
    await call.write(b"first")
    time.sleep(0.1)  # noqa: ASYNC251  # the loop stands still
    for _ in range(turns):
        await asyncio.sleep(0)
    await call.write(b"second")
    await call.done_writing()


def _refusing(messages: Iterator[bytes], context: Any) -> bytes:
    next(messages)
    context.set_trailing_metadata((("why", "because"),))
    context.abort(grpc.StatusCode.INVALID_ARGUMENT, "refused")
    raise AssertionError


def _answering(messages: Iterator[bytes], context: Any) -> bytes:
    context.set_trailing_metadata((("why", "because"),))
    return next(messages)


@pytest.mark.parametrize("turns", TURNS)
async def test_a_refusal_is_told_whatever_was_being_written(turns: int) -> None:
    async with ended_early(_refusing) as call:
        await write_late(call, turns)
        with pytest.raises(grpc.aio.AioRpcError) as told:
            await call
        assert (told.value.code(), told.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "refused")
        assert dict(told.value.trailing_metadata()) == dict(await call.trailing_metadata()) == {"why": "because"}


@pytest.mark.parametrize("turns", TURNS)
async def test_an_early_reply_is_given_whatever_was_being_written(turns: int) -> None:
    async with ended_early(_answering) as call:
        await write_late(call, turns)
        assert await call == b"first"
        assert dict(await call.trailing_metadata()) == {"why": "because"}


async def test_nothing_is_written_to_a_call_that_has_ended() -> None:
    async with ended_early(_refusing) as call:
        assert await call.write(b"first")
        with pytest.raises(grpc.aio.AioRpcError):
            await call
        assert not await call.write(b"second")
        await call.done_writing()


async def test_a_server_that_is_not_there_is_told() -> None:
    async with grpc.aio.insecure_channel("unix:/tmp/kj-nobody-listens-here.sock") as channel:
        multicallable: Any = channel.stream_unary("/test.Service/Rpc")
        call: ClientStream[bytes, bytes] = ClientStream(multicallable(timeout=10.0))
        assert not await call.write(b"first")
        with pytest.raises(grpc.aio.AioRpcError) as told:
            await call
        assert told.value.code() is grpc.StatusCode.UNAVAILABLE
