"""`kj patients`: lists the national ids at hand in the local system."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from kj.calls.local_alone import LocalAlone, refuse_gateway
from kj.errors import CommandError
from kj.local.data_directory import DEFAULT, DataDirectory, DataDirOption
from kj.local.known_patients import known


def patients(
    data_dir: DataDirOption = DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="A list of national ids.")] = False,
    gateway: LocalAlone = None,
) -> None:
    """List the patients that were loaded or imported here, by national id.

    For the local system alone, from its own notes: no gateway lists its patients.
    """
    refuse_gateway(
        gateway,
        "kj patients lists what the local system was sent: it has no --gateway.",
        "No gateway lists its patients: ask for those whom you know.",
    )
    directory = DataDirectory.at(data_dir)
    if not directory.root.is_dir():
        raise CommandError(f"There is no local system on {directory.root}.", "Start one with: kj up --detach")
    sources = known(directory)
    if as_json or not sys.stdout.isatty():
        print(json.dumps(list(sources), indent=2))
        return
    if not sources:
        raise CommandError(f"No patients on {directory.root}.", "Load some with: kj load --patients 200")
    table = Table(box=None, pad_edge=False)
    for title in ("national id", "from"):
        table.add_column(title)
    for national_id, source in sources.items():
        table.add_row(national_id, source)
    Console().print(table)
