"""The front door itself: who comes in and to whom, and streams whose callers do not do their part."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway import contract
from gateway.access.jwks import JwksSource
from gateway.access.tokens import TokenVerifier
from gateway.admission import Admission
from gateway.contract import Method
from gateway.decided_call import Incoming
from gateway.front_door import FrontDoor, Handlers
from kj.local.issuer import AUDIENCE, ensure_issuer
from kj.local.programs import ISSUER
from kj.synthetic.people.cast import PEOPLE
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryRequest
from shared.handling import failures
from tests.support.client import Client, method, refusal
from tests.support.gateway import Front
from tests.support.scripted.services import listening
from tests.support.waiting import becomes

DOWNLOAD = method("DownloadDocument")
OPEN = [each for each in contract.methods().values() if each.rule.action != common_pb2.ACTION_INTERNAL]
IDLE = 0.3
VERIFIER = TokenVerifier(JwksSource("/none"), issuer="", audience="")


class Endless:
    """A stream that goes on as long as it is taken; `open` counts those that have not ended."""

    def __init__(self) -> None:
        self.open = 0
        self.opened = 0

    async def stream(self, _: Incoming, __: bytes, ___: Any) -> AsyncGenerator[bytes, None]:
        self.open += 1
        self.opened += 1
        try:
            while True:
                yield b"x" * 250_000
        finally:
            self.open -= 1


@asynccontextmanager
async def served(issuer: Path, handlers: dict[str, Handlers], *, idle: float = IDLE) -> AsyncIterator[Client]:
    """Serves these rpcs alone, by path, at a front door."""
    verifier = TokenVerifier(JwksSource(str(ensure_issuer(issuer))), issuer=ISSUER, audience=AUDIENCE)
    found = {path: each for path, each in contract.methods().items() if path in handlers}
    door = FrontDoor(found, handlers, Admission(), verifier, idle=idle)
    async with listening(door) as address, grpc.aio.insecure_channel(address) as channel:
        yield Client(channel, issuer)


async def test_a_caller_who_takes_nothing_is_let_go(issuer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "ABORT_SECONDS", 0.2)
    endless = Endless()
    async with served(issuer, {DOWNLOAD.path: Handlers(server_stream=endless.stream)}) as client:
        calls: list[Any] = [_call(client) for _ in range(20)]
        for call in calls:
            await call.read()
        assert endless.opened == 20
        await becomes(lambda: endless.open == 0, IDLE + 2.0)
        await becomes(lambda: not _handlers(), 2.0)
        # Who reads on after all learns why.
        assert (await refusal(_rest(calls[0]))).reason == "STREAM_TIMEOUT"


async def test_a_caller_who_takes_slowly_is_served_on(issuer: Path) -> None:
    """As long as it is moved at all: in each try it takes longer than `idle` in all, and no pause comes near it."""
    endless, lengths = Endless(), list[int]()
    for idle in (1.0, 4.0, 16.0):
        async with served(issuer, {DOWNLOAD.path: Handlers(server_stream=endless.stream)}, idle=idle) as client:
            call = _call(client)
            lengths, longest = await _slowly(call, idle)
            call.cancel()
            await becomes(lambda: endless.open == 0, 30.0)
        if longest < idle / 3:
            break  # else the machine made pauses of its own
    assert lengths == [250_000] * 40


async def _slowly(call: Any, idle: float) -> tuple[list[int], float]:
    """Returns the lengths of 40 messages, or fewer when the stream ends, and the longest time between two, in s."""
    lengths, longest = [], 0.0
    with contextlib.suppress(grpc.aio.AioRpcError):
        for _ in range(40):
            began = time.monotonic()
            lengths.append(len(await call.read()))
            await asyncio.sleep(idle / 30)
            longest = max(longest, time.monotonic() - began)
    return lengths, longest


async def test_the_deadline_ends_a_stream_that_is_taken(issuer: Path) -> None:
    endless = Endless()
    async with served(issuer, {DOWNLOAD.path: Handlers(server_stream=endless.stream)}) as client:
        assert (await refusal(_rest(_call(client, seconds=0.5)))).code is grpc.StatusCode.DEADLINE_EXCEEDED
        await becomes(lambda: endless.open == 0)


def test_an_rpc_that_nothing_serves_is_found_out_at_start() -> None:
    with pytest.raises(TypeError, match=f"nothing serves {DOWNLOAD.path}"):
        FrontDoor({DOWNLOAD.path: DOWNLOAD}, {}, Admission(), VERIFIER)


def test_a_handler_of_no_rpc_is_found_out_at_start() -> None:
    """A path misspelt here would leave its rpc to whoever forwards the rest."""
    handlers = {DOWNLOAD.path: Handlers(server_stream=Endless().stream), "/x/DownloadDocument": Handlers()}
    with pytest.raises(TypeError, match="no such rpc: /x/DownloadDocument"):
        FrontDoor({DOWNLOAD.path: DOWNLOAD}, handlers, Admission(), VERIFIER)


async def test_rpcs_of_one_name_go_each_to_its_own_handler(issuer: Path) -> None:
    served_by: list[str] = []

    def handler(name: str) -> Handlers:
        async def take(incoming: Incoming, messages: AsyncIterator[bytes], _: Any) -> bytes:
            served_by.append(name)
            assert incoming.method.service == name
            assert [each async for each in messages] == [b""]
            return b""

        return Handlers(client_stream=take)

    names = ("labs", "visits", "documents")
    paths = {
        name: next(each.path for each in OPEN if each.service == name and "BulkImport" in each.path) for name in names
    }
    async with served(issuer, {path: handler(name) for name, path in paths.items()}) as client:
        for path in paths.values():
            await client.send(path.rpartition(".")[2], [b""], kind="system")
    assert served_by == list(names)


@pytest.mark.parametrize("found", OPEN, ids=lambda each: each.path.rpartition(".")[2])
async def test_a_misspelt_basis_is_refused_before_anybody_is_looked_up(front: Front, found: Method) -> None:
    """It is refused before the request is read, too: this one names no patient."""
    got = await refusal(front.client.any(found, found.request(), kind="doctor", basis="AKUT"))
    assert got.short == ("INVALID_ARGUMENT", "UNKNOWN_BASIS")
    assert not front.people.calls
    assert not front.log.records


async def test_a_patient_under_a_misspelt_basis_is_not_looked_up(front: Front) -> None:
    request = GetPatientSummaryRequest(patient=PatientIdentifier(national_id=front.people.add()))
    got = await refusal(front.client.call("GetPatientSummary", request, basis="AKUT"))
    assert got.short == ("INVALID_ARGUMENT", "UNKNOWN_BASIS")
    assert not front.people.calls
    await front.client.call("GetPatientSummary", request, basis="AKUTT")
    assert front.people.calls


@pytest.mark.parametrize("found", OPEN, ids=lambda each: each.path.rpartition(".")[2])
async def test_health_personnel_name_the_system_that_asks_in_every_call_that_goes_on_record(
    front: Front, found: Method
) -> None:
    got = await refusal(front.client.any(found, found.request(), kind="doctor", source_system=""))
    asked = got.details.get("field") == "source-system"
    assert asked == (found.rule.audit == common_pb2.AUDIT_LEVEL_FULL)
    if asked:
        assert got.short == ("INVALID_ARGUMENT", "INVALID_FIELD")
    assert not front.people.calls
    assert not front.log.records


@pytest.mark.parametrize("kind", ["citizen", "system", "auditor"])
async def test_of_others_the_client_of_their_token_is_the_system_that_asks(front: Front, kind: str) -> None:
    request = GetPatientSummaryRequest(patient=PatientIdentifier(national_id=front.people.add()))
    got = await refusal(front.client.call("GetPatientSummary", request, kind=kind, source_system=""))
    assert got.details.get("field") != "source-system"


async def test_a_handler_is_given_who_calls_and_on_which_basis(issuer: Path) -> None:
    came: list[Incoming] = []

    async def take(incoming: Incoming, data: bytes, _: Any) -> bytes:
        came.append(incoming)
        return data

    summary = method("GetPatientSummary")
    async with served(issuer, {summary.path: Handlers(unary=take)}) as client:
        await client.call("GetPatientSummary", GetPatientSummaryRequest(), basis="UNNTAK")
        token = client.token("doctor")
    [incoming] = came
    assert incoming.method.path == summary.path
    assert (incoming.caller.hpr_number, incoming.caller.source_system) == (PEOPLE["doctor"].hpr_number, "TestEPJ 1.0")
    assert incoming.basis == common_pb2.ACCESS_BASIS_UNNTAK
    assert token not in repr(incoming), "a log line about a call must not hold its token"


def _call(client: Client, seconds: float | None = None) -> Any:
    multicallable: Any = client.channel.unary_stream(DOWNLOAD.path)
    return multicallable(b"", metadata=client.metadata(), timeout=seconds)


async def _rest(call: Any) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


def _handlers() -> list[str]:
    """Returns the handlers that grpc.aio's server is waiting for."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return [name for name in names if name == "_handle_exceptions"]
