"""Statements about a whole section: that the patient has none, or that nobody has asked.

A statement is an entry of a kind of its own, in the same table: versioned as the others, shown as a state of the
section and never as an entry in it. It holds until something newer is recorded. One that its source has withdrawn is
not in force; of two that were made at one time the weaker holds. Source: FHIR R4, List.emptyReason (nilknown,
notasked), and the statements "no known" and "no information" of the International Patient Summary.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from kjernejournal.common.v1.common_pb2 import ABSENCE_KIND_NIL_KNOWN, CallerContext, EntryHeader, StatedAbsence
from shared.convert import digest, moment
from shared.errors import Invalid
from shared.register.bulk_import import entry_id
from shared.register.convert import complete_header, fed_provenance
from shared.register.entry import NewEntry, StoredEntry, imported_id
from shared.register.lateness import stated_at
from shared.register.store import EntryStore

Said = TypeVar("Said")

KIND = 100
"""The entry kind of a statement. A register's migration allows it beside its own kinds."""

NAME = "StatedAbsence/{}"
"""What a statement's id is made from: sources number each kind of entry for itself."""

OF_ONE_TIME = 20
"""Most statements of one time that are compared."""

AHEAD = timedelta(days=1)
"""How far a statement's time may be after now, for clocks that differ."""


def new_entry(absence: StatedAbsence, ref: str, path: str, feed: CallerContext, now: datetime) -> NewEntry:
    """Returns the statement that a feed sends, as it is to be stored. Raises Invalid without source_id or
    recorded_at."""
    entry_id(ref, absence.header, path)  # for its checks
    stated = absence.header.provenance
    recorded = moment(stated.recorded_at)
    if recorded > now + AHEAD:
        raise Invalid(f"{path}.header.provenance.recorded_at", "is in the future: nothing could be newer")
    stored = StatedAbsence(kind=absence.kind, text=absence.text, withdrawn=absence.withdrawn)
    stored.header.CopyFrom(EntryHeader(provenance=fed_provenance(stated, feed, now)))
    return NewEntry(
        patient_ref=ref,
        id=imported_id(ref, stated.source_system, NAME.format(stated.source_id)),
        version=1,
        kind=KIND,
        deleted=absence.withdrawn,
        effective_at=stated_at(stated),
        request_id=None,
        digest=digest(absence),
        content=stored.SerializeToString(deterministic=True),
    )


def weakest(said: Sequence[Said], is_nil_known: Callable[[Said], bool]) -> Said:
    """Returns the one that holds of statements of one time: that nobody has asked, where one says so. A wrong "none" is
    worse than none at all."""
    return next((each for each in said if not is_nil_known(each)), said[0])


def is_nil_known(stored: StoredEntry) -> bool:
    """Whether a statement says that the patient has none."""
    return StatedAbsence.FromString(stored.content).kind == ABSENCE_KIND_NIL_KNOWN


def is_newer(entry: StoredEntry, recorded: datetime, said: StoredEntry) -> bool:
    """Whether an entry that its source recorded at `recorded` is newer than a statement, which then no longer holds.

    By the sources' time or by ours: what is old there may be news here. At the same time, the entry is believed.
    """
    return recorded >= said.effective_at or entry.stored_at > said.stored_at


async def stated(
    store: EntryStore, refs: Sequence[str], kinds: Sequence[int], as_of: datetime | None = None
) -> StatedAbsence | None:
    """Returns the newest statement about the entries of `kinds`, all of them; None where there is none or an entry is
    newer.

    One query where nothing was said, which is the rule; else the entries are read too.
    """
    found = await store.newest(refs, OF_ONE_TIME, kinds=[KIND], as_of=as_of)
    if not found.entries:
        return None
    newest = found.entries[0].effective_at
    said = weakest([each for each in found.entries if each.effective_at == newest], is_nil_known)
    async for entry in store.every(refs, kinds, as_of):
        header: EntryHeader = store.rules.message_type(entry.kind).FromString(entry.content).header
        if is_newer(entry, moment(header.provenance.recorded_at), said):
            return None
    message = StatedAbsence.FromString(said.content)
    complete_header(message.header, said)
    return message
