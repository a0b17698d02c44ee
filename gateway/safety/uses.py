"""What each entry says of whether the patient uses the medicine now: surely, perhaps, not any more, or nothing.

What may be in use and is not sure counts, as doubtful: a paused medicine is started again, what was discontinued lies
at home and works on for days. What is over counts for nothing. Pure functions.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp

from gateway.safety.wording import NO_WORDS, Phrase, of_catalogue
from kjernejournal.common.v1.common_pb2 import EntryHeader
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.medicines.days_supply import Supply, days, ends

UseValue: TypeAlias = "pb.EvidenceUse.ValueType"
NOTHING = pb.EVIDENCE_USE_UNSPECIFIED
IN_USE, DISPENSED = pb.EVIDENCE_USE_IN_USE, pb.EVIDENCE_USE_DISPENSED
NOT_KNOWN, PAUSED, ENDED = pb.EVIDENCE_USE_NOT_KNOWN, pb.EVIDENCE_USE_PAUSED, pb.EVIDENCE_USE_DISCONTINUED
PAST_END = pb.EVIDENCE_USE_PAST_PLANNED_END
SUPPLY_OVER, PREPARED = pb.EVIDENCE_USE_SUPPLY_OVER, pb.EVIDENCE_USE_PREPARED
OTHER_LIST = pb.EVIDENCE_USE_ON_OTHER_LIST

RECENT_DAYS = 100
"""Days for which a dispensing counts that does not say how long it lasts: pharmacies give three months' use at most
(blåreseptforskriften)."""
GRACE_DAYS = 10
"""Days after which what says how long it lasts is used up for certain."""
_DAY = 86_400

_OVER = frozenset({"active", "completed", "cancelled", "entered-in-error", "draft"})
"""FHIR statuses of an order that say that it is not in force now, or that it was until an end that has passed."""
_STOPPED = frozenset({"stopped", "not-taken"})
"""FHIR statuses of an order or statement whose medicine is not taken any more."""
_ORDERS = frozenset({"", "order", "original-order", "reflex-order", "filler-order", "instance-order"})
"""FHIR intents that ask for something to be done. Source of the statuses and intents: FHIR R4."""
_SAYS_NOTHING = frozenset({"active", "completed", "entered-in-error", "intended"})
"""FHIR statuses of a statement that is over (where it is not in use), wrong, or not begun."""
_NOT_GIVEN = frozenset({"cancelled", "entered-in-error", "stopped", "declined"})
"""FHIR statuses of a dispensing that did not come about. Source: FHIR R4, medicationdispense-status."""
_BY_STATUS: dict[str, UseValue] = {"on-hold": PAUSED}
_GIVEN_BY_STATUS: dict[str, UseValue] = {"preparation": PREPARED, "on-hold": PREPARED, "unknown": NOT_KNOWN}
_BY_ENTRY_STATUS: dict[int, UseValue] = {pb.ENTRY_STATUS_PAUSED: PAUSED, pb.ENTRY_STATUS_DISCONTINUED: ENDED}

_DOUBTS: tuple[tuple[UseValue, Phrase], ...] = (
    (ENDED, of_catalogue("USE_DISCONTINUED")),
    (PAUSED, of_catalogue("USE_PAUSED")),
    (PAST_END, of_catalogue("USE_PAST_PLANNED_END")),
    (NOT_KNOWN, of_catalogue("USE_NOT_KNOWN")),
    (OTHER_LIST, of_catalogue("USE_ON_OTHER_LIST")),
    (PREPARED, of_catalogue("USE_PREPARED")),
    (SUPPLY_OVER, of_catalogue("USE_SUPPLY_OVER")),
)
"""What makes a medicine doubtful, the strongest first."""


class Said(NamedTuple):
    """What one entry says."""

    use: UseValue
    at: int
    """Seconds since 1970 when it was said or done."""
    listed: bool = False
    dispensed: bool = False
    stated: bool = False

    @property
    def has(self) -> bool:
        """Whether the patient may have the medicine: what was dispensed is there, discontinued or not."""
        return self.use != ENDED or self.dispensed


def of_prescription(prescription: pb.Prescription, now: datetime) -> UseValue:
    """Returns what a prescription, or another source's order, says."""
    if prescription.active:
        return IN_USE
    if prescription.recall.reason == pb.RECALL_REASON_DISCONTINUED:
        return ENDED
    source = prescription.source_record
    if not prescription.HasField("source_record") or source.do_not_perform or source.intent not in _ORDERS:
        return NOTHING
    if source.status in _STOPPED:
        return ENDED
    ends = [prescription.valid_until] if prescription.HasField("valid_until") else []
    ends += [prescription.use_period.end] if prescription.use_period.HasField("end") else []
    if source.status in _OVER or any(_passed(end, now) for end in ends):
        return NOTHING
    return _BY_STATUS.get(source.status, NOT_KNOWN)


def of_list_entry(entry: pb.ListEntry, now: datetime) -> UseValue:
    """Returns what an entry of the medication list says."""
    if entry.status != pb.ENTRY_STATUS_ACTIVE:
        return _BY_ENTRY_STATUS.get(entry.status, NOT_KNOWN)
    over = entry.HasField("planned_end") and _passed(entry.planned_end, now)
    if over:
        return PAST_END
    return OTHER_LIST if entry.other_list_id else IN_USE


