"""Unknown never looks like none: registers that answer in every mixture of ways, and what a summary says then.

A mixture is a way of answering for each register. CI tries some; KJ_COMBINATIONS=100000 tries as many as it says. The
seed is printed with a failure: KJ_SEED=... tries the same ones again.
"""

import asyncio
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from gateway.registers.breaker import Breaker
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import (
    GetPatientSummaryRequest,
    GetPatientSummaryResponse,
    StreamPatientSummaryRequest,
)
from tests.support.client import Refusal
from tests.support.gateway import Front
from tests.support.scripted.registers import BY_SERVICE, CONTENT, FAULTS, stating
from tests.support.scripted.services import Unary
from tests.support.seeds import SEED
from tests.support.summaries import SECTIONS, state

pytestmark = pytest.mark.budgets

MIXTURES = int(os.environ.get("KJ_COMBINATIONS", "240"))
AT_A_TIME = 24
BUSY = {("UNAVAILABLE", "SERVICE_UNAVAILABLE"), ("DEADLINE_EXCEEDED", "")}
"""What a caller hears on a machine that is too busy."""
TRIES = 5
RESTRICTED = "restricted"
CRITICAL = {"critical_info", "medications"}

Mixture = dict[str, str]
"""Service to its way: a state that it states, a fault, or RESTRICTED by the patient."""


@dataclass(frozen=True)
class Way:
    """A way of answering, and what is to be said of it."""

    answer: Unary
    state: str


WAYS: dict[str, dict[str, Way]] = {
    service: {
        **{named: Way(stating(source, section), named) for named, section in CONTENT[service].items()},
        **{fault: Way(answer(source), said) for fault, (answer, said) in FAULTS.items()},
        RESTRICTED: Way(stating(source, CONTENT[service]["DATA"]), "WITHHELD"),
    }
    for service, source in BY_SERVICE.items()
}


def mixtures(count: int, seed: int) -> Iterator[Mixture]:
    """Yields every register alone in each of its ways, then mixtures at random.

    In some of these most registers go one way, so that only one is well, or only one is ill, often enough.
    """
    chosen = random.Random(seed)
    for service, ways in WAYS.items():
        for way in ways:
            yield dict.fromkeys(WAYS, "DATA") | {service: way}
    for _ in range(count):
        usual = chosen.choice(["DATA", "NONE_RECORDED", "down", ""])
        often = chosen.random() if usual else 0
        yield {
            service: usual if chosen.random() < often else chosen.choice(list(ways)) for service, ways in WAYS.items()
        }


def faults_in(mixture: Mixture, reply: GetPatientSummaryResponse) -> list[str]:
    """Returns what a reply says that the registers did not.

    A section that came too late on a busy machine is no fault, as long as it is said to be missing.
    """
    found = []
    by_section = {each.section: each for each in reply.sections}
    states = {}
    for service, way in mixture.items():
        section = by_section.get(SECTIONS[service])
        if section is None:
            found.append(f"{service} is not there at all")
            continue
        said, expected = state(section), WAYS[service][way].state
        states[service] = said
        if said not in {expected, "UNAVAILABLE TIMEOUT"}:
            found.append(f"{service}: {said}, but {way}")
        content = section.WhichOneof("content")
        if content and (said.startswith("UNAVAILABLE") or way == RESTRICTED):
            found.append(f"{service}: content that is {said}")
        if said in ("DATA", "NONE_RECORDED", "NIL_KNOWN", "NOT_ASKED") and not content:
            found.append(f"{service}: {said} without what the register said")
        if not section.coverage.sources:
            found.append(f"{service}: nothing on what feeds it")
    missing = {service for service, said in states.items() if said.startswith("UNAVAILABLE")}
    withheld = any(states.get(service) == "WITHHELD" for service in CRITICAL)
    whole = "CRITICAL_WITHHELD" if withheld else "PARTIAL" if missing else "COMPLETE"
    whole = "CRITICAL_MISSING" if missing & CRITICAL else whole
    if reply.completeness != summary_pb2.Completeness.Value(f"COMPLETENESS_{whole}"):
        found.append(f"not {whole}")
    return found


class _AlwaysAsked(Breaker):
    """Mixtures must not change each other."""

    def admits(self) -> bool:
        return True


@pytest.fixture
def mixed(front: Front) -> dict[str, Mixture]:
    """Registers that answer about each patient, by reference, as that patient's mixture says."""
    front.new_breakers(_AlwaysAsked)
    by_ref: dict[str, Mixture] = {}
    for service, source in BY_SERVICE.items():
        front.registers[service].unary(source.path, _mixed(service, by_ref))
    return by_ref


