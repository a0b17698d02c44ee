"""All SQL of medicines beyond the entry store that every register shares."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from kjernejournal.common.v1.common_pb2 import CallerContext, ImportCounts
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import importing, kinds, model
from services.medications.dispensed import DISPENSINGS, Counted, counted, holds_all
from services.medications.reserved import ALL, MARKED, Reserved, reserved
from shared.convert import moment
from shared.database import Database, Session
from shared.register.entry import NewEntry, StoredEntry
from shared.register.feeds import Feeds
from shared.register.lateness import by_time
from shared.register.rows import COLUMNS, stored_entry
from shared.register.rules import RegisterRules, Version
from shared.register.store import EntryStore, lock_patients


class Latest(NamedTuple):
    """The latest version of an entry, and the digest of what its feed sent."""

    entry: StoredEntry
    digest: bytes


class Whole(NamedTuple):
    """What a section needs of a patient's entries of every kind, and how many there are."""

    entries: list[StoredEntry]
    totals: dict[int, int]
    """Entries by kind, inside the history window and outside."""


_MESSAGES = {
    kinds.PRESCRIPTION_OPEN: pb.Prescription,
    kinds.PRESCRIPTION_CLOSED: pb.Prescription,
    kinds.DISPENSING: pb.Dispensing,
    kinds.STATEMENT: pb.MedicationStatement,
    kinds.MEDICATION_LIST: pb.MedicationList,
    **dict.fromkeys(kinds.PROPOSALS, pb.Proposal),
}
"""By kind, locked or not."""


def _message_type(kind: int) -> type[Any]:
    return _MESSAGES[kind % kinds.LOCKED]


async def _to_follow(session: Session, changed: list[NewEntry]) -> list[NewEntry]:
    """Returns the versions that may follow what is recorded, as they then are. Raises CannotFollowError."""
    places = {entry[:3]: (*entry[:2], entry.version - 1) for entry in changed if _has_rules(entry)}
    if not places:
        return changed
    await lock_patients(session, [ref for ref, _, _ in places])
    rows = await session.fetch(
        f"SELECT {COLUMNS} FROM entries"
        " WHERE (patient_ref, id, version) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[]))",
        *(list(column) for column in zip(*places.values(), strict=True)),
        name="versions_to_follow",
    )
    before = {stored[:3]: stored for stored in map(stored_entry, rows)}
    after = [
        importing.following(before[places[entry[:3]]], entry) if entry[:3] in places else entry for entry in changed
    ]
    return [entry for entry in after if entry is not None]


def _has_rules(entry: NewEntry) -> bool:
    """Whether the register has a say in how an entry follows another."""
    return entry.version > 1 and entry.kind in (*kinds.ANY_PRESCRIPTION, kinds.MEDICATION_LIST)


def _linked(entry: NewEntry, moved: Mapping[str, str]) -> NewEntry:
    """Returns a dispensing that names its prescription where that is known."""
    if entry.kind not in kinds.DISPENSINGS + kinds.LOCKED_DISPENSINGS:
        return entry
    dispensing = pb.Dispensing.FromString(entry.content)
    dispensing.prescription_id = moved.get(dispensing.prescription_id, dispensing.prescription_id)
    return entry._replace(content=dispensing.SerializeToString(deterministic=True))


def _order(latest: Version, sent: Version, known: bool) -> int:
    """Compares two versions: of lists by when they were confirmed."""
    if isinstance(sent.message, pb.MedicationList):
        one, other = (moment(each.message.confirmed.recorded_at) for each in (latest, sent))
        return (one < other) - (one > other)
    return by_time(latest, sent, known)


_STANDING = f"""
SELECT {COLUMNS} FROM entries AS e
WHERE patient_ref = ANY($1::uuid[]) AND NOT deleted AND ($2::int[] IS NULL OR kind = ANY($2)) AND (
    kind = ANY($3::int[]) OR NOT EXISTS (
        SELECT FROM entries AS later WHERE later.patient_ref = e.patient_ref AND later.id = e.id
        AND later.version > e.version AND NOT later.deleted
    )
)
ORDER BY stored_at DESC, version DESC
"""

RULES = RegisterRules(
    _message_type,
    to_follow=_to_follow,
    order=_order,
    caution=model.caution,
    corrected_here=(kinds.MEDICATION_LIST,),
    linked=_linked,
)


