"""A patient's block of one person is absolute: on every basis, in every rpc that reads, from the answer on."""

import asyncio
import itertools
from typing import Any
from uuid import uuid4

import grpc
import pytest

from kj.synthetic.people.cast import PEOPLE
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import Practitioner
from kjernejournal.critical_info.v1.critical_info_pb2 import CreateCriticalInfoRequest
from kjernejournal.documents.v1.documents_pb2 import DownloadDocumentRequest, UploadDocumentRequest
from kjernejournal.patients.v1.patients_pb2 import BlockPersonnelRequest, UnblockPersonnelRequest
from kjernejournal.summary.v1.summary_pb2 import INDICATOR_STATUS_NOT_SHOWN, GetIndicatorRequest
from tests.services.documents.calls import document
from tests.support.client import LATER, Client, methods, read, refusal
from tests.support.filling import least
from tests.support.patients import Patient, reaction
from tests.support.summaries import WHOLE, asked, summary
from tests.support.system import System
from tests.support.waiting import becomes

DOCTOR = PEOPLE["doctor"]
LATE = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
"""What a read may end with on a busy machine; it discloses nothing either."""
BASES = ("SAMTYKKE", "AKUTT", "UNNTAK", "FORHOYET_SAMTYKKE", "FORHOYET_AKUTT", "")
READS = [
    name
    for name, method in methods().items()
    if method.rule.action == common_pb2.ACTION_READ and common_pb2.CALLER_KIND_CLINICIAN in method.rule.callers
]
INDICATOR = "SummaryService/GetIndicator"
"""Says that there is a record, which everybody may know, and nothing of what is in it."""
WINDOW = 64 * 1024
"""Bytes that a reader's window takes, from HTTP/2's own default."""


def block(patient: Patient) -> BlockPersonnelRequest:
    personnel = [Practitioner(hpr_number=DOCTOR.hpr_number, name=DOCTOR.name)]
    return BlockPersonnelRequest(patient=patient.identifier, request_id=str(uuid4()), personnel=personnel)


async def test_a_blocked_doctor_gets_nothing_by_any_rpc_on_any_basis(client: Client, patient: Patient) -> None:
    entry = CreateCriticalInfoRequest(patient=patient.identifier, request_id=str(uuid4()), critical_info=reaction("ny"))
    await client.call("CreateCriticalInfo", entry)
    await client.call("BlockPersonnel", block(patient), **patient.asks())
    assert len(READS) > 15
    for name, basis in itertools.product(READS, BASES):
        method = methods()[name]
        request = least(method.descriptor.input_type, patient.identifier)
        if name == INDICATOR:
            reply = await client.call("GetIndicator", request, basis=basis)
            assert reply.status == INDICATOR_STATUS_NOT_SHOWN, "critical information stays out of it"
            continue
        told = await refusal(client.any(method, request, basis=basis))
        expected = "UNIMPLEMENTED" if name in LATER else "PERMISSION_DENIED"
        assert told.code.name == expected, (name, basis, told)


async def test_a_block_holds_for_writes_and_for_nobody_else(client: Client, patient: Patient) -> None:
    await client.call("BlockPersonnel", block(patient), **patient.asks())
    unblock = UnblockPersonnelRequest(
        patient=patient.identifier, request_id=str(uuid4()), hpr_numbers=[DOCTOR.hpr_number]
    )
    told = await refusal(client.call("UnblockPersonnel", unblock, basis="SAMTYKKE"))
    assert told.short == ("PERMISSION_DENIED", "NO_ACCESS"), "nobody lifts a block against themselves"
    assert (await summary(client, patient, hpr="900000011")).states == WHOLE
    await client.call("UnblockPersonnel", unblock, **patient.asks())
    assert (await summary(client, patient)).states == WHOLE


async def test_without_emergency_or_consent_a_block_looks_like_no_relation(client: Client, patient: Patient) -> None:
    gp: dict[str, Any] = {"kind": "doctor", "service": "gp", "basis": "UNNTAK"}
    unrelated = await refusal(client.call("GetPatientSummary", asked(patient), **gp))
    await client.call("BlockPersonnel", block(patient), **patient.asks())
    blocked = await refusal(client.call("GetPatientSummary", asked(patient), **gp))
    assert (blocked.short, blocked.text, blocked.details) == (unrelated.short, unrelated.text, unrelated.details)


@pytest.mark.parametrize("readers", [8])
async def test_from_the_answer_to_a_block_on_nothing_is_disclosed(
    client: Client, patient: Patient, readers: int
) -> None:
    """Readers in a loop while the patient blocks them: each notes when a reply came."""
    loop = asyncio.get_running_loop()
    disclosed: list[float] = []
    refused: list[float] = []
    answered: float | None = None

    async def reading(rpc: str) -> None:
        method = methods()[rpc]
        request = least(method.descriptor.input_type, patient.identifier)
        while answered is None or loop.time() < answered + 0.5:
            try:
                await client.any(method, request)
                disclosed.append(loop.time())
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.PERMISSION_DENIED:
                    refused.append(loop.time())
                elif error.code() not in LATE:
                    raise
                await asyncio.sleep(0.01)

    rpcs = itertools.cycle(
        ["SummaryService/GetPatientSummary", "SummaryService/StreamPatientSummary", "VisitsService/ListVisits"]
    )
    tasks = [asyncio.create_task(reading(rpc)) for rpc in itertools.islice(rpcs, readers)]
    await becomes(lambda: len(disclosed) > 10)
    await client.call("BlockPersonnel", block(patient), **patient.asks())
    answered = loop.time()
    await asyncio.gather(*tasks)
    assert refused
    assert [at - answered for at in disclosed if at > answered] == []


async def test_a_stalled_reader_gets_at_most_one_more_message_after_a_block(
    client: Client, system: System, patient: Patient
) -> None:
    """What is in the reader's own window cannot be called back; one message waits for room in it, and nothing more."""
    piece = bytes(256 * 1024)
    first = UploadDocumentRequest(patient=patient.identifier, request_id=str(uuid4()), document=document())
    sent = await client.send("UploadDocument", [first, *[UploadDocumentRequest(chunk=piece)] * 32])
    request = DownloadDocumentRequest(patient=patient.identifier, id=sent.document.header.id)
    fixed = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", WINDOW)]
    async with grpc.aio.insecure_channel(system.local.gateway_address, options=fixed) as channel:
        reader = Client(channel, system.local.issuer_directory)
        parts = aiter(reader.open("DownloadDocument", request, seconds=30))
        assert (await anext(parts)).HasField("document")
        assert (await anext(parts)).chunk
        await asyncio.sleep(1)  # the window is full now, and a message waits
        await client.call("BlockPersonnel", block(patient), **patient.asks())
        rest, told = await read(parts)
    assert told is not None
    assert told.short == ("PERMISSION_DENIED", "NO_ACCESS")
    assert sum(len(each.chunk) for each in rest) <= WINDOW + 64 * 1024


async def test_the_indicator_of_a_blocked_doctor_says_not_shown_in_a_list_too(client: Client, patient: Patient) -> None:
    await client.call("BlockPersonnel", block(patient), **patient.asks())
    reply = await client.call("GetIndicator", GetIndicatorRequest(patients=[patient.identifier]), basis="")
    assert list(reply.statuses) == [INDICATOR_STATUS_NOT_SHOWN]
