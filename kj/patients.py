"""`kj patients`: the national ids at hand in the local system."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from kj.errors import CommandError
from kj.local.data_directory import DEFAULT, DataDirectory, DataDirOption
from kj.local.known_patients import known


def patients(
    data_dir: DataDirOption = DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="A list of national ids.")] = False,
) -> None:
    """List the patients that were loaded or imported here, by national id."""
    directory = DataDirectory.at(data_dir)
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
