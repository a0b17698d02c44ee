"""Patients or the access log that do not answer: nobody waits for long, and one probe lets all in again.

And the caller's own deadline: who gave too little time hears that, and not that something is down.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryRequest
from tests.support.client import refusal
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
    told = await refusal(ask(front, patient, seconds=0.4))
    assert told.short == ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")
    back.set()


@pytest.mark.parametrize("service", AWAY)
async def test_callers_in_a_hurry_do_not_close_it_to_others(front: Front, service: str) -> None:
    patient = front.people.add()
    back = hang(front, service)
    for _ in range(8):
        await refusal(ask(front, patient, seconds=0.1))
    back.set()
    await ask(front, patient)
