"""Channels to services: mTLS over TCP, or a unix socket on one machine. Never plaintext TCP."""

from pathlib import Path

import grpc

ROUND_ROBIN = '{"loadBalancingConfig": [{"round_robin": {}}]}'


def open_channel(
    address: str, *, cert: Path | None, key: Path | None, ca: Path | None, max_message_bytes: int
) -> grpc.aio.Channel:
    """Opens a channel to `unix:/path` or `host:port`. Raises ValueError for a TCP address without certificates."""
    options = [
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.service_config", ROUND_ROBIN),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1000),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 5_000),
        ("grpc.enable_retries", 0),
    ]
    if address.startswith("unix:"):
        return grpc.aio.insecure_channel(address, options=options)
    if cert is None or key is None or ca is None:
        raise ValueError(f"{address} is TCP: set KJ_TLS_CERT, KJ_TLS_KEY and KJ_TLS_CA, or use a unix socket")
    credentials = grpc.ssl_channel_credentials(ca.read_bytes(), key.read_bytes(), cert.read_bytes())
    return grpc.aio.secure_channel(address, credentials, options=options)
