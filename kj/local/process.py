"""Processes by identity, and children that never outlive their owner.

A pid alone says little: after a crash it may belong to somebody else. With the kernel's start time beside it, it names
one process for as long as the machine is up.
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

PR_SET_PDEATHSIG = 1

# Children are started while this process talks gRPC (health checks, tests). gRPC's fork handlers then run in the child
# with the parent's threads gone, and it dies of SIGSEGV before it becomes the program. Read when gRPC is first used.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")


@dataclass(frozen=True)
class ProcessId:
    """One process of this machine. `started` is in clock ticks since boot (proc(5), field 22), with the boot's id."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> "ProcessId | None":
        """The process that has `pid` now; None when there is none, or only a zombie."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        state, started = fields[0], fields[19]
        return None if state in {"Z", "X"} else cls(pid, f"{boot}/{started}")

    def is_alive(self) -> bool:
        """Whether this very process still runs; a recycled pid does not count."""
        return ProcessId.of(self.pid) == self

    def send(self, signum: signal.Signals) -> None:
        """Signals the process when it is still the same one."""
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signum)

    def gone_within(self, seconds: float) -> bool:
        """Waits until the process has ended; False when it has not."""
        end = time.monotonic() + seconds
        while self.is_alive():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True


# Looked up here: in a forked child nothing may be imported or allocated that another thread could hold a lock on.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def dies_with_owner(signum: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` that has the kernel send `signum` to the child when the thread that started it ends.

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
