"""Documents served over a real socket from a real PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from kjernejournal.documents.v1.documents_pb2 import DESCRIPTOR
from kjernejournal.documents.v1.documents_pb2_grpc import DocumentsServiceStub
from services.documents.repository import Repository
from services.documents.servicer import Servicer
from services.documents.uploads import Uploads
from shared.database import Database
from shared.sealing import KeyWrap
from tests.services.documents.calls import LARGEST, Documents
from tests.support.postgres import Cluster
from tests.support.service import served


@pytest.fixture(scope="module")
async def documents(postgres: Cluster) -> AsyncIterator[Documents]:
    names = await postgres.migrated("documents")
    database = await Database.connect(names.dsn)
    superuser = await Database.connect(names.superuser_dsn, size=1)
    repository = Repository(database, KeyWrap({1: os.urandom(32)}))
    uploads = Uploads(repository, LARGEST)
    servicer = Servicer(repository, uploads, LARGEST)
    async with served((servicer, DESCRIPTOR.services_by_name["DocumentsService"])) as channel:
        yield Documents(DocumentsServiceStub(channel), superuser, repository, uploads)
    await uploads.settle()
    await database.close()
    await superuser.close()
