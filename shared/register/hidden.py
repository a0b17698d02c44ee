"""Finds the entries that do not exist for a reader: for what names entries outside their register, as the access log
does."""

from collections.abc import Sequence

from shared.database import Database
from shared.register.entry import StoredEntry
from shared.register.restriction import Mark
from shared.register.rows import COLUMNS, stored_entry


async def marked(database: Database, refs: Sequence[str], marks: Mark) -> list[StoredEntry]:
    """Returns the latest version of every entry of a patient that has one of the marks today; of what was withdrawn,
    the one before, as a withdrawal states no marks."""
    if not marks:
        return []
    rows = await database.fetch(_MARKED, refs, int(marks), name="marked_entries")
    return [stored_entry(row) for row in rows]


_MARKED = f"""
WITH today AS (
    SELECT DISTINCT ON (patient_ref, id) {COLUMNS} FROM entries
    WHERE patient_ref = ANY($1::uuid[]) ORDER BY patient_ref, id, deleted, version DESC
)
SELECT {COLUMNS} FROM today WHERE kind & $2::int <> 0
"""
