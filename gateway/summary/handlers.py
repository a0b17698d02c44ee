"""Serves SummaryService: the gateway's own rpcs, inside the same steps as every other."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from google.protobuf.message import Message

from gateway.access.facts import SectionValue
from gateway.contract import disclosed, total, withheld
from gateway.decided_call import DecidedCall, Incoming
from gateway.front_door import Context, Handlers, add_receipt
from gateway.recorder import Recorder
from gateway.registers.sources import BY_SECTION, SECTIONS
from gateway.safety.check import alerts, seen
from gateway.safety.knowledge_cache import KnowledgeCache
from gateway.steps import Steps
from gateway.summary.fanout import Fanout, Question, hold_back, unavailable
from gateway.texts.catalogue import coded, put_texts
from kjernejournal.audit.v1.audit_pb2 import SectionRecord
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CodedText
from kjernejournal.summary.v1 import summary_pb2
from kjernejournal.summary.v1.summary_pb2 import (
    Alerts,
    GetPatientSummaryRequest,
    GetPatientSummaryResponse,
    StreamPatientSummaryRequest,
    StreamPatientSummaryResponse,
    SummaryEnd,
    SummarySection,
    SummaryStart,
)
from shared import telemetry
from shared.convert import optional_moment, time_of_reading, timestamp
from shared.errors import Invalid, NotSupported, Reason
from shared.handling.decoding import decode
from shared.register.paging import size_of

COMPLETENESS_HEADER = "kj-completeness"
HEAD_START = 0.1
"""Seconds for which a stream waits for critical information before it sends what else is there."""

LARGEST_SUMMARY = 4 * 1024 * 1024 - 16384
"""Bytes of all sections, without their texts. A gRPC client without a limit of its own refuses more than 4 MiB."""

_UNKNOWN = frozenset({summary_pb2.SECTION_STATE_UNAVAILABLE, summary_pb2.SECTION_STATE_UNSPECIFIED})

SummaryRequest = GetPatientSummaryRequest | StreamPatientSummaryRequest


class Summary:
    """Puts summaries together."""

    def __init__(
        self,
        steps: Steps,
        recorder: Recorder,
        fanout: Fanout,
        knowledge_cache: KnowledgeCache,
        *,
        hides: bool = False,
    ) -> None:
        self._hides = hides
        self._steps = steps
        self._recorder = recorder
        self._fanout = fanout
        self._knowledge_cache = knowledge_cache

    def handlers(self) -> dict[str, Handlers]:
        """Returns what serves SummaryService but for GetIndicator, by path."""
        return {
            "/kjernejournal.summary.v1.SummaryService/GetPatientSummary": Handlers(unary=self.get),
            "/kjernejournal.summary.v1.SummaryService/StreamPatientSummary": Handlers(server_stream=self.stream),
            "/kjernejournal.summary.v1.SummaryService/ExportPatientSummary": Handlers(unary=_comes_later),
        }

    async def get(self, incoming: Incoming, data: bytes, context: Context) -> bytes:
        """Reads every section at once; one record, then the release."""
        decided, wanted, question = await self._enter(incoming, data)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._fanout.ask(BY_SECTION[each], decided, question)) for each in wanted]
        sections = [task.result() for task in tasks]
        checked = await self._alerts(incoming, sections, question)
        fit(sections, checked.ByteSize() if checked else 0)
        record = decided.disclosure(_recorded(decided, each, question) for each in sections)
        add_receipt(context, (await self._recorder.record([record]))[0])
        again = await self._steps.fresh(decided, wanted)
        if hold_back(again, sections):  # what rests on what is held back now must not leave either
            checked = await self._alerts(incoming, sections, question)
        whole = completeness(sections, hides=self._hides)
        await context.send_initial_metadata(((COMPLETENESS_HEADER, _short_name(whole)),))
        reply = GetPatientSummaryResponse(
            access_id=decided.access_id,
            completeness=whole,
            sections=map(self._explained, sections),
            assembled_at=timestamp(datetime.now(UTC)),
            alerts=checked,
            notices=self._notices(decided),
            deceased=decided.deceased,
        )
        put_texts(reply, incoming.language)
        return reply.SerializeToString()

    async def stream(self, incoming: Incoming, data: bytes, _: Context) -> AsyncGenerator[bytes, None]:
        """Sends each section as soon as it is there and on record; critical information first when it can be."""
        decided, wanted, question = await self._enter(incoming, data)
        tasks = {asyncio.create_task(self._fanout.ask(BY_SECTION[each], decided, question)): each for each in wanted}
        try:
            start = SummaryStart(
                access_id=decided.access_id,
                sections=wanted,
                notices=self._notices(decided),
                deceased=decided.deceased,
            )
            yield _part(incoming, start=start)
            sent: list[SummarySection] = []
            first = [task for task, each in tasks.items() if each == common_pb2.SECTION_CRITICAL_INFO]
            if first:
                await asyncio.wait(first, timeout=HEAD_START)
            pending = set(tasks)
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in sorted(done, key=lambda task: tasks[task]):
                    section = task.result()
                    hold_back(decided, [section])  # fetched on an older decision, perhaps
                    await self._recorder.record([decided.disclosure([_recorded(decided, section, question)])])
                    decided = await self._steps.fresh(decided, wanted)
                    hold_back(decided, [section])
                    sent.append(section)
                    yield _part(incoming, section=self._explained(section))
            whole = completeness(sent, hides=self._hides)  # of what was sent, whatever is held back by now
            hold_back(await self._steps.fresh(decided, wanted), sent)
            checked = await self._alerts(incoming, sent, question)
            end = SummaryEnd(
                completeness=whole,
                assembled_at=timestamp(datetime.now(UTC)),
                alerts=checked,
                notices=self._notices(decided),
            )
            yield _part(incoming, end=end)
        finally:
            for task in tasks:
                task.cancel()

    async def _enter(self, incoming: Incoming, data: bytes) -> tuple[DecidedCall, tuple[SectionValue, ...], Question]:
        request = cast("SummaryRequest", decode(cast("type[Any]", incoming.method.request), data))
        wanted = _wanted(request.sections)
        question = Question(as_of=optional_moment(request, "as_of"), max_entries=_max_entries(request.max_entries))
        decided = await self._steps.enter(incoming, request, sections=wanted)
        return decided, wanted, question

    def _notices(self, decided: DecidedCall) -> list[CodedText]:
        """Returns what has to be known before anything else."""
        codes = {"NOTICE_DECEASED": decided.deceased, "NOTICE_MAY_BE_HIDDEN": self._hides}
        return [coded(code) for code, holds in codes.items() if holds]

    def _explained(self, section: SummarySection) -> SummarySection:
        return explained(section, hides=self._hides)

    async def _alerts(
        self, incoming: Incoming, sections: Iterable[SummarySection], question: Question
    ) -> Alerts | None:
        """Makes the safety checks over sections as they are about to be released."""
        with telemetry.span("check medicines"):
            knowledge, now = await self._knowledge_cache.get(), time_of_reading(question.as_of)
            return alerts(knowledge, seen(sections), now, incoming.language)


def fit(sections: Iterable[SummarySection], besides: int = 0) -> None:
    """Leaves out the largest sections of a summary that an ordinary client could not take, and says so in them.

    `besides` are the bytes of what else is in the reply.

    Never critical information or medicines. StreamPatientSummary and the sections' own List rpcs have room for each.
    """
    sizes = {section.section: section.ByteSize() for section in sections}
    for section in sorted(sections, key=SummarySection.ByteSize, reverse=True):
        if sum(sizes.values()) + besides <= LARGEST_SUMMARY:
            return
        if not BY_SECTION[section.section].critical:
            unavailable(section, common_pb2.UNAVAILABLE_REASON_TOO_LARGE)
            sizes[section.section] = section.ByteSize()


def completeness(sections: Sequence[SummarySection], *, hides: bool = False) -> "summary_pb2.Completeness.ValueType":
    """Returns how whole a summary is: partial when a section is missing, and worse for critical ones.

    Critical information or medicines that the patient restricts, all or some, are as loud as missing ones. What else
    the patient restricts, and what is not for this caller, is stated in its section and is not a fault.
    """
    missing = [each.section for each in sections if each.state in _UNKNOWN]
    if any(BY_SECTION[section].critical for section in missing):
        return summary_pb2.COMPLETENESS_CRITICAL_MISSING
    if any(BY_SECTION[each.section].critical and _withholds(each) for each in sections):
        return summary_pb2.COMPLETENESS_CRITICAL_WITHHELD
    if missing:
        return summary_pb2.COMPLETENESS_PARTIAL
    return summary_pb2.COMPLETENESS_MAY_BE_HIDDEN if hides else summary_pb2.COMPLETENESS_COMPLETE


def _withholds(section: SummarySection) -> bool:
    """Whether the patient's restrictions keep something of the section back."""
    if section.state == summary_pb2.SECTION_STATE_WITHHELD:
        return True
    return withheld(_content(section)) > 0


