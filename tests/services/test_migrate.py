"""`python -m services.migrate NAME` as a Job runs it: the owner's DSN and the service's in the environment."""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg
import pytest

from tests.support.postgres import Cluster

ROOT = Path(__file__).resolve().parents[2]


async def _migrate(*arguments: str, **environment: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "services.migrate", *arguments),
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_a_job_migrates_the_database_it_is_given(postgres: Cluster) -> None:
    database = await postgres.database("visits")
    settings = {"KJ_DATABASE_OWNER_URL": database.owner_dsn, "KJ_DATABASE_URL": database.dsn}
    code, output = await _migrate("visits", **settings)
    assert code == 0, output
    assert output.startswith("visits: 0001_")
    runtime = await asyncpg.connect(database.dsn)
    try:
        assert await runtime.fetchval("SELECT count(*) FROM entries") == 0
    finally:
        await runtime.close()
    assert await _migrate("visits", **settings) == (0, "visits: nothing to apply\n")


async def test_a_database_that_is_away_is_an_error_without_its_password() -> None:
    away = "postgresql://kj_visits_owner:secret@127.0.0.1:1/kj_visits"
    code, output = await _migrate("visits", KJ_DATABASE_OWNER_URL=away)
    assert code == 1
    assert output.startswith("visits: its database cannot be reached")
    assert "secret" not in output
    assert "Traceback" not in output


@pytest.mark.parametrize("arguments", [(), ("gateway",), ("../visits",), ("visits", "labs")])
async def test_only_a_service_can_be_migrated(arguments: tuple[str, ...]) -> None:
    code, output = await _migrate(*arguments, KJ_DATABASE_OWNER_URL="postgresql://nobody@127.0.0.1:1/none")
    assert code == 1
    assert output.startswith("usage: python -m services.migrate NAME, one of audit, critical_info,")


async def test_the_database_to_migrate_must_be_named() -> None:
    code, output = await _migrate("visits", KJ_DATABASE_OWNER_URL="")
    assert (code, output.partition(" ")[0]) == (1, "KJ_DATABASE_OWNER_URL")
