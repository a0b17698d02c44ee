"""Own registrations served over a real socket from a real PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from kjernejournal.own_registrations.v1.own_registrations_pb2 import DESCRIPTOR
from kjernejournal.own_registrations.v1.own_registrations_pb2_grpc import OwnRegistrationsServiceStub
from services.own_registrations.repository import Repository
from services.own_registrations.servicer import Servicer
from shared.database import Database
from shared.sealing import KeyWrap
from tests.services.own_registrations.calls import Register
from tests.support.postgres import Cluster
from tests.support.service import served


@pytest.fixture(scope="module")
async def register(postgres: Cluster) -> AsyncIterator[Register]:
    names = await postgres.migrated("own_registrations")
    database = await Database.connect(names.dsn, size=8)
    superuser = await Database.connect(names.superuser_dsn, size=1)
    servicer = Servicer(Repository(database, KeyWrap({1: os.urandom(32)})))
    async with served((servicer, DESCRIPTOR.services_by_name["OwnRegistrationsService"])) as channel:
        yield Register(OwnRegistrationsServiceStub(channel), superuser)
    await database.close()
    await superuser.close()
