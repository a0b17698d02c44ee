"""How a version stands in the table `entries`: what is written, and what a StoredEntry is made from."""

import asyncpg

from shared.register.entry import StoredEntry

WRITTEN = ("patient_ref", "id", "version", "kind", "deleted", "effective_at", "request_id", "digest", "content")
"""The fields of a NewEntry that are columns: its first ones."""

COLUMNS = "patient_ref, id, version, kind, deleted, effective_at, stored_at, content"
"""What a StoredEntry is made from, in this order."""


def stored_entry(row: asyncpg.Record) -> StoredEntry:
    """Returns the version in a row of COLUMNS."""
    return StoredEntry(str(row[0]), str(row[1]), row[2], row[3], row[4], row[5], row[6], row[7])
