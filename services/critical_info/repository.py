"""All SQL of critical information beyond the entry store that every register shares."""

from collections.abc import Sequence

from kjernejournal.critical_info.v1.critical_info_pb2 import AbsenceStatement, CriticalInfo
from services.critical_info.convert import ABSENCE, Content
from shared.entries import COLUMNS, EntryStore, stored_entry
from shared.entry import StoredEntry


class Repository(EntryStore):
    """Entries and statements of absence of patients."""

    def message_type(self, kind: int) -> type[Content]:
        """The message that entries of this kind are."""
        return AbsenceStatement if kind == ABSENCE else CriticalInfo

    async def latest_contents(self, refs: Sequence[str]) -> list[StoredEntry]:
        """The latest version of every entry, deleted ones too; statements of absence are left out."""
        rows = await self.database.fetch(
            f"SELECT DISTINCT ON (patient_ref, id) {COLUMNS} FROM entries"
            " WHERE patient_ref = ANY($1::uuid[]) AND kind <> $2 ORDER BY patient_ref, id, version DESC",
            refs,
            ABSENCE,
            name="latest_contents",
        )
        return [stored_entry(row) for row in rows]
