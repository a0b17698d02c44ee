"""Between stored versions and the messages of the contract."""

from datetime import datetime

from kjernejournal.common.v1.common_pb2 import CallerContext, EntryHeader, Provenance
from kjernejournal.visits.v1.visits_pb2 import Visit, VisitError, VisitsSection
from services.visits import model
from shared.convert import moment
from shared.register.convert import complete_header, provenance, window
from shared.register.entry import EntryPage, NewEntry, StoredEntry


def new_entry(
    visit: Visit, patient_ref: str, entry_id: str, version: int, request_id: str | None, sent: bytes
) -> NewEntry:
    """Returns the version to be stored of a checked visit; `sent` is the digest of what the feed sent."""
    return NewEntry(
        patient_ref=patient_ref,
        id=entry_id,
        version=version,
        kind=visit.kind,
        deleted=visit.withdrawn,
        effective_at=moment(visit.period.start),
        request_id=request_id,
        digest=sent,
        content=visit.SerializeToString(deterministic=True),
    )


def to_store(visit: Visit, source: Provenance) -> Visit:
    """Returns the visit as it is stored: what the system sets is taken away, and every text that could hold a
    reason."""
    stored = Visit()
    stored.CopyFrom(visit)
    stored.header.CopyFrom(EntryHeader(provenance=source))
    stored.ClearField("error")
    stored.ClearField("before_coverage")
    model.without_reason(stored)
    return stored


def marked(stored: StoredEntry, caller: CallerContext, comment: str, now: datetime) -> bytes:
    """Returns the content of the version that carries a reported error."""
    message = Visit.FromString(stored.content)
    first = message.header.first_recorded if message.header.HasField("first_recorded") else message.header.provenance
    reporter = provenance(caller, now)
    message.header.CopyFrom(EntryHeader(provenance=reporter, first_recorded=first))
    message.error.CopyFrom(VisitError(reported=reporter, comment=comment))
    return message.SerializeToString(deterministic=True)


def visit(stored: StoredEntry) -> Visit:
    """Returns the visit as a reader sees it. Withdrawn ones have no readers."""
    message = Visit.FromString(stored.content)
    complete_header(message.header, stored)
    message.before_coverage = model.is_before_coverage(stored.effective_at)
    return message


def section(found: EntryPage, since: datetime | None) -> VisitsSection:
    """Returns the summary's section."""
    return VisitsSection(
        visits=[visit(stored) for stored in found.entries], window=window(found, since), coverage=model.COVERAGE
    )
