"""Patients, the access log or a register that do not answer: nobody waits for long, and one probe lets all in again.

And the caller's own deadline: who gave too little time hears that, and not that something is down.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest

from gateway.registers.breaker import PATIENCE, PROBE_AFTER, TIMEOUTS
from kjernejournal.common.v1.common_pb2 import UNAVAILABLE_REASON_BREAKER_OPEN, ListWindow, PatientIdentifier
from kjernejournal.documents.v1.documents_pb2 import DownloadDocumentRequest
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryRequest
from kjernejournal.visits.v1 import visits_pb2
from tests.support.client import method, refusal
from tests.support.gateway import Front, running_gateway
from tests.support.scripted.services import RECORD, RESOLVE

pytestmark = pytest.mark.budgets

AWAY = {"audit": "AUDIT_UNAVAILABLE", "patients": "SERVICE_UNAVAILABLE"}


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with running_gateway(tmp_path / "issuer") as front:
        yield front


def hang(front: Front, service: str) -> asyncio.Event:
    """Makes it answer nothing until the event is set."""
    scripted, path = (front.log, RECORD) if service == "audit" else (front.people, RESOLVE)
    handler, back = scripted._handlers[path], asyncio.Event()

    async def answer(data: bytes, context: Any) -> Any:
        await back.wait()
        return await handler.unary_unary(data, context)

    scripted.unary(path, answer)
    return back


def ask(front: Front, patient: str, *, seconds: float | None = None) -> Any:
    request = GetPatientSummaryRequest(patient=PatientIdentifier(national_id=patient))
    return front.client.answer("GetPatientSummary", request, seconds=seconds)


@pytest.mark.parametrize("service", AWAY)
async def test_after_a_few_nobody_waits_and_one_probe_lets_all_in_again(front: Front, service: str) -> None:
    patient = front.people.add()
    back = hang(front, service)
    told = await asyncio.gather(*(refusal(ask(front, patient)) for _ in range(6)))
    assert {each.short for each in told} == {("UNAVAILABLE", AWAY[service])}
    began = time.monotonic()
    at_once = await asyncio.gather(*(refusal(ask(front, patient, seconds=5)) for _ in range(6)))
    assert {each.short for each in at_once} == {("UNAVAILABLE", AWAY[service])}
    probes = 1
    assert time.monotonic() - began < 2.0 * probes + 0.8
    back.set()
    await asyncio.sleep(1.2)
    await ask(front, patient)
    await asyncio.gather(*(ask(front, patient) for _ in range(6)))


@pytest.mark.parametrize("service", AWAY)
async def test_the_callers_own_deadline_is_not_called_a_fault_of_ours(front: Front, service: str) -> None:
    patient = front.people.add()
    back = hang(front, service)
    told = [await refusal(ask(front, patient, seconds=0.4)) for _ in range(4)]
    assert {each.code for each in told} == {grpc.StatusCode.DEADLINE_EXCEEDED}
    reasons = {each.reason for each in told}
    assert "DEADLINE_EXCEEDED" in reasons
    assert reasons <= {"DEADLINE_EXCEEDED", ""}, "now and then the client's own library gives up first"
    back.set()


@pytest.mark.parametrize("service", AWAY)
async def test_callers_in_a_hurry_do_not_close_it_to_others(front: Front, service: str) -> None:
    patient = front.people.add()
    back = hang(front, service)
    for _ in range(8):
        await refusal(ask(front, patient, seconds=0.1))
    back.set()
    await ask(front, patient)


LIST = method("ListVisits")
SECTIONS = "/kjernejournal.visits.v1.VisitsService/BatchGetSections"


def lists(front: Front, patient: str, *, seconds: float = 5.0) -> Any:
    request = visits_pb2.ListVisitsRequest(patient=PatientIdentifier(national_id=patient))
    return front.client.call("ListVisits", request, seconds=seconds)


async def hangs(*_: Any) -> bytes:
    await asyncio.sleep(60)
    return b""


async def listed(*_: Any) -> bytes:
    return visits_pb2.ListVisitsResponse(window=ListWindow()).SerializeToString()


async def test_reads_of_a_register_that_hangs_are_refused_at_once_and_a_probe_lets_all_in_again(front: Front) -> None:
    patient, register = front.people.add(), front.registers["visits"]
    register.unary(LIST.path, hangs)
    late = await asyncio.gather(*(refusal(lists(front, patient, seconds=4)) for _ in range(TIMEOUTS)))
    assert {each.details["unavailable"] for each in late} == {"TIMEOUT"}
    asked = len(register.calls)
    told = await asyncio.gather(*(refusal(lists(front, patient, seconds=4)) for _ in range(10)))
    assert {each.short for each in told} == {("UNAVAILABLE", "SERVICE_UNAVAILABLE")}
    assert [each.details["unavailable"] for each in told].count("BREAKER_OPEN") >= 9
    assert len(register.calls) - asked <= 1, "no more than a probe"
    register.unary(LIST.path, listed)
    await asyncio.sleep(PROBE_AFTER)
    await lists(front, patient)
    await asyncio.gather(*(lists(front, patient) for _ in range(6)))


async def test_a_register_has_one_breaker_for_reads_and_for_summaries(front: Front) -> None:
    patient, register = front.people.add(), front.registers["visits"]
    register.unary(LIST.path, hangs)
    register.unary(SECTIONS, hangs)
    await asyncio.gather(*(refusal(lists(front, patient, seconds=4)) for _ in range(TIMEOUTS)))
    register.calls.clear()
    reply: Any = (await ask(front, patient, seconds=4)).reply
    [visits] = [each for each in reply.sections if each.source == "visits"]
    assert visits.unavailable_reason == UNAVAILABLE_REASON_BREAKER_OPEN or len(register.calls) == 1


async def test_a_reader_in_a_hurry_does_not_close_a_register_to_others(front: Front) -> None:
    patient = front.people.add()
    front.registers["visits"].unary(LIST.path, hangs)
    for _ in range(2 * TIMEOUTS):
        await refusal(lists(front, patient, seconds=PATIENCE / 2))
    front.registers["visits"].unary(LIST.path, listed)
    await lists(front, patient)


async def test_a_download_from_a_register_that_hangs_is_refused_at_once(front: Front) -> None:
    patient = front.people.add()
    for _ in range(TIMEOUTS):
        front.gateway.backends["documents"].breaker.timed_out()
    request = DownloadDocumentRequest(patient=PatientIdentifier(national_id=patient), id=str(uuid4()))
    told = await refusal(front.client.stream("DownloadDocument", request))
    assert told.details["unavailable"] == "BREAKER_OPEN"
    assert not front.registers["documents"].calls
