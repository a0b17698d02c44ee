"""The log's tree: what is signed, what is proved, and what is found when somebody changed a row."""

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from kjernejournal.audit.v1 import audit_pb2 as pb
from services.audit.integrator import Integrator, LogDiffers
from services.audit.tree_repository import TreeRepository
from shared.database import Database
from shared.transparency.checkpoints import Checkpoint, parse_checkpoint
from shared.transparency.entries import Place, Row, commitment, encode
from shared.transparency.notes import open_note
from shared.transparency.tree import leaf_hash
from shared.transparency.verify import verify_consistency, verify_inclusion
from tests.services.audit.conftest import KEY, running_log
from tests.services.audit.records import record
from tests.support.client import refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.services.audit.conftest import Log
    from tests.support.postgres import Cluster


@pytest.fixture
async def fresh(postgres: "Cluster") -> "AsyncIterator[Log]":
    """A log of its own for each test."""
    async with running_log(postgres) as log:
        yield log


async def rows(log: "Log") -> list[Row]:
    database = await Database.connect(log.place.dsn)
    try:
        return await TreeRepository(database).rows(0, 100_000)
    finally:
        await database.close()


async def add(log: "Log", count: int) -> None:
    """Adds so many records to the log, and takes a turn."""
    for start in range(0, count, 100):
        await log.record(*[record(str(uuid4())) for _ in range(min(100, count - start))])
    await log.integrator.integrate()


async def newest(log: "Log") -> Checkpoint:
    got = await log.stub.GetCheckpoint(pb.GetCheckpointRequest())
    text, _ = open_note(got.checkpoint, [KEY.verifier])
    found = parse_checkpoint(text)
    assert (got.tree_size, got.root_hash) == (found.size, found.root)
    return found


async def by_owner(log: "Log", *statements: str) -> None:
    """Does what an owner can do: switches the triggers off, and takes the rights back."""
    owner = await asyncpg.connect(log.place.superuser_dsn)
    try:
        await owner.execute("ALTER TABLE entries DISABLE TRIGGER append_only")
        await owner.execute("ALTER TABLE personal DISABLE TRIGGER append_only")
        await owner.execute("ALTER TABLE tiles DISABLE TRIGGER append_only")
        await owner.execute("ALTER TABLE checkpoints DISABLE TRIGGER append_only")
        for each in statements:
            await owner.execute(each)
    finally:
        await owner.close()


async def test_before_the_first_checkpoint_there_is_none(fresh: "Log") -> None:
    assert (await refusal(fresh.stub.GetCheckpoint(pb.GetCheckpointRequest()))).short == (
        "UNAVAILABLE",
        "SERVICE_UNAVAILABLE",
    )


async def test_every_record_is_proved_to_be_in_the_signed_tree(fresh: "Log") -> None:
    await add(fresh, 300)
    signed, leaves = await newest(fresh), [leaf_hash(encode(row)) for row in await rows(fresh)]
    assert signed.size == 300
    for index in (0, 1, 255, 256, 299):
        got = await fresh.stub.GetInclusionProof(pb.GetInclusionProofRequest(index=index))
        assert got.leaf_hash == leaves[index]
        verify_inclusion(index, signed.size, got.leaf_hash, list(got.hashes), signed.root)


async def test_every_checkpoint_begins_with_those_before(fresh: "Log") -> None:
    signed = []
    for count in (1, 2, 250, 4, 300):
        await add(fresh, count)
        signed.append(await newest(fresh))
    assert [each.size for each in signed] == [1, 3, 253, 257, 557]
    for old in signed:
        for new in signed:
            if old.size <= new.size:
                request = pb.GetConsistencyProofRequest(first_size=old.size, second_size=new.size)
                got = await fresh.stub.GetConsistencyProof(request)
                verify_consistency(old.size, new.size, old.root, new.root, list(got.hashes))


async def test_a_log_that_has_not_grown_is_not_signed_again(fresh: "Log") -> None:
    await add(fresh, 3)
    assert await fresh.integrator.integrate() == 0
    assert (await newest(fresh)).size == 3


async def test_another_process_goes_on_where_this_one_stopped(fresh: "Log") -> None:
    await add(fresh, 300)
    database = await Database.connect(fresh.place.dsn)
    try:
        another = Integrator(TreeRepository(database), KEY, every=0)
        await fresh.record(record())
        assert await another.integrate() == 1
        await fresh.record(record())
        assert await fresh.integrator.integrate() == 1
        assert (await newest(fresh)).size == 302
    finally:
        await database.close()


