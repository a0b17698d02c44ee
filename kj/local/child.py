"""Supervises one process: starts it, waits for it, starts it again when it crashes, stops it."""

import asyncio
import contextlib
import math
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kj.errors import CommandError
from kj.local.health_check import health
from kj.local.postgres import Postgres
from kj.local.process import ProcessId, dies_with_owner
from kj.local.programs import Program
from kj.local.state import ProcessState

FIRST_DELAY = 0.2
LONGEST_DELAY = 15.0
STEADY_AFTER = 30.0
"""A process that served this long has recovered: its next crash is a first one."""
ATTEMPTS = 3
"""A process that has never served and ends this often does not start at all."""
LOG_BYTES = 8 * 1024 * 1024
LOG_LOOKED_AT = 1.0
"""Seconds between two looks at how long a log has become."""


class Launch(Protocol):
    """How one kind of process is started, found ready, and asked to stop."""

    @property
    def name(self) -> str:
        """As people know it."""

    @property
    def address(self) -> str:
        """Where it serves."""

    @property
    def log(self) -> Path:
        """Where its output goes."""

    @property
    def stop_signals(self) -> Sequence[tuple[signal.Signals, float]]:
        """Signals to stop it with, and the seconds each is given."""

    async def start(self) -> asyncio.subprocess.Process:
        """Starts the process."""

    async def wait_ready(self) -> None:
        """Returns when the process serves."""


class ServiceLaunch:
    """A Python process that answers gRPC's health check."""

    # A service lets calls in flight end for 10 s; one that is frozen or stuck gets no longer than that.
    stop_signals = ((signal.SIGTERM, 12.0), (signal.SIGKILL, 5.0))

    def __init__(self, program: Program, log: Path) -> None:
        self._program = program
        self.name = program.name
        self.address = program.address
        self.log = log

    async def start(self) -> asyncio.subprocess.Process:
        """Starts it in a session of its own: Ctrl-C reaches the supervisor, who stops things in order."""
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *self._program.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._program.environment(),
                start_new_session=True,
                # At once and for certain: nothing acknowledged depends on a service's last seconds.
                preexec_fn=dies_with_owner(signal.SIGKILL),
            )

    async def wait_ready(self) -> None:
        """Returns when the health check says SERVING."""
        while await health(self.address, timeout=2.0, wait=True) != "serving":  # noqa: ASYNC110 -- it is another process
            await asyncio.sleep(0.05)


class PostgresLaunch:
    """The embedded PostgreSQL."""

    name = "postgres"
    stop_signals = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self.address = f"unix:{postgres.sockets}"
        self.log = postgres.log

    async def start(self) -> asyncio.subprocess.Process:
        """Starts the server, over what a crash left behind."""
        return await self._postgres.start()

    async def wait_ready(self) -> None:
        """Returns when it takes connections, after a crash's recovery too."""
        await self._postgres.wait_ready(math.inf)  # recovery takes what it takes


@dataclass
class _Attempts:
    """How often a process has ended, and how long to wait before its next start."""

    failed: int = 0
    delay: float = FIRST_DELAY

    def next_delay(self, served_for: float) -> float:
        if served_for > STEADY_AFTER:
            self.delay = FIRST_DELAY
        delay, self.delay = self.delay, min(self.delay * 2, LONGEST_DELAY)
        return delay


class Child:
    """Keeps one process running from `start` to `stop`; `state` is what others may read of it."""

    def __init__(self, launch: Launch, *, say: Callable[[str], None], changed: Callable[[], None]) -> None:
        self.state = ProcessState(launch.name, launch.address, state="stopped")
        self._launch = launch
        self._say = say
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._served = asyncio.Event()

    async def start(self, seconds: float) -> None:
        """Returns when the process serves. Raises CommandError when it keeps ending, or does not serve in time."""
        _bound(self._launch.log)
        self._keeper = asyncio.create_task(self._keep())
        served = asyncio.create_task(self._served.wait())
        done, _ = await asyncio.wait({self._keeper, served}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        served.cancel()
        if self._keeper in done:
            await self._keeper  # raises what ended it
        if not done:
            raise CommandError(f"{self.state.name} does not serve after {seconds:.0f} s.", f"See {self._launch.log}.")

    async def stop(self) -> None:
        """Ends the process: gently, then by force."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError, CommandError):
                await self._keeper
        process = self._process
        if process is not None and process.returncode is None:
            self._set("stopping")
            for signum, seconds in self._launch.stop_signals:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signum)
                    process.send_signal(signal.SIGCONT)  # a frozen one reads its signal only when it goes on
                if await _within(process.wait(), seconds):
                    break
                self._say(f"{self.state.name} did not stop within {seconds:.0f} s of {signum.name}")
        self._set("stopped")

    async def _keep(self) -> None:
        attempts = _Attempts()
        while True:
            self._set("starting")
            served_for, how = await self._once()
            attempts.failed += 1
            if not self._served.is_set() and attempts.failed >= ATTEMPTS:
                raise CommandError(f"{self.state.name} does not start: it {how}.", _last_words(self._launch.log))
            delay = attempts.next_delay(served_for)
            self._set("restarting")
            self._say(f"{self.state.name} {how}: starting it again in {delay:.1f} s. Log: {self._launch.log}")
            await asyncio.sleep(delay)

    async def _once(self) -> tuple[float, str]:
        """Runs the process once. Returns how many seconds it served, and how it ended."""
        try:
            self._process = process = await self._launch.start()
        except OSError as error:  # no memory, no process table, no disk for the log: may be better in a moment
            return 0.0, f"cannot be started ({error.strerror})"
        self.state.process = ProcessId.of(process.pid)
        self._changed()
        since = await self._serve(process)
        return time.monotonic() - since if since else 0.0, _ended(process)

    async def _serve(self, process: asyncio.subprocess.Process) -> float | None:
        """Returns when the process has ended: the time since which it served, None when it never did."""
        ready = asyncio.create_task(self._launch.wait_ready())
        ended = asyncio.create_task(process.wait())
        bounding = asyncio.create_task(self._bound_log())
        since = None
        try:
            await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
            if ready.done() and ready.exception() is None and process.returncode is None:
                since = time.monotonic()
                if self._served.is_set():
                    self._say(f"{self.state.name} serves again, pid {process.pid}")
                self._set("serving")
                self._served.set()
            await ended
        finally:
            for task in (ready, ended, bounding):
                task.cancel()
        return since

    async def _bound_log(self) -> None:
        while True:
            await asyncio.sleep(LOG_LOOKED_AT)
            _bound(self._launch.log)

    def _set(self, state: str) -> None:
        self.state.state = state
        self._changed()


async def _within(wait: Awaitable[object], seconds: float) -> bool:
    try:
        await asyncio.wait_for(wait, seconds)
    except TimeoutError:
        return False
    return True


def _ended(process: asyncio.subprocess.Process) -> str:
    code = process.returncode or 0
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _bound(log: Path) -> None:
    """Puts the end of a log that has grown aside, so that a data directory holds two of them at most.

    The process goes on writing to the same file, at its end, which is its beginning again.
    """
    with contextlib.suppress(FileNotFoundError):
        size = log.stat().st_size
        if size <= LOG_BYTES:
            return
        with contextlib.suppress(OSError), log.open("rb") as full:  # a full disk must not keep it from being shortened
            full.seek(size - LOG_BYTES)
            log.with_name(f"{log.name}.1").write_bytes(full.read(LOG_BYTES))
        os.truncate(log, 0)


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return f"{lines[-1] if lines else 'It said nothing.'} (more in {log})"
