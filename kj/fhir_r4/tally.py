"""Counts what became of every resource: in the bundle = placed + not placed, always, or the import is wrong."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


class Unexplained(Exception):
    """Resources went neither into a register nor into a reason: a bug of the import, never of the file."""


@dataclass
class Row:
    """One resource type."""

    in_bundle: int = 0
    placed: Counter[str] = field(default_factory=Counter)
    """By the list that shows it: patients, critical_info, prescriptions, dispensings, statements, visits, documents."""
    not_placed: Counter[str] = field(default_factory=Counter)
    """By reason."""


class Tally:
    """Counts by resource type."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def found(self, resource_type: str) -> None:
        """Counts a resource of the bundle."""
        self.rows.setdefault(resource_type, Row()).in_bundle += 1

    def placed(self, resource_type: str, where: str) -> None:
        """Counts a resource that became an entry of that list."""
        self.rows.setdefault(resource_type, Row()).placed[where] += 1

    def not_placed(self, resource_type: str, reason: str) -> None:
        """Counts a resource that is in no register, with the reason."""
        self.rows.setdefault(resource_type, Row()).not_placed[reason] += 1

    def add(self, other: "Tally") -> None:
        """Adds another bundle's counts."""
        for name, row in other.rows.items():
            mine = self.rows.setdefault(name, Row())
            mine.in_bundle += row.in_bundle
            mine.placed.update(row.placed)
            mine.not_placed.update(row.not_placed)

    def check(self) -> None:
        """Raises Unexplained where a type's counts do not add up."""
        for name, row in self.rows.items():
            explained = row.placed.total() + row.not_placed.total()
            if explained != row.in_bundle:
                raise Unexplained(f"{name}: {row.in_bundle} in the bundle, {explained} placed or explained")

    def as_json(self) -> dict[str, Any]:
        """Returns each type with its counts, types in order of name."""
        return {
            name: {"in_bundle": row.in_bundle, "placed": dict(row.placed), "not_placed": dict(row.not_placed)}
            for name, row in sorted(self.rows.items())
        }
