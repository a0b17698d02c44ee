"""Verifies who is calling: bearer tokens of the identity provider, and the metadata that comes beside them.

A token is verified once and remembered by its SHA-256 until it, or its attest, runs out. Each key id has one algorithm,
taken from the key and never from the token. Every forged, malformed or contradictory token gets the same answer.

Registered claims (RFC 7519) are judged by joserfc. Where it is laxer than we are, our own check stands beside it: it
takes a list of audiences with ours among them, times before 1970, and a name that comes twice.
"""

import base64
import binascii
import functools
import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from joserfc import jws
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwt import JWTClaimsRegistry

from gateway.access.claims import ATTEST_LIFE, ClaimsError, numeric_date, to_caller
from gateway.access.facts import BasisValue, Caller
from gateway.access.jwks import JwksSource
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1 import error_reason_pb2 as reasons
from shared.errors import Invalid, Unauthenticated
from shared.redaction import redact

Metadata = Iterable[tuple[str, str | bytes]]

LONGEST_TOKEN = 8192
"""Bytes."""
LEEWAY = timedelta(seconds=30)
"""How far the issuer's clock and ours may differ."""

_TYPES = (None, "JWT", "at+jwt", "application/at+jwt")
_HEADERS = frozenset({"alg", "kid", "typ", "x5t", "x5t#S256"})
"""Anything else (crit, b64, zip, jwk, jku, x5u) asks for a treatment that no honest token of ours needs."""
_BASE64URL = re.compile(rb"[A-Za-z0-9_-]+")

_BASES: dict[str, BasisValue] = {
    "SAMTYKKE": common_pb2.ACCESS_BASIS_SAMTYKKE,
    "AKUTT": common_pb2.ACCESS_BASIS_AKUTT,
    "UNNTAK": common_pb2.ACCESS_BASIS_UNNTAK,
    "FORHOYET_SAMTYKKE": common_pb2.ACCESS_BASIS_FORHOYET_SAMTYKKE,
    "FORHOYET_AKUTT": common_pb2.ACCESS_BASIS_FORHOYET_AKUTT,
}


@dataclass(frozen=True, slots=True)
class _Verified:
    caller: Caller
    exp: int
    """Rounded down to whole seconds, as the registry counts: so the leeway is never more than it says."""
    generation: int


class TokenVerifier:
    """Verifies bearer tokens of one issuer for one audience."""

    def __init__(
        self,
        jwks: JwksSource,
        *,
        issuer: str,
        audience: str,
        production: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        cache_size: int = 10_000,
    ) -> None:
        self._jwks = jwks
        self._audience = audience
        self._production = production
        self._now = now
        self._registered = JWTClaimsRegistry(
            now=lambda: int(now().timestamp()),
            leeway=int(LEEWAY.total_seconds()),
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            nbf={"essential": True},
            iat={"essential": True},
        )
        self._cache_size = cache_size
        self._cache: OrderedDict[bytes, _Verified] = OrderedDict()

    async def verify(self, metadata: Metadata) -> Caller:
        """Returns the caller of this metadata (`authorization`, `source-system`).

        Raises Unauthenticated (TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED, ATTEST_EXPIRED), Invalid for a bad
        source-system, Unavailable when the issuer's keys cannot be had, or not yet the one that the token names.
        """
        metadata = tuple(metadata)
        caller = await self.verify_token(bearer_token(metadata))
        source_system = source_system_of(metadata)
        return replace(caller, source_system=source_system) if source_system else caller

    async def verify_token(self, token: bytes) -> Caller:
        """Does the same for the bare token. Call it again on long streams: it refuses once the token has run out."""
        if len(token) > LONGEST_TOKEN:
            _refuse()
        digest = hashlib.sha256(token).digest()
        await self._jwks.keep_fresh()
        known = self._cache.get(digest)
        if known is None or known.generation != self._jwks.generation:
            known = await self._verify(token)
            self._remember(digest, known)
        else:
            self._cache.move_to_end(digest)
        try:
            self._check_times(known)
        except Unauthenticated:
            self._cache.pop(digest, None)
            raise
        return known.caller

    async def _verify(self, token: bytes) -> _Verified:
        header, payload = _open(token)
        kid = header.get("kid")
        if not isinstance(kid, str) or header.get("typ") not in _TYPES or not header.keys() <= _HEADERS:
            _refuse()
        signing = await self._jwks.find(kid)
        if signing is None or header.get("alg") != signing.algorithm:
            _refuse()
        try:
            jws.deserialize_compact(token, signing.key, registry=_registry(signing.algorithm))
        except (JoseError, ValueError, TypeError):
            _refuse()
        return self._read(payload)

    def _read(self, payload: dict[str, Any]) -> _Verified:
        try:
            # Without exp, which is judged at each use, and last: what is wrong otherwise is never called expired.
            self._registered.validate({name: value for name, value in payload.items() if name != "exp"})
            expires, _, _ = (numeric_date(payload, name) for name in ("exp", "nbf", "iat"))
            caller = to_caller(payload, expires=expires, now=self._now(), production=self._production)
        except (JoseError, ClaimsError):
            _refuse()
        if payload["aud"] not in (self._audience, [self._audience]):
            _refuse()
        if caller.toa is not None and caller.toa > self._now() + LEEWAY:
            _refuse()
        return _Verified(caller, int(payload["exp"]), self._jwks.generation)

    def _check_times(self, known: _Verified) -> None:
        try:
            self._registered.validate_exp(known.exp)
        except ExpiredTokenError:
            raise Unauthenticated(reasons.ERROR_REASON_TOKEN_EXPIRED, "the token has expired") from None
        now = self._now()
        if known.caller.toa is not None and now >= known.caller.toa + ATTEST_LIFE:
            # The text is the trust framework's own (rule ATT-58).
            raise Unauthenticated(reasons.ERROR_REASON_ATTEST_EXPIRED, "attestation_has_expired")

    def _remember(self, digest: bytes, known: _Verified) -> None:
        self._cache[digest] = known
        self._cache.move_to_end(digest)
        while len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)


