"""Between stored versions and the messages of the contract."""

from datetime import datetime

from kjernejournal.common.v1.common_pb2 import EntryHeader, Provenance, StatedAbsence
from kjernejournal.vaccinations.v1.vaccinations_pb2 import Vaccination, VaccinationsSection
from services.vaccinations import model
from shared.convert import effective, moment
from shared.register.convert import complete_header, window
from shared.register.entry import EntryPage, NewEntry, StoredEntry


def new_entry(
    vaccination: Vaccination, patient_ref: str, entry_id: str, request_id: str | None, sent: bytes
) -> NewEntry:
    """Returns the version to be stored of a checked vaccination; `sent` is the digest of what the feed sent."""
    recorded = moment(vaccination.header.provenance.recorded_at)
    return NewEntry(
        patient_ref=patient_ref,
        id=entry_id,
        version=1,
        kind=vaccination.status,
        deleted=vaccination.withdrawn,
        effective_at=effective(vaccination.occurrence, recorded),
        request_id=request_id,
        digest=sent,
        content=vaccination.SerializeToString(deterministic=True),
    )


def to_store(vaccination: Vaccination, source: Provenance) -> Vaccination:
    """Returns the vaccination as it is stored: with its provenance, without what is computed when read."""
    stored = Vaccination()
    stored.CopyFrom(vaccination)
    stored.header.CopyFrom(EntryHeader(provenance=source))
    stored.ClearField("before_coverage")
    return stored


def vaccination(stored: StoredEntry) -> Vaccination:
    """Returns the vaccination as a reader sees it. Withdrawn ones have no readers."""
    message = Vaccination.FromString(stored.content)
    complete_header(message.header, stored)
    message.before_coverage = model.is_before_coverage(message.occurrence)
    return message


def section(found: EntryPage, absence: StatedAbsence | None, since: datetime | None) -> VaccinationsSection:
    """Returns the summary's section."""
    return VaccinationsSection(
        vaccinations=[vaccination(stored) for stored in found.entries], window=window(found, since), absence=absence
    )
