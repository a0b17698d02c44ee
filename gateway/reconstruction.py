"""Gives back to an auditor what one access was shown: ReconstructDisclosure, which the gateway serves itself.

The log says which entries in which versions were shown, and has the hash of each section's bytes; it holds no content.
So each section is read anew, as its register held it when it was shown and for a caller as the one on record, and is
hashed. What law has erased, no register gives: it is named as gone. What the patient has restricted since is given all
the same, for it was shown; of a patient with a reservation nothing is read.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message

from gateway.contract import disclosed, disclosed_paths, windows
from gateway.decided_call import DecidedCall, Incoming
from gateway.forwarding.handlers import Forwarding
from gateway.front_door import Context, Handlers, add_receipt
from gateway.recorder import Recorder
from gateway.registers.section_reader import SectionReader
from gateway.registers.sources import BY_SECTION, Source
from gateway.requests import parse
from gateway.steps import Steps
from gateway.summary.fanout import say_without_hidden, window_start
from gateway.summary.handlers import LARGEST_SUMMARY
from kjernejournal.audit.v1 import audit_pb2 as pb
from kjernejournal.common.v1.common_pb2 import (
    ACCESS_BASIS_FORHOYET_AKUTT,
    SECTION_DECISION_PERMIT,
    CallerContext,
    SectionQuery,
)
from shared import deadline, telemetry
from shared.convert import moment, timestamp
from shared.errors import Reason, Unavailable
from shared.register.paging import DEFAULT_SIZE

PATH = "/kjernejournal.audit.v1.AuditService/ReconstructDisclosure"
LONGEST_READ = 1.5
"""Seconds for which a register is waited for."""
READ_BEFORE = timedelta(seconds=1)
"""A section is read a little before it stands on record; a version that came between was not shown."""

Entry = tuple[str, int]


class Reconstruction:
    """Reads anew what was shown."""

    def __init__(
        self,
        steps: Steps,
        recorder: Recorder,
        forwarding: Forwarding,
        section_reader: SectionReader,
        *,
        hides: bool = False,
    ) -> None:
        self._steps = steps
        self._recorder = recorder
        self._forwarding = forwarding
        self._section_reader = section_reader
        self._hides = hides

    def handlers(self) -> dict[str, Handlers]:
        """Returns what serves ReconstructDisclosure, by path."""
        return {PATH: Handlers(unary=self.get)}

    async def get(self, incoming: Incoming, data: bytes, context: Context) -> bytes:
        """Asks the log what was shown, reads it anew, and is on record itself, with every entry, before the release."""
        request = parse(incoming.method, data)
        decided = await self._steps.enter(incoming, request)
        _, message = await self._forwarding.asked(decided, request)
        found = pb.ReconstructDisclosureResponse.FromString(message.SerializeToString())
        # Of those that were one patient with this one then, and are no longer, nothing is read.
        refs = [ref for ref in found.read_refs if ref in decided.refs]
        found.ClearField("read_refs")
        await asyncio.gather(*(self._rebuild(decided, found.access, each, refs) for each in found.sections))
        _fit(found.sections)
        reply = found.SerializeToString()
        receipts = await self._recorder.record([decided.disclosure(_on_record(decided, found, reply))])
        add_receipt(context, receipts[0])
        again = await self._steps.fresh(decided)
        if again.reserved and not decided.reserved:
            raise Unavailable(Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "what was read no longer holds: try again")
        return reply

    async def _rebuild(
        self, decided: DecidedCall, access: pb.Access, section: pb.ReconstructedSection, refs: list[str]
    ) -> None:
        """Puts into a section what is there of it, and says how well that matches."""
        recorded = section.recorded
        if not recorded.sha256:
            section.match = pb.RECONSTRUCTION_MATCH_NOTHING_SHOWN
            return
        source = BY_SECTION.get(recorded.section)
        if source is None:  # settings, the log itself: their forms are not kept
            return
        if decided.reserved:
            section.missing.extend(recorded.entries)
            section.match = pb.RECONSTRUCTION_MATCH_PARTIAL
            section.difference = pb.RECONSTRUCTION_DIFFERENCE_RESERVED
            return
        shown = {(entry.id, entry.version) for entry in recorded.entries}
        best: tuple[set[Entry], Message] | None = None
        for query in _queries(access, section, source, refs):
            content = await self._read(source, query)
            if hashlib.sha256(content.SerializeToString()).digest() == recorded.sha256:
                section.content.Pack(content)
                section.match = pb.RECONSTRUCTION_MATCH_EXACT
                return
            gone = shown - set(disclosed(content, source.disclosed))
            if best is None or len(gone) < len(best[0]):
                best = gone, content
        gone, content = best if best is not None else (shown, source.proto.SectionAnswer().section)
        _say(section, gone, content, shown)

    async def _read(self, source: Source, query: SectionQuery) -> Any:
        """Returns a section. Raises Unavailable where the register cannot say: what is not known is not gone."""
        try:
            answers = await self._section_reader.read(source, [query], deadline.inside(LONGEST_READ))
        except (grpc.aio.AioRpcError, DecodeError):
            raise _unavailable() from None
        answer = answers.get(query.access_id)
        if answer is None or not answer.HasField("section"):
            raise _unavailable()
        if self._hides:
            say_without_hidden(answer.section)
        return answer.section


def _queries(
    access: pb.Access, section: pb.ReconstructedSection, source: Source, refs: list[str]
) -> Iterator[SectionQuery]:
    """Yields what is asked of a register, the likeliest first: as it was asked then; a moment before; and everything,
    what is restricted too."""
    if not refs:
        return
    recorded = section.recorded
    shown_at = moment(recorded.as_of if recorded.HasField("as_of") else section.shown_at)
    yield _query(source, refs, _caller(access, elevated=access.restricted_opened), shown_at, DEFAULT_SIZE)
    everything = _caller(access, elevated=True)
    yield _query(source, refs, everything, shown_at, source.most)
    yield _query(source, refs, everything, shown_at - READ_BEFORE, source.most)


def _query(source: Source, refs: list[str], caller: CallerContext, at: datetime, most: int) -> SectionQuery:
    caller.patient_refs.extend(refs)
    return SectionQuery(
        access_id=caller.access_id,
        caller=caller,
        traceparent=telemetry.traceparent(),
        max_entries=min(most, source.most),
        as_of=timestamp(at),
        since=timestamp(window_start(at, source.window)) if source.window else None,
    )


def _caller(access: pb.Access, *, elevated: bool) -> CallerContext:
    """Returns the caller of an access, in the form that registers are sent."""
    return CallerContext(
        kind=access.caller_kind,
        practitioner=access.practitioner,
        organisation=access.point_of_care,
        legal_entity=access.legal_entity.number,
        basis=ACCESS_BASIS_FORHOYET_AKUTT if elevated else access.ground.basis,
        access_id=access.access_id,
        decision=SECTION_DECISION_PERMIT,
        elevated=elevated,
        for_patient=access.representation != 0,
        representation=access.representation,
    )


def _say(section: pb.ReconstructedSection, gone: set[Entry], content: Message, shown: set[Entry]) -> None:
    """Says of a section that has not the hash on record what is there of it, and why it differs."""
    keep_only(content, shown - gone)
    section.missing.extend(pb.DisclosedEntry(id=entry, version=version) for entry, version in sorted(gone))
    as_section = bool(section.recorded.state)  # a summary says in which state a section was, a list does not
    if not as_section:
        for name in windows(content.DESCRIPTOR):
            content.ClearField(name)  # they count what the section holds, and not what the list showed
    section.content.Pack(content)
    if gone:
        section.match = pb.RECONSTRUCTION_MATCH_PARTIAL
        section.difference = pb.RECONSTRUCTION_DIFFERENCE_GONE
        return
    section.match = pb.RECONSTRUCTION_MATCH_SAME_VERSIONS
    section.difference = (
        pb.RECONSTRUCTION_DIFFERENCE_CHANGED_AROUND if as_section else pb.RECONSTRUCTION_DIFFERENCE_OTHER_FORM
    )


def keep_only(content: Message, shown: set[Entry]) -> None:
    """Takes out of a section what holds other entries than these."""
    for field in content.DESCRIPTOR.fields:
        kind: Any = field.message_type
        if kind is None:
            continue
        paths = disclosed_paths(kind)
        if field.is_repeated:
            there = getattr(content, field.name)
            kept = [each for each in there if shown.issuperset(disclosed(each, paths))]
            del there[:]
            there.extend(kept)
        elif content.HasField(field.name) and not shown.issuperset(disclosed(getattr(content, field.name), paths)):
            content.ClearField(field.name)


def _fit(sections: Iterable[pb.ReconstructedSection]) -> None:
    """Leaves out the largest contents that an ordinary client could not take, and says so."""
    left = LARGEST_SUMMARY
    for section in sorted(sections, key=pb.ReconstructedSection.ByteSize):
        left -= section.ByteSize()
        if left < 0:
            section.ClearField("content")
            section.difference = pb.RECONSTRUCTION_DIFFERENCE_TOO_LARGE


def _on_record(
    decided: DecidedCall, found: pb.ReconstructDisclosureResponse, reply: bytes
) -> Iterator[pb.SectionRecord]:
    """Yields what the log keeps of the reconstruction: the access it is of, and each section that is given back."""
    yield decided.section(entries=[(found.access.access_id, 0)], sha256=hashlib.sha256(reply).digest())
    given: dict[int, pb.SectionRecord] = {}
    for each in found.sections:
        if not each.HasField("content"):
            continue
        named = each.recorded.section
        record = given.setdefault(named, pb.SectionRecord(section=named, decision=SECTION_DECISION_PERMIT))
        there = {(entry.id, entry.version) for entry in (*record.entries, *each.missing)}
        record.entries.extend(entry for entry in each.recorded.entries if (entry.id, entry.version) not in there)
        record.entry_count = len(record.entries)
        record.sha256 = hashlib.sha256(each.content.value).digest()
    yield from given.values()


def _unavailable() -> Unavailable:
    return Unavailable(
        Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "a register cannot say now what it held then: try again"
    )
