"""Without the access log, or without knowing whom it is about, nothing leaves: no section, no list, no chunk."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import grpc
import pytest

from kjernejournal.common.v1 import common_pb2
from kjernejournal.documents.v1.documents_pb2 import DownloadDocumentRequest, ListDocumentsRequest
from kjernejournal.patients.v1.patients_pb2 import GetPrivacySettingsRequest, SetReservationRequest
from tests.support.client import Client, Refusal, methods, read, refusal
from tests.support.filling import least
from tests.support.patients import Patient
from tests.support.summaries import WHOLE, asked, stream_asked, summary
from tests.support.system import System

Heal = Callable[[], Awaitable[None]]
AUDITED_READS = [
    name
    for name, method in methods().items()
    if method.rule.action == common_pb2.ACTION_READ
    and method.rule.audit == common_pb2.AUDIT_LEVEL_FULL
    and common_pb2.CALLER_KIND_CITIZEN in method.rule.callers
]


async def timed(call: Awaitable[object]) -> tuple[Refusal, float]:
    began = time.monotonic()
    told = await refusal(call)
    return told, time.monotonic() - began


@pytest.mark.parametrize(
    "service, reason", [("audit", "AUDIT_UNAVAILABLE"), ("patients", "SERVICE_UNAVAILABLE")], ids=["audit", "patients"]
)
async def test_frozen_it_is_unavailable_within_the_deadline(
    system: System, client: Client, patient: Patient, healed: Heal, service: str, reason: str
) -> None:
    """A caller who states none has two seconds; one with little time may be first to give up, on a busy machine."""
    with system.frozen(service):
        told, took = await timed(client.answer("GetPatientSummary", asked(patient), seconds=None))
        hurried, took_hurried = await timed(client.call("GetPatientSummary", asked(patient), seconds=0.5))
    assert told.short == ("UNAVAILABLE", reason)
    assert took < 2.2
    assert hurried.short in {
        ("UNAVAILABLE", reason),
        ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"),
        ("DEADLINE_EXCEEDED", ""),
    }
    assert took_hurried < 0.6


@pytest.mark.parametrize(
    "service, reason", [("audit", "AUDIT_UNAVAILABLE"), ("patients", "SERVICE_UNAVAILABLE")], ids=["audit", "patients"]
)
async def test_stopped_it_is_unavailable_at_once_and_whole_afterwards(
    system: System, client: Client, patient: Patient, healed: Heal, service: str, reason: str
) -> None:
    with system.stopped(service):
        told, took = await timed(client.call("GetPatientSummary", asked(patient)))
        assert told.short == ("UNAVAILABLE", reason)
        assert took < 1.0
    await system.serves(service)
    await healed()
    assert (await summary(client, patient)).states == WHOLE


async def test_with_the_log_frozen_no_read_of_any_rpc_is_answered(
    system: System, client: Client, patient: Patient, healed: Heal
) -> None:
    assert len(AUDITED_READS) > 10
    refused = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNIMPLEMENTED}
    calls = [
        client.any(found, least(found.descriptor.input_type, patient.identifier), seconds=3.0, **patient.asks())
        for found in map(methods().__getitem__, AUDITED_READS)
    ]
    with system.frozen("audit"):
        told = dict(zip(AUDITED_READS, await asyncio.gather(*map(refusal, calls)), strict=True))
    # The log's own list asks the log, and waits for it in vain.
    assert told.pop("AuditService/ListAccesses").code.name in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}
    assert {name: each.short for name, each in told.items() if each.code not in refused} == {}


async def test_with_the_log_frozen_a_stream_sends_no_section(
    system: System, client: Client, patient: Patient, healed: Heal
) -> None:
    with system.frozen("audit"):
        parts, told = await read(client.open("StreamPatientSummary", stream_asked(patient), seconds=3.0))
    assert [part.WhichOneof("part") for part in parts] in ([], ["start"])
    assert told is not None
    assert told.short == ("UNAVAILABLE", "AUDIT_UNAVAILABLE")


async def test_with_the_log_frozen_a_download_sends_no_chunk_and_no_metadata(
    system: System, client: Client, patient: Patient, healed: Heal
) -> None:
    [document] = (await client.call("ListDocuments", ListDocumentsRequest(patient=patient.identifier))).documents
    request = DownloadDocumentRequest(patient=patient.identifier, id=document.header.id)
    with system.frozen("audit"):
        parts, told = await read(client.open("DownloadDocument", request, seconds=3.0))
    assert parts == []
    assert told is not None
    assert told.short == ("UNAVAILABLE", "AUDIT_UNAVAILABLE")


async def test_with_the_log_frozen_nothing_is_written(
    system: System, client: Client, patient: Patient, healed: Heal
) -> None:
    request = SetReservationRequest(patient=patient.identifier, request_id=str(uuid4()), portal=True)
    with system.frozen("audit"):
        told = await refusal(client.call("SetReservation", request, seconds=3.0, **patient.asks()))
    assert told is not None
    assert told.short == ("UNAVAILABLE", "AUDIT_UNAVAILABLE")
    await healed()
    asking = GetPrivacySettingsRequest(patient=patient.identifier)
    settings = (await client.call("GetPrivacySettings", asking, **patient.asks())).settings
    assert not settings.reservation.portal
