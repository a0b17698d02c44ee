"""Retries across an upgrade: what the release before wrote, before it or beside this one, is answered by this one.

The release before kept a request's id and digest in `entries` (and in the tables of patients), and rows of `requests`
in two registers for some of their writes. Here those rows are taken from what this release writes, as it writes them
still.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import Practitioner
from kjernejournal.critical_info.v1 import critical_info_pb2
from kjernejournal.critical_info.v1.critical_info_pb2_grpc import CriticalInfoServiceStub
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.medications.v1.medications_pb2_grpc import MedicationsServiceStub
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.patients.v1.patients_pb2_grpc import PatientsServiceStub, PrivacyServiceStub
from kjernejournal.visits.v1 import visits_pb2
from kjernejournal.visits.v1.visits_pb2_grpc import VisitsServiceStub
from services.critical_info.repository import Repository as CriticalInfo
from services.critical_info.servicer import Servicer as CriticalInfoServicer
from services.medications.repository import Repository as Medications
from services.medications.servicer import Servicer as MedicationsServicer
from services.patients.care_relation_repository import CareRelations
from services.patients.merge_repository import Merges
from services.patients.privacy_servicer import PrivacyServicer
from services.patients.registration_repository import Registry
from services.patients.repository import Repository as People
from services.patients.servicer import PatientsServicer
from services.visits.repository import Repository as Visits
from services.visits.servicer import Servicer as VisitsServicer
from shared.database import Database
from shared.migrate import migrate
from tests.services.critical_info.calls import Register, made
from tests.services.medications.feed import Feed, prescription
from tests.services.medications.list import lists
from tests.services.patients.conftest import Patients
from tests.services.patients.people import person, place, registering, years_ago
from tests.services.visits.test_servicer import record, report, visit
from tests.support.postgres import ROOT, Cluster
from tests.support.postgres import Database as Fresh
from tests.support.service import FEED, calling, reason_of, served

if TYPE_CHECKING:
    from kjernejournal.visits.v1.visits_pb2_grpc import VisitsServiceAsyncStub

ENTRIES = {"entries": "SELECT * FROM entries"}


class Upgrade:
    """Brings what one database holds into another, as the release before had written it there."""

    def __init__(self, postgres: Cluster, folder: Path, *, beside: bool) -> None:
        self._postgres = postgres
        self._folder = folder
        self._beside = beside
        """The release before wrote after this one's migrations, not before them."""

    async def of(self, service: str, source: Fresh, tables: Mapping[str, str]) -> Fresh:
        """Returns a migrated database with the rows of `tables`, a query for each, in the order in which they were
        written.
        """
        directory = ROOT / "services" / service / "migrations"
        before = self._folder / service
        before.mkdir()
        for path in sorted(directory.glob("*.sql")):
            if "_remember_requests" in path.name and path.name > "0002_remember_requests.sql":
                break
            shutil.copy(path, before)
        fresh = await self._postgres.database(service)
        for step in (directory, None) if self._beside else (before, None, directory):
            if step is not None:
                await migrate(fresh.owner_dsn, step, runtime_role=fresh.names.runtime)
            else:
                await _copy(source, fresh, tables)
        return fresh


async def _copy(source: Fresh, target: Fresh, tables: Mapping[str, str]) -> None:
    reading, writing = await asyncpg.connect(source.superuser_dsn), await asyncpg.connect(target.superuser_dsn)
    try:
        async with writing.transaction():
            for table, query in tables.items():
                rows = await reading.fetch(query)
                assert rows, f"nothing to bring of {table}"
                known = await writing.fetch(
                    "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0", table
                )
                # Columns that came later the release before did not write.
                columns = [name for name in rows[0].keys() if name in {each["attname"] for each in known}]  # noqa: SIM118  # a Record iterates its values
                records = [tuple(row[name] for name in columns) for row in rows]
                await writing.copy_records_to_table(table, columns=columns, records=records)
    finally:
        await reading.close()
        await writing.close()


@pytest.fixture(params=["before", "beside"])
def upgrade(postgres: Cluster, tmp_path: Path, request: pytest.FixtureRequest) -> Upgrade:
    return Upgrade(postgres, tmp_path, beside=request.param == "beside")


