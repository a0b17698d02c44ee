"""SQL that finds accesses by who made them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from services.audit.repository import StoredRecord, stored_record
from shared.database import Database
from shared.register.paging import Page


class PractitionerAccess(NamedTuple):
    """One access to one record."""

    patient_ref: str | None
    """Whose record; None: nobody's."""
    records: list[StoredRecord]
    """In the order of the log."""


class PractitionerPage(NamedTuple):
    """Accesses, newest first."""

    accesses: list[PractitionerAccess]
    more: bool
    total: int
    """Accesses there are, inside the window and outside."""
    older_exist: bool
    """Older accesses exist than the last one here, on further pages or outside the window."""


class PractitionerRepository:
    """The log, by practitioner."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accesses(
        self, hpr_number: str, page: Page, *, since: datetime | None, legal_entity: str | None
    ) -> PractitionerPage:
        """Returns one page of what a practitioner did at `since` or later, newest first; None: at any entity."""
        after = page.after.id if page.after else None
        async with self._database.transaction() as session:
            begun = await session.fetch(
                _BEGUN, hpr_number, after, since, legal_entity, page.size + 1, name="accesses_of_practitioner"
            )
            rows = await session.fetch(
                _RECORDS,
                hpr_number,
                [row["access_id"] for row in begun[: page.size]],
                [row["patient_ref"] for row in begun[: page.size]],
                name="records_of_practitioner",
            )
            counted = await session.fetchrow(_COUNT, hpr_number, since, legal_entity, name="count_of_practitioner")
        assert counted is not None  # noqa: S101  # an aggregate gives one row
        more = len(begun) > page.size
        return PractitionerPage(list(_by_access(rows)), more, counted["total"], more or counted["outside"] > 0)


_FIRST = """
begun AS (
    SELECT access_id, patient_ref, min(idx) AS idx FROM personal
    WHERE practitioner_in(content) = $1 GROUP BY access_id, patient_ref
)
"""
"""The first record of each access to each record, by the index that `personal` has for it."""

_BEGUN = f"""
WITH {_FIRST}
SELECT begun.access_id, begun.patient_ref FROM begun JOIN entries AS e USING (idx)
WHERE ($2::uuid IS NULL OR idx < (SELECT idx FROM entries WHERE record_id = $2))
AND ($3::timestamptz IS NULL OR e.occurred_at >= $3)
AND ($4::text IS NULL OR e.legal_entity = $4)
ORDER BY idx DESC LIMIT $5
"""

_COUNT = f"""
WITH {_FIRST}
SELECT count(*) AS total, count(*) FILTER (WHERE e.occurred_at < $2) AS outside
FROM begun JOIN entries AS e USING (idx) WHERE $3::text IS NULL OR e.legal_entity = $3
"""

_RECORDS = """
SELECT e.record_id, p.idx, e.committed_at, p.patient_sequence, p.access_id, e.content, p.content,
    false AS about_another, p.patient_ref
FROM unnest($2::uuid[], $3::uuid[]) AS wanted (access_id, patient_ref)
JOIN personal AS p ON p.access_id = wanted.access_id AND p.patient_ref IS NOT DISTINCT FROM wanted.patient_ref
JOIN entries AS e ON e.idx = p.idx
WHERE practitioner_in(p.content) = $1
ORDER BY p.idx
"""


def _by_access(rows: Sequence[asyncpg.Record]) -> Iterator[PractitionerAccess]:
    found: dict[tuple[object, object], PractitionerAccess] = {}
    for row in rows:
        ref = row["patient_ref"]
        key = (row["access_id"], ref)
        access = found.setdefault(key, PractitionerAccess(str(ref) if ref else None, []))
        access.records.append(stored_record(row))
    return reversed(found.values())
