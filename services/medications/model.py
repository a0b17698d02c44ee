"""The rules of prescriptions: in which state they are, whether they are in force, how often they may be dispensed.

Pure functions: no I/O, no clock. Sources: the e-prescription standard's Volven 7408 and 7500 and the message guides
M1, M5 and M10 (ERES); SFM's profiles.
"""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from kjernejournal.common.v1.common_pb2 import (
    ACCESS_BASIS_AKUTT,
    ACCESS_BASIS_FORHOYET_AKUTT,
    ACCESS_BASIS_FORHOYET_SAMTYKKE,
    ACCESS_BASIS_SAMTYKKE,
    CallerContext,
)
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.codes import atc
from shared.convert import effective, moment
from shared.errors import Reason, StateConflict

DISPENSABLE = pb.PRESCRIPTION_STATE_DISPENSABLE
BEING_DISPENSED = pb.PRESCRIPTION_STATE_BEING_DISPENSED
FINISHED = pb.PRESCRIPTION_STATE_FINISHED
RECALLED = pb.PRESCRIPTION_STATE_RECALLED
EXPIRED = pb.PRESCRIPTION_STATE_EXPIRED
NOT_OF_THE_REGISTER = pb.PRESCRIPTION_STATE_UNSPECIFIED

NEXT_STATES = {
    DISPENSABLE: {DISPENSABLE, BEING_DISPENSED, FINISHED, RECALLED},
    BEING_DISPENSED: {BEING_DISPENSED, DISPENSABLE, FINISHED, RECALLED},
    FINISHED: {FINISHED},
    RECALLED: {RECALLED},
    NOT_OF_THE_REGISTER: {NOT_OF_THE_REGISTER},
}
"""Which state may follow which. E to U when a pharmacy takes it (M9.3), U to E or R when it is freed (M10), E to T by
the prescriber's recall (M5). A feed may have missed a step: E to R is U in between. R and T are final. Source: ERES,
Volven 7408."""

CLOSED_STATUSES = frozenset({"completed", "stopped", "cancelled", "entered-in-error", "draft"})
"""FHIR statuses of an order that is not, or not yet, in force. Source: FHIR R4, medicationrequest-status."""

ORDERS = frozenset({"", "order", "original-order", "reflex-order", "filler-order", "instance-order"})
"""FHIR intents that ask for something to be done; proposals, plans and options do not. Source: FHIR R4."""

_ONE_DISPENSING = frozenset({"A", "B"})
"""Prescription groups (Volven 7421) of which a prescription is dispensed once."""

_LOCKED_OPENED_BY = frozenset(
    {ACCESS_BASIS_SAMTYKKE, ACCESS_BASIS_AKUTT, ACCESS_BASIS_FORHOYET_SAMTYKKE, ACCESS_BASIS_FORHOYET_AKUTT}
)


def atc_of(medication: pb.Medication) -> str:
    """Returns the ATC code, also where the source has it among the codings; empty: not known."""
    return next(atc.codes([medication.atc, *medication.code.codings]), "")


def state_at(prescription: pb.Prescription, now: datetime) -> "pb.PrescriptionState.ValueType":
    """Returns the state that a reader sees at `now`: EXPIRED is computed, never stored.

    Past its validity, neither recalled nor finished. Source: ERES, Volven 7408: F is used by Kjernejournal alone.
    """
    over = prescription.HasField("valid_until") and moment(prescription.valid_until) <= now
    if over and prescription.state in (DISPENSABLE, BEING_DISPENSED) and not prescription.HasField("recall"):
        return EXPIRED
    return prescription.state


MAY_BE_USED = frozenset({"active", "intended", "on-hold", "unknown"})
"""Statuses of a statement about a medicine that leave open that it is used. Source: as above."""

_HOLDS = frozenset({"", "active", "unknown"})
"""Statuses of a statement about all medicines that holds. Source: FHIR R4, medication-statement-status."""


