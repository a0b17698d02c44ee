"""All SQL of the access log's tree: records as leaves, full tiles, checkpoints, cosignatures."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NamedTuple

from shared.database import Database, Queries
from shared.transparency.checkpoints import Checkpoint
from shared.transparency.entries import Row
from shared.transparency.tiles import FullTile


class StoredCheckpoint(NamedTuple):
    """A checkpoint that the log has signed."""

    size: int
    root: bytes
    signed_at: datetime
    note: str
    """Signed by the log, with the lines of the witnesses that have cosigned."""


class Turn:
    """What the one process asks whose turn it is to integrate: all in one transaction."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    async def newest(self) -> StoredCheckpoint | None:
        """Returns the newest checkpoint."""
        return await _newest(self._queries)

    async def seconds_since(self, at: datetime) -> float:
        """Returns how long ago that was, by the clock of the database."""
        return float(
            await self._queries.fetchval(
                "SELECT extract(epoch FROM clock_timestamp() - $1::timestamptz)", at, name="since_checkpoint"
            )
        )

    async def rows(self, start: int, most: int) -> list[Row]:
        """Returns records from an index on, in the order of the log."""
        return await _rows(self._queries, start, start + most)

    async def tile_roots(self, level: int, start: int, end: int) -> list[bytes]:
        """Returns the roots of full tiles of one level. Raises LookupError when one is missing."""
        return await _tile_roots(self._queries, level, start, end)

    async def add(self, tiles: Sequence[FullTile], leaves: bytes, checkpoint: Checkpoint, note: str) -> None:
        """Adds the tiles that were filled, and a checkpoint with the hashes of the records since the one before."""
        await self._queries.execute(
            "INSERT INTO tiles (level, number, hashes, root)"
            " SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bytea[], $4::bytea[])",
            [tile.level for tile in tiles],
            [tile.number for tile in tiles],
            [tile.hashes for tile in tiles],
            [tile.root for tile in tiles],
            name="add_tiles",
        )
        await self._queries.execute(
            "INSERT INTO checkpoints (size, root, leaves, note) VALUES ($1, $2, $3, $4)",
            checkpoint.size,
            checkpoint.root,
            leaves,
            note,
            name="add_checkpoint",
        )


class TreeRepository:
    """The tree."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn | None]:
        """Gives the turn to integrate, for as long as the block lasts; None: another process has it."""
        async with self._database.transaction() as session:
            row = await session.fetchval("SELECT 1 FROM integrator FOR UPDATE SKIP LOCKED", name="take_turn")
            yield Turn(session) if row else None

    async def newest(self) -> StoredCheckpoint | None:
        """Returns the newest checkpoint."""
        return await _newest(self._database)

    async def checkpoint(self, size: int) -> StoredCheckpoint | None:
        """Returns the checkpoint of a tree of this size."""
        row = await self._database.fetchrow(f"{_CHECKPOINT} WHERE c.size = $1", size, name="checkpoint_of_size")
        return StoredCheckpoint(*row) if row else None

    async def not_cosigned(self, witness: str) -> StoredCheckpoint | None:
        """Returns the newest checkpoint when this witness has not cosigned it."""
        newest = await self.newest()
        if newest is None:
            return None
        known = await self._database.fetchval(
            "SELECT 1 FROM cosignatures WHERE size = $1 AND witness = $2", newest.size, witness, name="is_cosigned"
        )
        return None if known else newest

    async def add_cosignature(self, size: int, witness: str, line: str) -> None:
        """Adds a witness's line to a checkpoint; its first line stays."""
        await self._database.execute(
            "INSERT INTO cosignatures (size, witness, line) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            size,
            witness,
            line,
            name="add_cosignature",
        )

    async def rows(self, start: int, end: int) -> list[Row]:
        """Returns records from an index to before another, in the order of the log."""
        return await _rows(self._database, start, end)

    async def tile_roots(self, level: int, start: int, end: int) -> list[bytes]:
        """Returns the roots of full tiles of one level. Raises LookupError when one is missing."""
        return await _tile_roots(self._database, level, start, end)

    async def full_tiles(self, tiles: Collection[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        """Returns the hashes of those of these tiles, by level and number, that are full."""
        rows = await self._database.fetch(
            "SELECT level, number, hashes FROM tiles"
            " JOIN unnest($1::smallint[], $2::bigint[]) AS asked (level, number) USING (level, number)",
            [level for level, _ in tiles],
            [number for _, number in tiles],
            name="full_tiles",
        )
        return {(row[0], row[1]): row[2] for row in rows}


_CHECKPOINT = """
SELECT c.size, c.root, c.signed_at, c.note || coalesce((
    SELECT string_agg(s.line, '' ORDER BY s.witness) FROM cosignatures AS s WHERE s.size = c.size
), '') FROM checkpoints AS c
"""


async def _newest(queries: Queries) -> StoredCheckpoint | None:
    row = await queries.fetchrow(f"{_CHECKPOINT} ORDER BY c.size DESC LIMIT 1", name="newest_checkpoint")
    return StoredCheckpoint(*row) if row else None


async def _rows(queries: Queries, start: int, end: int) -> list[Row]:
    rows = await queries.fetch(
        "SELECT idx, record_id, access_id, kind, occurred_at, committed_at, legal_entity, content, commitment"
        " FROM entries WHERE idx >= $1 AND idx < $2 ORDER BY idx",
        start,
        end,
        name="leaves",
    )
    return [Row(*row) for row in rows]


async def _tile_roots(queries: Queries, level: int, start: int, end: int) -> list[bytes]:
    rows = await queries.fetch(
        "SELECT root FROM tiles WHERE level = $1 AND number >= $2 AND number < $3 ORDER BY number",
        level,
        start,
        end,
        name="tile_roots",
    )
    if len(rows) != end - start:
        raise LookupError(f"{end - start - len(rows)} of the tiles {start} to {end} of level {level} are missing")
    return [row[0] for row in rows]
