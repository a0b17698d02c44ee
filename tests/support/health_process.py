"""A process that serves gRPC health and nothing else, in place of a service: `python -m tests.support.health_process`.

`KJ_LISTEN` is its address. `KJ_MARK`, when set, names a file that its SIGTERM handler writes.
"""

import asyncio
import os
import signal
from pathlib import Path

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


async def main() -> None:
    """Serves until SIGTERM."""
    server = grpc.aio.server()
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    server.add_insecure_port(os.environ["KJ_LISTEN"])
    await server.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    if mark := os.environ.get("KJ_MARK"):
        Path(mark).write_text("drained")
    await server.stop(1)


if __name__ == "__main__":
    asyncio.run(main())