def of_statement(statement: pb.MedicationStatement, now: datetime) -> UseValue:
    """Returns what a statement about one medicine says."""
    if statement.in_use:
        return IN_USE
    status = statement.source_record.status
    if statement.kind != pb.STATEMENT_KIND_MEDICINE or status in _SAYS_NOTHING:
        return NOTHING
    if status in _STOPPED or statement.source_record.do_not_perform:
        return ENDED
    if statement.period.HasField("end") and _passed(statement.period.end, now):
        return NOTHING
    return _BY_STATUS.get(status, NOT_KNOWN)


def of_dispensing(dispensing: pb.Dispensing, used_up: float | None, stopped: set[str], now: datetime) -> UseValue:
    """Returns what a dispensing says. `used_up`: when that is, as in `used_up`; None: its source does not say.
    `stopped`: ids of prescriptions whose treatment was discontinued."""
    at = at_of(dispensing)
    status = dispensing.source_record.status
    if not at or status in _NOT_GIVEN:
        return NOTHING
    left = (used_up or at + RECENT_DAYS * _DAY) - now.timestamp()
    if left < (-GRACE_DAYS * _DAY if used_up else 0):
        return NOTHING
    if dispensing.prescription_id in stopped or dispensing.prescription_source_id in stopped:
        return ENDED
    if status in _GIVEN_BY_STATUS:
        return _GIVEN_BY_STATUS[status]
    if not dispensing.HasField("dispensed_at"):
        return PREPARED if dispensing.HasField("prepared_at") else NOT_KNOWN
    return DISPENSED if left >= 0 else SUPPLY_OVER


def used_up(dispensings: Iterable[pb.Dispensing]) -> dict[int, float]:
    """Returns when each is used up, in seconds since 1970, by its place; without those that do not say so that it is
    understood. Those on one prescription add up, and so do those of one package that name none."""
    of_one: dict[object, list[tuple[int, Supply]]] = defaultdict(list)
    for place, each in enumerate(dispensings):
        lasting = days(each.days_supply) if each.HasField("days_supply") else None
        if lasting is None:
            continue
        given = each.source_record.status not in _NOT_GIVEN | _GIVEN_BY_STATUS.keys() and each.HasField("dispensed_at")
        prescription = each.prescription_id or each.prescription_source_id
        package = each.medication.SerializeToString(deterministic=True)
        of_one[(prescription or package) if given else place].append((place, Supply(at_of(each), lasting)))
    return {
        place: end
        for group in of_one.values()
        for (place, _), end in zip(group, ends([supply for _, supply in group]), strict=True)
    }


def stopped_prescriptions(section: pb.MedicationsSection) -> set[str]:
    """Returns ids of prescriptions whose treatment was discontinued."""
    found: set[str] = set()
    for prescription in section.prescriptions:
        if prescription.recall.reason == pb.RECALL_REASON_DISCONTINUED:
            found |= {prescription.header.id, prescription.header.provenance.source_id}
    for entry in section.medication_list.entries:
        if entry.status == pb.ENTRY_STATUS_DISCONTINUED:
            found |= {entry.prescription_id, entry.prescription_source_id}
    found.discard("")
    return found


def at_of(entry: pb.Prescription | pb.Dispensing | pb.MedicationStatement) -> int:
    """Returns when it was prescribed, dispensed or said; 0: not known."""
    if isinstance(entry, pb.Dispensing):
        return _first(entry.dispensed_at, entry.prepared_at, _recorded(entry.header))
    named = entry.prescribed_at if isinstance(entry, pb.Prescription) else entry.asserted_at
    return _first(named, _recorded(entry.header))


def doubt(said: Sequence[Said]) -> Phrase:
    """Returns why it is not sure that the patient takes a medicine; empty: as sure as the record can say.

    The medication list is believed first. What stopped a treatment elsewhere counts when nothing later says that it
    goes on: a recalled prescription, where no other is in force; a statement, where nothing is newer.
    """
    if any(each.listed and each.use == IN_USE for each in said):
        return NO_WORDS
    against = {each.use for each in said if each.listed and each.use != OTHER_LIST}
    newest = max((each.at for each in said if each.has and not each.listed), default=0)
    goes_on = any(each.use == IN_USE for each in said)
    for each in said:
        later = each.at >= newest and (each.stated or not goes_on)
        if each.use == ENDED and not each.listed and later:
            against.add(ENDED)
    if not any(each.use in (IN_USE, DISPENSED) for each in said):
        against |= {each.use for each in said}
    return next((phrase for use, phrase in _DOUBTS if use in against), NO_WORDS)


def _passed(time: Timestamp, now: datetime) -> bool:
    return time.seconds <= now.timestamp()


def _recorded(header: EntryHeader) -> Timestamp:
    return header.provenance.recorded_at


def _first(*times: Timestamp) -> int:
    return next((time.seconds for time in times if time.seconds), 0)
