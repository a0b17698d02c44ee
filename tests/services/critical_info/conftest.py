"""The register, served over a socket from PostgreSQL."""

from collections.abc import AsyncIterator

import pytest

from kjernejournal.critical_info.v1.critical_info_pb2 import DESCRIPTOR
from kjernejournal.critical_info.v1.critical_info_pb2_grpc import CriticalInfoServiceStub
from services.critical_info.repository import Repository
from services.critical_info.servicer import Servicer
from shared.database import Database
from tests.services.critical_info.calls import Register
from tests.support.postgres import Cluster
from tests.support.service import served


@pytest.fixture(scope="session")
async def register(postgres: Cluster) -> AsyncIterator[Register]:
    database = await Database.connect((await postgres.migrated("critical_info")).dsn, size=4)
    service = DESCRIPTOR.services_by_name["CriticalInfoService"]
    async with served((Servicer(Repository(database)), service)) as channel:
        yield Register(CriticalInfoServiceStub(channel))
    await database.close()
