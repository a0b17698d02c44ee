"""All SQL of critical information beyond the entry store that every register shares."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

import asyncpg

from kjernejournal.common.v1.common_pb2 import CALLER_KIND_SYSTEM, ImportCounts
from kjernejournal.critical_info.v1.critical_info_pb2 import CategoryAbsence, CriticalInfo
from services.critical_info import model
from services.critical_info.absences import ABSENCE
from services.critical_info.categories import CATEGORIES, NEVER_BOTH_ACTIVE
from services.critical_info.convert import Content
from services.critical_info.danger import by_danger, key
from shared.convert import time_of_reading
from shared.database import Database, Session
from shared.errors import NotFound, Reason, StateConflict, entry_not_found
from shared.register.entry import EntryPage, NewEntry, StoredEntry, length
from shared.register.feeds import Feeds
from shared.register.paging import LARGEST_SIZE, Page, Position, cut, not_of_this_list, version_below
from shared.register.rows import COLUMNS, stored_entry
from shared.register.rules import RegisterRules
from shared.register.store import EntryStore, lock_patients


class Latest(NamedTuple):
    """The latest version of an entry, and the digest of what its feed or author sent."""

    entry: StoredEntry
    digest: bytes


class Imported(NamedTuple):
    """An entry of a feed's message, every reference of its patient, and where it stands in the message."""

    new: NewEntry
    refs: tuple[str, ...]
    path: str


def _message_type(kind: int) -> type[Content]:
    return CategoryAbsence if kind == ABSENCE else CriticalInfo


async def _to_follow(session: Session, changed: list[NewEntry]) -> list[NewEntry]:
    """Returns the versions that may follow: none follows a deletion that was made here.

    What a source takes back keeps the category that it had, whatever the source says of it now.
    """
    later = [entry for entry in changed if entry.version > 1]
    if not later:
        return changed
    rows = await session.fetch(
        "SELECT patient_ref, id, kind, deleted, content FROM entries"
        " WHERE (patient_ref, id, version) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[]))",
        [entry.patient_ref for entry in later],
        [entry.id for entry in later],
        [entry.version - 1 for entry in later],
        name="versions_to_follow",
    )
    latest = {(str(row["patient_ref"]), str(row["id"])): row for row in rows}
    following = []
    for entry in changed:
        row = latest.get(entry[:2])
        if row is not None and row["deleted"] and not _by_feed(row):
            continue
        if row is not None and entry.deleted and {row["kind"], entry.kind} <= CATEGORIES.keys():
            following.append(_in_category(entry, row["kind"]))
            continue
        following.append(entry)
    return following


def _in_category(entry: NewEntry, category: int) -> NewEntry:
    content = CriticalInfo.FromString(entry.content)
    content.category = category  # type: ignore[assignment]  # a number of the enum, as stored
    return entry._replace(kind=category, content=content.SerializeToString(deterministic=True))


def _by_feed(row: asyncpg.Record) -> bool:
    """Whether a version is a source's: it may send anew what it has withdrawn itself."""
    author = _message_type(row["kind"]).FromString(row["content"]).header.provenance
    return author.recorder_kind == CALLER_KIND_SYSTEM


RULES = RegisterRules(_message_type, to_follow=_to_follow, caution=model.caution, corrected_here=(*CATEGORIES, ABSENCE))