class Repository:
    """Prescriptions, dispensings, statements, medication lists and proposals of patients."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.entries = EntryStore(database, RULES)
        self.feeds = Feeds(database, RULES)

    async def import_message(self, message: pb.BulkImportRequest, caller: CallerContext, now: datetime) -> ImportCounts:
        """Stores one message of a feed, all of it or none. Raises Invalid, naming what cannot follow."""
        named = list(importing.entries(message, caller, now))
        try:
            return await self.feeds.import_batch([entry for _, entry in named])
        except importing.CannotFollowError as error:
            raise importing.refusal(named, error) from None

    async def whole(self, refs: Sequence[str], most: int, as_of: datetime | None, since: datetime | None) -> Whole:
        """Returns every open prescription, the lists, and the newest `most` of each other kind `since` then, newest
        first."""
        rows = await self.database.fetch(
            _WHOLE, refs, as_of, since, most, kinds.ALWAYS, kinds.LISTS, kinds.PROPOSALS, name="read_medications"
        )
        wanted = [stored_entry(row) for row in rows if row["wanted"]]
        return Whole(wanted, {row["kind"]: row["total"] for row in rows})

    async def reserved(self, refs: Sequence[str]) -> Reserved:
        """Returns what the patient's guardian is not to see: what was withdrawn, or taken off the list, too."""
        return reserved(await self._standing(refs, MARKED))

    async def hidden(self, refs: Sequence[str]) -> list[str]:
        """Returns the ids of everything that the patient's guardian is not to see."""
        return (await self.reserved(refs)).hidden(await self._standing(refs, None))

    async def _standing(self, refs: Sequence[str], of_kinds: Sequence[int] | None) -> list[StoredEntry]:
        """Returns every entry as it stands, withdrawn ones as they stood before; lists in each version, newest
        first."""
        rows = await self.database.fetch(_STANDING, refs, of_kinds, kinds.LISTS, name="standing_medicines")
        return [stored_entry(row) for row in rows]

    async def dispensed(self, refs: Sequence[str], as_of: datetime | None, read: Whole | None = None) -> Counted:
        """Returns how many dispensings stand on each prescription, locked or not. `read`: what was read already, at the
        same time; the rest is read where it does not hold them all."""
        if read is not None and holds_all(read.entries, read.totals):
            return counted(read.entries, refs)
        found = await self.entries.newest(refs, ALL, kinds=DISPENSINGS, as_of=as_of)
        return counted(found.entries, refs)

    async def visible(
        self, refs: Sequence[str], of_kinds: Sequence[int] | None, as_of: datetime | None
    ) -> list[StoredEntry]:
        """Returns every entry that the patient's guardian may see, newest first."""
        hidden = await self.reserved(refs)
        return hidden.without((await self.entries.newest(refs, ALL, kinds=of_kinds, as_of=as_of)).entries)

    async def latest_of(self, session: Session, refs: Sequence[str], ids: Sequence[str]) -> Latest | None:
        """Returns the latest version of the entry that has one of `ids`; the first of them that is there counts."""
        row = await session.fetchrow(
            f"SELECT {COLUMNS}, digest FROM entries WHERE patient_ref = ANY($1::uuid[]) AND id = ANY($2::uuid[])"
            " ORDER BY array_position($2::uuid[], id), version DESC LIMIT 1",
            refs,
            ids,
            name="latest_of_source",
        )
        return None if row is None else Latest(stored_entry(row), row["digest"])

    async def version_at(self, refs: Sequence[str], entry_id: str, at: datetime) -> StoredEntry | None:
        """Returns the version of an entry that was the latest one at a time."""
        row = await self.database.fetchrow(
            f"SELECT {COLUMNS} FROM entries WHERE patient_ref = ANY($1::uuid[]) AND id = $2 AND stored_at <= $3"
            " ORDER BY version DESC LIMIT 1",
            refs,
            entry_id,
            at,
            name="version_at",
        )
        return None if row is None else stored_entry(row)

    async def kinds_of(self, refs: Sequence[str], of_kinds: Sequence[int]) -> dict[str, int]:
        """Returns the ids of the entries whose latest version is of these kinds, with its kind."""
        rows = await self.database.fetch(
            "SELECT id, kind FROM (SELECT DISTINCT ON (patient_ref, id) id, kind, deleted FROM entries"
            " WHERE patient_ref = ANY($1::uuid[]) ORDER BY patient_ref, id, version DESC) AS latest"
            " WHERE kind = ANY($2::smallint[]) AND NOT deleted",
            refs,
            of_kinds,
            name="ids_of_kinds",
        )
        return {str(row["id"]): row["kind"] for row in rows}


_WHOLE = f"""
WITH latest AS (
    SELECT DISTINCT ON (patient_ref, id) {COLUMNS} FROM entries
    WHERE patient_ref = ANY($1::uuid[]) AND ($2::timestamptz IS NULL OR stored_at <= $2)
    ORDER BY patient_ref, id, version DESC
), current AS (
    SELECT {COLUMNS}, count(*) OVER of_kind AS total,
        row_number() OVER (of_kind ORDER BY effective_at DESC, id DESC) AS place
    FROM latest
    WHERE NOT deleted AND ($2::timestamptz IS NULL OR NOT EXISTS (
        SELECT FROM entries AS later
        WHERE later.patient_ref = latest.patient_ref AND later.id = latest.id AND later.deleted
    ))
    WINDOW of_kind AS (PARTITION BY kind)
)
SELECT * FROM (
    SELECT {COLUMNS}, total, place,
        kind = ANY($5::smallint[]) OR kind = ANY($6::smallint[])
        OR (
            kind <> ALL($6::smallint[]) AND kind <> ALL($7::smallint[]) AND place <= $4
            AND ($3::timestamptz IS NULL OR effective_at >= $3)
        ) AS wanted
    FROM current
) AS ranked
WHERE wanted OR place = 1
ORDER BY effective_at DESC, id DESC
"""
"""Of a kind that gives no entry one row comes all the same: it carries the kind's total."""
