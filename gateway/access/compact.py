"""Opens compact JWS, strictly: one spelling of each, no name twice. Nothing is verified here but the signature, by a
key and an algorithm that the caller has chosen.
"""

import base64
import binascii
import functools
import json
import re
from typing import Any, NoReturn

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

LONGEST = 8192
"""Bytes of what is opened here; who calls bounds the whole."""

_BASE64URL = re.compile(rb"[A-Za-z0-9_-]+")


def open_compact(token: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns header and payload, not verified yet. Raises ValueError."""
    parts = token.split(b".")
    if len(parts) != 3:
        raise ValueError("not three parts")
    header, payload, _ = (_decode(part) for part in parts)
    return _object(header), _object(payload)


def verify_signature(token: bytes, key: RSAKey | ECKey, algorithm: str) -> None:
    """Raises ValueError for a signature that is not this key's by this algorithm."""
    try:
        jws.deserialize_compact(token, key, registry=_registry(algorithm))
    except (JoseError, ValueError, TypeError):
        raise ValueError("the signature does not verify") from None


def _decode(part: bytes) -> bytes:
    """Decodes canonical base64url without padding.

    Other spellings of the same bytes would be other tokens to the cache.
    """
    if not _BASE64URL.fullmatch(part):
        raise ValueError("not base64url")
    try:
        content = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if base64.urlsafe_b64encode(content).rstrip(b"=") != part:
        raise ValueError("another spelling")
    return content


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content.decode("utf-8"), object_pairs_hook=_no_doubles, parse_constant=_no_constants)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004  # what is wrong is what the bytes say
    return found


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _no_constants(_: str) -> NoReturn:
    raise ValueError("not JSON")


@functools.cache
def _registry(algorithm: str) -> jws.JWSRegistry:
    """Returns the library with one algorithm.

    It asks the registry alone, and an `algorithms` argument beside one is ignored. Headers are judged by the caller,
    all of them: the library's own list lacks x5t#S256.
    """
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    registry.max_header_length = LONGEST  # a proof has its key there
    return registry
