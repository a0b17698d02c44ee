"""Downloads through the front door: on record before their bytes, at the pace of who reads them, and bounded."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from kjernejournal.documents.v1 import documents_pb2 as pb
from tests.gateway.forwarding.streams import DOWNLOAD, parts, sending, wanted
from tests.support.client import refusal
from tests.support.gateway import Front
from tests.support.scripted.services import RECORD, refusing


async def test_a_download_arrives_whole_and_is_on_record_before_its_bytes(front: Front) -> None:
    patient = front.people.add()
    seen: list[int] = []
    head, *chunks = parts(100_000, 5)

    async def answer(_: bytes, __: Any) -> AsyncIterator[bytes]:
        yield head.SerializeToString()
        for each in chunks:
            seen.append(len(front.log.records))
            yield each.SerializeToString()

    front.registers["documents"].server_stream(DOWNLOAD, answer)
    got = await front.client.stream("DownloadDocument", wanted(patient))
    assert got == [head, *chunks]
    [record] = front.log.records
    assert [(each.id, each.version) for each in record.sections[0].entries] == [("d-1", 2)]
    assert record.sections[0].sha256 == hashlib.sha256(head.SerializeToString()).digest()
    [call] = front.registers["documents"].calls
    assert pb.DownloadDocumentRequest.FromString(call.messages[0]).patient.patient_ref == front.people.ref(patient)


async def test_no_part_of_a_download_leaves_without_its_record(front: Front) -> None:
    patient = front.people.add()
    front.registers["documents"].server_stream(DOWNLOAD, sending(*parts(10)))
    front.log.unary(RECORD, refusing(grpc.StatusCode.UNAVAILABLE, "down", None))
    got: list[Any] = []
    try:
        told = await refusal(_gather(front.client.open("DownloadDocument", wanted(patient)), got))
    finally:
        front.log.unary(RECORD, front.log.commit)
    assert told.short == ("UNAVAILABLE", "AUDIT_UNAVAILABLE")
    assert got == []


async def test_a_download_that_hangs_times_out(front: Front) -> None:
    patient, ended = front.people.add(), asyncio.Event()

    async def hangs(_: bytes, __: Any) -> AsyncIterator[bytes]:
        try:
            yield parts()[0].SerializeToString()
            await asyncio.sleep(30)
        finally:
            ended.set()

    front.registers["documents"].server_stream(DOWNLOAD, hangs)
    got: list[Any] = []
    told = await refusal(_gather(front.client.open("DownloadDocument", wanted(patient)), got))
    assert told.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert len(got) == 1
    await asyncio.wait_for(ended.wait(), 2)


async def test_a_caller_who_leaves_a_download_ends_it_at_the_service(front: Front) -> None:
    patient, ended = front.people.add(), asyncio.Event()

    async def endless(_: bytes, __: Any) -> AsyncIterator[bytes]:
        try:
            while True:
                yield parts(1000, document=False)[0].SerializeToString()
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    front.registers["documents"].server_stream(DOWNLOAD, endless)
    call = front.client.open("DownloadDocument", wanted(patient))
    await call.read()
    call.cancel()
    await asyncio.wait_for(ended.wait(), 2)


async def test_a_block_during_a_download_ends_it(front: Front) -> None:
    patient = front.people.add()

    async def slow(_: bytes, __: Any) -> AsyncIterator[bytes]:
        for number in range(50):
            if number == 3:
                front.people.known[patient].facts.blocked_hpr_numbers.append("900000001")
            yield parts(10, document=False)[0].SerializeToString()
            await asyncio.sleep(0.03)

    front.registers["documents"].server_stream(DOWNLOAD, slow)
    got: list[Any] = []
    told = await refusal(_gather(front.client.open("DownloadDocument", wanted(patient)), got))
    assert told.code is grpc.StatusCode.PERMISSION_DENIED
    assert len(got) < 10


async def test_a_download_is_read_as_fast_as_its_caller_takes_it(front: Front) -> None:
    patient, produced = front.people.add(), 0

    async def answer(_: bytes, __: Any) -> AsyncIterator[bytes]:
        nonlocal produced
        for each in parts(*[250_000] * 100):
            produced += 1
            yield each.SerializeToString()

    front.registers["documents"].server_stream(DOWNLOAD, answer)
    call = front.client.open("DownloadDocument", wanted(patient))
    await call.read()
    await asyncio.sleep(0.2)
    assert produced < 60
    rest = 0
    while await call.read() is not grpc.aio.EOF:
        rest += 1
    assert rest == 100


@pytest.mark.parametrize("after", [0, 2])
async def test_a_fault_in_a_stream_is_relayed_with_a_fixed_text(front: Front, after: int) -> None:
    patient = front.people.add()

    async def breaks(_: bytes, __: Any) -> AsyncIterator[bytes]:
        for each in parts(10, 10)[:after]:
            yield each.SerializeToString()
        raise ValueError("asyncpg in /srv/app.py")

    front.registers["documents"].server_stream(DOWNLOAD, breaks)
    told = await refusal(front.client.stream("DownloadDocument", wanted(patient)))
    assert told.short == ("INTERNAL", "INTERNAL")
    assert "asyncpg" not in repr(told)


async def test_the_longest_stream_of_the_contract_bounds_a_download(front: Front) -> None:
    patient = front.people.add()
    front.registers["documents"].server_stream(DOWNLOAD, sending(*parts(1)))
    await _gather(front.client.open("DownloadDocument", wanted(patient), seconds=None), [])
    assert 890 < front.registers["documents"].calls[0].seconds_left <= 900


async def _gather(call: Any, into: list[Any]) -> None:
    """Keeps what came before a refusal, too."""
    async for message in call:
        into.append(message)  # noqa: PERF401 -- a comprehension would lose it


async def test_the_record_of_a_download_says_which_part(front: Front) -> None:
    request = wanted(front.people.add())
    request.offset, request.length = 10, 5
    front.registers["documents"].server_stream(DOWNLOAD, sending(*parts(5)))
    await front.client.stream("DownloadDocument", request)
    part = front.log.records[-1].sections[0].range
    assert (part.start, part.end) == (10, 15)
