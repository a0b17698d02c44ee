"""`kj import` over several files: a broken one is named, the others go on, and counts and numbers are kept."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from kj.feeds.imported_patients import assigned_ids_of, look
from kj.local.data_directory import DataDirectory
from kj.local.programs import ROOT
from tests.kj.fhir_r4.bundles import bundle, mapped, patient, whole, written


def kj_import(directory: Path, *files: Path) -> tuple[int, dict[str, Any], str]:
    """Returns exit code, JSON and standard error of a dry run, which needs no running system."""
    done = subprocess.run(
        [sys.executable, "-m", "kj", "import", "--dry-run", "--data-dir", str(directory), *map(str, files)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, json.loads(done.stdout), done.stderr


def test_a_broken_file_is_refused_by_name_and_the_others_go_on(tmp_path: Path) -> None:
    good = written(tmp_path, "good.json.bz2", whole())
    cut = tmp_path / "cut.json.bz2"
    cut.write_bytes(good.read_bytes()[:-9])
    half = written(tmp_path, "half.json", b'{"resourceType": "Bundle"')
    nobody = written(tmp_path, "nobody.json", bundle(kind="transaction"))
    missing = tmp_path / "missing.json"
    code, told, errors = kj_import(tmp_path / "kj", cut, half, nobody, missing, tmp_path, good)
    assert code == 1
    assert [each["status"] for each in told["files"]] == ["refused"] * 5 + ["checked"]
    assert f"{cut}: refused: its bz2 packing is cut off" in errors
    assert f"{half}: refused: it is cut off, or it is not JSON" in errors
    assert f"{nobody}: refused: it has no Patient: nobody to import" in errors
    assert f"{missing}: refused: it cannot be read: No such file or directory" in errors
    assert not (tmp_path / "kj").exists()


def test_the_counts_add_up_by_file_and_in_total(tmp_path: Path) -> None:
    first = written(tmp_path, "first.json", whole())
    second = written(tmp_path, "second.json", bundle(patient("q", "56-78")))
    code, told, errors = kj_import(tmp_path / "kj", first, second)
    assert (code, errors) == (0, "")
    for part in (*told["files"], told["total"]):
        for row in part["resources"].values():
            assert row["in_bundle"] == sum(row["placed"].values()) + sum(row["not_placed"].values())
    assert told["total"]["resources"]["Patient"]["placed"] == {"patients": 2}
    assert len(told["total"]["patients"]) == 2


def test_a_number_once_given_is_given_again(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "kj")
    with assigned_ids_of(directory, set()) as register:
        [record] = mapped(whole(), register).records
    given = record.known.national_id
    # Somebody else's now, as it would look if another import had been first; still this patient's.
    with assigned_ids_of(directory, {given}) as register:
        assert mapped(whole(), register).records[0].known == record.known
        assert given not in register.taken
    assert list(look(directory, set()).known.values()) == [record.known]


def test_a_half_written_line_is_no_harm(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "kj")
    with assigned_ids_of(directory, set()) as register:
        mapped(whole(), register)
    file = directory.root / "imported.jsonl"
    file.write_text(file.read_text() + '{"key": "ab\n')
    assert len(look(directory, set()).known) == 1
