"""Streams at the front door whose callers do not do their part."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import grpc
import pytest

from gateway.access.jwks import JwksSource
from gateway.access.tokens import TokenVerifier
from gateway.admission import Admission
from gateway.contract import Method
from gateway.front_door import FrontDoor, Handlers
from shared.handling import failures
from tests.support.client import method, refusal
from tests.support.scripted import listening
from tests.support.waiting import becomes

DOWNLOAD = method("DownloadDocument")
IDLE = 0.3
VERIFIER = TokenVerifier(JwksSource("/none"), issuer="", audience="")


class Endless:
    """A stream that goes on as long as it is taken; `open` counts those that have not ended."""

    def __init__(self) -> None:
        self.open = 0

    async def stream(self, _: Method, __: bytes, ___: Any) -> AsyncGenerator[bytes, None]:
        self.open += 1
        try:
            while True:
                yield b"x" * 250_000
        finally:
            self.open -= 1

    def door(self) -> FrontDoor:
        admission = Admission(VERIFIER)
        handlers = Handlers(server_stream=self.stream)
        return FrontDoor({DOWNLOAD.path: DOWNLOAD}, {DOWNLOAD.path: handlers}, admission, idle=IDLE)


async def test_a_caller_who_takes_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "TELLING_SECONDS", 0.2)
    endless = Endless()
    async with listening(endless.door()) as address, grpc.aio.insecure_channel(address) as channel:
        calls: list[Any] = [_call(channel) for _ in range(20)]
        for call in calls:
            await call.read()
        assert endless.open == 20
        await becomes(lambda: endless.open == 0, IDLE + 2.0)
        await becomes(lambda: not _handlers(), 2.0)
        # Who reads on after all learns why.
        assert (await refusal(_rest(calls[0]))).reason == "STREAM_TIMEOUT"


async def test_a_caller_who_takes_slowly_is_served_on() -> None:
    endless = Endless()
    async with listening(endless.door()) as address, grpc.aio.insecure_channel(address) as channel:
        call = _call(channel)
        for _ in range(40):
            assert len(await call.read()) == 250_000
            await asyncio.sleep(IDLE / 20)
        assert endless.open == 1
        call.cancel()
        await becomes(lambda: endless.open == 0)


async def test_the_deadline_ends_a_stream_that_is_taken() -> None:
    endless = Endless()

    async def read() -> None:
        async for _ in _call(channel, seconds=0.5):
            pass

    async with listening(endless.door()) as address, grpc.aio.insecure_channel(address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await read()
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await becomes(lambda: endless.open == 0)


def test_an_rpc_that_nothing_serves_is_found_out_at_start() -> None:
    with pytest.raises(TypeError, match=f"nothing serves {DOWNLOAD.path}"):
        FrontDoor({DOWNLOAD.path: DOWNLOAD}, {}, Admission(VERIFIER))


def test_a_handler_of_no_rpc_is_found_out_at_start() -> None:
    """A path misspelt here would leave its rpc to whoever forwards the rest."""
    handlers = {DOWNLOAD.path: Handlers(server_stream=Endless().stream), "/x/DownloadDocument": Handlers()}
    with pytest.raises(TypeError, match="no such rpc: /x/DownloadDocument"):
        FrontDoor({DOWNLOAD.path: DOWNLOAD}, handlers, Admission(VERIFIER))


def _call(channel: grpc.aio.Channel, seconds: float | None = None) -> Any:
    multicallable: Any = channel.unary_stream(DOWNLOAD.path)
    return multicallable(b"", timeout=seconds)


async def _rest(call: Any) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


def _handlers() -> list[str]:
    """The handlers that grpc.aio's server is waiting for."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return [name for name in names if name == "_handle_exceptions"]
