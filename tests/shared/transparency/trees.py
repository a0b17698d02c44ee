"""A tree of entries that are told apart, with all its hashes, roots and tiles."""

from shared.transparency.tiles import FULL, HEIGHT, tiles_of
from shared.transparency.tree import Growing, Subtree, leaf_hash


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
