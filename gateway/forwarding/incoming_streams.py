"""Client streams: uploads about one patient, and feeds about many, inside the steps of every call."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace

from google.protobuf.message import Message

from gateway.decided_call import DecidedCall, Incoming
from gateway.forwarding.write_outcomes import MOST_RECORDS, About, WriteOutcomes
from gateway.front_door import IDLE, Context
from gateway.recorder import Recorder
from gateway.registers.backends import Backend
from gateway.requests import names_entry, parse, put_ref, request_id_of
from gateway.steps import LOOK_AGAIN, Steps
from kjernejournal.audit.v1.audit_pb2 import AuditRecord
from shared import deadline, national_id
from shared.client_stream import ClientStream
from shared.errors import Denied, Invalid, KjernejournalError, NotFound, Reason, TimedOut, Unavailable


class IncomingStreams:
    """Does steps 3 to 6 around a stream into a service."""

    def __init__(
        self,
        steps: Steps,
        recorder: Recorder,
        outcomes: WriteOutcomes,
        backends: dict[str, Backend],
        *,
        idle: float = IDLE,
        look_again: float = LOOK_AGAIN,
    ) -> None:
        self._steps = steps
        self._recorder = recorder
        self._outcomes = outcomes
        self._backends = backends
        self._idle = idle
        self._look_again = look_again

    async def client_stream(self, incoming: Incoming, messages: AsyncIterator[bytes], context: Context) -> bytes:
        """Serves an upload, which names its patient in the first message; or a feed, which names them in every one."""
        if incoming.method.rule.multi_patient:
            return await self._feed(incoming, messages, context)
        return await self._upload(incoming, messages, context)

    async def _upload(self, incoming: Incoming, messages: AsyncIterator[bytes], context: Context) -> bytes:
        method, first = incoming.method, await _next(messages, self._idle)
        if first is None:
            raise Invalid("", "the stream holds no message", Reason.ERROR_REASON_MALFORMED_MESSAGE)
        request = parse(method, first)
        decided = await self._steps.enter(incoming, request)
        request_id = request_id_of(request)
        decided = replace(decided, names_entry=names_entry(request))
        put_ref(decided, request)
        try:
            decided = await self._outcomes.shielded(self._outcomes.permitted(decided, request_id))
        except asyncio.CancelledError:
            await self._outcomes.shielded(self._broken_off(decided, request_id, _interrupted(), None))
            raise

        async def rest() -> AsyncIterator[bytes]:
            yield request.SerializeToString()
            looked = time.monotonic()
            while (message := await _next(messages, self._idle)) is not None:
                if method.patients_in(parse(method, message)):
                    raise Invalid("patient", "stands in the first message alone")
                if time.monotonic() - looked > self._look_again:
                    await self._steps.still(decided)
                    looked = time.monotonic()
                yield message

        return await self._streamed(decided, rest(), request_id, context)

    async def _feed(self, incoming: Incoming, messages: AsyncIterator[bytes], context: Context) -> bytes:
        """Sends a feed on: every patient of a message is resolved, decided and on record before it goes."""
        method, whole = incoming.method, await self._steps.enter(incoming, None)
        about = About()

        async def each() -> AsyncIterator[bytes]:
            looked = time.monotonic()
            while (message := await _next(messages, self._idle)) is not None:
                request = parse(method, message)
                await self._steps.refuse_overstepping(whole, request)
                about.persons.extend(filter(national_id.is_one, method.persons_in(request)))
                await self._permit_batch(whole, request, about)
                if time.monotonic() - looked > self._look_again:
                    await self._steps.still(whole)
                    looked = time.monotonic()
                yield request.SerializeToString()

        return await self._streamed(whole, each(), "", context, about)

    async def _permit_batch(self, whole: DecidedCall, request: Message, about: About) -> None:
        """Puts references in place of national ids, each patient's permit on record. `about` gets the references first:
        who leaves while the permits are under way has an outcome too."""
        named = whole.method.patients_in(request)
        if len(named) > MOST_RECORDS:
            raise Invalid(named[MOST_RECORDS][0], f"is more than the {MOST_RECORDS} patients that a message may name")
        ids = [self._steps.national_id_of(path, patient) for path, patient in named]
        decided_calls = await self._steps.decide_each(whole.incoming, ids)
        records: list[AuditRecord] = []
        for (path, patient), decided in zip(named, decided_calls, strict=True):
            one = replace(decided, access_id=whole.access_id)
            try:
                await self._steps.refuse_if_denied(one)
            except (Denied, NotFound) as refusal:
                refusal.details["field"] = path
                raise
            patient.patient_ref = one.refs[0]
            patient.alias_refs.extend(one.refs[1:])  # what a merge left: a register finds what it stored under them
            records.append(one.permit(""))
        about.refs.update(dict.fromkeys(patient.patient_ref for _, patient in named))
        await self._recorder.record(records or [whole.permit("")])

    async def _streamed(
        self,
        decided: DecidedCall,
        messages: AsyncIterator[bytes],
        request_id: str,
        context: Context,
        about: About | None = None,
    ) -> bytes:
        """Sends the messages one by one; what goes wrong on our side ends the service's call without effect."""
        method = decided.method
        call = self._backends[method.service].client_stream(
            method.path,
            caller=decided.context(method.rule.section),
            timeout=deadline.inside(method.rule.longest_stream or IDLE),
        )
        try:
            async for message in messages:
                if not await call.write(message):
                    break
            await _still_there(context)
        except BaseException as error:
            call.cancel()
            refusal = error if isinstance(error, KjernejournalError) else _interrupted()
            await self._outcomes.shielded(self._broken_off(decided, request_id, refusal, about))
            raise
        return await self._outcomes.shielded(self._ended(decided, call, request_id, about))

    async def _ended(
        self, decided: DecidedCall, call: ClientStream[bytes, bytes], request_id: str, about: About | None
    ) -> bytes:
        """Ends the stream as whole, so that the service may store it. The caller may go away from here on."""
        await call.done_writing()
        return await self._outcomes.concluded(decided, call, request_id, about)

    async def _broken_off(
        self, decided: DecidedCall, request_id: str, refusal: KjernejournalError, about: About | None
    ) -> None:
        """Puts on record that a stream did not come to its end; of a feed's, earlier messages stand."""
        refs: Sequence[str | None] = []
        with suppress(Unavailable):
            refs = await self._outcomes.refs_of(about)
        await self._outcomes.record(decided, request_id, refusal, decided.section(), refs)


async def _still_there(context: Context) -> None:
    """Waits a moment for the news that the caller has vanished: their stream ends as one that is whole.

    Raises Unavailable when it has come; the service's call is cancelled then, and stores nothing.
    """
    await asyncio.sleep(0.01)
    if context.cancelled() or context.done():
        raise _interrupted()


def _interrupted() -> Unavailable:
    return Unavailable(Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "the stream was cut: send it again")


async def _next(messages: AsyncIterator[bytes], idle: float) -> bytes | None:
    """Returns the next message; None at the end. Raises TimedOut (STREAM_TIMEOUT) after too long a silence."""
    try:
        async with asyncio.timeout(deadline.remaining(idle)):
            return await anext(messages, None)
    except TimeoutError:
        raise TimedOut(Reason.ERROR_REASON_STREAM_TIMEOUT, "the stream was silent, or open, for too long") from None
