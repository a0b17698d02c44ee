"""Every permit of a write that stands in the access log gets an outcome, whatever happens in between."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from tests.gateway.forwarding.calls import CREATE, creation
from tests.gateway.forwarding.streams import UPLOAD, first, stored
from tests.support.client import refusal
from tests.support.gateway import Front
from tests.support.scripted.services import RECORD, saying
from tests.support.waiting import becomes

PERMIT, OUTCOME = audit_pb2.RECORD_KIND_PERMIT, audit_pb2.RECORD_KIND_OUTCOME


@pytest.fixture
async def slow_log(front: Front) -> AsyncIterator[asyncio.Event]:
    """The access log holds its answers until the event is set, and has made them durable."""
    go_on = asyncio.Event()

    async def late(data: bytes, context: Any) -> bytes:
        answer = await front.log.commit(data, context)
        await go_on.wait()
        return answer

    front.log.unary(RECORD, late)
    yield go_on
    go_on.set()
    front.log.unary(RECORD, front.log.commit)


def ended(front: Front) -> bool:
    permits = {record.access_id for record in front.log.records if record.kind == PERMIT}
    outcomes = {record.access_id for record in front.log.records if record.kind == OUTCOME}
    return bool(permits) and permits <= outcomes


async def test_a_caller_who_leaves_while_the_permit_is_recorded_leaves_no_pending_access(
    front: Front, slow_log: asyncio.Event
) -> None:
    front.registers["critical_info"].unary(CREATE, saying(ki.CreateCriticalInfoResponse()))
    request = creation(front.people.add())
    call = asyncio.ensure_future(front.client.answer("CreateCriticalInfo", request, basis="SAMTYKKE"))
    await becomes(lambda: bool(front.log.records))
    call.cancel()
    slow_log.set()
    await becomes(lambda: ended(front))


async def test_a_caller_who_leaves_while_an_upload_is_permitted_leaves_no_pending_access(
    front: Front, slow_log: asyncio.Event
) -> None:
    front.registers["documents"].client_stream(UPLOAD, stored)
    call = front.client.sending("UploadDocument", None)
    await call.write(first(front.people.add()).SerializeToString())
    await becomes(lambda: bool(front.log.records))
    call.cancel()
    slow_log.set()
    await becomes(lambda: ended(front))


async def test_an_outcome_that_the_log_did_not_take_is_sent_until_it_does(front: Front) -> None:
    """The log goes away between permit and outcome: the caller hears so, and the write does not stay pending."""
    front.registers["critical_info"].unary(CREATE, saying(ki.CreateCriticalInfoResponse()))
    times = 0

    async def away_for_a_while(data: bytes, context: Any) -> bytes:
        nonlocal times
        times += 1
        if 1 < times < 4:
            raise RuntimeError("away")
        return await front.log.commit(data, context)

    front.log.unary(RECORD, away_for_a_while)
    try:
        told = await refusal(front.client.call("CreateCriticalInfo", creation(front.people.add()), basis="SAMTYKKE"))
        assert told.short == ("UNAVAILABLE", "AUDIT_UNAVAILABLE")
        await becomes(lambda: ended(front))
    finally:
        front.log.unary(RECORD, front.log.commit)
