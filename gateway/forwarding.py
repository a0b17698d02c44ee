"""Forwards the rpcs that services serve, unary and streaming, inside the steps of every call."""

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

import grpc
from google.protobuf.message import DecodeError, Message

from gateway.access.facts import Caller
from gateway.access.tokens import Metadata
from gateway.backends import Backend
from gateway.contract import Method
from gateway.front_door import IDLE, Context, Handlers, tell_receipt
from gateway.passage import Passage
from gateway.recorder import Recorder
from gateway.relaying import garbage, refusal_of
from gateway.steps import Steps
from gateway.whom import national_id_of
from kjernejournal.audit.v1.audit_pb2 import AuditRecord, SectionRecord
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CallerContext
from shared import deadline, national_id
from shared.errors import Denied, Invalid, KjernejournalError, NotFound, Reason, TimedOut, Unavailable

LOOK_AGAIN = 5.0
"""Seconds after which a stream's token and facts are looked at again."""
REFS_KEY = "kj-patient-refs-bin"
"""Trailing metadata with which the patients service tells whom a write was about."""


class Forwarding:
    """Steps 2 to 6 around a call to a service."""

    def __init__(
        self,
        steps: Steps,
        recorder: Recorder,
        backends: dict[str, Backend],
        *,
        production: bool,
        idle: float = IDLE,
        look_again: float = LOOK_AGAIN,
    ) -> None:
        self._steps = steps
        self._recorder = recorder
        self._backends = backends
        self._production = production
        self._idle = idle
        self._look_again = look_again

    def handlers(self, _: Method) -> Handlers:
        """What serves an rpc of a service."""
        return Handlers(unary=self.unary, server_stream=self.server_stream, client_stream=self.client_stream)

    async def unary(self, method: Method, data: bytes, context: Context) -> bytes:
        """Reads are on record before their reply leaves; writes before they are made, and after."""
        metadata = cast("Metadata", tuple(context.invocation_metadata() or ()))
        caller = await self._steps.who(metadata)
        request = parse(method, data)
        patient = self._patient(method, request)
        passage = await self._steps.enter(method, metadata, caller, patient)
        if method.rule.action == common_pb2.ACTION_READ:
            return await self._read(passage, request, context)
        return await self._write(passage, request)

    async def server_stream(self, method: Method, data: bytes, context: Context) -> AsyncGenerator[bytes, None]:
        """Each message that names entries is on record before it leaves; token and facts are looked at every 5 s."""
        metadata = cast("Metadata", tuple(context.invocation_metadata() or ()))
        caller = await self._steps.who(metadata)
        request = parse(method, data)
        passage = await self._steps.enter(method, metadata, caller, self._patient(method, request))
        _put_ref(passage, request)
        call = self._backends[method.service].server_stream(
            method.path,
            request.SerializeToString(),
            caller=passage.context(method.rule.section),
            timeout=deadline.inside(method.rule.longest_stream or IDLE),
        )
        try:
            looked = time.monotonic()
            async for message in _each(call, self._idle):
                entries = method.disclosed_in(method.response.FromString(message))
                if entries:
                    section = passage.section(entries=entries, sha256=hashlib.sha256(message).digest())
                    await self._recorder.record([passage.disclosure([section])])
                    passage = await self._steps.fresh(passage)
                elif time.monotonic() - looked > self._look_again:
                    await self._steps.still(passage)
                    looked = time.monotonic()
                yield message
        except grpc.aio.AioRpcError as error:
            raise await self._refused(passage, error) from None
        finally:
            call.cancel()

    async def client_stream(self, method: Method, messages: AsyncIterator[bytes], context: Context) -> bytes:
        """A stream about one patient names it in its first message; a feed's stream names patients in every message."""
        metadata = cast("Metadata", tuple(context.invocation_metadata() or ()))
        caller = await self._steps.who(metadata)
        if method.rule.multi_patient:
            return await self._feed(method, metadata, caller, messages, context)
        return await self._upload(method, metadata, caller, messages, context)

    async def _read(self, passage: Passage, request: Message, context: Context) -> bytes:
        method = passage.method
        _put_ref(passage, request)
        try:
            reply = await self._call(passage, request)
        except grpc.aio.AioRpcError as error:
            raise await self._refused(passage, error) from None
        if method.rule.audit == common_pb2.AUDIT_LEVEL_FULL:
            entries = method.disclosed_in(method.response.FromString(reply))
            section = passage.section(entries=entries, sha256=hashlib.sha256(reply).digest())
            tell_receipt(context, (await self._recorder.record([passage.disclosure([section])]))[0])
        await self._steps.fresh(passage)
        return reply

    async def _refused(self, passage: Passage, error: grpc.aio.AioRpcError) -> KjernejournalError:
        """The refusal of a read by its register: a denial (a restricted document) is on record before it is told."""
        refusal = refusal_of(error)
        if refusal.code is grpc.StatusCode.PERMISSION_DENIED:
            await self._recorder.record([passage.denial(refusal.reason, refusal.code.value[0])])
        return refusal

    async def _write(self, passage: Passage, request: Message) -> bytes:
        request_id = _request_id(request)
        _put_ref(passage, request)
        await self._recorder.record([passage.permit(request_id)])
        passage = await self._steps.fresh(passage)
        # The caller may go away now; the write and the record of its outcome go on.
        return await asyncio.shield(asyncio.create_task(self._made(passage, request, request_id)))

    async def _made(self, passage: Passage, request: Message, request_id: str) -> bytes:
        method = passage.method
        call = self._backends[method.service].unary_call(
            method.path,
            request.SerializeToString(),
            caller=passage.context(method.rule.section),
            timeout=deadline.inside(LONGEST_WRITE),
        )
        return await self._concluded(passage, call, request_id)

    async def _concluded(self, passage: Passage, call: Any, request_id: str, persons: Sequence[str] = ()) -> bytes:
        """The reply of a write, once its outcome is on record. Raises the refusal, once that is on record."""
        method = passage.method
        reply, refusal, entries = b"", None, []
        try:
            reply = await call
            entries = method.disclosed_in(method.response.FromString(reply))
        except grpc.aio.AioRpcError as error:
            refusal = refusal_of(error)
        except DecodeError:
            refusal = garbage()
        refs = await _refs_of(call) or await self._steps.refs_of(persons)
        section = passage.section(entries=entries, sha256=hashlib.sha256(reply).digest() if reply else b"")
        await self._record_outcome(passage, request_id, refusal, section, refs)
        if refusal is not None:
            raise refusal
        return reply

    async def _record_outcome(
        self,
        passage: Passage,
        request_id: str,
        refusal: KjernejournalError | None,
        section: SectionRecord,
        refs: Sequence[str | None],
    ) -> None:
        """One record for each person whom the write was about. It is waited for, whatever the caller's deadline."""
        outcomes = [passage.outcome(request_id, refusal, section, ref) for ref in refs or [None]]
        for start in range(0, len(outcomes), MOST_RECORDS):
            deadline.set_deadline(LONGEST_WRITE)
            await self._recorder.record(outcomes[start : start + MOST_RECORDS])

    async def _upload(
        self, method: Method, metadata: Metadata, caller: Caller, messages: AsyncIterator[bytes], context: Context
    ) -> bytes:
        first = await _next(messages, self._idle)
        if first is None:
            raise Invalid("", "the stream holds no message", Reason.ERROR_REASON_MALFORMED_MESSAGE)
        request = parse(method, first)
        passage = await self._steps.enter(method, metadata, caller, self._patient(method, request))
        request_id = _request_id(request)
        _put_ref(passage, request)
        await self._recorder.record([passage.permit(request_id)])
        passage = await self._steps.fresh(passage)

        async def rest() -> AsyncIterator[bytes]:
            yield request.SerializeToString()
            looked = time.monotonic()
            while (message := await _next(messages, self._idle)) is not None:
                if method.patients_in(parse(method, message)):
                    raise Invalid("patient", "stands in the first message alone")
                if time.monotonic() - looked > self._look_again:
                    await self._steps.still(passage)
                    looked = time.monotonic()
                yield message

        return await self._streamed(passage, rest(), request_id, context)

    async def _feed(
        self, method: Method, metadata: Metadata, caller: Caller, messages: AsyncIterator[bytes], context: Context
    ) -> bytes:
        """A feed: every patient of every message is resolved, decided and on record before the message goes on."""
        whole = await self._steps.enter(method, metadata, caller, None)

        persons: list[str] = []

        async def each() -> AsyncIterator[bytes]:
            looked = time.monotonic()
            while (message := await _next(messages, self._idle)) is not None:
                request = parse(method, message)
                persons.extend(filter(national_id.is_one, method.persons_in(request)))
                await self._permit_batch(whole, metadata, request)
                if time.monotonic() - looked > self._look_again:
                    await self._steps.still(whole)
                    looked = time.monotonic()
                yield request.SerializeToString()

        return await self._streamed(whole, each(), "", context, persons)

    async def _permit_batch(self, whole: Passage, metadata: Metadata, request: Message) -> None:
        method = whole.method
        named = method.patients_in(request)
        if len(named) > MOST_RECORDS:
            raise Invalid(named[MOST_RECORDS][0], f"is more than the {MOST_RECORDS} patients that a message may name")
        ids = [national_id_of(patient, path, production=self._production) for path, patient in named]
        passages = await self._steps.enter_each(method, metadata, whole.caller, ids)
        records: list[AuditRecord] = []
        for (path, patient), passage in zip(named, passages, strict=True):
            about = replace(passage, access_id=whole.access_id)
            try:
                await self._steps.refuse_if_denied(about)
            except (Denied, NotFound) as refusal:
                refusal.details["field"] = path
                raise
            patient.patient_ref = about.refs[0]
            records.append(about.permit(""))
        await self._recorder.record(records or [whole.permit("")])

    async def _streamed(
        self,
        passage: Passage,
        messages: AsyncIterator[bytes],
        request_id: str,
        context: Context,
        persons: Sequence[str] = (),
    ) -> bytes:
        """Sends the messages one by one; what goes wrong on our side ends the service's call without effect."""
        method = passage.method
        call = self._backends[method.service].client_stream(
            method.path,
            caller=passage.context(method.rule.section),
            timeout=deadline.inside(method.rule.longest_stream or IDLE),
        )
        try:
            async for message in messages:
                try:
                    await call.write(message)
                except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                    break  # the service has ended the call: its status tells why
            await _still_there(context)
        except BaseException as error:
            call.cancel()
            refusal = error if isinstance(error, KjernejournalError) else _interrupted()
            await asyncio.shield(asyncio.create_task(self._broken_off(passage, request_id, refusal, persons)))
            raise
        return await asyncio.shield(asyncio.create_task(self._ended(passage, call, request_id, persons)))

    async def _ended(self, passage: Passage, call: Any, request_id: str, persons: Sequence[str]) -> bytes:
        """The service hears that the stream is whole, and may store it: the caller may go away from here on."""
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            await call.done_writing()
        return await self._concluded(passage, call, request_id, persons)

    async def _broken_off(
        self, passage: Passage, request_id: str, refusal: KjernejournalError, persons: Sequence[str]
    ) -> None:
        """The outcome of a stream that did not come to its end; of a feed's, earlier messages stand."""
        refs: Sequence[str | None] = []
        with suppress(Unavailable):
            refs = await self._steps.refs_of(persons)
        await self._record_outcome(passage, request_id, refusal, passage.section(), refs)

    def _patient(self, method: Method, request: Message) -> str | None:
        if not method.patients:
            return None
        named = method.patients_in(request)
        if not named:
            raise Invalid("patient", "is required")
        path, patient = named[0]
        return national_id_of(patient, path, production=self._production)

    async def _call(self, passage: Passage, request: Message) -> bytes:
        method = passage.method
        return await self._backends[method.service].unary(
            method.path,
            request.SerializeToString(),
            caller=passage.context(method.rule.section),
            timeout=deadline.inside(LONGEST_WRITE),
        )


