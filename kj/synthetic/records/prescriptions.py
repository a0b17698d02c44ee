"""Medicines as the prescription register's feed reports them: prescriptions and dispensings of three years.

A regular medicine is collected every three months and renewed in time. So the record holds finished prescriptions (R),
recalled ones (T), the one in force (E, rarely U), and some that were never collected whole and are past their validity.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from random import Random
from uuid import uuid5

from kj.synthetic.catalogues.illnesses import Illness
from kj.synthetic.catalogues.medicines import MEDICINES, Medicine
from kj.synthetic.draws import at, at_work, chance
from kj.synthetic.people.care import Care, provenance
from kj.synthetic.people.health import Health, Treatment
from kj.synthetic.people.organisations import Colleague
from kj.synthetic.people.person import Person
from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, EntryHeader, Quantity
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.codes import systems

SOURCE = "Reseptformidleren"

HISTORY = timedelta(days=3 * 365)
"""How long the register keeps a prescription after its last activity."""


@dataclass(frozen=True)
class Line:
    """What stays the same from one prescription of a treatment to the next."""

    treatment: Treatment
    medicine: Medicine
    strength: str
    treatment_id: str
    locked: bool

    @property
    def in_use(self) -> bool:
        """The treatment goes on."""
        return self.treatment.until is None


def lines(person: Person, health: Health, locked: str) -> list[Line]:
    """Returns every treatment with the strength that this person gets; `locked` is the medicine they have locked."""
    return [
        Line(
            treatment,
            MEDICINES[treatment.medicine],
            chance("strength", person.key, treatment.medicine).choice(MEDICINES[treatment.medicine].strengths),
            str(uuid5(person.key, f"treatment {treatment.medicine}")),
            treatment.medicine == locked,
        )
        for treatment in health.treatments
    ]


def prescribed(
    person: Person, line: Line, care: Care, today: date
) -> Iterator[tuple[pb.Prescription, list[pb.Dispensing]]]:
    """Yields the prescriptions of one treatment, oldest first, each with what was dispensed on it."""
    rng = chance("prescriptions", person.key, line.treatment.medicine)
    last = min(person.last_day(today), line.treatment.until or date.max)
    days = _renewals(line, last, today)
    before = ""
    for day, following in zip(days, [*days[1:], None], strict=False):
        known_as = str(uuid5(person.key, f"prescription {line.treatment.medicine} {day}"))
        prescription = _prescription(rng, line, care.doctor(day), day, known_as, before)
        dispensings = list(_dispensings(rng, line, care, prescription, day, min(last, following or date.max)))
        _settle(rng, line, care, prescription, dispensings, following)
        before = known_as
        yield prescription, dispensings


def _renewals(line: Line, last: date, today: date) -> list[date]:
    """Returns the days of prescribing, from the first whose prescription still stands in the register."""
    every = timedelta(days=line.medicine.renewed_after)
    day = line.treatment.since
    while day + every < today - HISTORY:
        day += every
    days = []
    while day <= last:
        days.append(day)
        day += every
    return days


def _prescription(rng: Random, line: Line, doctor: Colleague, day: date, known_as: str, before: str) -> pb.Prescription:
    when = at_work(rng, day)
    return pb.Prescription(
        header=EntryHeader(provenance=provenance(doctor, when, SOURCE, known_as)),
        state=pb.PRESCRIPTION_STATE_DISPENSABLE,
        medication=medication(line.medicine, line.strength),
        dosages=[dosage(line.medicine)],
        indication=indication(line.treatment.illness),
        prescriber=doctor.practitioner,
        prescriber_organisation=doctor.organisation,
        prescribed_at=when,
        treatment_id=line.treatment_id,
        renews=before,
        packages="1",
        reit=line.medicine.reit,
        substitution=pb.SUBSTITUTION_ALLOWED if rng.random() < 0.95 else pb.SUBSTITUTION_REFUSED_BY_PRESCRIBER,
        locked=line.locked,
    )


def _dispensings(
    rng: Random, line: Line, care: Care, prescription: pb.Prescription, day: date, last: date
) -> Iterator[pb.Dispensing]:
    source = prescription.header.provenance
    if rng.random() < 0.04:  # never collected
        return
    interval = line.medicine.days // (prescription.reit + 1)
    for number in range(prescription.reit + 1):
        collected = day + timedelta(days=number * interval + rng.randint(0, 6))
        if collected > last or (number and rng.random() < 0.05):
            return
        # In the evening: no earlier than the prescription of the same day.
        when = at(collected, 15 * 60 + rng.randint(0, 240))
        pharmacy = Colleague(source.recorder, care.pharmacy)
        dispensing = pb.Dispensing(
            header=EntryHeader(provenance=provenance(pharmacy, when, SOURCE, f"{source.source_id}/{number + 1}")),
            prescription_source_id=source.source_id,
            medication=prescription.medication,
            dispensed_at=when,
            pharmacy=care.pharmacy,
            packages="1",
            dosages=prescription.dosages,
            substituted=rng.random() < 0.2,
            finishes_prescription=number == prescription.reit,
            locked=line.locked,
        )
        dispensing.header.provenance.ClearField("recorder")  # the pharmacy reports; no person does
        yield dispensing


def _settle(
    rng: Random,
    line: Line,
    care: Care,
    prescription: pb.Prescription,
    dispensings: list[pb.Dispensing],
    following: date | None,
) -> None:
    """Sets the state in which the prescription is today."""
    prescription.dispensed = len(dispensings)
    if dispensings and dispensings[-1].finishes_prescription:
        prescription.state = pb.PRESCRIPTION_STATE_FINISHED
    elif following is not None and rng.random() < 0.7:
        _recall(prescription, pb.RECALL_REASON_RENEWED, care.doctor(following), following)
    elif following is None and line.treatment.until is not None and rng.random() < 0.6:
        _recall(prescription, pb.RECALL_REASON_DISCONTINUED, care.doctor(line.treatment.until), line.treatment.until)
    elif following is None and line.in_use and rng.random() < 0.03:
        prescription.state = pb.PRESCRIPTION_STATE_BEING_DISPENSED
        prescription.pharmacy.CopyFrom(care.pharmacy)


def _recall(prescription: pb.Prescription, reason: "pb.RecallReason.ValueType", doctor: Colleague, day: date) -> None:
    prescription.state = pb.PRESCRIPTION_STATE_RECALLED
    prescription.recall.reason = reason
    prescription.recall.recalled_at.CopyFrom(at(day, 15 * 60))
    prescription.recall.recalled_by.CopyFrom(doctor.practitioner)
    prescription.recall.organisation.CopyFrom(doctor.organisation)


@cache
def medication(medicine: Medicine, strength: str) -> pb.Medication:
    """Returns the medicine as the prescription register names it. The message is shared: do not change it."""
    return pb.Medication(
        code=CodeableConcept(text=medicine.text(strength)),
        atc=Coding(system=systems.ATC, code=medicine.atc, display=medicine.name),
        form=CodeableConcept(text=medicine.form),
        strength=strength,
        prescription_group=Coding(system=systems.PRESCRIPTION_GROUPS, code=medicine.group),
        registration_type=pb.REGISTRATION_TYPE_SUBSTANCE,
    )


@cache
def dosage(medicine: Medicine) -> pb.Dosage:
    """Returns how it is taken. The message is shared: do not change it."""
    if not medicine.frequency:
        return pb.Dosage(sequence=1, text=medicine.dosage, as_needed=True)
    dose = pb.DoseAndRate(dose=Quantity(value="1", unit="tablett")) if "tablett" in medicine.form else None
    return pb.Dosage(
        sequence=1,
        text=medicine.dosage,
        as_needed=False,
        timing=pb.Timing(frequency=medicine.frequency, period="1", period_unit=medicine.period),
        doses=[dose] if dose and medicine.dosage.startswith("1 ") else [],
    )


@cache
def indication(illness: Illness) -> pb.Indication:
    """Returns what it is for. The message is shared: do not change it."""
    coding = Coding(system=systems.ICPC2, code=illness.icpc, display=illness.name.capitalize())
    return pb.Indication(text=illness.indication, reasons=[CodeableConcept(codings=[coding])])
