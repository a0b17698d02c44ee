"""`make judges`: the Go libraries of the transparency world accept what we export, sign and prove.

Not part of `make test`: it needs Go 1.26 and its modules. Without Go it is skipped.
"""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from kj.audit.database import open_log
from kj.audit.export import export
from shared.transparency.tree import consistency_path, inclusion_path, prove
from tests.kj.audit.conftest import KEY, SIZES, WITNESS, Honest
from tests.shared.transparency.trees import Grown

HERE = Path(__file__).parent
PROVED = 64
"""Size up to which each of our proofs is judged."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    go = shutil.which("go")
    if go is None:
        pytest.skip("no go on PATH: the judges are Go libraries")
    made = tmp_path_factory.mktemp("go") / "judges"
    subprocess.run([go, "build", "-mod=readonly", "-o", made, "."], cwd=HERE, check=True, timeout=500)
    return made


@pytest.fixture
async def exported(honest: Honest, tmp_path: Path) -> Path:
    async with open_log(honest.place.dsn) as log:
        await export(log, tmp_path / "log")
    (tmp_path / "proofs.json").write_text(json.dumps(_proofs()))
    return tmp_path


def _proofs() -> dict[str, list[dict[str, object]]]:
    """Returns every proof of ours to a size, as the program reads them."""
    grown, inclusion, consistency = Grown(PROVED), list[dict[str, object]](), list[dict[str, object]]()
    for size in range(1, PROVED + 1):
        root = _base64(grown.roots[size])
        for index in range(size):
            proof = [_base64(each) for each in prove(inclusion_path(index, size), grown.hashes)]
            leaf = _base64(grown.leaves[index])
            inclusion.append({"Index": index, "Size": size, "Leaf": leaf, "Root": root, "Proof": proof})
            proof = [_base64(each) for each in prove(consistency_path(index + 1, size), grown.hashes)]
            before = _base64(grown.roots[index + 1])
            consistency.append({"Old": index + 1, "New": size, "OldRoot": before, "NewRoot": root, "Proof": proof})
    return {"Inclusion": inclusion, "Consistency": consistency}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def judged(program: Path, exported: Path) -> subprocess.CompletedProcess[str]:
    """Lets the program judge; returns what it said."""
    command: list[str | Path] = [
        program,
        exported / "log",
        str(KEY.verifier),
        str(WITNESS.verifier),
        exported / "proofs.json",
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_go_libraries_accept_checkpoint_tiles_entries_and_proofs(program: Path, exported: Path) -> None:
    done = judged(program, exported)
    assert (done.returncode, done.stderr) == (0, "")
    print(f"\n{done.stdout}")
    pairs = PROVED * (PROVED + 1) // 2
    assert f"{SIZES[-1]} entries and {SIZES[-1]} sizes are proved" in done.stdout
    assert f"{pairs} inclusion and {pairs} consistency proofs" in done.stdout


@pytest.mark.parametrize(
    "file",
    ["checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/44"],
)
def test_they_accept_no_other_byte(program: Path, exported: Path, file: str) -> None:
    path = exported / "log" / file
    content = path.read_bytes()
    path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    done = judged(program, exported)
    assert (done.returncode, done.stderr[:6]) == (1, "WRONG:"), done.stdout


def test_they_accept_no_other_proof(program: Path, exported: Path) -> None:
    path = exported / "proofs.json"
    for kind in ("Inclusion", "Consistency"):
        proofs = _proofs()
        changed = proofs[kind][-2]
        hashes = changed["Proof"]
        assert isinstance(hashes, list)
        changed["Proof"] = [_base64(os.urandom(32)), *hashes[1:]]
        path.write_text(json.dumps(proofs))
        done = judged(program, exported)
        assert (done.returncode, done.stderr[:6]) == (1, "WRONG:"), done.stdout
