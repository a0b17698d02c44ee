"""What the registers are sent: the same each time, by the rules of each register, and plausible."""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from kj.synthetic.people.person import Person
from kj.synthetic.records.record import Record, records
from kjernejournal.common.v1.common_pb2 import (
    SECTION_DOCUMENTS,
    SECTION_LABS,
    SECTION_MEDICATIONS,
    PartialDate,
    Provenance,
)
from kjernejournal.critical_info.v1 import critical_info_pb2
from kjernejournal.medications.v1 import medications_pb2
from services.critical_info import model as critical_info
from services.documents import model as documents
from services.medications import checks as medications
from services.patients import model as patients
from services.patients import privacy
from services.visits import model as visits
from shared.handling.decoding import validate
from shared.national_id import classify, valid_hpr_number, valid_organisation_number
from tests.kj.synthetic.conftest import TODAY

NOW = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC)
CLINICAL: tuple[Callable[[Record], Message | None], ...] = (
    Record.critical_info,
    Record.medications,
    Record.visits,
    Record.documents,
    Record.labs,
    Record.vaccinations,
    Record.own_registrations,
)


def clinical(record: Record) -> Iterator[Message]:
    for tell in CLINICAL:
        message = tell(record)
        if message is not None:
            yield message


def everything(seed: int, wanted: int, today: date) -> list[bytes]:
    return [
        message.SerializeToString(deterministic=True)
        for record in records(seed, wanted, today)
        for message in (record.patient(), *clinical(record))
    ]


def test_the_same_seed_gives_the_same_bytes_and_leaves_the_global_generator_alone() -> None:
    before = random.getstate()
    assert everything(3, 60, TODAY) == everything(3, 60, TODAY)
    assert random.getstate() == before


def test_another_day_leaves_people_who_they_are() -> None:
    today = [record.patient().person for record in records(3, 60, TODAY)]
    later = [record.patient().person for record in records(3, 60, TODAY + timedelta(days=200))]
    for one, other in zip(today, later, strict=True):
        assert (one.national_ids, one.name, one.birth_date, one.address) == (
            other.national_ids,
            other.name,
            other.birth_date,
            other.address,
        )


def test_every_message_keeps_the_rules_of_the_contract(told: list[Record]) -> None:
    for record in told:
        for message in (record.patient(), *clinical(record)):
            validate(message)


def test_identities_keep_the_rules_of_their_register(told: list[Record]) -> None:
    for record in told:
        patient = record.patient()
        patients.check_person(patient.person, production=False)
        for assignment in patient.general_practitioners:
            patients.check_assignment(assignment)
        own = {number.value for number in patient.person.national_ids}
        privacy.check_imported(patient.privacy, own, production=False)


def test_critical_information_keeps_its_rules(told: list[Record]) -> None:
    for record in told:
        found = record.critical_info()
        for finding in found.critical_info if found else ():
            critical_info.check(finding)


def test_visits_and_documents_keep_their_rules(told: list[Record]) -> None:
    for record in told:
        seen, shared = record.visits(), record.documents()
        for visit in seen.visits if seen else ():
            visits.check(visit, NOW)
        for imported in shared.documents if shared else ():
            documents.check(imported.document, NOW)


def test_medicines_keep_their_rules(told: list[Record]) -> None:
    for record in told:
        found = record.medications() or medications_pb2.PatientEntries()
        for prescription in found.prescriptions:
            medications.prescription(prescription, NOW)
        for dispensing in found.dispensings:
            medications.dispensing(dispensing, NOW)
        medications.medication_list(found.medication_list, NOW)


def test_no_clinical_message_names_a_person_but_as_its_patient(told: list[Record]) -> None:
    for record in told[:300]:
        for message in clinical(record):
            assert message.patient.national_id == record.person.national_id  # type: ignore[attr-defined]  # every such message names one
            message.ClearField("patient")
            # What begins with + is a telephone number; the byte behind it may look like one digit more.
            for found in re.findall(rb"(?<![\d+])\d{11}(?!\d)", message.SerializeToString()):
                with pytest.raises(Exception, match=r"digits|date"):
                    classify(found.decode())


def test_sources_name_an_entry_once(told: list[Record]) -> None:
    for record in told:
        for message in clinical(record):
            stated = [
                (entry.DESCRIPTOR.name, source.source_system, source.source_id)
                for entry in _entries(message)
                for source in [_provenance(entry)]
            ]
            assert len(set(stated)) == len(stated)
            assert all(system and identifier for _, system, identifier in stated)


def test_nothing_happens_before_birth_after_death_or_tomorrow(told: list[Record]) -> None:
    for record in told:
        person = record.person
        first = datetime(person.born.year, person.born.month, person.born.day, tzinfo=UTC).timestamp()
        for message in clinical(record):
            for entry in _entries(message):
                for when in _happened(entry):
                    assert first <= when.seconds < NOW.timestamp(), (person.born, entry)
                    if person.died:
                        assert when.seconds < _long_after(person.died)


def test_whoever_is_reserved_has_no_record() -> None:
    reserved = [record for record in records(1, 1200, TODAY) if record.privacy.reserved]
    assert 3 <= len(reserved) <= 30
    for record in reserved:
        assert record.patient().privacy.reservation.record
        assert list(clinical(record)) == []


