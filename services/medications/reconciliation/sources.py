"""The sides of a reconciliation: what belongs on each, and what is known of an entry there. Pure functions.

Prescribed: what is in force. Dispensed: the last dispensing of each prescription or medicine, while its supply lasts as
the source says, after what was fetched before and is not used up; where it says nothing, for as long as a prescription
made out that day would hold, at most a year (HDIR 4-4). In use: what sources say is in use. What is left out is
counted.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

from kjernejournal.common.v1.common_pb2 import Provenance
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import model, validity
from services.medications.reconciliation import comparing
from shared.convert import moment, timestamp
from shared.medicines import days_supply

PRESCRIBED = pb.RECONCILIATION_SOURCE_PRESCRIBED
DISPENSED = pb.RECONCILIATION_SOURCE_DISPENSED
LISTED = pb.RECONCILIATION_SOURCE_MEDICATION_LIST
OTHER_LIST = pb.RECONCILIATION_SOURCE_OTHER_LIST
STATED = pb.RECONCILIATION_SOURCE_STATEMENT
INCOMING = pb.RECONCILIATION_SOURCE_INCOMING

IN_USE = pb.ENTRY_STATUS_ACTIVE
PAUSED = pb.ENTRY_STATUS_PAUSED
ENDED = pb.ENTRY_STATUS_DISCONTINUED
NOT_KNOWN = pb.ENTRY_STATUS_UNSPECIFIED

LONGEST_SUPPLY = timedelta(days=365)
"""A year: the longest that one dispensing is taken to last when its source does not say."""

_USE_BY_STATUS = {"active": IN_USE, "on-hold": PAUSED, "unknown": NOT_KNOWN}
"""FHIR's statuses that leave open, or say, that a medicine is in use. Others say that it is not."""

_USE_BY_DISPENSING = {
    "completed": IN_USE,
    "in-progress": IN_USE,
    "preparation": NOT_KNOWN,
    "on-hold": NOT_KNOWN,
    "unknown": NOT_KNOWN,
}
"""FHIR's statuses of a dispensing that came about, or may have. Of others nothing was handed over."""

Origin = pb.Prescription | pb.Dispensing | pb.MedicationStatement | pb.ListEntry


@dataclass(frozen=True, eq=False)
class Side:
    """An entry on one side, as it is compared."""

    source: "pb.ReconciliationSource.ValueType"
    entry_id: str
    version: int
    provenance: Provenance
    medication: pb.Medication
    dosages: Sequence[pb.Dosage]
    keys: frozenset[str]
    """What ties it to entries of other sides: prescription, list entry, treatment."""
    use: "pb.EntryStatus.ValueType"
    at: datetime | None
    """When it was prescribed, dispensed, said or last changed."""
    origin: Origin
    lasts: bool = True
    """Of a dispensing: its source says that the supply still lasts."""

    @cached_property
    def medicine(self) -> comparing.Comparable:
        return comparing.comparable(self.medication, self.dosages)


@dataclass
class Sides:
    """Every side, and how many entries of each were left out."""

    sides: list[Side] = field(default_factory=list)
    left_out: "Counter[pb.ReconciliationSource.ValueType]" = field(default_factory=Counter)

    def of(self, *sources: "pb.ReconciliationSource.ValueType") -> list[Side]:
        return [side for side in self.sides if side.source in sources]


def gathered(
    prescriptions: Iterable[pb.Prescription],
    dispensings: Iterable[pb.Dispensing],
    statements: Iterable[pb.MedicationStatement],
    medicines: pb.MedicationList | None,
    incoming: Iterable[pb.ListEntry],
    now: datetime,
) -> Sides:
    """Returns the sides of a record, in the order in which they are matched, and of a list that is brought along."""
    known = list(prescriptions)
    result = Sides()
    if medicines is not None:
        others = {each.list_id: each for each in medicines.other_lists}
        result.sides += [_listed(entry, medicines, others.get(entry.other_list_id)) for entry in medicines.entries]
    result.sides += [_incoming(entry) for entry in incoming]
    for prescription in known:
        _add(result, PRESCRIBED, _prescribed(prescription, now))
    for statement in statements:
        _add(result, STATED, _stated(statement, now))
    _add_dispensed(result, known, dispensings, now)
    return result


