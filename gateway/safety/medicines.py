"""What the patient takes, as far as the medicines section says: one medicine for all entries of the same substances.

Counted are prescriptions in force, entries of the medication list in use, statements in use, and what was dispensed
lately; and what may be in use and is not sure, as doubtful: see `uses`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.safety import uses
from gateway.safety.knowledge import Codes, Knowledge, Reach
from gateway.safety.substances import Entry, Identified, concept_of, of_medication, words
from gateway.safety.uses import RECENT_DAYS, Said
from gateway.safety.wording import Phrase
from kjernejournal.common.v1 import common_pb2
from kjernejournal.medications.v1 import medications_pb2 as pb

_DAY = 86_400
_MEDICATIONS = common_pb2.SECTION_MEDICATIONS


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
    """Prescribed, listed or stated, not only dispensed."""
    said: list[Said] = field(default_factory=list)

    @property
    def doubt(self) -> Phrase:
        """Why it is not sure that the patient takes it. Empty: it is as sure as the record can say."""
        return uses.doubt(self.said)

    @property
    def name(self) -> Phrase:
        """In a few words, with the doubt."""
        name, doubt = words(self.entries[0].concept), self.doubt
        if not doubt:
            return name
        return Phrase(name.code, f"{name.norwegian} ({doubt.norwegian})", f"{name.english} ({doubt.english})")


@dataclass(slots=True)
class Taken:
    """What the patient takes."""

    medicines: list[Medicine]
    unknown: list[Entry]
    """Substances that are not known, each once: of a medicine, or the medicine itself."""
    incomplete: bool = False
    """Lists were cut where more could count."""
    withheld: bool = False
    """Entries were held back that could count."""


def taken(section: pb.MedicationsSection, knowledge: Knowledge, now: datetime) -> Taken:
    """Returns what the patient takes at `now`, and what they may take."""
    collected = _Collected(knowledge)
    for prescription in section.prescriptions:
        header = prescription.header
        links = _links(header.id, header.provenance.source_id, prescription.treatment_id, prescription.renews)
        said = Said(uses.of_prescription(prescription, now), uses.at_of(prescription))
        collected.add(prescription.medication, _entry(header, prescription.medication), said, links)
    medicines = section.medication_list
    others = {each.list_id: each for each in medicines.other_lists}
    for each in medicines.entries:
        other = others.get(each.other_list_id)
        confirmed, version = (
            (other.confirmed, other.version) if other else (medicines.confirmed, medicines.header.version)
        )
        by = each.last_changed if each.HasField("last_changed") else confirmed
        entry = Entry(_MEDICATIONS, each.id, version, concept_of(each.medication), by)
        links = _links(each.prescription_id, each.prescription_source_id, each.treatment_id)
        collected.add(each.medication, entry, Said(uses.of_list_entry(each, now), 0, listed=True), links)
    for statement in section.statements:
        said = Said(uses.of_statement(statement, now), uses.at_of(statement), stated=True)
        collected.add(statement.medication, _entry(statement.header, statement.medication), said)
    stopped = uses.stopped_prescriptions(section)
    used_up = uses.used_up(section.dispensings)
    for place, dispensing in enumerate(section.dispensings):
        use = uses.of_dispensing(dispensing, used_up.get(place), stopped, now)
        said = Said(use, uses.at_of(dispensing), dispensed=True)
        collected.add(dispensing.medication, _entry(dispensing.header, dispensing.medication), said)
    windows = (section.prescriptions_window, section.dispensings_window, section.statements_window)
    return Taken(
        list(collected.taken()),
        list(collected.unknown.values()),
        incomplete=section.active_prescriptions > sum(each.active for each in section.prescriptions)
        or section.statements_window.older_exist
        or _prescriptions_cut(section, now)
        or _dispensings_cut(section, now),
        withheld=any(window.withheld for window in windows),
    )


def candidates(medications: Iterable[pb.Medication], knowledge: Knowledge) -> Taken:
    """Returns the medicines that are asked about: each on its own."""
    found = Taken([], [])
    for medication in medications:
        entry = Entry(common_pb2.SECTION_UNSPECIFIED, "", 0, concept_of(medication))
        known = of_medication(medication, knowledge)
        if known.codes:
            reach = knowledge.reach(known.codes)
            found.medicines.append(Medicine(known.codes, reach, candidate=True, entries=[entry], in_use=True))
        found.unknown += _unknown(entry, known)
    return found


class _Collected:
    """Entries by what they are of."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._medicines: dict[Codes, Medicine] = {}
        self.unknown: dict[bytes, Entry] = {}

    def add(self, medication: pb.Medication, entry: Entry, said: Said, links: frozenset[str] = frozenset()) -> None:
        """Adds an entry; one that says nothing of the use now is left out."""
        if said.use == uses.NOTHING:
            return
        entry = replace(entry, use=said.use)
        known = of_medication(medication, self._knowledge)
        if said.has:
            for unknown in _unknown(entry, known):
                self.unknown.setdefault(unknown.concept.SerializeToString(deterministic=True), unknown)
        if not known.codes:
            return
        medicine = self._medicines.get(known.codes)
        if medicine is None:
            medicine = self._medicines[known.codes] = Medicine(known.codes, self._knowledge.reach(known.codes))
        medicine.entries.append(entry)
        medicine.said.append(said)
        medicine.in_use |= said.has and not said.dispensed
        if said.use == uses.IN_USE and not said.stated:
            strength = (medication.strength, medication.form.text)
            medicine.treatments.append(Treatment(entry, links, strength, said.listed))

    def taken(self) -> Iterator[Medicine]:
        """Yields the medicines of which one entry at least says that the patient may have them."""
        for medicine in self._medicines.values():
            if any(said.has for said in medicine.said):
                yield medicine


def _unknown(entry: Entry, known: Identified) -> Iterator[Entry]:
    return (replace(entry, concept=concept) for concept in known.unknown)


def _entry(header: common_pb2.EntryHeader, medication: pb.Medication) -> Entry:
    return Entry(_MEDICATIONS, header.id, header.version, concept_of(medication), header.provenance)


def _links(*ids: str) -> frozenset[str]:
    return frozenset(filter(None, ids))


def _prescriptions_cut(section: pb.MedicationsSection, now: datetime) -> bool:
    """Whether the list of prescriptions ends before those that are perhaps in force: they stand after the active."""
    if not section.prescriptions_window.older_exist or not section.prescriptions:
        return False
    return uses.of_prescription(section.prescriptions[-1], now) not in (uses.NOTHING, uses.ENDED)


def _dispensings_cut(section: pb.MedicationsSection, now: datetime) -> bool:
    """Whether the list of dispensings ends before those that do not count any more."""
    if not section.dispensings_window.older_exist or not section.dispensings:
        return False
    oldest = uses.at_of(section.dispensings[-1])
    return now.timestamp() - oldest <= RECENT_DAYS * _DAY
