"""A DPoP proof is of one call: records of another call with the same proof are not taken, whoever brings them."""

import asyncio
import secrets
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg

from kjernejournal.audit.v1 import audit_pb2 as pb
from kjernejournal.common.v1 import error_reason_pb2 as reasons
from services.audit import convert
from services.audit.repository import Repository
from shared.database import Database
from tests.services.audit.records import record
from tests.services.audit.test_record import rows

if TYPE_CHECKING:
    from tests.services.audit.conftest import Log

SEEN = "SELECT id FROM proofs WHERE id = $1"


def proof(call_id: str = "") -> pb.CallProof:
    return pb.CallProof(id=secrets.token_bytes(32), call_id=call_id or str(uuid4()))


def again(first: pb.CallProof) -> pb.CallProof:
    """Returns the proof as another call brings it."""
    return pb.CallProof(id=first.id, call_id=str(uuid4()))


def refused(answer: pb.RecordAnswer) -> bool:
    return answer.failure.reason == reasons.ERROR_REASON_PROOF_REPLAYED


async def test_every_record_of_one_call_is_taken_with_its_proof(log: "Log") -> None:
    own = proof()
    first, second = await log.record(record(proof=own), record(proof=own))
    (outcome,) = await log.record(record(proof=own, kind=pb.RECORD_KIND_OUTCOME))
    assert all(each.HasField("receipt") for each in (first, second, outcome))


async def test_the_proof_of_another_call_is_refused_and_its_neighbours_are_taken(log: "Log") -> None:
    own = proof()
    await log.record(record(proof=own))
    ref = str(uuid4())
    before, replayed, after = await log.record(record(ref), record(ref, proof=again(own)), record(ref, proof=proof()))
    assert refused(replayed)
    assert after.receipt.index == before.receipt.index + 1
    assert after.receipt.patient_sequence == before.receipt.patient_sequence + 1
    assert not await rows(log, "SELECT 1 FROM entries WHERE record_id = $1", replayed.record_id)


async def test_of_two_calls_in_one_group_the_first_has_the_proof(log: "Log") -> None:
    own = proof()
    first, second = await log.record(record(proof=own), record(proof=again(own)))
    assert first.HasField("receipt")
    assert refused(second)


async def test_a_record_that_is_sent_again_keeps_its_place(log: "Log") -> None:
    sent = record(proof=proof())
    first, second = await log.record(sent), await log.record(sent)
    assert first == second


async def test_of_replicas_that_take_the_same_proof_at_once_one_appends(log: "Log") -> None:
    databases = [await Database.connect(log.place.dsn) for _ in range(2)]

    for _ in range(10):
        own = proof()
        calls = [[convert.new_record(record(proof=again(own)))] for _ in databases]
        places = await asyncio.gather(
            *(Repository(each).append(call) for each, call in zip(databases, calls, strict=True))
        )
        assert sorted(type(place).__name__ for [place] in places) == ["Appended", "Replayed"]
    for each in databases:
        await each.close()


async def test_a_proof_stands_in_no_record(log: "Log") -> None:
    sent = record(proof=proof())
    await log.record(sent)
    [row] = await rows(log, "SELECT content FROM entries WHERE record_id = $1", sent.record_id)
    assert sent.proof.id not in row["content"]
    assert not pb.AuditRecord.FromString(row["content"]).HasField("proof")


async def test_proofs_are_forgotten_after_some_minutes(log: "Log") -> None:
    old, recent = proof(), proof()
    await log.record(record(proof=old), record(proof=recent))
    await rows(log, "UPDATE proofs SET seen_at = seen_at - interval '301 seconds' WHERE id = $1", old.id)
    database = await Database.connect(log.place.dsn)
    await Repository(database).forget_proofs()
    await database.close()
    assert not await rows(log, SEEN, old.id)
    assert await rows(log, SEEN, recent.id)


async def test_the_runtime_role_touches_proofs_by_its_functions_alone(log: "Log") -> None:
    connection = await asyncpg.connect(log.place.dsn)
    for tried in ("SELECT * FROM proofs", "DELETE FROM proofs", "UPDATE proofs SET seen_at = now()"):
        try:
            await connection.execute(tried)
        except asyncpg.InsufficientPrivilegeError:
            continue
        raise AssertionError(tried)
    await connection.close()


async def test_a_proof_that_is_none_is_refused(log: "Log") -> None:
    for wrong in (pb.CallProof(id=b"x", call_id=str(uuid4())), pb.CallProof(id=bytes(32), call_id="x")):
        (answer,) = await log.record(record(proof=wrong))
        assert answer.failure.field == "proof"
