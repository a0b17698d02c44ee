"""state.json names what runs, and is not taken in by recycled pids, torn files or a second supervisor."""

import os
from pathlib import Path

import pytest

from kj.errors import CommandError
from kj.local.data_directory import DataDirectory
from kj.local.process import ProcessId
from kj.local.state import ProcessState, State, running_state, supervisor_lock


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    data = DataDirectory.at(tmp_path / "data")
    data.create()
    return data


def _state() -> State:
    me = ProcessId.of(os.getpid())
    assert me is not None
    processes = [ProcessState("audit", "unix:/a", "serving", me), ProcessState("visits", "unix:/v")]
    return State(supervisor=me, gateway="127.0.0.1:1", socket_directory="/s", processes=processes)


def test_it_is_read_as_it_was_written(directory: DataDirectory) -> None:
    _state().write(directory.state_file)
    assert State.read(directory.state_file) == _state()
    assert running_state(directory) == _state()
    assert directory.state_file.stat().st_mode & 0o777 == 0o600


def test_a_recycled_pid_is_not_the_supervisor(directory: DataDirectory) -> None:
    state = _state()
    state.supervisor = ProcessId(os.getpid(), state.supervisor.started - 0.01)
    state.write(directory.state_file)
    assert running_state(directory) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"supervisor": 1, "processes": []}'])
def test_a_file_that_is_no_state_counts_as_none(directory: DataDirectory, text: str) -> None:
    directory.state_file.write_text(text)
    assert running_state(directory) is None


def test_a_second_supervisor_is_told_what_runs(directory: DataDirectory) -> None:
    _state().write(directory.state_file)
    says = f"pid {os.getpid()}, gateway at 127.0.0.1:1"
    with supervisor_lock(directory), pytest.raises(CommandError, match=says), supervisor_lock(directory):
        pytest.fail("two supervisors hold one lock")


def test_a_freed_lock_can_be_taken_again(directory: DataDirectory) -> None:
    for _ in range(2):
        with supervisor_lock(directory):
            pass
