"""One person with everything that the registers' feeds report of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from kj.synthetic.people import privacy
from kj.synthetic.people.care import Care, care
from kj.synthetic.people.contacts import Contact, contacts
from kj.synthetic.people.families import people
from kj.synthetic.people.health import Health, health
from kj.synthetic.people.person import Person
from kj.synthetic.people.privacy import Privacy
from kj.synthetic.records import (
    critical_info,
    documents,
    labs,
    medication_list,
    own_registrations,
    population_register,
    prescriptions,
    vaccinations,
    visits,
)
from kj.synthetic.records.documents import Plan
from kj.synthetic.records.labs import Plan as Report
from kj.synthetic.records.prescriptions import Line
from kjernejournal.common.v1.common_pb2 import (
    SECTION_DOCUMENTS,
    SECTION_LABS,
    SECTION_MEDICATIONS,
    PatientIdentifier,
)
from kjernejournal.critical_info.v1 import critical_info_pb2
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.labs.v1 import labs_pb2
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.own_registrations.v1 import own_registrations_pb2
from kjernejournal.patients.v1.patients_pb2 import ImportedPatient
from kjernejournal.vaccinations.v1 import vaccinations_pb2
from kjernejournal.visits.v1 import visits_pb2


def records(seed: int, wanted: int, today: date) -> Iterator["Record"]:
    """Returns the first `wanted` people of a population with their records as of `today`, one at a time.

    The same arguments give the same messages, byte for byte. A larger population begins with the smaller one.
    """
    return (Record(person, today) for person in people(seed, wanted))


@dataclass(frozen=True)
class Record:
    """What each register is sent. A method returns None where there is nothing to send."""

    person: Person
    today: date

    def patient(self) -> ImportedPatient:
        """Returns identity, family, general practitioners and privacy settings."""
        restricted = []
        if any(line.locked for line in self._lines):
            restricted.append(SECTION_MEDICATIONS)
        if any(plan.restriction == "NORS" for plan in self._documents):
            restricted.append(SECTION_DOCUMENTS)
        if any(plan.restriction == "NORS" for plan in self._labs):
            restricted.append(SECTION_LABS)
        return ImportedPatient(
            person=population_register.message(self.person, self._health, self.today),
            general_practitioners=self._care.assignments(),
            privacy=privacy.imported(self.privacy, restricted),
        )

    def critical_info(self) -> critical_info_pb2.PatientEntries | None:
        """Returns critical information, and statements of its absence."""
        if self.privacy.reserved:
            return None
        found = critical_info.entries(self.person, self._health, self._care, self.today)
        if found is not None:
            found.patient.CopyFrom(self._identifier)
        return found

    def medications(self) -> medications_pb2.PatientEntries | None:
        """Returns prescriptions, dispensings and the medication list."""
        if self.privacy.reserved or not self._lines:
            return None
        entries = medications_pb2.PatientEntries(patient=self._identifier)
        newest: dict[str, str] = {}
        for line in self._lines:
            for prescription, dispensings in prescriptions.prescribed(self.person, line, self._care, self.today):
                entries.prescriptions.append(prescription)
                entries.dispensings.extend(dispensings)
                newest[line.treatment_id] = prescription.header.provenance.source_id
        medicines = medication_list.medication_list(self.person, self._lines, newest, self._care, self.today)
        if medicines is not None:
            entries.medication_list.CopyFrom(medicines)
        return entries

    def visits(self) -> visits_pb2.PatientEntries | None:
        """Returns contacts with specialist care."""
        if self.privacy.reserved or not self._contacts:
            return None
        return visits_pb2.PatientEntries(
            patient=self._identifier,
            visits=[visits.visit(self.person, contact, self.today) for contact in self._contacts],
        )

    def documents(self) -> documents_pb2.PatientEntries | None:
        """Returns documents with their content."""
        if not self._documents:
            return None
        return documents_pb2.PatientEntries(
            patient=self._identifier,
            documents=[documents.document(self.person, self._health, plan) for plan in self._documents],
        )

    def labs(self) -> labs_pb2.PatientEntries | None:
        """Returns answers of laboratories as they stand today."""
        return self._reports(labs.report(self.person, self._care, plan, self.today) for plan in self._labs)

    def earlier_labs(self, version: int) -> labs_pb2.PatientEntries | None:
        """Returns one version, counted from 0, of the reports that were preliminary, then final, then corrected."""
        return self._reports(
            labs.life(self.person, self._care, plan, self.today)[version] for plan in self._labs if plan.has_life
        )

    def _reports(self, told: Iterable[labs_pb2.LabReport]) -> labs_pb2.PatientEntries | None:
        entries = list(told)
        return labs_pb2.PatientEntries(patient=self._identifier, reports=entries) if entries else None

    def vaccinations(self) -> vaccinations_pb2.PatientEntries | None:
        """Returns doses that were given here and elsewhere, or were not."""
        if self.privacy.reserved:
            return None
        given = vaccinations.doses(self.person, self._health, self.today)
        told = [
            vaccinations.vaccination(self.person, self._care, dose, number, self.today)
            for number, dose in enumerate(given, start=1)
        ]
        told += vaccinations.from_elsewhere(self.person, self._care, self.today)
        return vaccinations_pb2.PatientEntries(patient=self._identifier, vaccinations=told) if told else None

    def own_registrations(self) -> own_registrations_pb2.PatientEntries | None:
        """Returns what this person has registered."""
        if self.privacy.reserved:
            return None
        told = own_registrations.registrations(self.person, self._health, self._care, self.today)
        return own_registrations_pb2.PatientEntries(patient=self._identifier, registrations=told) if told else None

    @cached_property
    def privacy(self) -> Privacy:
        """Returns what the person has decided. Nothing is sent of somebody who is reserved: they have no record."""
        return privacy.privacy(self.person, self._health, self._care, self.today)

    @property
    def _identifier(self) -> PatientIdentifier:
        return PatientIdentifier(national_id=self.person.national_id)

    @cached_property
    def _health(self) -> Health:
        return health(self.person, self.today)

    @cached_property
    def _care(self) -> Care:
        return care(self.person, self.today)

    @cached_property
    def _lines(self) -> list[Line]:
        return prescriptions.lines(self.person, self._health, self.privacy.locked_medicine)

    @cached_property
    def _contacts(self) -> list[Contact]:
        return contacts(self.person, self._health, self._care, self.today)

    @cached_property
    def _documents(self) -> list[Plan]:
        if self.privacy.reserved:
            return []
        return documents.plans(self.person, self._health, self._care, self._contacts, self.today)

    @cached_property
    def _labs(self) -> list[Report]:
        if self.privacy.reserved:
            return []
        return labs.plans(self.person, self._health, self._care, self._contacts, self.today)
