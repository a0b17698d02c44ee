"""What has changed in a register, in an order that can be followed: the outbox that every register keeps.

A trigger writes a row for each change in the change's own transaction, so no way of writing can forget it. Readers
follow (took_effect, seq) and read nothing that is not below every transaction that still runs.

- Nothing is skipped: `took_effect` is the number of the row's transaction or a higher one, so when all transactions
  below a number have ended, no row can appear below it any more. A sequence alone cannot promise that: it is given out
  before the commit. A transaction that stays open anywhere in the cluster delays every feed, and loses nothing.
- Causes come first: a transaction that got its number early may write late, after it has seen what a later number has
  committed. `took_effect` is therefore at least the highest number that had ended when the row was written, and `seq`
  orders equals as they were written.

Numbers of transactions survive a crash: whatever had ended when a row was written stands in the log before that row.
"""

import time
from collections.abc import Sequence
from typing import Any

import asyncpg
import grpc

from kjernejournal.common.v1.outbox_pb2 import (
    DESCRIPTOR,
    ChangeKind,
    ListChangesRequest,
    ListChangesResponse,
    OutboxPosition,
    RegisterChange,
)
from shared.convert import timestamp
from shared.database import Database
from shared.errors import Invalid, Reason, StateConflict
from shared.handling import register

SERVICE = DESCRIPTOR.services_by_name["OutboxService"]
SCANNED = 5000
"""Rows that one call looks at: an answer under a megabyte, in some 20 ms."""
TRIM_EVERY = 600.0
"""Seconds between two looks for rows that are too old. Only a register that is followed looks."""
TRIMMED = 20_000
LARGEST = 2**63 - 1


class Outbox:
    """Serves OutboxService for the register whose database it is."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._trim_at = time.monotonic() + TRIM_EVERY

    async def ListChanges(  # noqa: N802  # gRPC calls handlers by the rpc's own name
        self, request: ListChangesRequest, _context: object
    ) -> ListChangesResponse:
        """Returns changes after a place, or the place from which to go on."""
        await self._trim_now_and_then()
        if not request.HasField("after"):
            return ListChangesResponse(position=await self._end())
        after = request.after
        if not (0 <= after.transaction <= LARGEST and 0 <= after.sequence <= LARGEST):
            raise Invalid("after", "must not be negative")
        refs = None if request.everybody else list(request.patient_refs)
        rows = await self._rows(after, refs)
        scan = rows[0]
        if scan["gone"]:
            raise StateConflict(
                Reason.ERROR_REASON_CHANGES_GONE, "what changed after this place is not kept: read everything again"
            )
        position = after
        if scan["scanned"]:
            position = OutboxPosition(transaction=scan["last_effect"], sequence=scan["last_seq"])
        changes = [_change(row) for row in rows if row["seq"] is not None]
        return ListChangesResponse(changes=changes, position=position, more=scan["scanned"] == SCANNED)

    async def _rows(self, after: OutboxPosition, refs: Sequence[str] | None) -> list[asyncpg.Record]:
        """Returns rows with what the scan as a whole has found on each; where nobody's row is wanted, one with a null
        seq.
        """
        return await self._database.fetch(_LIST, after.transaction, after.sequence, SCANNED, refs, name="list_changes")

    async def _end(self) -> OutboxPosition:
        [row] = await self._database.fetch(_END, name="end_of_changes")
        return OutboxPosition(transaction=row["took_effect"], sequence=row["seq"])

    async def _trim_now_and_then(self) -> None:
        now = time.monotonic()
        if now < self._trim_at:
            return
        self._trim_at = now + TRIM_EVERY
        trimmed = await self._database.fetchval("SELECT trim_outbox($1)", TRIMMED, name="trim_outbox")
        if trimmed == TRIMMED:
            self._trim_at = now


def serve_outbox(server: grpc.aio.Server, database: Database, peers: frozenset[str] | None) -> None:
    """Serves a register's outbox beside its own service."""
    register(server, Outbox(database), SERVICE, peers)


def _change(row: Any) -> RegisterChange:
    return RegisterChange(
        patient_ref=str(row["patient_ref"]),
        entry_id="" if row["entry_id"] is None else str(row["entry_id"]),
        version=row["version"],
        kind=ChangeKind.ValueType(row["kind"]),
        stored_at=timestamp(row["stored_at"]),
        position=OutboxPosition(transaction=row["took_effect"], sequence=row["seq"]),
    )


# One statement, so that the rows are those of the snapshot whose xmin bounds them.
_LIST = """
WITH scanned AS MATERIALIZED (
    SELECT * FROM outbox
    WHERE (took_effect, seq) > ($1::bigint, $2::bigint)
    AND took_effect < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    ORDER BY took_effect, seq LIMIT $3
), scan AS (
    SELECT (SELECT count(*) FROM scanned) AS scanned, last.took_effect AS last_effect, last.seq AS last_seq,
    ($1, $2) < (start.took_effect, start.seq)
        OR $1 >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS gone
    FROM outbox_start AS start
    LEFT JOIN (SELECT took_effect, seq FROM scanned ORDER BY took_effect DESC, seq DESC LIMIT 1) AS last ON true
)
SELECT changed.*, scan.scanned, scan.last_effect, scan.last_seq, scan.gone
FROM scan
LEFT JOIN (SELECT * FROM scanned WHERE $4::uuid[] IS NULL OR patient_ref IN (SELECT unnest($4))) AS changed ON true
ORDER BY changed.took_effect, changed.seq
"""
"""At most $3 rows after ($1, $2) that can be read now, those of the references $4 (null: everybody's). References are
hashed: = ANY would look through them for each row, 116 ms a page with 4 000 of them against some 10."""

_END = """
SELECT took_effect, seq FROM outbox_start
UNION ALL (
    SELECT took_effect, seq FROM outbox WHERE took_effect < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    ORDER BY took_effect DESC, seq DESC LIMIT 1
)
ORDER BY took_effect DESC, seq DESC LIMIT 1
"""
"""The last row that can be read now."""
