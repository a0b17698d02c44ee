"""Versioned entries of a register: added, never overwritten, read as they are now or as they were.

Every register keeps its entries in a table `entries` of its own migrations; this is the one repository they share.
Columns are what SQL filters, orders and constrains. The entry itself is its protobuf message in `content`: 36 us for
20 rows, against 224 to 340 us when a message is put together from columns.

A patient may have several references (aliases), so every statement takes the set.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

import asyncpg

from shared.database import Database, Queries, Session
from shared.errors import StateConflict, VersionBehind, entry_not_found
from shared.register.entry import EntryPage, NewEntry, StoredEntry, imported_id, length
from shared.register.feeds import store_beside, with_first_recorder
from shared.register.lateness import outdated
from shared.register.paging import LARGEST_SIZE, Page, Position, cut, page_of
from shared.register.requests import answered, remember
from shared.register.rows import COLUMNS, WRITTEN, stored_entry
from shared.register.rules import RegisterRules

Result = TypeVar("Result")


async def lock_patients(session: Session, refs: Sequence[str]) -> None:
    """Makes every other write to these patients' entries wait for the end of this transaction.

    By every reference: one who has not heard of a merge yet knows the patient by one of them. In one order, so that
    two writers of the same patients never wait for each other.
    """
    await session.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(ref, 0))"
        " FROM (SELECT DISTINCT ref FROM unnest($1::text[]) AS ref ORDER BY ref) AS ordered",
        list(refs),
        name="lock_patients",
    )


async def settled(write: Callable[[], Awaitable[Result]]) -> Result:
    """Returns what `write` gives. One that lost a race is made once more, from its own reads on.

    A request that is sent twice at once has one effect and one answer: who comes second finds what the first stored.
    What is behind or refused for good raises the same again.
    """
    try:
        return await write()
    except (VersionBehind, StateConflict):
        return await write()


class EntryStore:
    """The entries of one register, after its rules."""

    def __init__(self, database: Database, rules: RegisterRules) -> None:
        self.database = database
        self.rules = rules

    async def record(self, new: NewEntry, refs: Sequence[str]) -> StoredEntry:
        """Stores what a feed sends as the next version of its entry, unless that changes nothing.

        Returns what is stored then, and for a retry what the first try stored. Raises Invalid (REQUEST_ID_REUSED) when
        the request_id came with another body, VersionBehind when another version is stored at the same moment, and what
        `to_follow` raises.
        """
        async with self.database.transaction() as session:
            before = await answered(session, refs, new.request_id, new.digest)
            if before is not None:
                return await self.as_answered(session, before[0], new.digest)
            following = await self.following(session, new, refs)
            if following is not None:
                return await self.add_in(session, following, refs)
            return await self.unchanged(session, new, refs)

    async def unchanged(self, session: Session, new: NewEntry, refs: Sequence[str]) -> StoredEntry:
        """Returns the latest version, which `new` does not change, and keeps that its request found it so. It says
        where it is later than `new`.

        Raises VersionBehind when the same request comes at the same moment.
        """
        found = await self._latest(session, refs, new.id)
        await remember(session, new.request_id, new.digest, [found])
        return await self.as_answered(session, found, new.digest)

    async def as_answered(self, session: Session, found: StoredEntry, sent: bytes) -> StoredEntry:
        """Returns what a request that sent `sent` found or made; it says where it is another version, which stands."""
        digest = await session.fetchval(
            "SELECT digest FROM entries WHERE patient_ref = $1 AND id = $2 AND version = $3",
            *found[:3],
            name="digest_of_version",
        )
        return found._replace(outdated=digest != sent)

    async def following(self, session: Session, new: NewEntry, refs: Sequence[str]) -> NewEntry | None:
        """Returns the version that `new` makes after the latest one; None when that has the same digest or is later, or
        when `to_follow` leaves it out."""
        version, digest = await self.latest_digest(session, refs, new.id)
        if digest == new.digest:
            return None
        if version and await outdated(session, self.rules, [new]):
            return None
        kept = await self.rules.to_follow(session, [new._replace(version=version + 1)])
        return next(iter(await with_first_recorder(session, self.rules, kept)), None)

    async def add_in(
        self, session: Session, new: NewEntry, refs: Sequence[str], asked: bytes | None = None
    ) -> StoredEntry:
        """Stores one version, as `add_all` does. `asked` is the request's digest; None: that of the version itself."""
        return (await self.add_all(session, [new], refs, new.digest if asked is None else asked))[0]

    async def add_all(
        self, session: Session, new: Sequence[NewEntry], refs: Sequence[str], asked: bytes
    ) -> list[StoredEntry]:
        """Stores the versions that a request makes, in the caller's transaction; the first has the request's id.

        A retry of the same request gives what the first try stored. Raises Invalid (REQUEST_ID_REUSED) when the
        request_id came with another body, VersionBehind when a version is taken, NotFound when there is no such entry
        to follow.
        """
        request_id = new[0].request_id
        before = await answered(session, refs, request_id, asked)
        if before is not None:
            return before
        stored = []
        for each in new:
            added = await self._add(session, each, refs)
            if added is None:
                before = await answered(session, refs, request_id, asked)
                if before is not None:
                    return before
                raise VersionBehind(each.version)
            stored.append(added)
        await remember(session, request_id, asked, stored)
        return stored

    async def _add(self, session: Session, new: NewEntry, refs: Sequence[str]) -> StoredEntry | None:
        """Stores one version; None when another was stored at the same moment, of the same request or of another."""
        if new.version > 1:
            current = await session.fetchval(
                "SELECT max(version) FROM entries WHERE patient_ref = ANY($1::uuid[]) AND id = $2",
                refs,
                new.id,
                name="current_version",
            )
            if current is None:
                raise entry_not_found()
            if current != new.version - 1:
                raise VersionBehind(current)
        # A race is lost without an exception, so that the transaction can still read who won it.
        row = await session.fetchrow(
            f"INSERT INTO entries ({', '.join(WRITTEN)}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
            f" ON CONFLICT DO NOTHING RETURNING {COLUMNS}",
            *new[: len(WRITTEN)],
            name="add_entry",
        )
        if row is None:
            return None
        await store_beside(session, self.rules, [new])
        return stored_entry(row)

    async def latest_digest(self, queries: Queries, refs: Sequence[str], entry_id: str) -> tuple[int, bytes]:
        """Returns version and digest of the latest version; version 0 when there is none."""
        row = await queries.fetchrow(
            "SELECT version, digest FROM entries WHERE patient_ref = ANY($1::uuid[]) AND id = $2"
            " ORDER BY version DESC LIMIT 1",
            refs,
            entry_id,
            name="latest_digest",
        )
        return (row["version"], row["digest"]) if row is not None else (0, b"")

    async def latest(self, refs: Sequence[str], entry_id: str, *, kinds: Sequence[int] | None = None) -> StoredEntry:
        """Returns the latest version, a deleted one too. Raises NotFound: no such entry for this patient."""
        return await self._latest(self.database, refs, entry_id, kinds)

    async def _latest(
        self, queries: Queries, refs: Sequence[str], entry_id: str, kinds: Sequence[int] | None = None
    ) -> StoredEntry:
        row = await queries.fetchrow(
            f"SELECT {COLUMNS} FROM entries WHERE patient_ref = ANY($1::uuid[]) AND id = $2"
            " AND ($3::smallint[] IS NULL OR kind = ANY($3)) ORDER BY version DESC LIMIT 1",
            refs,
            entry_id,
            kinds,
            name="latest_entry",
        )
        if row is None:
            raise entry_not_found()
        return stored_entry(row)

    async def place_of(self, refs: Sequence[str], source: str, source_id: str) -> tuple[str, str]:
        """Returns the reference and id of what a feed sends under `source_id`, as it is known or is to be stored.

        The id is made from the reference, and the entry may have come before the patient got another one by a merge.
        """
        ids = [imported_id(ref, source, source_id) for ref in refs]
        row = await self.database.fetchrow(
            "SELECT patient_ref, id FROM entries WHERE patient_ref = ANY($1::uuid[]) AND id = ANY($2::uuid[])"
            " ORDER BY array_position($2::uuid[], id) LIMIT 1",
            refs,
            ids,
            name="place_of_entry",
        )
        return (refs[0], ids[0]) if row is None else (str(row["patient_ref"]), str(row["id"]))

    async def versions(self, refs: Sequence[str], entry_id: str, below: int, limit: int) -> list[StoredEntry]:
        """Returns versions under `below`, newest first. Raises NotFound when there is none at all."""
        rows = await self.database.fetch(
            f"SELECT {COLUMNS} FROM entries WHERE patient_ref = ANY($1::uuid[]) AND id = $2 AND version < $3"
            " ORDER BY version DESC LIMIT $4",
            refs,
            entry_id,
            below,
            limit,
            name="entry_versions",
        )
        if not rows:
            raise entry_not_found()
        return [stored_entry(row) for row in rows]

    async def page(
        self,
        refs: Sequence[str],
        page: Page,
        *,
        kinds: Sequence[int] | None = None,
        as_of: datetime | None = None,
        since: datetime | None = None,
    ) -> EntryPage:
        """Returns one page of entries in the version that was current at `as_of`, `since` their effective time.

        What is deleted today stays out, whatever `as_of` says.
        """
        rows = await self._newest(refs, page.size + 1, page.after, kinds, page.pinned(as_of), since)
        total, outside = rows[0]["total"], rows[0]["outside"]
        entries, more = cut([stored_entry(row) for row in rows if row["id"] is not None], page.size, length)
        token = page.token_after(Position(entries[-1].effective_at, entries[-1].id), rows[0]["read_at"]) if more else ""
        return EntryPage(entries, token, total, more or outside > 0)

    async def every(
        self, refs: Sequence[str], kinds: Sequence[int], as_of: datetime | None
    ) -> AsyncIterator[StoredEntry]:
        """Gives the entries of these kinds as they were current at `as_of`, newest first, read a page at a time.

        For what SQL cannot see in the columns, in registers of few entries a patient: each page orders all of them
        anew.
        """
        token = ""
        while True:
            found = await self.page(refs, page_of(LARGEST_SIZE, token), kinds=kinds, as_of=as_of)
            for entry in found.entries:
                yield entry
            token = found.next_page_token
            if not token:
                return

    async def newest(
        self,
        refs: Sequence[str],
        limit: int,
        *,
        kinds: Sequence[int] | None = None,
        as_of: datetime | None = None,
        since: datetime | None = None,
    ) -> EntryPage:
        """Returns the newest `limit` entries, as `page` gives them; limit 0 counts only."""
        rows = await self._newest(refs, limit, None, kinds, as_of, since)
        total = rows[0]["total"]
        entries = [stored_entry(row) for row in rows if row["id"] is not None]
        return EntryPage(entries, "", total, total > len(entries))

    async def _newest(
        self,
        refs: Sequence[str],
        limit: int,
        after: Position | None,
        kinds: Sequence[int] | None,
        as_of: datetime | None,
        since: datetime | None,
    ) -> list[asyncpg.Record]:
        """Returns rows with `total` and `outside` the window on each; without an entry, one row with a null id."""
        return await self.database.fetch(
            _CURRENT
            + f"""
            SELECT {COLUMNS}, counted.total, counted.outside, statement_timestamp() AS read_at
            FROM (
                SELECT count(*) AS total, count(*) FILTER (WHERE effective_at < $4) AS outside FROM current
            ) AS counted
            LEFT JOIN (
                SELECT {COLUMNS} FROM current
                WHERE ($4::timestamptz IS NULL OR effective_at >= $4)
                AND ($5::timestamptz IS NULL OR (effective_at, id) < ($5, $6::uuid))
                ORDER BY effective_at DESC, id DESC LIMIT $7
            ) AS page ON true
            ORDER BY effective_at DESC, id DESC""",
            refs,
            as_of,
            kinds,
            since,
            after.effective_at if after else None,
            after.id if after else None,
            limit,
            name="list_entries",
        )


_CURRENT = f"""
WITH current AS (
    SELECT {COLUMNS} FROM (
        SELECT DISTINCT ON (patient_ref, id) {COLUMNS} FROM entries
        WHERE patient_ref = ANY($1::uuid[]) AND ($2::timestamptz IS NULL OR stored_at <= $2)
        ORDER BY patient_ref, id, version DESC
    ) AS latest
    WHERE ($3::smallint[] IS NULL OR kind = ANY($3)) AND NOT deleted
    AND ($2::timestamptz IS NULL OR NOT EXISTS (
        SELECT FROM entries AS later
        WHERE later.patient_ref = latest.patient_ref AND later.id = latest.id AND later.deleted
    ))
)
"""
"""The entries of a patient ($1) as they were at $2 (null: now), of the kinds $3 (null: all), without deleted ones."""
