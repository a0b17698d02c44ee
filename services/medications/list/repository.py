"""SQL of the medication list and of the proposals to it, in the same table as the other entries."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import kinds
from services.medications.list import convert as list_convert
from services.medications.list import together
from services.medications.repository import Latest, Repository
from shared.database import Queries, Session
from shared.register.entry import StoredEntry
from shared.register.rows import stored_entry


class Base(NamedTuple):
    """The list that readers see, which a write is based on. Version 0: there is none."""

    stored: Latest | None
    medicines: pb.MedicationList
    """With entries that readers no longer see, and those of other lists."""
    version: int
    ids: list[str]
    """The ids under which a lookup may have been issued for it."""


class ListRepository:
    """The medication list, and the proposals to it."""

    def __init__(self, medicines: Repository) -> None:
        self.medicines = medicines
        self.entries = medicines.entries
        self._key = b""

    async def lookup_key(self) -> bytes:
        """Returns the key of lookups: read once, the same in every process of this database."""
        if not self._key:
            self._key = await self.entries.database.fetchval("SELECT key FROM lookup_key", name="lookup_key")
        return self._key

    async def current(self, session: Session, refs: Sequence[str], of_kinds: Sequence[int]) -> list[Latest]:
        """Returns the latest versions that are of these kinds, newest first."""
        rows = await session.fetch(
            "SELECT patient_ref, id, version, kind, deleted, effective_at, stored_at, content, digest"
            " FROM (SELECT DISTINCT ON (patient_ref, id) * FROM entries"
            " WHERE patient_ref = ANY($1::uuid[]) ORDER BY patient_ref, id, version DESC) AS latest"
            " WHERE kind = ANY($2::smallint[]) AND NOT deleted ORDER BY effective_at DESC, id DESC",
            refs,
            of_kinds,
            name="current_of_kinds",
        )
        return [Latest(stored_entry(row), row["digest"]) for row in rows]

    async def base(self, session: Session, refs: Sequence[str]) -> Base:
        """Returns the list as it stands: the newest, with what others hold, where a merge has left several."""
        lists = await self.current(session, refs, [kinds.MEDICATION_LIST])
        medicines = together.whole([each.entry for each in lists])
        if medicines is None:
            return Base(None, pb.MedicationList(), 0, [list_convert.list_id(ref) for ref in refs])
        stored = lists[0]
        return Base(stored, medicines, stored.entry.version, [together.read_as(stored.entry.id, medicines.other_lists)])

    async def versions(
        self, queries: Queries, of: StoredEntry, since: datetime | None = None, as_of: datetime | None = None
    ) -> list[StoredEntry]:
        """Returns the versions of a list, newest first: those after `since` and the one that was current then."""
        rows = await queries.fetch(
            "SELECT patient_ref, id, version, kind, deleted, effective_at, stored_at, content FROM entries"
            " WHERE patient_ref = $1 AND id = $2 AND ($4::timestamptz IS NULL OR stored_at <= $4)"
            " AND version >= coalesce((SELECT max(version) FROM entries"
            " WHERE patient_ref = $1 AND id = $2 AND stored_at <= $3), 1)"
            " ORDER BY version DESC",
            of.patient_ref,
            of.id,
            since,
            as_of,
            name="list_versions",
        )
        return [stored_entry(row) for row in rows]
