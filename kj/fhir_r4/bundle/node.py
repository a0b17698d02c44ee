"""An object of a bundle, read field by field: every type is checked where it is used, and refused with its path."""

from decimal import Decimal
from typing import Any, TypeVar

from kj.fhir_r4.bundle.cuts import Cuts
from kj.fhir_r4.bundle.refusals import BadField

Value = TypeVar("Value")

_FARTHEST = 30
"""Nothing that is measured has more digits before or after its point, and 1e999999999 fills a computer."""


class Node:
    """A JSON object and where it stands. Fields that are missing, null or empty are read as nothing.

    `cuts` counts the texts that were longer than our field, by field; all nodes of a bundle share it.
    """

    __slots__ = ("cuts", "path", "value")

    def __init__(self, value: dict[str, Any], path: str, cuts: Cuts) -> None:
        self.value = value
        self.path = path
        self.cuts = cuts

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.value.get(name) is not None

    def at(self, name: str) -> str:
        """Returns the path of a field, for errors."""
        return f"{self.path}.{name}" if self.path else name

    def text(self, name: str, most: int = 0) -> str:
        """Returns a string; "": not stated. One longer than `most` is cut, which shows and is counted; 0: never cut."""
        value = self.value.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise BadField(self.at(name), "must be a string")
        return self.cut(value, most, name) if most else value

    def cut(self, text: str, most: int, name: str) -> str:
        """Returns `text`, shortened to `most` characters with a mark at its end, and counts it."""
        if len(text) <= most:
            return text
        self.count(f"{name} over {most} characters")
        return text[: most - 1] + "…"

    def most(self, values: list[Value], limit: int, name: str) -> list[Value]:
        """Returns at most `limit` of the values, and counts those that are left out."""
        if len(values) > limit:
            self.count(f"{name} over {limit}", len(values) - limit)
        return values[:limit]

    def count(self, name: str, number: int = 1) -> None:
        """Counts what is cut or left out of this object, once however often it is read."""
        self.cuts.once(self.path, name, number)

    def apart(self) -> "Node":
        """Returns the same object for looking at alone: what that cuts is not counted."""
        return Node(self.value, self.path, Cuts())

    def texts(self, name: str) -> list[str]:
        """Returns a list of strings without nulls, which stand for extensions without a value."""
        values = self._list(name)
        for position, value in enumerate(values):
            if value is not None and not isinstance(value, str):
                raise BadField(f"{self.at(name)}[{position}]", "must be a string")
        return [value for value in values if value]

    def flag(self, name: str) -> bool | None:
        """Returns a boolean; None: not stated."""
        value = self.value.get(name)
        if value is not None and not isinstance(value, bool):
            raise BadField(self.at(name), "must be true or false")
        return value

    def decimal(self, name: str) -> str:
        """Returns a number as it was written; "": not stated."""
        value = self.value.get(name)
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise BadField(self.at(name), "must be a number")
        text = str(value)
        if len(text) > 40:
            raise BadField(self.at(name), "is longer than 40 characters")
        if isinstance(value, Decimal) and not -_FARTHEST <= value.adjusted() <= _FARTHEST:
            raise BadField(self.at(name), f"is beyond 10 to the power of {_FARTHEST}")
        return text

    def integer(self, name: str) -> int:
        """Returns a whole number of at most nine digits; 0: not stated."""
        value = self.value.get(name)
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int) or not -999_999_999 <= value <= 999_999_999:
            raise BadField(self.at(name), "must be a whole number of at most nine digits")
        return value

    def child(self, name: str) -> "Node | None":
        """Returns an object; None: not stated."""
        value = self.value.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise BadField(self.at(name), "must be an object")
        return Node(value, self.at(name), self.cuts)

    def children(self, name: str) -> "list[Node]":
        """Returns a list of objects; empty: not stated."""
        nodes = []
        for position, value in enumerate(self._list(name)):
            path = f"{self.at(name)}[{position}]"
            if not isinstance(value, dict):
                raise BadField(path, "must be an object")
            nodes.append(Node(value, path, self.cuts))
        return nodes

    def _list(self, name: str) -> list[Any]:
        value = self.value.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise BadField(self.at(name), "must be a list")
        return value
