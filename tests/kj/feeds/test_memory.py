"""What is remembered of what was sent: the local runner's in its directory, another gateway's for one run."""

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from kj.errors import CommandError
from kj.feeds import memory
from kj.feeds.memory import DirectoryMemory, Memory, RunMemory, memory_of
from kj.fhir_r4.resources.national_ids import Known
from kj.local.data_directory import DataDirectory
from kj.local.known_patients import known

PATIENT = "13717404089"
FILE = Path(__file__)
DAY = date(2025, 6, 1)
GIVEN = Known(PATIENT, datetime(2025, 6, 1, tzinfo=UTC))


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    return DataDirectory.at(tmp_path)


def test_the_day_of_the_first_load_is_the_day_of_every_load(directory: DataDirectory) -> None:
    assert DirectoryMemory(directory).reference_day(None) == datetime.now(UTC).date()
    directory.population_file.write_text('{"as_of": "2025-06-01"}')
    assert DirectoryMemory(directory).reference_day(None) == DAY == DirectoryMemory(directory).reference_day(DAY)
    with pytest.raises(CommandError, match="records as of 2025-06-01"):
        DirectoryMemory(directory).reference_day(date(2025, 6, 2))


def test_a_day_that_is_asked_for_is_the_first_loads(directory: DataDirectory) -> None:
    assert DirectoryMemory(directory).reference_day(DAY) == DAY
    assert DirectoryMemory(directory).reference_day(None) == DAY


def test_elsewhere_the_day_is_the_one_asked_for_or_today() -> None:
    assert RunMemory().reference_day(DAY) == DAY
    assert RunMemory().reference_day(None) == datetime.now(UTC).date()


@pytest.mark.parametrize("kept", [RunMemory(), DirectoryMemory(DataDirectory(Path("/nowhere")))])
def test_a_day_before_the_population_is_refused(kept: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CENSUS", date(9999, 1, 1))
    with pytest.raises(CommandError, match="clock"):
        kept.reference_day(None)
    with pytest.raises(CommandError, match="no records as of 2025-06-01"):
        kept.reference_day(DAY)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"as_of": 3}', '{"as_of": "yesterday"}'])
def test_a_damaged_day_is_named(content: str, directory: DataDirectory) -> None:
    directory.population_file.write_text(content)
    with pytest.raises(CommandError, match="damaged"):
        DirectoryMemory(directory).reference_day(None)


def test_the_local_system_remembers_in_its_directory(directory: DataDirectory) -> None:
    kept = memory_of(None, directory.root)
    kept.remember([PATIENT], source="a file.json")
    with kept.assigning(FILE) as ids:
        ids.known["key"] = GIVEN
    assert known(directory) == {PATIENT: "a file.json"}
    assert memory_of(None, directory.root).look().known == {"key": GIVEN}


def test_another_gateways_patients_are_remembered_for_the_run_and_nowhere_else(tmp_path: Path) -> None:
    kept = memory_of("gateway.example:443", tmp_path / "data")
    kept.remember([PATIENT], source="a file.json")
    with kept.assigning(FILE) as ids:
        ids.known["key"] = GIVEN
    assert kept.look().known == {"key": GIVEN}
    assert not (tmp_path / "data").exists()


def test_elsewhere_a_patient_is_since_the_files_time_in_every_run(tmp_path: Path) -> None:
    path = tmp_path / "a file.json"
    path.touch()
    os.utime(path, (1_700_000_000, 1_700_000_000))
    with RunMemory().assigning(path) as ids:
        assert ids.since == datetime.fromtimestamp(1_700_000_000, UTC)
    os.utime(path, (4_000_000_000, 4_000_000_000))
    with RunMemory().assigning(path) as ids:
        assert ids.since is not None
        assert ids.since <= datetime.now(UTC), "a file of the future has facts of now"


def test_what_fails_assigns_nothing() -> None:
    def failing(kept: RunMemory) -> None:
        with kept.assigning(FILE) as ids:
            ids.known["key"] = GIVEN
            raise RuntimeError("the file is broken")

    kept = RunMemory()
    with pytest.raises(RuntimeError):
        failing(kept)
    assert kept.look().known == {}
