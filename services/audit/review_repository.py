"""All SQL of the review queue."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NamedTuple

import asyncpg

from services.audit.repository import Appended, NewRecord, StoredRecord, append
from shared.database import Database, Queries
from shared.errors import Invalid, Reason
from shared.register.paging import Page


class StoredReview(NamedTuple):
    """One access in the queue."""

    access_id: str
    legal_entity: str
    opened_at: datetime
    reasons: int
    """One bit a ReviewReason."""
    verdict: int
    version: int
    asked: bool
    closed: bool


class NewReview(NamedTuple):
    """An access that comes into the queue."""

    access_id: str
    idx: int
    legal_entity: str
    occurred_at: datetime
    reasons: int


class Judging:
    """What is asked and done about one review, all in one transaction that has the review to itself."""

    def __init__(self, queries: Queries, review: StoredReview) -> None:
        self._queries = queries
        self.review = review

    async def is_repeat(self, request_id: str, asked: bytes) -> bool:
        """Whether this request was here before. Raises Invalid (REQUEST_ID_REUSED) when another one had its id."""
        row = await self._queries.fetchrow(
            "SELECT asked, access_id FROM review_requests WHERE request_id = $1", request_id, name="review_request"
        )
        if row is None:
            return False
        if row[0] != asked:
            raise _reused()
        return True

    async def records(self) -> list[StoredRecord]:
        """Returns the records of the access, in the order of the log."""
        return (await _records(self._queries, [self.review.access_id]))[self.review.access_id]

    async def judge(self, request_id: str, asked: bytes, record: NewRecord, verdict: int, *, closed: bool) -> None:
        """Adds a verdict: the record goes into the log, and the review says so."""
        await self._append(request_id, asked, record)
        await self._queries.execute(
            "UPDATE reviews SET verdict = $2, version = version + 1, closed = $3, asked = asked AND NOT $3"
            " WHERE access_id = $1",
            self.review.access_id,
            verdict,
            closed,
            name="judge",
        )

    async def ask(self, request_id: str, asked: bytes, record: NewRecord, reason: int) -> None:
        """Adds a patient's request: the record goes into the log, and the review is open, again if it was closed."""
        await self._append(request_id, asked, record)
        await self._queries.execute(
            "UPDATE reviews SET reasons = reasons | $2, asked = true, closed = false,"
            " opened_at = CASE WHEN closed THEN clock_timestamp() ELSE opened_at END WHERE access_id = $1",
            self.review.access_id,
            reason,
            name="ask_for_review",
        )

    async def _append(self, request_id: str, asked: bytes, record: NewRecord) -> None:
        taken = await self._queries.fetchval(
            "INSERT INTO review_requests (request_id, asked, access_id) VALUES ($1, $2, $3)"
            " ON CONFLICT DO NOTHING RETURNING 1",
            request_id,
            asked,
            self.review.access_id,
            name="add_review_request",
        )
        if not taken:
            raise _reused()
        await append(self._queries, [record])


