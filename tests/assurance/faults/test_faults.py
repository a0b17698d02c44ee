"""Each register frozen, killed, silent, slow or lying: its section says so, and every other is whole, in time.

`KJ_FAULTS` is the number of cases (default: each way once, and a few with several registers broken at once),
`KJ_SEED` makes a run again.
"""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from functools import partial

import grpc
import pytest

from gateway.registers.breaker import TIMEOUTS
from gateway.registers.sources import SOURCES
from kj.local.programs import SERVICES
from kjernejournal.common.v1 import common_pb2
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryResponse
from tests.assurance.faults.breaking import BY_NAME, LOG_WAYS, WAYS, Way
from tests.assurance.faults.whole import LATE, SLOW, Asked, ask, faults, missing, told
from tests.assurance.faults.wires import Wired, wired
from tests.support.client import LATER, Client, method, methods
from tests.support.filling import least
from tests.support.patients import Patient, new_patients
from tests.support.seeds import SEED
from tests.support.summaries import stream_asked
from tests.support.system import System

CASES = int(os.environ.get("KJ_FAULTS") or len(WAYS) + 3)
REGISTERS = [source.service for source in SOURCES if source.service in SERVICES]
SECONDS = 1.5
TRIES = 3
RECOVERS = 2.0
"""Seconds after a register is back by which a summary that is asked for comes whole."""
LISTS = {
    service: [
        name
        for name, found in methods().items()
        if found.service == service
        and found.rule.action == common_pb2.ACTION_READ
        and found.descriptor.name.startswith("List")
        and common_pb2.CALLER_KIND_CLINICIAN in found.rule.callers
        and name not in LATER
    ]
    for service in SERVICES
}


@pytest.fixture(scope="module")
async def gateway(system: System) -> AsyncIterator[Wired]:
    print(f"\nKJ_SEED={SEED}")
    async with wired(system) as opened:
        yield opened


@pytest.fixture(scope="module")
async def patients(system: System) -> list[Patient]:
    return await new_patients(system, 1)


def cases(number: int) -> Iterator[dict[str, Way]]:
    """Yields what is broken in each case, and how: each way on one register, then on several at once."""
    rng = random.Random(SEED)
    for at in range(number):
        if at < len(WAYS):
            yield _possible({REGISTERS[(at + SEED) % len(REGISTERS)]: WAYS[at]})
        else:
            chosen = rng.sample(REGISTERS, rng.randint(2, len(REGISTERS)))
            yield _possible({service: rng.choice(WAYS) for service in chosen})


def _possible(broken: dict[str, Way]) -> dict[str, Way]:
    """Replaces one way of `patients`: saying nothing of a patient looks like not having known them then."""
    if "patients" in broken and broken["patients"].name == "hollow":
        return {**broken, "patients": BY_NAME["no_message"]}
    return broken


@pytest.mark.timeout(600 + CASES * 60)
async def test_a_broken_register_costs_its_own_section(system: System, gateway: Wired, patients: list[Patient]) -> None:
    found = []
    for broken in cases(CASES):
        name = " ".join(f"{service}={way.name}" for service, way in broken.items())
        said = await _tried(partial(_case, system, gateway, patients[0], broken))
        found += [f"{name}: {wrong}" for wrong in said]
    assert not found, "\n".join([f"KJ_SEED={SEED}", *found])


async def _tried(case: Callable[[], Awaitable[list[str]]]) -> list[str]:
    """Returns what a case finds. One that was only slow is tried again: a busy machine is no fault."""
    for _ in range(TRIES - 1):
        found = await case()
        if not found or not all(wrong.startswith(SLOW) for wrong in found):
            return found
    return await case()


async def _case(system: System, gateway: Wired, patient: Patient, broken: dict[str, Way]) -> list[str]:
    client = gateway.client
    before = await _whole(client, patient)
    unknown = "patients" in broken and broken["patients"].service
    async with AsyncExitStack() as stack:
        for service, way in broken.items():
            await stack.enter_async_context(way.broken(system, gateway, service))
        if unknown:
            found = await _nothing_leaves(client, patient, "SERVICE_UNAVAILABLE")
        else:
            found = await _sections(client, patient, before, broken)
        since = time.monotonic()
    killed = any(way.name == "killed" for way in broken.values())
    return found + await _recovered(client, patient, before, time.monotonic() if killed else since)


