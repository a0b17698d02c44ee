"""The gateway under test, with services that answer as a test scripts them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.registers import sources
from tests.support.gateway import Front, running_gateway

IDLE = 0.4


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key and the tokens of the run."""
    return tmp_path_factory.mktemp("issuer")


@pytest.fixture(autouse=True)
def _unhurried(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves every register ten times its budget, but for tests of budgets: on a busy machine one that answers is late
    for other reasons than ours."""
    if request.node.get_closest_marker("budgets") is None:
        monkeypatch.setattr(sources, "CRITICAL_BUDGET", 10 * sources.CRITICAL_BUDGET)
        monkeypatch.setattr(sources, "BUDGET", 10 * sources.BUDGET)


@pytest.fixture(scope="session")
async def _front(issuer: Path) -> AsyncIterator[Front]:
    async with running_gateway(issuer, idle=IDLE, look_again=0.05) as front:
        yield front


@pytest.fixture
async def front(_front: Front) -> Front:
    """The one gateway of the run, with services that have forgotten earlier tests, and no outcome of theirs to come."""
    await _front.gateway.forwarding.finish(10)
    _front.new_breakers()
    for register in _front.registers.values():
        register.forget()
    _front.people.calls.clear()
    _front.log.calls.clear()
    _front.log.records.clear()
    return _front