class Turn:
    """What the one process does whose turn it is to look through the log."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    async def next_part(self, most: int) -> tuple[int, int]:
        """Returns from which index to before which the log is to be looked through; the same twice: nothing is new."""
        row = await self._queries.fetchrow(
            "SELECT p.next_index, least(c.next_index, p.next_index + $1) FROM review_position AS p, coordinator AS c",
            most,
            name="review_position",
        )
        assert row is not None  # noqa: S101  # both tables have one row
        return row[0], row[1]

    async def marked(self, start: int, end: int) -> list[tuple[int, str, datetime, bytes]]:
        """Returns index, legal entity, time and content of the records that may have to be reviewed, of this part."""
        rows = await self._queries.fetch(
            "SELECT idx, legal_entity, occurred_at, content FROM entries"
            " WHERE idx >= $1 AND idx < $2 AND kind <= 4 AND position($3::bytea IN content) > 0 ORDER BY idx",
            start,
            end,
            _MARK,
            name="marked_records",
        )
        return [tuple(row) for row in rows]

    async def add(self, found: Collection[NewReview], end: int) -> None:
        """Adds accesses to the queue, each once, and keeps how far the log has been looked through."""
        await self._queries.execute(
            "INSERT INTO reviews AS r (access_id, first_idx, legal_entity, occurred_at, reasons)"
            " SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::timestamptz[], $5::integer[])"
            " ON CONFLICT (access_id) DO UPDATE SET reasons = r.reasons | excluded.reasons",
            [each.access_id for each in found],
            [each.idx for each in found],
            [each.legal_entity for each in found],
            [each.occurred_at for each in found],
            [each.reasons for each in found],
            name="add_reviews",
        )
        await self._queries.execute("UPDATE review_position SET next_index = $1", end, name="move_review_position")

    async def overdue(self, days: int) -> dict[str, int]:
        """Returns how many reviews of each organisation have waited for longer than this."""
        rows = await self._queries.fetch(
            "SELECT legal_entity, count(*) FROM reviews"
            " WHERE NOT closed AND opened_at < clock_timestamp() - make_interval(days => $1) GROUP BY legal_entity",
            days,
            name="overdue_reviews",
        )
        return {row[0]: row[1] for row in rows}


class ReviewRepository:
    """The queue."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn | None]:
        """Gives the turn to look through the log, for as long as the block lasts; None: another process has it."""
        async with self._database.transaction() as session:
            row = await session.fetchval("SELECT 1 FROM review_position FOR UPDATE SKIP LOCKED", name="take_turn")
            yield Turn(session) if row else None

    @asynccontextmanager
    async def judging(self, access_id: str) -> AsyncIterator[Judging | None]:
        """Gives one review, alone, for as long as the block lasts; None: there is none."""
        async with self._database.transaction() as session:
            row = await session.fetchrow(f"{_REVIEW} WHERE access_id = $1 FOR UPDATE", access_id, name="lock_review")
            yield Judging(session, _stored(row)) if row else None

    @asynccontextmanager
    async def asking(self, refs: Sequence[str], access_id: str) -> AsyncIterator[Judging | None]:
        """Gives the review of an access to a patient, made when there is none yet; None: no such access to these."""
        async with self._database.transaction() as session:
            await session.execute(_OPEN, access_id, refs, name="open_review")
            row = await session.fetchrow(
                f"{_REVIEW} WHERE access_id = $1 AND {_OF_PATIENT} FOR UPDATE", access_id, refs, name="lock_review"
            )
            yield Judging(session, _stored(row)) if row else None

    async def page(
        self, page: Page, *, since: datetime | None, legal_entity: str | None, closed_too: bool
    ) -> list[StoredReview]:
        """Returns the reviews of a page and one more, if there is one, oldest first; `legal_entity` None: all."""
        rows = await self._database.fetch(
            f"{_REVIEW} WHERE ($1::text IS NULL OR legal_entity = $1) AND ($2 OR NOT closed)"
            " AND ($3::timestamptz IS NULL OR occurred_at >= $3)"
            " AND ($4::timestamptz IS NULL OR (opened_at, access_id) > ($4, $5::uuid))"
            " ORDER BY opened_at, access_id LIMIT $6",
            legal_entity,
            closed_too,
            since,
            page.after.effective_at if page.after else None,
            page.after.id if page.after else None,
            page.size + 1,
            name="list_reviews",
        )
        return [_stored(row) for row in rows]

    async def review(self, access_id: str) -> StoredReview:
        """Returns one review that is there."""
        row = await self._database.fetchrow(f"{_REVIEW} WHERE access_id = $1", access_id, name="review")
        return _stored(row)

    async def records(self, access_ids: Sequence[str]) -> Mapping[str, list[StoredRecord]]:
        """Returns the records of each of these accesses in the queue, in the order of the log."""
        return await _records(self._database, access_ids)


_MARK = b"\x82\x01"
"""Begins the field review_reasons of a record (number 16, packed). Other bytes may look like it: a record is read."""

_REVIEW = "SELECT access_id, legal_entity, opened_at, reasons, verdict, version, asked, closed FROM reviews"

_OF_PATIENT = """
EXISTS (
    SELECT FROM personal AS p WHERE p.access_id = reviews.access_id AND (
        p.patient_ref = ANY($2::uuid[])
        OR EXISTS (SELECT FROM also_about AS a WHERE a.idx = p.idx AND a.patient_ref = ANY($2::uuid[]))
    )
)
"""

_OPEN = """
INSERT INTO reviews (access_id, first_idx, legal_entity, occurred_at, reasons)
SELECT e.access_id, e.idx, e.legal_entity, e.occurred_at, 0 FROM personal AS p JOIN entries AS e USING (idx)
WHERE p.access_id = $1 AND (
    p.patient_ref = ANY($2::uuid[])
    OR EXISTS (SELECT FROM also_about AS a WHERE a.idx = p.idx AND a.patient_ref = ANY($2::uuid[]))
)
ORDER BY e.idx LIMIT 1
ON CONFLICT DO NOTHING
"""

_RECORDS = """
SELECT e.record_id, e.idx, e.committed_at, p.patient_sequence, e.access_id, e.content, coalesce(p.content, ''::bytea)
FROM entries AS e LEFT JOIN personal AS p USING (idx)
WHERE e.idx IN (
    SELECT idx FROM personal WHERE access_id = ANY($1::uuid[])
    UNION
    SELECT first_idx FROM reviews WHERE access_id = ANY($1::uuid[])
)
ORDER BY e.idx
"""
"""What was erased of an access leaves the record that opened its review."""


async def _records(queries: Queries, access_ids: Sequence[str]) -> dict[str, list[StoredRecord]]:
    found: dict[str, list[StoredRecord]] = {access_id: [] for access_id in access_ids}
    for row in await queries.fetch(_RECORDS, access_ids, name="records_of_reviews"):
        appended = Appended(str(row[0]), row[1], row[2], row[3])
        found[str(row[4])].append(StoredRecord(appended, str(row[4]), row[5], row[6], False))
    return found


def _stored(row: asyncpg.Record | None) -> StoredReview:
    assert row is not None  # noqa: S101  # a review is never removed
    access_id, *rest = row
    return StoredReview(str(access_id), *rest)


def _reused() -> Invalid:
    return Invalid("request_id", "belongs to another request", Reason.ERROR_REASON_REQUEST_ID_REUSED)
