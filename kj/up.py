"""`kj up`: starts the whole system on this machine."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from kj.errors import CommandError
from kj.first_run import know_once, load_once, show_one_summary
from kj.local.data_directory import DEFAULT, DataDirectory, DataDirOption
from kj.local.state import running_state, supervisor_lock
from kj.local.until_signal import run_until_signal


def up(
    data_dir: DataDirOption = DEFAULT,
    port: Annotated[int, typer.Option(envvar="KJ_PORT", help="The gateway's port on 127.0.0.1; 0: any.")] = 50051,
    patients: Annotated[int, typer.Option(help="Synthetic patients to load into a new system.")] = 200,
    detach: Annotated[bool, typer.Option("--detach", help="Return when everything serves; kj down stops it.")] = False,
) -> None:
    """Start every service, the gateway and PostgreSQL; serve until Ctrl-C."""
    directory = DataDirectory.at(data_dir)
    directory.create()
    if detach:
        _start_in_background(directory, port)
        _say("kj status shows it, kj down stops it")
        known = asyncio.run(know_once(directory, _say))
        if not asyncio.run(load_once(directory, patients, _say)) or not known:
            raise typer.Exit(1)
    else:
        asyncio.run(_in_foreground(directory, port, patients))


async def _in_foreground(directory: DataDirectory, port: int, patients: int) -> None:
    began = time.monotonic()

    async def then() -> None:
        _say(f"started in {time.monotonic() - began:.1f} s")
        await know_once(directory, _say)
        await load_once(directory, patients, _say)
        await show_one_summary(directory)
        _say("Ctrl-C stops everything; kj down from elsewhere does too")

    _say(f"starting in {directory.root}")
    await run_until_signal(directory, port=port, say=_say, then=then)


def _start_in_background(directory: DataDirectory, port: int) -> None:
    """Leaves a supervisor behind, once everything serves."""
    with supervisor_lock(directory):
        pass  # says what runs, if something does
    log = directory.logs / "supervisor.log"
    with log.open("wb") as output:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "kj.local.until_signal", str(directory.root), str(port)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        while supervisor.poll() is None:
            state = running_state(directory)
            if state is not None and state.supervisor.pid == supervisor.pid and state.phase == "serving":
                _relay(log)
                return
            time.sleep(0.05)
    except BaseException:
        supervisor.terminate()
        raise
    what, _, next_step = "\n".join(log.read_text().strip().splitlines()[-2:]).partition("\n")
    raise CommandError(what or "The supervisor ended.", next_step)


def _relay(log: Path) -> None:
    for line in log.read_text().splitlines():
        _say(line.partition(" ")[2])  # without the time


def _say(line: str) -> None:
    # Standard error: what a pipe reads from kj is data.
    print(line, file=sys.stderr, flush=True)
