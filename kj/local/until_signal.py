"""Runs the system of a data directory until a signal says stop. As a module: the supervisor of `kj up --detach`."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path

from kj.errors import CommandError
from kj.local.data_directory import DataDirectory
from kj.local.state import supervisor_lock
from kj.local.supervisor import Supervisor

Then = Callable[[], Coroutine[object, object, None]]


async def run_until_signal(directory: DataDirectory, *, port: int, say: Callable[[str], None], then: Then) -> None:
    """Starts everything, awaits `then`, and serves until SIGINT, SIGTERM or SIGHUP; then stops in order.

    Raises CommandError when the directory has a supervisor already or something does not start.
    """
    say = _safely(say)
    stopped = _stop_signals()
    with supervisor_lock(directory):
        supervisor = Supervisor(directory, port=port, say=say)
        try:
            if await _unless(stopped, supervisor.start()) and await _unless(stopped, then()):
                await stopped.wait()
            say("stopping")
        finally:
            await supervisor.stop()


def _safely(say: Callable[[str], None]) -> Callable[[str], None]:
    """Says it where it can be said: a full disk under the log must not end the supervision of what still runs."""

    def said(line: str) -> None:
        with contextlib.suppress(OSError):
            say(line)

    return said


def _stop_signals() -> asyncio.Event:
    """Returns an event that the first signal sets.

    The second signal ends the process at once, and the kernel then ends its children.
    """
    stopped = asyncio.Event()

    def on_signal() -> None:
        if stopped.is_set():
            os._exit(130)
        stopped.set()

    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(signum, on_signal)
    return stopped


async def _unless(stopped: asyncio.Event, work: Awaitable[None]) -> bool:
    """Whether the work was done before the signal."""
    working = asyncio.ensure_future(work)
    stop = asyncio.create_task(stopped.wait())
    await asyncio.wait({working, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if working.done():
        working.result()
        return True
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
    return False


def say_with_time(line: str) -> None:
    """Prints one line of the supervisor's log, with the time in UTC."""
    print(datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), line, flush=True)


async def _nothing_more() -> None:
    """Does nothing: a system in the background only serves."""


def main(arguments: list[str]) -> int:
    """Runs `python -m kj.local.until_signal DATA_DIR PORT`; prints one line for each event, loads and shows nothing."""
    directory = DataDirectory.at(Path(arguments[0]))
    try:
        asyncio.run(run_until_signal(directory, port=int(arguments[1]), say=say_with_time, then=_nothing_more))
    except CommandError as error:
        print(error.what, error.next_step, sep="\n", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