def is_open(prescription: pb.Prescription) -> bool:
    """Whether it may be in force, as recorded; what is past its validity is open too. Unknown statuses are open."""
    if prescription.HasField("source_record"):
        return prescription.source_record.status not in CLOSED_STATUSES
    return prescription.state in (DISPENSABLE, BEING_DISPENSED)


def caution(content: object) -> int:
    """Returns how much a version leaves possible that the medicine is in use: of two of one time the higher one holds.

    Finished is above recalled: the patient has got it all, and may still have it.
    """
    if isinstance(content, pb.Prescription):
        return 2 * is_open(content) + (content.state == FINISHED)
    if isinstance(content, pb.MedicationStatement):
        if content.kind != pb.STATEMENT_KIND_MEDICINE:
            return content.kind != pb.STATEMENT_KIND_NIL_KNOWN
        return content.source_record.status in MAY_BE_USED
    return 0


def is_active(prescription: pb.Prescription, now: datetime) -> bool:
    """Whether it is in force at `now`: may be collected, or is an active order of another source."""
    if prescription.HasField("source_record"):
        source = prescription.source_record
        ends = [moment(end) for end in _ends(prescription)]
        asked = source.intent in ORDERS and not source.do_not_perform
        begun = not prescription.use_period.HasField("start") or moment(prescription.use_period.start) <= now
        return source.status == "active" and asked and begun and all(end > now for end in ends)
    return state_at(prescription, now) in (DISPENSABLE, BEING_DISPENSED) and not prescription.HasField("recall")


def dispensings(prescription: pb.Prescription) -> int:
    """Returns how often it may be dispensed in all: reit n is n times after the first; groups A and B once.

    Source: apotek1.no. It has a few exceptions for A and B, which are read as errors here: the smaller number is shown.
    """
    once = prescription.medication.prescription_group.code in _ONE_DISPENSING
    return 1 if once else prescription.reit + 1


def dispensings_left(prescription: pb.Prescription, now: datetime) -> int | None:
    """Returns the dispensings left, 0 when nothing can be collected; None: not of the prescription register."""
    if prescription.HasField("source_record"):
        return None
    if not is_active(prescription, now):
        return 0
    return max(0, dispensings(prescription) - prescription.dispensed)


def followed_by(before: pb.Prescription, sent: pb.Prescription) -> pb.Prescription:
    """Returns the version that follows `before` when the register sends `sent`.

    What was counted stays counted. A recall that came while a pharmacy had it takes effect when it is freed (ERES: kept
    as an internal state, visible through its reason alone). Raises StateConflict where NEXT_STATES has no such step. Of
    two versions of one time there is no step: which of them holds has been decided (`caution`).
    """
    if sent.state not in NEXT_STATES[before.state] and _of_one_time(before, sent):
        return sent
    if sent.state not in NEXT_STATES[before.state]:
        raise StateConflict(
            Reason.ERROR_REASON_STATE_CONFLICT, "the recorded state of the prescription does not lead to this one"
        )
    after = pb.Prescription()
    after.CopyFrom(sent)
    after.dispensed = max(before.dispensed, sent.dispensed)
    if before.HasField("recall") and not sent.HasField("recall"):
        after.recall.CopyFrom(before.recall)
    if after.state == DISPENSABLE and after.HasField("recall"):
        after.state = RECALLED
    return after


def _of_one_time(before: pb.Prescription, sent: pb.Prescription) -> bool:
    sources = [each.header.provenance for each in (before, sent)]
    one, other = (each.changed_at if each.HasField("changed_at") else each.recorded_at for each in sources)
    return one == other


def may_be_recalled(prescription: pb.Prescription) -> bool:
    """Whether a recall has an effect: it is of the register, not finished, and not recalled already."""
    return prescription.state in (DISPENSABLE, BEING_DISPENSED) and not prescription.HasField("recall")


