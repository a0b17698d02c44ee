"""Written once, seen everywhere: what one organisation writes is in every other organisation's next read.

For each register and each way into it: nobody has anything, somebody writes one entry, and the next list and the next
summary of a doctor elsewhere hold it, with the author and the unit it came from. No read in between warms anything up.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from kj.synthetic.people.cast import PEOPLE, PLACES
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CallerKind, EntryHeader, Organisation, Practitioner, Provenance
from kjernejournal.critical_info.v1 import critical_info_pb2
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.labs.v1 import labs_pb2
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.own_registrations.v1 import own_registrations_pb2
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.vaccinations.v1 import vaccinations_pb2
from kjernejournal.visits.v1 import visits_pb2
from shared.codes.personnel import ServiceKind
from shared.convert import timestamp
from tests.services.documents.calls import document
from tests.services.labs.calls import report
from tests.services.medications.feed import dispensing, prescription, statement
from tests.services.own_registrations.calls import contact
from tests.services.patients.people import new_id, person, registering
from tests.services.vaccinations.register import dose
from tests.support.client import Client, method
from tests.support.filling import least
from tests.support.patients import CONTENT, Patient, new_patient, reaction, visit
from tests.support.summaries import SECTIONS, Summary, summary
from tests.support.system import System

DOCTOR: dict[str, Any] = {"kind": "doctor"}
FEED: dict[str, Any] = {"kind": "system", "org": "100100010"}
ELSEWHERE: dict[str, Any] = {"kind": "doctor", "service": "emergency", "hpr": "900000021", "basis": "AKUTT"}
"""Another doctor of another unit of another legal entity."""

TRIES = 5
"""Summaries on a machine that is too busy for one."""

HOSPITAL = PLACES[ServiceKind.HOSPITAL]
WARD = Organisation(number=HOSPITAL.organisation, name=HOSPITAL.name)
KARI = Practitioner(hpr_number=PEOPLE["doctor"].hpr_number, name=PEOPLE["doctor"].name)
OLA = Practitioner(hpr_number="222200068", name="Ola Fastlege")
OFFICE = Organisation(number="100100029", name="Sørstrand legekontor")

A_DOCTOR = (common_pb2.CALLER_KIND_CLINICIAN, KARI, WARD)
A_FEED = (common_pb2.CALLER_KIND_SYSTEM, OLA, OFFICE)
"""The author and the unit are who the feed says they are, not the feed."""
THE_PATIENT = (common_pb2.CALLER_KIND_CITIZEN, Practitioner(), Organisation())
"""Who the record is about needs no name in it."""


@dataclass(frozen=True)
class Way:
    """One way into a register."""

    service: str
    lists: str
    """The rpc that lists what is written."""
    entries: str
    """The field that holds it, in the rpc's reply and in the summary's section."""
    write: Callable[[Client, Patient], Awaitable[None]]
    by: "CallerKind.ValueType"
    author: Practitioner
    unit: Organisation

    @property
    def name(self) -> str:
        return f"{self.service}: {self.write.__name__}"


def of_a_feed(source_id: str) -> EntryHeader:
    """Returns what a feed states of an entry: its author and unit, who are not the feed."""
    source = Provenance(
        recorder=OLA,
        organisation=OFFICE,
        recorded_at=timestamp(datetime.now(UTC) - timedelta(hours=1)),
        source_system="test register",
        source_id=source_id,
    )
    return EntryHeader(provenance=source)


def fed(message: Any) -> Any:
    """Returns the message with what a feed states."""
    message.header.CopyFrom(of_a_feed("written-once"))
    return message


async def create_by_a_doctor(client: Client, patient: Patient) -> None:
    request = critical_info_pb2.CreateCriticalInfoRequest(
        patient=patient.identifier, request_id=str(uuid4()), critical_info=reaction("Anafylaksi")
    )
    await client.call("CreateCriticalInfo", request, **DOCTOR)


async def import_critical_info(client: Client, patient: Patient) -> None:
    entries = critical_info_pb2.PatientEntries(patient=patient.identifier, critical_info=[fed(reaction("Anafylaksi"))])
    message = critical_info_pb2.BulkImportRequest(patients=[entries])
    await client.send("CriticalInfoService/BulkImport", [message], **FEED)


async def record_prescription(client: Client, patient: Patient) -> None:
    request = medications_pb2.RecordPrescriptionRequest(
        patient=patient.identifier, request_id=str(uuid4()), prescription=fed(prescription(""))
    )
    await client.call("RecordPrescription", request, **FEED)


async def record_dispensing(client: Client, patient: Patient) -> None:
    request = medications_pb2.RecordDispensingRequest(
        patient=patient.identifier, request_id=str(uuid4()), dispensing=fed(dispensing(""))
    )
    await client.call("RecordDispensing", request, **FEED)


async def import_statement(client: Client, patient: Patient) -> None:
    entries = medications_pb2.PatientEntries(patient=patient.identifier, statements=[fed(statement(""))])
    message = medications_pb2.BulkImportRequest(patients=[entries])
    await client.send("MedicationsService/BulkImport", [message], **FEED)


async def record_visit(client: Client, patient: Patient) -> None:
    request = visits_pb2.RecordVisitRequest(patient=patient.identifier, request_id=str(uuid4()), visit=fed(visit("")))
    await client.call("RecordVisit", request, **FEED)


async def upload_by_a_doctor(client: Client, patient: Patient) -> None:
    first = documents_pb2.UploadDocumentRequest(
        patient=patient.identifier, request_id=str(uuid4()), document=document()
    )
    await client.send("UploadDocument", [first, documents_pb2.UploadDocumentRequest(chunk=CONTENT)], **DOCTOR)


async def import_document(client: Client, patient: Patient) -> None:
    imported = documents_pb2.ImportedDocument(document=fed(document()), content=CONTENT)
    entries = documents_pb2.PatientEntries(patient=patient.identifier, documents=[imported])
    message = documents_pb2.BulkImportRequest(patients=[entries])
    await client.send("DocumentsService/BulkImport", [message], **FEED)


async def record_lab_report(client: Client, patient: Patient) -> None:
    request = labs_pb2.RecordLabReportRequest(patient=patient.identifier, request_id=str(uuid4()), report=fed(report()))
    await client.call("RecordLabReport", request, **FEED)


async def import_lab_report(client: Client, patient: Patient) -> None:
    entries = labs_pb2.PatientEntries(patient=patient.identifier, reports=[fed(report())])
    await client.send("LabsService/BulkImport", [labs_pb2.BulkImportRequest(patients=[entries])], **FEED)


async def record_vaccination(client: Client, patient: Patient) -> None:
    request = vaccinations_pb2.RecordVaccinationRequest(
        patient=patient.identifier, request_id=str(uuid4()), vaccination=fed(dose())
    )
    await client.call("RecordVaccination", request, **FEED)


async def import_vaccination(client: Client, patient: Patient) -> None:
    entries = vaccinations_pb2.PatientEntries(patient=patient.identifier, vaccinations=[fed(dose())])
    message = vaccinations_pb2.BulkImportRequest(patients=[entries])
    await client.send("VaccinationsService/BulkImport", [message], **FEED)


async def save_by_the_patient(client: Client, patient: Patient) -> None:
    await client.call("SaveOwnRegistration", saving(patient), **patient.asks())


async def save_by_a_doctor(client: Client, patient: Patient) -> None:
    await client.call("SaveOwnRegistration", saving(patient), **DOCTOR, basis="SAMTYKKE")


def saving(patient: Patient) -> own_registrations_pb2.SaveOwnRegistrationRequest:
    return own_registrations_pb2.SaveOwnRegistrationRequest(
        patient=patient.identifier, request_id=str(uuid4()), registration=contact()
    )


async def import_own_registration(client: Client, patient: Patient) -> None:
    entries = own_registrations_pb2.PatientEntries(patient=patient.identifier, registrations=[fed(contact())])
    message = own_registrations_pb2.BulkImportRequest(patients=[entries])
    await client.send("OwnRegistrationsService/BulkImport", [message], **FEED)


WAYS = (
    Way("critical_info", "ListCriticalInfo", "critical_info", create_by_a_doctor, *A_DOCTOR),
    Way("critical_info", "ListCriticalInfo", "critical_info", import_critical_info, *A_FEED),
    Way("medications", "ListPrescriptions", "prescriptions", record_prescription, *A_FEED),
    Way("medications", "ListDispensings", "dispensings", record_dispensing, *A_FEED),
    Way("medications", "ListMedicationStatements", "statements", import_statement, *A_FEED),
    Way("visits", "ListVisits", "visits", record_visit, *A_FEED),
    Way("documents", "ListDocuments", "documents", upload_by_a_doctor, *A_DOCTOR),
    Way("documents", "ListDocuments", "documents", import_document, *A_FEED),
    Way("labs", "ListLabReports", "reports", record_lab_report, *A_FEED),
    Way("labs", "ListLabReports", "reports", import_lab_report, *A_FEED),
    Way("vaccinations", "ListVaccinations", "vaccinations", record_vaccination, *A_FEED),
    Way("vaccinations", "ListVaccinations", "vaccinations", import_vaccination, *A_FEED),
    Way("own_registrations", "ListOwnRegistrations", "registrations", save_by_the_patient, *THE_PATIENT),
    Way("own_registrations", "ListOwnRegistrations", "registrations", save_by_a_doctor, *A_DOCTOR),
    Way("own_registrations", "ListOwnRegistrations", "registrations", import_own_registration, *A_FEED),
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
async def test_the_next_list_elsewhere_holds_what_was_written(system: System, client: Client, way: Way) -> None:
    patient = await new_patient(system, entries=False)
    assert not await listed(client, way, patient)
    await way.write(client, patient)
    [entry] = await listed(client, way, patient)
    assert_from(entry.header.provenance, way)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
async def test_the_next_summary_elsewhere_holds_what_was_written(system: System, client: Client, way: Way) -> None:
    patient = await new_patient(system, entries=False)
    assert (await next_summary(client, patient)).states[way.service] == "NONE_RECORDED"
    await way.write(client, patient)
    got = await next_summary(client, patient)
    assert got.states[way.service] == "DATA"
    [entry] = getattr(content(got, way.service), way.entries)
    assert_from(entry.header.provenance, way)
    assert [entry] == await listed(client, way, patient), "a list tells the same"


async def test_the_next_summary_elsewhere_tells_of_a_patient_who_was_just_registered(client: Client) -> None:
    patient = Patient(new_id())
    await client.call("RegisterPatient", registering(person(patient.national_id, family="Nordmann")), **FEED)
    await client.call("RegisterPatient", registering(person(patient.national_id, family="Nygift")), **FEED)
    got = content(await next_summary(client, patient), "patients")
    assert (got.name.family, got.version) == ("Nygift", 2)
    assert got.provenance.organisation.number == FEED["org"]
    request = patients_pb2.GetPatientRequest(patient=patient.identifier)
    assert (await client.call("GetPatient", request, **ELSEWHERE)).patient == got


def test_every_section_of_the_summary_has_a_way_in() -> None:
    assert {way.service for way in WAYS} | {"patients"} == set(SECTIONS)


async def listed(client: Client, way: Way, patient: Patient) -> list[Any]:
    """Returns what the doctor elsewhere reads in the register's list."""
    request = least(method(way.lists).descriptor.input_type, patient.identifier)
    reply = await client.call(way.lists, request, **ELSEWHERE)
    return list(getattr(reply, way.entries))


async def next_summary(client: Client, patient: Patient) -> Summary:
    """Returns the doctor's next summary elsewhere.

    It is asked for once more only where it says itself that a register was too late.
    """
    for _ in range(TRIES - 1):
        got = await summary(client, patient, **ELSEWHERE)
        if got.completeness == "COMPLETE":
            return got
    return await summary(client, patient, **ELSEWHERE)


def content(got: Summary, service: str) -> Any:
    section = got.section(service)
    return getattr(section, section.WhichOneof("content"))


def assert_from(told: Provenance, way: Way) -> None:
    assert told.recorder_kind == way.by
    assert (told.recorder.hpr_number, told.recorder.name) == (way.author.hpr_number, way.author.name)
    assert (told.organisation.number, told.organisation.name) == (way.unit.number, way.unit.name)
    assert told.HasField("recorded_at")
