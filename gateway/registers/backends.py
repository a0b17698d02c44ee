"""Calls the services: bytes in, bytes out, under a span, with the call's context and deadline."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from typing import Any, cast

import grpc
from opentelemetry.trace import SpanKind

from gateway.registers.breaker import PATIENCE, Breaker, BreakerOpen
from kjernejournal.common.v1.common_pb2 import CallerContext
from shared import telemetry
from shared.channels import open_channel
from shared.client_stream import ClientStream
from shared.settings import ProcessSettings

Metadata = list[tuple[str, str | bytes]]

_WENT_AWAY = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})
"""What a call ends with whose process ends: not begun, or cut off. We ourselves never cancel one that is waited for."""


class Backend:
    """One service: its channel, and its rpcs by path."""

    def __init__(self, name: str, channel: grpc.aio.Channel) -> None:
        self.name = name
        self._channel = channel
        self._unary: dict[str, Any] = {}
        self.breaker = Breaker()
        """Of what is read from it, by whom ever."""

    async def guarded_read(
        self, path: str, data: bytes, *, caller: CallerContext | None, timeout: float, patience: float = PATIENCE
    ) -> bytes:
        """Asks for something behind the breaker. `patience`: seconds that count as a timeout when none came.

        Raises BreakerOpen at once when no answers came the last times, and grpc.aio.AioRpcError.
        """
        if not self.breaker.admits():
            raise BreakerOpen
        try:
            reply = await self.read(path, data, caller=caller, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                self.breaker.answered()
            elif timeout >= patience:
                # A caller who leaves less says nothing about who is asked, and must not close it to the others.
                self.breaker.timed_out()
            raise
        self.breaker.answered()
        return reply

    async def read(self, path: str, data: bytes, *, caller: CallerContext | None, timeout: float) -> bytes:
        """Asks for something, and once more when the service went away before it answered. Raises
        grpc.aio.AioRpcError.

        A process that ends cuts off what it has not begun, and another one is there. Retries stand here and nowhere
        else: two layers that try twice ask four times.
        """
        ends = time.monotonic() + timeout
        try:
            return await self.unary(path, data, caller=caller, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            left = ends - time.monotonic()
            if error.code() not in _WENT_AWAY or left <= 0:
                raise
        return await self.unary(path, data, caller=caller, timeout=left)

    async def unary(self, path: str, data: bytes, *, caller: CallerContext | None, timeout: float) -> bytes:
        """Sends one request, and returns its reply. Raises grpc.aio.AioRpcError."""
        with self._span(path) as span:
            try:
                reply: bytes = await self.unary_call(path, data, caller=caller, timeout=timeout)
            except grpc.aio.AioRpcError as error:
                span.fail(error.code().name)
                raise
            return reply

    def unary_call(
        self, path: str, data: bytes, *, caller: CallerContext | None, timeout: float
    ) -> "grpc.aio.UnaryUnaryCall[bytes, bytes]":
        """Does the same by a call whose trailing metadata can be read."""
        multicallable = self._unary.get(path)
        if multicallable is None:
            multicallable = self._unary[path] = self._channel.unary_unary(path)
        return cast(
            "grpc.aio.UnaryUnaryCall[bytes, bytes]", multicallable(data, metadata=metadata(caller), timeout=timeout)
        )

    async def read_stream(
        self, path: str, data: bytes, *, caller: CallerContext, timeout: float, idle: float
    ) -> AsyncGenerator[bytes, None]:
        """Yields a stream of replies; begins it once more when the service went away before the first of them.

        Raises grpc.aio.AioRpcError, BreakerOpen at once when what was read before did not come in time, and
        TimeoutError when no reply comes for so long as `idle` says.
        """
        if not self.breaker.admits():
            raise BreakerOpen
        ends, began, tries = time.monotonic() + timeout, False, 2
        while True:
            tries -= 1
            call = self.server_stream(path, data, caller=caller, timeout=ends - time.monotonic())
            try:
                while True:
                    async with asyncio.timeout(idle):
                        message = await call.read()
                    if message is grpc.aio.EOF:
                        return
                    if not began:
                        self.breaker.answered()
                    began = True
                    yield cast("bytes", message)
            except grpc.aio.AioRpcError as error:
                if began or not tries or error.code() not in _WENT_AWAY:
                    raise
            finally:
                call.cancel()

    def server_stream(
        self, path: str, data: bytes, *, caller: CallerContext, timeout: float
    ) -> "grpc.aio.UnaryStreamCall[bytes, bytes]":
        """Sends one request, for a stream of replies."""
        call: Any = self._channel.unary_stream(path)
        return cast("grpc.aio.UnaryStreamCall[bytes, bytes]", call(data, metadata=metadata(caller), timeout=timeout))

    def client_stream(self, path: str, *, caller: CallerContext, timeout: float) -> ClientStream[bytes, bytes]:
        """Begins a stream of requests, written one by one, with one reply."""
        call: Any = self._channel.stream_unary(path)
        return ClientStream(call(metadata=metadata(caller), timeout=timeout))

    async def close(self) -> None:
        await self._channel.close()

    def _span(self, path: str) -> telemetry.Span:
        service, method = path[1:].split("/")
        return telemetry.span(
            path[1:],
            SpanKind.CLIENT,
            parent=None,
            **{"rpc.system": "grpc", "rpc.service": service, "rpc.method": method, "server.address": self.name},
        )


def metadata(caller: CallerContext | None) -> Metadata:
    """Returns what a service is sent about a call: its trace, and its caller. Nothing from outside goes along."""
    sent: Metadata = [("traceparent", telemetry.traceparent())]
    if caller is not None:
        sent.append(("kj-caller-bin", caller.SerializeToString()))
    return sent


def open_backends(addresses: Mapping[str, str], settings: ProcessSettings) -> dict[str, Backend]:
    """Returns a backend for each address. Channels connect when first used, and again after a service was away."""
    return {
        name: Backend(
            name,
            open_channel(
                address,
                cert=settings.tls_cert,
                key=settings.tls_key,
                ca=settings.tls_ca,
                max_message_bytes=settings.max_message_bytes,
            ),
        )
        for name, address in addresses.items()
    }
