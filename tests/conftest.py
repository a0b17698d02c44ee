"""Fixtures of the whole suite."""

import os
from collections.abc import AsyncIterator

import pytest
from hypothesis import settings

from tests.support.postgres import Cluster, running_cluster

# A change fails for what it changed: hypothesis draws the same examples each time, unless KJ_SEED asks for others.
settings.register_profile("usual", derandomize="KJ_SEED" not in os.environ)
settings.load_profile("usual")


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[Cluster]:
    """The run's one PostgreSQL; `await postgres.migrated("audit")` gives a fresh database of a service."""
    async with running_cluster() as cluster:
        yield cluster
