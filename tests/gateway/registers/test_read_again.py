"""Reads that fail before an answer, since a process ends, are asked once more; writes never."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest

from gateway.registers.backends import Backend
from kjernejournal.common.v1.common_pb2 import CallerContext
from shared.channels import ROUND_ROBIN
from tests.support.scripted.services import Service

READ, DOWNLOAD = "/a.B/Read", "/a.B/Download"
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


class Replica:
    """One of two processes of a service."""

    def __init__(self) -> None:
        self.service = Service()
        self.server = grpc.aio.server()
        self.server.add_generic_rpc_handlers((self.service,))
        self.port = self.server.add_insecure_port("127.0.0.1:0")

        async def answer(_: bytes, __: Any) -> bytes:
            await asyncio.sleep(0.02)
            return b"answer"

        async def download(_: bytes, __: Any) -> AsyncIterator[bytes]:
            await asyncio.sleep(0.02)
            for part in (b"one", b"two"):
                yield part

        self.service.unary(READ, answer)
        self.service.server_stream(DOWNLOAD, download)


@pytest.fixture
async def two() -> AsyncIterator[tuple[Backend, list[Replica]]]:
    replicas = [Replica(), Replica()]
    async with AsyncExitStack() as stack:
        for each in replicas:
            await each.server.start()
            stack.push_async_callback(each.server.stop, 0)
        address = "ipv4:" + ",".join(f"127.0.0.1:{each.port}" for each in replicas)
        options = [("grpc.service_config", ROUND_ROBIN), ("grpc.enable_retries", 0)]
        yield Backend("visits", await stack.enter_async_context(grpc.aio.insecure_channel(address, options))), replicas


async def test_no_read_fails_when_one_of_two_processes_ends(two: tuple[Backend, list[Replica]]) -> None:
    backend, replicas = two

    async def reads() -> list[bytes]:
        return [await backend.read(READ, b"", caller=None, timeout=2) for _ in range(30)]

    reading = [asyncio.create_task(reads()) for _ in range(5)]
    await asyncio.sleep(0.2)
    await replicas[0].server.stop(0)
    assert await asyncio.gather(*reading) == [[b"answer"] * 30] * 5


async def test_no_download_fails_that_has_not_begun(two: tuple[Backend, list[Replica]]) -> None:
    backend, replicas = two

    async def downloads() -> list[list[bytes]]:
        sent = []
        for _ in range(20):
            stream = backend.read_stream(DOWNLOAD, b"", caller=CallerContext(), timeout=2, idle=1)
            sent.append([part async for part in stream])
        return sent

    downloading = [asyncio.create_task(downloads()) for _ in range(3)]
    await asyncio.sleep(0.1)
    await replicas[1].server.stop(1)
    assert await asyncio.gather(*downloading) == [[[b"one", b"two"]] * 20] * 3


class Failing:
    """A service that ends everything so, after some parts of a stream."""

    def __init__(self, parts: int = 0, code: grpc.StatusCode = UNAVAILABLE) -> None:
        self.calls = 0
        self._parts = parts
        self._code = code

    async def unary(self, _request: bytes, context: Any) -> bytes:
        self.calls += 1
        await context.abort(self._code, "")
        raise AssertionError

    async def stream(self, _request: bytes, context: Any) -> AsyncIterator[bytes]:
        self.calls += 1
        for _ in range(self._parts):
            yield b"part"
        await context.abort(self._code, "")


@pytest.mark.parametrize("code", [UNAVAILABLE, grpc.StatusCode.CANCELLED], ids=["not_begun", "cut_off"])
async def test_a_read_is_asked_twice_and_no_more(two: tuple[Backend, list[Replica]], code: grpc.StatusCode) -> None:
    backend, replicas = two
    failing = Failing(code=code)
    for each in replicas:
        each.service.unary(READ, failing.unary)
    with pytest.raises(grpc.aio.AioRpcError):
        await backend.read(READ, b"", caller=None, timeout=2)
    assert failing.calls == 2


async def test_what_is_no_read_is_asked_once(two: tuple[Backend, list[Replica]]) -> None:
    backend, replicas = two
    failing = Failing()
    for each in replicas:
        each.service.unary(READ, failing.unary)
    with pytest.raises(grpc.aio.AioRpcError):
        await backend.unary(READ, b"", caller=None, timeout=2)
    assert failing.calls == 1


@pytest.mark.parametrize("parts, calls", [(0, 2), (1, 1)])
@pytest.mark.parametrize("code", [UNAVAILABLE, grpc.StatusCode.CANCELLED], ids=["not_begun", "cut_off"])
async def test_a_download_that_has_begun_is_not_begun_again(
    two: tuple[Backend, list[Replica]], parts: int, calls: int, code: grpc.StatusCode
) -> None:
    backend, replicas = two
    failing = Failing(parts, code)
    for each in replicas:
        each.service.server_stream(DOWNLOAD, failing.stream)
    stream = backend.read_stream(DOWNLOAD, b"", caller=CallerContext(), timeout=2, idle=1)
    for _ in range(parts):
        assert await anext(stream) == b"part"
    with pytest.raises(grpc.aio.AioRpcError):
        await anext(stream)
    assert failing.calls == calls
