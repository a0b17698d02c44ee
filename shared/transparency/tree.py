"""Hashes a list of leaves as RFC 6962 does, and says of which subtrees each proof is made.

A subtree is complete when it holds 2**level leaves; it is known by its level and its number from the left. Every hash
that a proof needs is folded from complete subtrees, which never change once they are there.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

HASH_BYTES = 32


class Subtree(NamedTuple):
    """A complete subtree: the leaves from number * 2**level on, 2**level of them."""

    level: int
    number: int


class Range(NamedTuple):
    """The leaves from `start` to before `end`."""

    start: int
    end: int


Hashes = Mapping[Subtree, bytes]


def leaf_hash(entry: bytes) -> bytes:
    """Returns the hash of one entry: SHA-256 over 0x00 and its bytes."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Returns the hash of two subtrees side by side: SHA-256 over 0x01 and both hashes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def empty_root() -> bytes:
    """Returns the root of a tree without leaves."""
    return hashlib.sha256(b"").digest()


def complete_subtrees(leaves: Range) -> list[Subtree]:
    """Returns the largest complete subtrees that make up a range, from the left.

    The range begins where a subtree at least as large begins, as every range of a proof does.
    """
    found, start = [], leaves.start
    while start < leaves.end:
        level = (leaves.end - start).bit_length() - 1
        found.append(Subtree(level, start >> level))
        start += 1 << level
    return found


def fold(hashes: Sequence[bytes]) -> bytes:
    """Returns the hash of neighbours of falling size, from the right to the left."""
    folded = hashes[-1]
    for each in reversed(hashes[:-1]):
        folded = node_hash(each, folded)
    return folded


def range_hash(leaves: Range, hashes: Hashes) -> bytes:
    """Returns the hash of a range. Raises KeyError when a subtree of it is not among `hashes`."""
    return fold([hashes[each] for each in complete_subtrees(leaves)])


def root_hash(size: int, hashes: Hashes) -> bytes:
    """Returns the root of the first `size` leaves. Raises KeyError when a subtree of it is not among `hashes`."""
    return range_hash(Range(0, size), hashes) if size else empty_root()


def inclusion_path(index: int, size: int) -> list[Range]:
    """Returns of which ranges the proof is made that leaf `index` is in a tree of `size`, from the leaf upwards.

    Raises ValueError when there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    return _down(index, Range(0, size))[::-1]


def consistency_path(old: int, new: int) -> list[Range]:
    """Returns of which ranges the proof is made that a tree of `old` leaves is the beginning of one of `new`.

    Empty when both are the same, or the older is empty. Raises ValueError when the older is the larger.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} leaves is no beginning of one of {new}")
    if old in (0, new):
        return []
    found: list[Range] = []
    leaves, beginning = Range(0, new), True
    while old != leaves.end:
        middle = _middle(leaves)
        if old <= middle:
            found.append(Range(middle, leaves.end))
            leaves = Range(leaves.start, middle)
        else:
            found.append(Range(leaves.start, middle))
            leaves, beginning = Range(middle, leaves.end), False
    if not beginning:
        found.append(leaves)
    return found[::-1]


def prove(path: Iterable[Range], hashes: Hashes) -> list[bytes]:
    """Returns a proof: the hash of each range of its path. Raises KeyError when a subtree is not among `hashes`."""
    return [range_hash(each, hashes) for each in path]


def needed(path: Iterable[Range]) -> set[Subtree]:
    """Returns the complete subtrees that a proof is folded from."""
    return {subtree for leaves in path for subtree in complete_subtrees(leaves)}


def _down(index: int, leaves: Range) -> list[Range]:
    """Returns what stands beside the way from the root down to a leaf."""
    beside = []
    while leaves.end - leaves.start > 1:
        middle = _middle(leaves)
        left, right = Range(leaves.start, middle), Range(middle, leaves.end)
        leaves, other = (left, right) if index < middle else (right, left)
        beside.append(other)
    return beside


def _middle(leaves: Range) -> int:
    """Returns where the largest complete subtree ends that is smaller than the range."""
    return leaves.start + (1 << (leaves.end - leaves.start - 1).bit_length() - 1)
