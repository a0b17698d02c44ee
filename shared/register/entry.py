"""An entry of a register, as it is to be stored and as it is stored: plain values, without a database."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid5

from shared.errors import Invalid

_NAMESPACE = UUID("6b6a6572-6e65-6a6f-8272-6e616c000001")


class NewEntry(NamedTuple):
    """A version to be added. Version 1 is a new entry; higher ones follow the version that they were based on."""

    patient_ref: str
    id: str
    version: int
    kind: int
    deleted: bool
    effective_at: datetime
    request_id: str | None
    digest: bytes
    """SHA-256 of what the caller sent, or of what the feed sent of the entry that this version changes."""
    content: bytes
    elsewhere: Sequence[tuple[str, str]] = ()
    """Reference and id under which a feed's entry may be stored already: it may have come before a merge."""


class StoredEntry(NamedTuple):
    """A stored version."""

    patient_ref: str
    id: str
    version: int
    kind: int
    deleted: bool
    effective_at: datetime
    stored_at: datetime
    content: bytes
    outdated: bool = False
    """What was sent is older than this version, which stands."""


def length(entry: StoredEntry) -> int:
    """Returns how many bytes an entry takes in a reply, but for its header."""
    return len(entry.content)


class EntryPage(NamedTuple):
    """Entries, newest first; `total` counts all that the same question has, inside the history window and outside."""

    entries: list[StoredEntry]
    next_page_token: str
    total: int
    older_exist: bool
    """Older entries exist than the last one here, on further pages or outside the window."""


SOURCE_NEEDED = "is required beside source_id: two sources may give the same one to different entries"


def imported_id(patient_ref: str, source: str, source_id: str) -> str:
    """Returns the id of an entry that a feed sends under `source_id`: the same each time it is sent.

    Raises Invalid when the source is not named: its entries would become versions of another source's.
    """
    if not source:
        raise Invalid("header.provenance.source_system", SOURCE_NEEDED)
    return str(uuid5(_NAMESPACE, f"{patient_ref}\x1f{source}\x1f{source_id}"))