class Repository:
    """Entries and statements of absence of patients."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.entries = EntryStore(database, RULES)
        self.feeds = Feeds(database, RULES)

    async def page_by_danger(
        self, refs: Sequence[str], page: Page, kinds: Sequence[int], as_of: datetime | None, since: datetime | None
    ) -> EntryPage:
        """Returns one page of entries, the most dangerous first, in the version that was current at `as_of`.

        Read whole and ordered here: a patient has tens of entries, and what is dangerous stands in them.
        """
        read_at = datetime.now(UTC)
        now = page.at or time_of_reading(as_of)
        every = [stored async for stored in self.entries.every(refs, kinds, page.pinned(as_of))]
        ordered = by_danger([stored for stored in every if since is None or stored.effective_at >= since], now)
        rest = ordered
        if page.after is not None:
            last = await self._last_shown(refs, page.after.id, page.pinned(as_of))
            rest = [stored for stored in ordered if key(stored, now) > key(last, now)]
        shown, more = cut(rest, page.size, length)
        token = page.token_after(Position(shown[-1].effective_at, shown[-1].id), read_at) if more else ""
        return EntryPage(shown, token, len(every), more or len(ordered) < len(every))

    async def _last_shown(self, refs: Sequence[str], entry_id: str, at: datetime | None) -> StoredEntry:
        """Returns the last entry of the page before, as it was then: it may have been deleted since.

        Raises Invalid for a token that names none of the patient's entries.
        """
        with suppress(NotFound):
            for each in await self.entries.versions(refs, entry_id, version_below(""), LARGEST_SIZE):
                if at is None or each.stored_at <= at:
                    return each
        raise not_of_this_list()

    async def latest_contents(self, refs: Sequence[str]) -> list[StoredEntry]:
        """Returns the latest version of every entry, deleted ones too; statements of absence are left out."""
        rows = await self.database.fetch(
            f"SELECT * FROM (SELECT DISTINCT ON (patient_ref, id) {COLUMNS} FROM entries"
            " WHERE patient_ref = ANY($1::uuid[]) ORDER BY patient_ref, id, version DESC) AS latest WHERE kind <> $2",
            refs,
            ABSENCE,
            name="latest_contents",
        )
        return [stored_entry(row) for row in rows]

    async def latest_in(self, session: Session, refs: Sequence[str], entry_id: str) -> Latest:
        """Returns the latest version of an entry, a deleted one too. Raises NotFound: no such entry for this
        patient."""
        row = await session.fetchrow(
            f"SELECT {COLUMNS}, digest FROM entries"
            " WHERE patient_ref = ANY($1::uuid[]) AND id = $2 AND kind <> $3 ORDER BY version DESC LIMIT 1",
            refs,
            entry_id,
            ABSENCE,
            name="latest_entry",
        )
        if row is None:
            raise entry_not_found()
        return Latest(stored_entry(row), row["digest"])

    async def history(self, session: Session, refs: Sequence[str], entry_id: str) -> list[CriticalInfo]:
        """Returns every version of an entry, newest first."""
        rows = await session.fetch(
            "SELECT content FROM entries WHERE patient_ref = ANY($1::uuid[]) AND id = $2 ORDER BY version DESC",
            refs,
            entry_id,
            name="entry_history",
        )
        return [CriticalInfo.FromString(row["content"]) for row in rows]

    async def latest_of_kinds(self, session: Session, refs: Sequence[str], kinds: Sequence[int]) -> list[StoredEntry]:
        """Returns the latest version of every entry of these kinds that is not deleted."""
        rows = await session.fetch(
            "SELECT * FROM ("
            f" SELECT DISTINCT ON (patient_ref, id) {COLUMNS} FROM entries"
            " WHERE patient_ref = ANY($1::uuid[]) ORDER BY patient_ref, id, version DESC"
            ") AS latest WHERE kind = ANY($2::smallint[]) AND NOT deleted",
            refs,
            kinds,
            name="latest_of_kinds",
        )
        return [stored_entry(row) for row in rows]

    async def store(self, batch: Sequence[Imported], now: datetime) -> ImportCounts:
        """Stores the entries of one message of a feed, all or none.

        What has been deleted stays deleted, whatever the feed sends; a source may correct the category of its entry.
        Raises StateConflict for an entry that would be active beside one of the other of categories 8 and 11.
        """
        known = await self.feeds.as_known([each.new for each in batch])
        deciding = {each.refs: each.path for each in batch if each.new.kind in NEVER_BOTH_ACTIVE}
        async with self.database.transaction() as session:
            await lock_patients(session, [ref for refs in deciding for ref in refs])
            in_conflict = {refs for refs in deciding if await self._both_active(session, refs, now)}
            counts = await self.feeds.import_in(session, known)
            for refs, path in deciding.items():
                if refs not in in_conflict and await self._both_active(session, refs, now):
                    raise StateConflict(
                        Reason.ERROR_REASON_STATE_CONFLICT,
                        "categories 8 and 11 may not both be active for a patient",
                        field=path,
                    )
            return counts

    async def _both_active(self, session: Session, refs: Sequence[str], now: datetime) -> bool:
        found = await self.latest_of_kinds(session, refs, tuple(NEVER_BOTH_ACTIVE))
        return model.both_active((CriticalInfo.FromString(each.content) for each in found), now)
