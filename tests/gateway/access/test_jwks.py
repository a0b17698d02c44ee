"""Where the issuer's keys come from, and what happens when they do not."""

import asyncio
import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import ECKey, OctKey

from gateway.access.jwks import DUE, LONGEST_JWKS, JwksSource, SigningKey, parse_jwks
from shared import deadline
from shared.errors import Unavailable
from tests.gateway.access.issuing import EC, PSS, RSA, STRANGER, encode, jwks
from tests.gateway.access.verifying import Seconds, refreshed


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


def test_each_key_has_one_algorithm() -> None:
    found = parse_jwks(jwks(RSA, PSS, EC))
    assert {kid: key.algorithm for kid, key in found.items()} == {"rsa": "RS256", "pss": "PS256", "ec": "ES256"}


def entry(key: Any = RSA, **changes: Any) -> dict[str, Any]:
    return {**key.as_dict(private=False), **changes}


def modulus(bits: int) -> str:
    number = rsa.generate_private_key(65537, bits).public_key().public_numbers().n
    return encode(number.to_bytes(bits // 8, "big"))


SHORT = {"kty": "RSA", "kid": "short", "e": "AQAB", "n": modulus(1024)}


@pytest.mark.parametrize(
    "given",
    [
        entry(use="enc"),
        entry(key_ops=["encrypt"]),
        entry(alg="RS512"),
        entry(alg="HS256"),
        entry(alg="none"),
        entry(alg=["RS256"]),
        entry(kty="oct"),
        entry(kid=""),
        entry(kid=7),
        entry(n="!"),
        entry(n=None),
        entry(EC, crv="P-384"),
        entry(EC, alg="ES384"),
        entry(EC, x="AA"),
        OctKey.generate_key(256, {"kid": "secret"}).as_dict(private=True),
        ECKey.generate_key("P-521", {"kid": "other-curve"}).as_dict(private=False),
        SHORT,
    ],
)
def test_keys_that_are_left_out(given: dict[str, Any]) -> None:
    assert parse_jwks(json.dumps({"keys": [given]}).encode()) == {}


def test_a_key_id_that_comes_twice_names_nobody() -> None:
    assert parse_jwks(jwks(RSA, STRANGER)) == {}
    assert parse_jwks(jwks(RSA, STRANGER, RSA)) == {}


@pytest.mark.parametrize("content", [b"", b"no", b"[]", b"{}", b'{"keys": 3}', b"\xff", b'{"keys":' * 100_000])
def test_what_is_no_jwks(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_jwks(content)


@pytest.mark.parametrize("location", ["http://issuer.test/jwks.json", "ftp://issuer.test/x", "https://", "file:///x"])
def test_addresses_are_https(location: str) -> None:
    with pytest.raises(ValueError, match="https"):
        JwksSource(location)


async def test_no_keys_at_all_is_our_trouble_and_not_the_callers(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await JwksSource(tmp_path / "missing.json").find("rsa")


async def test_unknown_key_ids_ask_once_in_ten_seconds(tmp_path: Path, clock: Seconds) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks(RSA))
    source = JwksSource(path, clock=clock)
    await unknown(source, "ec")
    path.write_bytes(jwks(RSA, EC))
    clock.seconds += 9.9
    await unknown(source, "ec")
    clock.seconds += 0.2
    assert await source.find("ec") is not None
    assert source.generation == 2


async def unknown(source: JwksSource, kid: str) -> None:
    """Asks for a key that is not there, with little time: the answer says that it is our trouble."""
    deadline.set_deadline(0.05)
    with pytest.raises(Unavailable):
        await source.find(kid)
    deadline.set_deadline(60)


async def test_many_at_once_ask_once(tmp_path: Path, clock: Seconds) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks(RSA))
    source = JwksSource(path, clock=clock)
    reads = 0
    read = source._read

    def counted() -> bytes:
        nonlocal reads
        reads += 1
        return read()

    source._read = counted
    found = await asyncio.gather(*(source.find(kid) for kid in ["rsa", "ec"] * 20), return_exceptions=True)
    assert reads == 1
    assert sum(isinstance(key, SigningKey) for key in found) == 20
    assert sum(isinstance(key, Unavailable) for key in found) == 20


async def test_old_keys_are_asked_for_again_and_kept_when_that_fails(tmp_path: Path, clock: Seconds) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks(RSA))
    source = JwksSource(path, clock=clock)
    await source.find("rsa")
    path.write_bytes(b"half a fi")
    clock.seconds += DUE + 1
    assert await source.find("rsa") is not None
    await refreshed(source)
    assert await source.find("rsa") is not None
    assert source.generation == 1
    path.write_bytes(jwks(EC))
    clock.seconds += 11
    await source.find("rsa")
    await refreshed(source)
    assert await source.find("rsa") is None


async def test_nobody_waits_for_old_keys_to_be_asked_for_again(tmp_path: Path, clock: Seconds) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks(RSA))
    source = JwksSource(path, clock=clock)
    await source.find("rsa")
    given_up, reads, read = threading.Event(), 0, source._read

    def hanging() -> bytes:
        nonlocal reads
        reads += 1
        if not given_up.wait(10):
            raise TimeoutError
        return read()

    source._read = hanging
    clock.seconds += DUE + 1
    async with asyncio.timeout(1):
        assert all([await source.find("rsa") for _ in range(5)])
        await asyncio.sleep(0.05)
        assert all([await source.find("rsa") for _ in range(5)])
    assert reads == 1
    given_up.set()
    await refreshed(source)
    assert source._loaded_at == clock.seconds


