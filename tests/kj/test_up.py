"""`kj up` on real processes: what runs is known, what crashes comes back, what is killed leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kj.local.data_directory import DataDirectory
from kj.local.process import ProcessId
from kj.local.programs import GATEWAY, ROOT, SERVICES, WITNESS
from kj.local.state import State
from shared.sealing import KeyWrap

NAMES = ["postgres", *SERVICES, WITNESS, GATEWAY]


class Kj:
    """The command line on one data directory."""

    def __init__(self, root: Path) -> None:
        self.directory = DataDirectory(root)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "kj", *arguments],
            env={**os.environ, "KJ_DATA_DIR": str(self.directory.root)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def up(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("up", "--detach", "--patients", "0", "--port", "0", *arguments)

    def status(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.run("status", "--json").stdout)
        return rows

    def process(self, name: str) -> ProcessId:
        found = ProcessId.of(next(row["pid"] for row in self.status() if row["name"] == name))
        assert found is not None
        return found

    def state(self) -> State:
        state = State.read(self.directory.state_file)
        assert state is not None
        return state

    def serves_within(self, seconds: float) -> bool:
        return _within(seconds, lambda: self.run("status").returncode == 0)


@pytest.fixture(scope="module")
def kj() -> Iterator[Kj]:
    with tempfile.TemporaryDirectory(prefix="kj-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)  # root's PostgreSQL runs as another user
        command = Kj(Path(folder, "data"))
        started = command.up()
        try:
            assert started.returncode == 0, started.stderr
            yield command
        finally:
            stopped = command.run("down")
        assert stopped.returncode == 0
        assert "Stopped what ran" in stopped.stdout
        assert not command.directory.state_file.exists()


def test_status_lists_what_runs(kj: Kj) -> None:
    asked = kj.run("status")  # into a pipe: JSON without being told
    rows = json.loads(asked.stdout)
    assert asked.returncode == 0
    assert [row["name"] for row in rows] == NAMES
    assert all(set(row) == {"name", "pid", "address", "state"} for row in rows)
    assert {row["state"] for row in rows} == {"serving"}
    assert all(row["address"].startswith("unix:/tmp/kj-") for row in rows if row["name"] != GATEWAY)


def test_a_second_up_says_what_runs(kj: Kj) -> None:
    second = kj.up()
    state = kj.state()
    assert second.returncode == 1
    assert f"pid {state.supervisor.pid}, gateway at {state.gateway}" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_port_in_use_is_named(kj: Kj) -> None:
    port = kj.state().gateway.partition(":")[2]
    with tempfile.TemporaryDirectory(prefix="kj-", dir="/tmp") as folder:
        refused = Kj(Path(folder)).run("up", "--patients", "0", "--port", port)
    assert refused.returncode == 1
    assert f"kj: Port {port} on 127.0.0.1 is in use" in refused.stderr
    assert "--port" in refused.stderr


@pytest.mark.parametrize("name", ["audit", "postgres", GATEWAY])
def test_what_is_killed_serves_again(kj: Kj, name: str) -> None:
    killed = kj.process(name)
    killed.send(signal.SIGKILL)
    assert killed.gone_within(5)
    assert kj.serves_within(20)
    assert kj.process(name) != killed
    assert f"{name} was ended by SIGKILL: starting it again" in (kj.directory.logs / "supervisor.log").read_text()


def test_a_frozen_service_is_seen_and_left_alone(kj: Kj) -> None:
    frozen = kj.process("visits")
    frozen.send(signal.SIGSTOP)
    try:
        asked = kj.run("status", "--json")
    finally:
        frozen.send(signal.SIGCONT)
    assert asked.returncode == 1
    assert {row["name"]: row["state"] for row in json.loads(asked.stdout)}["visits"] == "not answering"
    assert kj.serves_within(10)
    assert kj.process("visits") == frozen


def test_migrate_has_nothing_left_to_do(kj: Kj) -> None:
    done = kj.run("migrate")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{service}: nothing to apply" for service in SERVICES]


def test_secrets_are_private(kj: Kj) -> None:
    keys = [kj.directory.keys / name for name in ("document.key", "own_registrations.key")]
    for path in (kj.directory.keys / "passwords.json", *keys, kj.directory.state_file):
        assert path.stat().st_mode & 0o777 == 0o600
    assert [KeyWrap.from_file(key).key_id for key in keys] == [1, 1]
    assert keys[0].read_bytes() != keys[1].read_bytes()


def test_a_killed_supervisor_leaves_nothing_and_the_next_start_is_clean(kj: Kj) -> None:
    state = kj.state()
    running = [process.process for process in state.processes if process.process is not None]
    assert len(running) == len(NAMES)
    state.supervisor.send(signal.SIGKILL)
    assert all(process.gone_within(10) for process in running)
    assert kj.run("status", "--json").stdout.strip() == "[]"
    began = time.monotonic()
    again = kj.up()
    assert again.returncode == 0, again.stderr
    assert kj.run("status").returncode == 0
    assert time.monotonic() - began < 40


def test_a_foreground_system_stops_at_ctrl_c() -> None:
    with tempfile.TemporaryDirectory(prefix="kj-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        kj = Kj(Path(folder, "data"))
        command = [sys.executable, "-m", "kj", "up", "--port", "0", "--patients", "0"]
        environment = {**os.environ, "KJ_DATA_DIR": str(kj.directory.root)}
        with subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True) as up:
            assert _within(60, lambda: kj.directory.state_file.exists() and kj.state().phase == "serving")
            running = [process.process for process in kj.state().processes if process.process is not None]
            up.send_signal(signal.SIGINT)
            _, said = up.communicate(timeout=40)
        assert up.returncode == 0
        assert "serving at 127.0.0.1:" in said
        assert not any(process.is_alive() for process in running)
        assert not kj.directory.state_file.exists()


def test_nothing_runs() -> None:
    with tempfile.TemporaryDirectory(prefix="kj-", dir="/tmp") as folder:
        kj = Kj(Path(folder))
        assert kj.run("status").returncode == 1
        assert kj.run("down").returncode == 0
        migrating = kj.run("migrate")
    assert migrating.returncode == 1
    assert migrating.stderr.startswith("kj: Nothing runs on")


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
