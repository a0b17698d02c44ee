"""The real servicers of patients on a unix socket, over a fresh database."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from kjernejournal.common.v1.common_pb2 import CallerContext, PatientIdentifier
from kjernejournal.patients.v1 import patients_pb2 as pb
from kjernejournal.patients.v1.patients_pb2_grpc import PatientsServiceStub, PrivacyServiceStub
from services.patients.care_relation_repository import CareRelations
from services.patients.merge_repository import Merges
from services.patients.privacy_servicer import PrivacyServicer
from services.patients.registration_repository import Registry
from services.patients.repository import Repository
from services.patients.servicer import PatientsServicer
from shared.database import Database
from tests.services.patients.changing import CITIZEN, Change
from tests.services.patients.people import person, registering
from tests.support.postgres import Cluster
from tests.support.postgres import Database as Fresh
from tests.support.service import DOCTOR, FEED, calling, served

if TYPE_CHECKING:
    from kjernejournal.patients.v1.patients_pb2_grpc import PatientsServiceAsyncStub, PrivacyServiceAsyncStub

Metadata = list[tuple[str, str | bytes]]


@dataclass
class Patients:
    """The two services, called as the gateway calls them."""

    patients: "PatientsServiceAsyncStub"
    privacy: "PrivacyServiceAsyncStub"
    database: Fresh

    async def register(self, one: pb.Person | None = None) -> str:
        """Registers a person, and returns the national id in use."""
        one = one or person()
        await self.patients.RegisterPatient(registering(one), metadata=calling(FEED))
        return one.national_ids[0].value

    async def resolve(self, *national_ids: str) -> list[pb.PatientResolution]:
        """Returns the answers, in the order of the question."""
        reply = await self.patients.ResolvePatients(pb.ResolvePatientsRequest(national_ids=national_ids))
        answers = {answer.national_id: answer for answer in reply.patients}
        return [answers[value] for value in national_ids]

    async def facts(self, national_id: str) -> pb.PatientFacts:
        """Returns the facts of somebody who is registered."""
        [answer] = await self.resolve(national_id)
        assert answer.state == pb.RESOLUTION_STATE_REGISTERED
        return answer.facts

    async def on(self, national_id: str, caller: CallerContext = DOCTOR) -> tuple[PatientIdentifier, Metadata]:
        """Returns field and metadata of a call about this patient, as the front door makes them."""
        [answer] = await self.resolve(national_id)
        refs: Sequence[str] = answer.patient_refs
        return PatientIdentifier(patient_ref=refs[0]), calling(caller, *refs)

    async def section(self, national_id: str) -> pb.PatientSection:
        """Returns what is shown of the patient."""
        patient, metadata = await self.on(national_id)
        return (await self.patients.GetPatient(pb.GetPatientRequest(patient=patient), metadata=metadata)).patient

    async def assign(self, national_id: str, one: pb.GeneralPractitionerAssignment) -> int:
        """Gives the patient a place on a list; gives the version of the history."""
        patient, metadata = await self.on(national_id, FEED)
        request = pb.AssignGeneralPractitionerRequest(patient=patient, request_id=str(uuid4()), assignment=one)
        return (await self.patients.AssignGeneralPractitioner(request, metadata=metadata)).version

    async def merge(self, stays: str, merged: str) -> pb.MergePatientsResponse:
        """Makes two patients one."""
        patient, metadata = await self.on(stays, FEED)
        request = pb.MergePatientsRequest(patient=patient, request_id=str(uuid4()), merged_national_id=merged)
        return await self.patients.MergePatients(request, metadata=metadata)

    async def unmerge(self, stays: str, separated: str) -> pb.UnmergePatientsResponse:
        """Takes a merge back."""
        patient, metadata = await self.on(stays, FEED)
        request = pb.UnmergePatientsRequest(patient=patient, request_id=str(uuid4()), separated_national_id=separated)
        return await self.patients.UnmergePatients(request, metadata=metadata)


@pytest.fixture(scope="module")
async def service(postgres: Cluster) -> AsyncIterator[Patients]:
    fresh = await postgres.migrated("patients")
    database = await Database.connect(fresh.dsn)
    repository = Repository(database)
    services = pb.DESCRIPTOR.services_by_name
    async with served(
        (
            PatientsServicer(
                repository, Registry(database), Merges(database), CareRelations(database), production=False
            ),
            services["PatientsService"],
        ),
        (PrivacyServicer(repository, production=False), services["PrivacyService"]),
    ) as channel:
        yield Patients(PatientsServiceStub(channel), PrivacyServiceStub(channel), fresh)
    await database.close()


@pytest.fixture
async def change(service: Patients) -> Change:
    value = await service.register()
    patient, metadata = await service.on(value, CITIZEN)
    return Change(service, value, patient, metadata)
