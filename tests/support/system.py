"""A running system of a test's own: every process of `kj up` on a data directory that is gone afterwards.

Processes are found by the supervisor's own state and signalled by identity, never by name, so that it runs beside
any other system of this machine.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kj.calls.gateway import Gateway
from kj.calls.local_gateway import local_gateway
from kj.local.data_directory import DataDirectory
from kj.local.health_check import health
from kj.local.local_system import LocalSystem
from kj.local.process import ProcessId
from kj.local.programs import ROOT

STARTS_WITHIN = 300


class System:
    """What `kj up` runs on one data directory."""

    def __init__(self, root: Path) -> None:
        self.directory = DataDirectory(root)

    @property
    def local(self) -> LocalSystem:
        """Addresses and DSNs, as they are now."""
        return LocalSystem.open(self.directory.root)

    @property
    def gateway(self) -> Gateway:
        """Its front door, with the local issuer's tokens."""
        return local_gateway(self.local)

    def start(self) -> None:
        """Returns when everything serves."""
        self.kj("up", "--detach", "--port", "0", "--patients", "0")

    def stop(self) -> None:
        """Ends everything, and fails when something is left."""
        state = self.local.state
        running = [state.supervisor, *(each.process for each in state.processes if each.process)]
        state.supervisor.send(signal.SIGCONT)
        try:
            self.kj("down")
        finally:
            left = [process for process in running if not process.gone_within(2)]
            for process in left:
                process.send(signal.SIGKILL)
        assert not left, f"did not end: {left}"

    def kj(self, *arguments: str, seconds: float = STARTS_WITHIN) -> str:
        """Returns standard output of a `kj` command on this system. Fails with what it said when it fails."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("KJ_")}
        done = subprocess.run(
            [sys.executable, "-m", "kj", *arguments],
            env={**inherited, "KJ_DATA_DIR": str(self.directory.root)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, f"kj {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def process(self, name: str) -> ProcessId:
        """Returns the process that now runs under this name."""
        [found] = [each.process for each in self.local.state.processes if each.name == name]
        assert found is not None, f"{name} does not run"
        return found

    @contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """Suspends processes meanwhile: they take connections and never answer."""
        processes = [self.process(name) for name in names]
        for process in processes:
            process.send(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                process.send(signal.SIGCONT)

    @contextmanager
    def unwatched(self) -> Iterator[None]:
        """Suspends the supervisor meanwhile: what ends stays away."""
        supervisor = self.local.state.supervisor
        supervisor.send(signal.SIGSTOP)
        try:
            yield
        finally:
            supervisor.send(signal.SIGCONT)

    @contextmanager
    def stopped(self, *names: str) -> Iterator[None]:
        """Stops processes meanwhile. Wait with `serves` before you count on them again."""
        with self.unwatched():
            processes = [self.process(name) for name in names]
            for process in processes:
                process.send(signal.SIGKILL)
            assert all(process.gone_within(5) for process in processes)
            yield

    def faults(self) -> list[str]:
        """Returns what its processes have logged of bugs of their own: each was INTERNAL to a caller, or worse."""
        lines = [
            f"{path.stem}: {line}"
            for path in self.directory.logs.glob("*.log")
            for line in path.read_text().splitlines()
        ]
        faults = [line for line in lines if '"errors":' in line or "Traceback" in line]
        # grpc.aio's own word for a stream whose other end went away in the middle of a message.
        return [line for line in faults if "grpc._cython.cygrpc.ExecuteBatchError" not in line]

    async def serves(self, *names: str) -> None:
        """Returns when the processes run and answer their health check."""
        for name in names:
            await eventually(lambda name=name: self._serves(name), 120.0)  # type: ignore[misc]  # mypy: default argument

    async def _serves(self, name: str) -> bool:
        [found] = [each for each in self.local.state.processes if each.name == name]
        if found.process is None or not found.process.is_alive() or found.state != "serving":
            return False
        return name == "postgres" or await health(found.address, timeout=1.0) == "serving"


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
    """Returns once the condition holds; fails after `seconds`: a busy machine takes long for anything."""
    end = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        await asyncio.sleep(0.05)


@contextmanager
def running_system() -> Iterator[System]:
    """Starts a system in a short folder. Its logs stand in the error when it does not start."""
    with tempfile.TemporaryDirectory(prefix="kj-sys-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)  # root's PostgreSQL runs as another user
        system = System(Path(folder, "data"))
        system.start()
        try:
            yield system
        finally:
            system.stop()
