"""The register, served over a socket from PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from kjernejournal.critical_info.v1.critical_info_pb2 import DESCRIPTOR
from kjernejournal.critical_info.v1.critical_info_pb2_grpc import CriticalInfoServiceStub
from services.critical_info.repository import Repository
from services.critical_info.servicer import Servicer
from shared.database import Database
from tests.services.critical_info.calls import Register
from tests.support.postgres import Cluster
from tests.support.service import served

if TYPE_CHECKING:
    from kjernejournal.critical_info.v1.critical_info_pb2_grpc import CriticalInfoServiceAsyncStub


@pytest.fixture(scope="session")
async def register(postgres: Cluster) -> AsyncIterator[Register]:
    database = await Database.connect((await postgres.migrated("critical_info")).dsn, size=4)
    service = DESCRIPTOR.services_by_name["CriticalInfoService"]
    async with served((Servicer(Repository(database)), service)) as channel:
        yield Register(CriticalInfoServiceStub(channel))
    await database.close()


@pytest.fixture(scope="module")
async def store(postgres: Cluster) -> AsyncIterator[Repository]:
    database = await Database.connect((await postgres.migrated("critical_info")).dsn)
    yield Repository(database)
    await database.close()


@pytest.fixture(scope="module")
async def service(store: Repository) -> AsyncIterator[CriticalInfoServiceAsyncStub]:
    async with served((Servicer(store), DESCRIPTOR.services_by_name["CriticalInfoService"])) as channel:
        yield CriticalInfoServiceStub(channel)