async def test_the_same_keys_again_are_no_new_generation(tmp_path: Path, clock: Seconds) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks(RSA, EC))
    source = JwksSource(path, clock=clock)
    await source.find("rsa")
    path.write_bytes(jwks(EC, RSA))
    clock.seconds += DUE + 1
    await source.find("rsa")
    await refreshed(source)
    assert source.generation == 1


class _Issuer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/jwks.json")
            self.end_headers()
            return
        if self.path == "/garbage":
            self.wfile.write(b"no HTTP\r\n\r\n")
            return
        content = b" " * (LONGEST_JWKS + 1) if self.path == "/large" else jwks(RSA)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def issuer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = http.server.HTTPServer(("127.0.0.1", 0), _Issuer)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_keys_over_https(issuer: str) -> None:
    assert await JwksSource(f"{issuer}/jwks.json").find("rsa") is not None


@pytest.mark.parametrize("path", ["/moved", "/large", "/garbage"])
async def test_redirects_large_answers_and_garbage_are_refused(issuer: str, path: str) -> None:
    with pytest.raises(Unavailable):
        await JwksSource(f"{issuer}{path}").find("rsa")


async def test_an_issuer_we_do_not_trust(issuer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(Unavailable):
        await JwksSource(f"{issuer}/jwks.json").find("rsa")


async def test_who_leaves_during_the_first_read_does_not_take_it_along(tmp_path: Path, clock: Seconds) -> None:
    file = tmp_path / "jwks.json"
    file.write_bytes(jwks(RSA))
    source = JwksSource(file, clock=clock)
    leaving = asyncio.create_task(source.find("rsa"))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    assert await source.find("rsa")


async def test_those_who_wait_for_an_unknown_key_are_bounded_and_others_do_not_wait(
    tmp_path: Path, clock: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "jwks.json"
    file.write_bytes(jwks(RSA))
    source = JwksSource(file, clock=clock)
    assert await source.find("rsa")
    clock.seconds += 20
    monkeypatch.setattr("gateway.access.jwks.MOST_WAITING", 3)
    strangers = [asyncio.create_task(source.find(f"unknown {number}")) for number in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await source.find("unknown")
    assert await source.find("rsa")
    found = await asyncio.gather(*strangers, return_exceptions=True)
    assert [type(each) for each in found] == [Unavailable] * 3
