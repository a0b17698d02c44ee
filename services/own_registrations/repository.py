"""SQL of own registrations: lists, saving, deleting. Imports and keys have files of their own."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

import asyncpg

from services.own_registrations.key_repository import PatientKeys, locked
from services.own_registrations.sealing import Place
from shared.database import Database, Session
from shared.entry import EntryPage, StoredEntry
from shared.errors import Invalid, Reason, StateConflict, Unavailable, VersionBehind, entry_not_found
from shared.paging import Page, Position
from shared.sealing import ContentDamagedError, KeyWrap

log = logging.getLogger(__name__)

COLUMNS = "patient_ref, id, version, kind, effective_at, stored_at, content"
"""What a StoredEntry is made from. Nothing that is deleted is stored."""
WRITTEN = ("patient_ref", "id", "version", "kind", "effective_at", "request_id", "digest", "content")

DONOR_CARD = 4


class Draft(NamedTuple):
    """A version that is to be saved."""

    kind: int
    recorded_at: datetime
    content: bytes


class Base(NamedTuple):
    """The version that a change is made from."""

    id: str
    version: int


class Listing(NamedTuple):
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
        """One page of entries, newest first, in the version that was current at `as_of`."""
        rows = await self._list(refs, page.size + 1, page.after, kinds, as_of, None)
        entries = self._opened(rows)
        more = len(entries) > page.size
        entries = entries[: page.size]
        token = page.token_after(Position(entries[-1].effective_at, entries[-1].id)) if more else ""
        return EntryPage(entries, token, rows[0]["total"], more)

    async def newest(
        self, refs: Sequence[str], limit: int, *, as_of: datetime | None = None, since: datetime | None = None
    ) -> Listing:
        """The newest `limit` entries; limit 0 counts only."""
        rows = await self._list(refs, limit, None, None, as_of, since)
        entries, total = self._opened(rows), rows[0]["total"]
        counts = dict(enumerate(rows[0]["counts"], start=1))
        return Listing(EntryPage(entries, "", total, total > len(entries)), counts)

    async def save(
        self,
        refs: Sequence[str],
        request_id: str,
        sent: bytes,
        base: Base | None,
        draft: Callable[[StoredEntry | None], Draft],
    ) -> StoredEntry:
        """Stores what `draft` makes of the version that is to be changed (None: a new entry).

        A retry of the same request gives what the first try stored. Raises Invalid (REQUEST_ID_REUSED), NotFound,
        VersionBehind, StateConflict for a second donor card, and what `draft` raises.
        """
        async with self.database.transaction() as session:
            keys = await locked(session, self.keys, refs)
            before = await _of_request(session, keys, refs, request_id, sent)
            if before is not None:
                return before
            latest = await _latest(session, keys, refs, base) if base is not None else None
            new = draft(latest)
            if latest is None and new.kind == DONOR_CARD:
                await _check_no_card(session, refs)
            place = Place(
                latest.patient_ref if latest else refs[0],
                latest.id if latest else str(uuid4()),
                latest.version + 1 if latest else 1,
                new.kind,
            )
            await keys.make(session, [place.patient_ref])
            key = keys.of(place.patient_ref)
            [row] = await session.fetch(
                f"INSERT INTO entries ({', '.join(WRITTEN)}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
                f" RETURNING {COLUMNS}",
                *place,
                new.recorded_at,
                request_id,
                key.digest(sent),
                key.seal(place, new.content),
                name="add_registration",
            )
            return opened(row, keys)

    async def delete(self, refs: Sequence[str], request_id: str, entry_id: str, version: int, digest: bytes) -> None:
        """Deletes an entry for good; `version` 0: whichever it has. A retry of the same request does nothing.

        Raises Invalid (REQUEST_ID_REUSED), NotFound, VersionBehind.
        """
        async with self.database.transaction() as session:
            await locked(session, self.keys, refs)
            if await _is_retry(session, refs, request_id, digest):
                return
            current = await session.fetchval(
                "SELECT max(version) FROM entries WHERE patient_ref = ANY($1::uuid[]) AND id = $2",
                refs,
                entry_id,
                name="current_version",
            )
            if current is None:
                raise entry_not_found()
            if version not in (0, current):
                raise VersionBehind(current)
            await _forget(session, refs, entry_id)
            await session.execute(
                "INSERT INTO spent_requests (patient_ref, request_id, deletion) VALUES ($1, $2, $3)",
                refs[0],
                request_id,
                digest,
                name="remember_deletion",
            )

    def _opened(self, rows: Sequence[asyncpg.Record]) -> list[StoredEntry]:
        found = [row for row in rows if row["id"] is not None]
        keys = PatientKeys(self.keys, {str(row["patient_ref"]): row["wrapped"] for row in found})
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
        """Rows with the counts on each; where there is no entry, one row with a null id."""
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
    WHERE $3::smallint[] IS NULL OR kind = ANY($3)
)
SELECT listed.*, counted.total, counted.counts
FROM (
    SELECT count(*) AS total, ARRAY[
        count(*) FILTER (WHERE kind = 1), count(*) FILTER (WHERE kind = 2),
        count(*) FILTER (WHERE kind = 3), count(*) FILTER (WHERE kind = 4)
    ] AS counts FROM current
) AS counted
LEFT JOIN (
    SELECT {COLUMNS}, wrapped FROM current LEFT JOIN patient_keys USING (patient_ref)
    WHERE ($4::timestamptz IS NULL OR effective_at >= $4)
    AND ($5::timestamptz IS NULL OR (effective_at, id) < ($5, $6::uuid))
    ORDER BY effective_at DESC, id DESC LIMIT $7
) AS listed ON true
ORDER BY effective_at DESC, id DESC
"""
"""The entries of a patient ($1) as they were at $2 (null: now), of the kinds $3 (null: all)."""


