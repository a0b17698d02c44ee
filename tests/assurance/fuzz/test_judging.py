"""A fuzz that finds nothing proves nothing until it has found what was planted."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import grpc
import pytest

from gateway.contract import Method
from kjernejournal.visits.v1 import visits_pb2
from shared.errors import Invalid, KjernejournalError, Reason, Unavailable, patient_not_found
from tests.assurance.fuzz.driving import Case, Report, drive, sender
from tests.assurance.fuzz.judging import Answer, faults
from tests.assurance.fuzz.messages import CANARY
from tests.support.client import method
from tests.support.service import FEED, calling, served

SERVICE = visits_pb2.DESCRIPTOR.services_by_name["VisitsService"]
LIST, IMPORT = method("ListVisits"), method("VisitsService/BulkImport")
SECRET = "13875499818"


class Planted:
    """Visits whose every rpc does what the test says."""

    def __init__(self, answer: Callable[[], Awaitable[visits_pb2.ListVisitsResponse]]) -> None:
        self._answer = answer

    async def ListVisits(self, request: object, context: object) -> visits_pb2.ListVisitsResponse:
        return await self._answer()

    async def BulkImport(self, messages: AsyncIterator[object], context: object) -> object:
        await anext(messages)
        return await self._answer()

    def __getattr__(self, name: str) -> object:
        return self.ListVisits


async def _asked(
    answer: Callable[[], Awaitable[visits_pb2.ListVisitsResponse]], rpc: Method = LIST, request: bytes = b""
) -> list[str]:
    """Returns what a run of one call finds."""
    report = Report()
    case = Case("planted#0", rpc, [request or _request()], calling(FEED))
    async with served((Planted(answer), SERVICE)) as channel:
        await drive([(lambda: case, sender(channel, 10.0))], report, at_once=1)
    return report.found


def _request() -> bytes:
    request = visits_pb2.ListVisitsRequest()
    request.patient.national_id = "1"
    return request.SerializeToString()


def _batch() -> bytes:
    request = visits_pb2.BulkImportRequest()
    request.patients.add().patient.patient_ref = str(uuid4())
    return request.SerializeToString()


def _raising(error: Exception) -> Callable[[], Awaitable[visits_pb2.ListVisitsResponse]]:
    async def answer() -> visits_pb2.ListVisitsResponse:
        raise error

    return answer


async def test_a_servicer_without_faults_passes() -> None:
    async def answer() -> visits_pb2.ListVisitsResponse:
        return visits_pb2.ListVisitsResponse()

    assert await _asked(answer) == []
    assert await _asked(_raising(Invalid("visit.period", "ends before it starts"))) == []


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("boom"),
        KjernejournalError(Reason.ERROR_REASON_INTERNAL, "a fault"),
        Unavailable(Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "the database cannot be reached"),
        Invalid("visit", "asyncpg.exceptions.DataError: invalid input"),
        Invalid("visit", 'violates unique constraint "entries_pkey"'),
        Invalid("visit", "SELECT id FROM entries"),
        Invalid("visit", "Traceback (most recent call last)"),
        Invalid("patient.national_id", f"{SECRET} is not valid"),
        Invalid(f"visits[{SECRET}]", "is not valid"),
        Invalid("visit.comment", f"{CANARY} is not valid"),
    ],
    ids=lambda error: f"{type(error).__name__} {error}"[:50],
)
async def test_a_planted_fault_is_found(error: Exception) -> None:
    [found] = await _asked(_raising(error))
    assert found.startswith("planted#0")


async def test_a_planted_fault_in_a_stream_is_found() -> None:
    [found] = await _asked(_raising(RuntimeError("boom")), IMPORT, _batch())
    assert found.startswith("planted#0: INTERNAL INTERNAL: a fault in the service")


async def test_a_planted_hang_is_found() -> None:
    async def answer() -> visits_pb2.ListVisitsResponse:
        await asyncio.sleep(2.2)
        return visits_pb2.ListVisitsResponse()

    [found] = await _asked(answer)
    assert "took 2" in found


async def test_an_exceptions_own_text_is_found() -> None:
    """Nothing of ours surrounds this handler: grpc sends the exception's own words."""

    async def raising(_: bytes, __: object) -> bytes:
        raise ValueError("column patient_ref")

    server = grpc.aio.server()
    handlers: Any = {"ListVisits": grpc.unary_unary_rpc_method_handler(raising)}
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("kjernejournal.visits.v1.VisitsService", handlers),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        answer = await sender(channel, 5.0)(Case("planted#0", LIST, [b""], []))
    await server.stop(0)
    assert faults(answer)[0] == "UNKNOWN"
    assert len(faults(answer)) > 1


async def test_a_process_that_is_down_is_found() -> None:
    async with grpc.aio.insecure_channel("unix:/tmp/kj-nobody-listens-here.sock") as channel:
        answer = await sender(channel, 5.0)(Case("planted#0", LIST, [b""], []))
    assert faults(answer)[0] == "UNAVAILABLE"


def test_an_orderly_refusal_is_no_fault() -> None:
    details = patient_not_found().status().SerializeToString()
    assert faults(Answer(grpc.StatusCode.NOT_FOUND, "no record for this patient", details, 0.1)) == []
    assert faults(Answer(grpc.StatusCode.NOT_FOUND, "no record for this patient", b"", 0.1)) != []
