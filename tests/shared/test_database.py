"""Connections, deadlines and transactions on a real PostgreSQL."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from shared import deadline
from shared.database import Database
from shared.environment import SettingsError
from shared.errors import NotFound, TimedOut, Unavailable, entry_not_found
from tests.support.postgres import Cluster, running_cluster
from tests.support.postgres import Database as Made
from tests.support.system import eventually

SLEEP = "SELECT pg_sleep(30)"


@pytest.fixture(scope="module")
async def made(postgres: Cluster) -> Made:
    return await postgres.database("database")


@pytest.fixture
async def database(made: Made) -> AsyncIterator[Database]:
    """Two connections, and a table of single numbers."""
    database = await Database.connect(made.dsn, size=2)
    owner = await asyncpg.connect(made.superuser_dsn)
    await owner.execute("DROP TABLE IF EXISTS numbers; CREATE TABLE numbers (number integer PRIMARY KEY)")
    await owner.execute(f"GRANT SELECT, INSERT ON numbers TO {made.names.runtime}")
    await owner.close()
    yield database
    await database.close()


async def sleeping(made: Made) -> int:
    """Returns the queries of ours that PostgreSQL is still at work on."""
    watcher = await asyncpg.connect(made.superuser_dsn)
    try:
        found = await watcher.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = $1 AND state = 'active'", made.names.runtime
        )
        return int(found)
    finally:
        await watcher.close()


async def slept(made: Made, queries: int) -> None:
    """Returns once PostgreSQL is at work on so many queries of ours; long before SLEEP would end by itself."""

    async def so_many() -> bool:
        return await sleeping(made) == queries

    await eventually(so_many, 20.0)


async def within(seconds: float, work: Callable[[], Awaitable[object]]) -> object:
    """Runs the work as a call with this deadline."""

    async def call() -> object:
        deadline.set_deadline(seconds)
        return await work()

    return await asyncio.create_task(call())


async def test_a_query_that_outlives_its_deadline_is_timed_out_and_ended(database: Database, made: Made) -> None:
    with pytest.raises(TimedOut):
        await within(0.2, lambda: database.fetchval(SLEEP, name="sleep"))
    await slept(made, 0)


async def test_a_query_of_a_caller_who_is_gone_is_ended(database: Database, made: Made) -> None:
    async def in_transaction() -> None:
        async with database.transaction() as session:
            await session.fetchval(SLEEP, name="sleep")

    for work in (lambda: database.fetchval(SLEEP, name="sleep"), in_transaction):
        task: asyncio.Task[object] = asyncio.ensure_future(work())
        await slept(made, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await slept(made, 0)


async def test_a_call_that_finds_no_free_connection_is_timed_out(database: Database, made: Made) -> None:
    busy = [asyncio.create_task(database.fetchval(SLEEP, name="sleep")) for _ in range(2)]
    await slept(made, 2)
    with pytest.raises(TimedOut):
        await within(0.1, lambda: database.fetchval("SELECT 1", name="one"))
    for each in busy:
        each.cancel()
    await asyncio.gather(*busy, return_exceptions=True)
    assert await database.fetchval("SELECT 1", name="one") == 1


async def test_a_refusal_inside_a_transaction_undoes_it(database: Database) -> None:
    async def refused() -> None:
        async with database.transaction() as session:
            await session.execute("INSERT INTO numbers VALUES (1)", name="insert")
            raise entry_not_found()

    with pytest.raises(NotFound):
        await refused()
    assert await database.fetchval("SELECT count(*) FROM numbers", name="count") == 0


async def test_a_transaction_that_runs_out_of_time_is_undone(database: Database) -> None:
    async def slow() -> None:
        async with database.transaction() as session:
            await session.execute("INSERT INTO numbers VALUES (2)", name="insert")
            await session.fetchval(SLEEP, name="sleep")

    with pytest.raises(TimedOut):
        await within(0.2, slow)
    assert await database.fetchval("SELECT count(*) FROM numbers", name="count") == 0


async def test_a_violated_constraint_reaches_the_repository_and_spoils_nothing(database: Database) -> None:
    for _ in range(3):
        with pytest.raises(asyncpg.UniqueViolationError):
            async with database.transaction() as session:
                await session.execute("INSERT INTO numbers VALUES (3), (3)", name="insert")
    assert await database.fetchval("SELECT count(*) FROM numbers", name="count") == 0


async def test_a_database_that_is_not_there_is_unavailable() -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/nowhere", 1)
    with pytest.raises(Unavailable):
        await nowhere.fetchval("SELECT 1", name="one")
    assert not await nowhere.answers()


async def test_a_server_that_is_away_at_the_start_is_waited_for_and_a_wrong_password_is_not(made: Made) -> None:
    nowhere = await Database.connect("postgresql://nobody@127.0.0.1:1/nowhere")
    assert not await nowhere.answers()
    with pytest.raises(SettingsError, match="KJ_DATABASE_URL"):
        await Database.connect(made.dsn.replace(f"{made.names.runtime}:", f"{made.names.runtime}:wrong"))


async def test_after_its_connections_were_ended_the_database_answers_again(database: Database, made: Made) -> None:
    assert await database.answers()
    killer = await asyncpg.connect(made.superuser_dsn)
    await killer.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", made.names.runtime
    )
    await killer.close()
    await asyncio.sleep(0.05)
    assert await database.fetchval("SELECT 1", name="one") == 1


async def test_a_server_that_shuts_down_when_the_last_has_gone_is_noticed_and_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`pg_ctl stop -m smart`: connections that are open go on, new ones are refused."""
    monkeypatch.setattr("shared.database.RENEWED_EVERY", 0.0)
    async with running_cluster() as cluster:
        made = await cluster.database("smart")
        database = await Database.connect(made.dsn, size=2)
        under_way, done = asyncio.Event(), asyncio.Event()

        async def long_work() -> Any:
            async with database.transaction() as session:
                under_way.set()
                await done.wait()
                return await session.fetchval("SELECT 1", name="one")

        async def refuses() -> bool:
            return not await database.answers()

        working = asyncio.create_task(long_work())
        await under_way.wait()
        assert await database.answers()
        server = cluster.postgres.process
        assert server is not None
        server.send_signal(signal.SIGTERM)
        await eventually(refuses)
        assert server.returncode is None, "work under way goes on"
        done.set()
        assert await working == 1
        async with asyncio.timeout(60):
            await server.wait()
        assert not await database.answers()
        await cluster.postgres.start()
        await cluster.postgres.wait_ready()
        assert await database.answers()
        assert await database.fetchval("SELECT 1", name="one") == 1
        await database.close()


async def test_health_never_opens_more_connections_than_the_pool_has(
    database: Database, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.database.RENEWED_EVERY", 0.0)
    database._renew_at = 0.0
    watcher = await asyncpg.connect(made.superuser_dsn)
    for _ in range(10):
        await asyncio.gather(*(database.fetchval("SELECT 1", name="one") for _ in range(4)))
        assert await database.answers()
        count = "SELECT count(*) FROM pg_stat_activity WHERE usename = $1"
        assert await watcher.fetchval(count, made.names.runtime) <= 2
    await watcher.close()
