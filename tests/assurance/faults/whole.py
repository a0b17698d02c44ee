"""What a summary may say while registers are broken, and what not."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import grpc

from gateway.contract import disclosed
from gateway.registers.sources import SOURCES
from kjernejournal.common.v1 import common_pb2
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryResponse, SummarySection
from shared.handling.failures import STATUS_DETAILS
from tests.support.client import Client, Refusal
from tests.support.patients import Patient
from tests.support.summaries import asked

CRITICAL = frozenset({"critical_info", "medications"})
"""Without these a summary is worse than partial. Written down here once more: the gateway's own table may be wrong."""
LATE = 0.05
"""Seconds after its deadline by which a reply has to be there."""

SLOW = "slow: "
"""Begins what a busy machine may do too: the same is tried again, and is a fault when it comes each time."""

_BUSY = frozenset({"UNAVAILABLE TIMEOUT", "UNAVAILABLE OVERLOADED", "UNAVAILABLE BREAKER_OPEN"})
_SECTIONS = {source.section: source for source in SOURCES}


@dataclass(frozen=True)
class Asked:
    """A summary that was asked for, and what came."""

    deadline: float
    seconds: float
    reply: GetPatientSummaryResponse | None
    header: str = ""
    refusal: Refusal | None = None


async def ask(client: Client, patient: Patient, seconds: float) -> Asked:
    """Returns a summary within a deadline, or its refusal."""
    began = time.monotonic()
    try:
        answer = await client.answer("GetPatientSummary", asked(patient), seconds=seconds)
    except grpc.aio.AioRpcError as error:
        return Asked(seconds, time.monotonic() - began, None, refusal=told(error))
    return Asked(seconds, time.monotonic() - began, answer.reply, str(answer.headers.get("kj-completeness", "")))


def told(error: grpc.aio.AioRpcError) -> Refusal:
    """Returns a refusal, with an empty reason when there is none of ours in it."""
    if STATUS_DETAILS not in dict(error.trailing_metadata() or ()):
        return Refusal(error.code(), "", error.details() or "", {}, {})
    return Refusal.of(error)


def states(reply: GetPatientSummaryResponse) -> dict[str, str]:
    """Returns the state of each service's section, with its reason: `DATA`, `UNAVAILABLE TIMEOUT`."""
    return {_SECTIONS[each.section].service: _state(each) for each in reply.sections}


def missing(reply: GetPatientSummaryResponse) -> set[str]:
    """Returns the services whose section could not be fetched."""
    return {service for service, state in states(reply).items() if state.startswith("UNAVAILABLE")}


def faults(got: Asked, before: GetPatientSummaryResponse, broken: Mapping[str, Collection[str]]) -> list[str]:
    """Returns what is wrong with a summary, in words.

    `before` is the same patient's when nothing was broken; `broken` names the services that are, each with the reasons
    that its section may give.
    """
    found = []
    if got.seconds > got.deadline + LATE:
        found.append(f"{SLOW}came after {got.seconds:.2f} s of {got.deadline} s")
    if got.reply is None:
        return [*found, f"{SLOW}refused: {got.refusal and got.refusal.short}"]
    if [each.section for each in got.reply.sections] != [each.section for each in before.sections]:
        found.append("does not have the sections that were asked for, each once")
    expected = {each.section: each for each in before.sections}
    for section in got.reply.sections:
        service = _SECTIONS[section.section].service
        if service in broken:
            found += _unavailable(service, section, broken[service])
        elif _said(section) != _said(expected[section.section]):
            found.append(f"{_slow(section)}{service}: {_state(section)} is not what is recorded")
    unknown = missing(got.reply)
    whole = "CRITICAL_MISSING" if unknown & CRITICAL else "PARTIAL" if unknown else "COMPLETE"
    name = summary_pb2.Completeness.Name(got.reply.completeness).removeprefix("COMPLETENESS_")
    if (name, got.header) != (whole, whole):
        found.append(f"says {name} and {got.header} in its header, is {whole}")
    return found


def _unavailable(service: str, section: SummarySection, reasons: Collection[str]) -> list[str]:
    found = []
    if _state(section) not in {f"UNAVAILABLE {reason}" for reason in reasons}:
        expected = " or ".join(sorted(reasons))
        found.append(f"{_slow(section)}{service}: {_state(section)} instead of UNAVAILABLE {expected}")
    if section.WhichOneof("content") is not None:
        found.append(f"{service}: holds content")
    return found


def _slow(section: SummarySection) -> str:
    return SLOW if _state(section) in _BUSY else ""


def _said(section: SummarySection) -> Any:
    """Returns what a reader learns from a section: its state, and every entry in it."""
    source = _SECTIONS[section.section]
    entries = disclosed(getattr(section, source.content), source.disclosed) if section.WhichOneof("content") else []
    return _state(section), sorted(entries)


def _state(section: SummarySection) -> str:
    state = summary_pb2.SectionState.Name(section.state).removeprefix("SECTION_STATE_")
    if not section.unavailable_reason:
        return state
    reason = common_pb2.UnavailableReason.Name(section.unavailable_reason).removeprefix("UNAVAILABLE_REASON_")
    return f"{state} {reason}"