async def test_two_that_try_at_once_sign_one_log(fresh: "Log") -> None:
    await add(fresh, 10)
    database = await Database.connect(fresh.place.dsn)
    try:
        others = [Integrator(TreeRepository(database), KEY, every=0) for _ in range(3)]
        for _ in range(5):
            await fresh.record(record())
            assert sum(await asyncio.gather(*(each.integrate() for each in others))) == 1
    finally:
        await database.close()


@pytest.mark.parametrize(
    "index, size, short",
    [
        (5, 0, ("NOT_FOUND", "ENTRY_NOT_FOUND")),
        (-1, 0, ("NOT_FOUND", "ENTRY_NOT_FOUND")),
        (0, 4, ("INVALID_ARGUMENT", "INVALID_FIELD")),
        (0, 6, ("INVALID_ARGUMENT", "INVALID_FIELD")),
        (0, -1, ("INVALID_ARGUMENT", "INVALID_FIELD")),
    ],
)
async def test_a_proof_of_what_no_checkpoint_holds_is_refused(
    fresh: "Log", index: int, size: int, short: tuple[str, str]
) -> None:
    await add(fresh, 5)
    request = pb.GetInclusionProofRequest(index=index, tree_size=size)
    assert (await refusal(fresh.stub.GetInclusionProof(request))).short == short
    for old, new in ((0, 5), (6, 5), (1, 4), (-1, 0)):
        got: Any = fresh.stub.GetConsistencyProof(pb.GetConsistencyProofRequest(first_size=old, second_size=new))
        assert (await refusal(got)).short == ("INVALID_ARGUMENT", "INVALID_FIELD")


CHANGES = {
    "a record's content": "UPDATE entries SET content = content || '\\x00' WHERE idx = 298",
    "a record's time": "UPDATE entries SET committed_at = committed_at - interval '1 day' WHERE idx = 298",
    "a record's business": "UPDATE entries SET legal_entity = '974600001' WHERE idx = 298",
    "who is committed to": "UPDATE entries SET commitment = sha256(commitment) WHERE idx = 298",
    "the last record": "DELETE FROM entries WHERE idx = 299",
    "a tile": "DELETE FROM tiles",
    "a tile's root": "UPDATE tiles SET root = sha256(root)",
    "a checkpoint": "UPDATE checkpoints SET note = replace(note, '300', '299'), root = sha256(root)",
    "a checkpoint's root": "UPDATE checkpoints SET root = sha256(root)",
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_log_that_was_changed_is_not_signed_by_a_process_that_starts(fresh: "Log", change: str) -> None:
    await add(fresh, 300)
    await by_owner(fresh, CHANGES[change])
    database = await Database.connect(fresh.place.dsn)
    try:
        with pytest.raises(LogDiffers):
            await Integrator(TreeRepository(database), KEY, every=0).integrate()
    finally:
        await database.close()


COMMITTED = """
SELECT e.idx, e.commitment, p.salt, p.content, array(
    SELECT (ref, sequence)::text FROM (
        SELECT p.patient_ref, p.patient_sequence, false WHERE p.patient_ref IS NOT NULL
        UNION ALL SELECT a.patient_ref, a.patient_sequence, true FROM also_about AS a WHERE a.idx = p.idx
    ) AS about (ref, sequence, other) ORDER BY other, ref
) AS places FROM entries AS e JOIN personal AS p USING (idx) ORDER BY idx
"""


async def test_what_names_persons_is_committed_to_with_its_places(fresh: "Log") -> None:
    one, other = str(uuid4()), str(uuid4())
    merged = record(one)
    merged.personal.other_refs.append(other)
    await fresh.record(record(one), record(other), record(), merged)
    expected = [[(one, 1)], [(other, 1)], [], [(one, 2), (other, 2)]]
    connection = await asyncpg.connect(fresh.place.dsn)
    try:
        found = await connection.fetch(COMMITTED)
    finally:
        await connection.close()
    for row, about in zip(found, expected, strict=True):
        assert row["places"] == [f"({ref},{sequence})" for ref, sequence in about]
        places = [Place(UUID(ref), sequence) for ref, sequence in about]
        assert row["commitment"] == commitment(row["salt"], row["content"], places)