async def refused(call: Awaitable[Any]) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return reason_of(error.value)


@asynccontextmanager
async def visits(fresh: Fresh) -> AsyncIterator[VisitsServiceAsyncStub]:
    database = await Database.connect(fresh.dsn)
    service = visits_pb2.DESCRIPTOR.services_by_name["VisitsService"]
    try:
        async with served((VisitsServicer(Visits(database)), service)) as channel:
            yield VisitsServiceStub(channel)
    finally:
        await database.close()


async def test_a_visit_and_its_mark_are_answered_across_the_upgrade(postgres: Cluster, upgrade: Upgrade) -> None:
    source = await postgres.migrated("visits")
    ref, recording, marking = str(uuid4()), str(uuid4()), str(uuid4())
    async with visits(source) as stub:
        recorded = await record(stub, ref, visit(), recording)
        marked = await report(stub, ref, recorded.id, marking, "Jeg var ikke der")
    async with visits(await upgrade.of("visits", source, ENTRIES)) as stub:
        assert await record(stub, ref, visit(), recording) == recorded
        assert await report(stub, ref, recorded.id, marking, "Jeg var ikke der") == marked
        other = visit(source_class=[])
        other.unit.name = "Et annet sykehus"
        assert await refused(record(stub, ref, other, recording)) == "REQUEST_ID_REUSED"


@asynccontextmanager
async def critical_info(fresh: Fresh) -> AsyncIterator[Register]:
    database = await Database.connect(fresh.dsn)
    service = critical_info_pb2.DESCRIPTOR.services_by_name["CriticalInfoService"]
    try:
        async with served((CriticalInfoServicer(CriticalInfo(database)), service)) as channel:
            yield Register(CriticalInfoServiceStub(channel))
    finally:
        await database.close()


async def test_critical_information_is_answered_across_the_upgrade(postgres: Cluster, upgrade: Upgrade) -> None:
    source = await postgres.migrated("critical_info")
    ref, creating, changing = str(uuid4()), str(uuid4()), str(uuid4())
    entry = made(critical_info_pb2.CATEGORY_CRITICAL_CONDITION)
    async with critical_info(source) as register:
        created = await register.create(ref, entry, request_id=creating)
        changed = await register.update(ref, created, comment="nytt", request_id=changing)
    remembered = "SELECT patient_ref, request_id, asked FROM requests WHERE versions <> '{1}'"
    tables = {**ENTRIES, "requests": remembered}
    async with critical_info(await upgrade.of("critical_info", source, tables)) as register:
        assert await register.create(ref, entry, request_id=creating) == created
        assert await register.update(ref, created, comment="nytt", request_id=changing) == changed
        again = register.update(ref, created, comment="et annet", request_id=changing)
        assert await refused(again) == "REQUEST_ID_REUSED"
        other = register.create(ref, made(critical_info_pb2.CATEGORY_CRITICAL_CONDITION, "annet"), request_id=creating)
        assert await refused(other) == "REQUEST_ID_REUSED"
        assert len(await register.versions(ref, created)) == 2


@asynccontextmanager
async def medications(fresh: Fresh) -> AsyncIterator[Feed]:
    database = await Database.connect(fresh.dsn)
    service = medications_pb2.DESCRIPTOR.services_by_name["MedicationsService"]
    try:
        async with served((MedicationsServicer(Medications(database)), service)) as channel:
            yield Feed(MedicationsServiceStub(channel))
    finally:
        await database.close()


