"""The map at the top of the gateway names every room, and none that is not there."""

import re
from pathlib import Path

import gateway
from kj.local.programs import ROOT

NAMED = {Path(name) for name in re.findall(r"`([a-z_/]+)", gateway.__doc__ or "")}
"""Files without their ending, and folders, below gateway/ or at the top of the repository."""


def test_every_room_is_named() -> None:
    rooms = {each.relative_to(ROOT / "gateway").with_suffix("") for each in (ROOT / "gateway").iterdir()}
    assert {each for each in rooms if not each.name.startswith("__")} - NAMED == set()


def test_every_name_is_a_room() -> None:
    below = [ROOT / "gateway", ROOT]
    there = {each for each in NAMED for at in below if (at / each).is_dir() or (at / each.with_suffix(".py")).is_file()}
    assert NAMED - there == set()
