"""What the patient takes, as far as the medicines section says: one medicine for all entries of the same substances.

Counted are prescriptions in force, entries of the medication list in use, statements in use, and what was dispensed
lately. Paused entries are not taken, and what was dispensed before the treatment was discontinued is not either.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from gateway.safety.knowledge import Codes, Knowledge, Reach
from gateway.safety.substances import Entry, codes_of, concept_of, words
from kjernejournal.common.v1 import common_pb2
from kjernejournal.medications.v1 import medications_pb2 as pb

RECENT_DAYS = 100
"""Days for which a dispensing counts that does not say how long it lasts: pharmacies give three months' use at most
(blåreseptforskriften)."""
GRACE_DAYS = 10
"""Days after which what says how long it lasts is used up for certain."""
_DAY = 86_400

_MEDICATIONS = common_pb2.SECTION_MEDICATIONS
_NOT_GIVEN = frozenset({"preparation", "cancelled", "on-hold", "entered-in-error", "stopped", "declined"})
"""FHIR statuses of a dispensing that did not come about. Source: FHIR R4, medicationdispense-status."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """An order or list entry: `links` are the ids by which it and others are known to be one treatment."""

    entry: Entry
    links: frozenset[str]
    strength: tuple[str, str]
    listed: bool


@dataclass(slots=True)
class Medicine:
    """All entries about the same substances."""

    codes: Codes
    reach: Reach
    candidate: bool = False
    entries: list[Entry] = field(default_factory=list)
    treatments: list[Treatment] = field(default_factory=list)
    in_use: bool = False
    """Prescribed, listed or stated to be in use, not only dispensed."""

    @property
    def name(self) -> str:
        """In a few words."""
        return words(self.entries[0].concept)


@dataclass(slots=True)
class Taken:
    """What the patient takes."""

    medicines: list[Medicine]
    unknown: list[Entry]
    """Entries whose substance is not known, each medicine once."""
    incomplete: bool = False
    """Lists were cut where more could count."""
    withheld: bool = False
    """Entries were held back that could count."""


def taken(section: pb.MedicationsSection, knowledge: Knowledge, now: datetime) -> Taken:
    """Returns what the patient takes at `now`."""
    collected = _Collected(knowledge)
    active = 0
    for prescription in section.prescriptions:
        if prescription.active:
            active += 1
            header = prescription.header
            collected.add(
                prescription.medication,
                _entry(header, prescription.medication),
                _links(
                    header.id,
                    header.provenance.source_id,
                    prescription.treatment_id,
                    prescription.renews,
                ),
            )
    for each in section.medication_list.entries:
        over = each.HasField("planned_end") and each.planned_end.seconds <= now.timestamp()
        if each.status == pb.ENTRY_STATUS_ACTIVE and not over:
            entry = Entry(
                _MEDICATIONS,
                each.id,
                section.medication_list.header.version,
                concept_of(each.medication),
                each.last_changed if each.HasField("last_changed") else section.medication_list.confirmed,
            )
            links = _links(each.prescription_id, each.prescription_source_id, each.treatment_id)
            collected.add(each.medication, entry, links, listed=True)
    for statement in section.statements:
        if statement.in_use:
            collected.add(statement.medication, _entry(statement.header, statement.medication), None)
    for dispensing in _lately_dispensed(section, now):
        collected.add(dispensing.medication, _entry(dispensing.header, dispensing.medication), None, in_use=False)
    windows = (section.prescriptions_window, section.dispensings_window, section.statements_window)
    return Taken(
        list(collected.medicines.values()),
        list(collected.unknown.values()),
        incomplete=section.active_prescriptions > active
        or section.statements_window.older_exist
        or _dispensings_cut(section, now),
        withheld=any(window.withheld for window in windows),
    )


def candidates(medications: Iterable[pb.Medication], knowledge: Knowledge) -> Taken:
    """Returns the medicines that are asked about: each on its own."""
    found = Taken([], [])
    for medication in medications:
        entry = Entry(common_pb2.SECTION_UNSPECIFIED, "", 0, concept_of(medication))
        codes = codes_of(medication, knowledge)
        if codes:
            medicine = Medicine(codes, knowledge.reach(codes), candidate=True, entries=[entry], in_use=True)
            found.medicines.append(medicine)
        else:
            found.unknown.append(entry)
    return found


class _Collected:
    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self.medicines: dict[Codes, Medicine] = {}
        self.unknown: dict[bytes, Entry] = {}

    def add(
        self,
        medication: pb.Medication,
        entry: Entry,
        links: frozenset[str] | None,
        *,
        listed: bool = False,
        in_use: bool = True,
    ) -> None:
        codes = codes_of(medication, self._knowledge)
        if not codes:
            self.unknown.setdefault(entry.concept.SerializeToString(deterministic=True), entry)
            return
        medicine = self.medicines.get(codes)
        if medicine is None:
            medicine = self.medicines[codes] = Medicine(codes, self._knowledge.reach(codes))
        medicine.entries.append(entry)
        medicine.in_use |= in_use
        if links is not None:
            strength = (medication.strength, medication.form.text)
            medicine.treatments.append(Treatment(entry, links, strength, listed))


def _entry(header: common_pb2.EntryHeader, medication: pb.Medication) -> Entry:
    return Entry(_MEDICATIONS, header.id, header.version, concept_of(medication), header.provenance)


def _links(*ids: str) -> frozenset[str]:
    return frozenset(filter(None, ids))


def _lately_dispensed(section: pb.MedicationsSection, now: datetime) -> Iterator[pb.Dispensing]:
    seconds = now.timestamp()
    stopped: set[str] | None = None
    for dispensing in section.dispensings:
        since = seconds - dispensing.dispensed_at.seconds
        if since > _lasts(dispensing) * _DAY or not dispensing.HasField("dispensed_at"):
            continue
        if dispensing.source_record.status in _NOT_GIVEN:
            continue
        if stopped is None:
            stopped = _stopped(section)
        if dispensing.prescription_id not in stopped and dispensing.prescription_source_id not in stopped:
            yield dispensing


def _lasts(dispensing: pb.Dispensing) -> float:
    """Returns the days for which a dispensing counts."""
    if not dispensing.HasField("days_supply"):
        return RECENT_DAYS
    try:
        return min(float(dispensing.days_supply.value), 1000.0) + GRACE_DAYS
    except ValueError:
        return RECENT_DAYS


def _stopped(section: pb.MedicationsSection) -> set[str]:
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


def _dispensings_cut(section: pb.MedicationsSection, now: datetime) -> bool:
    """Whether the list of dispensings ends before those that do not count any more."""
    if not section.dispensings_window.older_exist or not section.dispensings:
        return False
    oldest = section.dispensings[-1].dispensed_at.seconds
    return now.timestamp() - oldest <= RECENT_DAYS * _DAY
