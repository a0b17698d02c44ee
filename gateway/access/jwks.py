"""Holds the issuer's public keys: each key id has one key and one algorithm, whatever a token's header asks for."""

import asyncio
import base64
import json
import logging
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from kjernejournal.common.v1 import error_reason_pb2 as reasons
from shared.errors import Unavailable

LONGEST_JWKS = 256 * 1024
"""Bytes."""
FETCH_TIMEOUT = 3.0
REFRESH_INTERVAL = 10.0
"""Seconds between two attempts: unknown key ids in forged tokens must not become a storm on the issuer."""
MOST_WAITING = 100
"""Callers who wait for the issuer at a time."""
MAX_AGE = 3600.0
"""Seconds after which the keys are asked for again, so that a withdrawn key stops counting."""

_RSA_ALGORITHMS = frozenset({"RS256", "PS256"})
_MIN_RSA_BITS = 2048

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key and the one algorithm it signs with."""

    key: RSAKey | ECKey
    algorithm: str


class JwksSource:
    """Keys from a file or an https URL, read when first needed, when an unknown key id turns up, and once an hour.

    Nobody waits for the hourly read: an issuer who is down must not hold up callers whose key is at hand.
    """

    def __init__(self, location: str | Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        if isinstance(location, str) and "://" in location:
            parts = urlsplit(location)
            if parts.scheme != "https" or not parts.hostname:
                raise ValueError("a JWKS address is an https URL or a file path")
            self._read: Callable[[], bytes] = lambda: _fetch(location)
        else:
            self._read = lambda: _read_file(Path(location))
        self._clock = clock
        self._keys: Mapping[str, SigningKey] = {}
        self._loaded_at: float | None = None
        self._attempted_at: float | None = None
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._refreshing: asyncio.Task[None] | None = None
        self.generation = 0
        """Counts changes of the keys: what was verified under another generation has to be verified again."""

    async def find(self, kid: str) -> SigningKey | None:
        """Returns the key of this id, or None. Raises Unavailable when no keys could be had at all."""
        if kid not in self._keys:
            # Anybody can name a key that there is not. Who names one that is at hand never waits here.
            if self._waiting >= MOST_WAITING:
                raise _not_available()
            self._waiting += 1
            try:
                # A caller who leaves must not take the read along: the next one is not begun for a while.
                await asyncio.shield(self._begin_refresh(kid))
            finally:
                self._waiting -= 1
        elif self._stale():
            self._begin_refresh(kid)
        if self._loaded_at is None:
            raise _not_available()
        return self._keys.get(kid)

    def _stale(self) -> bool:
        return self._loaded_at is None or self._clock() - self._loaded_at > MAX_AGE

    def _begin_refresh(self, kid: str) -> "asyncio.Task[None]":
        """Returns the read that is under way, or a new one."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh(kid))
        return self._refreshing

    async def _refresh(self, kid: str) -> None:
        async with self._lock:
            if kid in self._keys and not self._stale():
                return  # somebody else refreshed while we waited
            if self._attempted_at is not None and self._clock() - self._attempted_at < REFRESH_INTERVAL:
                return
            self._attempted_at = self._clock()
            try:
                keys = parse_jwks(await asyncio.to_thread(self._read))
            except (OSError, ValueError, HTTPException):
                log.warning("the issuer's keys could not be read; the ones at hand stay in use")
                return
            self._loaded_at = self._clock()
            if _thumbprints(keys) != _thumbprints(self._keys):
                self.generation += 1
            self._keys = keys


def _not_available() -> Unavailable:
    return Unavailable(reasons.ERROR_REASON_SERVICE_UNAVAILABLE, "the issuer's keys are not available")


def parse_jwks(content: bytes) -> dict[str, SigningKey]:
    """Returns the signing keys of a JWKS by key id. Left out: keys of other kinds or uses, key ids that come twice.

    Raises ValueError when it is no JWKS.
    """
    try:
        listed = json.loads(content)["keys"]
        entries = [entry for entry in listed if isinstance(entry, dict)]
    except (RecursionError, KeyError, TypeError) as error:
        raise ValueError("not a JWKS") from error
    keys: dict[str, SigningKey] = {}
    seen: set[str] = set()
    for entry in entries:
        kid = entry.get("kid")
        if not isinstance(kid, str) or not kid:
            continue
        if kid in seen:
            keys.pop(kid, None)
            continue
        seen.add(kid)
        if (key := _signing_key(entry)) is not None:
            keys[kid] = key
    return keys


def _signing_key(entry: dict[str, Any]) -> SigningKey | None:
    if entry.get("use", "sig") != "sig" or "verify" not in entry.get("key_ops", ["verify"]):
        return None
    algorithm = entry.get("alg")
    try:
        if entry.get("kty") == "RSA" and (algorithm is None or algorithm in _RSA_ALGORITHMS):
            if int.from_bytes(base64.urlsafe_b64decode(entry["n"] + "==")).bit_length() < _MIN_RSA_BITS:
                return None
            return SigningKey(
                RSAKey.import_key({name: entry[name] for name in ("kty", "n", "e")}), algorithm or "RS256"
            )
        if entry.get("kty") == "EC" and entry.get("crv") == "P-256" and algorithm in {None, "ES256"}:
            public = {name: entry[name] for name in ("kty", "crv", "x", "y")}
            return SigningKey(ECKey.import_key(public), "ES256")
    except (JoseError, ValueError, KeyError, TypeError):
        return None
    return None


def _thumbprints(keys: Mapping[str, SigningKey]) -> dict[str, tuple[str, str]]:
    return {kid: (found.key.thumbprint(), found.algorithm) for kid, found in keys.items()}


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        return _limited(file.read(LONGEST_JWKS + 1))


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        """Refuses: the address of the keys is configured, and nobody on the way may choose another."""


def _fetch(url: str) -> bytes:
    opener = urllib.request.build_opener(_NoRedirects)
    with opener.open(url, timeout=FETCH_TIMEOUT) as response:
        return _limited(response.read(LONGEST_JWKS + 1))


def _limited(content: bytes) -> bytes:
    if len(content) > LONGEST_JWKS:
        raise ValueError("the JWKS is too large")
    return content
