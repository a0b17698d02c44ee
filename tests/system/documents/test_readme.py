"""The commands of the README and of its tour, executed as printed against a running system, and what they print."""

import pytest

from kj.local.programs import ROOT
from tests.support.printed import prints_what_it_says
from tests.support.system import System


@pytest.fixture(scope="module")
def new_population(system: System) -> System:
    """The documents' patient is the first of a new population."""
    system.directory.patients_file.unlink(missing_ok=True)
    system.kj("load", "--patients", "20")
    return system


def test_the_readmes_commands_print_what_it_says(new_population: System) -> None:
    prints_what_it_says(new_population, ROOT / "README.md", at_least=2)


def test_the_tours_commands_print_what_it_says(new_population: System) -> None:
    prints_what_it_says(new_population, ROOT / "tests" / "scenarios" / "tour.md", at_least=10)
