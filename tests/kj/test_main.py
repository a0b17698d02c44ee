"""`kj` names every command, loads one, and fails in one line."""

import importlib
import subprocess
import sys

import pytest

from kj import COMMANDS
from kj.local.programs import ROOT


def _kj(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kj", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_help_names_every_command() -> None:
    shown = _kj("--help").stdout
    for name, command in COMMANDS.items():
        assert name in shown
        assert command.help.endswith(".")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_loads_and_has_help(name: str) -> None:
    module, _, function = COMMANDS[name].function.partition(":")
    assert getattr(importlib.import_module(module), function).__doc__
    assert _kj(name, "--help").returncode == 0


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from kj import application; application(None); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"grpc", "asyncpg", "cryptography"}.isdisjoint(loaded.stdout.split())


def test_an_unknown_service_is_an_error_of_two_lines() -> None:
    refused = _kj("serve", "labs_of_another_kind")
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[0] == "kj: There is no service labs_of_another_kind."
    assert len(refused.stderr.splitlines()) == 2
