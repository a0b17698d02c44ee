"""PostgreSQL is killed under load: no acknowledged record is lost, none is doubled."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import grpc
import pytest

from kjernejournal.audit.v1 import audit_pb2 as pb
from tests.services.audit.conftest import running_log
from tests.services.audit.records import record
from tests.support.postgres import Cluster, running_cluster

if TYPE_CHECKING:
    from tests.services.audit.conftest import Log

CALLERS = 24
ROUNDS = 3


async def kill_server(cluster: Cluster, log: "Log") -> None:
    """Sends kill -9 to the whole server, which is then started again over what it left."""
    assert cluster.postgres.process is not None
    cluster.postgres.process.send_signal(signal.SIGKILL)
    await cluster.postgres.process.wait()
    await cluster.postgres.start()
    await cluster.postgres.wait_ready()


async def kill_backend(cluster: Cluster, log: "Log") -> None:
    """Sends kill -9 to the process that commits; PostgreSQL recovers by itself."""
    connection = await asyncpg.connect(log.place.superuser_dsn)
    runtime = log.place.names.runtime
    pids = await connection.fetch("SELECT pid FROM pg_stat_activity WHERE usename = $1", runtime)
    os.kill(pids[0]["pid"], signal.SIGKILL)
    connection.terminate()


@pytest.mark.parametrize("kill", [kill_server, kill_backend])
async def test_no_acknowledged_record_is_lost_or_doubled(kill: Callable[[Cluster, "Log"], Awaitable[None]]) -> None:
    refs = [str(uuid4()) for _ in range(10)]
    acknowledged: dict[str, pb.Receipt] = {}
    sent: list[pb.AuditRecord] = []
    codes: set[grpc.StatusCode] = set()
    told = asyncio.Semaphore(0)
    stopping = asyncio.Event()

    async def caller(log: "Log", number: int) -> None:
        while not stopping.is_set():
            mine = record(refs[number % 10])
            sent.append(mine)
            while True:  # the same record until it is acknowledged, as the gateway may send it
                try:
                    (answer,) = await log.record(mine)
                except grpc.aio.AioRpcError as error:
                    codes.add(error.code())
                    await asyncio.sleep(0.05)
                    continue
                acknowledged[mine.record_id] = answer.receipt
                told.release()
                break

    async with running_cluster(durable=True) as cluster, running_log(cluster) as log:
        callers = [asyncio.create_task(caller(log, number)) for number in range(CALLERS)]
        for _ in range(ROUNDS):
            for _ in range(300):
                await told.acquire()
            await kill(cluster, log)
        for _ in range(300):
            await told.acquire()
        stopping.set()
        await asyncio.gather(*callers)
        connection = await asyncpg.connect(log.place.superuser_dsn)
        rows = await connection.fetch(
            "SELECT record_id, idx, patient_ref, patient_sequence FROM entries JOIN personal USING (idx) ORDER BY idx"
        )
        counters = await connection.fetch("SELECT patient_ref, records FROM patient_counters")
        await connection.close()

    assert codes <= {grpc.StatusCode.UNAVAILABLE}
    assert acknowledged.keys() == {each.record_id for each in sent}
    assert {str(row["record_id"]): row["idx"] for row in rows} == {
        record_id: receipt.index for record_id, receipt in acknowledged.items()
    }
    assert [row["idx"] for row in rows] == list(range(len(rows)))
    for counter in counters:
        sequences = [row["patient_sequence"] for row in rows if row["patient_ref"] == counter["patient_ref"]]
        assert sequences == list(range(1, counter["records"] + 1))


async def test_a_frozen_database_is_unavailable_and_recovers() -> None:
    async with running_cluster(durable=True) as cluster, running_log(cluster) as log:
        await log.record(record())
        connection = await asyncpg.connect(log.place.superuser_dsn)
        pids = [
            row["pid"]
            for row in await connection.fetch(
                "SELECT pid FROM pg_stat_activity WHERE usename = $1", log.place.names.runtime
            )
        ]
        await connection.close()
        assert cluster.postgres.process is not None
        pids.append(cluster.postgres.process.pid)
        waiting = [record() for _ in range(20)]
        try:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            answers = await asyncio.gather(
                *(log.stub.Record(pb.RecordRequest(records=[each]), timeout=4.5) for each in waiting),
                return_exceptions=True,
            )
            codes = [answer.code() for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
            assert codes == [grpc.StatusCode.UNAVAILABLE] * 20
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        await asyncio.wait_for(log.record(record()), 60)
        received = await log.record(*waiting)
        assert len({answer.receipt.index for answer in received}) == 20