def test_sections_with_restricted_entries_are_those_that_have_some(told: list[Record]) -> None:
    seen: Counter[int] = Counter()
    for record in told:
        if record.privacy.reserved:
            continue
        stated = set(record.patient().privacy.sections_with_restricted_entries)
        expected = set()
        medicines, shared = record.medications(), record.documents()
        if medicines is not None and any(each.locked for each in medicines.prescriptions):
            expected.add(SECTION_MEDICATIONS)
        if shared is not None and any(
            coding.code == "NORS" for each in shared.documents for coding in each.document.confidentiality
        ):
            expected.add(SECTION_DOCUMENTS)
        answers = record.labs()
        if answers is not None and any(
            coding.code == "NORS" for each in answers.reports for coding in each.confidentiality
        ):
            expected.add(SECTION_LABS)
        assert expected <= stated
        assert not (stated - expected) - {SECTION_MEDICATIONS}
        seen.update(expected)
    assert seen[SECTION_MEDICATIONS] > 0
    assert seen[SECTION_DOCUMENTS] > 0
    assert seen[SECTION_LABS] > 0


def test_critical_information_is_rare_among_the_young_and_commoner_among_the_old() -> None:
    young: list[bool] = []
    old: list[bool] = []
    for record in records(2, 2500, TODAY):
        found = record.critical_info() if not record.privacy.reserved else None
        (young if record.person.age(TODAY) < 60 else old).append(found is not None and len(found.critical_info) > 0)
    assert 0.02 <= sum(young) / len(young) <= 0.055
    assert 0.07 <= sum(old) / len(old) <= 0.3


def test_categories_8_and_11_are_not_both_active(told: list[Record]) -> None:
    both = {
        critical_info_pb2.CATEGORY_LIFE_PROLONGING_TREATMENT,
        critical_info_pb2.CATEGORY_TREATMENT_DECISION,
    }
    for record in told:
        if (found := record.critical_info()) is not None:
            assert len([entry for entry in found.critical_info if entry.category in both]) <= 1


def test_prescriptions_are_in_every_state_and_some_are_past_their_validity(told: list[Record]) -> None:
    states: Counter[int] = Counter()
    expired = lists = 0
    for record in told:
        if (medicines := record.medications()) is not None:
            states.update(each.state for each in medicines.prescriptions)
            lists += medicines.HasField("medication_list")
            expired += sum(
                each.state == medications_pb2.PRESCRIPTION_STATE_DISPENSABLE
                and each.prescribed_at.seconds < (NOW - timedelta(days=365)).timestamp()
                for each in medicines.prescriptions
            )
    for state in (
        medications_pb2.PRESCRIPTION_STATE_DISPENSABLE,
        medications_pb2.PRESCRIPTION_STATE_BEING_DISPENSED,
        medications_pb2.PRESCRIPTION_STATE_FINISHED,
        medications_pb2.PRESCRIPTION_STATE_RECALLED,
    ):
        assert states[state] > 0
    assert expired > 5
    assert lists > 10


def test_no_more_is_dispensed_than_was_prescribed(told: list[Record]) -> None:
    for record in told:
        if (medicines := record.medications()) is None:
            continue
        dispensed = Counter(each.prescription_source_id for each in medicines.dispensings)
        for prescription in medicines.prescriptions:
            number = dispensed.pop(prescription.header.provenance.source_id, 0)
            assert number == prescription.dispensed <= prescription.reit + 1
        assert not dispensed


def test_nearly_everybody_has_one_general_practitioner_and_some_changed(population: list[Person]) -> None:
    without = changed = 0
    for person in population[:1000]:
        places = Record(person, TODAY).patient().general_practitioners
        without += not places
        changed += len(places) > 1
        if person.died is None and places:
            assert sum(not place.period.HasField("end") for place in places) == 1
        for newer, older in pairwise(places):
            assert older.period.end.seconds == newer.period.start.seconds
            assert older.period.end.seconds > (NOW - timedelta(days=3 * 365 + 1)).timestamp()
        for place in places:
            assert place.contract.municipality_number == person.home.municipality.number
            assert place.contract.office.number[0] == "1"
            assert valid_organisation_number(place.contract.office.number)
            assert all(valid_hpr_number(doctor.practitioner.hpr_number) for doctor in place.contract.doctors)
    assert 0.005 < without / 1000 < 0.05
    assert 0.03 < changed / 1000 < 0.2


def test_the_first_patient_has_something_in_every_section(told: list[Record]) -> None:
    first = told[0]
    assert len(list(clinical(first))) == len(CLINICAL)
    assert not first.patient().HasField("privacy")
    medicines = first.medications()
    assert medicines is not None
    assert medicines.HasField("medication_list")


def _entries(message: Message) -> Iterator[Message]:
    for field, values in message.ListFields():
        if field.name == "medication_list":
            yield values
        elif field.is_repeated:
            yield from values


def _provenance(entry: Any) -> Provenance:
    stated: Provenance = getattr(entry, "document", entry).header.provenance
    return stated


def _happened(entry: Message) -> Iterator[Timestamp]:
    yield _provenance(entry).recorded_at
    for name in ("prescribed_at", "dispensed_at", "issued"):
        if hasattr(entry, name):
            yield getattr(entry, name)
    if hasattr(entry, "period"):
        yield entry.period.start
        if entry.period.HasField("end"):
            yield entry.period.end
    if hasattr(entry, "event_time") and entry.event_time.HasField("date"):
        partial: PartialDate = entry.event_time.date
        latest = datetime(partial.year, partial.month or 12, partial.day or 28, 23, tzinfo=UTC)
        yield Timestamp(seconds=min(int(latest.timestamp()), int(NOW.timestamp()) - 1))


def _long_after(day: date) -> float:
    """Returns sixteen days later: hospitals write, and the patient register hears of a visit, some time after it."""
    return (datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=16)).timestamp()
