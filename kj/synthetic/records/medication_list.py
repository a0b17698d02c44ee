"""Pasientens legemiddelliste (PLL): for some of those who use several medicines, confirmed by their doctor."""

from datetime import date, timedelta
from uuid import uuid5

from kj.synthetic.draws import at, chance, day_between, whole
from kj.synthetic.people.care import Care, not_after, provenance
from kj.synthetic.people.person import Person
from kj.synthetic.records.prescriptions import Line, dosage, indication, medication
from kjernejournal.common.v1.common_pb2 import EntryHeader, EventTime
from kjernejournal.medications.v1 import medications_pb2 as pb

SOURCE = "Fastlegens journal"
_KEPT = timedelta(days=90)
"""How long a discontinued entry stays on the list (M25.1)."""


def medication_list(
    person: Person, lines: list[Line], newest: dict[str, str], care: Care, today: date
) -> pb.MedicationList | None:
    """Returns the list; None for most. `newest` is each treatment's prescription in force, by treatment_id."""
    rng = chance("medication list", person.key)
    active = [line for line in lines if line.in_use]
    if person.died or (not person.showcase and (len(active) < 3 or rng.random() > 0.4)):
        return None
    confirmed_on = day_between(rng, today - timedelta(days=300), today - timedelta(days=2))
    doctor = care.doctor(confirmed_on)
    stated = provenance(
        doctor, not_after(at(confirmed_on, 13 * 60), today), SOURCE, str(uuid5(person.key, "medication list"))
    )
    multidose = len(active) > 5 and person.age(today) > 75 and rng.random() < 0.4
    entries = [_entry(person, line, newest, care, multidose=multidose) for line in active]
    entries += [
        _discontinued(person, line, care, line.treatment.until)
        for line in lines
        if line.treatment.until is not None
        and not line.medicine.is_course
        and confirmed_on - _KEPT <= line.treatment.until <= confirmed_on
    ]
    medicines = pb.MedicationList(header=EntryHeader(provenance=stated), entries=entries, confirmed=stated)
    if multidose:
        medicines.multidose.pharmacy.CopyFrom(care.pharmacy)
        medicines.multidose.responsible.CopyFrom(doctor.practitioner)
        medicines.multidose.responsible_organisation.CopyFrom(doctor.organisation)
        medicines.multidose.since.CopyFrom(at(confirmed_on - timedelta(days=200)))
        medicines.multidose.last_packed.CopyFrom(at(today - timedelta(days=rng.randint(1, 14))))
    return medicines


def _entry(person: Person, line: Line, newest: dict[str, str], care: Care, *, multidose: bool) -> pb.ListEntry:
    regular = line.medicine.frequency > 0
    prescription = newest.get(line.treatment_id, "")
    return pb.ListEntry(
        id=str(uuid5(person.key, f"list entry {line.treatment.medicine}")),
        status=pb.ENTRY_STATUS_ACTIVE,
        medication=medication(line.medicine, line.strength),
        dosages=[dosage(line.medicine)],
        indication=indication(line.treatment.illness),
        supply=_supply(regular and multidose, bool(prescription)),
        multidose=regular and multidose,
        prescription_source_id=prescription,
        treatment_id=line.treatment_id,
        prescriber=care.doctor(line.treatment.since).practitioner,
        started=EventTime(date=whole(line.treatment.since)),
    )


def _discontinued(person: Person, line: Line, care: Care, until: date) -> pb.ListEntry:
    entry = _entry(person, line, {}, care, multidose=False)
    entry.status = pb.ENTRY_STATUS_DISCONTINUED
    entry.supply = pb.SUPPLY_UNSPECIFIED
    entry.discontinuation.discontinued_at.CopyFrom(at(until, 12 * 60))
    entry.discontinuation.discontinued_by.CopyFrom(care.doctor(until).practitioner)
    entry.discontinuation.text = chance("seponert", entry.id).choice(
        ("Bivirkninger", "Manglende effekt", "Ikke lenger nødvendig")
    )
    return entry


def _supply(multidose: bool, prescribed: bool) -> "pb.Supply.ValueType":
    if multidose:
        return pb.SUPPLY_MULTIDOSE
    return pb.SUPPLY_ELECTRONIC_PRESCRIPTION if prescribed else pb.SUPPLY_WITHOUT_PRESCRIPTION
