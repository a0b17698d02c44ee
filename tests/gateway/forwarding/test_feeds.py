"""Feeds through the front door: every patient is resolved, every message on record before it goes on."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.common.v1.common_pb2 import Organisation, PatientIdentifier
from kjernejournal.visits.v1 import visits_pb2
from tests.gateway.forwarding.streams import IMPORT, batch, imported
from tests.support.client import refusal
from tests.support.gateway import Front
from tests.support.scripted.services import RECORD, RESOLVE, saying


async def test_a_feed_resolves_every_patient_of_every_message(front: Front) -> None:
    one, two, three = front.people.add(), front.people.add(), front.people.add()
    front.registers["visits"].client_stream(IMPORT, imported)
    reply = await front.client.send("VisitsService/BulkImport", [batch(one, two), batch(three)], kind="system")
    assert reply.counts.batches == 2
    [call] = front.registers["visits"].calls
    refs = [
        each.patient.patient_ref
        for message in call.messages
        for each in visits_pb2.BulkImportRequest.FromString(message).patients
    ]
    assert refs == [front.people.ref(each) for each in (one, two, three)]
    permits = [record for record in front.log.records if record.kind == audit_pb2.RECORD_KIND_PERMIT]
    assert [record.personal.patient_ref for record in permits] == refs
    assert len({record.access_id for record in front.log.records}) == 1
    assert sum(each.path == RESOLVE for each in front.people.calls) == 2, "one question a message"


async def test_an_unknown_patient_stops_a_feed_and_is_named_by_position(front: Front) -> None:
    known, unknown = front.people.add(), front.people.add()
    del front.people.known[unknown]
    front.registers["visits"].client_stream(IMPORT, imported)
    told = await refusal(
        front.client.send("VisitsService/BulkImport", [batch(known), batch(known, unknown)], kind="system")
    )
    assert told.short == ("NOT_FOUND", "PATIENT_NOT_FOUND")
    assert told.details["field"] == "patients[1].patient"
    assert unknown not in repr(told)
    assert len(front.registers["visits"].calls[0].messages) <= 1


async def test_no_message_of_a_feed_goes_on_without_its_record(front: Front) -> None:
    patient = front.people.add()
    front.registers["visits"].client_stream(IMPORT, imported)
    front.log.unary(RECORD, saying(b"\x0a\xff"))
    try:
        told = await refusal(front.client.send("VisitsService/BulkImport", [batch(patient)], kind="system"))
    finally:
        front.log.unary(RECORD, front.log.commit)
    assert told.short == ("UNAVAILABLE", "AUDIT_UNAVAILABLE")
    assert not any(call.messages for call in front.registers["visits"].calls)


async def test_a_feed_is_taken_as_fast_as_the_register_takes_it(front: Front) -> None:
    """Backpressure: what a slow register has not taken stays with the sender."""
    patient, go_on = front.people.add(), asyncio.Event()

    async def slow(messages: AsyncIterator[bytes], context: Any) -> bytes:
        await anext(messages)
        await go_on.wait()
        return await imported(messages, context)

    front.registers["visits"].client_stream(IMPORT, slow)
    entry = visits_pb2.Visit(unit=Organisation(name="x" * 1_000_000))
    message = visits_pb2.BulkImportRequest(
        patients=[visits_pb2.PatientEntries(patient=PatientIdentifier(national_id=patient), visits=[entry])]
    ).SerializeToString()
    sent = 0

    async def messages() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(30):
            yield message
            sent += 1

    call = asyncio.create_task(_awaited(front.client.sending("VisitsService/BulkImport", messages(), kind="system")))
    await asyncio.sleep(0.3)
    assert sent < 15
    go_on.set()
    assert (await call).counts.batches == 29
    assert sent == 30


async def _awaited(call: Any) -> Any:
    return await call
