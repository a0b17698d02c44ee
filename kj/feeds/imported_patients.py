"""Keeps imported.jsonl: which national id each patient from outside was given, for the next import."""

import fcntl
import json
import os
from collections.abc import Iterator, Set
from contextlib import contextmanager, suppress
from datetime import datetime

from kj.fhir_r4.resources.national_ids import AssignedIds, Known
from kj.local.data_directory import DataDirectory

_FILE = "imported.jsonl"


@contextmanager
def assigned_ids_of(directory: DataDirectory, others: Set[str]) -> Iterator[AssignedIds]:
    """Yields the ids given out here so far, beside `others` which are taken; keeps what is added to them.

    One import at a time has them, so that two never give the same number to two patients. Nothing is kept when the
    import raises.
    """
    directory.create()
    with os.fdopen(os.open(directory.root / _FILE, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        ids = _read(file, others)
        before = set(ids.known)
        yield ids
        file.write(
            "".join(
                json.dumps({"key": key, "national_id": each.national_id, "since": each.since.isoformat()}) + "\n"
                for key, each in ids.known.items()
                if key not in before
            )
        )


def look(directory: DataDirectory, others: Set[str]) -> AssignedIds:
    """Returns the same for a dry run, which changes nothing."""
    try:
        with (directory.root / _FILE).open() as file:
            return _read(file, others)
    except FileNotFoundError:
        return _read(iter(()), others)


def _read(lines: Iterator[str], others: Set[str]) -> AssignedIds:
    ids = AssignedIds()
    for line in lines:
        with suppress(
            ValueError, KeyError, TypeError
        ):  # a full disk can leave half a line: that patient is assigned again
            entry = json.loads(line)
            ids.known[entry["key"]] = Known(entry["national_id"], datetime.fromisoformat(entry["since"]))
    ids.taken = set(others) - {each.national_id for each in ids.known.values()}
    return ids