@contextmanager
def readable() -> Iterator[None]:
    """What cannot be opened is told as not available: it must not read as nothing registered, and is no fault of the
    caller's."""
    try:
        yield
    except ContentDamagedError:
        log.exception("stored registrations or their key cannot be opened: damaged, or wrapped by another key")
        raise Unavailable(Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "what is registered cannot be read now") from None


def opened(row: asyncpg.Record, keys: PatientKeys) -> StoredEntry:
    """The version in a row of COLUMNS, decrypted. Raises Unavailable when it does not open."""
    place = Place(str(row["patient_ref"]), str(row["id"]), row["version"], row["kind"])
    with readable():
        content = keys.of(place.patient_ref).open(place, row["content"])
    return StoredEntry(
        *place, deleted=False, effective_at=row["effective_at"], stored_at=row["stored_at"], content=content
    )


async def _of_request(
    session: Session, keys: PatientKeys, refs: Sequence[str], request_id: str, sent: bytes
) -> StoredEntry | None:
    """What an earlier try of this save stored. Raises Invalid (REQUEST_ID_REUSED), NotFound: it is deleted since."""
    row = await session.fetchrow(
        f"SELECT {COLUMNS}, digest FROM entries WHERE patient_ref = ANY($1::uuid[]) AND request_id = $2",
        refs,
        request_id,
        name="registration_of_request",
    )
    if row is not None:
        with readable():
            same = keys.of(str(row["patient_ref"])).digest(sent) == row["digest"]
        if not same:
            raise _reused()
        return opened(row, keys)
    spent = await _spent(session, refs, request_id)
    if spent is None:
        return None
    if spent["deletion"] is not None:
        raise _reused()
    raise entry_not_found()


async def _is_retry(session: Session, refs: Sequence[str], request_id: str, digest: bytes) -> bool:
    """Whether this deletion has been made. Raises Invalid (REQUEST_ID_REUSED)."""
    spent = await _spent(session, refs, request_id)
    if spent is not None and spent["deletion"] == digest:
        return True
    saved = await session.fetchval(
        "SELECT true FROM entries WHERE patient_ref = ANY($1::uuid[]) AND request_id = $2",
        refs,
        request_id,
        name="request_saved",
    )
    if spent is not None or saved:
        raise _reused()
    return False


async def _spent(session: Session, refs: Sequence[str], request_id: str) -> asyncpg.Record | None:
    return await session.fetchrow(
        "SELECT deletion FROM spent_requests WHERE patient_ref = ANY($1::uuid[]) AND request_id = $2",
        refs,
        request_id,
        name="spent_request",
    )


async def _latest(session: Session, keys: PatientKeys, refs: Sequence[str], base: Base) -> StoredEntry:
    row = await session.fetchrow(
        f"SELECT {COLUMNS} FROM entries WHERE patient_ref = ANY($1::uuid[]) AND id = $2 ORDER BY version DESC LIMIT 1",
        refs,
        base.id,
        name="latest_registration",
    )
    if row is None:
        raise entry_not_found()
    if row["version"] != base.version:
        raise VersionBehind(row["version"])
    return opened(row, keys)


async def _check_no_card(session: Session, refs: Sequence[str]) -> None:
    card = await session.fetchval(
        f"SELECT id FROM entries WHERE patient_ref = ANY($1::uuid[]) AND kind = {DONOR_CARD} LIMIT 1",
        refs,
        name="donor_card",
    )
    if card is not None:
        raise StateConflict(
            Reason.ERROR_REASON_STATE_CONFLICT, "there is a donor card already: change that one", id=str(card)
        )


async def _forget(session: Session, refs: Sequence[str], entry_id: str) -> None:
    """Takes an entry out of the database, and with a patient's last one the key."""
    deleted = await session.fetch(
        "DELETE FROM entries WHERE patient_ref = ANY($1::uuid[]) AND id = $2 RETURNING patient_ref, request_id",
        refs,
        entry_id,
        name="delete_registration",
    )
    await session.execute(
        "INSERT INTO spent_requests (patient_ref, request_id) SELECT * FROM unnest($1::uuid[], $2::uuid[])",
        [row["patient_ref"] for row in deleted if row["request_id"] is not None],
        [row["request_id"] for row in deleted if row["request_id"] is not None],
        name="spend_requests",
    )
    await session.execute(
        "UPDATE imported_names SET id = NULL WHERE patient_ref = ANY($1::uuid[]) AND id = $2",
        refs,
        entry_id,
        name="bar_imports",
    )
    await session.execute(
        "UPDATE patient_keys SET wrapped = NULL WHERE patient_ref = ANY($1::uuid[])"
        " AND NOT EXISTS (SELECT FROM entries WHERE entries.patient_ref = patient_keys.patient_ref)",
        refs,
        name="drop_keys",
    )


def _reused() -> Invalid:
    return Invalid("request_id", "was used for another request", Reason.ERROR_REASON_REQUEST_ID_REUSED)
