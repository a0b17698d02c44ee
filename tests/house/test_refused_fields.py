"""A refusal names the field that is wrong: it has to be one that the contract knows, whatever was renamed since."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor

from gateway.contract import PROTOS

ROOT = Path(__file__).resolve().parents[2]
NAMING = re.compile(r"_?check.*|Invalid|inside")
"""Functions that are given the path of a field."""
PLACE = re.compile(r"\[[^\]]*\]")


def names(message: Descriptor, known: set[str]) -> set[str]:
    """Adds the names of all fields in a message and below it."""
    for field in message.fields:
        below = field.message_type
        if field.name not in known or (below and not {each.name for each in below.fields} <= known):
            known.add(field.name)
            if below:
                names(below, known)
    known.update(each.name for each in message.oneofs)
    return known


KNOWN: set[str] = set()
for proto in PROTOS:
    for message in proto.DESCRIPTOR.message_types_by_name.values():
        names(message, KNOWN)


def named_in(source: str) -> Iterator[str]:
    """Yields the names in paths that stand as text in calls."""
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call):
            continue
        function = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        if not NAMING.fullmatch(function):
            continue
        for argument in call.args if "check" in function else call.args[:1]:
            if isinstance(argument, ast.Constant | ast.JoinedStr):
                text = PLACE.sub("", ast.unparse(argument).lstrip("f").strip("'\""))
                yield from re.findall(r"(?:^|(?<=\.))[a-z_]+(?=\.|$)", text)


@pytest.mark.parametrize("folder", ["gateway", "services", "shared"])
def test_a_field_that_a_refusal_names_is_one_of_the_contract(folder: str) -> None:
    strange = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / folder).rglob("*.py")
        for name in named_in(path.read_text(encoding="utf-8"))
        if name not in KNOWN
    }
    assert not strange


def test_a_name_that_is_gone_is_found() -> None:
    assert list(named_in('check_period(doctor.period, f"{path}[{number}].valid")')) == ["valid"]
    assert list(named_in('raise Invalid("contract.valid.end", "is before the start")')) == ["contract", "valid", "end"]
    assert {"contract", "end"} <= KNOWN
    assert "valid" not in KNOWN
