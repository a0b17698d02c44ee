"""One section: data or a stated absence, within its budget; never an absence that reads as none."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import grpc
import pytest

from gateway.access.facts import Caller, Decision, Outcome, SectionVerdict
from gateway.contract import methods
from gateway.decided_call import DecidedCall, Incoming
from gateway.registers.breaker import PROBE_AFTER, TIMEOUTS, Breaker
from gateway.registers.patient_lookup import Resolved
from gateway.registers.sources import BY_SECTION, SOURCES, Source
from gateway.summary.fanout import Question, seconds_for
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import ListWindow, SectionFailure
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import SummarySection
from kjernejournal.visits.v1 import visits_pb2
from shared import deadline
from tests.support.gateway import Front
from tests.support.scripted.services import refusing, saying

pytestmark = pytest.mark.budgets

VISITS = BY_SECTION[common_pb2.SECTION_VISITS]
NOW = Question(as_of=None, max_entries=100)
"""Seconds that a busy machine may add."""
STATE, REASON = summary_pb2.SectionState, common_pb2.UnavailableReason


def decided(decision: Any = common_pb2.SECTION_DECISION_PERMIT) -> DecidedCall:
    verdict = SectionVerdict(decision, 0, "test")  # type: ignore[arg-type]  # no reason
    return DecidedCall(
        incoming=Incoming(
            methods()["/kjernejournal.summary.v1.SummaryService/GetPatientSummary"],
            metadata=(),
            caller=Caller(kind=common_pb2.CALLER_KIND_CLINICIAN),
            basis=common_pb2.ACCESS_BASIS_AKUTT,
        ),
        access_id=str(uuid4()),
        trace_id="0" * 32,
        patient=None,
        resolved=Resolved(time.monotonic(), {}),
        decision=Decision(Outcome.PERMIT, 0, "test", {each.section: verdict for each in SOURCES}, "1"),  # type: ignore[arg-type]  # enum numbers
    )


def answering(result: Callable[[str], Any], source: Source = VISITS) -> Callable[[bytes, Any], Awaitable[bytes]]:
    """Returns a register whose answer to each query is made from its access id."""

    async def answer(data: bytes, _: Any) -> bytes:
        queries = source.proto.BatchGetSectionsRequest.FromString(data).queries
        reply = source.proto.BatchGetSectionsResponse(answers=[result(each.access_id) for each in queries])
        return bytes(reply.SerializeToString())

    return answer


async def asked(
    front: Front, answer: Any, *, source: Source = VISITS, question: Question = NOW, of: DecidedCall | None = None
) -> SummarySection:
    front.registers[source.service].unary(source.path, answer)
    return await front.gateway.fanout.ask(source, of or decided(), question)


def state(section: SummarySection) -> str:
    name = STATE.Name(section.state).removeprefix("SECTION_STATE_")
    reason = REASON.Name(section.unavailable_reason).removeprefix("UNAVAILABLE_REASON_")
    return f"{name} {reason}" if section.unavailable_reason else name


@pytest.fixture(autouse=True)
def closed_breakers(front: Front) -> None:
    front.new_breakers()


async def test_data_comes_with_source_time_and_coverage(front: Front) -> None:
    content = visits_pb2.VisitsSection(visits=[visits_pb2.Visit()], window=ListWindow(returned=1, total=1))
    section = await asked(front, answering(lambda key: visits_pb2.SectionAnswer(access_id=key, section=content)))
    assert state(section) == "DATA"
    assert section.visits == content
    assert (section.source, section.coverage) == ("visits", VISITS.coverage)
    assert section.as_of.seconds
    assert section.duration.nanos


EMPTY = visits_pb2.VisitsSection(window=ListWindow())
ANSWERS = {
    "another's key": (lambda _: visits_pb2.SectionAnswer(access_id="x", section={}), "UNAVAILABLE ERROR"),  # type: ignore[arg-type]  # enum numbers
    "no result": (lambda key: visits_pb2.SectionAnswer(access_id=key), "UNAVAILABLE ERROR"),
    "failure without a reason": (
        lambda key: visits_pb2.SectionAnswer(access_id=key, failure=SectionFailure()),
        "UNAVAILABLE ERROR",
    ),
    "failure of a newer release": (
        lambda key: visits_pb2.SectionAnswer(access_id=key, failure=SectionFailure(reason=99)),  # type: ignore[arg-type]  # enum numbers
        "UNAVAILABLE ERROR",
    ),
    "too large": (
        lambda key: visits_pb2.SectionAnswer(
            access_id=key, failure=SectionFailure(reason=common_pb2.UNAVAILABLE_REASON_TOO_LARGE)
        ),
        "UNAVAILABLE TOO_LARGE",
    ),
    "timeout inside": (
        lambda key: visits_pb2.SectionAnswer(
            access_id=key, failure=SectionFailure(reason=common_pb2.UNAVAILABLE_REASON_TIMEOUT)
        ),
        "UNAVAILABLE TIMEOUT",
    ),
    "an empty section": (
        lambda key: visits_pb2.SectionAnswer(access_id=key, section=EMPTY),
        "NONE_RECORDED",
    ),
    "a section that does not say how much there is": (
        lambda key: visits_pb2.SectionAnswer(access_id=key, section=visits_pb2.VisitsSection()),
        "UNAVAILABLE ERROR",
    ),
}


@pytest.mark.parametrize("name", list(ANSWERS))
async def test_an_answer_that_is_none_is_stated(front: Front, name: str) -> None:
    result, expected = ANSWERS[name]
    section = await asked(front, answering(result))
    assert state(section) == expected
    if expected.startswith("UNAVAILABLE"):
        assert section.WhichOneof("content") is None


async def test_two_answers_to_one_question_are_none(front: Front) -> None:
    async def answer(data: bytes, _: Any) -> bytes:
        key = visits_pb2.BatchGetSectionsRequest.FromString(data).queries[0].access_id
        one = visits_pb2.SectionAnswer(access_id=key, section=EMPTY)
        return visits_pb2.BatchGetSectionsResponse(answers=[one, one]).SerializeToString()

    assert state(await asked(front, answer)) == "UNAVAILABLE ERROR"


@pytest.mark.parametrize("reply", [b"", b"\x0a\xff\xff\xff\xff\x0f"], ids=["no answers", "garbage"])
async def test_garbage_is_an_error_and_not_none(front: Front, reply: bytes) -> None:
    assert state(await asked(front, saying(reply))) == "UNAVAILABLE ERROR"


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
async def test_every_code_is_a_stated_absence(front: Front, code: grpc.StatusCode) -> None:
    section = await asked(front, refusing(code, "asyncpg", None))
    reasons = {grpc.StatusCode.DEADLINE_EXCEEDED: "TIMEOUT", grpc.StatusCode.RESOURCE_EXHAUSTED: "OVERLOADED"}
    assert state(section) == f"UNAVAILABLE {reasons.get(code, 'ERROR')}"
    assert b"asyncpg" not in section.SerializeToString()


async def test_a_register_that_is_not_there_is_an_error(front: Front) -> None:
    front.registers["visits"].forget()
    assert state(await front.gateway.fanout.ask(VISITS, decided(), NOW)) == "UNAVAILABLE ERROR"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.service))
async def test_a_hanging_register_costs_its_budget_and_no_more(front: Front, source: Source) -> None:
    began = time.monotonic()
    section = await asked(front, hanging, source=source)
    assert state(section) == "UNAVAILABLE TIMEOUT"
    assert time.monotonic() - began > source.budget - 0.05
    [call] = front.registers[source.service].calls
    assert call.seconds_left <= source.budget + 0.05, "its deadline is the budget; and it is not asked again"
    assert section.duration.ToTimedelta().total_seconds() >= source.budget - 0.05


async def test_a_short_deadline_shortens_the_budget(front: Front) -> None:
    async def within() -> SummarySection:
        deadline.set_deadline(0.2)
        return await asked(front, hanging)

    section = await asyncio.create_task(within())
    assert state(section) == "UNAVAILABLE TIMEOUT"
    [call] = front.registers["visits"].calls
    assert call.seconds_left < 0.15 + 0.02, "a part of the deadline is kept for the log and the release"


def test_the_reserve_is_a_quarter_of_what_is_left_and_never_more_than_a_quarter_second() -> None:
    def within(left: float) -> float:
        deadline.set_deadline(left)
        return seconds_for(VISITS)

    # Each in a context of its own: a deadline left behind would be every later test's.
    assert copy_context().run(within, 0.2) == pytest.approx(0.15, abs=0.01)
    assert copy_context().run(within, 10) == VISITS.budget
    assert 0 < copy_context().run(within, -1) < 0.01


@pytest.mark.parametrize(
    "decision, expected",
    [
        (common_pb2.SECTION_DECISION_WITHHOLD, "WITHHELD"),
        (common_pb2.SECTION_DECISION_DENY, "NOT_AUTHORIZED"),
        (common_pb2.SECTION_DECISION_UNSPECIFIED, "NOT_AUTHORIZED"),
    ],
)
async def test_what_the_policy_holds_back_is_not_even_asked_for(front: Front, decision: Any, expected: str) -> None:
    section = await asked(front, hanging, of=decided(decision))
    assert state(section) == expected
    assert not front.registers["visits"].calls


async def test_a_window_is_asked_for_by_the_moment_of_the_question(front: Front) -> None:
    moment = datetime(2020, 6, 1, tzinfo=UTC)
    await asked(
        front, answering(lambda key: visits_pb2.SectionAnswer(access_id=key)), question=replace(NOW, as_of=moment)
    )
    [call] = front.registers["visits"].calls
    [query] = visits_pb2.BatchGetSectionsRequest.FromString(call.messages[0]).queries
    assert query.as_of.ToDatetime(tzinfo=UTC) == moment
    assert query.since.ToDatetime(tzinfo=UTC).year == 2017
    assert query.traceparent


async def test_a_window_before_there_are_dates_begins_with_them(front: Front) -> None:
    first = replace(NOW, as_of=datetime(1, 2, 3, tzinfo=UTC))
    section = await asked(
        front,
        answering(lambda key: visits_pb2.SectionAnswer(access_id=key, section=EMPTY)),
        question=first,
    )
    assert state(section) == "NONE_RECORDED"


async def test_after_five_timeouts_nobody_waits(front: Front) -> None:
    for _ in range(TIMEOUTS):
        await asked(front, refusing(grpc.StatusCode.DEADLINE_EXCEEDED, "", None))
    calls = len(front.registers["visits"].calls)
    section = await front.gateway.fanout.ask(VISITS, decided(), NOW)
    assert state(section) == "UNAVAILABLE BREAKER_OPEN"
    assert len(front.registers["visits"].calls) == calls


async def test_callers_in_a_hurry_do_not_close_a_register_to_the_others(front: Front) -> None:
    async def in_a_hurry() -> SummarySection:
        deadline.set_deadline(0.02)
        return await asked(front, hanging)

    for _ in range(TIMEOUTS + 1):
        assert state(await asyncio.create_task(in_a_hurry())) == "UNAVAILABLE TIMEOUT"
    answer = answering(lambda key: visits_pb2.SectionAnswer(access_id=key, section=EMPTY))
    assert state(await asked(front, answer)) == "NONE_RECORDED"


def test_a_breaker_opens_lets_one_probe_through_and_closes() -> None:
    now = 100.0
    breaker = Breaker(lambda: now)
    for _ in range(TIMEOUTS - 1):
        breaker.timed_out()
    assert breaker.admits()
    breaker.timed_out()
    assert not breaker.admits()
    now += PROBE_AFTER
    assert breaker.admits(), "one probe"
    assert not breaker.admits(), "and no more"
    breaker.timed_out()
    now += PROBE_AFTER / 2
    assert not breaker.admits()
    now += PROBE_AFTER
    assert breaker.admits()
    breaker.answered()
    assert all(breaker.admits() for _ in range(10))


def test_an_answer_between_timeouts_starts_the_count_again() -> None:
    breaker = Breaker()
    for _ in range(3):
        for _ in range(TIMEOUTS - 1):
            breaker.timed_out()
        breaker.answered()
    assert breaker.admits()


async def hanging(_: bytes, __: Any) -> bytes:
    await asyncio.sleep(30)
    return b""
