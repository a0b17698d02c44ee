"""A tree of entries that are told apart, with all its hashes, roots and tiles."""

from collections.abc import Sequence

from shared.transparency.tiles import FULL, HEIGHT, tiles_of
from shared.transparency.tree import Subtree, empty_root, fold, leaf_hash, node_hash


class Growing:
    """A tree that grows at the right, of which its root is kept and no more than one hash a level."""

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """Begins with a tree of `size`, of which the hashes of `complete_subtrees` are given."""
        self.size = size
        self._hashes = list(hashes)

    def append(self, leaf: bytes) -> list[tuple[Subtree, bytes]]:
        """Adds one leaf's hash; returns the subtrees that it completes, beginning with itself."""
        completed = [(Subtree(0, self.size), leaf)]
        hashes, number, level = self._hashes, self.size, 0
        while number & 1:
            leaf = node_hash(hashes.pop(), leaf)
            number >>= 1
            level += 1
            completed.append((Subtree(level, number), leaf))
        hashes.append(leaf)
        self.size += 1
        return completed

    def root(self) -> bytes:
        """Returns the root as it is now."""
        return fold(self._hashes) if self._hashes else empty_root()


class Grown:
    """A tree of so many leaves, and every tree that it was on the way."""

    def __init__(self, size: int) -> None:
        self.entries = [f"entry {number}".encode() for number in range(size)]
        self.leaves = [leaf_hash(each) for each in self.entries]
        self.hashes: dict[Subtree, bytes] = {}
        tree = Growing()
        self.roots = [tree.root()]
        for each in self.leaves:
            self.hashes.update(tree.append(each))
            self.roots.append(tree.root())

    def tiles(self, size: int) -> dict[tuple[int, int], bytes]:
        """Returns the bytes of every tile of the tree as it was at `size`."""
        return {
            (tile.level, tile.number): b"".join(
                self.hashes[Subtree(tile.level * HEIGHT, tile.number * FULL + each)] for each in range(tile.width)
            )
            for tile in tiles_of(size)
        }
