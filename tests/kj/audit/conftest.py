"""A log with several checkpoints, cosigned by a witness, on a real PostgreSQL."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest

from kjernejournal.audit.v1.audit_pb2 import AuditRecord
from services.audit import convert
from services.audit.integrator import Integrator
from services.audit.repository import Repository
from services.audit.tree_repository import StoredCheckpoint, TreeRepository
from shared.database import Database
from shared.transparency.checkpoints import Checkpoint, parse_checkpoint
from shared.transparency.notes import COSIGNATURE, ED25519, signer, split
from tests.services.audit.records import record
from tests.support.postgres import Cluster
from tests.support.postgres import Database as Place

KEY = signer("log.kjernejournal.test", ED25519, bytes(range(32)))
WITNESS = signer("witness.kjernejournal.test", COSIGNATURE, bytes(range(1, 33)))
SIZES = (1, 40, 100, 256, 270, 290, 300)
"""Sizes of the checkpoints."""


@dataclass
class Honest:
    """A log with several checkpoints, and the witness's newest one."""

    place: Place
    known: Checkpoint


@pytest.fixture(scope="module")
async def honest(postgres: Cluster) -> AsyncIterator[Honest]:
    place = await postgres.migrated("audit")
    database = await Database.connect(place.dsn)
    trees = TreeRepository(database)
    integrator = Integrator(trees, KEY, every=0)
    patients = [str(uuid4()) for _ in range(20)]
    rng, size = random.Random(1), 0
    for end in SIZES:
        made = [_record(patients, rng) for _ in range(end - size)]
        await Repository(database).append([convert.new_record(each) for each in made])
        await integrator.integrate()
        text, _ = split((await _newest(trees)).note)
        await trees.add_cosignature(end, WITNESS.name, WITNESS.line(text, at=1_764_580_000))
        size = end
    yield Honest(place, parse_checkpoint(split((await _newest(trees)).note)[0]))
    await database.close()


def _record(patients: list[str], rng: random.Random) -> AuditRecord:
    """Returns a record about a patient, about two that were merged, or about nobody."""
    one, other = rng.sample(patients, 2)
    made = record(one if rng.random() < 0.9 else "")
    if made.personal.patient_ref and rng.random() < 0.2:
        made.personal.other_refs.append(other)
    return made


async def _newest(trees: TreeRepository) -> StoredCheckpoint:
    found = await trees.newest()
    assert found is not None
    return found
