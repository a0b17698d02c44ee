"""kill -9 of every process in turn under a mixed load: no acknowledged write is lost or doubled, no reply is without
its record, no list is shorter than it is, and the access log is what its key and its witness have signed.

`KJ_KILLS` is the number of rounds, each of which kills every process once (default 1), `KJ_SEED` makes a run again.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import grpc
import pytest

from kj.local.process import ProcessId
from kj.local.programs import GATEWAY, SERVICES, WITNESS
from tests.assurance.under_load.comparing import agrees, whole
from tests.assurance.under_load.load import Load
from tests.assurance.under_load.proving import proved
from tests.support.client import Client
from tests.support.patients import new_patient
from tests.support.seeds import SEED
from tests.support.system import System, eventually, running_system

ROUNDS = int(os.environ.get("KJ_KILLS", "1"))
PROCESSES = (*SERVICES, WITNESS, GATEWAY, "postgres")
RECOVERS = 5.0
"""Seconds after PostgreSQL is back by which everything works, without a restart of any service."""


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with running_system() as started:
        yield started
        assert started.faults() == [], "no process has met a bug of its own"


@pytest.fixture(scope="module")
async def client(system: System) -> AsyncIterator[Client]:
    options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]
    async with grpc.aio.insecure_channel(system.local.gateway_address, options=options) as channel:
        yield Client(channel, system.local.issuer_directory)


@asynccontextmanager
async def loaded(system: System, client: Client) -> AsyncIterator[Load]:
    """Runs a load meanwhile, then compares what its clients heard with what is stored."""
    print(f"\nKJ_SEED={SEED}")
    written, read = await new_patient(system, entries=False), await new_patient(system)
    await eventually(lambda: whole(client, read), 30.0)
    load = Load(client, written, read, random.Random(SEED))
    await load.start()
    try:
        yield load
    finally:
        await load.stop()
    await eventually(lambda: whole(client, read), 30.0)
    await agrees(system, load)
    await proved(system)


@pytest.mark.timeout(600 + 600 * ROUNDS)
async def test_nothing_acknowledged_is_lost_doubled_or_unrecorded(system: System, client: Client) -> None:
    async with loaded(system, client):
        for _ in range(ROUNDS):
            for name in PROCESSES:
                await asyncio.sleep(0.3)
                system.process(name).send(signal.SIGKILL)
                await asyncio.sleep(0.1)
                await system.serves(name)
        await asyncio.sleep(0.5)


@pytest.mark.parametrize("victim", ["server", "backend"])
async def test_postgresql_killed_costs_seconds_and_nothing_else(system: System, client: Client, victim: str) -> None:
    """The whole server, or one backend: then PostgreSQL throws all others out and recovers."""
    services = {name: system.process(name) for name in (*SERVICES, GATEWAY)}
    async with loaded(system, client) as load:
        await asyncio.sleep(1.0)
        before = load.ledger.codes["OK"]
        killed = system.process("postgres") if victim == "server" else await a_backend(system)
        killed.send(signal.SIGKILL)
        await eventually(lambda: gone(killed), 5.0)
        await eventually(lambda: takes_connections(system), 60.0)
        since = time.monotonic()
        await eventually(lambda: whole(client, load.read), 30.0)
        took = time.monotonic() - since
        await asyncio.sleep(1.0)
    print(f"whole again {took:.1f} s after PostgreSQL was back")
    assert load.ledger.codes["OK"] > before > 0
    assert {name: system.process(name) for name in services} == services, "no service was started again"
    assert took < RECOVERS


async def takes_connections(system: System) -> bool:
    """Whether PostgreSQL is back, after its recovery."""
    try:
        connection = await asyncpg.connect(system.local.superuser_url, timeout=2)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True


async def a_backend(system: System) -> ProcessId:
    """Returns the process that works for the access log's connection."""
    connection = await asyncpg.connect(system.local.superuser_url, timeout=10)
    try:
        sql = "SELECT pid FROM pg_stat_activity WHERE datname = 'kj_audit' AND backend_type = 'client backend' LIMIT 1"
        found = ProcessId.of(await connection.fetchval(sql))
    finally:
        await connection.close()
    assert found is not None
    return found


async def gone(process: ProcessId) -> bool:
    return not process.is_alive()