def bearer_token(metadata: Metadata) -> bytes:
    """Returns the token of the one `authorization` entry. Raises Unauthenticated."""
    values = _values(metadata, "authorization")
    if not values:
        raise Unauthenticated(reasons.ERROR_REASON_TOKEN_MISSING, "a bearer token is needed")
    scheme, _, token = values[0].partition(" ")
    if len(values) > 1 or scheme.lower() != "bearer" or not token.isascii():
        _refuse()
    return token.encode("ascii")


def access_basis(metadata: Metadata) -> BasisValue:
    """Returns the basis that metadata `access-basis` names; unspecified when there is none. Raises Invalid."""
    values = _values(metadata, "access-basis")
    if not values:
        return common_pb2.ACCESS_BASIS_UNSPECIFIED
    if len(values) > 1 or values[0] not in _BASES:
        raise Invalid("access-basis", "names no known basis", reasons.ERROR_REASON_UNKNOWN_BASIS)
    return _BASES[values[0]]


def source_system_of(metadata: Metadata) -> str:
    """Returns metadata `source-system`, 3 to 512 characters without blanks around them, fit for logs; "" when there is
    none. Raises Invalid."""
    values = _values(metadata, "source-system")
    if not values:
        return ""
    name = "".join(char if char.isprintable() else " " for char in values[0]).strip()
    if len(values) > 1 or not 3 <= len(name) <= 512:
        raise Invalid("source-system", "must be 3 to 512 characters")
    return redact(name)


def _values(metadata: Metadata, key: str) -> list[str]:
    return [value for name, value in metadata if name.lower() == key and isinstance(value, str)]


def _open(token: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns header and payload of a compact JWS, not verified yet."""
    parts = token.split(b".")
    if len(parts) != 3:
        _refuse()
    header, payload, _ = (_decode(part) for part in parts)
    return _object(header), _object(payload)


def _decode(part: bytes) -> bytes:
    """Decodes canonical base64url without padding.

    Other spellings of the same bytes would be other tokens to the cache.
    """
    if not _BASE64URL.fullmatch(part):
        _refuse()
    try:
        content = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        _refuse()
    if base64.urlsafe_b64encode(content).rstrip(b"=") != part:
        _refuse()
    return content


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content.decode("utf-8"), object_pairs_hook=_no_doubles, parse_constant=_no_constants)
    except (ValueError, RecursionError):
        _refuse()
    if not isinstance(found, dict):
        _refuse()
    return found


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _no_constants(_: str) -> NoReturn:
    raise ValueError("not JSON")


def _refuse() -> NoReturn:
    raise Unauthenticated(reasons.ERROR_REASON_TOKEN_INVALID, "the token does not verify") from None


@functools.cache
def _registry(algorithm: str) -> jws.JWSRegistry:
    """Returns the library with one algorithm.

    It asks the registry alone, and an `algorithms` argument beside one is ignored. Headers are judged above, all
    of them: the library's own list lacks x5t#S256.
    """
    return jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
