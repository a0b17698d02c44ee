"""`kj status`: shows what runs, and whether it serves."""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from typing import Annotated

import asyncpg
import typer
from rich.console import Console
from rich.table import Table

from kj.errors import CommandError
from kj.local.data_directory import DEFAULT, DataDirectory, DataDirOption
from kj.local.health_check import health
from kj.local.local_system import LocalSystem
from kj.local.state import ProcessState, running_state

SERVING = "serving"


@dataclass(frozen=True)
class Row:
    """One process, asked just now."""

    name: str
    pid: int | None
    address: str
    state: str


def status(
    data_dir: DataDirOption = DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="A list of {name, pid, address, state}.")] = False,
) -> None:
    """Show every process of the local system; exit code 0 only when everything serves."""
    directory = DataDirectory.at(data_dir)
    rows = asyncio.run(_rows(directory))
    if as_json or not sys.stdout.isatty():
        print(json.dumps([asdict(row) for row in rows], indent=2))
    elif rows:
        Console().print(_table(rows))
    else:
        raise CommandError(f"Nothing runs on {directory.root}.", "Start it with: kj up")
    if not rows or any(row.state != SERVING for row in rows):
        raise typer.Exit(1)


async def _rows(directory: DataDirectory) -> list[Row]:
    state = running_state(directory)
    if state is None:
        return []
    return await asyncio.gather(*(_row(process, directory) for process in state.processes))


async def _row(process: ProcessState, directory: DataDirectory) -> Row:
    alive = process.process is not None and process.process.is_alive()
    state = process.state
    if not alive and state in {SERVING, "starting"}:
        state = "stopped"
    elif state == SERVING:
        state = await (_postgres(directory) if process.name == "postgres" else health(process.address, timeout=2.0))
    return Row(process.name, process.process.pid if alive and process.process else None, process.address, state)


async def _postgres(directory: DataDirectory) -> str:
    try:
        connection = await asyncpg.connect(LocalSystem.open(directory.root).superuser_url, timeout=2.0)
        await connection.close(timeout=2.0)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return "not answering"
    return SERVING


def _table(rows: list[Row]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("name", "pid", "address", "state"):
        table.add_column(title, overflow="fold")
    for row in rows:
        colour = "green" if row.state == SERVING else "red"
        table.add_row(row.name, str(row.pid or ""), row.address, f"[{colour}]{row.state}[/{colour}]")
    return table