MOST_RECORDS = 1000
"""Records that go to the access log at a time."""
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

LONGEST_WRITE = 5.0
"""Seconds for which a service's answer, and the record of a write's outcome, are waited for."""


def parse(method: Method, data: bytes) -> Message:
    """The request. Raises Invalid (MALFORMED_MESSAGE)."""
    try:
        return method.request.FromString(data)
    except (DecodeError, ValueError):
        raise Invalid("", "the bytes are not a message of this rpc", Reason.ERROR_REASON_MALFORMED_MESSAGE) from None


def _request_id(request: Message) -> str:
    """The write's id in the log; "" for one that is none: the service refuses it, and the log need not."""
    value: str = getattr(request, "request_id", "")
    return value if _UUID.fullmatch(value) else ""


def _put_ref(passage: Passage, request: Message) -> None:
    """Replaces the national id by the canonical reference: no service but patients sees a national id."""
    for _, patient in passage.method.patients_in(request):
        patient.patient_ref = passage.refs[0]


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


async def _each(call: "grpc.aio.UnaryStreamCall[bytes, bytes]", idle: float) -> AsyncIterator[bytes]:
    while True:
        async with asyncio.timeout(idle):
            message = await call.read()
        if message is grpc.aio.EOF:
            return
        yield cast("bytes", message)


async def _refs_of(call: Any) -> Sequence[str | None]:
    """Whom a write was about, when only the patients service knew."""
    with suppress(grpc.aio.AioRpcError):
        for key, value in await call.trailing_metadata() or ():
            if key == REFS_KEY and isinstance(value, bytes):
                return list(CallerContext.FromString(value).patient_refs)[:1000]
    return []
