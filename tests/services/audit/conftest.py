"""The access log on a real PostgreSQL, over a real socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from kjernejournal.audit.v1 import audit_pb2 as pb
from kjernejournal.audit.v1.audit_pb2_grpc import AuditServiceStub
from services.audit.committer import Committer
from services.audit.integrator import Integrator
from services.audit.practitioner_repository import PractitionerRepository
from services.audit.proofs import Proofs
from services.audit.repository import Repository
from services.audit.review_queue import ReviewQueue
from services.audit.review_repository import ReviewRepository
from services.audit.reviews import Reviews
from services.audit.servicer import Servicer
from services.audit.tree_repository import TreeRepository
from shared.database import Database
from shared.transparency.notes import ED25519, signer
from tests.support.postgres import Cluster
from tests.support.postgres import Database as TestDatabase
from tests.support.service import served

if TYPE_CHECKING:
    from kjernejournal.audit.v1.audit_pb2_grpc import AuditServiceAsyncStub

KEY = signer("log.kjernejournal.test", ED25519, bytes(range(32)))


@dataclass(frozen=True)
class Log:
    """The running service, and the database behind it."""

    stub: "AuditServiceAsyncStub"
    place: TestDatabase
    committer: Committer
    integrator: Integrator
    """Integrates when a test says so."""
    queue: ReviewQueue
    """Looks through the log when a test says so."""

    async def record(self, *records: pb.AuditRecord) -> list[pb.RecordAnswer]:
        """Sends the records in one call."""
        return list((await self.stub.Record(pb.RecordRequest(records=records))).answers)


@asynccontextmanager
async def running_log(cluster: Cluster) -> AsyncIterator[Log]:
    """Serves the access log with a fresh database in the cluster."""
    place = await cluster.migrated("audit")
    database = await Database.connect(place.dsn)
    committer = Committer(Repository(database).append)
    trees = TreeRepository(database)
    queue = ReviewRepository(database)
    practitioners, reviews = PractitionerRepository(database), Reviews(queue)
    servicer = Servicer(Repository(database), practitioners, committer, Proofs(trees), reviews)
    async with served((servicer, pb.DESCRIPTOR.services_by_name["AuditService"])) as channel:
        integrator = Integrator(trees, KEY, every=0)
        yield Log(AuditServiceStub(channel), place, committer, integrator, ReviewQueue(queue, 14))
    await committer.drain()
    await database.close()


@pytest.fixture(scope="module")
async def log(postgres: Cluster) -> AsyncIterator[Log]:
    """A fresh log for each module."""
    async with running_log(postgres) as log:
        yield log
