"""Streams whose callers give no window for what they ask for: they end with a status, and without a word in the log."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2

from gateway.access.jwks import JwksSource
from gateway.access.tokens import TokenVerifier
from gateway.admission import Admission
from gateway.front_door import FrontDoor, Handlers
from kj.local.issuer import AUDIENCE, ensure_issuer
from kj.local.programs import ISSUER
from shared.handling import open_rpcs
from shared.handling.open_rpcs import OpenRpcs, Statuses
from tests.assurance.strangers.frames import (
    END_HEADERS,
    HEADERS,
    INITIAL_WINDOW,
    Connection,
    data,
    frame,
    message,
    request,
    settings,
)
from tests.support.client import Client, method
from tests.support.waiting import becomes

DOWNLOAD = method("DownloadDocument").path
WATCH = f"/{health.SERVICE_NAME}/Watch"
STREAMS = 5


async def some(*_: Any) -> AsyncGenerator[bytes, None]:
    yield b"x"
    await asyncio.sleep(10)


@pytest.mark.parametrize("path", [DOWNLOAD, WATCH])
async def test_a_stream_whose_first_message_is_not_taken_ends_without_a_word_in_the_log(
    path: str,
    issuer: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """grpc logs, and prints, each call whose status could not be sent."""
    monkeypatch.setattr(open_rpcs, "TAKEN_WITHIN", 0.1)
    verifier = TokenVerifier(JwksSource(str(ensure_issuer(issuer))), issuer=ISSUER, audience=AUDIENCE)
    methods, handlers = {DOWNLOAD: method("DownloadDocument")}, {DOWNLOAD: Handlers(server_stream=some)}
    door = FrontDoor(methods, handlers, Admission(), verifier, idle=0.3)
    statuses = Statuses()
    await statuses.set("", health_pb2.HealthCheckResponse.SERVING)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((door, OpenRpcs(statuses, ())))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        metadata = [(key, str(value)) for key, value in Client(channel, issuer).metadata()]
    connection = await Connection.open(port, settings((INITIAL_WINDOW, 0)))
    try:
        with caplog.at_level(logging.INFO):
            for _ in range(STREAMS):
                stream = connection.stream()
                await connection.send(frame(HEADERS, END_HEADERS, stream, request(path, metadata)))
                await connection.send(data(stream, message(b"")))
            await becomes(lambda: len(_handlers()) == STREAMS, 5.0)
            await becomes(lambda: not _handlers(), 15.0)
    finally:
        connection.close()
        await server.stop(0)
    assert not [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert not capsys.readouterr().err


def _handlers() -> list[str]:
    """Returns the handlers that grpc.aio's server is waiting for."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return [name for name in names if name == "_handle_exceptions"]
