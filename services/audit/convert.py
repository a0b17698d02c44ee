"""Between the messages of the contract and the rows of the log."""

import hashlib
import secrets
from collections.abc import Sequence
from typing import TypeVar

from google.protobuf.message import Message

from kjernejournal.audit.v1 import audit_pb2 as pb
from kjernejournal.common.v1.common_pb2 import CALLER_KIND_SYSTEM, SECTION_DECISION_PERMIT
from services.audit import model
from services.audit.repository import Appended, NewRecord, StoredRecord
from services.audit.review_repository import StoredReview
from shared.convert import moment, timestamp

AnyMessage = TypeVar("AnyMessage", bound=Message)


def new_record(record: pb.AuditRecord) -> NewRecord:
    """Returns the row of a checked record. Takes the personal part out of `record`: it is stored apart."""
    patient_ref = record.personal.patient_ref.lower() or None
    others = sorted({ref.lower() for ref in record.personal.other_refs} - {patient_ref})
    personal = record.personal.SerializeToString(deterministic=True)
    record.ClearField("personal")
    proof, call_id = record.proof.id, record.proof.call_id.lower() or None
    record.ClearField("proof")  # kept for some minutes, and for no longer than it can be sent again
    content = record.SerializeToString(deterministic=True)
    # The length keeps bytes from moving between the two parts without the digest changing.
    digest = hashlib.sha256(len(content).to_bytes(8, "big") + content + personal).digest()
    return NewRecord(
        record_id=record.record_id.lower(),
        access_id=record.access_id.lower(),
        kind=record.kind,
        patient_ref=patient_ref,
        occurred_at=moment(record.occurred_at),
        legal_entity=record.actor.legal_entity.number,
        digest=digest,
        content=content,
        personal=personal,
        salt=secrets.token_bytes(32),
        other_refs=others,
        proof=proof,
        call_id=call_id,
    )


def receipt(appended: Appended) -> pb.Receipt:
    return pb.Receipt(
        record_id=appended.record_id,
        index=appended.idx,
        committed_at=timestamp(appended.committed_at),
        patient_sequence=appended.patient_sequence or 0,
    )


def access(stored: Sequence[StoredRecord]) -> pb.Access:
    """Returns one access as the patient sees it, of its records in the order of the log."""
    every = [record(each) for each in stored]
    records = [each for each in every if each.kind not in model.REVIEWING] or every
    first = records[0]
    outcome, reason = model.access_end(records)
    sections = _sections(records, changed=outcome == pb.ACCESS_OUTCOME_CHANGED)
    return pb.Access(
        access_id=first.access_id,
        occurred_at=first.occurred_at,
        caller_kind=first.actor.kind,
        practitioner=_unless_empty(first.personal.practitioner),
        representation=first.actor.representation,
        acting_name=first.personal.subject if first.actor.kind != CALLER_KIND_SYSTEM else "",
        legal_entity=_unless_empty(first.actor.legal_entity),
        point_of_care=_unless_empty(first.actor.point_of_care),
        ground=_unless_empty(first.ground),
        source_system=first.source_system,
        sections=sections,
        outcome=outcome,
        reason=reason,
        emergency=first.ground.basis in model.EMERGENCY,
        restricted_opened=any(section.restricted_opened for section in sections),
        rpcs=dict.fromkeys(each.rpc for each in records),
        trace_id=first.trace_id,
        receipts=[receipt(each.appended) for each in stored],
        record_was_merged=any(each.about_another for each in stored),
        review_reasons=dict.fromkeys(reason for each in every for reason in each.review_reasons),
        reviews=[
            pb.AccessReview(verdict=each.review_verdict, reviewed_at=each.occurred_at)
            for each in every
            if each.kind == pb.RECORD_KIND_REVIEW
        ],
    )


def without_patient(stored: Sequence[StoredRecord]) -> pb.Access:
    """Returns one access as it may be shown to who is not to learn whose record it was to."""
    shown = access(stored)
    for section in shown.sections:
        section.ClearField("entries")
    for each in shown.receipts:
        each.ClearField("patient_sequence")
    return shown


def reconstruction(stored: Sequence[StoredRecord]) -> pb.ReconstructDisclosureResponse:
    """Returns what an access was shown as far as the log knows: every section on record, nothing of its content."""
    records = map(record, stored)
    shown = [each for each in records if each.kind == pb.RECORD_KIND_DISCLOSURE]
    refs = dict.fromkeys(ref for each in shown for ref in (each.personal.patient_ref, *each.personal.other_refs))
    return pb.ReconstructDisclosureResponse(
        access=access(stored),
        sections=[
            pb.ReconstructedSection(recorded=section, shown_at=each.occurred_at)
            for each in shown
            for section in each.sections
        ],
        read_refs=refs,
    )


def _unless_empty(message: AnyMessage) -> AnyMessage | None:
    """Returns None for an organisation without number and name: readers ask for presence."""
    return message if message.ByteSize() else None


def record(stored: StoredRecord) -> pb.AuditRecord:
    """Returns a record whole again, as far as its personal part is there."""
    whole = pb.AuditRecord.FromString(stored.content)
    whole.personal.MergeFromString(stored.personal)
    return whole


def review(stored: StoredReview, records: Sequence[StoredRecord]) -> pb.Review:
    """Returns one review, with the access that it is about and what was said of it."""
    last = {each.kind: each for each in map(record, records)}
    asked, verdict = last.get(pb.RECORD_KIND_REVIEW_REQUEST), last.get(pb.RECORD_KIND_REVIEW)
    return pb.Review(
        id=stored.access_id,
        access=without_patient(records),
        reasons=model.reasons_of(stored.reasons),
        opened_at=timestamp(stored.opened_at),
        verdict=stored.verdict,  # type: ignore[arg-type]  # as it was given
        comment=verdict.personal.text if verdict else "",
        reviewed_at=verdict.occurred_at if verdict else None,
        version=stored.version,
        patient_text=asked.personal.text if asked else "",
        asked_at=asked.occurred_at if asked else None,
    )


def _sections(records: Sequence[pb.AuditRecord], *, changed: bool) -> list[pb.AccessedSection]:
    found: dict[int, pb.AccessedSection] = {}
    for record in records:
        wrote = changed and record.kind in (pb.RECORD_KIND_PERMIT, pb.RECORD_KIND_OUTCOME)
        for section in record.sections:
            if record.kind == pb.RECORD_KIND_DENIAL:
                section.restricted_opened = False  # asked for, and not opened
            _merge(found.setdefault(section.section, pb.AccessedSection(section=section.section)), section, wrote)
    return list(found.values())


def _merge(into: pb.AccessedSection, section: pb.SectionRecord, wrote: bool) -> None:
    """Adds what one record says of a section. A download has a record for each range, a write two or three."""
    if into.decision != SECTION_DECISION_PERMIT:
        into.decision = section.decision
        into.reason = section.reason
    into.state = section.state or into.state
    seen = {(entry.id, entry.version) for entry in into.entries}
    into.entries.extend(entry for entry in section.entries if (entry.id, entry.version) not in seen)
    into.entry_count = max(into.entry_count, section.entry_count, len(into.entries))
    into.changed = into.changed or (wrote and section.decision == SECTION_DECISION_PERMIT)
    into.restricted_opened = into.restricted_opened or section.restricted_opened
