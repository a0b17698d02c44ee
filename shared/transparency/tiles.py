"""Lays a tree out in tiles of 256 hashes, as C2SP tlog-tiles does.

A tile of level L holds hashes of subtrees of level 8 * L. One with fewer than 256 is partial, stands at the right edge,
and is replaced by a wider one as the log grows; a full one never changes. Every other hash is folded from a tile.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.transparency.tree import HASH_BYTES, Range, Subtree, complete_subtrees, empty_root, fold, node_hash

HEIGHT = 8
FULL = 1 << HEIGHT
"""Hashes in a full tile, and entries in a full bundle."""


class Tile(NamedTuple):
    """A tile: its level, its number from the left and how many hashes it holds."""

    level: int
    number: int
    width: int = FULL

    @property
    def path(self) -> str:
        """Returns the address below the log's prefix, such as tile/0/x001/234.p/7."""
        return f"tile/{self.level}/{_number(self.number)}{_partial(self.width)}"


class FullTile(NamedTuple):
    """A tile that will not change any more: the bytes of its hashes, and their root."""

    level: int
    number: int
    hashes: bytes
    root: bytes


class Edge:
    """The right edge of a growing tree: the hashes of the partial tile of each level, from the lowest."""

    def __init__(self, size: int = 0, partial: Sequence[Sequence[bytes]] = ()) -> None:
        """Begins with a tree of `size`, of which the partial tiles are given."""
        self.size = size
        self.partial = [list(each) for each in partial]
        """Hashes of the partial tile of each level."""

    def append(self, leaf: bytes) -> list[FullTile]:
        """Adds one leaf's hash; returns the tiles that it fills, from the lowest level up."""
        filled: list[FullTile] = []
        self.size += 1
        for level in range(len(self.partial) + 1):
            if level == len(self.partial):
                self.partial.append([])
            hashes = self.partial[level]
            hashes.append(leaf)
            if len(hashes) < FULL:
                break
            leaf = _folded(hashes)
            number = (self.size >> HEIGHT * (level + 1)) - 1
            filled.append(FullTile(level, number, b"".join(hashes), leaf))
            hashes.clear()
        return filled

    def root(self) -> bytes:
        """Returns the root as it is now."""
        found: list[bytes] = []
        for hashes in self.partial:
            within = [
                _folded(hashes[(each.number << each.level) : (each.number + 1) << each.level])
                for each in complete_subtrees(Range(0, len(hashes)))
            ]
            found = within + found
        return fold(found) if found else empty_root()


def bundle_path(number: int, width: int = FULL) -> str:
    """Returns the address of a bundle of entries, such as tile/entries/x001/234."""
    return f"tile/entries/{_number(number)}{_partial(width)}"


def bundle(entries: list[bytes]) -> bytes:
    """Returns entries one after the other, each after its length in two bytes, big-endian. Raises OverflowError."""
    return b"".join(len(each).to_bytes(2, "big") + each for each in entries)


def unbundle(data: bytes) -> list[bytes]:
    """Returns the entries of a bundle. Raises ValueError when it is cut off."""
    entries, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data) or at + 2 > len(data):
            raise ValueError("the bundle is cut off")
        entries.append(data[at + 2 : end])
        at = end
    return entries


def tile_of(subtree: Subtree, size: int) -> Tile:
    """Returns the tile that a subtree's hash is folded from, as wide as it is in a tree of `size`."""
    level, within = divmod(subtree.level, HEIGHT)
    number = (subtree.number << within) >> HEIGHT
    return Tile(level, number, min(FULL, (size >> HEIGHT * level) - number * FULL))


def tiles_of(size: int) -> list[Tile]:
    """Returns every tile that a tree of `size` has, from the lowest level up, from the left."""
    found, level = [], 0
    while hashes := size >> HEIGHT * level:
        full, rest = divmod(hashes, FULL)
        found += [Tile(level, number) for number in range(full)]
        found += [Tile(level, full, rest)] if rest else []
        level += 1
    return found


def hash_in(subtree: Subtree, tile: bytes) -> bytes:
    """Returns a subtree's hash, folded from the bytes of its tile. Raises ValueError when the tile is too narrow."""
    within = subtree.level % HEIGHT
    first = (subtree.number << within) % FULL
    hashes = split(tile)[first : first + (1 << within)]
    if len(hashes) != 1 << within:
        raise ValueError("the tile is too narrow")
    return _folded(hashes)


def split(tile: bytes) -> list[bytes]:
    """Returns the hashes of a tile's bytes. Raises ValueError when they are not whole."""
    if len(tile) % HASH_BYTES:
        raise ValueError("a tile holds whole hashes")
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def hashes_in(subtrees: "set[Subtree]", size: int, tiles: Mapping[tuple[int, int], bytes]) -> dict[Subtree, bytes]:
    """Returns each subtree's hash from the bytes of tiles, by level and number. Raises KeyError and ValueError."""
    found = {}
    for subtree in subtrees:
        tile = tile_of(subtree, size)
        found[subtree] = hash_in(subtree, tiles[tile.level, tile.number])
    return found


def _folded(hashes: Sequence[bytes]) -> bytes:
    """Returns the hash over a power of two of neighbours."""
    while len(hashes) > 1:
        hashes = [node_hash(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def _number(number: int) -> str:
    """Returns a number in groups of three digits, all but the last after an x."""
    groups = [f"{number % 1000:03}"]
    while number := number // 1000:
        groups.append(f"x{number % 1000:03}")
    return "/".join(reversed(groups))


def _partial(width: int) -> str:
    return "" if width == FULL else f".p/{width}"
