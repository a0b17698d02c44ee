"""A service over TCP: certificates both ways and a list of who may call, or it does not start."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
import trustme

from kj.local.programs import ROOT
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.visits.v1.visits_pb2 import ListVisitsRequest, ListVisitsResponse
from shared.channels import open_channel
from tests.support.client import Refusal, refusal
from tests.support.postgres import Cluster
from tests.support.service import DOCTOR, calling
from tests.support.system import eventually

PATH = "/kjernejournal.visits.v1.VisitsService/ListVisits"
ALLOWED = "gateway.test"
MESSAGES = 4 * 1024 * 1024


class Authority:
    """Certificates in files, as processes read them."""

    def __init__(self, folder: Path, name: str) -> None:
        self._ca = trustme.CA()
        self._folder = folder
        self.file = folder / f"{name}.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def issue(self, *names: str) -> tuple[Path, Path]:
        """Returns certificate chain and key."""
        issued = self._ca.issue_cert(*names)
        cert, key = self._folder / f"{uuid4()}.crt", self._folder / f"{uuid4()}.key"
        for position, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(str(cert), append=position > 0)
        issued.private_key_pem.write_to_path(str(key))
        return cert, key


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"), "ca")


@pytest.fixture(scope="module")
async def dsn(postgres: Cluster) -> str:
    return (await postgres.migrated("visits")).dsn


@contextmanager
def started(settings: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Starts the visits service as a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KJ_")}
    path = os.pathsep.join([str(ROOT), str(ROOT / "protos" / "gen")])
    with subprocess.Popen(
        [sys.executable, "-m", "services.visits"],
        env={**inherited, "PYTHONPATH": path, **settings},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=15)


@pytest.fixture(scope="module")
async def address(authority: Authority, dsn: str) -> AsyncIterator[str]:
    """The service on TCP, with certificates; `gateway.test` alone may call."""
    cert, key = authority.issue("127.0.0.1", "visits.test")
    at = f"127.0.0.1:{free_port()}"
    settings = {
        "KJ_LISTEN": at,
        "KJ_DATABASE_URL": dsn,
        "KJ_TLS_CERT": str(cert),
        "KJ_TLS_KEY": str(key),
        "KJ_TLS_CA": str(authority.file),
        "KJ_ALLOWED_PEERS": f'["{ALLOWED}"]',
    }
    with started(settings):
        await eventually(lambda: listening(at), 60.0)
        yield at


@asynccontextmanager
async def peer(authority: Authority, address: str, name: str, trusted: Authority) -> AsyncIterator[grpc.aio.Channel]:
    """Opens a channel as the gateway does, with a certificate of this name."""
    cert, key = authority.issue(name)
    channel = open_channel(address, cert=cert, key=key, ca=trusted.file, max_message_bytes=MESSAGES)
    try:
        yield channel
    finally:
        await channel.close()


async def list_visits(channel: grpc.aio.Channel) -> Any:
    ref = str(uuid4())
    call: Any = channel.unary_unary(PATH, response_deserializer=ListVisitsResponse.FromString)
    request = ListVisitsRequest(patient=PatientIdentifier(patient_ref=ref))
    return await call(request.SerializeToString(), metadata=calling(DOCTOR, ref), timeout=10)


async def test_the_allowed_peer_is_served(authority: Authority, address: str) -> None:
    async with peer(authority, address, ALLOWED, authority) as channel:
        assert list((await list_visits(channel)).visits) == []


async def test_another_peer_of_the_same_authority_is_refused(authority: Authority, address: str) -> None:
    async with peer(authority, address, "medications.test", authority) as channel:
        told: Refusal = await refusal(list_visits(channel))
    assert told.short == ("PERMISSION_DENIED", "PEER_REFUSED")


async def test_a_peer_of_another_authority_does_not_get_in(authority: Authority, address: str, tmp_path: Path) -> None:
    async with peer(Authority(tmp_path, "other"), address, ALLOWED, authority) as channel:
        assert await code_of(channel) is grpc.StatusCode.UNAVAILABLE


async def test_a_client_without_a_certificate_does_not_get_in(authority: Authority, address: str) -> None:
    credentials = grpc.ssl_channel_credentials(authority.file.read_bytes())
    async with grpc.aio.secure_channel(address, credentials) as channel:
        assert await code_of(channel) is grpc.StatusCode.UNAVAILABLE


async def test_a_plaintext_client_does_not_get_in(address: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        assert await code_of(channel) is grpc.StatusCode.UNAVAILABLE


async def test_a_certificate_that_is_renewed_is_taken_without_a_restart(
    authority: Authority, dsn: str, tmp_path: Path
) -> None:
    """cert-manager writes new files: connections from then on show the new certificate."""
    cert, key = authority.issue("127.0.0.1")
    at = f"127.0.0.1:{free_port()}"
    files = {"KJ_TLS_CERT": cert, "KJ_TLS_KEY": key, "KJ_TLS_CA": authority.file}
    settings = {"KJ_LISTEN": at, "KJ_DATABASE_URL": dsn, "KJ_ALLOWED_PEERS": f'["{ALLOWED}"]'}
    with started({**settings, **{name: str(path) for name, path in files.items()}}):
        await eventually(lambda: listening(at), 60.0)
        renewed = Authority(tmp_path, "renewed")
        for old, new in zip((cert, key), renewed.issue("127.0.0.1"), strict=True):
            old.write_bytes(new.read_bytes())
        async with peer(authority, at, ALLOWED, renewed) as channel:
            assert list((await list_visits(channel)).visits) == []


def test_without_certificates_a_service_on_tcp_does_not_start(dsn: str) -> None:
    with started({"KJ_LISTEN": f"127.0.0.1:{free_port()}", "KJ_DATABASE_URL": dsn}) as process:
        said, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "is TCP without certificates: set KJ_TLS_CERT, KJ_TLS_KEY and KJ_TLS_CA" in said


async def code_of(channel: grpc.aio.Channel) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await list_visits(channel)
    return caught.value.code()


async def listening(address: str) -> bool:
    host, _, port = address.partition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
