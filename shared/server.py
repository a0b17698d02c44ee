"""One gRPC server: listener, health, reflection, and a drain on SIGTERM. The same for every service and the gateway."""

import asyncio
import contextlib
import logging
import os
import signal
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
from google.protobuf.internal import api_implementation
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from shared import telemetry
from shared.handling.open_rpcs import OpenRpcs, Statuses
from shared.logs import configure_logging
from shared.settings import InnerSettings, ProcessSettings

log = logging.getLogger(__name__)

HEALTH_INTERVAL = 2.0
"""Seconds between two looks at what the process depends on."""
STARTING_INTERVAL = 0.2
"""The same until it has served for the first time: a start must not take longer than what it waits for."""

LIVE = "live"
"""Health of the process itself, for liveness probes: restarting it would not bring its database back."""

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class ListenError(Exception):
    """The address cannot be served; the text says what to do."""


@contextmanager
def observed(service: str, settings: ProcessSettings) -> Iterator[None]:
    """Logs and traces of this process, from here to its end."""
    configure_logging(service)
    telemetry.configure(service, directory=settings.trace_dir, endpoint=settings.otlp_endpoint)
    try:
        yield
    finally:
        telemetry.stop()


def allowed_peers(settings: InnerSettings) -> frozenset[str] | None:
    """Returns the peer names that may call; None on a unix socket, which its directory guards."""
    return None if settings.listen.startswith("unix:") else frozenset(settings.allowed_peers)


OPEN_TO_ALL = [
    # A stream that is reset counts until it has gone: an attacker who resets streams as fast as they are opened is
    # refused at the transport. Without this one connection took 1.5 GB.
    ("grpc.max_concurrent_streams", 100),
    ("grpc.max_allowed_incoming_connections", 4096),
    # TLS, and the first frame of HTTP/2.
    ("grpc.server_handshake_timeout_ms", 10_000),
    # Without a call; a client that comes back later connects anew.
    ("grpc.max_connection_idle_ms", 120_000),
    # However busy: new connections find new replicas, and nobody keeps one for ever. Streams may end meanwhile.
    ("grpc.max_connection_age_ms", 30 * 60_000),
    ("grpc.max_connection_age_grace_ms", 65 * 60_000),
    ("grpc.http2.max_ping_strikes", 2),
    # Of the 4 MiB a connection that grpc would read at once, three quarters of a flood stay in memory.
    ("grpc.experimental.tcp_max_read_buffer_size", 64 * 1024),
    # Who vanishes is found out, and does not hold a stream for the length of its deadline.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # What is compressed is inflated by `gateway.request_bytes`, bounded, and gzip alone: it can be told from messages.
    ("grpc.per_message_decompression", 0),
    ("grpc.compression_enabled_algorithms_bitset", 0b101),
]
"""Options of a server that strangers can reach."""


def new_server(settings: ProcessSettings, *, front_door: bool = False) -> grpc.aio.Server:
    """Returns a server with our limits; handlers are registered by the caller. `front_door`: strangers can reach it."""
    if api_implementation.Type() != "upb":
        raise RuntimeError("protobuf runs without its C core (upb): reinstall the locked protobuf wheel")
    return grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", settings.max_message_bytes),
            ("grpc.max_send_message_length", settings.max_message_bytes),
            ("grpc.so_reuseport", 0),  # a second process on the port must fail, not share the calls
            ("grpc.max_metadata_size", 32 * 1024),
            # Beyond its own limits grpc drops calls at random, as CANCELLED: shedding is ours.
            ("grpc.server.max_pending_requests", 100_000),
            ("grpc.server.max_pending_requests_hard_limit", 100_000),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
            ("grpc.keepalive_permit_without_calls", 1),
            *(OPEN_TO_ALL if front_door else ()),
        ]
    )


