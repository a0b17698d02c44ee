"""All SQL of the access log."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import count
from operator import itemgetter
from typing import NamedTuple

import asyncpg

from shared.database import Database, Session
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
    """References that were one patient with `patient_ref` at the time."""


class Appended(NamedTuple):
    """Where a record stands."""

    record_id: str
    idx: int
    committed_at: datetime
    patient_sequence: int | None


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


class Repository:
    """The log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, records: Sequence[NewRecord]) -> list[Appended | None]:
        """Appends all of `records` in one transaction, in their order; gives the place of each.

        A record that is there already keeps its place. None: its id belongs to a record with other content; the
        others are appended all the same. Raises Unavailable or TimedOut when the outcome is not known: the same
        call again mends it.
        """
        async with self._database.transaction() as session:
            # Everything after this waits for whoever else appends, so it sees all that they have appended.
            next_index = await session.fetchval(
                "SELECT next_index FROM coordinator FOR UPDATE", name="lock_coordinator"
            )
            known = await self._known(session, [record.record_id for record in records])
            fresh: dict[str, NewRecord] = {}
            for record in records:
                if record.record_id not in known:
                    fresh.setdefault(record.record_id, record)
            if fresh:
                for record, row in zip(fresh.values(), await _insert(session, next_index, fresh), strict=True):
                    known[record.record_id] = (Appended(record.record_id, *row), record.digest)
        return [_place(record, known) for record in records]

    async def _known(self, session: Session, record_ids: Sequence[str]) -> dict[str, tuple[Appended, bytes]]:
        rows = await session.fetch(
            "SELECT record_id, idx, committed_at, patient_sequence, digest FROM entries LEFT JOIN personal USING (idx)"
            " WHERE record_id = ANY($1::uuid[])",
            record_ids,
            name="known_records",
        )
        return {str(row[0]): (Appended(str(row[0]), row[1], row[2], row[3]), row[4]) for row in rows}

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
SELECT record_id, idx, committed_at, CASE WHEN p.patient_ref = ANY($2::uuid[]) THEN patient_sequence END,
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
"""Of each record its place among those of the reference it names, where that is one of these."""

_APPEND = """
WITH fresh AS (
    SELECT * FROM unnest(
        $1::bigint[], $2::uuid[], $3::uuid[], $4::smallint[], $5::uuid[], $6::timestamptz[], $7::text[],
        $8::bytea[], $9::bytea[], $10::bytea[], $11::bytea[], $12::bigint[]
    ) AS record (idx, record_id, access_id, kind, patient_ref, occurred_at, legal_entity,
                 digest, content, personal, salt, behind)
), moved AS (
    UPDATE coordinator SET next_index = next_index + cardinality($1)
), counted AS (
    INSERT INTO patient_counters (patient_ref, records)
    SELECT patient_ref, count(*) FROM fresh WHERE patient_ref IS NOT NULL GROUP BY patient_ref
    ON CONFLICT (patient_ref) DO UPDATE SET records = patient_counters.records + excluded.records
    RETURNING patient_ref, records
), appended AS (
    INSERT INTO entries (idx, record_id, access_id, kind, occurred_at, committed_at, legal_entity, digest, content)
    SELECT idx, record_id, access_id, kind, occurred_at, statement_timestamp(), legal_entity, digest, content FROM fresh
)
INSERT INTO personal (idx, patient_ref, patient_sequence, access_id, salt, content)
SELECT idx, patient_ref, records - behind, access_id, salt, personal FROM fresh LEFT JOIN counted USING (patient_ref)
RETURNING idx, statement_timestamp(), patient_sequence
"""
"""`behind`: how many records of the same patient follow in this batch."""


async def _insert(session: Session, next_index: int, fresh: dict[str, NewRecord]) -> list[asyncpg.Record]:
    """Appends the records from `next_index` on, and returns the place of each."""
    rows = await session.fetch(
        _APPEND,
        list(range(next_index, next_index + len(fresh))),
        *map(list, zip(*(_arguments(record, behind) for record, behind in _behind(fresh)), strict=True)),
        name="append_records",
    )
    others = [
        (idx, ref)
        for idx, record in zip(count(next_index), fresh.values(), strict=False)
        if record.patient_ref is not None
        for ref in record.other_refs
    ]
    if others:
        await session.execute(
            "INSERT INTO also_about (idx, patient_ref) SELECT * FROM unnest($1::bigint[], $2::uuid[])",
            *map(list, zip(*others, strict=True)),
            name="append_other_references",
        )
    return sorted(rows, key=itemgetter(0))


def _behind(fresh: dict[str, NewRecord]) -> Iterator[tuple[NewRecord, int]]:
    left = Counter(record.patient_ref for record in fresh.values())
    for record in fresh.values():
        left[record.patient_ref] -= 1
        yield record, left[record.patient_ref]


def _arguments(record: NewRecord, behind: int) -> tuple[object, ...]:
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
        behind,
    )


def _place(record: NewRecord, known: dict[str, tuple[Appended, bytes]]) -> Appended | None:
    appended, digest = known[record.record_id]
    return appended if digest == record.digest else None


def _by_access(rows: Sequence[asyncpg.Record]) -> Iterator[list[StoredRecord]]:
    """Groups records, in the order of the log, by access: the access that began last comes first."""
    accesses: dict[str, list[StoredRecord]] = {}
    for row in rows:
        appended = Appended(str(row[0]), row[1], row[2], row[3])
        stored = StoredRecord(appended, str(row[4]), row[5], row[6], row[7])
        accesses.setdefault(stored.access_id, []).append(stored)
    return reversed(accesses.values())
