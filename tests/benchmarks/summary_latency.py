"""How long a summary takes at a running local system: p50 and p99 at 1 and at 32 concurrent callers.

Of all eight sections, and of the five that were there first, by turns in the same run.

Absolute times mean little on a shared machine; compare two runs of the same minute. Checks every answer's status and
completeness. Run: `make bench` beside a running `make run`, or with --data-dir.
"""

import argparse
import asyncio
import itertools
import time
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from kj.local.known_patients import known
from kj.local.local_system import LocalSystem
from kj.token import mint_for
from kjernejournal.common.v1.common_pb2 import (
    SECTION_CRITICAL_INFO,
    SECTION_DOCUMENTS,
    SECTION_MEDICATIONS,
    SECTION_PATIENT,
    SECTION_VISITS,
    PatientIdentifier,
)
from kjernejournal.summary.v1.summary_pb2 import (
    COMPLETENESS_COMPLETE,
    GetPatientSummaryRequest,
    GetPatientSummaryResponse,
)

PATH = "/kjernejournal.summary.v1.SummaryService/GetPatientSummary"
REFUSED = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED)
"""Some of the population have reserved against the record, or blocked the caller: answers too, counted apart."""
SHED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
"""What a machine that is busy with other things answers now and then."""


FIRST_FIVE = (SECTION_CRITICAL_INFO, SECTION_MEDICATIONS, SECTION_VISITS, SECTION_DOCUMENTS, SECTION_PATIENT)
ASKED = {"eight sections": (), "five sections": FIRST_FIVE}


@dataclass
class Answers:
    """What came of one kind of request."""

    times: list[float] = field(default_factory=list)
    size: int = 0
    refused: int = 0
    shed: int = 0
    incomplete: int = 0

    def line(self) -> str:
        """Returns the line of the report. Throughput is the sum of both kinds, so it stands in neither."""
        times = sorted(self.times)
        p50, p99 = (times[int(len(times) * share)] * 1000 for share in (0.5, 0.99))
        return (
            f"p50 {p50:7.2f} ms   p99 {p99:7.2f} ms   {self.size / len(times) / 1024:6.1f} KB"
            f"   {len(times)} answers, {self.incomplete} not complete, {self.refused} refused, {self.shed} shed"
        )


async def measure(system: LocalSystem, ids: list[str], callers: int, seconds: float) -> None:
    """Prints latency of `callers` that ask one after the other, each kind of request by turns."""
    metadata = [
        ("authorization", f"Bearer {mint_for('doctor', system.issuer_directory)}"),
        ("access-basis", "AKUTT"),
        ("source-system", "latency benchmark"),
    ]
    turns = itertools.cycle(itertools.product(ids, ASKED))  # the same patient for each kind
    answers = {kind: Answers() for kind in ASKED}
    async with grpc.aio.insecure_channel(system.gateway_address) as channel:
        call = channel.unary_unary(
            PATH,
            request_serializer=GetPatientSummaryRequest.SerializeToString,
            response_deserializer=GetPatientSummaryResponse.FromString,
        )

        async def caller(until: float, record: bool) -> None:
            while time.monotonic() < until:
                patient, kind = next(turns)
                request = GetPatientSummaryRequest(patient=PatientIdentifier(national_id=patient), sections=ASKED[kind])
                started = time.monotonic()
                try:
                    reply = await call(request, metadata=metadata, timeout=5)
                except grpc.aio.AioRpcError as error:
                    if error.code() not in REFUSED + SHED:
                        raise
                    answers[kind].refused += record and error.code() in REFUSED
                    answers[kind].shed += record and error.code() in SHED
                    continue
                if record:
                    answers[kind].times.append(time.monotonic() - started)
                    answers[kind].size += reply.ByteSize()
                    answers[kind].incomplete += reply.completeness != COMPLETENESS_COMPLETE

        for length, record in ((1.0, False), (seconds, True)):
            until = time.monotonic() + length
            await asyncio.gather(*(caller(until, record) for _ in range(callers)))
    rate = sum(len(each.times) for each in answers.values()) / seconds
    print(f"{callers:3} concurrent: {rate:7.1f} summaries/s")
    for kind, each in answers.items():
        print(f"    {kind:14} {each.line()}")


def main() -> None:
    """Measures the system on --data-dir."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data-dir", type=Path)
    options.add_argument("--seconds", type=float, default=8.0)
    given = options.parse_args()
    system = LocalSystem.open(given.data_dir)
    ids = list(known(system.directory))
    for callers in (1, 32):
        asyncio.run(measure(system, ids, callers, given.seconds))


if __name__ == "__main__":
    main()
