"""Forwards the rpcs that services serve, inside the steps of every call. Streams into a service: `incoming_streams`."""

import hashlib
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace

import grpc
from google.protobuf.message import DecodeError, Message

from gateway.access.facts import Outcome
from gateway.contract import GATEWAY, Method, leave_out_withheld, withheld
from gateway.decided_call import DecidedCall, Incoming
from gateway.forwarding.hidden_entries import HiddenEntries
from gateway.forwarding.incoming_streams import IncomingStreams
from gateway.forwarding.write_outcomes import LONGEST_WRITE, WriteOutcomes
from gateway.front_door import IDLE, Context, Handlers, add_receipt
from gateway.quota import Quota
from gateway.recorder import Recorder
from gateway.registers.backends import Backend
from gateway.registers.breaker import BreakerOpen
from gateway.registers.refusals import refusal_of, service_fault
from gateway.registers.section_reader import says_how_much
from gateway.registers.sources import SOURCES
from gateway.requests import (
    byte_range_of,
    first_of_its_kind,
    names_entry,
    parse,
    put_ref,
    request_id_of,
    searched_practitioner,
)
from gateway.steps import LOOK_AGAIN, Steps
from gateway.sweeps import Sweeps
from gateway.texts.catalogue import put_texts
from kjernejournal.common.v1 import common_pb2
from shared import deadline
from shared.errors import Denied, KjernejournalError, Reason, Unavailable, entry_not_found

LONGEST_READ = 1.5
"""Seconds for which a register is waited for, at most. A caller who waits longer hears that the register is slow, and
not that the deadline has passed."""
REGISTERS = frozenset(source.service for source in SOURCES)


