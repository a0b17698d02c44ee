"""Every value of the contract that the terminal puts into words has Norwegian words."""

import re
from pathlib import Path
from typing import Any

import pytest

import kj.show
from gateway.contract import PROTOS
from kj.show.norwegian import WORDS
from kjernejournal.common.v1 import common_pb2

FOLDER = Path(kj.show.__file__).parent
SPOKEN = sorted(
    {found for path in FOLDER.glob("*.py") for found in re.findall(r"words\(\w+\.(\w+),", path.read_text())}
)


def enum(name: str) -> Any:
    return next(getattr(each, name) for each in (common_pb2, *PROTOS) if hasattr(each, name))


def test_enums_are_found() -> None:
    assert {"Section", "UnavailableReason", "Certainty", "EntryStatus", "Severity"} <= set(SPOKEN)


@pytest.mark.parametrize("name", SPOKEN)
def test_every_value_is_in_norwegian(name: str) -> None:
    assert set(enum(name).keys()) - WORDS.keys() == set(), "have no words"