async def _sections(
    client: Client, patient: Patient, before: GetPatientSummaryResponse, broken: Mapping[str, Way]
) -> list[str]:
    """Asks for a summary; more at once, until breakers open; one after that; and a list of each broken register."""
    reasons = {service: way.reasons for service, way in broken.items()}
    found = faults(await ask(client, patient, SECONDS), before, reasons)
    shed = {"BREAKER_OPEN"}  # once a breaker is open nobody waits for what has hung
    after = {service: way.reasons | (shed if "TIMEOUT" in way.reasons else set()) for service, way in broken.items()}
    for got in await asyncio.gather(*(ask(client, patient, SECONDS) for _ in range(TIMEOUTS - 1))):
        found += [wrong for wrong in faults(got, before, after) if not wrong.startswith(SLOW)]
    found += faults(await ask(client, patient, SECONDS), before, after)
    for service, way in broken.items():
        for rpc in LISTS[service][:1] if way.lists else ():
            found += await _list_says_so(client, patient, rpc)
    return list(dict.fromkeys(found))


async def _list_says_so(client: Client, patient: Patient, rpc: str) -> list[str]:
    request = least(method(rpc).descriptor.input_type, patient.identifier)
    try:
        await client.call(rpc, request, seconds=SECONDS)
    except grpc.aio.AioRpcError as error:
        return _refusal_faults(rpc, error)
    return [f"{rpc} was answered"]


def _refusal_faults(rpc: str, error: grpc.aio.AioRpcError) -> list[str]:
    """Returns what is wrong with a refusal.

    It has a reason, unless the caller's own library gave up first. A register that lies is a fault.
    """
    refusal = told(error)
    late = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    if refusal.code.name not in {"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL"}:
        return [f"{rpc}: {refusal.short}"]
    if not refusal.reason and not late:
        return [f"{rpc}: {refusal.short} gives no reason"]
    return [f"{rpc}: tells of its inside: {refusal.text}"] if "SELECT" in refusal.text else []


async def _whole(client: Client, patient: Patient) -> GetPatientSummaryResponse:
    """Returns a summary before anything is broken."""
    async with asyncio.timeout(30.0):
        while True:
            got = await ask(client, patient, 5.0)
            if got.reply is not None and not missing(got.reply) & set(REGISTERS):
                return got.reply
            await asyncio.sleep(0.3)


async def _recovered(client: Client, patient: Patient, before: GetPatientSummaryResponse, since: float) -> list[str]:
    """Waits until summaries are whole again, by themselves; returns what is wrong when that is not soon."""
    began = time.monotonic()
    while faults(got := await ask(client, patient, SECONDS), before, {}):
        began = time.monotonic()
        if began - since > 10.0:
            return [f"not whole again after 10 s: {faults(got, before, {})}"]
        await asyncio.sleep(0.05)
    return [f"{SLOW}whole again after {began - since:.1f} s only"] if began - since > RECOVERS else []


async def _nothing_leaves(client: Client, patient: Patient, reason: str) -> list[str]:
    """Returns which rpcs say anything of a patient without the patient's identity, or the log: none may."""
    reads: list[Awaitable[list[str]]] = [
        _refused("GetPatientSummary", ask(client, patient, SECONDS), reason),
        _stream_is_empty(client, patient),
        *(_list_says_so(client, patient, names[0]) for names in LISTS.values() if names),
    ]
    return [wrong for found in await asyncio.gather(*reads) for wrong in found]


async def _refused(rpc: str, asking: Awaitable[Asked], reason: str) -> list[str]:
    got = await asking
    found = [f"{SLOW}{rpc} after {got.seconds:.2f} s"] if got.seconds > got.deadline + LATE else []
    if got.refusal is None:
        return [*found, f"{rpc} was answered"]
    if got.refusal.short not in {
        ("UNAVAILABLE", reason),
        ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"),
        ("DEADLINE_EXCEEDED", ""),
    }:
        found.append(f"{rpc}: {got.refusal.short}")
    return found


async def _stream_is_empty(client: Client, patient: Patient) -> list[str]:
    try:
        async for part in client.open("StreamPatientSummary", stream_asked(patient), seconds=SECONDS):
            if part.WhichOneof("part") != "start":
                return ["StreamPatientSummary sent a section"]
    except grpc.aio.AioRpcError as error:
        return _refusal_faults("StreamPatientSummary", error)
    return ["StreamPatientSummary ended well"]


@pytest.mark.parametrize("service, reason", [("audit", "AUDIT_UNAVAILABLE"), ("patients", "SERVICE_UNAVAILABLE")])
async def test_without_log_or_identity_nothing_leaves(
    system: System, gateway: Wired, patients: list[Patient], service: str, reason: str
) -> None:
    client, patient, found = gateway.client, patients[0], []
    before = await _whole(client, patient)

    async def case(way: Way) -> list[str]:
        async with way.broken(system, gateway, service):
            said = await _nothing_leaves(client, patient, reason)
            since = time.monotonic()
        return said + await _recovered(client, patient, before, time.monotonic() if way.name == "killed" else since)

    for way in LOG_WAYS:
        found += [f"{way.name}: {wrong}" for wrong in await _tried(partial(case, way))]
    assert not found, "\n".join(found)
