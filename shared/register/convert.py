"""What every register puts on its entries and lists: who recorded it, its id and version, how much was left out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from kjernejournal.common.v1.common_pb2 import (
    CALLER_KIND_SYSTEM,
    CallerContext,
    EntryHeader,
    EntryVersion,
    ListWindow,
    Provenance,
)
from shared.convert import timestamp
from shared.errors import Denied, Reason
from shared.handling import identities
from shared.register.entry import StoredEntry

ANY_SOURCE = "*"
"""Among a machine's source systems: it may speak for any."""


def provenance(caller: CallerContext, now: datetime) -> Provenance:
    """Returns who records an entry: the caller, as the gateway verified it. Never taken from the request."""
    return Provenance(
        recorder=caller.practitioner,
        organisation=caller.organisation,
        recorded_at=timestamp(now),
        on_behalf_of="patient" if caller.for_patient else "",
        # What a machine calls itself in metadata is no source that it may speak for.
        source_system=caller.machine.client_id if caller.HasField("machine") else caller.source_system,
        recorder_kind=caller.kind,
        sent_by=caller.machine if caller.HasField("machine") else None,
    )


def fed_provenance(stated: Provenance, caller: CallerContext, now: datetime) -> Provenance:
    """Returns who recorded an entry that a feed sends: the author as the feed states it; the feed where it states
    nothing. The machine that sent it stands there whatever it states."""
    result = provenance(caller, now)
    if stated.HasField("recorder"):  # whole, as the organisation: one's number and another's name make nobody
        result.ClearField("recorder")
    if stated.HasField("organisation"):
        result.ClearField("organisation")
    if stated.HasField("recorded_at"):  # merged field by field, it would keep our fraction of a second
        result.ClearField("recorded_at")
    result.MergeFrom(stated)
    result.recorder_kind = caller.kind
    result.ClearField("sent_by")
    if caller.HasField("machine"):
        result.sent_by.CopyFrom(caller.machine)
    return result


def check_source(stored: Provenance, caller: CallerContext, field: str) -> None:
    """Raises Denied (SOURCE_SYSTEM_REFUSED) for a machine that would change what another source has stored."""
    if caller.kind != CALLER_KIND_SYSTEM:
        return
    own = {*caller.source_systems, caller.machine.client_id} - {""}
    if not own & {stored.source_system, ANY_SOURCE}:
        text = "this client may not speak for the source system that the entry comes from"
        raise Denied(Reason.ERROR_REASON_SOURCE_SYSTEM_REFUSED, text, field=field)


def complete_header(header: EntryHeader, stored: StoredEntry) -> None:
    """Sets what is kept in columns: id, version and time of storage."""
    header.id = stored.id
    header.version = stored.version
    header.stored_at.CopyFrom(timestamp(stored.stored_at))


def entry_version(stored: StoredEntry) -> EntryVersion:
    """Returns what machines learn of an entry that they write: which version of which it is, and nothing in it."""
    return EntryVersion(
        id=stored.id, version=stored.version, stored_at=timestamp(stored.stored_at), outdated=stored.outdated
    )


def written(stored: StoredEntry) -> EntryVersion:
    """Returns the same of what the request at hand wrote, with what was taken out of its free text."""
    version = entry_version(stored)
    version.national_ids_replaced = identities.replaced()
    return version


class Listed(Protocol):
    """Entries that were found, and how many there are besides."""

    @property
    def entries(self) -> Sequence[StoredEntry]: ...
    @property
    def total(self) -> int: ...
    @property
    def older_exist(self) -> bool: ...


def window(found: Listed, since: datetime | None, withheld: int = 0) -> ListWindow:
    """Returns what a list holds of what there is."""
    return ListWindow(
        returned=len(found.entries),
        total=found.total,
        older_exist=found.older_exist,
        since=timestamp(since) if since else None,
        withheld=withheld,
    )
