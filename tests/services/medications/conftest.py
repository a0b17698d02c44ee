"""Medicines on a socket and a database of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from kjernejournal.medications.v1 import medications_pb2 as pb
from kjernejournal.medications.v1.medications_pb2_grpc import MedicationsServiceStub
from services.medications.repository import Repository
from services.medications.servicer import Servicer
from shared.database import Database
from tests.services.medications.feed import Feed
from tests.support.postgres import Cluster
from tests.support.service import served


@pytest.fixture(scope="session")
async def medicines(postgres: Cluster) -> AsyncIterator[Feed]:
    """The service as a feed and its readers call it."""
    database = await Database.connect((await postgres.migrated("medications")).dsn)
    service = (Servicer(Repository(database)), pb.DESCRIPTOR.services_by_name["MedicationsService"])
    async with served(service) as channel:
        yield Feed(MedicationsServiceStub(channel))
    await database.close()
