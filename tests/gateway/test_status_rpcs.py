"""Rpcs that say only whether something exists: both answer by the outcome of the policy, and by it alone."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from gateway import contract, steps
from gateway.access.facts import Decision, PatientFacts
from gateway.access.policy import decide
from gateway.registers.sources import BY_SECTION
from kj.local.issuer import mint
from kj.synthetic.people.cast import PEOPLE, PLACES
from kj.token import clinician_claims
from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import ListWindow, PatientIdentifier
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.summary.v1 import summary_pb2
from shared.codes.helseid import ATTEST
from shared.codes.identifiers import FODSELSNUMMER
from tests.services.patients.people import new_id
from tests.support.client import SECONDS, Refusal, method, refusal
from tests.support.gateway import Front, running_gateway
from tests.support.waiting import becomes

HPR = "900000001"
INDICATOR, STATUS = "GetIndicator", "GetCriticalInfoStatus"
BOTH = pytest.mark.parametrize("rpc", [INDICATOR, STATUS])
BASES = ("", "SAMTYKKE", "AKUTT", "UNNTAK", "FORHOYET_SAMTYKKE", "FORHOYET_AKUTT")
SECTIONS = BY_SECTION[common_pb2.SECTION_CRITICAL_INFO].path
NOT_SHOWN: dict[str, Message | str] = {
    INDICATOR: summary_pb2.GetIndicatorResponse(status=summary_pb2.INDICATOR_STATUS_NOT_SHOWN),
    STATUS: "NO_ACCESS",
}
"""That a record exists, and that the rest is not shown: a state of its own, or a refusal, and never an empty answer."""
SOMETHING: dict[str, Message] = {
    INDICATOR: summary_pb2.GetIndicatorResponse(status=summary_pb2.INDICATOR_STATUS_CRITICAL_INFORMATION),
    STATUS: ki.GetCriticalInfoStatusResponse(has_critical_information=True),
}


def ill(front: Front, go_on: asyncio.Event | None = None, **facts: Any) -> str:
    """Returns a patient with critical information, which the register says once it may go on."""
    section = ki.CriticalInfoSection(active=1, window=ListWindow())

    async def sections(data: bytes, _: Any) -> bytes:
        if go_on:
            await go_on.wait()
        [query] = ki.BatchGetSectionsRequest.FromString(data).queries
        answer = ki.SectionAnswer(access_id=query.access_id, section=section)
        return ki.BatchGetSectionsResponse(answers=[answer]).SerializeToString()

    async def status(_: bytes, __: Any) -> bytes:
        if go_on:
            await go_on.wait()
        return SOMETHING[STATUS].SerializeToString()

    front.registers["critical_info"].unary(SECTIONS, sections)
    front.registers["critical_info"].unary(method(STATUS).path, status)
    return front.people.add(**facts)


def asking(rpc: str, patient: str) -> Message:
    request: Message = method(rpc).request(patient=PatientIdentifier(national_id=patient))
    return request


async def heard(call: Awaitable[Message]) -> Message | str:
    """Returns the reply; of a refusal, the reason."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        return Refusal.of(error).reason


def test_these_are_all() -> None:
    status_only = {each.descriptor.name for each in contract.methods().values() if each.rule.status_only}
    assert status_only == set(NOT_SHOWN)


@BOTH
async def test_who_is_blocked_hears_that_a_record_exists_on_any_basis(front: Front, rpc: str) -> None:
    patient = ill(front, blocked_hpr_numbers=[HPR])
    for basis in BASES:
        assert await heard(front.client.call(rpc, asking(rpc, patient), basis=basis)) == NOT_SHOWN[rpc]
    assert not front.registers["critical_info"].calls
    assert await front.client.call(rpc, asking(rpc, patient), kind="nurse") == SOMETHING[rpc]
    assert not front.log.records


