"""Every section in every state, as a caller sees it; each reason that something is missing, by a real cause."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway.access.facts import Decision, SectionVerdict
from gateway.access.policy import decide
from gateway.registers.breaker import TIMEOUTS
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryRequest, StreamPatientSummaryRequest
from shared.errors import Reason
from tests.support.client import method, refusal
from tests.support.gateway import LARGEST, Front, running_gateway
from tests.support.scripted.registers import BY_SERVICE, CONTENT, FAULTS, frozen, heavy, oversize, stating
from tests.support.scripted.services import saying
from tests.support.summaries import SECTIONS, Summary, state

pytestmark = pytest.mark.budgets

SERVICES = list(CONTENT)
CRITICAL = {"critical_info", "medications"}


@pytest.fixture(autouse=True)
def registers(front: Front) -> None:
    """Lets every register answer with an entry."""
    front.new_breakers()
    for service in SERVICES:
        told(front, service, stating(BY_SERVICE[service], CONTENT[service]["DATA"]))


def told(front: Front, service: str, answer: Any) -> None:
    front.registers[service].unary(BY_SERVICE[service].path, answer)


async def checked(front: Front, service: str, expected: str, *, patient: str = "", **fields: Any) -> Summary:
    """Returns a summary in which one section is in this state and the others are there; completeness follows.

    A busy machine makes sections late: those may be missing, and are asked for again.
    """
    wanted = dict.fromkeys(SERVICES, "DATA") | {service: expected}
    request = GetPatientSummaryRequest(patient=PatientIdentifier(national_id=patient or front.people.add()), **fields)
    late: dict[str, str] = {}
    for _ in range(5):
        front.log.records.clear()
        front.registers[service].calls.clear()
        got = Summary(await front.client.answer("GetPatientSummary", request), 0)
        late = {name: said for name, said in got.states.items() if said != wanted[name]}
        assert set(late.values()) <= {"UNAVAILABLE TIMEOUT"}, late
        if not late:
            check(got, service, expected)
            return got
    raise AssertionError(f"the machine is too busy for this test: {late}")


def check(got: Summary, service: str, expected: str) -> None:
    """Checks what stands beside the state of a section."""
    section = got.section(service)
    missing = expected.startswith("UNAVAILABLE")
    whole = ("CRITICAL_MISSING" if service in CRITICAL else "PARTIAL") if missing else "COMPLETE"
    whole = "CRITICAL_WITHHELD" if service in CRITICAL and expected == "WITHHELD" else whole
    assert (got.completeness, got.answer.headers["kj-completeness"]) == (whole, whole)
    assert section.source == service
    said, source = section.coverage, BY_SERVICE[service].coverage
    assert [each.code for each in said.sources] == [each.code for each in source.sources]
    assert all(each.text for each in (*said.sources, *said.missing, section.explanation))
    assert section.as_of.seconds
    assert section.HasField("duration")


STATED = [(service, named) for service, states in CONTENT.items() for named in states]


@pytest.mark.parametrize("service, expected", STATED)
async def test_what_a_register_states(front: Front, service: str, expected: str) -> None:
    told(front, service, stating(BY_SERVICE[service], CONTENT[service][expected]))
    await checked(front, service, expected)
    [recorded] = [each for each in front.log.records[0].sections if each.section == SECTIONS[service]]
    assert recorded.state == expected.lower()
    assert recorded.withheld == (2 if expected == "WITHHELD" else 0)


@pytest.mark.parametrize("service", SERVICES)
async def test_what_the_patient_has_restricted(front: Front, service: str) -> None:
    patient = front.people.add(restricted_sections=[SECTIONS[service]])
    got = await checked(front, service, "WITHHELD", patient=patient)
    assert got.section(service).WhichOneof("content") is None
    assert not front.registers[service].calls


@pytest.mark.parametrize("service", SERVICES)
async def test_what_is_not_for_this_caller(front: Front, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of rules has no row today that denies one section alone: this one is planted."""
    denied = SectionVerdict(common_pb2.SECTION_DECISION_DENY, Reason.ERROR_REASON_ROLE_REFUSED, "planted")

    def planted(*args: Any, **options: Any) -> Decision:
        decision = decide(*args, **options)
        return replace(decision, sections={**decision.sections, SECTIONS[service]: denied})

    monkeypatch.setattr("gateway.steps.decide", planted)
    got = await checked(front, service, "NOT_AUTHORIZED")
    assert got.section(service).WhichOneof("content") is None
    assert not front.registers[service].calls


