"""A token that is bound to a key is worth nothing without it: each rule of RFC 9449, section 4.3, and each forgery."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from gateway.access.jwks import JwksSource
from gateway.access.proofs import LONGEST_PROOF, target_of
from gateway.access.tokens import TokenVerifier
from shared.errors import Unauthenticated, reason_name
from tests.gateway.access.issuing import AUDIENCE, ISSUER, PID, ago, claims, encode, jwks, sign
from tests.gateway.access.verifying import Clock

ADDRESS = "https://kj.test:443"
RPC = "/kjernejournal.summary.v1.SummaryService/GetPatientSummary"
HTU = f"https://kj.test{RPC}"
KEY = ECKey.generate_key("P-256")
OTHER = ECKey.generate_key("P-256")
RSA = RSAKey.generate_key(2048)
Key = ECKey | RSAKey
BOUND = sign(claims(cnf={"jkt": KEY.thumbprint()}))


@pytest.fixture
def verifier(tmp_path: Path, clock: Clock) -> TokenVerifier:
    return verifying(tmp_path, clock)


def verifying(folder: Path, clock: Clock, **options: Any) -> TokenVerifier:
    (folder / "jwks.json").write_bytes(jwks())
    given: dict[str, Any] = {"address": ADDRESS} | options
    return TokenVerifier(JwksSource(folder / "jwks.json"), issuer=ISSUER, audience=AUDIENCE, now=clock, **given)


def ath(token: str) -> str:
    return encode(hashlib.sha256(token.encode()).digest())


def proof(key: Key = KEY, alg: str = "ES256", *, token: str = BOUND, header: Any = None, **changes: Any) -> str:
    """Returns a proof. A change to None takes the claim, or the member of the header, away."""
    whole = {"typ": "dpop+jwt", "alg": alg, "jwk": key.as_dict(private=False)} | (header or {})
    made = {"jti": "a-jti", "htm": "POST", "htu": HTU, "iat": ago(), "ath": ath(token)} | changes
    return jws.serialize_compact(
        {name: value for name, value in whole.items() if value is not None},
        json.dumps({name: value for name, value in made.items() if value is not None}),
        key,
        registry=jws.JWSRegistry(algorithms=[alg], strict_check_header=False),
    )


async def call(
    verifier: TokenVerifier, *proofs: str, token: str = BOUND, scheme: str = "DPoP", rpc: str = RPC
) -> bytes:
    sent = [("authorization", f"{scheme} {token}"), *(("dpop", each) for each in proofs)]
    caller = await verifier.verify(sent, rpc)
    assert caller.national_id == PID
    return caller.proof


async def refused(verifier: TokenVerifier, *proofs: str, **given: Any) -> str:
    with pytest.raises(Unauthenticated) as raised:
        await call(verifier, *proofs, **given)
    return reason_name(raised.value.reason)


async def test_a_bound_token_with_its_proof_is_taken(verifier: TokenVerifier) -> None:
    assert len(await call(verifier, proof())) == 32
    await call(verifier, proof(), scheme="dpop")


@pytest.mark.parametrize(
    "key, alg",
    [
        *((RSA, alg) for alg in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        (ECKey.generate_key("P-384"), "ES384"),
        (ECKey.generate_key("P-521"), "ES512"),
    ],
)
async def test_each_algorithm_of_proofs(verifier: TokenVerifier, key: Key, alg: str) -> None:
    token = sign(claims(cnf={"jkt": key.thumbprint()}))
    await call(verifier, proof(key, alg, token=token), token=token)
    assert await refused(verifier, proof(key, alg, token=token, htm="GET"), token=token) == "PROOF_INVALID"


async def test_a_bound_token_is_never_a_bearer_token(verifier: TokenVerifier) -> None:
    assert await refused(verifier, scheme="Bearer") == "PROOF_MISSING"
    assert await refused(verifier, proof(), scheme="Bearer") == "PROOF_MISSING"
    assert await refused(verifier) == "PROOF_MISSING"


async def test_bearer_tokens_by_the_setting(verifier: TokenVerifier, tmp_path: Path, clock: Clock) -> None:
    token = sign(claims())
    assert await call(verifier, token=token, scheme="Bearer") == b""
    strict = verifying(tmp_path, clock, bearer=False)
    assert await refused(strict, token=token, scheme="Bearer") == "PROOF_MISSING"
    await call(strict, proof())


async def test_a_token_that_is_bound_to_nothing_is_no_dpop_token(verifier: TokenVerifier) -> None:
    token = sign(claims())
    assert await refused(verifier, proof(token=token), token=token) == "TOKEN_INVALID"


@pytest.mark.parametrize(
    "cnf",
    [[], "x", {}, {"x5t#S256": "A" * 43}, {"jkt": 3}, {"jkt": ""}, {"jkt": "A" * 42}, {"jkt": "A" * 43, "kid": "x"}],
)
async def test_a_token_that_is_bound_in_another_way_is_refused(verifier: TokenVerifier, cnf: object) -> None:
    for scheme in ("Bearer", "DPoP"):
        assert await refused(verifier, proof(), token=sign(claims(cnf=cnf)), scheme=scheme) == "TOKEN_INVALID"


async def test_without_an_address_no_proof_is_of_a_call_to_us(tmp_path: Path, clock: Clock) -> None:
    assert await refused(verifying(tmp_path, clock, address=""), proof()) == "PROOF_INVALID"


def _hs256() -> str:
    return jws.serialize_compact(
        {"typ": "dpop+jwt", "alg": "HS256", "jwk": KEY.as_dict(private=False)},
        b"{}",
        OctKey.import_key("x" * 32),
        registry=jws.JWSRegistry(algorithms=["HS256"], strict_check_header=False),
    )


def _unsigned() -> str:
    _, payload, _ = proof().split(".")
    header = json.dumps({"typ": "dpop+jwt", "alg": "none", "jwk": KEY.as_dict(private=False)})
    return f"{encode(header.encode())}.{payload}."


def _showing(key: object) -> str:
    """Returns a proof that shows this as its key, signed by hand: the library will not."""
    _, payload, signature = proof().split(".")
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key}
    return f"{encode(json.dumps(header).encode())}.{payload}.{signature}"


def _large() -> str:
    modulus = encode(b"\xff" * 1024)
    header = {"typ": "dpop+jwt", "alg": "RS256", "jwk": {"kty": "RSA", "n": modulus, "e": "AQAB"}}
    return f"{encode(json.dumps(header).encode())}.e30.AA"


SECRET = {"jwk": KEY.as_dict(private=True)}
FORGED: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "no proof at all": lambda: "hello",
    "the token itself": lambda: BOUND,
    "not ASCII": lambda: proof() + "é",
    "unsigned": _unsigned,
    "signed with a secret": _hs256,
    "another key": lambda: proof(OTHER),
    "another key than the one it shows": lambda: proof(OTHER, header={"jwk": KEY.as_dict(private=False)}),
    "the private key": lambda: proof(header=SECRET),
    "no key": lambda: proof(header={"jwk": None}),
    "a key that is no object": lambda: _showing([1]),
    "a key without its parts": lambda: _showing({"kty": "EC", "crv": "P-256"}),
    "a secret key": lambda: _showing({"kty": "oct", "k": "AA"}),
    "a point that is not on the curve": lambda: proof(header={"jwk": {**KEY.as_dict(private=False), "y": "AA"}}),
    "a very large key": _large,
    "another type": lambda: proof(header={"typ": "JWT"}),
    "no type": lambda: proof(header={"typ": None}),
    "a key at an address": lambda: proof(header={"jku": "https://evil.test"}),
    "crit": lambda: proof(header={"crit": ["kid"], "kid": "x"}),
    "no jti": lambda: proof(jti=None),
    "an empty jti": lambda: proof(jti=""),
    "a long jti": lambda: proof(jti="x" * 257),
    "a jti that is no text": lambda: proof(jti=7),
    "another method": lambda: proof(htm="GET"),
    "a method in lower case": lambda: proof(htm="post"),
    "no method": lambda: proof(htm=None),
    "another rpc": lambda: proof(htu=HTU + "s"),
    "another host": lambda: proof(htu=HTU.replace("kj.test", "kj.test.evil")),
    "another port": lambda: proof(htu=HTU.replace("kj.test", "kj.test:444")),
    "another scheme": lambda: proof(htu=HTU.replace("https", "http")),
    "a host behind a user": lambda: proof(htu=HTU.replace("kj.test", "kj.test@kj.test")),
    "no host": lambda: proof(htu=RPC),
    "a port that is none": lambda: proof(htu=HTU.replace("kj.test", "kj.test:x")),
    "a target that is no text": lambda: proof(htu=7),
    "no target": lambda: proof(htu=None),
    "no time": lambda: proof(iat=None),
    "a time that is no number": lambda: proof(iat=str(ago())),
    "another token's hash": lambda: proof(ath=ath(sign(claims()))),
    "no hash": lambda: proof(ath=None),
    "a hash with padding": lambda: proof(ath=ath(BOUND) + "="),
    "too long": lambda: proof(more="x" * LONGEST_PROOF),
    "a claim twice": lambda: "{}.{}.{}".format(
        proof().split(".")[0], encode(b'{"jti":"a","jti":"b"}'), proof().split(".")[2]
    ),
}


@pytest.mark.parametrize("forgery", FORGED)
async def test_forged_proofs(verifier: TokenVerifier, forgery: str) -> None:
    assert await refused(verifier, FORGED[forgery]()) == "PROOF_INVALID"


async def test_two_proofs_are_one_too_many(verifier: TokenVerifier) -> None:
    assert await refused(verifier, proof(), proof()) == "PROOF_INVALID"


async def test_a_proof_lasts_a_minute_and_clocks_may_differ_by_half_of_one(verifier: TokenVerifier) -> None:
    for seconds in (60, 0, -30):
        await call(verifier, proof(iat=ago(seconds=seconds)))
    for seconds in (61, 3600, -31, -3600):
        assert await refused(verifier, proof(iat=ago(seconds=seconds))) == "PROOF_EXPIRED"


async def test_spellings_of_one_target(verifier: TokenVerifier) -> None:
    for htu in (HTU, f"{HTU}?a=b", f"{HTU}#x", f"HTTPS://KJ.test:443{RPC}"):
        await call(verifier, proof(htu=htu))


async def test_proofs_are_told_apart_by_key_and_jti(verifier: TokenVerifier) -> None:
    token = sign(claims(cnf={"jkt": OTHER.thumbprint()}))
    first, again, second = [await call(verifier, proof(jti=jti)) for jti in ("a", "a", "b")]
    others = await call(verifier, proof(OTHER, jti="a", token=token), token=token)
    assert first == again
    assert len({first, second, others}) == 3


async def test_an_expired_token_says_so_before_its_proof_is_looked_at(verifier: TokenVerifier) -> None:
    token = sign(claims(exp=ago(minutes=1), cnf={"jkt": KEY.thumbprint()}))
    assert await refused(verifier, "hello", token=token) == "TOKEN_EXPIRED"


@pytest.mark.parametrize("address", ["", "kj.test", "ftp://kj.test", "https://", "https://kj.test/x", "https://a@b"])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        target_of(address, RPC)


def test_targets() -> None:
    assert target_of("http://127.0.0.1:8080", RPC) == f"http://127.0.0.1:8080{RPC}"
    assert target_of("https://[::1]/", RPC) == f"https://[::1]{RPC}"


def test_the_hash_of_a_token_is_that_of_the_rfc() -> None:
    """RFC 9449, section 7.1."""
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    assert ath(token) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
