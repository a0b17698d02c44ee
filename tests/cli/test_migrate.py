"""`kj migrate SERVICE` as a job runs it: the owner's DSN in the environment, the service's own runtime role granted."""

import asyncio
import os
import sys

import asyncpg

from gateway.cli.programs import ROOT
from tests.support.postgres import Cluster


async def _migrate(**environment: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "gateway.cli", "migrate", "visits"),
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
    code, output = await _migrate(**settings)
    assert code == 0, output
    assert output.startswith("visits: 0001_")
    runtime = await asyncpg.connect(database.dsn)
    try:
        assert await runtime.fetchval("SELECT count(*) FROM entries") == 0
    finally:
        await runtime.close()
    assert await _migrate(**settings) == (0, "visits: nothing to apply\n")


async def test_a_database_that_is_away_is_an_error_without_its_password() -> None:
    away = "postgresql://kj_visits_owner:secret@127.0.0.1:1/kj_visits"
    code, output = await _migrate(KJ_DATABASE_OWNER_URL=away)
    assert code == 1
    assert output.startswith("kj: visits: its database cannot be reached.")
    assert "secret" not in output
    assert "Traceback" not in output
