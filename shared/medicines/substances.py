"""Says which substances a code stands for: its own, and those that the loaded knowledge says it is or holds. Pure.

One rule for safety checks and reconciliation: methotrexate has two codes, and a combination those of its parts besides
its own. Nobody knows which was meant of a code and the name of another one beside it, so it is both.
"""

from collections.abc import Callable, Iterable, Iterator

from kjernejournal.common.v1.common_pb2 import Coding
from shared.codes import atc, meanings


def meant(coding: Coding) -> Iterator[str]:
    """Yields the codes of people's medicines that a coding of ATC may mean, its own first; nothing of others."""
    return filter(None, map(atc.substance, meanings.of(coding)))


def with_parts(codes: Iterable[str], parts_of: Callable[[str], Iterable[str]]) -> frozenset[str]:
    """Returns the codes, and those of the substances that they hold or are other codes of, however far that leads."""
    found, new = set[str](), set(codes)
    while new:
        found |= new
        new = {part for code in new for part in parts_of(code)} - found
    return frozenset(found)
