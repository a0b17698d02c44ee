"""The README's commands, executed as printed against a running system, and what it says they print."""

from kj.local.programs import ROOT
from tests.support.printed import prints_what_it_says
from tests.support.system import System


def test_the_readmes_commands_print_what_it_says(system: System) -> None:
    system.directory.patients_file.unlink(missing_ok=True)  # the README's patient is the first of a new population
    system.kj("load", "--patients", "20")
    prints_what_it_says(system, ROOT / "README.md", at_least=10)
