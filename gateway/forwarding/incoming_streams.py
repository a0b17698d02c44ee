"""Client streams: uploads about one patient, and feeds about many, inside the steps of every call."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import cast

from google.protobuf.message import Message

from gateway.access.facts import Caller
from gateway.access.tokens import Metadata
from gateway.contract import Method
from gateway.decided_call import DecidedCall
from gateway.forwarding.write_outcomes import MOST_RECORDS, About, WriteOutcomes
from gateway.front_door import IDLE, Context
from gateway.recorder import Recorder
from gateway.registers.backends import Backend
from gateway.requests import national_id_of, parse, patient_of, put_ref, request_id_of
from gateway.steps import LOOK_AGAIN, Steps
from kjernejournal.audit.v1.audit_pb2 import AuditRecord
from shared import deadline, national_id
from shared.client_stream import ClientStream
from shared.errors import Denied, Invalid, KjernejournalError, NotFound, Reason, TimedOut, Unavailable


class IncomingStreams:
    """Steps 2 to 6 around a stream into a service."""

    def __init__(
        self,
        steps: Steps,
        recorder: Recorder,
        outcomes: WriteOutcomes,
        backends: dict[str, Backend],
        *,
        production: bool,
        idle: float = IDLE,
        look_again: float = LOOK_AGAIN,
    ) -> None:
        self._steps = steps
        self._recorder = recorder
        self._outcomes = outcomes
        self._backends = backends
        self._production = production
        self._idle = idle
        self._look_again = look_again

    async def client_stream(self, method: Method, messages: AsyncIterator[bytes], context: Context) -> bytes:
        """A stream about one patient names it in its first message; a feed's stream names patients in every message."""
        metadata = cast("Metadata", tuple(context.invocation_metadata() or ()))
        caller = await self._steps.who(metadata)
        if method.rule.multi_patient:
            return await self._feed(method, metadata, caller, messages, context)
        return await self._upload(method, metadata, caller, messages, context)

    async def _upload(
        self, method: Method, metadata: Metadata, caller: Caller, messages: AsyncIterator[bytes], context: Context
    ) -> bytes:
        first = await _next(messages, self._idle)
        if first is None:
            raise Invalid("", "the stream holds no message", Reason.ERROR_REASON_MALFORMED_MESSAGE)
        request = parse(method, first)
        decided = await self._steps.enter(
            method, metadata, caller, patient_of(method, request, production=self._production)
        )
        request_id = request_id_of(request)
        put_ref(decided, request)
        await self._recorder.record([decided.permit(request_id)])
        decided = await self._steps.fresh(decided)

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

    async def _feed(
        self, method: Method, metadata: Metadata, caller: Caller, messages: AsyncIterator[bytes], context: Context
    ) -> bytes:
        """A feed: every patient of every message is resolved, decided and on record before the message goes on."""
        whole = await self._steps.enter(method, metadata, caller, None)

        about = About()

        async def each() -> AsyncIterator[bytes]:
            looked = time.monotonic()
            while (message := await _next(messages, self._idle)) is not None:
                request = parse(method, message)
                about.persons.extend(filter(national_id.is_one, method.persons_in(request)))
                about.refs.update(dict.fromkeys(await self._permit_batch(whole, metadata, request)))
                if time.monotonic() - looked > self._look_again:
                    await self._steps.still(whole)
                    looked = time.monotonic()
                yield request.SerializeToString()

        return await self._streamed(whole, each(), "", context, about)

    async def _permit_batch(self, whole: DecidedCall, metadata: Metadata, request: Message) -> list[str]:
        """Puts references in place of national ids, each patient's permit on record; gives the references."""
        method = whole.method
        named = method.patients_in(request)
        if len(named) > MOST_RECORDS:
            raise Invalid(named[MOST_RECORDS][0], f"is more than the {MOST_RECORDS} patients that a message may name")
        ids = [national_id_of(patient, path, production=self._production) for path, patient in named]
        decided_calls = await self._steps.enter_each(method, metadata, whole.caller, ids)
        records: list[AuditRecord] = []
        for (path, patient), decided in zip(named, decided_calls, strict=True):
            about = replace(decided, access_id=whole.access_id)
            try:
                await self._steps.refuse_if_denied(about)
            except (Denied, NotFound) as refusal:
                refusal.details["field"] = path
                raise
            patient.patient_ref = about.refs[0]
            patient.alias_refs.extend(about.refs[1:])  # what a merge left: a register finds what it stored under them
            records.append(about.permit(""))
        await self._recorder.record(records or [whole.permit("")])
        return [patient.patient_ref for _, patient in named]

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
        """The service hears that the stream is whole, and may store it: the caller may go away from here on."""
        await call.done_writing()
        return await self._outcomes.concluded(decided, call, request_id, about)

    async def _broken_off(
        self, decided: DecidedCall, request_id: str, refusal: KjernejournalError, about: About | None
    ) -> None:
        """The outcome of a stream that did not come to its end; of a feed's, earlier messages stand."""
        refs: Sequence[str | None] = []
        with suppress(Unavailable):
            refs = await self._outcomes.refs_of(about)
        await self._outcomes.record(decided, request_id, refusal, decided.section(), refs)


async def _still_there(context: Context) -> None:
    """A stream of a caller who has vanished ends as one that is whole: wait a moment for the news of it.

    Raises Unavailable when it has come; the service's call is cancelled then, and stores nothing.
    """
    await asyncio.sleep(0.01)
    if context.cancelled() or context.done():
        raise _interrupted()


def _interrupted() -> Unavailable:
    return Unavailable(Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "the stream was cut: send it again")


async def _next(messages: AsyncIterator[bytes], idle: float) -> bytes | None:
    """The next message; None at the end. Raises TimedOut (STREAM_TIMEOUT) when the caller is silent for too long."""
    try:
        async with asyncio.timeout(deadline.remaining(idle)):
            return await anext(messages, None)
    except TimeoutError:
        raise TimedOut(Reason.ERROR_REASON_STREAM_TIMEOUT, "the stream was silent, or open, for too long") from None
