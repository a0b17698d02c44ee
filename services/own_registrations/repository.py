"""SQL that reads own registrations. Writes, imports and keys have files of their own."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

import asyncpg

from services.own_registrations.key_repository import PatientKeys, wrapped_keys
from services.own_registrations.sealing import Place
from shared.database import Database
from shared.errors import Reason, Unavailable
from shared.register.entry import EntryPage, StoredEntry, length
from shared.register.paging import Page, Position, cut
from shared.sealing import ContentDamagedError, KeyWrap

log = logging.getLogger(__name__)

COLUMNS = "patient_ref, id, version, kind, effective_at, stored_at, content"
"""What a StoredEntry is made from. Nothing that is deleted is stored."""


class RegistrationPage(NamedTuple):
    """Entries, and how many there are of each kind, inside the window and outside."""

    page: EntryPage
    counts: dict[int, int]


class Repository:
    """Own registrations of patients."""

    def __init__(self, database: Database, keys: KeyWrap) -> None:
        self.database = database
        self.keys = keys

    async def page(
        self, refs: Sequence[str], page: Page, *, kinds: Sequence[int] | None = None, as_of: datetime | None = None
    ) -> EntryPage:
        """Returns one page of entries, newest first, in the version that was current at `as_of`."""
        rows = await self._list(refs, page.size + 1, page.after, kinds, page.pinned(as_of), None)
        entries, more = cut(self._opened(rows), page.size, length)
        token = page.token_after(Position(entries[-1].effective_at, entries[-1].id), rows[0]["read_at"]) if more else ""
        return EntryPage(entries, token, rows[0]["total"], more)

    async def newest(
        self, refs: Sequence[str], limit: int, *, as_of: datetime | None = None, since: datetime | None = None
    ) -> RegistrationPage:
        """Returns the newest `limit` entries; limit 0 counts only."""
        rows = await self._list(refs, limit, None, None, as_of, since)
        entries, total = self._opened(rows), rows[0]["total"]
        counts = dict(enumerate(rows[0]["counts"], start=1))
        return RegistrationPage(EntryPage(entries, "", total, total > len(entries)), counts)

    def _opened(self, rows: Sequence[asyncpg.Record]) -> list[StoredEntry]:
        found = [row for row in rows if row["id"] is not None]
        keys = PatientKeys(self.keys, wrapped_keys(found))
        return [opened(row, keys) for row in found]

    async def _list(
        self,
        refs: Sequence[str],
        limit: int,
        after: Position | None,
        kinds: Sequence[int] | None,
        as_of: datetime | None,
        since: datetime | None,
    ) -> list[asyncpg.Record]:
        """Returns rows with the counts on each; where there is no entry, one row with a null id."""
        return await self.database.fetch(
            _LIST,
            refs,
            as_of,
            kinds,
            since,
            after.effective_at if after else None,
            after.id if after else None,
            limit,
            name="list_registrations",
        )


# One statement reads entries and keys, so that it finds the key that the entries were encrypted under.
_LIST = f"""
WITH current AS (
    SELECT {COLUMNS} FROM (
        SELECT DISTINCT ON (patient_ref, id) {COLUMNS} FROM entries
        WHERE patient_ref = ANY($1::uuid[]) AND ($2::timestamptz IS NULL OR stored_at <= $2)
        ORDER BY patient_ref, id, version DESC
    ) AS latest
    WHERE ($3::smallint[] IS NULL OR kind = ANY($3)) AND NOT EXISTS (
        SELECT FROM (
            SELECT withdrawn FROM entries AS today WHERE today.patient_ref = latest.patient_ref AND today.id = latest.id
            ORDER BY version DESC LIMIT 1
        ) AS last WHERE withdrawn
    )
)
SELECT listed.*, statement_timestamp() AS read_at, counted.total, counted.counts
FROM (
    SELECT count(*) AS total, ARRAY[
        count(*) FILTER (WHERE kind = 1), count(*) FILTER (WHERE kind = 2),
        count(*) FILTER (WHERE kind = 3), count(*) FILTER (WHERE kind = 4)
    ] AS counts FROM current
) AS counted
LEFT JOIN (
    SELECT {COLUMNS}, wrapped, key_id FROM current LEFT JOIN patient_keys USING (patient_ref)
    WHERE ($4::timestamptz IS NULL OR effective_at >= $4)
    AND ($5::timestamptz IS NULL OR (effective_at, id) < ($5, $6::uuid))
    ORDER BY effective_at DESC, id DESC LIMIT $7
) AS listed ON true
ORDER BY effective_at DESC, id DESC
"""
"""The entries of a patient ($1) as they were at $2 (null: now), of the kinds $3 (null: all), without what is
withdrawn today."""


@contextmanager
def readable() -> Iterator[None]:
    """Raises Unavailable where the block cannot open what is stored: it must not read as nothing registered, and is no
    fault of the caller's.
    """
    try:
        yield
    except ContentDamagedError:
        log.exception("stored registrations or their key cannot be opened: damaged, or wrapped by another key")
        raise Unavailable(Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "what is registered cannot be read now") from None


def opened(row: asyncpg.Record, keys: PatientKeys) -> StoredEntry:
    """Returns the version in a row of COLUMNS, decrypted. Raises Unavailable when it does not open."""
    place = Place(str(row["patient_ref"]), str(row["id"]), row["version"], row["kind"])
    with readable():
        content = keys.of(place.patient_ref).open(place, row["content"])
    return StoredEntry(
        *place, deleted=False, effective_at=row["effective_at"], stored_at=row["stored_at"], content=content
    )
