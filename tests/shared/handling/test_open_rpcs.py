"""Health and reflection, which anybody may call, at a server that strangers can reach."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from shared.handling import open_rpcs
from shared.handling.open_rpcs import OpenRpcs, Statuses

NOT_SERVING, SERVING = health_pb2.HealthCheckResponse.NOT_SERVING, health_pb2.HealthCheckResponse.SERVING


class Open:
    """A server with nothing but these rpcs."""

    def __init__(self, channel: grpc.aio.Channel, statuses: Statuses) -> None:
        self.channel = channel
        self.statuses = statuses
        stubs: Any = channel  # the stubs of the packages know channels without asyncio alone
        self.health: Any = health_pb2_grpc.HealthStub(stubs)
        self.reflection: Any = reflection_pb2_grpc.ServerReflectionStub(stubs)


@pytest.fixture
async def server() -> AsyncIterator[Open]:
    with tempfile.TemporaryDirectory(prefix="kj-", dir="/tmp") as folder:
        address, statuses = f"unix:{Path(folder) / 's'}", Statuses()
        running = grpc.aio.server()
        running.add_generic_rpc_handlers((OpenRpcs(statuses, ("kjernejournal.x",)),))
        running.add_insecure_port(address)
        await running.start()
        try:
            async with grpc.aio.insecure_channel(address) as channel:
                yield Open(channel, statuses)
        finally:
            await running.stop(0)


async def code(call: Any) -> grpc.StatusCode:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def test_health_is_answered_by_service(server: Open) -> None:
    await server.statuses.set("a", NOT_SERVING)
    assert (await server.health.Check(health_pb2.HealthCheckRequest())).status == SERVING
    assert (await server.health.Check(health_pb2.HealthCheckRequest(service="a"))).status == NOT_SERVING
    assert await code(server.health.Check(health_pb2.HealthCheckRequest(service="b"))) is grpc.StatusCode.NOT_FOUND


async def test_a_watcher_hears_of_each_change(server: Open) -> None:
    watch: Any = server.health.Watch(health_pb2.HealthCheckRequest())
    assert (await watch.read()).status == SERVING
    await server.statuses.set("", NOT_SERVING)
    assert (await watch.read()).status == NOT_SERVING
    watch.cancel()


async def test_a_watcher_who_takes_nothing_does_not_keep_health_as_it_was(server: Open) -> None:
    stalled = [server.health.Watch(health_pb2.HealthCheckRequest()) for _ in range(3)]
    await asyncio.sleep(0.2)
    async with asyncio.timeout(60):
        for status in (NOT_SERVING, SERVING) * 100:
            await server.statuses.set("", status)
    for watch in stalled:
        watch.cancel()


async def test_watchers_are_bounded(server: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_rpcs, "WATCHERS", 2)
    watches: list[Any] = [server.health.Watch(health_pb2.HealthCheckRequest()) for _ in range(2)]
    for watch in watches:
        await watch.read()
    more: Any = server.health.Watch(health_pb2.HealthCheckRequest())
    assert await code(more.read()) is grpc.StatusCode.RESOURCE_EXHAUSTED
    for watch in watches:
        watch.cancel()


async def test_a_large_message_to_health_is_refused(server: Open) -> None:
    call: Any = server.channel.unary_unary("/grpc.health.v1.Health/Check")
    assert await code(call(bytes(100_000))) is grpc.StatusCode.INVALID_ARGUMENT


async def test_requests_that_do_not_come_leave_room_for_those_that_do(server: Open) -> None:
    opened: Any = server.channel.stream_unary("/grpc.health.v1.Health/Check")
    silent = [opened(timeout=60) for _ in range(3)]
    await asyncio.sleep(0.05)
    assert (await server.health.Check(health_pb2.HealthCheckRequest(), timeout=30)).status == SERVING
    for call in silent:
        assert await code(call) is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_reflection_names_the_services(server: Open) -> None:
    call: Any = server.reflection.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
    reply = await call.read()
    assert [each.name for each in reply.list_services_response.service] == ["kjernejournal.x"]
