"""Any gateway, by its address: TLS, except on this machine, and tokens from files."""

import ipaddress
import re
import ssl
from collections.abc import Collection, Sequence
from pathlib import Path

from kj.calls.gateway import Gateway
from kj.calls.token_files import TokenFiles
from kj.errors import CommandError

_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")


def remote_gateway(address: str, ca: Path | None, token_files: Sequence[str], registers: Collection[str]) -> Gateway:
    """Returns the gateway at HOST:PORT. Raises CommandError for options that make no call.

    Without `ca` the certificate is checked against this machine's authorities; on loopback there is then no TLS.
    """
    host = _host(address)
    plaintext = ca is None and _is_loopback(host)
    if not token_files:
        raise CommandError(
            "--gateway needs a token: those of the local issuer are for the local system alone.",
            "Name a file that holds one: --token-file FILE",
        )
    check = "Check HOST:PORT, and that it can be reached from here."
    if plaintext:
        check = "Check HOST:PORT. If it speaks TLS, name its certificate's authority: --ca FILE"
    return Gateway(
        address,
        authorities=None if plaintext else _authorities(ca),
        credentials=TokenFiles(token_files, registers),
        unreachable=check,
        trace_command="",
    )


def _host(address: str) -> str:
    if address.startswith("http://"):
        raise CommandError(
            "http:// is plaintext: anybody on the way could read tokens and records.",
            "Give HOST:PORT, which is called with TLS.",
        )
    found = _ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found["port"]) < 65536:
        raise CommandError("--gateway is no HOST:PORT.", "Such as: --gateway kjernejournal.example:443")
    return found["host"].strip("[]")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _authorities(ca: Path | None) -> bytes:
    """Returns certificates as PEM: those in `ca`, else this machine's; gRPC would take a list of its own."""
    if ca is None:
        pem = _of_this_machine()
        if not pem:
            raise CommandError("This machine has no list of certificate authorities.", "Name one with --ca FILE.")
        return pem
    try:
        pem = ca.read_bytes()
    except OSError as error:
        raise CommandError(f"The file of --ca, {ca}, cannot be read: {error.strerror}.") from None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise CommandError(
            f"The file of --ca, {ca}, holds no certificate.", "It holds the authority's certificate as PEM."
        ) from None
    return pem


def _of_this_machine() -> bytes:
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return Path(paths.cafile).read_bytes()
    folder = Path(paths.capath) if paths.capath else None
    # OpenSSL's names: a certificate's hash and a number.
    return b"\n".join(path.read_bytes() for path in sorted(folder.glob("*.[0-9]"))) if folder else b""
