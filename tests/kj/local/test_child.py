"""What supervision does when a process crashes, never starts, hangs, or loses its owner."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kj.errors import CommandError
from kj.local.child import Child, ServiceLaunch
from kj.local.process import ProcessId
from kj.local.programs import Program

HEALTHY = (sys.executable, "-m", "tests.support.health_process")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short enough for a socket's path, which a test's own folder is not."""
    with tempfile.TemporaryDirectory(prefix="kj-", dir="/tmp") as path:
        yield Path(path)


@asynccontextmanager
async def supervised(folder: Path, *command: str, **settings: str) -> AsyncIterator[tuple[Child, list[str]]]:
    address = f"unix:{folder}/a.sock"
    program = Program("audit", command, address, {"KJ_LISTEN": address, **settings})
    said: list[str] = []
    child = Child(ServiceLaunch(program, folder / "audit.log"), say=said.append, changed=lambda: None)
    try:
        yield child, said
    finally:
        await child.stop()


async def test_a_crashed_process_starts_again_and_says_so(folder: Path) -> None:
    async with supervised(folder, *HEALTHY) as (child, said):
        await child.start(30)
        first = child.state.process
        assert first is not None
        os.kill(first.pid, signal.SIGKILL)
        await _until(lambda: child.state.state == "serving" and child.state.process != first)
        assert "audit was ended by SIGKILL: starting it again in 0.2 s" in said[0]
        assert "audit serves again" in said[1]
    assert child.state.state == "stopped"


async def test_a_process_that_never_serves_is_given_up_with_its_last_words(folder: Path) -> None:
    async with supervised(folder, sys.executable, "-c", "raise SystemExit('no such table')") as (child, _):
        with pytest.raises(CommandError, match="audit does not start: it ended with exit code 1") as failure:
            await child.start(30)
        assert "no such table" in failure.value.next_step


async def test_a_process_that_does_not_become_healthy_in_time_is_an_error(folder: Path) -> None:
    async with supervised(folder, "sleep", "60") as (child, _):
        with pytest.raises(CommandError, match="does not serve after 1 s"):
            await child.start(1)


async def test_stop_lets_the_process_drain(folder: Path) -> None:
    mark = folder / "mark"
    async with supervised(folder, *HEALTHY, KJ_MARK=str(mark)) as (child, _):
        await child.start(30)
    assert mark.read_text() == "drained"


async def test_a_frozen_process_is_stopped_too(folder: Path) -> None:
    async with supervised(folder, *HEALTHY) as (child, _):
        await child.start(30)
        assert child.state.process is not None
        os.kill(child.state.process.pid, signal.SIGSTOP)
        began = time.monotonic()
    assert time.monotonic() - began < ServiceLaunch.stop_signals[0][1], "it read its signal: nobody waited to kill it"
    assert not child.state.process.is_alive()


async def test_settings_of_another_system_do_not_reach_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KJ_MARK", str(folder / "elsewhere"))
    async with supervised(folder, *HEALTHY) as (child, _):
        await child.start(30)
    assert not (folder / "elsewhere").exists()


OWNER = """
import asyncio, sys
from pathlib import Path
from tests.kj.local.test_child import HEALTHY, supervised

async def own() -> None:
    async with supervised(Path(sys.argv[1]), *HEALTHY) as (child, _):
        await child.start(30)
        print(child.state.process.pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(own())
"""


def test_it_dies_with_its_owner(folder: Path) -> None:
    environment = Program("owner", (), "", {}).environment()
    command = [sys.executable, "-c", OWNER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as owner:
        assert owner.stdout is not None
        child = ProcessId.of(int(owner.stdout.readline()))
        assert child is not None
        owner.kill()
    assert child.gone_within(5)


async def _until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not in time"
        await asyncio.sleep(0.02)


async def test_a_log_is_bounded_while_its_process_writes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kj.local.child.LOG_BYTES", 100_000)
    monkeypatch.setattr("kj.local.child.LOG_LOOKED_AT", 0.05)
    writing = "import itertools, time\nfor n in itertools.count():\n print(f'{n:0999}', flush=True); time.sleep(0.0005)"
    log, largest = folder / "audit.log", 0
    async with supervised(folder, sys.executable, "-c", writing) as (child, _):
        starting = asyncio.create_task(child.start(30))
        for _ in range(60):
            await asyncio.sleep(0.05)
            largest = max(largest, log.stat().st_size if log.exists() else 0)
        starting.cancel()
        aside = log.with_name("audit.log.1")
        assert aside.stat().st_size == 100_000
        assert int(aside.read_bytes().splitlines()[-1]) > 100, "the end of it, not the beginning"
    assert largest < 1_500_000
    lines = log.read_bytes().splitlines()
    assert all(len(line) == 999 for line in lines), "whole lines, and no hole before them"
