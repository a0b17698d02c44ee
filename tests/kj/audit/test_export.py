"""An exported log is verified by its files and public keys alone, with a program that shares no code with ours."""

import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from kj.audit import stranger
from kj.audit.database import LogDatabase
from kj.audit.export import export
from tests.kj.audit.conftest import KEY, SIZES, WITNESS, Honest

PROGRAM = Path(stranger.__file__)


@pytest.fixture
async def exported(honest: Honest, tmp_path: Path) -> Path:
    connection = await asyncpg.connect(honest.place.dsn)
    try:
        async with connection.transaction():
            signed = await export(LogDatabase(connection), tmp_path)
    finally:
        await connection.close()
    assert signed.size == SIZES[-1]
    return tmp_path


def verified(directory: Path, *keys: str) -> tuple[int, str]:
    """Runs the program as a stranger does: from its file, far from our packages."""
    done = subprocess.run(
        [sys.executable, "-I", PROGRAM, directory, *keys], cwd="/", capture_output=True, text=True, check=False
    )
    return done.returncode, (done.stdout + done.stderr).strip()


LOG, COSIGNER = str(KEY.verifier), str(WITNESS.verifier)


def test_a_stranger_verifies_the_whole_log(exported: Path) -> None:
    assert verified(exported, LOG, COSIGNER) == (0, "300 entries of log.kjernejournal.test are what 2 keys have signed")


def test_the_files_lie_as_c2sp_says(exported: Path) -> None:
    files = sorted(str(each.relative_to(exported)) for each in exported.rglob("*") if each.is_file())
    assert files == [
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/44",
    ]


@pytest.mark.parametrize("file", ["checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000"])
def test_no_byte_can_be_changed(exported: Path, file: str) -> None:
    path = exported / file
    content = path.read_bytes()
    for at in (0, len(content) // 2, len(content) - 2):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        code, said = verified(exported, LOG, COSIGNER)
        assert (code, said.startswith("WRONG: ")) == (1, True), (at, said)
    path.write_bytes(content)
    assert verified(exported, LOG)[0] == 0


def test_a_log_that_another_key_signed_is_refused(exported: Path) -> None:
    other = LOG.replace("log.kjernejournal.test", "other.kjernejournal.test")
    for keys in ([], [COSIGNER], [other], [LOG, other]):
        assert verified(exported, *keys)[0] == 1
