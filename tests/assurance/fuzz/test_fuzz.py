"""No bytes crash a server: random and mutated requests to every rpc, at the front door and at the services' sockets.

`KJ_FUZZ` is the number of requests an rpc (default 50), `KJ_FUZZ_RPC` a part of the paths to be called, `KJ_SEED`
the seed: `make assurance KJ_FUZZ=10000 KJ_SEED=1 KJ_FUZZ_RPC=RecordVisit`. Each run prints its seed, which makes it
again. The ordinary tests have the same one each time, so that a change fails for what it changed; `make assurance`
takes a new one.
"""

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from functools import partial

import grpc
import pytest

from gateway import contract
from gateway.contract import Method
from kj.local import programs
from kj.local.health_check import health
from kjernejournal.common.v1 import common_pb2
from tests.assurance.fuzz.driving import Make, Report, Send, drive, sender
from tests.assurance.fuzz.targets import A_METHOD, Targets, examples, references
from tests.support.client import Client
from tests.support.following import relate
from tests.support.patients import Patient, new_patients
from tests.support.seeds import SEED
from tests.support.system import System, running_system

AN_RPC = int(os.environ.get("KJ_FUZZ", "50"))
ONLY = os.environ.get("KJ_FUZZ_RPC", "")
AT_ONCE = 32
SECONDS = 10.0
"""Far longer than an answer may take: what a call takes is measured, not cut off."""
METHODS = {path: found for path, found in contract.methods().items() if ONLY in path}
SHOWN = 40
GIVES_WAY = 10
"""Its processes are this much nicer than those of tests beside it, which look at the clock."""


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with running_system() as started:
        for each in started.local.state.processes:
            if each.process is not None:
                os.setpriority(os.PRIO_PROCESS, each.process.pid, GIVES_WAY)
        yield started


@pytest.fixture(scope="module")
async def targets(system: System) -> AsyncIterator[Targets]:
    print(f"\nKJ_SEED={SEED}")
    async with (
        grpc.aio.insecure_channel(system.local.gateway_address) as channel,
        grpc.aio.insecure_channel(system.local.service_address("patients")) as patients_channel,
    ):
        client = Client(channel, system.local.issuer_directory)
        patients = await new_patients(system, A_METHOD * len(METHODS))
        by_rpc: dict[str, Sequence[Patient]] = {
            path: patients[A_METHOD * at : A_METHOD * (at + 1)] for at, path in enumerate(METHODS)
        }
        await relate(client, *patients)
        yield Targets(
            seed=SEED,
            client=client,
            examples=examples(patients),
            patients=by_rpc,
            refs=await references(patients_channel, patients),
        )


@pytest.mark.timeout(600 + AN_RPC * len(METHODS) // 10)
async def test_no_bytes_crash_a_server(system: System, targets: Targets) -> None:
    before = {each.name: each.process for each in system.local.state.processes}
    report = Report()
    async with AsyncExitStack() as stack:
        services = {
            name: sender(
                await stack.enter_async_context(grpc.aio.insecure_channel(system.local.service_address(name))), SECONDS
            )
            for name in programs.SERVICES
        }
        await drive(_cases(targets, sender(targets.client.channel, SECONDS), services), report, at_once=AT_ONCE)
    _tell(report)
    assert not _unreached(report), f"KJ_SEED={SEED}: nothing got past access at {_unreached(report)}"
    assert not report.found, _what_is_wrong(system, report)
    assert {each.name: each.process for each in system.local.state.processes} == before, "a process was started again"
    for each in system.local.state.processes:
        if each.name != "postgres":
            assert await health(each.address, timeout=5.0) == "serving", each.name


def _cases(targets: Targets, front_door: Send, services: dict[str, Send]) -> Iterator[tuple[Make, Send]]:
    """Yields cases of every rpc in turn, so that all processes have work at the same time."""
    splits = {found: split(found) for found in METHODS.values()}
    for number in range(AN_RPC):
        for found, (outside, inside) in splits.items():
            if number < outside:
                yield partial(targets.at_the_front_door, found, number), front_door
            if number < inside:
                yield partial(targets.inside, found, number), services[found.service]


def _unreached(report: Report) -> list[str]:
    """Returns the rpcs at which token, access or first check refused every request: a fuzz of those proves little."""
    turned_away = {"INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED"}
    return [path for path, codes in report.codes.items() if codes.keys() <= turned_away]


def _tell(report: Report) -> None:
    print(
        f"{report.calls} calls in {report.seconds:.0f} s, the slowest took {report.slowest:.2f} s,"
        f" {report.again} were sent twice"
    )
    for path, codes in sorted(report.codes.items()):
        print(f"  {path.removeprefix('/kjernejournal.'):60} {dict(codes.most_common())}")


def _what_is_wrong(system: System, report: Report) -> str:
    logged: list[str] = []
    for log in sorted(system.directory.logs.glob("*.log")):
        lines = [line for line in log.read_text(errors="replace").splitlines() if "ERROR" in line or "error" in line]
        logged.extend(f"{log.name}: {line[:1500]}" for line in lines[:SHOWN])
    return "\n".join([f"KJ_SEED={SEED}, {len(report.found)} faults:", *report.found[:SHOWN], "", *logged])


def split(found: Method) -> tuple[int, int]:
    """Returns how many calls go to the front door, and how many to the service.

    What the gateway serves has no other door, and an internal rpc is refused at the front before its request is looked
    at.
    """
    if found.service in contract.GATEWAY:
        return AN_RPC, 0
    if found.rule.action == common_pb2.ACTION_INTERNAL:
        return AN_RPC // 20, AN_RPC - AN_RPC // 20
    return AN_RPC - AN_RPC // 2, AN_RPC // 2
