"""Entries as feeds bring them: whole messages, stored once however often they are sent, as the versions that follow."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import asyncpg

from kjernejournal.common.v1.common_pb2 import ImportCounts
from shared.database import Database, Session
from shared.errors import Reason, Unavailable
from shared.register.entry import NewEntry
from shared.register.rows import WRITTEN


class Beside(NamedTuple):
    """Rows of a table of the register's own that are stored with versions, in the same transaction."""

    table: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


class Stored(NamedTuple):
    """What is stored of entries that a feed brings anew, each by its reference and id."""

    latest: dict[tuple[str, str], Any]
    """The message of the latest version."""
    known: set[tuple[str, str, bytes]]
    """Reference, id and digest of every version."""


class FedEntries(ABC):
    """The part of a register's entry store that feeds write through."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @abstractmethod
    def message_type(self, kind: int) -> type[Any]:
        """The message that entries of this kind are. It has its EntryHeader in the field `header`."""

    def beside(self, versions: Sequence[NewEntry]) -> Iterable[Beside]:
        """What the register stores beside these versions, in their transaction. The runtime role may INSERT there."""
        return ()

    async def import_batch(self, batch: Sequence[NewEntry]) -> ImportCounts:
        """Stores the entries of one message of a feed, all or none.

        Unchanged ones (by digest) are left, changed ones get their next version. The version in `batch` is ignored. A
        feed that races itself fails whole and may send again.
        """
        batch = await self.as_known(batch)
        async with self.database.transaction() as session:
            return await self.import_in(session, batch)

    async def as_known(self, batch: Sequence[NewEntry]) -> list[NewEntry]:
        """The entries of a feed at the places where they are: one that came before a merge keeps reference and id."""
        places = {place for entry in batch if entry.elsewhere for place in (entry[:2], *entry.elsewhere)}
        if not places:
            return list(batch)
        rows = await self.database.fetch(
            "SELECT DISTINCT patient_ref, id FROM entries"
            " WHERE (patient_ref, id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))",
            [ref for ref, _ in places],
            [entry_id for _, entry_id in places],
            name="known_places",
        )
        there = {(str(row["patient_ref"]), str(row["id"])) for row in rows}
        known = []
        for entry in batch:
            ref, entry_id = next((place for place in (entry[:2], *entry.elsewhere) if place in there), entry[:2])
            known.append(entry._replace(patient_ref=ref, id=entry_id, elsewhere=()))
        return known

    async def import_in(self, session: Session, batch: Sequence[NewEntry]) -> ImportCounts:
        """As `import_batch`, inside a transaction of the caller's, of entries at the places where they are."""
        wanted = {(entry.patient_ref, entry.id): entry for entry in batch}
        current = {
            (str(row["patient_ref"]), str(row["id"])): (row["version"], row["digest"])
            for row in await session.fetch(
                "SELECT DISTINCT ON (patient_ref, id) patient_ref, id, version, digest FROM entries"
                " WHERE (patient_ref, id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))"
                " ORDER BY patient_ref, id, version DESC",
                [ref for ref, _ in wanted],
                [entry_id for _, entry_id in wanted],
                name="current_versions",
            )
        }
        counts, changed = ImportCounts(batches=1), []
        for key, entry in wanted.items():
            version, digest = current.get(key, (0, b""))
            if digest != entry.digest:
                changed.append(entry._replace(version=version + 1))
        changed = await self.to_follow(session, changed)
        counts.created = sum(entry.version == 1 for entry in changed)
        counts.updated = len(changed) - counts.created
        counts.unchanged = len(wanted) - len(changed)
        if changed:
            try:
                rows = [entry[: len(WRITTEN)] for entry in await self.with_first_recorder(session, changed)]
                await session.copy("entries", WRITTEN, rows)
            except asyncpg.UniqueViolationError:
                raise _raced() from None
            await self.store_beside(session, changed)
        return counts

    async def to_follow(self, session: Session, changed: list[NewEntry]) -> list[NewEntry]:
        """Which of the versions that a feed brings are to be stored. A register may refuse one that cannot follow."""
        return changed

    async def stored(self, session: Session, later: Sequence[NewEntry]) -> Stored:
        """What is stored of the entries that these versions are to follow."""
        rows = await session.fetch(
            "SELECT patient_ref, id, kind, digest, CASE WHEN version = latest THEN content END AS content"
            " FROM entries JOIN unnest($1::uuid[], $2::uuid[], $3::int[]) AS wanted(patient_ref, id, latest)"
            " USING (patient_ref, id)",
            [entry.patient_ref for entry in later],
            [entry.id for entry in later],
            [entry.version - 1 for entry in later],
            name="versions_to_follow",
        )
        return Stored(
            latest={
                (str(row["patient_ref"]), str(row["id"])): self.message_type(row["kind"]).FromString(row["content"])
                for row in rows
                if row["content"] is not None
            },
            known={(str(row["patient_ref"]), str(row["id"]), row["digest"]) for row in rows},
        )

    async def store_beside(self, session: Session, versions: Sequence[NewEntry]) -> None:
        """Stores what the register keeps beside these versions."""
        for beside in self.beside(versions):
            if beside.rows:
                await session.copy(beside.table, beside.columns, beside.rows)

    async def with_first_recorder(self, session: Session, batch: Sequence[NewEntry]) -> list[NewEntry]:
        """The entries as they are to be stored: in versions that follow, the header says who recorded the first."""
        later = [entry for entry in batch if entry.version > 1]
        if not later:
            return list(batch)
        firsts = {
            (str(row["patient_ref"]), str(row["id"])): self.message_type(row["kind"]).FromString(row["content"])
            for row in await session.fetch(
                "SELECT patient_ref, id, kind, content FROM entries WHERE version = 1"
                " AND (patient_ref, id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))",
                [entry.patient_ref for entry in later],
                [entry.id for entry in later],
                name="first_versions",
            )
        }
        return [self._after(entry, firsts.get((entry.patient_ref, entry.id))) for entry in batch]

    def _after(self, entry: NewEntry, first: Any) -> NewEntry:
        if entry.version == 1 or first is None:
            return entry
        message = self.message_type(entry.kind).FromString(entry.content)
        message.header.first_recorded.CopyFrom(first.header.provenance)
        return entry._replace(content=message.SerializeToString(deterministic=True))


def _raced() -> Unavailable:
    return Unavailable(
        Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "another import wrote the same entries: send the message again"
    )
