"""Tokens that are bound to a key, at the front door: with a proof of this very call, and not without."""

from pathlib import Path
from typing import Any

import grpc
import pytest

from kj.local.proofs import proof, proof_key
from kj.token import mint_for
from kjernejournal.audit.v1.audit_pb2 import RecordAnswer, RecordFailure, RecordRequest, RecordResponse
from kjernejournal.common.v1 import error_reason_pb2 as reasons
from kjernejournal.common.v1.common_pb2 import ListWindow
from kjernejournal.visits.v1 import visits_pb2
from tests.gateway.forwarding.calls import LIST, asked
from tests.support.client import Refusal
from tests.support.gateway import ADDRESS, Front
from tests.support.scripted.services import RECORD, saying


class Bound:
    """A doctor whose token is bound to a key."""

    def __init__(self, front: Front, issuer: Path, folder: Path) -> None:
        self._front = front
        self.key = proof_key(folder / "key.json")
        self.token = mint_for("doctor", issuer, thumbprint=self.key.thumbprint())

    def proof(self, path: str = LIST) -> str:
        return proof(self.key, self.token, ADDRESS + path)

    async def list_visits(self, patient: str, *proofs: str, scheme: str = "DPoP") -> str:
        """Returns the reason of the refusal; "" when there was none."""
        metadata = [
            ("authorization", f"{scheme} {self.token}"),
            ("source-system", "TestEPJ 1.0"),
            ("access-basis", "AKUTT"),
            *(("dpop", each) for each in proofs),
        ]
        multicallable: Any = self._front.client.channel.unary_unary(LIST)
        try:
            await multicallable(asked(patient).SerializeToString(), metadata=metadata, timeout=5)
        except grpc.aio.AioRpcError as error:
            refusal = Refusal.of(error)
            assert refusal.code is grpc.StatusCode.UNAUTHENTICATED
            return refusal.reason
        return ""


@pytest.fixture
def bound(front: Front, issuer: Path, tmp_path: Path) -> Bound:
    front.registers["visits"].unary(LIST, saying(visits_pb2.ListVisitsResponse(window=ListWindow())))
    return Bound(front, issuer, tmp_path)


async def test_a_bound_token_opens_with_a_proof_of_this_call_alone(front: Front, bound: Bound) -> None:
    patient = front.people.add()
    assert await bound.list_visits(patient, bound.proof()) == ""
    assert await bound.list_visits(patient) == "PROOF_MISSING"
    assert await bound.list_visits(patient, scheme="Bearer") == "PROOF_MISSING"
    assert await bound.list_visits(patient, bound.proof(LIST + "s")) == "PROOF_INVALID"
    assert len(front.log.records) == 1


async def test_a_call_brings_what_its_proof_is_known_by_to_the_log(front: Front, bound: Bound) -> None:
    patient, same = front.people.add(), bound.proof()
    for _ in range(2):
        assert await bound.list_visits(patient, same) == ""
    first, second = front.log.records
    assert first.proof.id == second.proof.id != b""
    assert first.proof.call_id != second.proof.call_id


async def test_what_the_log_knows_as_replayed_is_not_disclosed(front: Front, bound: Bound) -> None:
    async def replayed(data: bytes, _: Any) -> bytes:
        failure = RecordFailure(reason=reasons.ERROR_REASON_PROOF_REPLAYED, field="proof")
        records = RecordRequest.FromString(data).records
        answers = [RecordAnswer(record_id=each.record_id, failure=failure) for each in records]
        return RecordResponse(answers=answers).SerializeToString()

    front.log.unary(RECORD, replayed)
    try:
        assert await bound.list_visits(front.people.add(), bound.proof()) == "PROOF_REPLAYED"
    finally:
        front.log.unary(RECORD, front.log.commit)
