"""Stores entries as feeds bring them: whole messages, once however often they are sent, as the versions that follow."""

from collections.abc import Callable, Sequence
from typing import Any

import asyncpg

from kjernejournal.common.v1.common_pb2 import ImportCounts
from shared.database import Database, Session
from shared.errors import Reason, Unavailable
from shared.register.entry import NewEntry
from shared.register.lateness import Place, newest_of_each, outdated
from shared.register.rows import WRITTEN
from shared.register.rules import RegisterRules


class Feeds:
    """What feeds write to the entries of one register, after its rules."""

    def __init__(self, database: Database, rules: RegisterRules) -> None:
        self._database = database
        self._rules = rules

    async def import_batch(self, batch: Sequence[NewEntry]) -> ImportCounts:
        """Stores the entries of one message of a feed, all or none.

        Unchanged ones (by digest) are left, and those that are older than what stands; others get their next version.
        The version in `batch` is ignored. A feed that races itself fails whole and may send again.
        """
        batch = await self.as_known(batch)
        async with self._database.transaction() as session:
            return await self.import_in(session, batch)

    async def as_known(self, batch: Sequence[NewEntry]) -> list[NewEntry]:
        """Returns the entries of a feed at the places where they are: one that came before a merge keeps reference and
        id."""
        places = {place for entry in batch if entry.elsewhere for place in (entry[:2], *entry.elsewhere)}
        if not places:
            return list(batch)
        rows = await self._database.fetch(
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
        moved = {sent.id: found.id for sent, found in zip(batch, known, strict=True) if sent.id != found.id}
        return [self._rules.linked(entry, moved) for entry in known] if moved else known

    async def import_in(self, session: Session, batch: Sequence[NewEntry]) -> ImportCounts:
        """Does what `import_batch` does, in the caller's transaction, for entries at the places where they are."""
        wanted = newest_of_each(self._rules, batch)
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
        late = await outdated(session, self._rules, [entry for entry in changed if entry.version > 1])
        left_out = sum(entry.digest != wanted[entry[:2]].digest for entry in batch)
        changed = await self._rules.to_follow(session, [entry for entry in changed if entry[:2] not in late])
        counts.created = sum(entry.version == 1 for entry in changed)
        counts.updated = len(changed) - counts.created
        counts.outdated = len(late) + left_out
        counts.unchanged = len(batch) - len(changed) - counts.outdated
        if changed:
            try:
                rows = [entry[: len(WRITTEN)] for entry in await with_first_recorder(session, self._rules, changed)]
                await session.copy("entries", WRITTEN, rows)
            except asyncpg.UniqueViolationError:
                raise _raced() from None
            await store_beside(session, self._rules, changed)
        return counts


async def latest_before(
    session: Session, later: Sequence[NewEntry], message_type: Callable[[int], type[Any]]
) -> dict[Place, Any]:
    """Returns the messages that these versions are to follow."""
    rows = await session.fetch(
        "SELECT patient_ref, id, kind, content"
        " FROM entries JOIN unnest($1::uuid[], $2::uuid[], $3::int[]) AS wanted (patient_ref, id, version)"
        " USING (patient_ref, id, version)",
        [entry.patient_ref for entry in later],
        [entry.id for entry in later],
        [entry.version - 1 for entry in later],
        name="versions_to_follow",
    )
    return {
        (str(row["patient_ref"]), str(row["id"])): message_type(row["kind"]).FromString(row["content"]) for row in rows
    }


async def store_beside(session: Session, rules: RegisterRules, versions: Sequence[NewEntry]) -> None:
    """Stores what the register keeps beside these versions."""
    for beside in rules.beside(versions):
        if beside.rows:
            await session.copy(beside.table, beside.columns, beside.rows)


async def with_first_recorder(session: Session, rules: RegisterRules, batch: Sequence[NewEntry]) -> list[NewEntry]:
    """Returns the entries as they are to be stored: in versions that follow, the header says who recorded the first."""
    later = [entry for entry in batch if entry.version > 1]
    if not later:
        return list(batch)
    firsts = {
        (str(row["patient_ref"]), str(row["id"])): rules.message_type(row["kind"]).FromString(row["content"])
        for row in await session.fetch(
            "SELECT patient_ref, id, kind, content FROM entries WHERE version = 1"
            " AND (patient_ref, id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))",
            [entry.patient_ref for entry in later],
            [entry.id for entry in later],
            name="first_versions",
        )
    }
    return [_after(entry, firsts.get((entry.patient_ref, entry.id)), rules) for entry in batch]


def _after(entry: NewEntry, first: Any, rules: RegisterRules) -> NewEntry:
    if entry.version == 1 or first is None:
        return entry
    message = rules.message_type(entry.kind).FromString(entry.content)
    message.header.first_recorded.CopyFrom(first.header.provenance)
    return entry._replace(content=message.SerializeToString(deterministic=True))


def _raced() -> Unavailable:
    return Unavailable(
        Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "another import wrote the same entries: send the message again"
    )
