"""All SQL of the access log."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from shared.database import Database, Queries
from shared.register.paging import Page


class NewRecord(NamedTuple):
    """A record to be appended."""

    record_id: str
    access_id: str
    kind: int
    patient_ref: str | None
    occurred_at: datetime
    legal_entity: str
    digest: bytes
    """SHA-256 of both parts: a retry has the same, another record under the same id has not."""
    content: bytes
    personal: bytes
    salt: bytes
    other_refs: Sequence[str] = ()
    proof: bytes = b""
    """What the call's DPoP proof is known by; it is kept for some minutes and stands in no record."""
    call_id: str | None = None
    """References that were one patient with `patient_ref` at the time."""


class Appended(NamedTuple):
    """Where a record stands."""

    record_id: str
    idx: int
    committed_at: datetime
    patient_sequence: int | None


class Replayed:
    """In place of a place: the record came with the DPoP proof of another call."""


Place = Appended | Replayed | None
"""None: the record's id belongs to a record with other content."""


class StoredRecord(NamedTuple):
    """A record with its place."""

    appended: Appended
    access_id: str
    content: bytes
    personal: bytes
    about_another: bool
    """The record is about a reference, too, that is not among those asked about: a merge was taken back since."""


class AccessPage(NamedTuple):
    """Accesses, newest first, each with its records in the order of the log."""

    accesses: list[list[StoredRecord]]
    more: bool
    total: int
    """Accesses there are, inside the window and outside."""
    older_exist: bool
    """Older accesses exist than the last one here, on further pages or outside the window."""


async def append(queries: Queries, records: Sequence[NewRecord]) -> list[Place]:
    """Appends all of `records`, as Repository.append does; in the transaction of `queries`, where it has one."""
    if not records:
        return []
    others = [(number, ref) for number, record in enumerate(records, 1) for ref in record.other_refs]
    rows = await queries.fetch(
        _APPEND,
        *map(list, zip(*map(_arguments, records), strict=True)),
        [number for number, _ in others],
        [ref for _, ref in others],
        [record.proof for record in records],
        [record.call_id for record in records],
        name="append_records",
    )
    if replayed := {str(row[0]) for row in rows if row[1] is None}:
        rest = iter(await append(queries, [each for each in records if each.record_id not in replayed]))
        return [Replayed() if each.record_id in replayed else next(rest) for each in records]
    known = {str(row[0]): (Appended(str(row[0]), row[1], row[2], row[3]), row[4]) for row in rows}
    return [_place(record, known) for record in records]