class Forwarding:
    """Does steps 3 to 6 around a call to a service."""

    def __init__(
        self,
        steps: Steps,
        recorder: Recorder,
        backends: dict[str, Backend],
        hidden_entries: HiddenEntries,
        quota: Quota,
        sweeps: Sweeps,
        *,
        idle: float = IDLE,
        look_again: float = LOOK_AGAIN,
        hides: bool = False,
    ) -> None:
        self._hides = hides
        self._steps = steps
        self._recorder = recorder
        self._outcomes = WriteOutcomes(steps, recorder)
        self._incoming_streams = IncomingStreams(
            steps, recorder, self._outcomes, backends, idle=idle, look_again=look_again
        )
        self._backends = backends
        self._hidden_entries = hidden_entries
        self._quota = quota
        self._sweeps = sweeps
        self._idle = idle
        self._look_again = look_again

    def handlers(self, methods: Mapping[str, Method]) -> dict[str, Handlers]:
        """Returns what serves each of these rpcs that a service behind the gateway serves, by path."""
        handlers = Handlers(
            unary=self.unary, server_stream=self.server_stream, client_stream=self._incoming_streams.client_stream
        )
        return {path: handlers for path, method in methods.items() if method.service not in GATEWAY}

    async def finish(self, seconds: float) -> None:
        """Waits for writes whose callers have gone, and for their records."""
        await self._outcomes.finish(seconds)

    async def unary(self, incoming: Incoming, data: bytes, context: Context) -> bytes:
        """Serves a read, on record before its reply leaves; or a write, on record before it is made, and after."""
        request = parse(incoming.method, data)
        if incoming.method.rule.status_only:
            self._quota.take(incoming.caller.legal_entity, 1)
            decided = await self._steps.decide(incoming, request)
            self._sweeps.saw([decided])
            return await self._status(decided, request)
        decided = replace(await self._steps.enter(incoming, request), searched=searched_practitioner(request))
        if incoming.method.rule.action == common_pb2.ACTION_READ:
            return await self._read(decided, request, context)
        return await self._write(decided, request)

    async def server_stream(self, incoming: Incoming, data: bytes, _: Context) -> AsyncGenerator[bytes, None]:
        """Sends each message on facts that are fresh, so that a block holds for the rest of a download too; one that
        names entries is on record before. The token is looked at every 5 s.
        """
        method, request = incoming.method, parse(incoming.method, data)
        decided = await self._steps.enter(incoming, request)
        put_ref(decided, request)
        sent = self._backends[method.service].read_stream(
            method.path,
            request.SerializeToString(),
            caller=decided.context(method.rule.section),
            timeout=deadline.inside(method.rule.longest_stream or IDLE),
            idle=self._idle,
        )
        try:
            looked = time.monotonic()
            async for message in sent:
                entries = method.disclosed_in(_parsed(method, message))
                if entries:
                    section = decided.section(entries=entries, sha256=hashlib.sha256(message).digest())
                    if part := byte_range_of(request):
                        section.range.CopyFrom(part)
                    await self._recorder.record([decided.disclosure([section])])
                elif time.monotonic() - looked > self._look_again:
                    await self._steps.still(decided)
                    looked = time.monotonic()
                decided = await self._steps.fresh(decided)
                yield message
        except grpc.aio.AioRpcError as error:
            raise await self._refused(decided, error) from None
        finally:
            await sent.aclose()

    async def _status(self, decided: DecidedCall, request: Message) -> bytes:
        """Returns whether something exists, as far as the latest decision lets the caller know."""
        reply, shown = b"", True
        if decided.decision.permitted:
            reply, message = await self.asked(decided, request)
            [decided] = await self._steps.fresh_each([decided])
            # Where restrictions are hidden, nobody hears that there is nothing: it may be restricted.
            shown = not self._hides or getattr(message, "has_critical_information", False)
        if decided.decision.outcome is Outcome.EXISTS or (decided.decision.permitted and not shown):
            # An empty reply would read as none.
            raise Denied(Reason.ERROR_REASON_NO_ACCESS, "what there is is not shown here: look in the record")
        await self._steps.refuse_if_denied(decided)
        return reply

    async def _read(self, decided: DecidedCall, request: Message, context: Context) -> bytes:
        """Returns the register's reply, once its disclosure is on record."""
        method = decided.method
        reply, message = await self.asked(decided, request)
        if method.rule.audit == common_pb2.AUDIT_LEVEL_FULL:
            entries = method.disclosed_in(message)
            section = decided.section(entries=entries, sha256=hashlib.sha256(reply).digest())
            section.withheld = withheld(message)
            add_receipt(context, (await self._recorder.record([decided.disclosure([section])]))[0])
        await self._steps.fresh(decided)
        return reply

    async def asked(self, decided: DecidedCall, request: Message) -> tuple[bytes, Message]:
        """Asks the register. Returns its reply, and the same parsed; raises its refusal."""
        method = decided.method
        put_ref(decided, request)
        await self._hidden_entries.put(decided, request)
        left = deadline.inside(LONGEST_WRITE)
        seconds = min(left, LONGEST_READ) if method.service in REGISTERS else left
        try:
            reply = await self._backends[method.service].guarded_read(
                method.path,
                request.SerializeToString(),
                caller=decided.context(method.rule.section),
                timeout=seconds,
            )
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED and seconds < left:
                raise _too_slow() from None
            raise await self._refused(decided, error) from None
        message = _parsed(method, reply)
        if self._hides and leave_out_withheld(message):
            reply = message.SerializeToString()
        if method.says_texts:
            put_texts(message, decided.incoming.language)
            reply = message.SerializeToString()
        return reply, message

    async def _refused(self, decided: DecidedCall, error: grpc.aio.AioRpcError) -> KjernejournalError:
        """Returns the refusal of a read by its register. One that says something of the record (a restricted document,
        an entry that is not there) is on record first."""
        if isinstance(error, BreakerOpen):
            return _not_asked()
        refusal = refusal_of(error)
        counted = decided.method.rule.audit == common_pb2.AUDIT_LEVEL_FULL
        if counted and refusal.code in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND):
            await self._recorder.record([decided.denial(refusal.reason, refusal.code.value[0])])
        return self._as_told(refusal)

    def _as_told(self, refusal: KjernejournalError) -> KjernejournalError:
        """Returns a register's refusal as the caller hears it: where restrictions are hidden, an entry that is
        restricted is one that is not there."""
        restricted = refusal.reason == Reason.ERROR_REASON_SECTION_RESTRICTED
        return entry_not_found() if self._hides and restricted else refusal

    async def _write(self, decided: DecidedCall, request: Message) -> bytes:
        if self._hides and first_of_its_kind(request) and not decided.decision.elevated:
            await self._refuse_unseen(decided)
        request_id = request_id_of(request)
        decided = replace(decided, names_entry=names_entry(request))
        put_ref(decided, request)
        try:
            return await self._outcomes.shielded(self._made(decided, request, request_id))
        except KjernejournalError as refusal:
            raise self._as_told(refusal) from None

    async def _refuse_unseen(self, decided: DecidedCall) -> None:
        """Raises Denied, once it is on record, for personnel who send what there is one of without having seen one.

        Where restrictions are hidden they may not have been shown it, and what they send would take its place unseen.
        Whether there is one must not show: so the first is sent on an elevated basis, whoever the patient is.
        """
        if decided.caller.kind != common_pb2.CALLER_KIND_CLINICIAN:
            return
        refusal = Denied(
            Reason.ERROR_REASON_SECTION_RESTRICTED,
            "there may be one that the patient has hidden: the first is sent on an elevated basis, which shows it",
            bases="FORHOYET_SAMTYKKE,FORHOYET_AKUTT",
        )
        await self._recorder.record([decided.denial(refusal.reason, refusal.code.value[0])])
        raise refusal

    async def _made(self, decided: DecidedCall, request: Message, request_id: str) -> bytes:
        method, decided = decided.method, await self._outcomes.permitted(decided, request_id)
        call = self._backends[method.service].unary_call(
            method.path,
            request.SerializeToString(),
            caller=decided.context(method.rule.section),
            timeout=deadline.inside(LONGEST_WRITE),
        )
        return await self._outcomes.concluded(decided, call, request_id)


def _not_asked() -> Unavailable:
    return Unavailable(
        Reason.ERROR_REASON_SERVICE_UNAVAILABLE,
        "the register did not answer in time the last times, and was not asked: try again later",
        unavailable="BREAKER_OPEN",
    )


def _too_slow() -> Unavailable:
    return Unavailable(
        Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "the register did not answer in time: try again", unavailable="TIMEOUT"
    )


def _parsed(method: Method, reply: bytes) -> Message:
    """Returns a register's reply. Raises ServiceFault for bytes that are none, or a list that does not say how much
    there is."""
    try:
        message = method.response.FromString(reply)
    except DecodeError:
        raise service_fault() from None
    if not says_how_much(message):
        raise service_fault()
    return message
