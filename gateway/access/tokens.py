"""Verifies who is calling: tokens of the identity provider, and the metadata that comes beside them.

A token that is bound to a key (`cnf`) comes with a DPoP proof, whatever the setting says of bearer tokens.

A token is verified once and remembered by its SHA-256 until it, or its attest, runs out. Each key id has one algorithm,
taken from the key and never from the token. Every forged, malformed or contradictory token gets the same answer.

Registered claims (RFC 7519) are judged by joserfc. Where it is laxer than we are, our own check stands beside it: it
takes a list of audiences with ours among them, times before 1970, and a name that comes twice.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, NoReturn

from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwt import JWTClaimsRegistry

from gateway.access.claims import ATTEST_LIFE, ClaimsError, numeric_date, to_caller
from gateway.access.compact import open_compact, verify_signature
from gateway.access.facts import BasisValue, Caller
from gateway.access.jwks import JwksSource
from gateway.access.proofs import check_proof, target_of
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
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")

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
    thumbprint: str
    """Of the key that the token is bound to. "": a bearer token."""


class AccessToken(NamedTuple):
    """What stands in `authorization`."""

    value: bytes
    with_proof: bool


class TokenVerifier:
    """Verifies tokens of one issuer for one audience, and the proofs that they come with."""

    def __init__(
        self,
        jwks: JwksSource,
        *,
        issuer: str,
        audience: str,
        production: bool = False,
        address: str = "",
        bearer: bool = True,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        cache_size: int = 10_000,
    ) -> None:
        """Takes `address` as the one by which callers know the gateway; "": no proof can be of a call to it. `bearer`:
        tokens that are bound to no key are taken."""
        self._jwks = jwks
        self._address = address
        self._bearer = bearer
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

    async def verify(self, metadata: Metadata, path: str = "") -> Caller:
        """Returns the caller of this metadata (`authorization`, `dpop`, `source-system`), in a call to the rpc at
        `path`.

        Raises Unauthenticated (TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED, ATTEST_EXPIRED, PROOF_MISSING,
        PROOF_INVALID, PROOF_EXPIRED), Invalid for a bad source-system, Unavailable when the issuer's keys cannot be
        had, or not yet the one that the token names.
        """
        metadata = tuple(metadata)
        token = access_token(metadata)
        known = await self._known(token.value)
        caller = replace(known.caller, proof=self._proof(token, known.thumbprint, metadata, path))
        source_system = source_system_of(metadata)
        return replace(caller, source_system=source_system) if source_system else caller

    async def verify_token(self, token: bytes) -> Caller:
        """Does the same for the bare token. Call it again on long streams: it refuses once the token has run out."""
        return (await self._known(token)).caller

    def _proof(self, token: AccessToken, thumbprint: str, metadata: Metadata, path: str) -> bytes:
        """Returns what the call's proof is known by; nothing for a bearer token, where these are taken."""
        if not thumbprint:
            if token.with_proof:
                _refuse()
            if not self._bearer:
                raise Unauthenticated(
                    reasons.ERROR_REASON_PROOF_MISSING, "bearer tokens are not taken: bind it to a key"
                )
            return b""
        proofs = _values(metadata, "dpop")
        if not token.with_proof or not proofs:
            raise Unauthenticated(reasons.ERROR_REASON_PROOF_MISSING, "the token is bound to a key: a proof is needed")
        if len(proofs) > 1 or not proofs[0].isascii() or not self._address:
            raise Unauthenticated(reasons.ERROR_REASON_PROOF_INVALID, "one proof is needed, of a call to this gateway")
        target = target_of(self._address, path)
        return check_proof(proofs[0].encode(), token=token.value, thumbprint=thumbprint, target=target, now=self._now())

    async def _known(self, token: bytes) -> _Verified:
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
        return known

    async def _verify(self, token: bytes) -> _Verified:
        try:
            header, payload = open_compact(token)
        except ValueError:
            _refuse()
        kid = header.get("kid")
        if not isinstance(kid, str) or header.get("typ") not in _TYPES or not header.keys() <= _HEADERS:
            _refuse()
        signing = await self._jwks.find(kid)
        if signing is None or header.get("alg") != signing.algorithm:
            _refuse()
        try:
            verify_signature(token, signing.key, signing.algorithm)
        except ValueError:
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
        return _Verified(caller, int(payload["exp"]), self._jwks.generation, _thumbprint(payload))

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


def access_token(metadata: Metadata) -> AccessToken:
    """Returns the token of the one `authorization` entry. Raises Unauthenticated."""
    values = _values(metadata, "authorization")
    if not values:
        raise Unauthenticated(reasons.ERROR_REASON_TOKEN_MISSING, "a token is needed")
    scheme, _, token = values[0].partition(" ")
    if len(values) > 1 or scheme.lower() not in {"bearer", "dpop"} or not token.isascii():
        _refuse()
    return AccessToken(token.encode("ascii"), scheme.lower() == "dpop")


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


def _thumbprint(payload: dict[str, Any]) -> str:
    """Returns the thumbprint of the key that a token is bound to. A token that is bound in another way is refused: it
    would be taken for less than it is."""
    bound = payload.get("cnf")
    if bound is None and "cnf" not in payload:
        return ""
    if not isinstance(bound, dict) or bound.keys() != {"jkt"}:
        _refuse()
    if not isinstance(bound["jkt"], str) or not _THUMBPRINT.fullmatch(bound["jkt"]):
        _refuse()
    return bound["jkt"]


def _values(metadata: Metadata, key: str) -> list[str]:
    return [value for name, value in metadata if name.lower() == key and isinstance(value, str)]


def _refuse() -> NoReturn:
    raise Unauthenticated(reasons.ERROR_REASON_TOKEN_INVALID, "the token does not verify") from None
