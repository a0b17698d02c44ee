"""What happens when more calls come than the gateway takes on."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from gateway.access.jwks import JwksSource
from gateway.access.tokens import TokenVerifier
from gateway.admission import RETRY_MS, Admission, Shares
from gateway.decided_call import Incoming
from gateway.front_door import FrontDoor, Handlers
from kj.local.issuer import AUDIENCE, ensure_issuer
from kj.local.programs import ISSUER
from kjernejournal.documents.v1.documents_pb2 import DownloadDocumentRequest, UploadDocumentRequest
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryRequest, StreamPatientSummaryRequest
from shared.handling.failures import RETRY_PUSHBACK, STATUS_DETAILS
from shared.national_id import valid_hpr_number, valid_organisation_number
from tests.services.patients.people import new_id
from tests.support.client import Client, method, refusal
from tests.support.scripted.services import listening
from tests.support.waiting import becomes

HPR_NUMBERS = [number for number in map(str, range(900_000_100, 900_000_900)) if valid_hpr_number(number)]
ORGANISATIONS = [number for number in map(str, range(100_200_000, 100_200_200)) if valid_organisation_number(number)]
RPCS = ("GetPatientSummary", "StreamPatientSummary", "DownloadDocument", "UploadDocument")
OVERLOADED = ("RESOURCE_EXHAUSTED", "OVERLOADED")
LONG = 60.0
"""Seconds for which calls are kept inside, however busy the machine is."""


ANY = Shares(1, 1, 1)
"""Whoever comes may take the whole room."""


class Busy:
    """A front door for four calls, emergencies six, and two streams, emergencies three; all last until `done`."""

    client: Client

    def __init__(self) -> None:
        self.done = asyncio.Event()
        self.inside: dict[str, int] = dict.fromkeys(RPCS, 0)
        self._tasks: list[asyncio.Task[Any]] = []

    def handlers(self) -> Handlers:
        return Handlers(unary=self._unary, server_stream=self._server_stream, client_stream=self._client_stream)

    def summary(self, **caller: Any) -> Any:
        return self.client.call("GetPatientSummary", GetPatientSummaryRequest(), seconds=LONG, **caller)

    def summary_stream(self, **caller: Any) -> Any:
        return self.client.stream("StreamPatientSummary", StreamPatientSummaryRequest(), seconds=LONG, **caller)

    def download(self, **caller: Any) -> Any:
        return self.client.stream("DownloadDocument", DownloadDocumentRequest(), seconds=LONG, **caller)

    def upload(self, **caller: Any) -> Any:
        return self.client.send("UploadDocument", [UploadDocumentRequest()], seconds=LONG, **caller)

    async def begin(self, *calls: Any) -> list["asyncio.Task[Any]"]:
        """Returns the calls as tasks, once all of them are inside."""
        tasks = [asyncio.ensure_future(call) for call in calls]
        expected = sum(self.inside.values()) + len(calls)
        await becomes(lambda: sum(self.inside.values()) == expected or any(task.done() for task in tasks), LONG)
        assert sum(self.inside.values()) == expected, [task for task in tasks if task.done()]
        self._tasks += tasks
        return tasks

    async def finish(self) -> None:
        """Answers everybody who was let in."""
        self.done.set()
        await asyncio.gather(*self._tasks)

    async def _wait(self, incoming: Incoming) -> None:
        name = incoming.method.descriptor.name
        self.inside[name] += 1
        try:
            await self.done.wait()
        finally:
            self.inside[name] -= 1

    async def _unary(self, incoming: Incoming, _: bytes, __: Any) -> bytes:
        await self._wait(incoming)
        return b""

    async def _server_stream(self, incoming: Incoming, _: bytes, __: Any) -> AsyncGenerator[bytes, None]:
        await self._wait(incoming)
        yield b""

    async def _client_stream(self, incoming: Incoming, _: AsyncIterator[bytes], __: Any) -> bytes:
        await self._wait(incoming)
        return b""


@pytest.fixture
async def busy(issuer: Path) -> AsyncIterator[Busy]:
    async with door(issuer, Admission(max_calls=4, max_streams=2, shares=ANY)) as busy:
        yield busy


@pytest.fixture
async def shared(issuer: Path) -> AsyncIterator[Busy]:
    """The same with the shares of every gateway: 16 calls, emergencies 8 more, and 16 streams, emergencies 8 more."""
    async with door(issuer, Admission(max_calls=16, max_streams=16)) as busy:
        yield busy


@asynccontextmanager
async def door(issuer: Path, admission: Admission) -> AsyncIterator[Busy]:
    verifier = TokenVerifier(JwksSource(str(ensure_issuer(issuer))), issuer=ISSUER, audience=AUDIENCE)
    methods = {each.path: each for each in map(method, RPCS)}
    busy = Busy()
    found = FrontDoor(methods, dict.fromkeys(methods, busy.handlers()), admission, verifier)
    async with listening(found) as address, grpc.aio.insecure_channel(address) as channel:
        busy.client = Client(channel, issuer)
        yield busy


ORDINARY: dict[str, Any] = {"basis": "SAMTYKKE"}


async def test_who_comes_when_it_is_full_is_told_when_to_come_back(busy: Busy) -> None:
    await busy.begin(*[busy.summary(**ORDINARY) for _ in range(4)])
    told = await refusal(busy.summary(**ORDINARY))
    assert told.short == OVERLOADED
    assert RETRY_MS[0] <= int(told.trailers[RETRY_PUSHBACK]) <= RETRY_MS[1]
    retry = error_details_pb2.RetryInfo()
    assert any(each.Unpack(retry) for each in status_pb2.Status.FromString(told.trailers[STATUS_DETAILS]).details)
    assert retry.retry_delay.ToMilliseconds() == int(told.trailers[RETRY_PUSHBACK])
    assert busy.inside["GetPatientSummary"] == 4
    await busy.finish()
    await busy.summary(**ORDINARY)


async def test_emergencies_are_shed_last(busy: Busy) -> None:
    await busy.begin(*[busy.summary(**ORDINARY) for _ in range(4)])
    await busy.begin(busy.summary(basis="AKUTT"), busy.summary_stream(basis="FORHOYET_AKUTT"))
    assert (await refusal(busy.summary(basis="AKUTT"))).short == OVERLOADED
    await busy.finish()


@pytest.mark.parametrize(
    "caller",
    [
        {"kind": "citizen", "basis": "AKUTT"},
        {"kind": "doctor", "basis": "UNNTAK"},
        {"kind": "doctor", "basis": ""},
    ],
    ids=lambda caller: f"{caller['kind']}-{caller['basis']}",
)
async def test_who_is_no_emergency(busy: Busy, caller: dict[str, Any]) -> None:
    await busy.begin(*[busy.summary() for _ in range(4)])
    assert (await refusal(busy.summary(**caller))).short == OVERLOADED
    await busy.begin(busy.summary(), busy.summary())
    await busy.finish()


async def test_a_token_that_does_not_verify_is_no_emergency(busy: Busy) -> None:
    await busy.begin(*[busy.summary() for _ in range(4)])
    metadata = [("authorization", f"Bearer {busy.client.token('doctor')[:-8]}AAAAAAAA"), ("access-basis", "AKUTT")]
    call: Any = busy.client.channel.unary_unary(method("GetPatientSummary").path)
    assert (await refusal(call(b"", metadata=metadata))).short == ("UNAUTHENTICATED", "TOKEN_INVALID")
    await busy.finish()


async def test_streams_do_not_take_the_room_of_summaries(busy: Busy) -> None:
    await busy.begin(busy.download(**ORDINARY), busy.upload(**ORDINARY))
    assert (await refusal(busy.download(**ORDINARY))).short == OVERLOADED
    assert (await refusal(busy.upload(**ORDINARY))).short == OVERLOADED
    await busy.begin(*[busy.summary_stream(**ORDINARY) for _ in range(4)])
    assert (await refusal(busy.summary(**ORDINARY))).short == OVERLOADED
    await busy.begin(busy.download(basis="AKUTT"))
    await busy.finish()


async def test_who_goes_away_leaves_room(busy: Busy) -> None:
    for call in (busy.summary, busy.download, busy.upload):
        for _ in range(3):
            tasks = await busy.begin(call(**ORDINARY), call(**ORDINARY))
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            busy._tasks.clear()
            await becomes(lambda: not any(busy.inside.values()))


def person(number: int) -> dict[str, Any]:
    """Returns who calls as one of many citizens."""
    return {"kind": "citizen", "national_id": new_id(), "basis": ""} if number else {"kind": "citizen", "basis": ""}


def doctor(number: int, **more: Any) -> dict[str, Any]:
    """Returns who calls as one of many doctors, of three organisations."""
    return {
        "hpr": HPR_NUMBERS[number],
        "service": ("gp", "hospital", "emergency")[number % 3],
        "basis": "SAMTYKKE",
        **more,
    }


@pytest.mark.parametrize("what", ["summary", "download", "upload"])
async def test_one_citizen_takes_no_more_than_a_share(shared: Busy, what: str) -> None:
    call = getattr(shared, what)
    await shared.begin(*[call(**person(0)) for _ in range(4)])
    assert (await refusal(call(**person(0)))).short == OVERLOADED
    await shared.begin(call(**person(1)))
    await shared.finish()


@pytest.mark.parametrize("what", ["summary", "download", "upload"])
async def test_all_citizens_leave_room_for_doctors(shared: Busy, what: str) -> None:
    call = getattr(shared, what)
    await shared.begin(*[call(**person(each)) for each in range(1, 7)])
    assert (await refusal(call(**person(7)))).short == OVERLOADED
    await shared.begin(*[call(**doctor(each)) for each in range(10)])
    await shared.finish()


async def test_citizens_and_machines_together_leave_room_for_doctors(shared: Busy) -> None:
    await shared.begin(*[shared.upload(**person(each)) for each in range(1, 7)])
    await shared.begin(*[shared.upload(kind="system", org=ORGANISATIONS[each]) for each in range(6)])
    assert (await refusal(shared.upload(kind="system", org=ORGANISATIONS[9]))).short == OVERLOADED
    await shared.begin(*[shared.upload(**doctor(each)) for each in range(4)])
    await shared.finish()


async def test_one_clinician_takes_no_more_than_a_share_of_the_emergencies_either(shared: Busy) -> None:
    often = doctor(0, basis="AKUTT")
    await shared.begin(*[shared.summary(**often) for _ in range(4 + 2)])
    assert (await refusal(shared.summary(**often))).short == OVERLOADED
    await shared.begin(*[shared.summary(**doctor(each)) for each in range(1, 13)])
    assert (await refusal(shared.summary(**doctor(13)))).short == OVERLOADED
    await shared.begin(*[shared.summary(**doctor(each, basis="AKUTT")) for each in range(14, 20)])
    await shared.finish()


async def test_one_organisation_takes_no_more_than_half(shared: Busy) -> None:
    await shared.begin(*[shared.summary(**doctor(each, service="hospital")) for each in range(8)])
    assert (await refusal(shared.summary(**doctor(8, service="hospital")))).short == OVERLOADED
    await shared.begin(shared.summary(**doctor(9)))
    await shared.finish()


async def test_one_machine_takes_no_more_than_a_share(shared: Busy) -> None:
    await shared.begin(*[shared.upload(kind="system", org=ORGANISATIONS[1]) for _ in range(4)])
    assert (await refusal(shared.upload(kind="system", org=ORGANISATIONS[1]))).short == OVERLOADED
    await shared.begin(shared.upload(kind="system", org=ORGANISATIONS[2]))
    await shared.finish()
