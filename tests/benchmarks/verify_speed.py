"""How fast `kj audit verify` is beside reading the rows and hashing them alone, by turns in the same run.

`KJ_ROWS` is how many records the repository makes (default 100 000), `KJ_ROUNDS` how often both are measured. Prints
medians of the seconds that this process computed, and of those that passed.
Run: `python -m tests.benchmarks.verify_speed`.
"""

import asyncio
import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

from kj.audit.database import LogDatabase, open_log
from kj.audit.verify import findings
from services.audit import convert
from services.audit.integrator import Integrator
from services.audit.repository import Repository
from services.audit.tree_repository import TreeRepository
from shared.database import Database
from shared.transparency.entries import encode
from shared.transparency.notes import ED25519, signer
from shared.transparency.tree import leaf_hash
from tests.services.audit.records import record
from tests.support.postgres import Cluster, running_cluster

ROWS = int(os.environ.get("KJ_ROWS", "100000"))
ROUNDS = int(os.environ.get("KJ_ROUNDS", "5"))
AT_A_TIME = 1000
KEY = signer("log.kjernejournal.test", ED25519, bytes(range(32)))


async def main() -> None:
    """Makes a log, and measures."""
    async with running_cluster() as cluster:
        dsn = await _made(cluster)
        took: dict[str, list[tuple[float, float]]] = {"read and hash": [], "verify": []}
        async with open_log(dsn) as log:
            for _ in range(ROUNDS):
                took["read and hash"].append(await _timed(lambda: _read_and_hash(log)))
                took["verify"].append(await _timed(lambda: _verify(log)))
    medians = {name: [statistics.median(each) for each in zip(*times, strict=True)] for name, times in took.items()}
    for name, (computed, passed) in medians.items():
        print(f"{name}: {computed:.2f} s computed, {passed:.2f} s passed, {ROWS / passed:,.0f} records/s")
    ratios = [medians["read and hash"][each] / medians["verify"][each] for each in (0, 1)]
    print(f"verify is {ratios[0]:.2f} times as fast by computing, {ratios[1]:.2f} times by the clock; 0.50 is demanded")


async def _made(cluster: Cluster) -> str:
    place = await cluster.migrated("audit")
    database = await Database.connect(place.dsn)
    patients = [str(uuid4()) for _ in range(max(1, ROWS // 20))]
    rng, integrator = random.Random(1), Integrator(TreeRepository(database), KEY, every=0)
    for start in range(0, ROWS, AT_A_TIME):
        made = [record(rng.choice(patients)) for _ in range(min(AT_A_TIME, ROWS - start))]
        await Repository(database).append([convert.new_record(each) for each in made])
        await integrator.integrate()
    await database.close()
    return place.dsn


async def _timed(what: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    computed, passed = time.process_time(), time.perf_counter()
    await what()
    return time.process_time() - computed, time.perf_counter() - passed


async def _read_and_hash(log: LogDatabase) -> None:
    async for each in log.records():
        leaf_hash(encode(each.row))


async def _verify(log: LogDatabase) -> None:
    assert [each async for each in findings(log, KEY.verifier)] == []


if __name__ == "__main__":
    asyncio.run(main())