@BOTH
async def test_an_attest_of_another_patient_is_answered_alike_whether_the_caller_is_blocked(
    front: Front, issuer: Path, rpc: str
) -> None:
    doctor = PEOPLE["doctor"]
    claims = clinician_claims(doctor, PLACES[doctor.service], doctor.national_id)
    claims[ATTEST]["patients"] = [{"identifier": {"id": new_id(), "system": FODSELSNUMMER}}]
    extra = (("authorization", f"Bearer {mint(issuer, claims)}"), ("source-system", "TestEPJ 1.0"))
    told = []
    for blocked in ([], [HPR]):
        asked = method(rpc)
        call: Any = front.client.channel.unary_unary(asked.path, response_deserializer=asked.response.FromString)
        request = asking(rpc, ill(front, blocked_hpr_numbers=blocked)).SerializeToString()
        told.append(await refusal(call(request, metadata=extra, timeout=SECONDS)))
    assert [each.short for each in told] == [("PERMISSION_DENIED", "NO_ACCESS")] * 2
    assert told[0].text == told[1].text
    assert [each.kind for each in front.log.records] == [audit_pb2.RECORD_KIND_DENIAL] * 2


@BOTH
async def test_a_block_that_comes_meanwhile_is_answered_like_one_that_was_there(front: Front, rpc: str) -> None:
    go_on = asyncio.Event()
    patient = ill(front, go_on)
    call = asyncio.create_task(front.client.call(rpc, asking(rpc, patient)))
    await becomes(lambda: bool(front.registers["critical_info"].calls))
    front.people.known[patient].facts.blocked_hpr_numbers.append(HPR)
    await asyncio.sleep(0.3)
    go_on.set()
    assert await heard(call) == NOT_SHOWN[rpc]


@BOTH
async def test_the_name_of_a_rule_decides_nothing(front: Front, rpc: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def renamed(*arguments: Any, **named: Any) -> Decision:
        return replace(decide(*arguments, **named), rule="of another name")

    monkeypatch.setattr(steps, "decide", renamed)
    blocked = front.client.call(rpc, asking(rpc, ill(front, blocked_hpr_numbers=[HPR])))
    assert await heard(blocked) == NOT_SHOWN[rpc]
    assert await front.client.call(rpc, asking(rpc, ill(front))) == SOMETHING[rpc]


@BOTH
async def test_a_refusal_on_the_facts_of_a_block_is_no_block(
    front: Front, rpc: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the policy refuses is refused, whatever its rule is called."""

    def refusing(
        caller: Any, basis: Any, facts: PatientFacts | None, access: Any, *rest: Any, **named: Any
    ) -> Decision:
        full = replace(access, audit=common_pb2.AUDIT_LEVEL_FULL)
        return decide(caller, basis, facts, full, *rest, **named)

    monkeypatch.setattr(steps, "decide", refusing)
    told = await refusal(front.client.call(rpc, asking(rpc, ill(front, blocked_hpr_numbers=[HPR])), basis="AKUTT"))
    assert told.short == ("PERMISSION_DENIED", "NO_ACCESS")


@BOTH
async def test_a_reservation_looks_like_no_record(front: Front, rpc: str) -> None:
    patient = ill(front, reserved=True, blocked_hpr_numbers=[HPR])
    if rpc == INDICATOR:
        reply = await front.client.call(rpc, asking(rpc, patient))
        assert reply.status == summary_pb2.INDICATOR_STATUS_NO_RECORD
    else:
        assert (await refusal(front.client.call(rpc, asking(rpc, patient)))).short == ("NOT_FOUND", "PATIENT_NOT_FOUND")


@BOTH
@pytest.mark.parametrize("kind", ["doctor", "system"])
async def test_a_restricted_section_and_a_block_are_heard_alike(front: Front, rpc: str, kind: str) -> None:
    patient = ill(front, restricted_sections=[common_pb2.SECTION_CRITICAL_INFO])
    assert await heard(front.client.call(rpc, asking(rpc, patient), kind=kind, basis="")) == NOT_SHOWN[rpc]
    assert not front.registers["critical_info"].calls


async def test_the_two_rpcs_have_one_quota(issuer: Path) -> None:
    async with running_gateway(issuer, quota=3) as front:
        patient = ill(front)
        for _ in range(3):
            await front.client.call(STATUS, asking(STATUS, patient), kind="system", org="983658776")
        for rpc in (STATUS, INDICATOR):
            told = await refusal(front.client.call(rpc, asking(rpc, patient), kind="system", org="983658776"))
            assert told.short == ("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")
        await front.client.call(STATUS, asking(STATUS, patient), kind="system", org="100100673")
