"""Keeps the national ids that `kj load` and `kj import` have sent to the local system.

No register gives a list of patients, and none should: the local runner keeps its own, of synthetic people alone.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress

from kj.local.data_directory import DataDirectory


def remember(directory: DataDirectory, ids: Iterable[str], *, source: str) -> None:
    """Adds national ids to the list, in their order; those that stand there already stay as they are.

    `source` says where they came from, in a word or two: "population", a file's name.
    """
    path = directory.patients_file
    # Opened for appending: two commands that finish together keep each other's lines.
    with os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        there = dict(_entries(file))
        lines = [
            json.dumps({"national_id": each, "source": source}, ensure_ascii=False) + "\n"
            for each in dict.fromkeys(ids)
            if each not in there
        ]
        file.write("".join(lines))


def known(directory: DataDirectory) -> dict[str, str]:
    """Returns where each national id came from, in the order they were remembered."""
    try:
        text = directory.patients_file.read_text()
    except FileNotFoundError:
        return {}
    return dict(_entries(text.splitlines()))


def _entries(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        # A full disk can leave half a line: that patient is sent again with the next load.
        with suppress(ValueError):
            entry = json.loads(line)
            yield entry["national_id"], entry["source"]
