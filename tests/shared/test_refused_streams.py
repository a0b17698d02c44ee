"""When the sender of a stream that is refused gets the refusal: a status in the middle of a message would be lost."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.visits.v1 import visits_pb2
from shared import handling
from shared.errors import Invalid
from tests.support.client import method, refusal
from tests.support.service import FEED, calling, served

SERVICE = visits_pb2.DESCRIPTOR.services_by_name["VisitsService"]
MESSAGE = visits_pb2.BulkImportRequest(
    patients=[visits_pb2.PatientEntries(patient=PatientIdentifier(patient_ref=str(uuid4())))]
).SerializeToString()
NOT_OF_THE_GATEWAY: list[tuple[str, str | bytes]] = [("kj-caller-bin", b"\xff")]


class Refusing:
    """Visits that refuse every stream at its first message."""

    async def BulkImport(self, messages: AsyncIterator[object], context: object) -> object:
        await anext(messages)
        raise Invalid("patients[0]", "is refused")

    def __getattr__(self, name: str) -> object:
        return self.BulkImport


@pytest.fixture(scope="module")
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    async with served((Refusing(), SERVICE)) as channel:
        yield channel


def opened(channel: grpc.aio.Channel, metadata: list[tuple[str, str | bytes]]) -> Any:
    multicallable: Any = channel.stream_unary(method("VisitsService/BulkImport").path)
    return multicallable(metadata=metadata, timeout=20.0)


@pytest.mark.parametrize(
    "metadata, code",
    [
        (calling(FEED, str(uuid4())), grpc.StatusCode.INVALID_ARGUMENT),
        (NOT_OF_THE_GATEWAY, grpc.StatusCode.UNAUTHENTICATED),
    ],
    ids=["by the servicer", "by a step before it"],
)
async def test_a_sender_gets_the_refusal_when_all_is_sent(
    channel: grpc.aio.Channel,
    metadata: list[tuple[str, str | bytes]],
    code: grpc.StatusCode,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handling, "DRAIN_SECONDS", 10.0)
    call = opened(channel, metadata)
    for _ in range(10):
        await call.write(MESSAGE)
        await asyncio.sleep(0.01)
    assert not call.done()
    await call.done_writing()
    began = time.monotonic()
    assert (await refusal(call)).code is code
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("metadata", [calling(FEED, str(uuid4())), NOT_OF_THE_GATEWAY])
async def test_a_sender_who_does_not_end_gets_the_refusal_all_the_same(
    channel: grpc.aio.Channel, metadata: list[tuple[str, str | bytes]]
) -> None:
    call = opened(channel, metadata)
    await call.write(MESSAGE)
    began = time.monotonic()
    await refusal(call)
    assert handling.DRAIN_SECONDS - 0.05 < time.monotonic() - began < 5
