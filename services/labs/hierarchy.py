"""The tree that the results of a report are: keys, and what is a part of what. Pure functions."""

from collections.abc import Sequence

from kjernejournal.labs.v1.labs_pb2 import Result
from shared.errors import Invalid

DEEPEST = 8
"""Levels of parts, the topmost included."""


def set_keys(results: Sequence[Result]) -> None:
    """Gives, in place, a key to each result that has none: its number in the report, or the next one that is free."""
    taken = {result.key for result in results}
    for number, result in enumerate(results, 1):
        if result.key:
            continue
        free = number
        while str(free) in taken:
            free += 1
        result.key = str(free)
        taken.add(result.key)


def check(results: Sequence[Result]) -> None:
    """Raises Invalid for results, with their keys set, that are no tree of at most DEEPEST levels."""
    positions: dict[str, int] = {}
    for position, result in enumerate(results):
        if result.key in positions:
            raise Invalid(f"results[{position}].key", "is that of another result of the report")
        positions[result.key] = position
    for position, result in enumerate(results):
        path = f"results[{position}].part_of"
        if result.part_of and result.part_of not in positions:
            raise Invalid(path, "is no key of a result of the report")
        level, above = 1, result.part_of
        while above:
            level += 1
            if above == result.key:
                raise Invalid(path, "makes the result a part of itself")
            if level > DEEPEST:
                raise Invalid(path, f"makes more than {DEEPEST} levels, or a circle")
            above = results[positions[above]].part_of if above in positions else ""
