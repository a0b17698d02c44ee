"""The scenarios of tests/scenarios, each a story in grpcurl commands, run as printed."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from kj.local.programs import ROOT
from tests.support.printed import prints_what_it_says
from tests.support.system import System

STORIES = ROOT / "tests" / "scenarios"


@pytest.mark.parametrize("story", ["home_care", "nursing_home_admission", "hospital_discharge"])
def test_a_story_comes_true(system: System, story: str) -> None:
    prints_what_it_says(system, STORIES / f"{story}.md", at_least=8)


async def test_the_night_in_which_a_register_hangs(system: System, healed: Callable[[], Awaitable[None]]) -> None:
    await asyncio.to_thread(prints_what_it_says, system, STORIES / "emergency_night.md", at_least=8)
    await healed()
