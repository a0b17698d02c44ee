"""What a person reads when a gateway cannot be called: real handshakes with certificates that do not fit."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import grpc
import pytest
import trustme

from kj.calls.call import call
from kj.calls.gateway import Gateway
from kj.calls.local_gateway import LocalIssuer
from kj.errors import CommandError
from kjernejournal.common.v1.common_pb2 import PatientIdentifier

AUTHORITY = trustme.CA()
Serving = tuple[int, int]


@pytest.fixture
async def ports() -> AsyncIterator[Serving]:
    """A server with TLS, whose certificate is for gateway.test, and without."""
    issued = AUTHORITY.issue_cert("gateway.test")
    chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
    server = grpc.aio.server()
    tls = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(issued.private_key_pem.bytes(), chain)]))
    plain = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield tls, plain
    await server.stop(0)


def of(authority: trustme.CA) -> bytes:
    return authority.cert_pem.bytes()


@pytest.mark.parametrize(
    "port, authorities, what, next_step",
    [
        (lambda ports: ports[0], of(trustme.CA()), "of an authority that is not trusted here", "--ca FILE"),
        (lambda ports: ports[0], of(AUTHORITY), "a certificate for another name", "a name that stands in"),
        (lambda ports: ports[1], of(AUTHORITY), "does not speak TLS", "No token goes over plaintext"),
        (lambda ports: ports[0], None, "does not answer", "Look there."),
        (lambda _: 1, of(AUTHORITY), "does not answer", "Look there."),
    ],
)
async def test_each_failure_to_connect_says_what_to_do(
    port: Callable[[Serving], int], authorities: bytes | None, what: str, next_step: str, ports: Serving
) -> None:
    address = f"127.0.0.1:{port(ports)}"
    gateway = Gateway(address, authorities, LocalIssuer(Path("nowhere")), unreachable="Look there.", trace_command="")
    with pytest.raises(CommandError) as refused:
        await call(gateway, "/a.Service/Method", PatientIdentifier(), PatientIdentifier, token="token")
    assert what in refused.value.what
    assert next_step in refused.value.next_step
