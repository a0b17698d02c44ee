"""Forged tokens are refused, each in the same words."""

import base64
import hmac
import json
import random
from collections.abc import Callable

import pytest

from gateway.access.tokens import LONGEST_TOKEN, TokenVerifier
from shared import deadline
from shared.codes import helseid as names
from shared.errors import Unavailable
from tests.gateway.access.issuing import (
    AUDIENCE,
    EC,
    ISSUER,
    PSS,
    PSS_FOR_ANYTHING,
    RSA,
    STRANGER,
    ago,
    attest,
    claims,
    clinician,
    encode,
    jwks,
    sign,
)
from tests.gateway.access.verifying import refusal, verify

KEY_IDS = {RSA.kid, PSS.kid, EC.kid}


def _no_signature() -> str:
    return sign(claims()).rsplit(".", 1)[0] + "."


def _with_header(change: Callable[[str], str]) -> str:
    """Returns a token with another header over a good signature."""
    header, payload, signature = sign(claims()).split(".")
    return f"{change(header)}.{payload}.{signature}"


def _hs256(secret: bytes) -> str:
    """Signs by hand: the library refuses to use a public key as a secret."""
    header = encode(b'{"alg":"HS256","kid":"rsa","typ":"JWT"}')
    signed = f"{header}.{encode(json.dumps(claims()).encode())}"
    return f"{signed}.{encode(hmac.digest(secret, signed.encode(), 'sha256'))}"


def _unsigned(alg: str) -> str:
    return f"{encode(json.dumps({'alg': alg, 'kid': 'rsa'}).encode())}.{encode(json.dumps(claims()).encode())}."


def _payload(raw: str) -> str:
    return sign(raw.encode())


def _doubled() -> str:
    good = json.dumps(claims())
    return _payload(good[:-1] + f', "{names.PID}": "48882807579"}}')


def _raised_s() -> str:
    """Returns a token whose signature has a zeroed half: none, unlike the other valid form of an ECDSA signature."""
    header, payload, _ = sign(claims(), EC, "ES256").split(".")
    return f"{header}.{payload}.{encode(bytes(64))}"