def supply_ends(dispensing: pb.Dispensing, used_up: float | None = None) -> tuple[datetime, bool] | None:
    """Returns until when a dispensing counts, and whether its source says how long; None: its time is not known.
    `used_up`: when it is, in seconds since 1970, with what was fetched before it; None: by itself."""
    given = _time(dispensing, "dispensed_at", "prepared_at")
    if given is None:
        return None
    if used_up is not None:
        return datetime.fromtimestamp(used_up, UTC), True
    lasting = _lasting(dispensing)
    if lasting is not None:
        return given + timedelta(days=lasting), True
    as_if = pb.Prescription(prescribed_at=timestamp(given), medication=dispensing.medication)
    return min(validity.valid_until(as_if), given + LONGEST_SUPPLY), False


def _lasting(dispensing: pb.Dispensing) -> float | None:
    return days_supply.days(dispensing.days_supply) if dispensing.HasField("days_supply") else None


def _add(result: Sides, source: "pb.ReconciliationSource.ValueType", side: Side | None) -> None:
    if side is None:
        result.left_out[source] += 1
    else:
        result.sides.append(side)


def _listed(entry: pb.ListEntry, medicines: pb.MedicationList, other: pb.OtherList | None) -> Side:
    confirmed = medicines.confirmed if other is None else other.confirmed
    said = entry.last_changed if entry.HasField("last_changed") else confirmed
    return Side(
        LISTED if other is None else OTHER_LIST,
        entry.id,
        medicines.header.version if other is None else other.version,
        said,
        entry.medication,
        _dosages(entry),
        _keys_of_entry(entry),
        entry.status,
        _recorded(said),
        entry,
    )


def _incoming(entry: pb.ListEntry) -> Side:
    said = entry.last_changed
    return Side(
        INCOMING,
        entry.id,
        0,
        said,
        entry.medication,
        _dosages(entry),
        _keys_of_entry(entry),
        entry.status,
        _recorded(said),
        entry,
    )


def _prescribed(prescription: pb.Prescription, now: datetime) -> Side | None:
    use: pb.EntryStatus.ValueType | None = IN_USE if model.is_active(prescription, now) else None
    if use is None and prescription.HasField("source_record"):
        use = _use_of_order(prescription, now)
    if use is None:
        return None
    return Side(
        PRESCRIBED,
        prescription.header.id,
        prescription.header.version,
        prescription.header.provenance,
        prescription.medication,
        _dosages(prescription),
        _keys_of_prescription(prescription),
        use,
        _time(prescription, "prescribed_at") or _recorded(prescription.header.provenance),
        prescription,
    )


def _use_of_order(order: pb.Prescription, now: datetime) -> "pb.EntryStatus.ValueType | None":
    """Returns the use of an order that its source holds back, or whose status it does not know; None: not in force."""
    as_if = pb.Prescription()
    as_if.CopyFrom(order)
    as_if.source_record.status = "active"
    return _USE_BY_STATUS.get(order.source_record.status) if model.is_active(as_if, now) else None


def _stated(statement: pb.MedicationStatement, now: datetime) -> Side | None:
    use = _USE_BY_STATUS.get(statement.source_record.status)
    over = statement.period.HasField("end") and moment(statement.period.end) <= now
    about_one = statement.kind == pb.STATEMENT_KIND_MEDICINE and not statement.source_record.do_not_perform
    if use is None or over or not about_one or model.begins_later(statement, now):
        return None
    return Side(
        STATED,
        statement.header.id,
        statement.header.version,
        statement.header.provenance,
        statement.medication,
        statement.dosages,
        frozenset(),
        use,
        _time(statement, "asserted_at") or _recorded(statement.header.provenance),
        statement,
    )


