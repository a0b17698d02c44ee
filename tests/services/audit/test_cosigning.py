"""Checkpoints are cosigned by a witness on a real socket; a witness that is away or refuses holds nothing up."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest

from kjernejournal.audit.v1 import audit_pb2 as audit
from kjernejournal.witness.v1 import witness_pb2 as pb
from services.audit.cosigning import Cosigning, Witness
from services.audit.proofs import Proofs
from services.audit.tree_repository import TreeRepository
from services.witness.servicer import Servicer
from services.witness.store import Store
from shared.database import Database
from shared.transparency.notes import COSIGNATURE, NoteRefused, open_note, signer
from tests.services.audit.conftest import KEY, running_log
from tests.services.audit.test_tree import add
from tests.support.service import served

if TYPE_CHECKING:
    from tests.services.audit.conftest import Log
    from tests.support.postgres import Cluster

WITNESS = signer("witness.kjernejournal.test", COSIGNATURE, bytes(range(1, 33)))
IMPOSTOR = signer("witness.kjernejournal.test", COSIGNATURE, bytes(32))


@pytest.fixture
async def fresh(postgres: "Cluster") -> "AsyncIterator[Log]":
    """A log of its own for each test."""
    async with running_log(postgres) as log:
        yield log


@pytest.fixture
async def trees(fresh: "Log") -> AsyncIterator[TreeRepository]:
    database = await Database.connect(fresh.place.dsn)
    yield TreeRepository(database)
    await database.close()


@pytest.fixture
async def channel(tmp_path: Path) -> AsyncIterator[grpc.aio.Channel]:
    """The channel to a running witness."""
    store = Store(tmp_path, WITNESS.verifier)
    servicer = Servicer(store, WITNESS, KEY.verifier)
    async with served((servicer, pb.DESCRIPTOR.services_by_name["WitnessService"])) as channel:
        yield channel
    store.close()


async def signers(log: "Log") -> list[str]:
    """Returns who has signed the newest checkpoint."""
    got = await log.stub.GetCheckpoint(audit.GetCheckpointRequest())
    _, signed = open_note(got.checkpoint, [KEY.verifier, WITNESS.verifier])
    return [each.verifier.name for each in signed]


async def test_every_newest_checkpoint_is_cosigned_once(
    fresh: "Log", trees: TreeRepository, channel: grpc.aio.Channel
) -> None:
    cosigning = Cosigning(trees, Proofs(trees), Witness(WITNESS.verifier, channel))
    assert not await cosigning.ask(), "there is no checkpoint yet"
    for count in (3, 300, 5):
        await add(fresh, count)
        assert await signers(fresh) == [KEY.name]
        assert await cosigning.ask()
        assert await signers(fresh) == [KEY.name, WITNESS.name]
        assert not await cosigning.ask(), "it is cosigned already"


async def test_another_replica_learns_how_far_the_witness_is(
    fresh: "Log", trees: TreeRepository, channel: grpc.aio.Channel
) -> None:
    for count in (3, 5):
        await add(fresh, count)
        assert await Cosigning(trees, Proofs(trees), Witness(WITNESS.verifier, channel)).ask()
    assert await signers(fresh) == [KEY.name, WITNESS.name]


async def test_a_log_that_was_cut_and_grown_anew_is_not_cosigned(
    fresh: "Log", postgres: "Cluster", trees: TreeRepository, channel: grpc.aio.Channel
) -> None:
    await add(fresh, 10)
    assert await Cosigning(trees, Proofs(trees), Witness(WITNESS.verifier, channel)).ask()
    async with running_log(postgres) as other:
        await add(other, 12)
        database = await Database.connect(other.place.dsn)
        try:
            others = TreeRepository(database)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await Cosigning(others, Proofs(others), Witness(WITNESS.verifier, channel)).ask()
        finally:
            await database.close()
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert await signers(other) == [KEY.name]


async def test_a_line_of_an_impostor_is_not_kept(
    fresh: "Log", trees: TreeRepository, channel: grpc.aio.Channel
) -> None:
    await add(fresh, 3)
    with pytest.raises(NoteRefused):
        await Cosigning(trees, Proofs(trees), Witness(IMPOSTOR.verifier, channel)).ask()
    assert await signers(fresh) == [KEY.name]
