"""Names processes so that a recycled pid is nobody's, and starts children that never outlive their owner.

A pid alone says little: after a crash it may belong to somebody else. With the time of its start beside it, it names
one process.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

PR_SET_PDEATHSIG = 1

# Children are started while this process talks gRPC (health checks, tests). gRPC's fork handlers then run in the child
# with the parent's threads gone, and it dies of SIGSEGV before it becomes the program. Read when gRPC is first used.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")


@dataclass(frozen=True)
class ProcessId:
    """One process of this machine. `started` is in seconds after the machine's boot, to a hundredth.

    Not in seconds since 1970: psutil's create_time adds the time of boot, which moves when the clock is set, and what
    runs would look like another process.
    """

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "ProcessId | None":
        """Returns the process that has `pid` now; None when there is none, or only a zombie."""
        try:
            process = psutil.Process(pid)
            if process.status() in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}:
                return None
            return cls(pid, round(process.create_time() - psutil.boot_time(), 2))
        except psutil.Error:
            return None

    def is_alive(self) -> bool:
        """Whether this very process still runs; a recycled pid does not count."""
        return ProcessId.of(self.pid) == self

    def works_in(self, directory: Path) -> bool:
        """Whether this is the process's working directory; False when it may not be asked."""
        try:
            return psutil.Process(self.pid).cwd() == str(directory.resolve())
        except psutil.Error:
            return False

    def send(self, signum: signal.Signals) -> None:
        """Signals the process when it is still the same one."""
        if self.is_alive():
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(self.pid).send_signal(signum)

    def gone_within(self, seconds: float) -> bool:
        """Waits until the process has ended; False when it has not."""
        # Not psutil's wait: it would take the exit of our own children from the loop that waits for them.
        end = time.monotonic() + seconds
        while self.is_alive():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True


def all_processes() -> list[ProcessId]:
    """Returns every process that runs now."""
    return [process for pid in psutil.pids() if (process := ProcessId.of(pid)) is not None]


# Looked up here: in a forked child nothing may be imported or allocated that another thread could hold a lock on.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def dies_with_owner(signum: signal.Signals) -> Callable[[], None]:
    """Returns a `preexec_fn` that has the kernel send `signum` to the child when the thread that started it ends.

    Start children from the main thread: any other thread's end would count as the owner's. The kernel forgets the wish
    when the user changes, so Popen's own `user` (applied before `preexec_fn`) must do that.
    """
    owner = os.getpid()

    def in_child() -> None:
        if _prctl is not None:
            _prctl(PR_SET_PDEATHSIG, int(signum))
        if os.getppid() != owner:  # the owner died before the wish was made
            os._exit(1)

    return in_child
