"""Keeps what holds for a section in one place: the options of the contract. Nowhere else does code list sections."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.contract import PROTOS
from gateway.registers.sources import SOURCES, Source
from kj.local.programs import SERVICES
from kj.show.section_rows import NEVER_CUT, ROWS
from kjernejournal.common.v1 import common_pb2
from kjernejournal.summary.v1 import summary_pb2
from shared.register.sections import (
    CLINICAL,
    CRITICAL,
    ENTRIES_RESTRICTED_AT_SOURCE,
    RESTRICTABLE,
    SUMMARY_SECTIONS,
    TRAITS,
)

ROOT = Path(__file__).resolve().parents[2]
TABLES = {
    "gateway/access/citizens.py": "which sections citizens write",
    "gateway/access/policy.py": "which sections outlive a reservation, and for whom",
    "kj/show/section_rows.py": "how each section looks on the screen",
    "kj/synthetic/people/privacy.py": "which sections some invented people restrict",
}
"""Modules that may name three sections or more together, as each section means something else to them."""
NAMES = frozenset(value.name for value in common_pb2.Section.DESCRIPTOR.values)
REGISTERS = pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.service))


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_section_says_what_holds_for_it(name: str) -> None:
    section = common_pb2.Section.DESCRIPTOR.values_by_name[name]
    says = name != "SECTION_UNSPECIFIED"
    assert section.GetOptions().HasExtension(common_pb2.section) is says
    assert (section.number in TRAITS) is says


def test_the_options_go_together() -> None:
    assert set(SUMMARY_SECTIONS) >= CRITICAL, "what is critical would be missing from every summary"
    assert set(SUMMARY_SECTIONS) <= CLINICAL, "what a summary holds is decided by the rules for clinical content"
    assert RESTRICTABLE <= CLINICAL, "a restriction would withhold nothing"
    assert ENTRIES_RESTRICTED_AT_SOURCE <= RESTRICTABLE, "an elevated basis would open nothing"


def test_a_summary_holds_a_register_for_each_section_that_the_contract_puts_into_it() -> None:
    assert tuple(source.section for source in SOURCES) == SUMMARY_SECTIONS
    assert tuple(source.section for source in SOURCES) == tuple(sorted(SUMMARY_SECTIONS))
    fields = summary_pb2.SummarySection.DESCRIPTOR.oneofs_by_name["content"].fields
    assert {field.name for field in fields} == {source.content for source in SOURCES}


@REGISTERS
def test_a_register_is_one_thing_in_the_contract_the_summary_and_the_processes(source: Source) -> None:
    content = summary_pb2.SummarySection.DESCRIPTOR.fields_by_name[source.content]
    assert content.message_type == source.proto.SectionAnswer().section.DESCRIPTOR
    assert source.proto in PROTOS
    assert source.service in SERVICES
    assert source.proto.DESCRIPTOR.package == f"kjernejournal.{source.service}.v1"


@REGISTERS
def test_entries_that_carry_a_restriction_are_known_to_carry_one(source: Source) -> None:
    messages = source.proto.DESCRIPTOR.message_types_by_name.values()
    carries = any("confidentiality" in message.fields_by_name for message in messages)
    assert carries is (source.section in ENTRIES_RESTRICTED_AT_SOURCE)


def test_every_section_of_a_summary_has_rows_on_the_screen() -> None:
    assert {*ROWS, *NEVER_CUT} == set(SUMMARY_SECTIONS)


def lists(tree: ast.Module) -> Iterator[int]:
    """Yields the lines at which three sections or more stand in one set, tuple, list or mapping."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Set | ast.Tuple | ast.List | ast.Dict):
            members = [name for each in ast.iter_child_nodes(node) for name in sections(each)]
            if len(set(members)) >= 3:
                yield node.lineno


def sections(node: ast.AST) -> Iterator[str]:
    """Yields the names of sections in a member of a collection: the constant itself, or one in a small tuple."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name) if name in NAMES:
            yield name
        case ast.Tuple(elts=members):
            for each in members:
                yield from sections(each)


def test_no_module_keeps_a_list_of_sections() -> None:
    paths = sorted(path for top in ("gateway", "services", "shared", "kj") for path in (ROOT / top).rglob("*.py"))
    found = {str(path.relative_to(ROOT)) for path in paths if any(lists(ast.parse(path.read_bytes())))}
    assert found == set(TABLES)


@pytest.mark.parametrize(
    "source",
    [
        "A = frozenset({common_pb2.SECTION_LABS, common_pb2.SECTION_VISITS, common_pb2.SECTION_DOCUMENTS})",
        "A = (SECTION_LABS, SECTION_VISITS, SECTION_DOCUMENTS)",
        "A = {SECTION_LABS: 1, SECTION_VISITS: 2, SECTION_DOCUMENTS: 3}",
        "A = [(1, SECTION_LABS), (2, SECTION_VISITS), (2, SECTION_PRIVACY)]",
    ],
)
def test_a_planted_list_is_found(source: str) -> None:
    assert list(lists(ast.parse(source))) == [1]
