"""A listener's certificates while they are replaced on disk."""

import asyncio
import os
import ssl
from pathlib import Path

import grpc
import pytest
import trustme
from cryptography import x509

from shared.server import server_credentials
from shared.settings import ProcessSettings

AT = 1_700_000_000


def put(path: Path, content: bytes, at: int) -> None:
    path.write_bytes(content)
    os.utime(path, (at, at))


class Files:
    """The three files of a process."""

    def __init__(self, folder: Path) -> None:
        self.key, self.cert, self.ca = folder / "key.pem", folder / "cert.pem", folder / "ca.pem"
        self._authority = trustme.CA()
        put(self.ca, self._authority.cert_pem.bytes(), AT)

    def issue(self) -> trustme.LeafCert:
        return self._authority.issue_cert("localhost")

    @property
    def settings(self) -> ProcessSettings:
        return ProcessSettings(listen="localhost:0", tls_key=self.key, tls_cert=self.cert, tls_ca=self.ca)


def serial(pem: bytes) -> int:
    return x509.load_pem_x509_certificate(pem).serial_number


async def shown(port: int) -> int:
    """Returns the serial number of the certificate that a new connection is shown."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    der = writer.get_extra_info("ssl_object").getpeercert(True)
    writer.transport.abort()
    return x509.load_der_x509_certificate(der).serial_number


@pytest.mark.parametrize("half", ["not written to the end", "another's"])
async def test_half_a_rotation_is_tried_again(tmp_path: Path, half: str) -> None:
    """Both halves carry one time: the clock of a file system has ticks, and a rotation may fall into one."""
    files = Files(tmp_path)
    old, new = files.issue(), files.issue()
    put(files.key, old.private_key_pem.bytes(), AT)
    put(files.cert, old.cert_chain_pems[0].bytes(), AT)
    credentials = server_credentials(files.settings, require_peer=False)
    assert credentials is not None
    server = grpc.aio.server()
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        before, after = serial(old.cert_chain_pems[0].bytes()), serial(new.cert_chain_pems[0].bytes())
        assert await shown(port) == before
        put(files.key, new.private_key_pem.bytes(), AT + 1)
        whole = new.cert_chain_pems[0].bytes()
        put(
            files.cert,
            whole[:300] if half == "not written to the end" else files.issue().cert_chain_pems[0].bytes(),
            AT + 1,
        )
        assert await shown(port) == before
        put(files.cert, whole, AT + 1)
        assert await shown(port) == after
    finally:
        await server.stop(0)


def test_a_start_with_a_key_of_another_certificate_is_told(tmp_path: Path) -> None:
    files = Files(tmp_path)
    put(files.key, files.issue().private_key_pem.bytes(), AT)
    put(files.cert, files.issue().cert_chain_pems[0].bytes(), AT)
    with pytest.raises(ssl.SSLError):
        server_credentials(files.settings, require_peer=False)
