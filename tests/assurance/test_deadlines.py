"""Deadlines hold end to end: registers are held up by locks in their databases, callers leave 1 ms to 5 s.

No process answers later than the deadline and 50 ms, and no query of a register is alive 100 ms after it. On a busy
machine everything is later, by `KJ_MARGIN` seconds at most (default 0.3), which the full form sets to 0; what was
measured is printed. `KJ_DEADLINES` is the number of rounds (default 12) of calls at once, `KJ_SEED` makes a run again.

What has to outlive its caller does so on purpose and is not looked at here: a write's outcome, and every record on its
way to the access log.
"""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from uuid import uuid4

import asyncpg
import grpc
import pytest

from kj.local.databases import Names
from kj.local.programs import SERVICES
from kj.show.trace_files import SpanRecord, spans_of
from tests.assurance.faults.whole import told
from tests.assurance.lateness import ALIVE, LATE, Query, alive, late
from tests.assurance.under_load.comparing import whole
from tests.support.client import Client, method
from tests.support.filling import least
from tests.support.patients import Patient, new_patient
from tests.support.seeds import SEED
from tests.support.system import System, eventually

ROUNDS = int(os.environ.get("KJ_DEADLINES", "12"))
MARGIN = float(os.environ.get("KJ_MARGIN", "0.3"))
SHORTEST, LONGEST = 0.001, 5.0
LOCKED = {service: "refs" if service == "patients" else "entries" for service in SERVICES if service != "audit"}
"""The table whose lock holds a service up."""
ROLES = [Names.of(service).runtime for service in LOCKED]
CALLS = ("GetPatientSummary", "ListCriticalInfo", "ListPrescriptions", "ListVisits", "ListDocuments") * 2


@dataclass(frozen=True)
class Call:
    """One call, as its caller saw it."""

    rpc: str
    trace_id: str
    deadline_ns: int
    """By the machine's clock."""
    over: float
    """Seconds by which it came after its deadline, and after what this process had set itself for the same time;
    negative: before."""
    code: str


@pytest.fixture(scope="module")
async def client(system: System) -> AsyncIterator[Client]:
    async with grpc.aio.insecure_channel(system.local.gateway_address) as channel:
        yield Client(channel, system.local.issuer_directory)


@pytest.mark.timeout(600 + 60 * ROUNDS)
async def test_nothing_outlives_its_deadline(system: System, client: Client) -> None:
    print(f"\nKJ_SEED={SEED}")
    rng = random.Random(SEED)
    patient = await new_patient(system)
    await eventually(lambda: whole(client, patient), 30.0)
    calls: list[Call] = []
    held: list[Query] = []
    left: list[str] = []
    for _ in range(ROUNDS):
        seconds = SHORTEST * (LONGEST / SHORTEST) ** rng.random()
        services = rng.sample(sorted(LOCKED), rng.randint(1, len(LOCKED)))
        async with locked(system, services):
            waiting = [asyncio.create_task(_call(client, patient, rpc, seconds)) for rpc in CALLS]
            control = asyncio.create_task(_woken_late(seconds))
            await asyncio.sleep(seconds / 2)
            held += await alive(system, ROLES, 0.0)
            came, own = await asyncio.gather(*waiting), await control
            calls += [replace(each, over=each.over - own) for each in came]
            await asyncio.sleep(ALIVE + MARGIN)
            left += [f"{each} of {seconds:.3f} s" for each in await alive(system, ROLES, ALIVE + MARGIN)]
    await asyncio.sleep(2.0)  # spans are written once a second
    overdue = [wrong for call in calls for wrong in _too_late(call)]
    spans = _spans(system, {call.trace_id for call in calls})
    for call in calls:
        overdue += late(spans.get(call.trace_id, []), call.deadline_ns + int(MARGIN * 1e9))
    _tell(calls, spans)
    assert held, "calls were held up by the locks"
    assert left == []
    assert overdue == []
    await eventually(lambda: whole(client, patient), 30.0)


