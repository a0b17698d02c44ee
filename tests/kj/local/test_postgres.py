"""The embedded PostgreSQL survives what can happen to it and to its owner."""

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest

from kj.errors import CommandError
from kj.local.postgres import Postgres
from kj.local.process import ProcessId
from kj.local.programs import Program
from tests.support.postgres import Cluster, running_cluster
from tests.support.waiting import busyness

OWNER = """
import asyncio, sys
from tests.support.postgres import running_cluster

async def own() -> None:
    async with running_cluster(durable=True) as cluster:
        print(cluster.postgres.process.pid, cluster.postgres.directory.parent, flush=True)
        await asyncio.sleep(60)

asyncio.run(own())
"""


async def test_acknowledged_rows_survive_a_kill_of_the_server() -> None:
    async with running_cluster(durable=True) as cluster:
        database = await cluster.database("audit")
        owner = await asyncpg.connect(database.owner_dsn)
        await owner.execute("CREATE TABLE kept (n int)")
        await owner.executemany("INSERT INTO kept VALUES ($1)", [(n,) for n in range(50)])
        first = _process(cluster)
        first.kill()
        await first.wait()
        owner.terminate()
        await cluster.postgres.start()
        await cluster.postgres.wait_ready()
        again = await asyncpg.connect(database.owner_dsn)
        assert await again.fetchval("SELECT count(*) FROM kept") == 50
        await again.close()


async def test_a_pid_file_of_a_process_that_is_not_postgres_does_not_stop_a_start() -> None:
    async with running_cluster() as cluster:
        await cluster.postgres.stop()
        stranger = await asyncio.create_subprocess_exec("sleep", "60")
        pid_file = cluster.postgres.cluster / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n{cluster.postgres.cluster}\n")
        await cluster.postgres.start()
        await cluster.postgres.wait_ready()
        assert stranger.returncode is None
        stranger.kill()
        await stranger.wait()


def test_it_dies_with_its_owner_and_shuts_down_cleanly() -> None:
    environment = Program("owner", (), "", {}).environment()
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True, env=environment) as owner:
        assert owner.stdout is not None
        pid, folder = owner.stdout.readline().split()
        server = ProcessId.of(int(pid))
        assert server is not None
        owner.kill()
    try:
        assert server.gone_within(10.0)
        assert "database system is shut down" in Path(folder, "postgres.log").read_text()
    finally:
        server.send(signal.SIGKILL)
        subprocess.run(["rm", "-rf", folder], check=True)


async def test_a_server_that_outlived_its_owner_is_ended_before_the_next_start() -> None:
    async with running_cluster() as cluster:
        first = _process(cluster)
        await cluster.postgres.start()
        await cluster.postgres.wait_ready()
        assert await asyncio.wait_for(first.wait(), 60) == 0
        assert _process(cluster).pid != first.pid


async def test_a_cluster_out_of_sight_is_not_replaced_by_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "postgres").symlink_to(tmp_path / "gone")
    lost = Postgres(tmp_path / "postgres", sockets=tmp_path, password="p", log=tmp_path / "log")
    with pytest.raises(CommandError, match="and are gone"):
        lost.prepare()


async def test_start_and_stop_are_quick(postgres: Cluster) -> None:
    busy = busyness()
    began = time.monotonic()
    await postgres.postgres.stop()
    await postgres.postgres.start()
    await postgres.postgres.wait_ready()
    took = time.monotonic() - began
    assert took < 5 * max(busy, busyness())


def _process(cluster: Cluster) -> asyncio.subprocess.Process:
    assert cluster.postgres.process is not None
    return cluster.postgres.process
