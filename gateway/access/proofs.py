"""Checks DPoP proofs (RFC 9449): that who sends a token holds the key that it was issued to, and made this very call.

The target of a gRPC call is its HTTP/2 target: scheme and authority of the address by which callers know the gateway,
and the full method as path. The address is configured, and no header's word for it is taken.
"""

import base64
import functools
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any, NoReturn
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from gateway.access.claims import ClaimsError, numeric_date
from gateway.access.compact import open_compact, verify_signature
from kjernejournal.common.v1 import error_reason_pb2 as reasons
from shared.errors import Unauthenticated

LONGEST_PROOF = 4096
"""Bytes."""
PROOF_LIFE = timedelta(seconds=60)
"""How old a proof may be. It is made for one call: what is older was kept."""
PROOF_LEEWAY = timedelta(seconds=30)
"""How far the clock of its maker may be ahead of ours."""
METHOD = "POST"
"""Of every gRPC call."""

_HEADERS = frozenset({"typ", "alg", "jwk", "kid"})
_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MOST_EXPONENT = 2**32
_PORTS = {"http": 80, "https": 443}


def check_proof(proof: bytes, *, token: bytes, thumbprint: str, target: str, now: datetime) -> bytes:
    """Returns 32 bytes that are this proof's alone, by which it is known again.

    `thumbprint` is that of the key (RFC 7638) to which `token` is bound, `target` what `target_of` returns for the
    call. Raises Unauthenticated: PROOF_INVALID, and PROOF_EXPIRED for one that was made at another time than about now.
    """
    if len(proof) > LONGEST_PROOF:
        _refuse()
    try:
        header, claims = open_compact(proof)
        if header.get("typ") != "dpop+jwt" or not header.keys() <= _HEADERS:
            _refuse()
        key, algorithm = _key(header.get("jwk"), header.get("alg")), header["alg"]
        if not hmac.compare_digest(key.thumbprint().encode(), thumbprint.encode()):
            _refuse()
        verify_signature(proof, key, algorithm)
        made = numeric_date(claims, "iat")
    except (JoseError, ClaimsError, ValueError, KeyError, TypeError):
        _refuse()
    jti, ath = claims.get("jti"), base64.urlsafe_b64encode(hashlib.sha256(token).digest()).rstrip(b"=").decode()
    if not isinstance(jti, str) or not 1 <= len(jti) <= 256:
        _refuse()
    if claims.get("ath") != ath or claims.get("htm") != METHOD or _normal(claims.get("htu")) != target:
        _refuse()
    if not now - PROOF_LIFE <= made <= now + PROOF_LEEWAY:
        raise Unauthenticated(reasons.ERROR_REASON_PROOF_EXPIRED, "the proof was not made just now, by our clock")
    # With the key's: what another client calls its proofs is its own affair.
    return hashlib.sha256(f"{thumbprint}.{jti}".encode("utf-8", "surrogatepass")).digest()


def target_of(address: str, path: str) -> str:
    """Returns the target of a call as proofs have to name it: `https://host/package.Service/Method`.

    Raises ValueError for an address that is no `https://host:port` or `http://host:port`.
    """
    found = _normal(address)
    if not found or not found.endswith("/") or found.count("/") != 3:
        raise ValueError("is no http or https address of host and port")
    return found[:-1] + path


def _normal(uri: object) -> str:
    """Returns a URI without query and fragment, scheme and host in lower case, without its scheme's own port; "" for
    what is none."""
    if not isinstance(uri, str) or len(uri) > 1000 or not uri.isprintable() or " " in uri:
        return ""
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in _PORTS or not host or "@" in parts.netloc:
        return ""
    shown = f"[{host}]" if ":" in host else host
    at = "" if port in {None, _PORTS[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{shown}{at}{parts.path or '/'}"


def _key(jwk: object, algorithm: object) -> RSAKey | ECKey:
    """Returns the public key of a proof, which fits its algorithm. Raises ValueError, KeyError or JoseError."""
    if not isinstance(jwk, dict) or jwk.keys() & _PRIVATE or not isinstance(algorithm, str):
        raise ValueError("no public key")
    if algorithm in _RSA and jwk.get("kty") == "RSA":
        return _rsa(_text(jwk, "n"), _text(jwk, "e"))
    if algorithm in _CURVES and jwk.get("kty") == "EC" and jwk.get("crv") == _CURVES[algorithm]:
        return _ec(_CURVES[algorithm], _text(jwk, "x"), _text(jwk, "y"))
    raise ValueError("another algorithm")


@functools.lru_cache(1000)
def _rsa(modulus: str, exponent: str) -> RSAKey:
    # Within bounds: the cost of a check grows with both, and whoever calls chooses them.
    bits = _number(modulus).bit_length()
    if not 2048 <= bits <= 4096 or not 2 < _number(exponent) < _MOST_EXPONENT:
        raise ValueError("a key of another size")
    return RSAKey.import_key({"kty": "RSA", "n": modulus, "e": exponent})


@functools.lru_cache(1000)
def _ec(curve: str, x: str, y: str) -> ECKey:
    return ECKey.import_key({"kty": "EC", "crv": curve, "x": x, "y": y})


def _number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=="))


def _text(jwk: dict[str, Any], name: str) -> str:
    value = jwk[name]
    if not isinstance(value, str):
        raise ValueError("a text was expected")  # noqa: TRY004  # what is wrong is what the proof says
    return value


def _refuse() -> NoReturn:
    raise Unauthenticated(
        reasons.ERROR_REASON_PROOF_INVALID, "the proof does not verify, or is not of this call"
    ) from None