async def _woken_late(seconds: float) -> float:
    """Returns by how many seconds this process itself is late, which on a busy machine is no fault of any server's."""
    began = time.monotonic()
    await asyncio.sleep(seconds)
    return time.monotonic() - began - seconds


async def _call(client: Client, patient: Patient, rpc: str, seconds: float) -> Call:
    request = least(method(rpc).descriptor.input_type, patient.identifier)
    trace_id = uuid4().hex
    extra = [("traceparent", f"00-{trace_id}-{uuid4().hex[:16]}-01")]
    began, deadline_ns = time.monotonic(), time.time_ns() + int(seconds * 1e9)
    code = "OK"
    try:
        await client.answer(rpc, request, seconds=seconds, extra=extra)
    except grpc.aio.AioRpcError as error:
        code = " ".join(told(error).short)
    return Call(rpc, trace_id, deadline_ns, time.monotonic() - began - seconds, code)


def _too_late(call: Call) -> list[str]:
    found = [f"{call.rpc} came {call.over:.3f} s after the deadline"] if call.over > LATE + MARGIN else []
    if call.code.split()[0] not in {"OK", "UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"}:
        found.append(f"{call.rpc}: {call.code}")
    return found


@asynccontextmanager
async def locked(system: System, services: list[str]) -> AsyncIterator[None]:
    """Holds up every query of these services meanwhile."""
    async with AsyncExitStack() as stack:
        for service in services:
            connection = await asyncpg.connect(system.local.database_owner_url(service), timeout=10)
            stack.push_async_callback(connection.close)
            await stack.enter_async_context(connection.transaction())
            await connection.execute(f"LOCK TABLE {LOCKED[service]} IN ACCESS EXCLUSIVE MODE", timeout=10)
        yield


def _spans(system: System, trace_ids: set[str]) -> dict[str, list[SpanRecord]]:
    """Returns what the gateway and the registers did for each call."""
    found: dict[str, list[SpanRecord]] = {}
    for path in system.local.trace_directory.glob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            for span in spans_of(line):
                register = span.service in LOCKED
                front_door = span.service == "gateway" and span.kind == "server"
                if span.trace_id in trace_ids and (register or front_door):
                    found.setdefault(span.trace_id, []).append(span)
    return found


def _tell(calls: list[Call], spans: dict[str, list[SpanRecord]]) -> None:
    over = [(span.end_ns - call.deadline_ns) / 1e9 for call in calls for span in spans.get(call.trace_id, [])]
    print(
        f"{len(calls)} calls: latest reply {max(call.over for call in calls):.3f} s after its deadline;"
        f" {len(over)} spans of servers, the latest {max(over):.3f} s after it"
    )


async def test_a_query_that_outlives_its_deadline_is_found(system: System) -> None:
    connection = await asyncpg.connect(system.local.database_url("visits"), timeout=10)
    sleeping = asyncio.create_task(connection.execute("SELECT pg_sleep(3)"))
    found: list[Query] = []

    async def seen() -> bool:
        found[:] = await alive(system, ROLES, ALIVE)
        return bool(found)

    await eventually(seen, 3.0)
    await sleeping
    await connection.close()
    assert found[0].role == "kj_visits"
    assert "pg_sleep" in found[0].text


def test_a_span_that_ends_late_is_found() -> None:
    span = SpanRecord("t", "s", "", "visits", "SQL list", "client", 0, 1_060_000_000, True, {}, ())
    assert late([span], 1_000_000_000) == ["visits SQL list ended 0.060 s after the deadline"]
    assert late([span], 1_020_000_000) == []
    assert _too_late(Call("ListVisits", "t", 0, LATE + MARGIN + 0.01, "OK"))
    assert _too_late(Call("ListVisits", "t", 0, 0.0, "INTERNAL INTERNAL"))
    assert _too_late(Call("ListVisits", "t", 0, 0.0, "OK")) == []
