"""Every value of the contract that the terminal puts into words has Norwegian words."""

import re
from pathlib import Path
from typing import Any

import pytest

import kj.show
from gateway.contract import PROTOS
from kj.show.norwegian import words
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
    kind = enum(name)
    prefix = re.sub(r"(?<!^)([A-Z])", r"_\1", name).upper() + "_"
    for value in kind.values():
        raw = kind.Name(value).removeprefix(prefix).replace("_", " ").lower()
        assert words(kind, value) != raw, f"{kind.Name(value)} has no words"