def _add_dispensed(
    result: Sides, prescriptions: Iterable[pb.Prescription], dispensings: Iterable[pb.Dispensing], now: datetime
) -> None:
    by_key = {key: each for each in prescriptions for key in _keys_of_prescription(each) if "treatment" not in key}
    of_one: dict[object, list[tuple[pb.Dispensing, pb.Prescription | None]]] = defaultdict(list)
    for dispensing in dispensings:
        of = next((by_key[key] for key in _keys_of_dispensing(dispensing) if key in by_key), None)
        named = dispensing.medication.SerializeToString(deterministic=True)
        of_one[(of.treatment_id or of.header.id) if of is not None else named].append((dispensing, of))
    for group in of_one.values():
        used_up = _used_up([dispensing for dispensing, _ in group])
        made = [_dispensed(each, of, used_up.get(place), now) for place, (each, of) in enumerate(group)]
        # Of one treatment, prescription or medicine, the last one says what the patient has.
        last = max((side for side in made if side and side.at), key=lambda side: side.at or now, default=None)
        result.left_out[DISPENSED] += len(group) - (last is not None)
        result.sides += [last] if last is not None else []


def _used_up(dispensings: Sequence[pb.Dispensing]) -> dict[int, float]:
    """Returns when each of one treatment is used up, by its place: of those that were given and say how long."""
    supplies: dict[int, days_supply.Supply] = {}
    for place, each in enumerate(dispensings):
        given, lasting = _time(each, "dispensed_at"), _lasting(each)
        if given is not None and lasting is not None and _use_of(each) == IN_USE:
            supplies[place] = days_supply.Supply(given.timestamp(), lasting)
    return dict(zip(supplies, days_supply.ends(list(supplies.values())), strict=True))


def _use_of(dispensing: pb.Dispensing) -> "pb.EntryStatus.ValueType | None":
    """Returns the use that a dispensing shows; None: nothing was handed over."""
    status = dispensing.source_record.status if dispensing.HasField("source_record") else "completed"
    return _USE_BY_DISPENSING.get(status)


def _dispensed(
    dispensing: pb.Dispensing, of: pb.Prescription | None, used_up: float | None, now: datetime
) -> Side | None:
    counts = supply_ends(dispensing, used_up)
    use = _use_of(dispensing)
    if counts is None or counts[0] <= now or use is None:
        return None
    ended = of is not None and of.recall.reason == pb.RECALL_REASON_DISCONTINUED
    return Side(
        DISPENSED,
        dispensing.header.id,
        dispensing.header.version,
        dispensing.header.provenance,
        dispensing.medication,
        dispensing.dosages,
        _keys_of_dispensing(dispensing) | (_keys_of_prescription(of) if of is not None else frozenset()),
        ENDED if ended else use,
        _time(dispensing, "dispensed_at", "prepared_at"),
        dispensing,
        counts[1],
    )


def _keys_of_entry(entry: pb.ListEntry) -> frozenset[str]:
    return _keys(entry=entry.id, prescription=entry.prescription_id, register=entry.prescription_source_id) | _keys(
        treatment=entry.treatment_id
    )


def _keys_of_prescription(prescription: pb.Prescription) -> frozenset[str]:
    source = "" if prescription.HasField("source_record") else prescription.header.provenance.source_id
    return _keys(prescription=prescription.header.id, register=source, treatment=prescription.treatment_id)


def _keys_of_dispensing(dispensing: pb.Dispensing) -> frozenset[str]:
    source = "" if dispensing.HasField("source_record") else dispensing.prescription_source_id
    return _keys(prescription=dispensing.prescription_id, register=source)


def _keys(**ids: str) -> frozenset[str]:
    """Returns the ids that there are. Callers leave out those of other sources: each source numbers for itself."""
    return frozenset(f"{kind} {each.strip().lower()}" for kind, each in ids.items() if each.strip())


def _dosages(of: pb.ListEntry | pb.Prescription) -> Sequence[pb.Dosage]:
    """Returns the dosages; where there are none, the dose guidance on the label."""
    if of.dosages or not of.dose_guidance:
        return of.dosages
    return [pb.Dosage(text=of.dose_guidance)]


def _time(of: pb.Prescription | pb.Dispensing | pb.MedicationStatement, *fields: str) -> datetime | None:
    present = {each.name for each, _ in of.ListFields()}
    return next((moment(getattr(of, name)) for name in fields if name in present), None)


def _recorded(said: Provenance) -> datetime | None:
    return moment(said.recorded_at) if said.HasField("recorded_at") else None
