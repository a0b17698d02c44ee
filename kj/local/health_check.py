"""Asks a process over gRPC whether it serves (grpc.health.v1, the whole server)."""

import grpc.aio
from grpc_health.v1 import health_pb2

# Without these, a first attempt that comes before the server's socket costs a second of waiting.
_RECONNECT_SOON = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
)


async def health(address: str, *, timeout: float = 1.0, wait: bool = False) -> str:
    """Returns `serving`, `not serving`, or `not answering`; `address` is "unix:/path" or "host:port".

    With `wait`, a server that is not there yet is waited for, at most `timeout` seconds.
    """
    async with grpc.aio.insecure_channel(address, options=_RECONNECT_SOON) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            reply = await check(health_pb2.HealthCheckRequest(), timeout=timeout, wait_for_ready=wait)
        except grpc.aio.AioRpcError:
            return "not answering"
    return "serving" if reply.status == health_pb2.HealthCheckResponse.SERVING else "not serving"
