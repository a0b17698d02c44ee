"""What a bundle costs in memory while it is mapped, measured in a process of its own.

Small in every run; with KJ_LONG=1 the 120 MB that an import has to manage within 100 MB above idle.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kj.local.programs import ROOT
from tests.kj.fhir_r4.growing import KINDS, write

LONG = bool(os.environ.get("KJ_LONG"))
SIZE = 120_000_000 if LONG else 4_000_000
MOST_KB = 100_000 if LONG else 45_000
"""Measured: 32, 62 and 13 MB for 120 MB of the three kinds; the smallest resources take most, for their number."""


def measured(path: Path) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.kj.fhir_r4.growing", str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "protos/gen")])},
        capture_output=True,
        text=True,
        timeout=1800,
        check=True,
    )
    made: dict[str, int] = json.loads(done.stdout)
    return made


@pytest.mark.timeout(3600 if LONG else 600)
@pytest.mark.parametrize("kind", KINDS)
def test_memory_does_not_grow_with_a_bundle(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bundle.json"
    write(path, kind, SIZE)
    told = measured(path)
    print(f"{kind}: {told['grown_kb'] // 1000} MB above {told['idle_kb'] // 1000} MB for {SIZE // 1_000_000} MB")
    assert told["grown_kb"] < MOST_KB


def test_one_document_of_20_mb_stays_within_the_same_bounds(tmp_path: Path) -> None:
    """A character that takes four bytes beside it: it must not make millions of others take as much."""
    path = tmp_path / "bundle.json"
    data = "Q" * (20 * 1024 * 1024 // 3 * 4)
    path.write_text(
        '{"resourceType": "Bundle", "type": "collection", "entry": ['
        '{"resource": {"resourceType": "Patient", "id": "p", "name": [{"text": "😀"}]}}, {"resource": '
        '{"resourceType": "DocumentReference", "id": "d", "subject": {"reference": "Patient/p"}, "date": "2020",'
        f' "description": "😀", "content": [{{"attachment": {{"data": "{data}"}}}}]}}}}]}}'
    )
    # 109 MB above a process whose modules come compiled; 4 MB less where it has compiled them, and has that room free.
    assert measured(path)["grown_kb"] < 112_000