async def test_medicines_are_answered_across_the_upgrade(postgres: Cluster, upgrade: Upgrade) -> None:
    source = await postgres.migrated("medications")
    ref, prescribing, recalling, proposing = (str(uuid4()) for _ in range(4))
    add = medications_pb2.PROPOSAL_ACTION_ADD
    proposals = [medications_pb2.Proposal(action=add, entry=lists.entry()) for _ in range(2)]
    async with medications(source) as feed:
        prescribed = await feed.prescribe(ref, prescription("r1"), prescribing)
        recalled = await feed.recall(ref, prescribed.id, recalling)
        proposed = await lists.propose(feed, ref, *proposals, request_id=proposing)
    tables = {
        **ENTRIES,
        "requests": "SELECT * FROM requests WHERE cardinality(ids) > 1",  # of the list and its proposals
    }
    async with medications(await upgrade.of("medications", source, tables)) as feed:
        assert await feed.prescribe(ref, prescription("r1"), prescribing) == prescribed
        assert await feed.recall(ref, prescribed.id, recalling) == recalled
        assert await lists.propose(feed, ref, *proposals, request_id=proposing) == proposed
        fewer = lists.propose(feed, ref, proposals[0], request_id=proposing)
        assert await refused(fewer) == "REQUEST_ID_REUSED"
        assert await refused(feed.prescribe(ref, prescription("r2"), prescribing)) == "REQUEST_ID_REUSED"


@asynccontextmanager
async def patients(fresh: Fresh) -> AsyncIterator[Patients]:
    database = await Database.connect(fresh.dsn)
    repository, services = People(database), patients_pb2.DESCRIPTOR.services_by_name
    identities = PatientsServicer(
        repository, Registry(database), Merges(database), CareRelations(database), production=False
    )
    async with served(
        (identities, services["PatientsService"]),
        (PrivacyServicer(repository, production=False), services["PrivacyService"]),
    ) as channel:
        yield Patients(PatientsServiceStub(channel), PrivacyServiceStub(channel), fresh)
    await database.close()


async def test_patients_are_answered_across_the_upgrade(postgres: Cluster, upgrade: Upgrade) -> None:
    source = await postgres.migrated("patients")
    one, other = person(), person(family="Hansen")
    value = one.national_ids[0].value
    registration = registering(one)
    async with patients(source) as service:
        await service.patients.RegisterPatient(registration, metadata=calling(FEED))
        await service.register(other)
        patient, metadata = await service.on(value)
        assigning = patients_pb2.AssignGeneralPractitionerRequest(
            patient=patient, request_id=str(uuid4()), assignment=place("k1", years_ago(1))
        )
        blocking = patients_pb2.BlockPersonnelRequest(
            patient=patient, request_id=str(uuid4()), personnel=[Practitioner(hpr_number="9144919")]
        )
        merging = patients_pb2.MergePatientsRequest(
            patient=patient, request_id=str(uuid4()), merged_national_id=other.national_ids[0].value
        )
        for each in _calls(service, metadata, registration, assigning, blocking, merging):
            await each
        # What a retry is answered with, once the two are one.
        first = [await each for each in _calls(service, metadata, registration, assigning, blocking, merging)]
    tables = {
        table: f"SELECT * FROM {table}"  # noqa: S608  # names of ours
        for table in ("national_ids", "refs", "identities", "gp_histories", "privacy_settings", "merges")
    }
    async with patients(await upgrade.of("patients", source, tables)) as service:
        again = [await each for each in _calls(service, metadata, registration, assigning, blocking, merging)]
        assert again == first
        # Whatever rpc it is for, a request_id stands for one request.
        reservation = patients_pb2.SetReservationRequest(patient=patient, request_id=assigning.request_id, record=True)
        assert await refused(service.privacy.SetReservation(reservation, metadata=metadata)) == "REQUEST_ID_REUSED"
        blocking.personnel[0].hpr_number = "9144927"
        assert await refused(service.privacy.BlockPersonnel(blocking, metadata=metadata)) == "REQUEST_ID_REUSED"


def _calls(
    service: Patients,
    metadata: list[tuple[str, str | bytes]],
    registration: patients_pb2.RegisterPatientRequest,
    assigning: patients_pb2.AssignGeneralPractitionerRequest,
    blocking: patients_pb2.BlockPersonnelRequest,
    merging: patients_pb2.MergePatientsRequest,
) -> list[Awaitable[Any]]:
    return [
        service.patients.RegisterPatient(registration, metadata=calling(FEED)),
        service.patients.AssignGeneralPractitioner(assigning, metadata=metadata),
        service.privacy.BlockPersonnel(blocking, metadata=metadata),
        service.patients.MergePatients(merging, metadata=metadata),
    ]