def recalled(before: pb.Prescription, recall: pb.Recall) -> pb.Prescription:
    """Returns the version after a recall (M5): T at once, or, while a pharmacy has it, U with the recall beside.

    One that is past its validity may be recalled: the reason is news. Raises StateConflict for one that is finished,
    recalled already, or not of the prescription register. Source: ERES, Volven 7408.
    """
    if not may_be_recalled(before):
        raise StateConflict(
            Reason.ERROR_REASON_STATE_CONFLICT, "the prescription is finished, recalled, or of another source"
        )
    after = pb.Prescription()
    after.CopyFrom(before)
    after.recall.CopyFrom(recall)
    if before.state == DISPENSABLE:
        after.state = RECALLED
    return after


def after_dispensing(before: pb.Prescription, dispensing: pb.Dispensing, *, counts: bool) -> pb.Prescription:
    """Returns the prescription after a dispensing (M10): R when it says so (Avsluttet), else free again. `counts`: not
    a correction of a dispensing that was counted before.

    Partly dispensed is no state of its own: E with dispensings. A dispensing that is reported late changes neither R
    nor T. Source: ERES, Volven 7408.
    """
    after = pb.Prescription()
    after.CopyFrom(before)
    if before.HasField("source_record"):
        return after
    after.dispensed += counts
    if before.state in (DISPENSABLE, BEING_DISPENSED):
        after.ClearField("pharmacy")
        after.state = RECALLED if before.HasField("recall") else DISPENSABLE
        if dispensing.finishes_prescription:
            after.state = FINISHED
    return after


def without_dispensing(before: pb.Prescription, dispensing: pb.Dispensing) -> pb.Prescription:
    """Returns the prescription after a dispensing that was counted turns out to be of another one, or an error."""
    after = pb.Prescription()
    after.CopyFrom(before)
    if before.HasField("source_record"):
        return after
    after.dispensed = max(0, before.dispensed - 1)
    if before.state == FINISHED and dispensing.finishes_prescription:
        after.state = RECALLED if before.HasField("recall") else DISPENSABLE
    return after


def is_in_use(statement: pb.MedicationStatement, now: datetime) -> bool:
    """Whether a source says that the medicine is in use at `now`. Source: FHIR R4, medication-statement-status."""
    if statement.kind != pb.STATEMENT_KIND_MEDICINE or statement.source_record.do_not_perform:
        return False
    over = statement.period.HasField("end") and moment(statement.period.end) <= now
    return statement.source_record.status == "active" and not over and not begins_later(statement, now)


def begins_later(statement: pb.MedicationStatement, now: datetime) -> bool:
    """Whether the use that a source states begins after `now`: it is not in use yet."""
    if statement.period.HasField("start"):
        return moment(statement.period.start) > now
    return statement.HasField("effective") and effective(statement.effective, now) > now


def may_be_used(statement: pb.MedicationStatement, now: datetime) -> bool:
    """Whether a statement about one medicine leaves open that it is used, now or later."""
    if statement.kind != pb.STATEMENT_KIND_MEDICINE or statement.source_record.do_not_perform:
        return False
    over = statement.period.HasField("end") and moment(statement.period.end) <= now
    return statement.source_record.status in MAY_BE_USED and not over


def is_in_force(statement: pb.MedicationStatement, now: datetime) -> bool:
    """Whether a statement about all medicines still holds: one that is over, or was refuted or put aside, does not."""
    over = statement.period.HasField("end") and moment(statement.period.end) <= now
    return statement.source_record.status in _HOLDS and not over


def sees_locked(caller: CallerContext) -> bool:
    """Whether locked prescriptions are shown: to the patient, with consent, and in an emergency; never on UNNTAK.

    Source: Kjernejournal's medicine API: locked prescriptions need HPMOTTATTSAMTYKKE or HPAKUTT.
    """
    return caller.for_patient or caller.basis in _LOCKED_OPENED_BY


def _ends(prescription: pb.Prescription) -> list[Timestamp]:
    ends = [prescription.valid_until] if prescription.HasField("valid_until") else []
    return [*ends, prescription.use_period.end] if prescription.use_period.HasField("end") else ends
