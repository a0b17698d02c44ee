"""The day that records are told as of, and the list of patients at hand."""

import json
import stat
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from kj import load
from kj.errors import CommandError
from kj.load import reference_day
from kj.local.data_directory import DataDirectory
from kj.local.known_patients import known, remember
from kj.local.process import ProcessId
from kj.local.running import LocalSystem
from kj.local.state import State
from kj.patients import patients

ONE, OTHER = "13717404089", "48882807579"


@pytest.fixture
def system(tmp_path: Path) -> LocalSystem:
    state = State(supervisor=ProcessId(pid=1, started=0.0), gateway="127.0.0.1:1", socket_directory="")
    return LocalSystem(DataDirectory.at(tmp_path), state)


def test_the_day_of_the_first_load_is_the_day_of_every_load(tmp_path: Path) -> None:
    directory = DataDirectory.at(tmp_path)
    assert reference_day(directory) == datetime.now(UTC).date()
    directory.population_file.write_text('{"as_of": "2025-06-01"}')
    assert reference_day(directory) == date(2025, 6, 1)


def test_a_clock_before_the_population_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "CENSUS", date(9999, 1, 1))
    with pytest.raises(CommandError, match="clock"):
        reference_day(DataDirectory.at(tmp_path))


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"as_of": 3}', '{"as_of": "yesterday"}'])
def test_a_damaged_day_is_told(content: str, tmp_path: Path) -> None:
    directory = DataDirectory.at(tmp_path)
    directory.population_file.write_text(content)
    with pytest.raises(CommandError, match="damaged"):
        reference_day(directory)


def test_patients_are_remembered_once_in_their_order_for_this_user_alone(system: LocalSystem) -> None:
    remember(system, [ONE], source="population 1")
    remember(system, [OTHER, ONE, OTHER], source="a file.json")
    assert known(system.directory) == {ONE: "population 1", OTHER: "a file.json"}
    assert list(known(system.directory)) == [ONE, OTHER]
    assert stat.S_IMODE(system.directory.patients_file.stat().st_mode) == 0o600


def test_half_a_line_hides_no_other(system: LocalSystem) -> None:
    remember(system, [ONE], source="population 1")
    with system.directory.patients_file.open("a") as file:
        file.write('{"national_id": "488\n')
    remember(system, [OTHER], source="population 1")
    assert list(known(system.directory)) == [ONE, OTHER]


def test_the_list_is_plain_json_for_programs(system: LocalSystem, capsys: pytest.CaptureFixture[str]) -> None:
    remember(system, [ONE, OTHER], source="population 1")
    patients(system.directory.root, as_json=True)
    assert json.loads(capsys.readouterr().out) == [ONE, OTHER]


def test_nobody_at_hand_is_an_empty_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    patients(tmp_path, as_json=True)
    assert json.loads(capsys.readouterr().out) == []
