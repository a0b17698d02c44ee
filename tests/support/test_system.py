"""The detector of faults finds what it is for."""

from pathlib import Path

from tests.support.system import System


def test_planted_faults_are_found_and_ordinary_lines_are_not(tmp_path: Path) -> None:
    system = System(tmp_path)
    system.directory.create()
    assert system.faults() == []
    (system.directory.logs / "visits.log").write_text(
        '{"level": "INFO", "message": "serving"}\n'
        '{"level": "ERROR", "message": "a call failed", "errors": [{"type": "builtins.KeyError"}]}\n'
    )
    (system.directory.logs / "gateway.log").write_text("Traceback (most recent call last):\n")
    assert sorted(fault.partition(":")[0] for fault in system.faults()) == ["gateway", "visits"]
