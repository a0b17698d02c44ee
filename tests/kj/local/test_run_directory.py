"""The sockets' directory is short, private, and ours."""

import os
from pathlib import Path

import pytest

from kj.errors import CommandError
from kj.local import run_directory as module
from kj.local.run_directory import clear, run_directory


@pytest.fixture(autouse=True)
def own_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "PARENT", tmp_path)
    return tmp_path


def test_it_is_private_and_short_however_deep_the_data_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PARENT", Path("/tmp"))
    path = run_directory(Path("/" + "deep/" * 60))
    try:
        assert len(os.fsencode(path / "own_registrations.sock")) < 80
        assert path.stat().st_mode & 0o777 == 0o700
    finally:
        clear(path)
    assert not path.exists()


def test_each_data_directory_has_one_and_finds_it_again(tmp_path: Path) -> None:
    assert run_directory(tmp_path / "a") == run_directory(tmp_path / "a")
    assert run_directory(tmp_path / "a") != run_directory(tmp_path / "b")
    assert run_directory(tmp_path / "a") != run_directory(tmp_path / "a", purpose="pg")


def test_a_directory_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    run_directory(tmp_path).chmod(0o777)
    with pytest.raises(CommandError, match="not a directory of this user alone"):
        run_directory(tmp_path)


def test_a_link_under_the_name_is_refused(tmp_path: Path) -> None:
    path = run_directory(tmp_path)
    path.rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CommandError, match="not a directory of this user alone"):
        run_directory(tmp_path)
