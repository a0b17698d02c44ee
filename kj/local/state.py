"""Keeps state.json: what the supervisor of a data directory runs. It alone writes the file; every command reads it."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kj.errors import CommandError
from kj.local.data_directory import DataDirectory
from kj.local.process import ProcessId


@dataclass
class ProcessState:
    """One process as the supervisor sees it. `state`: starting, serving, restarting, stopping or stopped."""

    name: str
    address: str
    state: str = "starting"
    process: ProcessId | None = None


@dataclass
class State:
    """Everything the other commands need to find the system."""

    supervisor: ProcessId
    gateway: str
    """The gateway's host:port."""
    socket_directory: str
    """Where PostgreSQL's socket is."""
    phase: str = "starting"
    """starting, serving or stopping."""
    processes: list[ProcessState] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Replaces the file at once: readers see the old text or the new one, never half of one."""
        write_private(path, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> "State | None":
        """Returns the state in the file, None when there is no file or no whole state in it."""
        try:
            raw = json.loads(path.read_text())
            processes = [ProcessState(**{**each, "process": _process_id(each["process"])}) for each in raw["processes"]]
            return cls(**{**raw, "supervisor": ProcessId(**raw["supervisor"]), "processes": processes})
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None


def running_state(directory: DataDirectory) -> State | None:
    """Returns what runs on this data directory now; None when its supervisor is gone, whatever the file says."""
    state = State.read(directory.state_file)
    return state if state is not None and state.supervisor.is_alive() else None


@contextmanager
def supervisor_lock(directory: DataDirectory) -> Iterator[None]:
    """Holds the lock of the one supervisor of the directory; the kernel frees it however its process ends.

    Raises CommandError, saying what runs, when another process holds it.
    """
    with directory.lock_file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(*_what_runs(directory)) from None
        yield


def write_private(path: Path, text: str) -> None:
    """Writes a file that only this user may read, in one step."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    partial.replace(path)


def _what_runs(directory: DataDirectory) -> tuple[str, str]:
    state = running_state(directory)
    if state is None:
        return f"Another kj up is just starting or stopping on {directory.root}.", "Wait a moment and try again."
    return (
        f"Already running on {directory.root}: pid {state.supervisor.pid}, gateway at {state.gateway} ({state.phase}).",
        "kj status shows it, kj down stops it, --data-dir and --port start another beside it.",
    )


def _process_id(raw: dict[str, object] | None) -> ProcessId | None:
    return None if raw is None else ProcessId(pid=int(str(raw["pid"])), started=float(str(raw["started"])))
