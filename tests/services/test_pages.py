"""Pages of lists: what is corrected between two of them stands on one, and none is larger than clients take."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from kjernejournal.common.v1.common_pb2 import (
    CodeableConcept,
    EntryHeader,
    EventTime,
    Organisation,
    PatientIdentifier,
    Period,
    Provenance,
)
from kjernejournal.medications.v1 import medications_pb2 as med
from kjernejournal.medications.v1.medications_pb2_grpc import MedicationsServiceStub
from kjernejournal.vaccinations.v1 import vaccinations_pb2 as vac
from kjernejournal.vaccinations.v1.vaccinations_pb2_grpc import VaccinationsServiceStub
from kjernejournal.visits.v1 import visits_pb2 as vis
from kjernejournal.visits.v1.visits_pb2_grpc import VisitsServiceStub
from services.medications.repository import Repository as Medications
from services.medications.servicer import Servicer as MedicationsServicer
from services.vaccinations.repository import Repository as Vaccinations
from services.vaccinations.servicer import Servicer as VaccinationsServicer
from services.visits.repository import Repository as Visits
from services.visits.servicer import Servicer as VisitsServicer
from shared.convert import timestamp
from shared.database import Database
from tests.support.postgres import Cluster
from tests.support.service import DOCTOR, FEED, calling, served

if TYPE_CHECKING:
    from kjernejournal.medications.v1.medications_pb2_grpc import MedicationsServiceAsyncStub
    from kjernejournal.vaccinations.v1.vaccinations_pb2_grpc import VaccinationsServiceAsyncStub
    from kjernejournal.visits.v1.visits_pb2_grpc import VisitsServiceAsyncStub

BEGAN = datetime(2024, 5, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
async def visits(postgres: Cluster) -> AsyncIterator[VisitsServiceAsyncStub]:
    database = await Database.connect((await postgres.migrated("visits")).dsn)
    async with served((VisitsServicer(Visits(database)), vis.DESCRIPTOR.services_by_name["VisitsService"])) as channel:
        yield VisitsServiceStub(channel)
    await database.close()


@pytest.fixture(scope="module")
async def vaccinations(postgres: Cluster) -> AsyncIterator[VaccinationsServiceAsyncStub]:
    database = await Database.connect((await postgres.migrated("vaccinations")).dsn)
    service = (VaccinationsServicer(Vaccinations(database)), vac.DESCRIPTOR.services_by_name["VaccinationsService"])
    async with served(service) as channel:
        yield VaccinationsServiceStub(channel)
    await database.close()


@pytest.fixture(scope="module")
async def medications(postgres: Cluster) -> AsyncIterator[MedicationsServiceAsyncStub]:
    database = await Database.connect((await postgres.migrated("medications")).dsn)
    service = (MedicationsServicer(Medications(database)), med.DESCRIPTOR.services_by_name["MedicationsService"])
    async with served(service) as channel:
        yield MedicationsServiceStub(channel)
    await database.close()


def header(name: str, changed: int = 0) -> EntryHeader:
    source = Provenance(source_system="kilde", source_id=name, recorded_at=timestamp(BEGAN + changed * DAY))
    return EntryHeader(provenance=source)


def visit(number: int, day: int, changed: int = 0, *, withdrawn: bool = False) -> vis.Visit:
    return vis.Visit(
        header=header(str(number), changed),
        kind=vis.CONTACT_KIND_OUTPATIENT,
        period=Period(start=timestamp(BEGAN + day * DAY)),
        unit=Organisation(name=str(number)),
        withdrawn=withdrawn,
    )


async def load(stub: VisitsServiceAsyncStub, of: PatientIdentifier, *sent: vis.Visit) -> None:
    message = vis.BulkImportRequest(patients=[vis.PatientEntries(patient=of, visits=sent)])
    await stub.BulkImport(iter([message]), metadata=calling(FEED))


@pytest.mark.parametrize("moved, to", [(5, 0), (1, 9)])
async def test_an_entry_whose_time_is_corrected_between_pages_stands_on_one(
    visits: VisitsServiceAsyncStub, moved: int, to: int
) -> None:
    of = PatientIdentifier(patient_ref=str(uuid4()))
    await load(visits, of, *(visit(number, number) for number in range(1, 6)))
    shown: list[str] = []
    request = vis.ListVisitsRequest(patient=of, page_size=2)
    while True:
        found = await visits.ListVisits(request, metadata=calling(DOCTOR, of.patient_ref))
        shown += [each.unit.name for each in found.visits]
        request.page_token = found.next_page_token
        if not found.next_page_token:
            break
        await load(visits, of, visit(moved, to, changed=len(shown)), visit(6 + len(shown), 0))
    assert shown == ["5", "4", "3", "2", "1"]


async def test_what_is_withdrawn_between_pages_is_left_out(visits: VisitsServiceAsyncStub) -> None:
    of = PatientIdentifier(patient_ref=str(uuid4()))
    await load(visits, of, *(visit(number, number) for number in range(1, 4)))
    request = vis.ListVisitsRequest(patient=of, page_size=2)
    first = await visits.ListVisits(request, metadata=calling(DOCTOR, of.patient_ref))
    await load(visits, of, visit(1, 1, changed=1, withdrawn=True))
    request.page_token = first.next_page_token
    assert not (await visits.ListVisits(request, metadata=calling(DOCTOR, of.patient_ref))).visits


async def test_a_list_by_code_is_pinned_too(vaccinations: VaccinationsServiceAsyncStub) -> None:
    of = PatientIdentifier(patient_ref=str(uuid4()))

    def dose(number: int, day: int, changed: int = 0) -> vac.Vaccination:
        made = vac.Vaccination(
            header=header(str(number), changed),
            status=vac.VACCINATION_STATUS_COMPLETED,
            vaccine=CodeableConcept(text=str(number)),
            occurrence=EventTime(instant=timestamp(BEGAN + day * DAY)),
        )
        made.vaccine.codings.add(system="http://www.whocc.no/atc", code="J07BB02")
        return made

    async def feed(*sent: vac.Vaccination) -> None:
        message = vac.BulkImportRequest(patients=[vac.PatientEntries(patient=of, vaccinations=sent)])
        await vaccinations.BulkImport(iter([message]), metadata=calling(FEED))

    await feed(*(dose(number, number) for number in range(1, 5)))
    request = vac.ListVaccinationsRequest(patient=of, page_size=2)
    request.codes.add(system="http://www.whocc.no/atc", code="J07BB02")
    first = await vaccinations.ListVaccinations(request, metadata=calling(DOCTOR, of.patient_ref))
    await feed(dose(4, 0, changed=1), dose(1, 9, changed=1))
    request.page_token = first.next_page_token
    second = await vaccinations.ListVaccinations(request, metadata=calling(DOCTOR, of.patient_ref))
    assert [each.vaccine.text for page in (first, second) for each in page.vaccinations] == ["4", "3", "2", "1"]


async def test_pages_end_at_what_clients_take(medications: MedicationsServiceAsyncStub) -> None:
    of = PatientIdentifier(patient_ref=str(uuid4()))
    dosages = [med.Dosage(text="x" * 1900, patient_instruction="y" * 1900) for _ in range(20)]
    for start in range(0, 200, 20):
        entries = [
            med.Dispensing(
                header=header(f"{number}"),
                medication=med.Medication(code=CodeableConcept(text="A")),
                dosages=dosages,
                dispensed_at=timestamp(BEGAN),
            )
            for number in range(start, start + 20)
        ]
        message = med.BulkImportRequest(patients=[med.PatientEntries(patient=of, dispensings=entries)])
        await medications.BulkImport(iter([message]), metadata=calling(FEED))
    seen: set[str] = set()
    request = med.ListDispensingsRequest(patient=of, page_size=500)
    while True:
        found = await medications.ListDispensings(request, metadata=calling(DOCTOR, of.patient_ref))
        assert found.ByteSize() < 4 * 1024 * 1024
        assert found.window.older_exist == bool(found.next_page_token)
        seen |= {each.header.id for each in found.dispensings}
        request.page_token = found.next_page_token
        if not found.next_page_token:
            break
    assert len(seen) == 200
