"""The draft of the medication list that a reconciliation suggests. Pure functions.

Nothing is ended because it is missing somewhere, and nothing that is doubtful is changed: such entries are in the draft
as they stood. The list that is brought along is what the doctor is asked to take over; a prescription is news when it
was made after the list was confirmed. Ids of entries stay (ERES); new entries get new ones.
"""

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime

from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import checks
from services.medications.list import complete, rules
from services.medications.reconciliation.explanation_codes import Says
from services.medications.reconciliation.items import (
    DOSE,
    DOUBTFUL,
    FORM,
    INSTRUCTIONS,
    MISSING,
    ROUTE,
    SITE,
    STATUS,
    STRENGTH,
    SUBSTANCE,
    Item,
)
from services.medications.reconciliation.sources import (
    DISPENSED,
    ENDED,
    IN_USE,
    INCOMING,
    LISTED,
    OTHER_LIST,
    PRESCRIBED,
    STATED,
    Side,
)
from shared.errors import Invalid


@dataclass
class Draft:
    """The entries, and by the place of an item which of them it led to, and what is to be said of it."""

    entries: list[pb.ListEntry] = field(default_factory=list)
    led_to: dict[int, str] = field(default_factory=dict)
    remarks: dict[int, Says] = field(default_factory=dict)


@dataclass(frozen=True)
class Basis:
    """What a draft needs to know besides the items."""

    occasion: "pb.ReconciliationOccasion.ValueType"
    confirmed: datetime | None
    """When the list was confirmed. None: there is none."""
    prescriptions: Mapping[str, pb.Prescription]
    """By id, those that the reader sees."""
    now: datetime
    new_id: Callable[[], str]


def drafted(items: Iterable[Item], basis: Basis) -> Draft:
    draft = Draft()
    items = list(items)
    taken = {side.entry_id.lower() for item in items for side in item.group.of(LISTED, OTHER_LIST)}
    for place, item in enumerate(items):
        stood = item.group.first.origin
        entry: pb.ListEntry | None
        if item.group.first.source in (LISTED, OTHER_LIST) and isinstance(stood, pb.ListEntry):
            entry, remark = _kept(item, _on_one_list(stood), basis)
        else:
            entry, remark = _new(item, basis, taken)
        stood_ended = any(side.use == ENDED for side in item.group.of(LISTED, OTHER_LIST))
        if entry is not None and entry.status == ENDED and not stood_ended:
            remark = remark or Says.DRAFT_RECALLS
        if remark:
            draft.remarks[place] = remark
        if entry is not None:
            draft.entries.append(entry)
            draft.led_to[place] = entry.id
        draft.entries += _beside(item, entry)
    _one_active_entry_a_prescription(draft.entries, basis)
    return draft


def _beside(item: Item, entry: pb.ListEntry | None) -> list[pb.ListEntry]:
    """Returns what another list has of a medicine that no entry in use stands for: nothing leaves a list unseen."""
    found = []
    for side in item.group.of(OTHER_LIST):
        stood = side.origin
        if side is item.group.first or not isinstance(stood, pb.ListEntry):
            continue
        if entry is None or not rules.stands_elsewhere(stood, [entry]):
            found.append(_on_one_list(stood))
    return found


def _on_one_list(stood: pb.ListEntry) -> pb.ListEntry:
    entry = deepcopy(stood)
    entry.ClearField("other_list_id")
    return entry


def _kept(item: Item, entry: pb.ListEntry, basis: Basis) -> tuple[pb.ListEntry, Says | None]:
    """Returns an entry of the list, changed where the list brought along, or a newer prescription, says so."""
    if item.difference in (DOUBTFUL, MISSING) or item.stays:
        return entry, Says.DRAFT_KEPT
    incoming = item.group.of(INCOMING)
    newest = _newest(item.group.of(PRESCRIBED))
    if incoming and item.differs_on(incoming[0]):
        _take_over(entry, incoming[0], item.differs_on(incoming[0]), basis)
    elif not incoming and newest is not None and _is_news(newest, basis) and item.differs_on(newest) - {STATUS}:
        _take_over(entry, newest, item.differs_on(newest) - {STATUS}, basis)
        _link(entry, newest, basis)
    elif any(item.differs):
        return entry, Says.DRAFT_KEPT
    else:
        return entry, None
    complete.say_why_not(entry)
    stood = item.group.first.origin
    if _contradicts_itself(entry) and isinstance(stood, pb.ListEntry):
        return _on_one_list(stood), Says.DRAFT_KEPT_OTHER_CONTRADICTS_ITSELF
    return entry, None


def _why_not(entry: pb.ListEntry, basis: Basis) -> Says | None:
    """Returns why a new entry would be refused; None: it would not."""
    try:
        checks.list_entry(entry, "entry", basis.now)
        rules.check_goods(entry, "entry")
    except Invalid:
        return Says.DRAFT_WITHOUT_GOODS
    return Says.DRAFT_WITHOUT_CONTRADICTORY if _contradicts_itself(entry) else None


def _contradicts_itself(entry: pb.ListEntry) -> bool:
    try:
        complete.check(entry, None, "entry")
    except Invalid:
        return True
    return False


def _take_over(entry: pb.ListEntry, side: Side, fields: "set[pb.ComparedField.ValueType]", basis: Basis) -> None:
    """Changes what differs, and nothing else: another brand of the same is no change."""
    origin = side.origin
    if fields & {STRENGTH, FORM}:
        entry.medication.CopyFrom(side.medication)
    if fields & {DOSE, ROUTE, SITE, INSTRUCTIONS}:
        del entry.dosages[:]
        entry.dosages.extend(side.dosages)
        entry.ClearField("dose_guidance")
    if isinstance(origin, pb.ListEntry):
        entry.change_reason = origin.change_reason
        if STATUS in fields:
            entry.status = origin.status
            entry.ClearField("discontinuation")
            if origin.HasField("discontinuation"):
                entry.discontinuation.CopyFrom(origin.discontinuation)
    if basis.occasion == pb.RECONCILIATION_OCCASION_DISCHARGE and side.source == INCOMING:
        entry.at_discharge = True


