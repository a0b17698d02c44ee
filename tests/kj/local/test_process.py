"""Tests what names a process: not its pid alone, and not the clock."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from kj.local.process import ProcessId, all_processes
from tests.support.waiting import until

SLEEPING = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEPING, cwd=tmp_path) as process:
        yield process
        process.kill()


def named(pid: int) -> ProcessId:
    process = ProcessId.of(pid)
    assert process is not None
    return process


def test_a_process_is_the_same_as_long_as_it_runs(child: subprocess.Popen[bytes]) -> None:
    process = named(child.pid)
    time.sleep(0.03)
    assert ProcessId.of(child.pid) == process
    assert process.is_alive()
    assert process in all_processes()


def test_the_start_is_the_kernels() -> None:
    """proc(5): field 22, in clock ticks since boot."""
    ticks = int(Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()[19])
    assert named(os.getpid()).started == ticks / os.sysconf("SC_CLK_TCK")


def test_a_zombie_is_gone(child: subprocess.Popen[bytes]) -> None:
    process = named(child.pid)
    child.kill()
    assert process.gone_within(5.0)
    assert ProcessId.of(child.pid) is None
    assert Path(f"/proc/{child.pid}").exists()  # nobody has taken its exit yet


def test_another_process_with_the_pid_hears_nothing(child: subprocess.Popen[bytes]) -> None:
    before = ProcessId(child.pid, named(child.pid).started - 0.01)
    assert not before.is_alive()
    before.send(signal.SIGKILL)
    assert named(child.pid).is_alive()
    named(child.pid).send(signal.SIGTERM)
    until(lambda: child.poll() == -signal.SIGTERM)


def test_setting_the_clock_makes_no_other_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The kernel then moves the time of boot: the same /proc, booted an hour later."""
    me, created = named(os.getpid()), psutil.Process().create_time()
    (tmp_path / str(me.pid)).mkdir()
    for name in ("stat", "status"):
        shutil.copyfile(f"/proc/{me.pid}/{name}", tmp_path / str(me.pid) / name)
    boot = f"btime {int(psutil.boot_time())}"
    later = f"btime {int(psutil.boot_time()) + 3600}"
    (tmp_path / "stat").write_text(Path("/proc/stat").read_text().replace(boot, later))
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    assert psutil.Process(me.pid).create_time() == pytest.approx(created + 3600)
    assert me.is_alive()


def test_where_a_process_works(child: subprocess.Popen[bytes], tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert named(child.pid).works_in(tmp_path / "link")
    assert not named(child.pid).works_in(tmp_path.parent)


@pytest.mark.parametrize("pid", [2**22 + 1, 2**40])
def test_a_pid_that_nobody_has(pid: int) -> None:
    assert ProcessId.of(pid) is None
    assert not ProcessId(pid, 1.0).works_in(Path("/"))
