"""Reads the access log from its database, in one snapshot: records, checkpoints, tiles, counters."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg

from kj.audit.verification import Personal, Record, Signed
from shared.transparency.entries import Place, Row

AT_A_TIME = 2000
"""Rows that are fetched in one go."""


class LogDatabase:
    """A snapshot of the log."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    async def size(self) -> int:
        """Returns how many indices were given out."""
        return int(await self._connection.fetchval("SELECT next_index FROM coordinator"))

    async def newest(self) -> Signed | None:
        """Returns the newest checkpoint."""
        row = await self._connection.fetchrow(f"{_CHECKPOINTS} ORDER BY c.size DESC LIMIT 1")
        return Signed(*row) if row else None

    async def checkpoints(self) -> AsyncIterator[Signed]:
        """Yields checkpoints from the smallest, each with the lines of witnesses."""
        async for row in self._connection.cursor(f"{_CHECKPOINTS} ORDER BY c.size", prefetch=AT_A_TIME):
            yield Signed(*row)

    async def records(self) -> AsyncIterator[Record]:
        """Yields records in the order of the log."""
        others = aiter(self._connection.cursor(_OTHERS, prefetch=AT_A_TIME))
        other = await anext(others, None)
        async for row in self._connection.cursor(_RECORDS, prefetch=AT_A_TIME):
            places = [Place(row[12], row[13])] if row[12] else []
            while other is not None and other[0] <= row[0]:
                if other[0] == row[0]:
                    places.append(Place(other[1], other[2]))
                other = await anext(others, None)
            personal = None if row[10] is None else Personal(row[9], row[10], row[11], places)
            yield Record(Row(*row[:9]), row[14], personal)

    async def tiles(self) -> AsyncIterator[tuple[int, int, bytes, bytes]]:
        """Yields full tiles: level, number, hashes, root."""
        async for row in self._connection.cursor(
            "SELECT level, number, hashes, root FROM tiles ORDER BY level, number", prefetch=100
        ):
            yield row[0], row[1], row[2], row[3]

    async def counters(self) -> list[tuple[bytes, int]]:
        """Returns how many records each patient reference is said to have."""
        rows = await self._connection.fetch("SELECT patient_ref, records FROM patient_counters")
        return [(UUID(str(row[0])).bytes, row[1]) for row in rows]


@asynccontextmanager
async def open_log(url: str) -> AsyncIterator[LogDatabase]:
    """Opens a snapshot of the log, for reading alone."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield LogDatabase(connection)
    finally:
        await connection.close(timeout=5)


_RECORDS = """
SELECT e.idx, e.record_id, e.access_id, e.kind, e.occurred_at, e.committed_at, e.legal_entity, e.content, e.commitment,
    p.access_id, p.salt, p.content, p.patient_ref, p.patient_sequence, e.digest
FROM entries AS e LEFT JOIN personal AS p USING (idx) ORDER BY e.idx
"""

_OTHERS = "SELECT idx, patient_ref, patient_sequence FROM also_about ORDER BY idx, patient_ref"

_CHECKPOINTS = """
SELECT c.size, c.root, c.leaves, c.note || coalesce((
    SELECT string_agg(s.line, '' ORDER BY s.witness) FROM cosignatures AS s WHERE s.size = c.size
), '') FROM checkpoints AS c
"""
