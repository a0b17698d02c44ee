"""A second gateway whose ways to the services can go wrong: each runs over a socket of the test's own.

The services are those of a running system, real and healthy; what is broken is what the gateway hears of them.
"""

import asyncio
import enum
import os
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import grpc

from kj.local import programs
from kj.local.health_check import health
from kj.local.issuer import ensure_issuer
from kj.local.programs import ROOT, Program
from tests.assurance.faults.lies import Liar, Lie
from tests.support.client import Client
from tests.support.system import System, eventually

DRIP = 0.005
"""Seconds between two bytes of a slow wire: 200 bytes a second, of a section that has some thousand."""


class Fault(enum.Enum):
    """What a wire does to the bytes that pass."""

    NONE = enum.auto()
    SILENT = enum.auto()
    """It takes connections and bytes, and passes nothing on: the other end has gone without a word."""
    SLOW = enum.auto()
    """It passes single bytes."""
    REFUSED = enum.auto()
    """It ends every connection at once."""
    NOISE = enum.auto()
    """It answers with bytes that are no HTTP/2."""


class Wire:
    """A unix socket that passes everything on to a service, or to the liar who stands in for it."""

    def __init__(self, name: str, folder: Path, address: str, liar: Liar) -> None:
        self.name = name
        self.liar = liar
        self.path = folder / f"{name}.sock"
        self._true = address.removeprefix("unix:")
        self._lying = str(folder / f"{name}.liar.sock")
        self._target = self._true
        self._fault = Fault.NONE
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listens."""
        await self.liar.serve(f"unix:{self._lying}")
        self._server = await asyncio.start_unix_server(self._connected, self.path)

    async def close(self) -> None:
        """Ends every connection."""
        if self._server is not None:
            self._server.close()
        self._cut()
        await self.liar.close()

    @contextmanager
    def faulty(self, fault: Fault) -> Iterator[None]:
        """Gives the wire this fault meanwhile."""
        self._set(fault)
        try:
            yield
        finally:
            self._set(Fault.NONE)

    @contextmanager
    def lying(self, lie: Lie, rpc: str = "") -> Iterator[None]:
        """Garbles the service's answers meanwhile: of one rpc, or of all."""
        self.liar.lie, self.liar.rpc = lie, rpc
        self._target = self._lying
        self._cut()
        try:
            yield
        finally:
            self._target = self._true
            self._cut()

    def _set(self, fault: Fault) -> None:
        before, self._fault = self._fault, fault
        if fault is Fault.NOISE:
            for writer in self._writers:
                writer.write(os.urandom(64))
        if {before, fault} & {Fault.REFUSED, Fault.NOISE}:
            self._cut()
        if fault is Fault.SILENT:
            self._flows.clear()
        else:
            self._flows.set()

    def _cut(self) -> None:
        for writer in self._writers:
            writer.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._fault is Fault.NOISE:
            writer.write(os.urandom(64))
        if self._fault in {Fault.REFUSED, Fault.NOISE}:
            writer.close()
            return
        try:
            behind, onward = await asyncio.open_unix_connection(self._target)
        except OSError:  # the service itself is down
            writer.close()
            return
        self._writers |= {writer, onward}
        try:
            # One end that goes takes the other along.
            ways = [asyncio.create_task(self._pass(*way)) for way in ((reader, onward), (behind, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            self._writers -= {writer, onward}
            for each in (writer, onward):
                each.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(64 * 1024):
            at = 0
            while at < len(data):
                await self._flows.wait()
                size = 1 if self._fault is Fault.SLOW else len(data)
                writer.write(data[at : at + size])
                at += size
                await writer.drain()
                if self._fault is Fault.SLOW:
                    await asyncio.sleep(DRIP)


class Wired:
    """The second gateway: a client of it, and its wires by service."""

    def __init__(self, client: Client, wires: dict[str, Wire]) -> None:
        self.client = client
        self.wires = wires


@asynccontextmanager
async def wired(system: System) -> AsyncIterator[Wired]:
    """Starts a gateway process beside the system's, on the same services, with a wire to each."""
    with tempfile.TemporaryDirectory(prefix="kj-wire-", dir="/tmp") as folder:
        wires = {}
        for name in programs.SERVICES:
            address = system.local.service_address(name)
            wires[name] = Wire(name, Path(folder), address, Liar(address))
            await wires[name].open()
        address = f"127.0.0.1:{_free_port()}"
        program = programs.gateway_program(
            address,
            services=[Program(name, (), f"unix:{wire.path}", {}) for name, wire in wires.items()],
            jwks=ensure_issuer(system.local.issuer_directory),
            traces=Path(folder),
        )
        with (
            (system.directory.logs / "gateway-wired.log").open("ab") as log,
            subprocess.Popen(program.command, env=program.environment(), cwd=ROOT, stdout=log, stderr=log) as process,
        ):
            try:
                await eventually(lambda: _serves(address), 30.0)
                async with grpc.aio.insecure_channel(address) as channel:
                    yield Wired(Client(channel, system.local.issuer_directory), wires)
            finally:
                process.kill()
                process.wait(10)
                for wire in wires.values():
                    await wire.close()


async def _serves(address: str) -> bool:
    return await health(address) == "serving"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
