"""The registers that feeds write to, running."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from shared.database import Database
from tests.services.registers import SERVICES
from tests.support.postgres import Cluster
from tests.support.service import served


@pytest.fixture(scope="module")
async def stubs(postgres: Cluster) -> AsyncIterator[dict[str, Any]]:
    async with AsyncExitStack() as running:
        found = {}
        for name, (servicer, repository, service, stub) in SERVICES.items():
            database = await Database.connect((await postgres.migrated(name)).dsn)
            running.push_async_callback(database.close)
            found[name] = stub(await running.enter_async_context(served((servicer(repository(database)), service))))
        yield found