def _new(item: Item, basis: Basis, taken: set[str]) -> tuple[pb.ListEntry | None, Says | None]:
    """Returns an entry for what is not on the list."""
    if item.difference == DOUBTFUL:
        return None, Says.DRAFT_WITHOUT
    group = item.group
    incoming = group.of(INCOMING)
    said = incoming[0] if incoming else _newest(group.of(PRESCRIBED)) or _newest(group.of(STATED))
    said = said or _newest([side for side in group.of(DISPENSED) if side.lasts])
    if said is None:
        return None, Says.DRAFT_WITHOUT
    if not incoming and not _is_news(said, basis):
        return None, Says.DRAFT_WITHOUT_OLDER
    entry = _entry_of(said, basis)
    prescribed = [side for side in group.of(PRESCRIBED) if not item.differs_on(side) & {SUBSTANCE, STRENGTH, FORM}]
    if len(prescribed) == 1 and said.source != PRESCRIBED:
        _link(entry, prescribed[0], basis)
    if entry.id.lower() in taken or not entry.id:
        entry.id = basis.new_id()
    taken.add(entry.id.lower())
    complete.say_why_not(entry)
    refused = _why_not(entry, basis)
    if refused:
        return None, refused
    if not rules.is_shown(entry, basis.now):
        return None, Says.DRAFT_WITHOUT_LONG_DISCONTINUED
    return entry, None


def _entry_of(side: Side, basis: Basis) -> pb.ListEntry:
    origin = side.origin
    if isinstance(origin, pb.ListEntry):
        return _brought(origin, basis)
    entry = pb.ListEntry(status=side.use or IN_USE, medication=side.medication, dosages=side.dosages)
    if entry.status == ENDED:  # a dispensing whose treatment has ended is never alone here
        entry.status = IN_USE
    if isinstance(origin, pb.Prescription):
        _copy(origin, entry, *_OF_PRESCRIPTION)
        _link(entry, side, basis)
    elif isinstance(origin, pb.MedicationStatement):
        _copy(origin, entry, "indication")
    else:
        _copy(origin, entry, "multidose")
    return entry


def _brought(origin: pb.ListEntry, basis: Basis) -> pb.ListEntry:
    """Returns an entry of the list brought along, without prescriptions that are not of this record."""
    entry = deepcopy(origin)
    entry.id = entry.id.lower()
    for name in ("last_changed", "registered", "other_list_id"):
        entry.ClearField(name)
    if entry.prescription_id and entry.prescription_id.lower() not in basis.prescriptions:
        entry.ClearField("prescription_id")
    if basis.occasion == pb.RECONCILIATION_OCCASION_DISCHARGE:
        entry.at_discharge = True
    return entry


def _link(entry: pb.ListEntry, side: Side, basis: Basis) -> None:
    """Names the prescription that an entry is on."""
    prescription = basis.prescriptions.get(side.entry_id)
    if prescription is None or entry.supply == pb.SUPPLY_WITHOUT_PRESCRIPTION:
        return
    entry.prescription_id = prescription.header.id
    entry.ClearField("prescription_source_id")
    if prescription.treatment_id:
        entry.treatment_id = prescription.treatment_id
    if not prescription.HasField("source_record"):
        entry.prescription_source_id = prescription.header.provenance.source_id
        paper = pb.SUPPLY_PAPER_PRESCRIPTION if prescription.paper else pb.SUPPLY_ELECTRONIC_PRESCRIPTION
        entry.supply = entry.supply or (pb.SUPPLY_MULTIDOSE if prescription.multidose else paper)


def _one_active_entry_a_prescription(entries: Iterable[pb.ListEntry], basis: Basis) -> None:
    """Leaves a prescription on one active entry (ERES): the first that names it keeps it, under whichever id."""
    by_source = {
        each.header.provenance.source_id: entry_id
        for entry_id, each in basis.prescriptions.items()
        if each.header.provenance.source_id
    }
    on: set[str] = set()
    for entry in entries:
        if entry.status == ENDED:
            continue
        names = {entry.prescription_id.lower(), by_source.get(entry.prescription_source_id, "")}
        names = {f"id {name}" for name in names if name} | (
            {f"source {entry.prescription_source_id.lower()}"} if entry.prescription_source_id else set()
        )
        if names & on:
            entry.ClearField("prescription_id")
            entry.ClearField("prescription_source_id")
        on |= names


def _is_news(side: Side, basis: Basis) -> bool:
    return basis.confirmed is None or (side.at is not None and side.at > basis.confirmed)


def _newest(sides: Iterable[Side]) -> Side | None:
    dated = [side for side in sides if side.use != ENDED]
    return max(dated, key=lambda side: (side.at is not None, side.at), default=None)


def _copy(origin: pb.Prescription | pb.Dispensing | pb.MedicationStatement, entry: pb.ListEntry, *names: str) -> None:
    for found, value in origin.ListFields():
        if found.name not in names:
            continue
        if found.message_type is not None:
            getattr(entry, found.name).CopyFrom(value)
        else:
            setattr(entry, found.name, value)


_OF_PRESCRIPTION = (
    "indication",
    "type_of_use",
    "treatment_id",
    "item_group",
    "prescriber",
    "dose_guidance",
    "administration",
    "multidose",
    "guardian_reservation",
    "at_discharge",
    "substitution",
    "reimbursement",
)