@pytest.mark.parametrize("fault", list(FAULTS))
@pytest.mark.parametrize("service", SERVICES)
async def test_what_could_not_be_fetched(front: Front, service: str, fault: str) -> None:
    answer, expected = FAULTS[fault]
    told(front, service, answer(BY_SERVICE[service]))
    got = await checked(front, service, expected)
    assert got.section(service).WhichOneof("content") is None
    [recorded] = [each for each in front.log.records[0].sections if each.section == SECTIONS[service]]
    assert (recorded.state, len(recorded.entries), recorded.sha256) == ("unavailable", 0, b"")


@pytest.mark.parametrize("service", SERVICES)
async def test_a_breaker_that_is_open(front: Front, service: str) -> None:
    """Nobody waits any more: the register is not asked."""
    breaker = front.gateway.backends[service].breaker
    for _ in range(TIMEOUTS):
        breaker.timed_out()
    told(front, service, frozen)
    await checked(front, service, "UNAVAILABLE BREAKER_OPEN")
    assert not front.registers[service].calls


async def test_a_reply_that_no_channel_takes_is_too_large(front: Front) -> None:
    told(front, "labs", saying(bytes(LARGEST + 1)))
    await checked(front, "labs", "UNAVAILABLE TOO_LARGE")


@pytest.mark.parametrize("service", [each for each in SERVICES if each not in {"patients", "medications"}])
async def test_a_section_that_is_too_large_comes_with_fewer_entries(front: Front, service: str) -> None:
    """Its window says that there are more."""
    told(front, service, oversize(BY_SERVICE[service], entries_that_fit=30))
    got = await checked(front, service, "DATA", max_entries=400)
    window = getattr(got.section(service), BY_SERVICE[service].content).window
    fewer = 12 if service == "labs" else 25
    assert (window.returned, window.total, window.older_exist) == (fewer, 700, True)
    assert len(front.registers[service].calls) == 3, "400, 100, 25; of laboratory reports 200, 50, 12"


async def test_time_that_ran_out_over_too_large_answers_is_no_timeout(front: Front) -> None:
    source, calls = BY_SERVICE["labs"], front.registers["labs"].calls

    async def answer(data: bytes, context: Any) -> bytes:
        return await (oversize(source) if len(calls) == 1 else frozen)(data, context)

    told(front, "labs", answer)
    await checked(front, "labs", "UNAVAILABLE TOO_LARGE")
    assert len(calls) == 2


async def test_a_summary_never_outgrows_what_an_ordinary_client_takes(front: Front) -> None:
    """The client of these tests has set no limit: it refuses replies over 4 MiB."""
    for service, size in {"critical_info": 1_900_000, "labs": 1_950_000, "documents": 1_000_000}.items():
        told(front, service, heavy(BY_SERVICE[service], size))
    await checked(front, "labs", "UNAVAILABLE TOO_LARGE")
    [recorded] = [each for each in front.log.records[0].sections if each.section == SECTIONS["labs"]]
    assert (recorded.state, len(recorded.entries)) == ("unavailable", 0)


async def test_a_stream_has_room_for_every_section(front: Front) -> None:
    for service in ("critical_info", "labs", "documents"):
        told(front, service, heavy(BY_SERVICE[service], 1_900_000))
    request = StreamPatientSummaryRequest(patient=PatientIdentifier(national_id=front.people.add()))
    parts = await front.client.stream("StreamPatientSummary", request)
    assert {state(part.section) for part in parts if part.HasField("section")} == {"DATA"}


@pytest.fixture(scope="module")
async def stopped_registers(issuer: Path) -> AsyncIterator[Front]:
    async with running_gateway(issuer, stopped=frozenset(SERVICES)) as front:
        yield front


async def test_registers_that_are_stopped(stopped_registers: Front) -> None:
    """Nothing listens at their addresses."""
    request = GetPatientSummaryRequest(patient=PatientIdentifier(national_id=stopped_registers.people.add()))
    got = Summary(await stopped_registers.client.answer("GetPatientSummary", request), 0)
    rest = {service for service in SERVICES if service != "patients"}
    assert {service: got.states[service] for service in rest} == dict.fromkeys(rest, "UNAVAILABLE ERROR")
    assert got.completeness == "CRITICAL_MISSING"


@pytest.mark.parametrize("rpc", ["ListVisits", "ListLabReports", "ListVaccinations", "ListOwnRegistrations"])
async def test_lists_of_registers_that_are_stopped(stopped_registers: Front, rpc: str) -> None:
    request = method(rpc).request(patient=PatientIdentifier(national_id=stopped_registers.people.add()))
    assert (await refusal(stopped_registers.client.call(rpc, request))).code is grpc.StatusCode.UNAVAILABLE
