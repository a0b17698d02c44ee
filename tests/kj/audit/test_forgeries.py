"""Every forgery of the log is found and located, and an honest log gives no alarm.

`KJ_FORGERIES` is how often each kind is tried (default 10; from 1 000 on, an honest log is verified as often),
`KJ_SEED` what is forged.
"""

import os
import random

import asyncpg
import pytest

from kj.audit.database import LogDatabase
from kj.audit.verification import Finding
from kj.audit.verify import findings
from services.audit import convert
from services.audit.integrator import Integrator
from services.audit.repository import Repository
from services.audit.tree_repository import TreeRepository
from shared.database import Database
from shared.transparency.checkpoints import Checkpoint
from tests.kj.audit.conftest import KEY, WITNESS, Honest
from tests.kj.audit.forgeries import FORGERIES, Forger
from tests.services.audit.records import record
from tests.support.postgres import Cluster

TIMES = int(os.environ.get("KJ_FORGERIES", "10"))
SEED = os.environ.get("KJ_SEED", "1")


async def verified(connection: "asyncpg.Connection[asyncpg.Record]", known: list[Checkpoint]) -> list[Finding]:
    log = LogDatabase(connection)
    found = findings(log, KEY.verifier, witnesses=[WITNESS.verifier], known=known)
    return [each async for each in found]


@pytest.mark.timeout(600 + 2 * TIMES)
@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forgery_is_found_and_located(honest: Honest, forgery: str) -> None:
    connection = await asyncpg.connect(honest.place.superuser_dsn)
    try:
        for time in range(TIMES):
            rng = random.Random(f"{SEED} {forgery} {time}")
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(f"SELECT setseed({rng.random()})")
            forger = Forger(connection, rng, KEY)
            await forger.begin()
            expected = await FORGERIES[forgery](forger)
            found = await verified(connection, [honest.known])
            await transaction.rollback()
            assert found, f"{forgery} number {time} was not found"
            assert found[0].record in expected, (time, expected, found[:3])
    finally:
        await connection.close()


@pytest.mark.timeout(600 + 2 * TIMES)
async def test_an_honest_log_gives_no_alarm(honest: Honest) -> None:
    connection = await asyncpg.connect(honest.place.dsn)
    try:
        async with connection.transaction():
            for _ in range(TIMES if TIMES >= 1000 else max(1, TIMES // 10)):
                assert await verified(connection, [honest.known]) == []
    finally:
        await connection.close()


async def test_records_that_no_checkpoint_signs_yet_give_no_alarm(postgres: Cluster) -> None:
    place = await postgres.migrated("audit")
    database = await Database.connect(place.dsn)
    integrator, log = Integrator(TreeRepository(database), KEY, every=0), Repository(database)
    await log.append([convert.new_record(record()) for _ in range(200)])
    await integrator.integrate()
    await log.append([convert.new_record(record()) for _ in range(400)])
    connection = await asyncpg.connect(place.dsn)
    try:
        async with connection.transaction():
            assert await verified(connection, []) == []
    finally:
        await connection.close()
        await database.close()