class Repository:
    """The log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, records: Sequence[NewRecord]) -> list[Place]:
        """Appends all of `records` in one transaction, in their order; gives the place of each.

        A record that is there already keeps its place. What is not appended says why, and the others are all the same.
        Raises Unavailable or TimedOut when the outcome is not known: the same
        call again mends it.
        """
        return await append(self._database, records)

    async def forget_proofs(self) -> None:
        """Forgets DPoP proofs of calls that are minutes old. Raises Unavailable or TimedOut."""
        await self._database.fetchval("SELECT forget_proofs()", name="forget_proofs")

    async def accesses(
        self, refs: Sequence[str], page: Page, *, since: datetime | None, legal_entity: str | None
    ) -> AccessPage:
        """Returns one page of the accesses to a patient that began at `since` or later, newest first; None: of all
        entities."""
        after = page.after.id if page.after else None
        async with self._database.transaction() as session:
            begun = await session.fetch(_BEGUN, refs, after, since, legal_entity, page.size + 1, name="list_accesses")
            rows = await session.fetch(
                _RECORDS,
                [row[0] for row in begun[: page.size]],
                refs,
                name="records_of_accesses",
            )
            counted = await session.fetchrow(_COUNT, refs, since, legal_entity, name="count_accesses")
        assert counted is not None  # noqa: S101  # an aggregate gives one row
        more = len(begun) > page.size
        return AccessPage(list(_by_access(rows)), more, counted["total"], more or counted["outside"] > 0)

    async def access(self, refs: Sequence[str], access_id: str, legal_entity: str | None) -> list[StoredRecord]:
        """Returns the records of one access to a patient, in the order of the log; of another entity none."""
        async with self._database.transaction() as session:
            rows = await session.fetch(_RECORDS, [access_id], refs, name="records_of_access")
            entity = await session.fetchval(_ENTITY, rows[0]["idx"], name="entity_of_access") if rows else None
        return [stored_record(row) for row in rows] if legal_entity in (None, entity) else []


_ENTITY = "SELECT legal_entity FROM entries WHERE idx = $1"

_ABOUT = """
about AS (
    SELECT idx, access_id FROM personal WHERE patient_ref = ANY($1::uuid[])
    UNION
    SELECT idx, p.access_id FROM also_about AS a JOIN personal AS p USING (idx) WHERE a.patient_ref = ANY($1::uuid[])
), begun AS (
    SELECT access_id, min(idx) AS idx FROM about GROUP BY access_id
)
"""
"""The records that are about these references, and the first of each access: where it began."""

_BEGUN = f"""
WITH {_ABOUT}
SELECT begun.access_id FROM begun JOIN entries AS e USING (idx)
WHERE ($2::uuid IS NULL OR idx < (SELECT idx FROM entries WHERE record_id = $2))
AND ($3::timestamptz IS NULL OR e.occurred_at >= $3)
AND ($4::text IS NULL OR e.legal_entity = $4)
ORDER BY idx DESC LIMIT $5
"""
"""Order is by place in the log, never by a clock."""

_COUNT = f"""
WITH {_ABOUT}
SELECT count(*) AS total, count(*) FILTER (WHERE e.occurred_at < $2) AS outside
FROM begun JOIN entries AS e USING (idx) WHERE $3::text IS NULL OR e.legal_entity = $3
"""

_RECORDS = """
SELECT record_id, idx, committed_at,
    CASE WHEN p.patient_ref = ANY($2::uuid[]) THEN p.patient_sequence ELSE (
        SELECT min(o.patient_sequence) FROM also_about AS o WHERE o.idx = p.idx AND o.patient_ref = ANY($2::uuid[])
    ) END AS patient_sequence,
    p.access_id, e.content, p.content,
    p.patient_ref <> ALL($2::uuid[])
    OR EXISTS (SELECT FROM also_about AS o WHERE o.idx = p.idx AND o.patient_ref <> ALL($2::uuid[])) AS about_another
FROM personal AS p JOIN entries AS e USING (idx)
WHERE p.access_id = ANY($1::uuid[]) AND (
    p.patient_ref = ANY($2::uuid[])
    OR EXISTS (SELECT FROM also_about AS a WHERE a.idx = p.idx AND a.patient_ref = ANY($2::uuid[]))
)
ORDER BY idx
"""
"""Of each record its place among those of one of these references: of the one it names first, where that is one of
them. So the log of each of two persons can be checked for gaps when their merge was taken back."""

_APPEND = """
SELECT * FROM append_unless_replayed(
    $1::uuid[], $2::uuid[], $3::smallint[], $4::uuid[], $5::timestamptz[], $6::text[], $7::bytea[], $8::bytea[],
    $9::bytea[], $10::bytea[], $11::bigint[], $12::uuid[], $13::bytea[], $14::uuid[]
)
"""
"""Runs with the owner's rights: nothing else may add a record, and nobody chooses its index or time."""


def _arguments(record: NewRecord) -> tuple[object, ...]:
    return (
        record.record_id,
        record.access_id,
        record.kind,
        record.patient_ref,
        record.occurred_at,
        record.legal_entity,
        record.digest,
        record.content,
        record.personal,
        record.salt,
    )


def _place(record: NewRecord, known: dict[str, tuple[Appended, bytes]]) -> Place:
    appended, digest = known[record.record_id]
    return appended if digest == record.digest else None


def stored_record(row: asyncpg.Record) -> StoredRecord:
    """Returns the record in a row of its id, index, time, place, access id, content, personal part, and whether it is
    about another."""
    return StoredRecord(Appended(str(row[0]), row[1], row[2], row[3]), str(row[4]), row[5], row[6], row[7])


def _by_access(rows: Sequence[asyncpg.Record]) -> Iterator[list[StoredRecord]]:
    """Groups records, in the order of the log, by access: the access that began last comes first."""
    accesses: dict[str, list[StoredRecord]] = {}
    for row in rows:
        stored = stored_record(row)
        accesses.setdefault(stored.access_id, []).append(stored)
    return reversed(accesses.values())