def _mixed(service: str, by_ref: dict[str, Mixture]) -> Unary:
    async def answer(data: bytes, context: Any) -> bytes:
        [query] = BY_SERVICE[service].proto.BatchGetSectionsRequest.FromString(data).queries
        way = by_ref[query.caller.patient_refs[0]][service]
        return await WAYS[service][way].answer(data, context)

    return answer


async def tried(front: Front, mixed: dict[str, Mixture], mixture: Mixture, *, streamed: bool) -> list[str]:
    """Returns the faults of a summary about a patient of this mixture.

    A machine that is too busy gives no summary for a while, and says so: then it is asked for again.
    """
    for _ in range(TRIES - 1):
        try:
            return await _tried(front, mixed, mixture, streamed=streamed)
        except grpc.aio.AioRpcError as error:
            if Refusal.of(error).short not in BUSY:
                raise
    return await _tried(front, mixed, mixture, streamed=streamed)


async def _tried(front: Front, mixed: dict[str, Mixture], mixture: Mixture, *, streamed: bool) -> list[str]:
    restricted = [SECTIONS[service] for service, way in mixture.items() if way == RESTRICTED]
    patient = front.people.add(restricted_sections=restricted)
    mixed[front.people.ref(patient)] = mixture
    identifier = PatientIdentifier(national_id=patient)
    if not streamed:
        answer = await front.client.answer("GetPatientSummary", GetPatientSummaryRequest(patient=identifier))
        name = summary_pb2.Completeness.Name(answer.reply.completeness).removeprefix("COMPLETENESS_")
        header = answer.headers["kj-completeness"]
        return faults_in(mixture, answer.reply) + ([f"header {header}, reply {name}"] if header != name else [])
    parts = await front.client.stream("StreamPatientSummary", StreamPatientSummaryRequest(patient=identifier))
    sections = [part.section for part in parts if part.HasField("section")]
    return faults_in(mixture, GetPatientSummaryResponse(sections=sections, completeness=parts[-1].end.completeness))


async def test_no_mixture_of_answers_reads_as_none_or_as_whole(front: Front, mixed: dict[str, Mixture]) -> None:
    waiting = list(mixtures(MIXTURES, SEED))
    for start in range(0, len(waiting), AT_A_TIME):
        now = waiting[start : start + AT_A_TIME]
        found = await asyncio.gather(
            *(tried(front, mixed, each, streamed=number % 2 == 1) for number, each in enumerate(now))
        )
        for mixture, faults in zip(now, found, strict=True):
            assert not faults, f"KJ_SEED={SEED}: {mixture}"
        for service in front.registers.values():
            service.calls.clear()
        front.log.records.clear()
        front.log.calls.clear()
        front.people.calls.clear()
        front.people.known.clear()
        mixed.clear()


async def test_the_judge_sees_each_lie(front: Front, mixed: dict[str, Mixture]) -> None:
    """Replies that say less than they should, planted one by one."""
    mixture = dict.fromkeys(WAYS, "DATA") | {"labs": "down", "medications": "garbage", "documents": RESTRICTED}
    patient = front.people.add(restricted_sections=[SECTIONS["documents"]])
    mixed[front.people.ref(patient)] = mixture
    request = GetPatientSummaryRequest(patient=PatientIdentifier(national_id=patient))
    honest = (await front.client.answer("GetPatientSummary", request)).reply
    assert not faults_in(mixture, honest)
    for service in ("labs", "medications", "documents"):
        for lie in ("NONE_RECORDED", "NIL_KNOWN", "NOT_ASKED", "DATA", "UNSPECIFIED"):
            assert faults_in(mixture, _with_state(honest, service, f"SECTION_STATE_{lie}")), (service, lie)
    for whole in ("UNSPECIFIED", "COMPLETE", "PARTIAL"):
        lying = GetPatientSummaryResponse()
        lying.CopyFrom(honest)
        lying.completeness = summary_pb2.Completeness.Value(f"COMPLETENESS_{whole}")
        assert faults_in(mixture, lying)
    for position in range(len(honest.sections)):
        lying = GetPatientSummaryResponse()
        lying.CopyFrom(honest)
        del lying.sections[position]
        assert faults_in(mixture, lying)


def _with_state(reply: GetPatientSummaryResponse, service: str, named: str) -> GetPatientSummaryResponse:
    lying = GetPatientSummaryResponse()
    lying.CopyFrom(reply)
    for section in lying.sections:
        if section.section == SECTIONS[service]:
            section.state = summary_pb2.SectionState.Value(named)
            section.unavailable_reason = common_pb2.UNAVAILABLE_REASON_UNSPECIFIED
    return lying


def test_the_same_seed_gives_the_same_mixtures() -> None:
    assert list(mixtures(20, 7)) == list(mixtures(20, 7))
    assert len(list(mixtures(0, 0))) == sum(map(len, WAYS.values()))
