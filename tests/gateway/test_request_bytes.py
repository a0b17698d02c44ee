"""What a caller can make the gateway hold: messages are bounded before they are inflated, and taken after the token."""

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway.request_bytes import LARGEST_QUESTION, LARGEST_WRITE, MEBIBYTE, largest, plain
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.summary.v1.summary_pb2 import GetPatientSummaryRequest
from shared.errors import Invalid
from shared.server import OPEN_TO_ALL
from tests.support.client import Client, method, refusal
from tests.support.gateway import Front, running_gateway

SUMMARY = "GetPatientSummary"


@pytest.fixture(scope="module")
async def front(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    async with running_gateway(Path(tmp_path_factory.mktemp("i")), options=OPEN_TO_ALL) as front:
        yield front


def asked(front: Front) -> bytes:
    return GetPatientSummaryRequest(patient=PatientIdentifier(national_id=front.people.add())).SerializeToString()


async def sent(client: Client, content: bytes, *, compression: Any = None, token: bool = True) -> Any:
    call: Any = client.channel.unary_unary(method(SUMMARY).path)
    metadata = client.metadata() if token else []
    return await call(content, metadata=metadata, timeout=5, compression=compression)


async def test_a_compressed_request_is_answered(front: Front) -> None:
    assert await sent(front.client, asked(front), compression=grpc.Compression.Gzip)


async def test_what_is_compressed_otherwise_is_refused(front: Front) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await sent(front.client, asked(front), compression=grpc.Compression.Deflate)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.NoCompression])
async def test_a_question_that_is_too_large_is_refused(front: Front, compression: grpc.Compression) -> None:
    told = await refusal(sent(front.client, bytes(LARGEST_QUESTION + 1), compression=compression))
    assert told.short == ("INVALID_ARGUMENT", "TOO_LARGE")


async def test_a_strangers_message_is_not_asked_for(front: Front) -> None:
    told = await refusal(sent(front.client, bytes(20 * MEBIBYTE), token=False))
    assert told.short == ("UNAUTHENTICATED", "TOKEN_MISSING")


async def test_a_call_without_a_message_is_refused(front: Front) -> None:
    call: Any = front.client.channel.stream_unary(method(SUMMARY).path)
    told = await refusal(call(iter(()), metadata=front.client.metadata(), timeout=5))
    assert told.short == ("INVALID_ARGUMENT", "MALFORMED_MESSAGE")


@pytest.mark.parametrize("size", [0, 1, 1000, 1001, 30 * MEBIBYTE])
def test_a_message_is_inflated_to_its_bound_and_no_further(size: int) -> None:
    bomb = gzip.compress(bytes(size))
    tracemalloc.start()
    try:
        if size <= 1000:
            assert plain(bomb, 1000) == bytes(size)
        else:
            with pytest.raises(Invalid, match="larger than 1000 bytes"):
                plain(bomb, 1000)
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("cut", [2, 10, -8, -1])
def test_gzip_that_is_not_whole_is_refused(cut: int) -> None:
    with pytest.raises(Invalid, match="not whole gzip"):
        plain(gzip.compress(b"x" * 1000)[:cut], 10_000)


def test_gzip_that_is_damaged_is_refused() -> None:
    with pytest.raises(Invalid, match="not whole gzip"):
        plain(b"\x1f\x8b" + zlib.compress(b"x"), 10_000)


def test_a_question_may_be_smaller_than_a_write_and_a_feed_as_large_as_the_server_takes() -> None:
    most = 32 * MEBIBYTE
    assert largest(method("GetPatientSummary"), most) == LARGEST_QUESTION
    assert largest(method("DownloadDocument"), most) == LARGEST_QUESTION
    assert largest(method("UpdateMedicationList"), most) == LARGEST_WRITE
    assert largest(method("UploadDocument"), most) == LARGEST_WRITE
    assert largest(method("VisitsService/BulkImport"), most) == most
    assert largest(method("VisitsService/BulkImport"), 1000) == largest(method("GetPatientSummary"), 1000) == 1000
