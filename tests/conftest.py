"""Fixtures of the whole suite."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from shared.environment import KNOWN, PREFIX
from tests.support.postgres import Cluster, running_cluster
from tests.support.system import System, running_system

# A change fails for what it changed: hypothesis draws the same examples each time, unless KJ_SEED asks for others.
# How long an example takes says how busy the machine is: tests run side by side.
settings.register_profile(
    "usual", derandomize="KJ_SEED" not in os.environ, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("usual")

LONG = ("tests/assurance/fuzz/test_fuzz.py", "tests/assurance/", "tests/system/", "tests/kj/test_")
"""Where the files are that take longest, most of it waiting."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Returns twice the cores for `-n auto`, 8 at most.

    Tests wait for much of their time, and a whole system takes memory.
    """
    return min(2 * len(os.sched_getaffinity(0)), 8)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with what takes longest where files run side by side, so that the run does not end with one alone."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(
            key=lambda item: next((at for at, place in enumerate(LONG) if item.nodeid.startswith(place)), len(LONG))
        )


def pytest_collection_finish() -> None:
    """Takes the suite's own variables (KJ_SEED, KJ_KILLS, ...) away, which every test file has read by now: processes
    that tests start refuse variables that they do not know."""
    for name in [name for name in os.environ if name.startswith(PREFIX) and name not in KNOWN]:
        del os.environ[name]


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[Cluster]:
    """The process's one PostgreSQL; `await postgres.migrated("audit")` gives a fresh database of a service."""
    async with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def system() -> Iterator[System]:
    """The process's one running system, for tests that leave it whole.

    Whatever they did to it, none of its processes may have met a bug of its own.
    """
    with running_system() as started:
        yield started
        assert started.faults() == []
