"""A register that hangs or is gone costs its own section and nothing else; the summary comes in time and says so."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.registers.breaker import TIMEOUTS
from kjernejournal.visits.v1.visits_pb2 import ListVisitsRequest
from tests.support.client import Client, refusal
from tests.support.patients import REGISTERS, Patient
from tests.support.summaries import WHOLE, Summary, state, stream_asked, summary
from tests.support.system import System

CRITICAL = {"critical_info", "medications"}
BUDGETS = {name: 0.8 if name in CRITICAL else 0.3 for name in REGISTERS}
Heal = Callable[[], Awaitable[None]]
TRIES = 3
"""A machine that runs other tests beside this one may be late with a healthy register, but not three times."""


def check_absent(got: Summary, register: str, reason: str) -> None:
    """Checks that one section is missing and says why.

    The others are whole, and the reply says how whole it is, twice.
    """
    assert got.states == {**WHOLE, register: f"UNAVAILABLE {reason}"}
    assert got.section(register).WhichOneof("content") is None
    assert got.completeness == ("CRITICAL_MISSING" if register in CRITICAL else "PARTIAL")
    assert got.answer.headers["kj-completeness"] == got.completeness


async def in_time(client: Client, patient: Patient, register: str, reason: str, **caller: Any) -> Summary:
    """Returns a summary without this register alone, as soon as its budget allows."""
    got = await summary(client, patient, **caller)
    for _ in range(TRIES - 1):
        if got.states == {**WHOLE, register: f"UNAVAILABLE {reason}"} and got.seconds < BUDGETS[register] + 0.3:
            break
        got = await summary(client, patient, **caller)
    check_absent(got, register, reason)
    assert got.seconds < BUDGETS[register] + 0.3
    return got


@pytest.mark.parametrize("register", REGISTERS)
async def test_a_frozen_register_costs_its_own_section(
    system: System, client: Client, patient: Patient, healed: Heal, register: str
) -> None:
    with system.frozen(register):
        await in_time(client, patient, register, "TIMEOUT", seconds=2.0)
    await healed()
    again = await summary(client, patient)
    assert (again.states, again.completeness) == (WHOLE, "COMPLETE")
    assert again.answer.headers["kj-completeness"] == "COMPLETE"


async def test_a_frozen_register_leaves_time_within_a_short_deadline(
    system: System, client: Client, patient: Patient, healed: Heal
) -> None:
    with system.frozen("critical_info"):
        got = await in_time(client, patient, "critical_info", "TIMEOUT", seconds=0.7)
        assert got.seconds < 0.7


@pytest.mark.parametrize("register", REGISTERS)
async def test_a_stopped_register_costs_its_own_section(
    system: System, client: Client, patient: Patient, healed: Heal, register: str
) -> None:
    with system.stopped(register):
        await in_time(client, patient, register, "ERROR")
    await system.serves(register)
    await healed()
    assert (await summary(client, patient)).states == WHOLE


async def test_with_every_register_stopped_each_says_so(
    system: System, client: Client, patient: Patient, healed: Heal
) -> None:
    with system.stopped(*REGISTERS):
        got = await summary(client, patient)
        assert got.states == {name: "UNAVAILABLE ERROR" if name in REGISTERS else "DATA" for name in WHOLE}
        assert got.completeness == got.answer.headers["kj-completeness"] == "CRITICAL_MISSING"
        assert got.seconds < 0.8
    await system.serves(*REGISTERS)
    await healed()


async def test_a_stream_says_what_is_missing(system: System, client: Client, patient: Patient, healed: Heal) -> None:
    with system.frozen("medications"):
        parts: list[Any] = await client.stream("StreamPatientSummary", stream_asked(patient))
    assert [part.WhichOneof("part") for part in parts] == ["start", *["section"] * len(WHOLE), "end"]
    sections = [part.section for part in parts[1:-1]]
    assert sections[0].HasField("critical_info"), "critical information comes first when it can"
    assert sections[-1].source == "medications"
    assert sorted(map(state, sections)) == sorted(["UNAVAILABLE TIMEOUT", *["DATA"] * (len(WHOLE) - 1)])
    assert parts[-1].end.completeness == 3


async def test_five_timeouts_open_the_breaker_and_a_probe_closes_it(
    system: System, client: Client, patient: Patient, healed: Heal
) -> None:
    with system.frozen("visits"):
        for _ in range(TIMEOUTS):
            check_absent(await summary(client, patient), "visits", "TIMEOUT")
        got = await summary(client, patient)
        check_absent(got, "visits", "BREAKER_OPEN")
        assert got.seconds < BUDGETS["visits"], "nobody waits for a register whose breaker is open"
    await healed()
    assert (await summary(client, patient)).states == WHOLE


async def test_a_list_of_a_frozen_register_is_unavailable_within_the_deadline(
    system: System, client: Client, patient: Patient, healed: Heal
) -> None:
    """Two seconds for a caller who states no deadline."""
    request = ListVisitsRequest(patient=patient.identifier)
    with system.frozen("visits"):
        began = time.monotonic()
        told = await refusal(client.answer("ListVisits", request, seconds=None))
        took = time.monotonic() - began
    assert told.short == ("UNAVAILABLE", "SERVICE_UNAVAILABLE")
    assert told.details == {"unavailable": "TIMEOUT"}
    assert took < 2.0