FORGED: dict[str, Callable[[], str]] = {
    "alg none, no signature": lambda: _unsigned("none"),
    "alg None": lambda: _unsigned("None"),
    "alg none, a signature of nothing": lambda: _unsigned("none") + "AA",
    "alg empty": lambda: _unsigned(""),
    "signature cut off": _no_signature,
    "HS256 with the public key as PEM": lambda: _hs256(RSA.as_pem(private=False)),
    "HS256 with the public key as DER": lambda: _hs256(RSA.as_der(private=False)),
    "HS256 with the JWKS": lambda: _hs256(jwks()),
    "another key with the same id": lambda: sign(claims(), STRANGER),
    "no key id": lambda: sign(claims(), kid=None),
    "a key id that is no text": lambda: _with_header(lambda _: encode(b'{"alg":"RS256","kid":["rsa"]}')),
    "the key id of another kind of key": lambda: sign(claims(), kid="ec"),
    "RS512 where the key says RS256": lambda: sign(claims(), RSA, "RS512"),
    "PS256 where the key says RS256": lambda: sign(claims(), RSA, "PS256"),
    "RS256 where the key says PS256": lambda: sign(claims(), PSS_FOR_ANYTHING, "RS256"),
    "an ECDSA signature of zeros": _raised_s,
    "an embedded key": lambda: sign(claims(), STRANGER, jwk=STRANGER.as_dict(private=False)),
    "a key at an address": lambda: sign(claims(), STRANGER, jku="https://evil.test/jwks.json"),
    "a certificate chain": lambda: sign(claims(), x5u="https://evil.test/chain.pem"),
    "crit": lambda: _with_header(lambda _: encode(b'{"alg":"RS256","kid":"rsa","crit":["exp"]}')),
    "unencoded payload": lambda: _with_header(lambda _: encode(b'{"alg":"RS256","kid":"rsa","b64":false}')),
    "compressed": lambda: sign(claims(), zip="DEF"),
    "an ID token's type": lambda: sign(claims(), typ="id+jwt"),
    "a DPoP proof": lambda: sign(claims(), typ="dpop+jwt"),
    "a type that is no text": lambda: _with_header(lambda _: encode(b'{"alg":"RS256","kid":"rsa","typ":{}}')),
    "a header of another spelling": lambda: _with_header(lambda _: encode(b'{"alg": "RS256", "kid":"rsa"}')),
    "a header that is a list": lambda: _with_header(lambda _: encode(b'["alg"]')),
    "alg twice": lambda: _with_header(lambda _: encode(b'{"alg":"none","alg":"RS256","kid":"rsa"}')),
    "padded": lambda: _with_header(lambda header: header + "=" * (-len(header) % 4 or 4)),
    "padded everywhere": lambda: ".".join(part + "=" for part in sign(claims()).split(".")),
    "line breaks": lambda: _with_header(lambda header: header[:8] + "\n" + header[8:]),
    "standard base64": lambda: sign(claims(sub="?>?>?>~~~")).replace("-", "+").replace("_", "/") + "+",
    "one part": lambda: sign(claims()).split(".")[0],
    "two parts": lambda: ".".join(sign(claims()).split(".")[:2]),
    "four parts": lambda: sign(claims()) + ".AA",
    "an encrypted token's five parts": lambda: sign(claims()) + ".AA.AA",
    "empty": lambda: "",
    "dots": lambda: "..",
    "no JSON": lambda: _payload("hello"),
    "a list": lambda: _payload("[]"),
    "a claim twice": _doubled,
    "not a number": lambda: _payload(json.dumps(claims(exp=0)).replace('"exp": 0', '"exp": NaN')),
    "infinity": lambda: _payload(json.dumps(claims(exp=0)).replace('"exp": 0', '"exp": Infinity')),
    "a very large number": lambda: _payload(json.dumps(claims(exp=0)).replace('"exp": 0', '"exp": 1e999')),
    "nested deeply": lambda: _payload('{"a":' * 1500),
    "not UTF-8": lambda: sign(b'{"iss":"\xff"}'),
    "another issuer": lambda: sign(claims(iss=ISSUER + "/")),
    "no issuer": lambda: sign(claims(iss=None)),
    "another audience": lambda: sign(claims(aud="nhn:pps")),
    "two audiences": lambda: sign(claims(aud=[AUDIENCE, "nhn:pps"])),
    "no audience": lambda: sign(claims(aud=None)),
    "an audience that begins alike": lambda: sign(claims(aud=AUDIENCE + "x")),
    "no exp": lambda: sign(claims(exp=None)),
    "no nbf": lambda: sign(claims(nbf=None)),
    "no iat": lambda: sign(claims(iat=None)),
    "exp as text": lambda: sign(claims(exp=str(ago(minutes=-5)))),
    "exp as truth": lambda: sign(claims(exp=True)),
    "exp in milliseconds": lambda: sign(claims(exp=ago(minutes=-5) * 1000)),
    "exp as a number without end": lambda: _payload(
        json.dumps(claims(exp=0)).replace('"exp": 0', f'"exp": 1{"0" * 400}')
    ),
    "nbf as text": lambda: sign(claims(nbf=str(ago()))),
    "iat as truth": lambda: sign(claims(iat=True)),
    "nbf before 1970": lambda: sign(claims(nbf=-1)),
    "an audience that is no text": lambda: sign(claims(aud={AUDIENCE: True})),
    "the audience twice": lambda: sign(claims(aud=[AUDIENCE, AUDIENCE])),
    "a subject that is no text": lambda: sign(claims(sub=7)),
    "not yet": lambda: sign(claims(nbf=ago(seconds=-31))),
    "issued in the future": lambda: sign(claims(iat=ago(seconds=-31))),
    "too long": lambda: sign(claims(sub="x" * LONGEST_TOKEN)),
    # Claims that make no caller.
    "no scope": lambda: sign(claims(scope=None)),
    "no scope of ours": lambda: sign(claims(scope="openid profile")),
    "two kinds at once": lambda: sign(claims(scope=f"{names.SCOPE_CITIZEN} {names.SCOPE_SYSTEM}")),
    "a citizen without a national id": lambda: sign(claims(**{names.PID: None})),
    "a citizen with an HPR number": lambda: sign(claims(**{names.HPR_NUMBER: "900000002"})),
    "a national id that is none": lambda: sign(claims(**{names.PID: "13717404088"})),
    "a real national id outside production": lambda: sign(claims(**{names.PID: "02013299997"})),
    "a system with a national id": lambda: sign(claims(scope=names.SCOPE_SYSTEM, **{names.ORGNR_PARENT: "100100673"})),
    "a system without an organisation": lambda: sign(claims(scope=names.SCOPE_SYSTEM, **{names.PID: None})),
    "an auditor without an organisation": lambda: sign(claims(scope=names.SCOPE_AUDITOR)),
    "a clinician without an HPR number": lambda: sign(clinician(**{names.HPR_NUMBER: None})),
    "an HPR number that is none": lambda: sign(clinician(**{names.HPR_NUMBER: "9a"})),
    "a clinician without an attest": lambda: sign(clinician(**{names.ATTEST: None})),
    "an attest without its time": lambda: sign(clinician(**{names.ATTEST: attest(attestation=None)})),
    "an attest without a care relation": lambda: sign(clinician(**{names.ATTEST: attest(care_relation=None)})),
    "an attest of the future": lambda: sign(clinician(**{names.ATTEST: attest(attestation={"toa": ago(seconds=-31)})})),
    "another legal entity's attest": lambda: sign(clinician(**{names.ORGNR_PARENT: "100100223"})),
    "another unit's attest": lambda: sign(clinician(**{names.ORGNR_CHILD: "100100088"})),
    "another person's attest": lambda: sign(clinician(**{names.HPR_NUMBER: "900000003"})),
    "an organisation number that is none": lambda: sign(clinician(**{names.ORGNR_PARENT: "100100674"})),
    "a text where an object belongs": lambda: sign(clinician(**{names.ATTEST: "attest"})),
    "a control character in a name": lambda: sign(claims(name="Kari\nLegesen")),
}


