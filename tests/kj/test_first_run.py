"""What a system does once it serves, on directories of every age."""

import json
from pathlib import Path

import pytest

from kj import first_run
from kj.first_run import FIRST_REGISTERS, REGISTERS, know_once, load_once
from kj.load import CLINICAL
from kj.local.data_directory import DataDirectory


class Loads:
    """Stands in for `kj load`: notes what was asked for."""

    def __init__(self, code: int = 0) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.said: list[str] = []
        self._code = code

    async def kj(self, _directory: DataDirectory, *arguments: str) -> "Loads":
        self.asked.append(arguments)
        return self

    async def wait(self) -> int:
        return self._code

    @property
    def returncode(self) -> int:
        return self._code


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Loads:
    stand_in = Loads()
    monkeypatch.setattr(first_run, "_kj", stand_in.kj)
    return stand_in


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    return DataDirectory.at(tmp_path)


def test_it_knows_the_registers_that_a_load_fills() -> None:
    assert set(REGISTERS) == set(CLINICAL)


async def test_a_new_directory_is_loaded_once(directory: DataDirectory, loads: Loads) -> None:
    for _ in range(2):
        assert await load_once(directory, 200, loads.said.append)
    assert loads.asked == [("load", "--patients", "200")]
    assert loads.said == []


async def test_nobody_wanted_is_nothing_loaded(directory: DataDirectory, loads: Loads) -> None:
    assert await load_once(directory, 0, loads.said.append)
    assert loads.asked == []
    assert not directory.loaded_file.exists()


async def test_a_directory_from_before_a_register_was_there_gets_it(directory: DataDirectory, loads: Loads) -> None:
    directory.loaded_file.write_text('{"patients": 50, "at": "2026-01-01T00:00:00+00:00"}')
    people = [{"national_id": f"{number:011}", "source": "population 1"} for number in range(60)]
    directory.patients_file.write_text("".join(json.dumps(each) + "\n" for each in people))
    for _ in range(2):
        assert await load_once(directory, 200, loads.said.append)
    new = ("--register", "labs", "--register", "vaccinations", "--register", "own_registrations")
    assert loads.asked == [("load", "--patients", "60", *new)]
    [told] = loads.said
    assert "before it had labs, vaccinations, own_registrations" in told
    assert set(json.loads(directory.loaded_file.read_text())["registers"]) == set(REGISTERS) > set(FIRST_REGISTERS)


@pytest.mark.parametrize("content", ["", "[]", '{"patients": null}', "{}"])
async def test_a_damaged_file_loads_nothing(content: str, directory: DataDirectory, loads: Loads) -> None:
    directory.loaded_file.write_text(content)
    assert await load_once(directory, 200, loads.said.append)
    assert loads.asked == []


async def test_a_load_that_fails_is_told_and_tried_again(
    directory: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Loads(code=1)
    monkeypatch.setattr(first_run, "_kj", failing.kj)
    for _ in range(2):
        assert not await load_once(directory, 7, failing.said.append)
    assert len(failing.asked) == 2
    assert "try again with: kj load --patients 7" in failing.said[0]


async def test_drug_knowledge_is_loaded_where_there_is_none(directory: DataDirectory, loads: Loads) -> None:
    assert await know_once(directory, loads.said.append)
    assert loads.asked == [("knowledge", "load", "--if-none")]
    assert loads.said == []


async def test_without_drug_knowledge_the_operator_is_told(
    directory: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Loads(code=1)
    monkeypatch.setattr(first_run, "_kj", failing.kj)
    assert not await know_once(directory, failing.said.append)
    assert "without safety checks" in failing.said[0]
