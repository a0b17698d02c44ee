"""Labs served over a real socket from a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from kjernejournal.labs.v1.labs_pb2 import DESCRIPTOR
from kjernejournal.labs.v1.labs_pb2_grpc import LabsServiceStub
from services.labs.repository import Repository
from services.labs.servicer import Servicer
from shared.database import Database
from tests.services.labs.calls import Labs
from tests.support.postgres import Cluster
from tests.support.service import served


@pytest.fixture(scope="module")
async def database(postgres: Cluster) -> AsyncIterator[Database]:
    """The register's database, as the service's own role."""
    database = await Database.connect((await postgres.migrated("labs")).dsn)
    yield database
    await database.close()


@pytest.fixture(scope="module")
async def labs(database: Database) -> AsyncIterator[Labs]:
    service = (Servicer(Repository(database)), DESCRIPTOR.services_by_name["LabsService"])
    async with served(service) as channel:
        yield Labs(LabsServiceStub(channel))
