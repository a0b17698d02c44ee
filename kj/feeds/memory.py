"""What is remembered of what was sent, so that sending it again changes nothing: in a data directory, or for one run.

The local runner remembers in its data directory. Of what went to another gateway nothing stays on this machine: it has
no business here.
"""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Protocol

from kj.errors import CommandError
from kj.feeds import imported_patients
from kj.fhir_r4.resources.national_ids import AssignedIds
from kj.local.data_directory import DataDirectory
from kj.local.known_patients import known, remember
from kj.local.state import write_private
from kj.synthetic.people.person import CENSUS


class Memory(Protocol):
    """Patients that were sent, national ids that patients from outside were given, and a population's day."""

    def remember(self, national_ids: Iterable[str], *, source: str) -> None:
        """Adds patients who were sent, with a word or two on where they came from."""

    def assigning(self, path: Path) -> AbstractContextManager[AssignedIds]:
        """Yields who was given which national id, for a file. Whoever is given one is remembered, unless it fails."""

    def look(self) -> AssignedIds:
        """Returns the same, for a look that changes nothing."""

    def reference_day(self, wanted: date | None) -> date:
        """Returns the day that a population's records are as of; `wanted`: the one asked for."""


def memory_of(gateway: str | None, data_dir: Path) -> Memory:
    """Returns the data directory's memory, or, where another gateway is named, one that ends with the run."""
    return DirectoryMemory(DataDirectory.at(data_dir)) if gateway is None else RunMemory()


class DirectoryMemory:
    """Remembers in a data directory."""

    def __init__(self, directory: DataDirectory) -> None:
        self._directory = directory

    def remember(self, national_ids: Iterable[str], *, source: str) -> None:
        """Adds patients to those at hand, which `kj patients` lists."""
        remember(self._directory, national_ids, source=source)

    def assigning(self, path: Path) -> AbstractContextManager[AssignedIds]:
        """Yields the directory's list, which no other import has at the same time."""
        return imported_patients.assigned_ids_of(self._directory, self._others)

    def look(self) -> AssignedIds:
        """Returns the directory's list as it is now."""
        return imported_patients.look(self._directory, self._others)

    def reference_day(self, wanted: date | None) -> date:
        """Returns the day of the first load, which is today's or the one wanted; the same ever after."""
        path = self._directory.population_file
        try:
            kept = date.fromisoformat(json.loads(path.read_text())["as_of"])
        except FileNotFoundError:
            day = _after_census(wanted)
            write_private(path, json.dumps({"as_of": day.isoformat()}) + "\n")
            return day
        except (ValueError, KeyError, TypeError):
            raise CommandError(f"{path} is damaged.", "Remove it; the population gets records as of today.") from None
        if wanted is not None and wanted != kept:
            raise CommandError(f"The population here has records as of {kept}.", "Leave --as-of out.")
        return kept

    @cached_property
    def _others(self) -> frozenset[str]:
        """Returns the patients of before this run, whose national ids are taken."""
        return frozenset(known(self._directory))


class RunMemory:
    """Remembers until the run ends.

    Every run gives a patient from outside the same national id all the same: it follows from the source's own
    identifier, unless two would have the same one. What states no date of its own is of the file's time.
    """

    def __init__(self) -> None:
        self._ids = AssignedIds()

    def remember(self, national_ids: Iterable[str], *, source: str) -> None:
        """Keeps nothing: the run does not ask for it."""

    @contextmanager
    def assigning(self, path: Path) -> Iterator[AssignedIds]:
        """Yields the run's list."""
        lent = self.look()
        with suppress(OSError):  # whoever reads the file says what is wrong with it
            lent.since = datetime.fromtimestamp(min(path.stat().st_mtime, time.time()), UTC)
        yield lent
        self._ids = lent

    def look(self) -> AssignedIds:
        """Returns a copy of the run's list."""
        return AssignedIds(dict(self._ids.known))

    def reference_day(self, wanted: date | None) -> date:
        """Returns the day that is wanted, else today."""
        return _after_census(wanted)


def _after_census(wanted: date | None) -> date:
    day = wanted or datetime.now(UTC).date()
    if day <= CENSUS and wanted is None:
        raise CommandError(f"This machine's clock says {day}; the population is of {CENSUS}.", "Set the clock.")
    if day <= CENSUS:
        raise CommandError(f"The population is of {CENSUS}: it has no records as of {day}.", "Choose a later day.")
    return day
