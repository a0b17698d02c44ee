"""What a new system does once it serves: loads drug knowledge and a population, and shows one summary."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from datetime import UTC, datetime

from kj.local.data_directory import DataDirectory
from kj.local.known_patients import known
from kj.local.process import dies_with_owner
from kj.local.programs import SERVICES
from kj.local.state import write_private

REGISTERS = tuple(service for service in SERVICES if service not in {"patients", "audit"})
"""What a load fills, beside the patients. `kj.load` has them too, and too much else for this process."""
FIRST_REGISTERS = ("critical_info", "medications", "visits", "documents")
"""What a directory was loaded with whose file does not say it: the registers of the first release."""


async def load_once(directory: DataDirectory, patients: int, say: Callable[[str], None]) -> bool:
    """Loads the synthetic population unless this directory has had its load. Returns whether it has one now.

    One that was loaded before some register was there gets it for as many people; its other registers are left alone.
    """
    before = _loaded(directory)
    wanted: list[str] = []
    if before is not None:
        patients, told = before
        patients = max(patients, list(known(directory).values()).count("population 1"))
        missing = [register for register in REGISTERS if register not in told]
        if not missing:
            return True
        wanted = [word for register in missing for word in ("--register", register)]
        say(f"This directory was loaded before it had {', '.join(missing)}: adding them for its {patients} people")
    elif patients <= 0:
        return True
    loading = await _kj(directory, "load", "--patients", str(patients), *wanted)
    if await _result(loading) != 0:
        say(f"The population was not loaded. The system serves; try again with: kj load --patients {patients}")
        return False
    loaded = {"patients": patients, "registers": list(REGISTERS), "at": datetime.now(UTC).isoformat()}
    write_private(directory.loaded_file, json.dumps(loaded) + "\n")
    return True


async def know_once(directory: DataDirectory, say: Callable[[str], None]) -> bool:
    """Loads the drug knowledge of this release unless some is in force. Returns whether some is in force now."""
    if await _result(await _kj(directory, "knowledge", "load", "--if-none")) == 0:
        return True
    say("No drug knowledge was loaded. The system serves, without safety checks; try again with: kj knowledge load")
    return False


def _loaded(directory: DataDirectory) -> tuple[int, list[str]] | None:
    """Returns how many people were loaded, into which registers; None: nobody yet.

    A damaged file counts as a load of everything: what is there is left alone.
    """
    try:
        loaded = json.loads(directory.loaded_file.read_text())
        return int(loaded["patients"]), list(loaded.get("registers", FIRST_REGISTERS))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError):
        return 0, list(REGISTERS)


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
        "kj",
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
