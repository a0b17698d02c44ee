"""All entries of a patient, one after the other, in bounded memory: for what SQL cannot tell from the columns."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from shared.entries import EntryStore
from shared.entry import StoredEntry
from shared.paging import LARGEST_SIZE, Page, Position


async def every_entry(
    store: EntryStore, refs: Sequence[str], kinds: Sequence[int], as_of: datetime | None
) -> AsyncIterator[StoredEntry]:
    """The entries of these kinds as they were current at `as_of`, newest first, read a page at a time.

    For registers of few entries a patient: each page orders all of them anew.
    """
    after = None
    while True:
        found = await store.page(refs, Page(LARGEST_SIZE, after, b""), kinds=kinds, as_of=as_of)
        for entry in found.entries:
            yield entry
        if len(found.entries) < LARGEST_SIZE:
            return
        after = Position(found.entries[-1].effective_at, found.entries[-1].id)