async def serve(
    server: grpc.aio.Server,
    settings: ProcessSettings,
    service_names: Iterable[str],
    *,
    ready: Callable[[], Awaitable[bool]],
    front_door: bool = False,
    draining: Callable[[], None] = lambda: None,
) -> None:
    """Listens, reports health by `ready`, and returns when SIGTERM or SIGINT has been drained.

    `front_door`: callers show tokens instead of certificates, and plaintext is possible on loopback. `draining`: called
    when the drain begins, to end what would not end by itself. Raises ListenError
    when the address is taken, or is TCP without certificates.
    """
    names = list(service_names)
    health_servicer = Statuses()
    reflected = (*names, health.SERVICE_NAME, reflection.SERVICE_NAME) if settings.reflection else ()
    if front_door:
        server.add_generic_rpc_handlers((OpenRpcs(health_servicer, reflected),))
    else:
        health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
        if reflected:
            reflection.enable_server_reflection(reflected, server)
    bind(server, settings, front_door=front_door)
    health_server = _health_server(settings, health_servicer)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stopping.set)
    await server.start()
    if health_server is not None:
        await health_server.start()
    await health_servicer.set(LIVE, SERVING)
    watching = asyncio.create_task(_watch(health_servicer, names, ready))
    log.info("serving")
    await stopping.wait()
    log.info("draining")
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    await health_servicer.enter_graceful_shutdown()
    draining()
    await server.stop(settings.drain_seconds)
    if health_server is not None:
        await health_server.stop(0)


def bind(server: grpc.aio.Server, settings: ProcessSettings, *, front_door: bool) -> int:
    """Adds the listener; gives the TCP port, or 1 for a unix socket. Raises ListenError."""
    address = settings.listen
    try:
        if address.startswith("unix:"):
            _clear_socket(Path(address.removeprefix("unix:")))
            return server.add_insecure_port(address)
        credentials = server_credentials(settings, require_peer=not front_door)
        if credentials is not None:
            return server.add_secure_port(address, credentials)
        if front_door and address.rsplit(":", 1)[0] in ("127.0.0.1", "localhost", "[::1]"):
            return server.add_insecure_port(address)
    except RuntimeError:
        raise ListenError(
            f"cannot listen on {address}: something else is there; stop it or choose another address"
        ) from None
    raise ListenError(f"{address} is TCP without certificates: set KJ_TLS_CERT, KJ_TLS_KEY and KJ_TLS_CA")


def server_credentials(settings: ProcessSettings, *, require_peer: bool) -> grpc.ServerCredentials | None:
    """Returns TLS whose files are read again when they change, mutual for services; None without certificates."""
    if settings.tls_cert is None or settings.tls_key is None or settings.tls_ca is None:
        return None
    files = (settings.tls_key, settings.tls_cert, settings.tls_ca)
    seen = _stamps(files)

    def load() -> grpc.ServerCertificateConfiguration:
        # grpc takes whatever it is given and goes on with the last pair that fitted, without a word to us.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files[1], files[0], password="")
        key, cert, ca = (path.read_bytes() for path in files)
        return grpc.ssl_server_certificate_configuration([(key, cert)], root_certificates=ca)

    def load_if_changed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal seen
        now = _stamps(files)
        if now == seen:
            return None
        loaded = load()  # what raises here, half of a rotation, is tried again with the next connection
        seen = now
        return loaded

    return grpc.dynamic_ssl_server_credentials(
        load(),
        load_if_changed,  # type: ignore[arg-type]  # None means unchanged, by grpc's own documentation
        require_client_authentication=require_peer,
    )


def _stamps(files: Iterable[Path]) -> list[int]:
    return [path.stat().st_mtime_ns for path in files]


def _clear_socket(path: Path) -> None:
    """Takes away the socket that a killed process left behind."""
    if len(os.fsencode(path)) > 107:
        raise ListenError(f"the socket path is longer than 107 bytes: {path}; choose a shorter directory")
    path.unlink(missing_ok=True)


def _health_server(settings: ProcessSettings, servicer: health.aio.HealthServicer) -> grpc.aio.Server | None:
    if settings.health_listen is None:
        return None
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    try:
        server.add_insecure_port(settings.health_listen)
    except RuntimeError:
        raise ListenError(f"cannot listen on {settings.health_listen} for health: something else is there") from None
    return server


async def _watch(servicer: health.aio.HealthServicer, names: list[str], ready: Callable[[], Awaitable[bool]]) -> None:
    interval, failing = STARTING_INTERVAL, False
    while True:
        try:
            status = SERVING if await ready() else NOT_SERVING
            failing = False
        except Exception:
            if not failing:
                log.exception("whether this process is ready could not be found out")
            status, failing = NOT_SERVING, True
        for name in ("", *names):
            await servicer.set(name, status)
        if status == SERVING:
            interval = HEALTH_INTERVAL
        await asyncio.sleep(interval)
