"""The change feed while everything is killed: nothing is missed, order is kept, doubles only where a stream goes on.

`KJ_CHANGES` is the number of changes (default 2 000), `KJ_SEED` makes a run again.
"""

import asyncio
import os
import random
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import grpc
import pytest

from kj.local.programs import GATEWAY, SERVICES
from kjernejournal.critical_info.v1 import critical_info_pb2
from kjernejournal.labs.v1 import labs_pb2
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.vaccinations.v1 import vaccinations_pb2
from kjernejournal.visits.v1 import visits_pb2
from tests.assurance.fuzz.targets import references
from tests.assurance.hearing import Told, faults, stored_changes
from tests.services.labs.calls import report
from tests.services.medications.feed import statement
from tests.services.vaccinations.register import dose
from tests.support.client import Client
from tests.support.following import Follower, relate
from tests.support.patients import Patient, new_patients, reaction, visit
from tests.support.system import System, running_system

SEED = secrets.randbits(32) if os.environ.get("KJ_SEED") == "random" else int(os.environ.get("KJ_SEED") or 20_261_122)
CHANGES = int(os.environ.get("KJ_CHANGES", "1000"))
A_MESSAGE = 20
"""Entries of one import, all of one patient."""
PATIENTS = 10
PASSING = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "CANCELLED"})

Entries = Callable[[random.Random, int], Any]
"""A patient's entries for one message, of the number that it is."""


def _some(rng: random.Random) -> list[str]:
    return [f"s-{number}" for number in rng.sample(range(60), A_MESSAGE)]


REGISTERS: dict[str, tuple[str, Any, Entries]] = {
    "critical_info": (
        "CriticalInfoService",
        critical_info_pb2,
        lambda rng, number: critical_info_pb2.PatientEntries(
            critical_info=[reaction(f"merknad {number}", source_id=each) for each in _some(rng)]
        ),
    ),
    "visits": (
        "VisitsService",
        visits_pb2,
        lambda rng, _: visits_pb2.PatientEntries(visits=[visit(each) for each in _some(rng)]),
    ),
    "labs": (
        "LabsService",
        labs_pb2,
        lambda rng, number: labs_pb2.PatientEntries(
            reports=[report(f"{each}-{number}") for each in _some(rng)]
        ),
    ),
    "vaccinations": (
        "VaccinationsService",
        vaccinations_pb2,
        lambda rng, number: vaccinations_pb2.PatientEntries(
            vaccinations=[dose(f"{each}-{number}") for each in _some(rng)]
        ),
    ),
    "medications": (
        "MedicationsService",
        medications_pb2,
        lambda rng, number: medications_pb2.PatientEntries(
            statements=[statement(f"{each}-{number}") for each in _some(rng)]
        ),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with running_system() as started:
        yield started


@pytest.fixture(scope="module")
async def client(system: System) -> AsyncIterator[Client]:
    options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]
    async with grpc.aio.insecure_channel(system.local.gateway_address, options=options) as channel:
        yield Client(channel, system.local.issuer_directory)


async def _import(client: Client, register: str, patient: Patient, rng: random.Random, number: int) -> None:
    """Sends one message until it is stored."""
    service, module, entries = REGISTERS[register]
    made = entries(rng, number)
    made.patient.CopyFrom(patient.identifier)
    while True:
        try:
            await client.send(
                f"{service}/BulkImport", [module.BulkImportRequest(patients=[made])], seconds=5.0, kind="system"
            )
        except grpc.aio.AioRpcError as error:
            if error.code().name not in PASSING:
                raise
            await asyncio.sleep(0.1)
        else:
            return


async def _write(client: Client, register: str, patients: list[Patient]) -> None:
    rng = random.Random(f"{SEED}/{register}")
    for number in range(-(-CHANGES // len(REGISTERS) // A_MESSAGE)):
        await _import(client, register, rng.choice(patients), rng, number)


async def _kill(system: System, follower: Follower, writers: "list[asyncio.Task[None]]") -> int:
    """Kills somebody now and then for as long as there are writers: a process, or the follower itself."""
    rng = random.Random(f"{SEED}/kills")
    victims = ["follower", GATEWAY, "postgres", *SERVICES]
    first = ["follower", GATEWAY, "postgres", "visits"]
    kills = 0
    while first or not all(writer.done() for writer in writers):
        await asyncio.sleep(rng.uniform(0.1, 0.8))
        victim = first.pop() if first else rng.choice(victims)
        kills += 1
        if victim == "follower":
            await follower.end()
            await asyncio.sleep(rng.uniform(0.0, 0.5))
            await follower.begin()
            continue
        system.process(victim).send(signal.SIGKILL)
        await asyncio.sleep(0.1)
        await system.serves(victim)
    return kills


@pytest.mark.timeout(600 + CHANGES // 5)
async def test_nothing_is_missed_and_order_is_kept_whoever_is_killed(system: System, client: Client) -> None:
    print(f"\nKJ_SEED={SEED}")
    patients = await new_patients(system, PATIENTS, entries=False)
    keys = {f"p{number}": patient for number, patient in enumerate(patients)}
    async with grpc.aio.insecure_channel(system.local.service_address("patients")) as channel:
        refs = await references(channel, patients)
    await relate(client, *patients)
    began = time.monotonic()
    follower = Follower(client, keys)
    await follower.begin()
    try:
        writers = [asyncio.create_task(_write(client, register, patients)) for register in REGISTERS]
        kills = await _kill(system, follower, writers)
        await asyncio.gather(*writers)
        await system.serves(*SERVICES, GATEWAY, "postgres")
        stored = {
            (key, register): await stored_changes(system, register, refs[patient.national_id])
            for key, patient in keys.items()
            for register in REGISTERS
        }
        total = sum(map(len, stored.values()))

        def heard_all() -> bool:
            return len({(each.key, each.section, each.entry_id, each.version) for each in follower.heard}) >= total

        for _ in range(300):
            if heard_all():
                break
            await asyncio.sleep(1.0)
    finally:
        await follower.end()
    told: dict[tuple[str, str], list[Told]] = {}
    for each in follower.heard:
        told.setdefault((each.key, each.section), []).append(Told((each.entry_id, each.version), each.stream))
    wrong = [f"{place}: {fault}" for place, changes in stored.items() for fault in faults(told.get(place, []), changes)]
    print(
        f"{total} changes, {kills} kills, {follower.streams} streams, {len(follower.heard) - total} told again,"
        f" {time.monotonic() - began:.0f} s"
    )
    assert total >= CHANGES
    assert not wrong, wrong[:20]


STORED = [("a", 1), ("b", 1), ("a", 2), ("c", 1)]
HEARD = [Told(each, 1) for each in STORED]


def test_the_comparison_takes_doubles_where_a_stream_goes_on() -> None:
    assert faults(HEARD, STORED) == []
    assert faults([*HEARD[:3], *(Told(each, 2) for each in STORED[1:])], STORED) == []


PLANTED = {
    "missed": HEARD[:3],
    "skipped and told later": [HEARD[0], HEARD[2], HEARD[1], HEARD[3]],
    "invented": [*HEARD, Told(("x", 1), 1)],
    "doubled in one stream": [*HEARD[:2], HEARD[1], *HEARD[2:]],
    "skipped by a new stream": [HEARD[0], *(Told(each, 2) for each in STORED[2:]), Told(STORED[1], 3)],
}


@pytest.mark.parametrize("fault", PLANTED)
def test_the_comparison_sees_a_planted_fault(fault: str) -> None:
    assert faults(PLANTED[fault], STORED)
