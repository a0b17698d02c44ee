"""Between stored versions and the messages of the contract."""

from collections.abc import Container, Iterable, Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from typing import TypeVar

from google.protobuf.message import Message

from kjernejournal.common.v1.common_pb2 import EntryHeader, Period, Provenance
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import kinds, model
from services.medications.validity import valid_until
from shared.convert import effective, moment, timestamp
from shared.register.convert import complete_header
from shared.register.entry import NewEntry, StoredEntry, imported_id
from shared.register.lateness import stated_at

Fed = pb.Prescription | pb.Dispensing | pb.MedicationStatement
AnyFed = TypeVar("AnyFed", bound=Fed)
Content = Fed | pb.MedicationList | pb.Proposal

ENTERED_IN_ERROR = "entered-in-error"
"""FHIR's status of what should never have been recorded: readers are not shown it."""


def new_entry(
    content: Content, patient_ref: str, entry_id: str, version: int, request_id: str | None, sent: bytes
) -> NewEntry:
    """Returns the version to be stored of a checked message; `sent` is the digest of what the feed sent."""
    recorded = moment(content.header.provenance.recorded_at)
    return NewEntry(
        patient_ref=patient_ref,
        id=entry_id,
        version=version,
        kind=_kind(content),
        deleted=isinstance(content, Fed) and content.source_record.status == ENTERED_IN_ERROR,
        effective_at=_effective(content, recorded),
        request_id=request_id,
        digest=sent,
        content=content.SerializeToString(deterministic=True),
    )


def to_store(message: AnyFed, source: Provenance, first: Provenance | None = None) -> AnyFed:
    """Returns the message as it is stored: with its provenance, without what is computed when read."""
    stored = deepcopy(message)
    stored.header.CopyFrom(EntryHeader(provenance=source, first_recorded=first))
    if isinstance(stored, pb.Prescription):
        stored.ClearField("active")
        stored.ClearField("dispensings_left")
        if not stored.HasField("source_record") and not stored.HasField("valid_until"):
            stored.valid_until.CopyFrom(timestamp(valid_until(stored)))
    elif isinstance(stored, pb.Dispensing):
        stored.prescription_id = stored.prescription_id.lower()  # `is_hidden` looks for it among ids of entries
    else:
        stored.ClearField("in_use")
    return stored


def follows(before: EntryHeader, source: Provenance) -> EntryHeader:
    """Returns the header of a version that the system makes of an entry: its source and first recorder stay."""
    kept = Provenance()
    kept.CopyFrom(source)
    kept.source_system, kept.source_id = before.provenance.source_system, before.provenance.source_id
    return EntryHeader(provenance=kept, first_recorded=first_recorded(before))


def following_prescription(before: StoredEntry, sent: bytes, after: pb.Prescription, source: Provenance) -> NewEntry:
    """Returns the version that the system makes of a prescription. `sent`, the digest of what the feed sent, is kept:
    the same sent again changes nothing, and leaves what was made of it."""
    after.header.CopyFrom(follows(after.header, source))
    new = new_entry(after, before.patient_ref, before.id, before.version + 1, None, sent)
    return new._replace(effective_at=before.effective_at)


def first_recorded(header: EntryHeader) -> Provenance:
    """Returns who recorded the first version, for the version that follows this one."""
    return header.first_recorded if header.HasField("first_recorded") else header.provenance


def complete_recall(recall: pb.Recall, now: datetime) -> pb.Recall:
    """Returns the recall with its time."""
    complete = pb.Recall()
    complete.CopyFrom(recall)
    if not complete.HasField("recalled_at"):
        complete.recalled_at.CopyFrom(timestamp(now))
    return complete


def known_as(refs: Iterable[str], kind: type[Message], source: Provenance, source_id: str) -> list[str]:
    """Returns the ids that an entry of a source may have: one for each reference of the patient, the canonical one
    first.

    Sources number each kind of entry for itself, as FHIR servers do, so the kind is part of what the id is made from.
    """
    name = kind.DESCRIPTOR.name
    return [imported_id(ref, source.source_system, f"{name}/{source_id}") for ref in refs]


def prescription(stored: StoredEntry, now: datetime, dispensed: Mapping[str, int]) -> pb.Prescription:
    """Returns the prescription as a reader sees it at `now`. `dispensed`: dispensings that stand, by prescription."""
    message = pb.Prescription.FromString(stored.content)
    complete_header(message.header, stored)
    if not message.HasField("source_record"):
        message.dispensed = max(message.dispensed, dispensed.get(stored.id, 0))
    left = model.dispensings_left(message, now)
    if left is not None:
        message.dispensings_left = left
    message.active = model.is_active(message, now)
    message.state = model.state_at(message, now)
    return message


def dispensing(stored: StoredEntry) -> pb.Dispensing:
    """Returns the dispensing."""
    message = pb.Dispensing.FromString(stored.content)
    complete_header(message.header, stored)
    return message


def is_hidden(stored: StoredEntry, locked: Container[str]) -> bool:
    """Whether an entry is not shown where the entries `locked` are not: it is one of them, or was dispensed on one.

    A prescription may be locked after a dispensing of it was recorded, which then shows as much as the prescription.
    """
    if stored.id in locked:
        return True
    return stored.kind in kinds.DISPENSINGS and pb.Dispensing.FromString(stored.content).prescription_id in locked


def statement(stored: StoredEntry, now: datetime) -> pb.MedicationStatement:
    """Returns the statement as a reader sees it at `now`."""
    message = pb.MedicationStatement.FromString(stored.content)
    complete_header(message.header, stored)
    message.in_use = model.is_in_use(message, now)
    return message


def _kind(content: Content) -> int:
    if isinstance(content, pb.Prescription):
        kind = kinds.PRESCRIPTION_OPEN if model.is_open(content) else kinds.PRESCRIPTION_CLOSED
        return kind + kinds.LOCKED * content.locked
    if isinstance(content, pb.Dispensing):
        return kinds.DISPENSING + kinds.LOCKED * content.locked
    if isinstance(content, pb.Proposal):
        return kinds.BY_STATE[content.state]
    return kinds.STATEMENT if isinstance(content, pb.MedicationStatement) else kinds.MEDICATION_LIST


def _effective(content: Content, recorded: datetime) -> datetime:
    """Returns what orders an entry: when it happened, else when its use began or was stated, else when it was
    recorded."""
    if isinstance(content, pb.MedicationList):
        return moment(content.confirmed.recorded_at)
    if isinstance(content, pb.Proposal):
        return moment(first_recorded(content.header).recorded_at)
    if isinstance(content, pb.Prescription):
        return _time_of(content, ("prescribed_at",), content.use_period, recorded)
    if isinstance(content, pb.Dispensing):
        return _time_of(content, ("dispensed_at", "prepared_at"), Period(), recorded)
    about_all = content.kind != pb.STATEMENT_KIND_MEDICINE
    recorded = stated_at(content.header.provenance) if about_all else recorded
    asserted = _time_of(content, ("asserted_at",), Period(), recorded)
    if content.HasField("effective"):
        return effective(content.effective, asserted)
    return _time_of(content, (), content.period, asserted)


def _time_of(message: Message, fields: Sequence[str], period: Period, otherwise: datetime) -> datetime:
    for field in fields:
        if message.HasField(field):
            return moment(getattr(message, field))
    return moment(period.start) if period.HasField("start") else otherwise
