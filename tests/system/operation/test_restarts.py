"""Processes that are asked to go, or killed: nothing acknowledged is lost, and no summary fails that need not."""

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import grpc
import pytest

from kj.local.health_check import health
from kj.local.process import ProcessId
from kj.local.programs import SERVICES
from kjernejournal.critical_info.v1.critical_info_pb2 import CreateCriticalInfoRequest, ListCriticalInfoRequest
from tests.support.client import Client
from tests.support.patients import REGISTERS, Patient, reaction
from tests.support.summaries import WHOLE, asked, summary
from tests.support.system import System, eventually
from tests.support.waiting import becomes

Heal = Callable[[], Awaitable[None]]
MOST_MEGABYTES = 90
LATE = "UNAVAILABLE TIMEOUT"
FEW = 4
"""Reads in a row that another register may be late for; one more, and the gateway would ask it no longer."""


@pytest.mark.parametrize("register", REGISTERS)
async def test_a_register_that_is_told_to_go_costs_at_most_its_own_section(
    system: System, client: Client, patient: Patient, healed: Heal, register: str
) -> None:
    """SIGTERM under a load of reads; its supervisor starts it again.

    On a busy machine any register is late now and then: another one may be, for a few reads in a row.
    """
    states: Counter[str] = Counter()
    late_in_a_row: Counter[str] = Counter()
    others_late = 0
    going = True

    async def reading() -> None:
        nonlocal others_late
        while going:
            got = (await summary(client, patient)).states
            others = {name: each for name, each in got.items() if name != register}
            assert set(others.values()) <= {"DATA", LATE}
            for name, each in others.items():
                late_in_a_row[name] = late_in_a_row[name] + 1 if each == LATE else 0
                others_late += each == LATE
            assert max(late_in_a_row.values()) <= FEW
            states[got[register]] += 1
            await asyncio.sleep(0.02)  # a load, and room for the process to start again

    async def answers(times: int) -> None:
        """Waits until the register has answered so often from now on."""
        before = states["DATA"]
        await eventually(lambda: _at_least(before + times))

    async def _at_least(times: int) -> bool:
        return states["DATA"] >= times

    readers = [asyncio.create_task(reading()) for _ in range(2)]
    await answers(3)
    process = system.process(register)
    process.send(signal.SIGTERM)
    try:
        await eventually(lambda: _gone(process))
        await system.serves(register)
        await answers(3)
    finally:
        going = False
        await asyncio.gather(*readers)
    assert system.process(register) != process
    told = {"DATA", "UNAVAILABLE ERROR", "UNAVAILABLE OVERLOADED"}
    assert set(states) <= (told | {LATE} if others_late else told)


async def _gone(process: ProcessId) -> bool:
    return not process.is_alive()


async def test_a_gateway_that_is_told_to_go_lets_calls_in_flight_finish(
    system: System, client: Client, patient: Patient, healed: Heal
) -> None:
    """A frozen register holds summaries up for its budget: the signal comes meanwhile."""
    gateway = system.process("gateway")
    with system.frozen("medications"):
        calls = [asyncio.create_task(summary(client, patient)) for _ in range(4)]
        await asyncio.sleep(0.3)
        gateway.send(signal.SIGTERM)
        got = await asyncio.gather(*calls)
    assert [each.states for each in got] == [{**WHOLE, "medications": "UNAVAILABLE TIMEOUT"}] * 4
    await eventually(lambda: _gone(gateway))
    await system.serves("gateway")
    await healed()


async def test_killed_postgresql_comes_back_with_everything_acknowledged(
    system: System, client: Client, patient: Patient, healed: Heal
) -> None:
    acknowledged: list[str] = []
    refused: Counter[str] = Counter()
    going = True

    async def writing(writer: int) -> None:
        number = 0
        while going:
            number += 1
            comment = f"{writer}-{number}"
            request = CreateCriticalInfoRequest(
                patient=patient.identifier, request_id=str(uuid4()), critical_info=reaction(comment)
            )
            try:
                await client.call("CreateCriticalInfo", request)
                acknowledged.append(comment)
            except grpc.aio.AioRpcError as error:
                refused[error.code().name] += 1
                await asyncio.sleep(0.05)

    writers = [asyncio.create_task(writing(writer)) for writer in range(3)]
    await becomes(lambda: len(acknowledged) > 0)
    system.process("postgres").send(signal.SIGKILL)
    try:
        await system.serves("postgres")
        await healed()
        back = len(acknowledged)
        await becomes(lambda: len(acknowledged) > back)  # writes go on afterwards
    finally:
        going = False
        await asyncio.gather(*writers)
    assert set(refused) <= {"UNAVAILABLE", "DEADLINE_EXCEEDED"}
    stored = await comments(client, patient)
    assert [each for each in acknowledged if each not in stored] == []
    assert [each for each, times in Counter(stored).items() if times > 1] == []


async def comments(client: Client, patient: Patient) -> list[str]:
    """Returns the comment of every entry, page by page."""
    request = ListCriticalInfoRequest(patient=patient.identifier, page_size=100)
    found: list[str] = []
    while True:
        page = await client.call("ListCriticalInfo", request)
        found += [each.comment for each in page.critical_info if each.comment]
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def test_without_postgresql_services_say_so_and_nothing_is_shown(
    system: System, client: Client, patient: Patient, healed: Heal
) -> None:
    with system.stopped("postgres"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.call("GetPatientSummary", asked(patient))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE

        async def all_say_so() -> bool:
            addresses = [system.local.service_address(name) for name in SERVICES]
            return set(await asyncio.gather(*map(health, addresses))) == {"not serving"}

        await eventually(all_say_so)
        assert await health(system.local.gateway_address) == "serving", "it says UNAVAILABLE for what it cannot reach"
    await system.serves("postgres", *SERVICES)
    await healed()


@pytest.mark.parametrize("name", [*SERVICES, "gateway"])
async def test_an_idle_process_takes_little_memory(system: System, client: Client, name: str) -> None:
    status = Path(f"/proc/{system.process(name).pid}/status").read_text()
    [resident] = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    assert int(resident) / 1024 <= MOST_MEGABYTES
