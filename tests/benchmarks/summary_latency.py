"""How long a summary takes at a running local system: p50 and p99 at 1 and at 32 concurrent callers.

Absolute times mean little on a shared machine; compare two runs of the same minute. Checks every answer's status and
completeness. Run: `make bench` beside a running `make run`, or with --data-dir.
"""

import argparse
import asyncio
import itertools
import time
from pathlib import Path

import grpc

from gateway.cli.local import LocalSystem
from gateway.cli.patients import known
from gateway.cli.token import mint_for
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.summary.v1.summary_pb2 import (
    COMPLETENESS_COMPLETE,
    GetPatientSummaryRequest,
    GetPatientSummaryResponse,
)

PATH = "/kjernejournal.summary.v1.SummaryService/GetPatientSummary"
NO_RECORD = grpc.StatusCode.NOT_FOUND
"""Some of the population have reserved against the record, or blocked the caller: answers too, counted apart."""


async def measure(system: LocalSystem, ids: list[str], callers: int, seconds: float) -> None:
    """Prints throughput and latency of `callers` that ask one after the other."""
    metadata = [
        ("authorization", f"Bearer {mint_for('doctor', system.issuer_directory)}"),
        ("access-basis", "AKUTT"),
        ("source-system", "latency benchmark"),
    ]
    patients = itertools.cycle(ids)
    times: list[float] = []
    refused = incomplete = 0
    async with grpc.aio.insecure_channel(system.gateway_address) as channel:
        call = channel.unary_unary(
            PATH,
            request_serializer=GetPatientSummaryRequest.SerializeToString,
            response_deserializer=GetPatientSummaryResponse.FromString,
        )

        async def caller(until: float, record: bool) -> None:
            nonlocal refused, incomplete
            while time.monotonic() < until:
                request = GetPatientSummaryRequest(patient=PatientIdentifier(national_id=next(patients)))
                started = time.monotonic()
                try:
                    reply = await call(request, metadata=metadata, timeout=5)
                except grpc.aio.AioRpcError as error:
                    if error.code() not in (NO_RECORD, grpc.StatusCode.PERMISSION_DENIED):
                        raise
                    refused += record
                    continue
                if record:
                    times.append(time.monotonic() - started)
                    incomplete += reply.completeness != COMPLETENESS_COMPLETE

        for length, record in ((1.0, False), (seconds, True)):
            until = time.monotonic() + length
            await asyncio.gather(*(caller(until, record) for _ in range(callers)))
    times.sort()
    p50, p99 = (times[int(len(times) * share)] * 1000 for share in (0.5, 0.99))
    print(
        f"{callers:3} concurrent: {len(times) / seconds:7.1f} summaries/s   p50 {p50:7.2f} ms   p99 {p99:7.2f} ms"
        f"   {len(times)} answers, {incomplete} not complete, {refused} refused"
    )


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
