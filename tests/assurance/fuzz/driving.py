"""Sends the cases of a fuzz to a running system and gathers what was wrong with the answers."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc

from gateway.contract import Method
from shared.client_stream import ClientStream
from tests.assurance.fuzz.judging import LONGEST, Answer, faults

Metadata = Sequence[tuple[str, str | bytes]]
ENDLESS = frozenset({"/kjernejournal.changes.v1.ChangesService/WatchChanges"})
"""Streams that go on for as long as anybody listens: their first message is waited for."""
_COME_BACK = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})


@dataclass(frozen=True)
class Case:
    """One call. `name` and the seed make it again."""

    name: str
    method: Method
    messages: Sequence[bytes]
    metadata: Metadata


@dataclass
class Report:
    """What came of a run."""

    codes: dict[str, Counter[str]] = field(default_factory=dict)
    """How often each code came, by rpc."""
    found: list[str] = field(default_factory=list)
    calls: int = 0
    again: int = 0
    """Calls that were sent a second time."""
    seconds: float = 0.0
    slowest: float = 0.0

    def add(self, case: Case, answer: Answer, wrong: Sequence[str]) -> None:
        self.calls += 1
        self.slowest = max(self.slowest, answer.seconds)
        self.codes.setdefault(case.method.path, Counter())[answer.code.name] += 1
        if wrong:
            self.found.append(f"{case.name}: {answer.code.name} {', '.join(wrong)}: {answer.text}")


Send = Callable[[Case], Awaitable[Answer]]
Make = Callable[[], Case]


async def drive(cases: Iterable[tuple[Make, Send]], report: Report, *, at_once: int) -> None:
    """Sends every case, so many at a time.

    One that takes too long or is asked to come back is sent again alone at the end: a busy machine and a lost race are
    no faults, a hang and a fault in disguise are still there then.
    """
    waiting = iter(cases)
    again: list[tuple[Case, Send]] = []

    async def work() -> None:
        for make, send in waiting:
            case = make()
            answer = await send(case)
            if answer.seconds > LONGEST or answer.code in _COME_BACK:
                again.append((case, send))
            else:
                report.add(case, answer, faults(answer))

    began = time.monotonic()
    await asyncio.gather(*(work() for _ in range(at_once)))
    report.again += len(again)
    for case, send in again:
        answer = await send(case)
        report.add(case, answer, faults(answer))
    report.seconds += time.monotonic() - began


def sender(channel: grpc.aio.Channel, seconds: float) -> Send:
    """Calls rpcs of every shape on a channel, bytes in, bytes out; replies are read to their end."""
    calls: dict[str, Any] = {}

    async def send(case: Case) -> Answer:
        call = calls.get(case.method.path)
        if call is None:
            call = calls[case.method.path] = _multicallable(channel, case.method)
        began = time.monotonic()
        try:
            if case.method.descriptor.client_streaming:
                await _sent(ClientStream(call(metadata=case.metadata, timeout=seconds)), case.messages)
            elif case.method.descriptor.server_streaming:
                stream = call(case.messages[0], metadata=case.metadata, timeout=seconds)
                async for _ in stream:
                    if case.method.path in ENDLESS:
                        stream.cancel()
                        break
            else:
                await call(case.messages[0], metadata=case.metadata, timeout=seconds)
        except grpc.aio.AioRpcError as error:
            return Answer.of(error, time.monotonic() - began)
        return Answer(grpc.StatusCode.OK, "", b"", time.monotonic() - began)

    return send


def _multicallable(channel: grpc.aio.Channel, method: Method) -> Any:
    if method.descriptor.client_streaming:
        return channel.stream_unary(method.path)
    if method.descriptor.server_streaming:
        return channel.unary_stream(method.path)
    return channel.unary_unary(method.path)


async def _sent(stream: ClientStream[bytes, bytes], messages: Sequence[bytes]) -> None:
    """Sends a whole stream. A plain call would now and then end with a status of grpc.aio's own, not the server's."""
    for message in messages:
        if not await stream.write(message):
            break
    await stream.done_writing()
    await stream


def generator(seed: int, name: str) -> random.Random:
    """Returns the source of everything random in the case of this name."""
    return random.Random(f"{seed}/{name}")
