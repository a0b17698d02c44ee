"""Keeps what goes to each register outside memory until the whole bundle is mapped: no half of a file is sent."""

from array import array
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from google.protobuf.message import Message

from kj.fhir_r4.bundle.spool import Spool
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.critical_info.v1 import critical_info_pb2
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.labs.v1 import labs_pb2
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.own_registrations.v1 import own_registrations_pb2
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.vaccinations.v1 import vaccinations_pb2
from kjernejournal.visits.v1 import visits_pb2

PATIENTS = "patients"

ENTRIES: dict[str, type[Any]] = {
    "critical_info": critical_info_pb2.PatientEntries,
    "documents": documents_pb2.PatientEntries,
    "labs": labs_pb2.PatientEntries,
    "medications": medications_pb2.PatientEntries,
    "own_registrations": own_registrations_pb2.PatientEntries,
    "vaccinations": vaccinations_pb2.PatientEntries,
    "visits": visits_pb2.PatientEntries,
}
"""What each register takes of one patient."""


class Place(NamedTuple):
    """Where an entry goes."""

    register: str
    field: str
    shown: str
    """The list that will show it, in reports."""


PLACES: dict[type[Message], Place] = {
    critical_info_pb2.CriticalInfo: Place("critical_info", "critical_info", "critical_info"),
    critical_info_pb2.CategoryAbsence: Place("critical_info", "absences", "critical_info: absences"),
    documents_pb2.ImportedDocument: Place("documents", "documents", "documents"),
    labs_pb2.LabReport: Place("labs", "reports", "lab reports"),
    medications_pb2.Prescription: Place("medications", "prescriptions", "prescriptions"),
    medications_pb2.Dispensing: Place("medications", "dispensings", "dispensings"),
    medications_pb2.MedicationStatement: Place("medications", "statements", "statements"),
    own_registrations_pb2.OwnRegistration: Place("own_registrations", "registrations", "own_registrations"),
    vaccinations_pb2.Vaccination: Place("vaccinations", "vaccinations", "vaccinations"),
    visits_pb2.Visit: Place("visits", "visits", "visits"),
}
ABSENCES = {
    "labs": Place("labs", "absences", "labs: absences"),
    "vaccinations": Place("vaccinations", "absences", "vaccinations: absences"),
}
"""Where a StatedAbsence of a register goes; the message is the same for all."""

FULL_MESSAGE = 2 * 1024 * 1024
"""Bytes of one patient's entries that go together."""
MOST_ENTRIES = 5_000
"""Entries of one patient that go together; a register takes 10 000 of each kind."""


class MessageSpool:
    """The messages of one bundle."""

    def __init__(self) -> None:
        self._spool = Spool()
        self._registers: dict[str, _Posted] = {}

    def close(self) -> None:
        """Frees the temporary file that holds the messages."""
        self._spool.close()

    def patient(self, record: int, message: patients_pb2.ImportedPatient) -> None:
        """Keeps a patient, who goes before their entries."""
        self._keep(PATIENTS, record, "", message)

    def add(self, record: int, message: Message, place: Place) -> None:
        """Keeps an entry of a patient."""
        self._keep(place.register, record, place.field, message)

    @property
    def registers(self) -> list[str]:
        """Those that get entries, beside the register of patients."""
        return sorted(set(self._registers) - {PATIENTS})

    def patients(self) -> Iterator[patients_pb2.ImportedPatient]:
        """Yields every patient, in order."""
        for _, _, data in self._posted(PATIENTS):
            yield patients_pb2.ImportedPatient.FromString(data)

    def streams(self, register: str, national_ids: Sequence[str]) -> Iterator[Iterator[Any]]:
        """Yields a register's PatientEntries, patient by patient, in streams to be sent one after another.

        A patient with more than a message holds comes in several parts. No message of a feed may name a patient twice,
        and whoever joins parts to messages does not look: so each further part begins a stream. Every stream has to be
        taken to its end before the next.
        """
        parts = self._parts(register, national_ids)
        ahead = [each for each in (next(parts, None),) if each is not None]

        def stream() -> Iterator[Any]:
            while ahead:
                part = ahead.pop()
                ahead.extend(each for each in (next(parts, None),) if each is not None)
                yield part
                if ahead and ahead[0].patient == part.patient:
                    return

        while ahead:
            yield stream()

    def _parts(self, register: str, national_ids: Sequence[str]) -> Iterator[Any]:
        part, size, number, of = None, 0, 0, -1
        for record, name, data in self._posted(register):
            if part is None or record != of or size + len(data) > FULL_MESSAGE or number == MOST_ENTRIES:
                if part is not None:
                    yield part
                part = ENTRIES[register](patient=PatientIdentifier(national_id=national_ids[record]))
                size, number, of = 0, 0, record
            getattr(part, name).add().MergeFromString(data)
            size += len(data)
            number += 1
        if part is not None:
            yield part

    def _keep(self, register: str, record: int, name: str, message: Message) -> None:
        data = message.SerializeToString(deterministic=True)
        self._registers.setdefault(register, _Posted()).note(record, name, self._spool.append(data), len(data))

    def _posted(self, register: str) -> Iterator[tuple[int, str, bytes]]:
        if register in self._registers:
            for record, name, at, length in self._registers[register].in_order():
                yield record, name, self._spool.read(at, length)


class _Posted:
    """Where the messages of one register are, a few bytes each."""

    def __init__(self) -> None:
        self._records, self._lengths = array("I"), array("I")
        self._starts, self._fields = array("Q"), array("B")
        self._names: list[str] = []

    def note(self, record: int, name: str, at: int, length: int) -> None:
        if name not in self._names:
            self._names.append(name)
        self._records.append(record)
        self._starts.append(at)
        self._lengths.append(length)
        self._fields.append(self._names.index(name))

    def in_order(self) -> Iterator[tuple[int, str, int, int]]:
        """Yields what was added, by patient, and within a patient as it came."""
        for each in sorted(range(len(self._records)), key=self._records.__getitem__):
            yield self._records[each], self._names[self._fields[each]], self._starts[each], self._lengths[each]
