"""Reads what the contract says of each section of the record: the one place where code gets its sections from."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import SectionTraits

Section: TypeAlias = "common_pb2.Section.ValueType"


def _traits() -> Mapping[Section, SectionTraits]:
    """Returns the option of every section, in the order of the enum. Raises ValueError for a section without one."""
    found = {}
    for value in common_pb2.Section.DESCRIPTOR.values:
        if value.number == common_pb2.SECTION_UNSPECIFIED:
            continue
        options = value.GetOptions()
        if not options.HasExtension(common_pb2.section):
            raise ValueError(f"{value.name} does not say what holds for it")
        found[common_pb2.Section.ValueType(value.number)] = options.Extensions[common_pb2.section]
    return MappingProxyType(found)


TRAITS = _traits()
"""What holds for each section."""
SUMMARY_SECTIONS: tuple[Section, ...] = tuple(each for each, traits in TRAITS.items() if traits.in_summary)
"""What a summary holds, in the order in which a reader is shown it. Each is decided on its own."""
CLINICAL = frozenset(each for each, traits in TRAITS.items() if traits.clinical)
"""Sections that personnel need a basis for, and that a restriction withholds."""
RESTRICTABLE = frozenset(each for each, traits in TRAITS.items() if traits.restrictable)
"""Sections that a patient may restrict (help pages of the record, "innstillinger")."""
ENTRIES_RESTRICTED_AT_SOURCE = frozenset(each for each, traits in TRAITS.items() if traits.entries_restricted_at_source)
"""Sections whose entries may come restricted from their source, beside what the patient's settings name."""
CRITICAL = frozenset(each for each, traits in TRAITS.items() if traits.critical)
"""Sections without which a summary lacks something critical."""
