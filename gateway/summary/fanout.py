"""Asks every source at once. Each answer is data or a stated absence; our own bugs raise."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message

from gateway.contract import leave_out_withheld
from gateway.decided_call import DecidedCall
from gateway.registers.breaker import BreakerOpen
from gateway.registers.section_reader import SectionReader
from gateway.registers.sources import Source
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import SectionFailure, SectionQuery
from kjernejournal.medications.v1.medications_pb2 import MedicationsSection
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import SummarySection
from shared import deadline, telemetry
from shared.convert import timestamp

RESERVE = 0.25
"""Part of the time left, at most 0.25 s of it, that is kept for the access log and the release."""

_FIRST = datetime(1, 1, 1, tzinfo=UTC)

FEWER = 4
"""A section that was too large is asked for again with so many times fewer entries: 100, 25, 6, 1."""
EACH_MORE = 0.005
"""Seconds that a register may take for each further patient of a list."""


@dataclass(frozen=True)
class Question:
    """What a summary asks of every register."""

    as_of: datetime | None
    max_entries: int


class Fanout:
    """The registers, asked for their sections."""

    def __init__(self, section_reader: SectionReader, *, hides: bool = False) -> None:
        self._section_reader = section_reader
        self._hides = hides

    async def ask(self, source: Source, decided: DecidedCall, question: Question) -> SummarySection:
        """Returns one section, within its budget. What the policy holds back is not even asked for."""
        name = common_pb2.Section.Name(source.section).removeprefix("SECTION_")
        started = time.monotonic()
        with telemetry.span(f"section {name.lower()}", **{"kj.section": name}) as span:
            section = SummarySection(section=source.section, source=source.service, coverage=source.coverage)
            section.as_of.CopyFrom(timestamp(question.as_of or datetime.now(UTC)))
            verdict = decided.decision.sections[source.section].decision
            if verdict == common_pb2.SECTION_DECISION_PERMIT:
                await self._fetch(source, decided, question, section)
            else:
                withhold(section, verdict)
            section.duration.CopyFrom(_duration(time.monotonic() - started))
            span.set("kj.state", summary_pb2.SectionState.Name(section.state))
            if section.unavailable_reason:
                span.fail(common_pb2.UnavailableReason.Name(section.unavailable_reason))
            return section

    async def _fetch(self, source: Source, decided: DecidedCall, question: Question, section: SummarySection) -> None:
        query = SectionQuery(
            access_id=decided.access_id,
            caller=decided.context(source.section),
            traceparent=telemetry.traceparent(),
            max_entries=min(question.max_entries, source.most),
        )
        if question.as_of:
            query.as_of.CopyFrom(timestamp(question.as_of))
        if source.window:
            query.since.CopyFrom(timestamp(window_start(question.as_of or datetime.now(UTC), source.window)))
        answer = await self._answer(source, query)
        if answer.HasField("failure"):
            unavailable(section, answer.failure.reason)
        else:
            if self._hides:
                say_without_hidden(answer.section)
            _fill(section, source, answer.section)

    async def _answer(self, source: Source, query: SectionQuery) -> Any:
        """Returns the register's answer. One that is too large is asked for again with fewer entries, while there is
        time: a section that says what it leaves out helps more than none."""
        seconds = seconds_for(source)
        ends = time.monotonic() + seconds
        answer = await self._read(source, query, seconds)
        while _too_large(answer) and query.max_entries > 1 and (left := ends - time.monotonic()) > 0:
            query.max_entries = max(1, query.max_entries // FEWER)
            smaller = await self._read(source, query, left)
            if smaller.failure.reason == common_pb2.UNAVAILABLE_REASON_TIMEOUT:
                break  # it is not late by itself: it is too large
            answer = smaller
        return answer

    async def _read(self, source: Source, query: SectionQuery, seconds: float) -> Any:
        """Returns the register's answer to one query; where it gives none, a failure with the reason."""
        try:
            answers = await self._section_reader.read(source, [query], seconds)
        except grpc.aio.AioRpcError as error:
            return _failed(source, _reason(error))
        except DecodeError:
            return _failed(source, common_pb2.UNAVAILABLE_REASON_ERROR)
        answer = answers.get(query.access_id)
        if answer is None or answer.WhichOneof("result") is None:
            return _failed(source, common_pb2.UNAVAILABLE_REASON_ERROR)
        return answer


