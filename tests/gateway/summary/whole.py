"""Summaries with an entry in every section, as scripted registers give them."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc

from gateway.registers.sources import BY_SECTION, SOURCES, Source
from kjernejournal.common.v1.common_pb2 import EntryHeader, ListWindow, PatientIdentifier
from kjernejournal.critical_info.v1 import critical_info_pb2
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.labs.v1 import labs_pb2
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.own_registrations.v1 import own_registrations_pb2
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryRequest, StreamPatientSummaryRequest
from kjernejournal.vaccinations.v1 import vaccinations_pb2
from kjernejournal.visits.v1 import visits_pb2
from tests.support.gateway import Front
from tests.support.scripted.services import refusing
from tests.support.summaries import state

KI, MEDICINES, VISITS, DOCUMENTS, LABS, VACCINATIONS, OWN, PATIENT = (source.section for source in SOURCES)
ONE = ListWindow(returned=1, total=1)
CONTENT: dict[int, Any] = {
    KI: critical_info_pb2.CriticalInfoSection(
        critical_info=[critical_info_pb2.CriticalInfo(header=EntryHeader(id="ki", version=1))], window=ONE, active=1
    ),
    MEDICINES: medications_pb2.MedicationsSection(
        prescriptions=[medications_pb2.Prescription(header=EntryHeader(id="rp", version=2))],
        prescriptions_window=ONE,
        dispensings_window=ListWindow(),
        statements_window=ListWindow(),
    ),
    VISITS: visits_pb2.VisitsSection(visits=[visits_pb2.Visit(header=EntryHeader(id="v", version=1))], window=ONE),
    DOCUMENTS: documents_pb2.DocumentsSection(
        documents=[documents_pb2.Document(header=EntryHeader(id="d", version=1))], window=ONE
    ),
    LABS: labs_pb2.LabsSection(reports=[labs_pb2.LabReport(header=EntryHeader(id="l", version=4))], window=ONE),
    VACCINATIONS: vaccinations_pb2.VaccinationsSection(
        vaccinations=[vaccinations_pb2.Vaccination(header=EntryHeader(id="vac", version=1))], window=ONE
    ),
    OWN: own_registrations_pb2.OwnRegistrationsSection(
        registrations=[own_registrations_pb2.OwnRegistration(header=EntryHeader(id="own", version=2))], window=ONE
    ),
    PATIENT: patients_pb2.PatientSection(version=3),
}
"""An entry in every section."""


def answer_all(front: Front) -> None:
    """Lets every register answer with its content."""
    front.new_breakers()
    for source in SOURCES:
        answer(front, source.section)


def answer(front: Front, section: int, *, after: float = 0.0, before: Callable[[], None] = lambda: None) -> None:
    """Lets the register answer with its content, so many seconds later; `before` runs just before."""
    source: Source = BY_SECTION[section]  # type: ignore[index]  # a SummarySection

    async def reply(data: bytes, _: Any) -> bytes:
        await asyncio.sleep(after)
        before()
        queries = source.proto.BatchGetSectionsRequest.FromString(data).queries
        answers = [source.proto.SectionAnswer(access_id=each.access_id, section=CONTENT[section]) for each in queries]
        return bytes(source.proto.BatchGetSectionsResponse(answers=answers).SerializeToString())

    front.registers[source.service].unary(source.path, reply)


def fail(front: Front, *sections: int) -> None:
    for section in sections:
        source = BY_SECTION[section]  # type: ignore[index]  # a SummarySection
        front.registers[source.service].unary(source.path, refusing(grpc.StatusCode.UNAVAILABLE, "", None))


def asked(patient: str, **fields: Any) -> GetPatientSummaryRequest:
    return GetPatientSummaryRequest(patient=PatientIdentifier(national_id=patient), **fields)


async def streamed(front: Front, patient: str, **fields: Any) -> list[Any]:
    request = StreamPatientSummaryRequest(patient=PatientIdentifier(national_id=patient), **fields)
    return await front.client.stream("StreamPatientSummary", request)


def states(sections: Any) -> dict[int, str]:
    return {each.section: state(each) for each in sections}
