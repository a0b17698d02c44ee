"""Runs PostgreSQL, every service and the gateway of one data directory, until it is asked to stop.

Order of a start: PostgreSQL, databases and roles, migrations, the services together with the gateway. Of a stop: the
gateway first, so that no call meets a service that is gone, then the services, then PostgreSQL. If the supervisor is
killed, the kernel ends its children; the next start waits for the last of them.

Ours, since process managers of the supervisord kind start by number or all at once and leave their children behind when
they are killed; here each step waits until what it needs serves, and nothing outlives its owner.
"""

import asyncio
import errno
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from kj.errors import CommandError
from kj.local import programs
from kj.local.child import Child, PostgresLaunch, ServiceLaunch
from kj.local.data_directory import DataDirectory
from kj.local.databases import Names, Passwords, provision, superuser_password
from kj.local.postgres import Postgres
from kj.local.postgres_install import Account
from kj.local.process import ProcessId
from kj.local.programs import Program
from kj.local.run_directory import clear, run_directory
from kj.local.state import State
from shared.migrate import MigrationError, migrate

HOST = "127.0.0.1"
START_SECONDS = 90.0


class Supervisor:
    """Hold `supervisor_lock` around its life. `say` gets one line for a person whenever something happens."""

    def __init__(self, directory: DataDirectory, *, port: int, say: Callable[[str], None]) -> None:
        self._directory = directory
        self._say = say
        self._children: list[Child] = []
        self._passwords = Passwords(directory.keys / "passwords.json")
        self._end_leftovers()
        self.address = f"{HOST}:{free_port(port)}"
        self._run = run_directory(directory.root)
        sockets = run_directory(directory.root, purpose="pg", owner=Account.for_server().uid)
        self._postgres = Postgres(
            directory.postgres,
            sockets=sockets,
            password=superuser_password(self._passwords, directory.postgres),
            log=directory.logs / "postgres.log",
        )
        me = ProcessId.of(os.getpid())
        if me is None or sys.platform != "linux":
            raise CommandError("/proc is not there.", "The local runner needs Linux.")
        self._state = State(supervisor=me, gateway=self.address, socket_directory=str(sockets))

    async def start(self) -> None:
        """Returns when everything serves. Raises CommandError when something does not; call `stop` then too."""
        self._write()
        note = self._postgres.prepare()
        if note:
            self._say(note)
        await self._child(PostgresLaunch(self._postgres)).start(START_SECONDS)
        await self._prepare_databases()
        services = [self._service(name) for name in programs.SERVICES]
        gateway = programs.gateway_program(
            self.address, services=services, jwks=self._jwks(), traces=self._directory.traces
        )
        await self._start_all([*services, self._witness(), gateway])
        self._say(f"serving at {self.address}")
        self._state.phase = "serving"
        self._write()

    async def stop(self) -> None:
        """Stops everything in order and removes what was only of use while it ran."""
        self._state.phase = "stopping"
        gateway = [child for child in self._children if child.state.name == programs.GATEWAY]
        postgres = [child for child in self._children if child.state.name == PostgresLaunch.name]
        services = [child for child in self._children if child not in [*gateway, *postgres]]
        for group in (gateway, services, postgres):
            await asyncio.gather(*(child.stop() for child in group))
        clear(self._run)
        clear(self._postgres.sockets)
        self._directory.state_file.unlink(missing_ok=True)

    async def _prepare_databases(self) -> None:
        await provision(self._postgres, self._passwords, [Names.of(service) for service in programs.SERVICES])
        try:
            applied = await asyncio.gather(*(self._migrate(service) for service in programs.SERVICES))
        except MigrationError as error:
            raise CommandError(f"A migration cannot be applied: {error}.", "Nothing was started.") from error
        if count := sum(map(len, applied)):
            self._say(f"applied {count} migrations")

    async def _migrate(self, service: str) -> list[str]:
        names = Names.of(service)
        owner_url = self._postgres.url(names.database, names.owner, self._passwords.of(names.owner))
        return await migrate(owner_url, programs.migrations_of(service), runtime_role=names.runtime)

    def _service(self, name: str) -> Program:
        names = Names.of(name)
        return programs.service_program(
            name,
            sockets=self._run,
            database_url=self._postgres.url(names.database, names.runtime, self._passwords.of(names.runtime)),
            traces=self._directory.traces,
            keys=self._directory.keys,
        )

    def _witness(self) -> Program:
        return programs.witness_program(
            sockets=self._run,
            directory=self._directory.witness,
            traces=self._directory.traces,
            keys=self._directory.keys,
        )

    def _jwks(self) -> Path:
        from kj.local.issuer import ensure_issuer  # noqa: PLC0415 -- cryptography: only when it starts

        return ensure_issuer(self._directory.issuer)

    async def _start_all(self, wanted: list[Program]) -> None:
        for program in wanted:
            _forget_socket(program.address)
        starts = [
            asyncio.create_task(
                self._child(ServiceLaunch(program, self._directory.logs / f"{program.name}.log")).start(START_SECONDS)
            )
            for program in wanted
        ]
        try:
            await asyncio.gather(*starts)
        finally:
            for start in starts:
                start.cancel()

    def _child(self, launch: PostgresLaunch | ServiceLaunch) -> Child:
        child = Child(launch, say=self._say, changed=self._write)
        self._children.append(child)
        return child

    def _write(self) -> None:
        self._state.processes = [child.state for child in self._children]
        try:
            self._state.write(self._directory.state_file)
        except OSError as error:
            # A full disk must not end the supervision of what still runs.
            self._say(f"{self._directory.state_file} cannot be written: {error.strerror}")

    def _end_leftovers(self) -> None:
        """Ends what a killed supervisor started and the kernel has not ended yet; PostgreSQL sees to its own."""
        state = State.read(self._directory.state_file)
        for left in state.processes if state is not None else []:
            if left.process is not None and left.name != PostgresLaunch.name and not left.process.gone_within(1.0):
                left.process.send(signal.SIGKILL)
        self._directory.state_file.unlink(missing_ok=True)


def free_port(port: int) -> int:
    """Returns the port itself, or a free one for 0. Raises CommandError when another process has it.

    Asked before anything starts: the gateway is the last to start, and its log no place to look for this.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            raise CommandError(
                f"Port {port} on {HOST} {'is in use by another process' if taken else 'cannot be used'}.",
                "Choose another: kj up --port 50052 (0 takes any free one).",
            ) from error
        return int(probe.getsockname()[1])


def _forget_socket(address: str) -> None:
    if address.startswith("unix:"):
        Path(address.removeprefix("unix:")).unlink(missing_ok=True)
