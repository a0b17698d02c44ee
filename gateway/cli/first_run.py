"""What a new system does once it serves: loads a population, and shows one summary."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from datetime import UTC, datetime

from gateway.cli.data_directory import DataDirectory
from gateway.cli.process import dies_with_owner
from gateway.cli.state import write_private


async def load_once(directory: DataDirectory, patients: int, say: Callable[[str], None]) -> bool:
    """Loads the synthetic population unless this directory has had its load; whether it has one now."""
    if directory.loaded_file.exists() or patients <= 0:
        return True
    loading = await _kj(directory, "load", "--patients", str(patients))
    if await _result(loading) != 0:
        say(f"The population was not loaded. The system serves; try again with: kj load --patients {patients}")
        return False
    write_private(directory.loaded_file, json.dumps({"patients": patients, "at": datetime.now(UTC).isoformat()}) + "\n")
    return True


async def show_one_summary(directory: DataDirectory) -> None:
    """Shows the summary of the first patient at hand, as `kj summary` does; nothing when there is no patient."""
    asking = await _kj(directory, "patients", "--json", stdout=PIPE)
    output, _ = await asking.communicate()
    try:
        patient = json.loads(output)[0]
    except (ValueError, IndexError):
        return
    await _result(await _kj(directory, "summary", "--text", str(patient)))


async def _kj(directory: DataDirectory, *arguments: str, stdout: int | None = None) -> Process:
    # A process of its own: what it imports and holds is gone afterwards, while this one stays.
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway.cli",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=stdout,
        env={**os.environ, "KJ_DATA_DIR": str(directory.root)},
        preexec_fn=dies_with_owner(signal.SIGTERM),
    )


async def _result(process: Process) -> int:
    try:
        return await process.wait()
    finally:
        if process.returncode is None:  # cancelled: the system stops
            process.terminate()
            await process.wait()
