"""The gateway's own process at SIGTERM: a write that is under way comes to its end, and onto the record."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest

from gateway.registers.sources import SOURCES
from kj.local.issuer import ensure_issuer
from kj.local.programs import ROOT
from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.common.v1.common_pb2 import ListWindow, PatientIdentifier
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.documents.v1.documents_pb2 import UploadDocumentRequest
from kjernejournal.visits.v1 import visits_pb2
from tests.support.client import Client, method
from tests.support.scripted.services import RECORD, AccessLog, People, Service, listening, saying
from tests.support.waiting import becomes

CREATE = method("CreateCriticalInfo").path
LIST = method("ListVisits").path
UPLOAD = method("UploadDocument").path
DRAIN = 1.0


@dataclass
class Gateway:
    """The process, its caller, and what stands behind it."""

    process: "asyncio.subprocess.Process"
    client: Client
    people: People
    log: AccessLog
    service: Service
    """Every register."""


@pytest.fixture
async def gateway(issuer: Path, tmp_path: Path) -> AsyncIterator[Gateway]:
    people, log, service = People(), AccessLog(), Service()
    async with AsyncExitStack() as stack:
        services = {
            name: await stack.enter_async_context(listening(each))
            for name, each in {"patients": people, "audit": log, "critical_info": service}.items()
        }
        services = {source.service: services["critical_info"] for source in SOURCES} | services
        address = services["critical_info"] + "g"
        settings = {
            "KJ_LISTEN": address,
            "KJ_SERVICES": json.dumps(services),
            "KJ_JWKS": str(ensure_issuer(issuer)),
            "KJ_DRAIN_SECONDS": str(DRAIN),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "protos" / "gen")]),
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("KJ_")}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", env={**inherited, **settings}, cwd=tmp_path
        )
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
        try:
            async with asyncio.timeout(20):
                await channel.channel_ready()
            yield Gateway(process, Client(channel, issuer), people, log, service)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def test_the_write_of_a_caller_who_has_gone_is_waited_for(gateway: Gateway) -> None:
    may_answer = asyncio.Event()

    async def create(_: bytes, __: Any) -> bytes:
        await may_answer.wait()
        return ki.CreateCriticalInfoResponse().SerializeToString()

    gateway.service.unary(CREATE, create)
    request = ki.CreateCriticalInfoRequest(
        patient=PatientIdentifier(national_id=gateway.people.add()), request_id=str(uuid4())
    )
    ongoing = asyncio.ensure_future(gateway.client.call("CreateCriticalInfo", request))
    await becomes(lambda: bool(gateway.service.calls))
    ongoing.cancel()
    await asyncio.sleep(0.1)  # the gateway learns of it
    gateway.process.send_signal(signal.SIGTERM)
    await asyncio.sleep(DRAIN / 2)
    may_answer.set()
    async with asyncio.timeout(10):
        assert await gateway.process.wait() == 0
    permit, outcome = gateway.log.records
    assert permit.kind == audit_pb2.RECORD_KIND_PERMIT
    assert outcome.kind == audit_pb2.RECORD_KIND_OUTCOME
    assert outcome.status_code == 0


async def test_a_stream_that_the_drain_cuts_off_is_on_record(gateway: Gateway) -> None:
    async def upload(messages: AsyncIterator[bytes], _: Any) -> bytes:
        async for _ in messages:
            pass
        return b""

    gateway.service.client_stream(UPLOAD, upload)
    patient = PatientIdentifier(national_id=gateway.people.add())
    call = gateway.client.sending("UploadDocument", None)
    await call.write(UploadDocumentRequest(patient=patient, request_id=str(uuid4())).SerializeToString())
    await becomes(lambda: bool(gateway.service.calls))
    gateway.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        assert await gateway.process.wait() == 0
    permit, outcome = gateway.log.records
    assert (permit.kind, outcome.kind) == (audit_pb2.RECORD_KIND_PERMIT, audit_pb2.RECORD_KIND_OUTCOME)
    assert outcome.status_code == grpc.StatusCode.UNAVAILABLE.value[0]


async def test_the_record_of_a_reader_who_has_gone_is_waited_for(gateway: Gateway) -> None:
    """The register's answer did not leave, but it was about to: the log says so all the same."""
    may_commit = asyncio.Event()

    async def commit(data: bytes, context: Any) -> bytes:
        await may_commit.wait()
        return await gateway.log.commit(data, context)

    gateway.log.unary(RECORD, commit)
    gateway.service.unary(LIST, saying(visits_pb2.ListVisitsResponse(window=ListWindow())))
    request = visits_pb2.ListVisitsRequest(patient=PatientIdentifier(national_id=gateway.people.add()))
    ongoing = asyncio.ensure_future(gateway.client.call("ListVisits", request))
    await becomes(lambda: bool(gateway.log.calls))
    ongoing.cancel()
    await asyncio.sleep(0.1)  # the gateway learns of it
    gateway.process.send_signal(signal.SIGTERM)
    await asyncio.sleep(DRAIN / 2)
    may_commit.set()
    async with asyncio.timeout(10):
        assert await gateway.process.wait() == 0
    [record] = gateway.log.records
    assert record.kind == audit_pb2.RECORD_KIND_DISCLOSURE
