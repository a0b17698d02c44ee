"""The scenarios of tests/scenarios, each a story told in grpcurl commands and run as it is printed."""

import pytest

from gateway.cli.programs import ROOT
from tests.support.printed import prints_what_it_says
from tests.support.system import System

STORIES = ROOT / "tests" / "scenarios"


@pytest.mark.parametrize("story", ["home_care", "nursing_home_admission", "hospital_discharge", "emergency_night"])
def test_a_story_comes_true(system: System, story: str) -> None:
    prints_what_it_says(system, STORIES / f"{story}.md", at_least=8)