def _content(section: SummarySection) -> Message:
    """Returns what came of a section; the empty section itself, which has no lists, where nothing did."""
    content = section.WhichOneof("content")
    return SummarySection() if content is None else getattr(section, content)


async def _comes_later(_incoming: Incoming, _data: bytes, _context: Context) -> bytes:
    raise NotSupported(Reason.ERROR_REASON_NOT_SUPPORTED, "this rpc is part of the contract; its behaviour comes later")


def _wanted(sections: Iterable[SectionValue]) -> tuple[SectionValue, ...]:
    asked = tuple(dict.fromkeys(sections))
    for position, section in enumerate(asked):
        if section not in BY_SECTION:
            raise Invalid(f"sections[{position}]", "is not a section of the summary")
    return tuple(section for section in SECTIONS if section in asked) if asked else SECTIONS


def _max_entries(asked: int) -> int:
    try:
        return size_of(asked)
    except Invalid as error:
        raise Invalid("max_entries", error.problem) from None


def _recorded(decided: DecidedCall, section: SummarySection, question: Question) -> SectionRecord:
    """Returns what the access log keeps of a section: its state, its entries, the hash of its bytes."""
    source = BY_SECTION[section.section]
    if section.HasField(source.content):  # type: ignore[arg-type]  # a field of the oneof, by the table
        content = getattr(section, source.content)
        sha256 = hashlib.sha256(content.SerializeToString()).digest()
        record = decided.section(section.section, disclosed(content, source.disclosed), sha256)
        record.withheld = withheld(content)
    else:
        record = decided.section(section.section)
    record.state = summary_pb2.SectionState.Name(section.state).removeprefix("SECTION_STATE_").lower()
    record.unavailable = section.unavailable_reason
    if question.as_of:
        record.as_of.CopyFrom(timestamp(question.as_of))
    return record


def explained(section: SummarySection, *, hides: bool = False) -> SummarySection:
    """Returns the section with what its state means, as it is released."""
    if section.state == summary_pb2.SECTION_STATE_UNAVAILABLE:
        code = common_pb2.UnavailableReason.Name(section.unavailable_reason).removeprefix("UNAVAILABLE_REASON_")
        code = f"UNAVAILABLE_{code}"
    else:
        code = summary_pb2.SectionState.Name(section.state).removeprefix("SECTION_")
        if hides and section.state == summary_pb2.SECTION_STATE_NONE_RECORDED:
            code = "STATE_NONE_SHOWN"
    values = {"count": str(total(_content(section)))} if section.state == summary_pb2.SECTION_STATE_OLDER_ONLY else {}
    section.explanation.CopyFrom(coded(code, **values))
    return section


def _part(incoming: Incoming, **part: Any) -> bytes:
    message = StreamPatientSummaryResponse(**part)
    put_texts(message, incoming.language)
    return message.SerializeToString()


def _short_name(whole: "summary_pb2.Completeness.ValueType") -> str:
    return summary_pb2.Completeness.Name(whole).removeprefix("COMPLETENESS_")