@pytest.mark.parametrize("forgery", FORGED)
async def test_forged_tokens(verifier: TokenVerifier, forgery: str) -> None:
    assert await refusal(verifier, FORGED[forgery]()) == "TOKEN_INVALID"


async def test_no_mutated_token_is_taken(verifier: TokenVerifier) -> None:
    dice = random.Random(20261122)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ {}"
    for good in (sign(clinician()), sign(claims(), PSS, "PS256"), sign(claims(), EC, "ES256")):
        await verify(verifier, good)
        for _ in range(700):
            place = dice.randrange(len(good))
            mutated = dice.choice(
                [
                    good[:place] + dice.choice(alphabet) + good[place + 1 :],
                    good[:place] + good[place + 1 :],
                    good[:place] + dice.choice(alphabet) + good[place:],
                    good[:place],
                    good[:place] + good[: dice.randrange(len(good))],
                ]
            )
            if mutated != good:
                assert await never_taken(verifier, mutated)


async def never_taken(verifier: TokenVerifier, token: str) -> bool:
    """Returns True for a token that is refused: as forged; or for now, by the id of a key that may yet come."""
    deadline.set_deadline(0)
    try:
        return await refusal(verifier, token) == "TOKEN_INVALID"
    except Unavailable:
        header = token.split(".", maxsplit=1)[0]
        return json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"] not in KEY_IDS
    finally:
        deadline.set_deadline(60)


async def test_a_key_id_that_is_not_known_is_never_called_a_forgery(verifier: TokenVerifier) -> None:
    """It may be that of a new key, whose token is good."""
    with pytest.raises(Unavailable):
        await verify(verifier, sign(claims(), kid="other"))


async def test_another_spelling_of_a_good_signature(verifier: TokenVerifier) -> None:
    """The last character of 256 bytes carries four bits that mean nothing: sixteen spellings, one of them canonical."""
    good = sign(claims())
    await verify(verifier, good)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    first = alphabet.index(good[-1]) & 0b110000
    for last in alphabet[first : first + 16]:
        if last != good[-1]:
            assert await refusal(verifier, good[:-1] + last) == "TOKEN_INVALID"
