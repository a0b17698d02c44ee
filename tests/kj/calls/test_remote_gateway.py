"""Which gateways are called and how: TLS to other machines, and what is said of options that make no call."""

from pathlib import Path

import pytest
import trustme

from kj.calls.gateway import Gateway
from kj.calls.options import FED, open_gateway
from kj.calls.remote_gateway import remote_gateway
from kj.errors import CommandError


@pytest.fixture
def token_file(tmp_path: Path) -> str:
    path = tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text("token")
    return str(path)


def gateway(address: str, token_file: str, ca: Path | None = None) -> Gateway:
    return remote_gateway(address, ca, [token_file], FED)


@pytest.mark.parametrize("address", ["127.0.0.1:50051", "localhost:1", "[::1]:443", "127.9.9.9:443"])
def test_this_machine_is_called_in_plaintext_unless_an_authority_is_named(
    address: str, token_file: str, tmp_path: Path
) -> None:
    assert gateway(address, token_file).authorities is None
    ca = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(ca))
    assert gateway(address, token_file, ca).authorities == ca.read_bytes()


@pytest.mark.parametrize(
    "address", ["gateway.example:443", "10.0.0.1:443", "localhost.example:443", "[2001:db8::1]:443", "0.0.0.0:443"]
)
def test_another_machine_is_never_called_in_plaintext(
    address: str, token_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_this_machine = tmp_path / "machine.pem"
    trustme.CA().cert_pem.write_to_path(str(of_this_machine))
    monkeypatch.setenv("SSL_CERT_FILE", str(of_this_machine))
    assert gateway(address, token_file).authorities == of_this_machine.read_bytes()


def test_authorities_in_a_folder_are_read_too(token_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "0a1b2c3d.0"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert gateway("gateway.example:443", token_file).authorities == authority.cert_pem.bytes()
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    with pytest.raises(CommandError, match="no list of certificate authorities"):
        gateway("gateway.example:443", token_file)


def test_plaintext_by_name_is_refused(token_file: str) -> None:
    with pytest.raises(CommandError, match="http:// is plaintext"):
        gateway("http://gateway.example:80", token_file)


@pytest.mark.parametrize("address", ["", "gateway", "gateway:", ":443", "gateway:0", "gateway:65536", "dns:///a:1"])
def test_what_is_no_address_is_refused(address: str, token_file: str) -> None:
    with pytest.raises(CommandError, match="is no HOST:PORT"):
        gateway(address, token_file)


def test_an_authority_that_is_none_is_named(token_file: str, tmp_path: Path) -> None:
    missing, empty, text = (tmp_path / name for name in ("missing", "empty", "text"))
    empty.touch()
    text.write_text("-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n")
    for path in (empty, text):
        with pytest.raises(CommandError, match=f"{path}, holds no certificate"):
            gateway("gateway.example:443", token_file, path)
    with pytest.raises(CommandError, match=f"{missing}, cannot be read: No such file"):
        gateway("gateway.example:443", token_file, missing)


def test_a_gateway_without_a_token_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as refused:
        open_gateway(tmp_path, "gateway.example:443", None, None)
    assert refused.value.next_step == "Name a file that holds one: --token-file FILE"


def test_a_token_file_without_a_gateway_is_not_left_unused(token_file: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="are for another gateway"):
        open_gateway(tmp_path, None, None, [token_file])
    with pytest.raises(CommandError, match="are for another gateway"):
        open_gateway(tmp_path, None, Path(token_file), None)
