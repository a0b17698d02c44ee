"""The contract keeps its style, breaks no caller, and is what the generated code was made from."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from protos.generate import drift

ROOT = Path(__file__).resolve().parents[2]
BASELINE = ROOT / "protos" / "baseline.binpb"


def buf(*arguments: str, folder: Path = ROOT) -> str:
    """Returns what buf has to say; empty when all is well."""
    command = [str(Path(sys.executable).parent / "buf"), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr or f"exit code {done.returncode}"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The common part of the contract in a folder of its own, with its buf settings."""
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    shutil.copytree(ROOT / "protos/kjernejournal/common", tmp_path / "protos/kjernejournal/common")
    return tmp_path


def edit(copy: Path, old: str, new: str) -> None:
    proto = copy / "protos/kjernejournal/common/v1/common.proto"
    text = proto.read_text()
    assert old in text
    proto.write_text(text.replace(old, new, 1))


def test_lint() -> None:
    assert buf("lint") == ""


def test_lint_finds_what_has_no_comment(copy: Path) -> None:
    edit(copy, "// How one rpc may be used.", "message Bare {}\n\n// How one rpc may be used.")
    assert "Bare" in buf("lint", folder=copy)


def test_no_caller_is_broken() -> None:
    if not BASELINE.exists():
        pytest.fail("protos/baseline.binpb is missing: it is what changes are compared with; `make baseline` writes it")
    assert buf("breaking", "--against", str(BASELINE)) == ""


def test_a_breaking_change_is_found(copy: Path) -> None:
    assert buf("build", "-o", "before.binpb", folder=copy) == ""
    edit(copy, "SECTION_VISITS = 3", "SECTION_VISITS = 33")
    assert 'enum value "3" on enum "Section" was deleted' in buf("breaking", "--against", "before.binpb", folder=copy)


def test_generated_code_is_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "protos/generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_drift_names_each_file() -> None:
    fresh = {"same.py": b"1", "new.py": b"2", "changed.py": b"3"}
    committed = {"same.py": b"1", "changed.py": b"4", "old.py": b"5"}
    assert drift(fresh, committed) == ["differs: changed.py", "missing: new.py", "no proto accounts for: old.py"]
