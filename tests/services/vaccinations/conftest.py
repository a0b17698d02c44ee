"""Vaccinations on a socket and a database of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from kjernejournal.vaccinations.v1 import vaccinations_pb2 as pb
from kjernejournal.vaccinations.v1.vaccinations_pb2_grpc import VaccinationsServiceStub
from services.vaccinations.repository import Repository
from services.vaccinations.servicer import Servicer
from shared.database import Database
from tests.services.vaccinations.register import Register
from tests.support.postgres import Cluster
from tests.support.service import served


@pytest.fixture(scope="session")
async def register(postgres: Cluster) -> AsyncIterator[Register]:
    """The service as a feed and its readers call it."""
    database = await Database.connect((await postgres.migrated("vaccinations")).dsn)
    service = (Servicer(Repository(database)), pb.DESCRIPTOR.services_by_name["VaccinationsService"])
    async with served(service) as channel:
        yield Register(VaccinationsServiceStub(channel))
    await database.close()
