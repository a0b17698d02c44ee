"""Fixtures of the whole suite."""

from collections.abc import AsyncIterator

import pytest

from tests.support.postgres import Cluster, running_cluster


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[Cluster]:
    """The run's one PostgreSQL; `await postgres.migrated("audit")` gives a fresh database of a service."""
    async with running_cluster() as cluster:
        yield cluster
