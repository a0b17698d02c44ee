"""The process's one running system, for all tests here; whoever breaks something heals it and says so with `whole`."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest

from kjernejournal.summary.v1.summary_pb2 import COMPLETENESS_COMPLETE
from tests.support.client import Client
from tests.support.patients import Patient, new_patients
from tests.support.summaries import asked, summary
from tests.support.system import System, eventually


@pytest.fixture(scope="session")
async def client(system: System) -> AsyncIterator[Client]:
    """A caller of its gateway."""
    async with grpc.aio.insecure_channel(system.local.gateway_address) as channel:
        yield Client(channel, system.local.issuer_directory)


@pytest.fixture(scope="session")
def unused() -> list[Patient]:
    """Patients that no test has had; many at once are made in little more time than one."""
    return []


@pytest.fixture
async def patient(system: System, unused: list[Patient]) -> Patient:
    """A patient of the test's own, with entries in every register."""
    if not unused:
        unused.extend(await new_patients(system, 20))
    return unused.pop()


@pytest.fixture
async def healed(system: System, client: Client, patient: Patient) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """For tests that break things: waits until summaries are complete again, and does so after the test in any case."""

    async def complete() -> bool:
        try:
            got: Any = await client.call("GetPatientSummary", asked(patient))
        except grpc.aio.AioRpcError:
            return False
        return bool(got.completeness == COMPLETENESS_COMPLETE)

    async def heal() -> None:
        await eventually(complete, 120.0)

    await summary(client, patient)
    yield heal
    await heal()
