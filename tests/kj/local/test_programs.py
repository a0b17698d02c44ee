"""The settings of a local system's processes."""

from pathlib import Path

import pytest

from kj.local.programs import gateway_program


def test_restrictions_are_hidden_by_whoever_starts_the_system_and_no_other_setting_is_inherited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KJ_DRAIN_SECONDS", "1")
    program = gateway_program("127.0.0.1:0", services=[], jwks=tmp_path / "jwks.json", traces=tmp_path)
    assert not {"KJ_RESTRICTIONS", "KJ_DRAIN_SECONDS"} & program.environment().keys()
    monkeypatch.setenv("KJ_RESTRICTIONS", "hidden")
    program = gateway_program("127.0.0.1:0", services=[], jwks=tmp_path / "jwks.json", traces=tmp_path)
    assert program.environment()["KJ_RESTRICTIONS"] == "hidden"