def say_without_hidden(content: Message) -> None:
    """Takes out of a section what shows that something was withheld, where nobody is to know.

    That the patient uses no medicines stays a statement that somebody made, and is no state of the section, for every
    patient alike: beside a hidden prescription the register does not let it hold, and a state that held would be wrong.
    """
    leave_out_withheld(content)
    if isinstance(content, MedicationsSection):
        content.ClearField("stated_absence")


def hold_back(decided: DecidedCall, sections: Iterable[SummarySection]) -> bool:
    """Takes the content out of sections that the latest decision does not permit. Returns whether there was any."""
    held = False
    for section in sections:
        verdict = decided.decision.sections[section.section].decision
        if verdict != common_pb2.SECTION_DECISION_PERMIT:
            held |= section.WhichOneof("content") is not None
            withhold(section, verdict)
    return held


def withhold(section: SummarySection, verdict: "common_pb2.SectionDecision.ValueType") -> None:
    """Makes the section one that is not for this caller, without anything that was fetched."""
    section.ClearField("content")
    section.ClearField("unavailable_reason")
    if verdict == common_pb2.SECTION_DECISION_WITHHOLD:
        section.state = summary_pb2.SECTION_STATE_WITHHELD
    else:
        section.state = summary_pb2.SECTION_STATE_NOT_AUTHORIZED


def _failed(source: Source, reason: "common_pb2.UnavailableReason.ValueType") -> Any:
    return source.proto.SectionAnswer(failure=SectionFailure(reason=reason))


def _reason(error: grpc.aio.AioRpcError) -> "common_pb2.UnavailableReason.ValueType":
    if isinstance(error, BreakerOpen):
        return common_pb2.UNAVAILABLE_REASON_BREAKER_OPEN
    match error.code():
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return common_pb2.UNAVAILABLE_REASON_TIMEOUT
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            # gRPC's own words for a reply that our channel does not take; it has no code of its own.
            if "message larger than max" in (error.details() or ""):
                return common_pb2.UNAVAILABLE_REASON_TOO_LARGE
            return common_pb2.UNAVAILABLE_REASON_OVERLOADED
        case _:
            return common_pb2.UNAVAILABLE_REASON_ERROR


def _too_large(answer: Any) -> bool:
    return bool(answer.failure.reason == common_pb2.UNAVAILABLE_REASON_TOO_LARGE)


def _fill(section: SummarySection, source: Source, content: Message) -> None:
    section.state = source.state(content)  # type: ignore[assignment]  # a SectionState, by the table
    getattr(section, source.content).CopyFrom(content)


def unavailable(section: SummarySection, reason: "common_pb2.UnavailableReason.ValueType") -> None:
    """Makes the section one that could not be fetched, or not be shown, for this reason."""
    section.ClearField("content")
    section.state = summary_pb2.SECTION_STATE_UNAVAILABLE
    named = reason and reason in common_pb2.UnavailableReason.values()  # a register may be newer than we are
    section.unavailable_reason = reason if named else common_pb2.UNAVAILABLE_REASON_ERROR


def seconds_for(source: Source, patients: int = 1) -> float:
    """Returns the seconds that a register may take: its budget, inside what the deadline leaves."""
    left = deadline.remaining(60.0)
    return max(0.001, min(source.budget + EACH_MORE * (patients - 1), left - min(RESERVE, left * RESERVE)))


def window_start(end: datetime, window: timedelta) -> datetime:
    """Returns where a history window begins: with a day, so that what was shown can be asked for again, and not before
    there are dates."""
    if end - _FIRST <= window:
        return _FIRST
    return (end - window).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromMicroseconds(int(seconds * 1_000_000))
    return duration
