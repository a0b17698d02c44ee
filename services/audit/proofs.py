"""Makes proofs over the access log, from full tiles and, at the right edge, from records and lower tiles."""

from collections.abc import Iterable
from typing import NamedTuple

from services.audit.tree_repository import StoredCheckpoint, TreeRepository
from shared.errors import Invalid, Reason, Unavailable, entry_not_found
from shared.transparency.entries import encode
from shared.transparency.tiles import FULL, Tile, hash_in, tile_of
from shared.transparency.tree import (
    Hashes,
    Range,
    Subtree,
    consistency_path,
    inclusion_path,
    leaf_hash,
    needed,
    prove,
)


class Inclusion(NamedTuple):
    """That a record is in the tree of a checkpoint."""

    leaf: bytes
    hashes: list[bytes]
    checkpoint: StoredCheckpoint


class Consistency(NamedTuple):
    """That the tree of a checkpoint begins with an older one."""

    hashes: list[bytes]
    checkpoint: StoredCheckpoint


class Proofs:
    """Proofs over the tree as it is signed."""

    def __init__(self, trees: TreeRepository) -> None:
        self._trees = trees

    async def newest(self) -> StoredCheckpoint:
        """Returns the newest checkpoint. Raises Unavailable when none has been signed yet."""
        found = await self._trees.newest()
        if found is None:
            raise Unavailable(
                Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "no checkpoint has been signed yet: try again in a second"
            )
        return found

    async def inclusion(self, index: int, size: int) -> Inclusion:
        """Proves that record `index` is in the tree of `size`; 0: the newest. Raises Invalid, NotFound, Unavailable."""
        checkpoint = await self._checkpoint(size, "tree_size")
        if not 0 <= index < checkpoint.size:
            raise entry_not_found()
        path = inclusion_path(index, checkpoint.size)
        hashes = await self._hashes([*path, Range(index, index + 1)], checkpoint.size)
        return Inclusion(hashes[Subtree(0, index)], prove(path, hashes), checkpoint)

    async def consistency(self, old: int, new: int) -> Consistency:
        """Proves that the tree of `new`, 0 the newest, begins with that of `old`. Raises Invalid, Unavailable."""
        checkpoint = await self._checkpoint(new, "second_size")
        if not 0 < old <= checkpoint.size:
            raise Invalid("first_size", "must be from 1 to the second size")
        path = consistency_path(old, checkpoint.size)
        return Consistency(prove(path, await self._hashes(path, checkpoint.size)), checkpoint)

    async def _checkpoint(self, size: int, field: str) -> StoredCheckpoint:
        newest = await self.newest()
        if size in (0, newest.size):
            return newest
        found = await self._trees.checkpoint(size) if 0 < size < newest.size else None
        if found is None:
            raise Invalid(field, "must be the size of a checkpoint, or 0 for the newest")
        return found

    async def _hashes(self, ranges: Iterable[Range], size: int) -> Hashes:
        subtrees = needed(ranges)
        tiles = {(tile.level, tile.number): tile for tile in (tile_of(each, size) for each in subtrees)}
        held = await self._trees.full_tiles(tiles)
        for place, tile in tiles.items():
            if place not in held:
                held[place] = await self._partial(tile)
        return {each: hash_in(each, held[tile_of(each, size)[:2]]) for each in subtrees}

    async def _partial(self, tile: Tile) -> bytes:
        """Returns the hashes of a tile that is not full: of records, or of the roots of full tiles below."""
        start = tile.number * FULL
        if tile.level:
            return b"".join(await self._trees.tile_roots(tile.level - 1, start, start + tile.width))
        return b"".join(leaf_hash(encode(row)) for row in await self._trees.rows(start, start + tile.width))
