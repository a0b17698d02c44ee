"""The witness: cosigns a log that grows, never two logs of one size, and remembers across its own ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kjernejournal.witness.v1 import witness_pb2 as pb
from kjernejournal.witness.v1.witness_pb2_grpc import WitnessServiceStub
from services.witness.servicer import Servicer
from services.witness.store import Store
from shared.environment import SettingsError
from shared.transparency.checkpoints import Checkpoint
from shared.transparency.notes import COSIGNATURE, ED25519, Signer, open_note, sign, signer
from shared.transparency.tree import consistency_path, prove
from tests.shared.transparency.trees import Grown
from tests.support.client import refusal
from tests.support.service import served

if TYPE_CHECKING:
    from kjernejournal.witness.v1.witness_pb2_grpc import WitnessServiceAsyncStub

LOG = signer("log.kjernejournal.test", ED25519, bytes(range(32)))
OTHER_LOG = signer("other.kjernejournal.test", ED25519, bytes(range(32)))
WITNESS = signer("witness.kjernejournal.test", COSIGNATURE, bytes(range(1, 33)))
NOW = 1_764_580_000
TREE = Grown(300)


@asynccontextmanager
async def witness(directory: Path) -> "AsyncIterator[WitnessServiceAsyncStub]":
    store = Store(directory, WITNESS.verifier)
    servicer = Servicer(store, WITNESS, LOG.verifier, clock=lambda: NOW + 0.9)
    async with served((servicer, pb.DESCRIPTOR.services_by_name["WitnessService"])) as channel:
        yield WitnessServiceStub(channel)
    store.close()


def note(size: int, root: bytes | None = None, by: Signer = LOG) -> str:
    return sign(Checkpoint(by.name, size, root or TREE.roots[size]).text, [by])


def request(old: int, new: int, root: bytes | None = None, by: Signer = LOG) -> pb.AddCheckpointRequest:
    proof = prove(consistency_path(old, new), TREE.hashes) if old <= new else []
    return pb.AddCheckpointRequest(old_size=old, hashes=proof, checkpoint=note(new, root, by))


async def test_a_log_that_grows_is_cosigned(tmp_path: Path) -> None:
    async with witness(tmp_path) as stub:
        for old, new in ((0, 1), (1, 70), (70, 70), (70, 256), (256, 300)):
            got = await stub.AddCheckpoint(request(old, new))
            assert got.size == new
            _, [by_log, by_witness] = open_note(note(new) + got.cosignature, [LOG.verifier, WITNESS.verifier])
            assert (by_log.at, by_witness.at) == (None, NOW)


async def test_a_caller_who_does_not_know_the_last_size_is_told_it(tmp_path: Path) -> None:
    async with witness(tmp_path) as stub:
        await stub.AddCheckpoint(request(0, 70))
        for old in (0, 69, 71):
            assert await stub.AddCheckpoint(request(old, 256)) == pb.AddCheckpointResponse(size=70)


async def test_no_two_logs_of_one_size_are_cosigned_and_none_that_begins_otherwise(tmp_path: Path) -> None:
    async with witness(tmp_path) as stub:
        await stub.AddCheckpoint(request(0, 70))
        for wrong in (
            request(70, 70, bytes(32)),
            request(70, 256, bytes(32)),
            pb.AddCheckpointRequest(old_size=70, checkpoint=note(256)),
            pb.AddCheckpointRequest(old_size=70, hashes=[bytes(32)] * 8, checkpoint=note(256)),
            pb.AddCheckpointRequest(old_size=70, hashes=[b"short"], checkpoint=note(256)),
        ):
            told = await refusal(stub.AddCheckpoint(wrong))
            assert told.short == ("FAILED_PRECONDITION", "STATE_CONFLICT")
        assert (await stub.AddCheckpoint(request(70, 256))).cosignature, "the right log still is"


@pytest.mark.parametrize(
    "wrong",
    [
        request(0, 70, by=OTHER_LOG),
        pb.AddCheckpointRequest(checkpoint=note(70).replace("\n70\n", "\n71\n")),
        pb.AddCheckpointRequest(checkpoint="70"),
        pb.AddCheckpointRequest(),
        pb.AddCheckpointRequest(checkpoint=sign("other\n1\nAAAA\n", [LOG])),
        pb.AddCheckpointRequest(checkpoint=sign(Checkpoint("other", 70, TREE.roots[70]).text, [LOG])),
    ],
)
async def test_what_this_log_has_not_signed_is_refused(tmp_path: Path, wrong: pb.AddCheckpointRequest) -> None:
    async with witness(tmp_path) as stub:
        told = await refusal(stub.AddCheckpoint(wrong))
        assert (told.reason, told.details["field"]) == ("INVALID_FIELD", "checkpoint")


async def test_an_older_checkpoint_is_refused(tmp_path: Path) -> None:
    async with witness(tmp_path) as stub:
        await stub.AddCheckpoint(request(0, 70))
        told = await refusal(stub.AddCheckpoint(pb.AddCheckpointRequest(old_size=70, checkpoint=note(69))))
        assert told.short == ("INVALID_ARGUMENT", "INVALID_FIELD")


async def test_a_witness_remembers_what_it_has_cosigned(tmp_path: Path) -> None:
    async with witness(tmp_path) as stub:
        await stub.AddCheckpoint(request(0, 70))
    async with witness(tmp_path) as stub:
        assert await stub.AddCheckpoint(request(0, 256)) == pb.AddCheckpointResponse(size=70)
        assert (await stub.AddCheckpoint(request(70, 256))).size == 256
    text, _ = open_note((tmp_path / "checkpoint").read_text(), [LOG.verifier, WITNESS.verifier])
    assert text == note(256).split("\n\n")[0] + "\n"


async def test_a_memory_that_was_changed_stops_the_start(tmp_path: Path) -> None:
    async with witness(tmp_path) as stub:
        await stub.AddCheckpoint(request(0, 70))
    path = tmp_path / "checkpoint"
    for changed in (path.read_text().replace("\n70\n", "\n60\n"), note(60), "", "x"):
        path.write_text(changed)
        with pytest.raises(SettingsError, match="KJ_WITNESS_DIRECTORY"):
            Store(tmp_path, WITNESS.verifier)


async def test_two_processes_do_not_share_a_memory(tmp_path: Path) -> None:
    async with witness(tmp_path):
        with pytest.raises(SettingsError, match="KJ_WITNESS_DIRECTORY"):
            Store(tmp_path, WITNESS.verifier)


async def test_a_checkpoint_that_cannot_be_kept_is_not_cosigned(tmp_path: Path) -> None:
    async with witness(tmp_path) as stub:
        await stub.AddCheckpoint(request(0, 70))
        (tmp_path / "checkpoint.partial").mkdir()
        told = await refusal(stub.AddCheckpoint(request(70, 256)))
        assert told.short == ("UNAVAILABLE", "SERVICE_UNAVAILABLE")
        (tmp_path / "checkpoint.partial").rmdir()
        assert (await stub.AddCheckpoint(request(70, 256))).size == 256, "it goes on from the one that was kept"
