"""The patients at hand in the local system, which every load adds to."""

import json
import stat
from pathlib import Path

import pytest

from kj.errors import CommandError
from kj.local.data_directory import DataDirectory
from kj.local.known_patients import known, remember
from kj.patients import patients

ONE, OTHER = "13717404089", "48882807579"


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    return DataDirectory.at(tmp_path)


def test_patients_are_remembered_once_in_their_order_for_this_user_alone(directory: DataDirectory) -> None:
    remember(directory, [ONE], source="population 1")
    remember(directory, [OTHER, ONE, OTHER], source="a file.json")
    assert known(directory) == {ONE: "population 1", OTHER: "a file.json"}
    assert list(known(directory)) == [ONE, OTHER]
    assert stat.S_IMODE(directory.patients_file.stat().st_mode) == 0o600


def test_half_a_line_hides_no_other(directory: DataDirectory) -> None:
    remember(directory, [ONE], source="population 1")
    with directory.patients_file.open("a") as file:
        file.write('{"national_id": "488\n')
    remember(directory, [OTHER], source="population 1")
    assert list(known(directory)) == [ONE, OTHER]


def test_the_list_is_plain_json_for_programs(directory: DataDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    remember(directory, [ONE, OTHER], source="population 1")
    patients(directory.root, as_json=True)
    assert json.loads(capsys.readouterr().out) == [ONE, OTHER]


def test_nobody_at_hand_is_an_empty_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    patients(tmp_path, as_json=True)
    assert json.loads(capsys.readouterr().out) == []


def test_the_patients_of_another_gateway_are_not_listed(directory: DataDirectory) -> None:
    remember(directory, [ONE], source="population 1")
    with pytest.raises(CommandError, match="it has no --gateway"):
        patients(directory.root, as_json=True, gateway="gateway.example:443")


def test_no_local_system_is_no_empty_list(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no local system"):
        patients(tmp_path / "nowhere", as_json=True)
