"""Holds the issuer's public keys: each key id has one key and one algorithm, whatever a token's header asks for."""

import asyncio
import base64
import json
import logging
import math
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
from shared import deadline
from shared.errors import Unavailable

LONGEST_JWKS = 256 * 1024
"""Bytes."""
FETCH_TIMEOUT = 3.0
REFRESH_INTERVAL = 10.0
"""Seconds between two attempts: unknown key ids in forged tokens must not become a storm on the issuer."""
MOST_WAITING = 100
"""Callers who wait for the issuer at a time."""
PATIENCE = 5.0
"""Seconds that a caller waits for the issuer at most."""
DUE = 30.0
"""Seconds after which the keys are asked for again: a withdrawn key ends within a minute."""
SILENCE = 55.0
"""Seconds after which the next caller waits for the keys, when nobody has called meanwhile and so nobody asked."""
SILENCE_WAIT = 1.0
LAST = 4 * 3600.0
"""Seconds that known keys go on while the issuer cannot be reached. Tokens and attests end sooner, within the hour."""

_RSA_ALGORITHMS = frozenset({"RS256", "PS256"})
_MIN_RSA_BITS = 2048

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key and the one algorithm it signs with."""

    key: RSAKey | ECKey
    algorithm: str


class JwksSource:
    """Keys from a file or an https URL, read when first needed, when an unknown key id turns up, and every half minute
    in which somebody calls.

    Who names a key that is at hand does not wait for an issuer who is down, but for a second after a silence.
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
        self._withdrawn: frozenset[str] = frozenset()
        self._loaded_at: float | None = None
        self._attempted_at = -math.inf
        self._waiting = 0
        self._refreshing: asyncio.Task[None] | None = None
        self._after_silence: asyncio.Task[None] | None = None
        self.generation = 0
        """Counts changes of the keys: what was verified under another generation has to be verified again."""

    async def keep_fresh(self) -> None:
        """Has the keys read again when it is time. Raises Unavailable when they are too old to go by."""
        if self._loaded_at is None:
            return
        if self._clock() - self._attempted_at > SILENCE:
            self._after_silence = self._begin_refresh()
        elif self._clock() - self._loaded_at > DUE and self._may_read():
            self._begin_refresh()
        if self._after_silence is not None:
            reading = self._after_silence
            await asyncio.wait({reading}, timeout=deadline.inside(SILENCE_WAIT))
            if reading.done() or self._clock() - self._attempted_at >= SILENCE_WAIT:
                self._after_silence = None
        if self._clock() - self._loaded_at > LAST:
            raise _not_available()

    async def find(self, kid: str) -> SigningKey | None:
        """Returns the key of this id; None: the issuer had it, and has withdrawn it.

        An id that is not known may be that of a new key: it waits for the next read, within the call's deadline. Raises
        Unavailable when the key is not there then, and when the keys are too old to go by.
        """
        await self.keep_fresh()
        if kid not in self._keys and kid not in self._withdrawn:
            await self._wait_for(kid)
        if kid not in self._keys and kid not in self._withdrawn:
            raise _not_available()
        return self._keys.get(kid)

    async def _wait_for(self, kid: str) -> None:
        """Returns when the key is there, or after a read that began no sooner than now; or when there is no time left
        for one."""
        # Anybody can name a key that there is not: who waits is counted.
        if self._waiting >= MOST_WAITING:
            return
        self._waiting += 1
        left, arrived = deadline.inside(PATIENCE), self._clock()
        try:
            async with asyncio.timeout(left):
                while kid not in self._keys:
                    reading = self._reading()
                    if reading is None:
                        if self._attempted_at >= arrived:
                            return
                        pause = self._attempted_at + REFRESH_INTERVAL - self._clock()
                        if pause > left:
                            return
                        await asyncio.sleep(pause)
                        reading = self._reading() or self._begin_refresh()
                    # A caller who leaves must not take the read along: the next one is not begun for a while.
                    await asyncio.shield(reading)
        except TimeoutError:
            return
        finally:
            self._waiting -= 1

    def _reading(self) -> "asyncio.Task[None] | None":
        return None if self._refreshing is None or self._refreshing.done() else self._refreshing

    def _may_read(self) -> bool:
        return self._reading() is None and self._clock() - self._attempted_at >= REFRESH_INTERVAL

    def _begin_refresh(self) -> "asyncio.Task[None]":
        self._attempted_at = self._clock()
        self._refreshing = asyncio.create_task(self._refresh())
        return self._refreshing

    async def _refresh(self) -> None:
        try:
            async with asyncio.timeout(2 * FETCH_TIMEOUT):  # an answer that drips never ends by a socket's own timeout
                keys = parse_jwks(await asyncio.to_thread(self._read))
        except (OSError, ValueError, HTTPException):
            log.warning("the issuer's keys could not be read; the ones at hand stay in use")
            return
        self._loaded_at = self._clock()
        if _thumbprints(keys) != _thumbprints(self._keys):
            self.generation += 1
        self._withdrawn = (self._withdrawn | self._keys.keys()) - keys.keys()
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
