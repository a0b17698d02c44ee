"""Good tokens are taken, forged ones refused, each in the same words."""

import asyncio
import hmac
import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.access.facts import Caller
from gateway.access.jwks import JwksSource
from gateway.access.tokens import LONGEST_TOKEN, TokenVerifier, access_basis
from kjernejournal.common.v1 import common_pb2
from shared.codes import helseid as names
from shared.codes.personnel import ServiceKind
from shared.errors import Invalid, Unauthenticated, reason_name
from tests.gateway.access.issuing import (
    AUDIENCE,
    EC,
    ISSUER,
    NOW,
    PID,
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


class Clock:
    """A time that the test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def verifier(tmp_path: Path, clock: Clock) -> TokenVerifier:
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks())
    return TokenVerifier(JwksSource(path), issuer=ISSUER, audience=AUDIENCE, now=clock, cache_size=50)


async def verify(verifier: TokenVerifier, token: str) -> Caller:
    return await verifier.verify([("authorization", f"Bearer {token}")])


async def refusal(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(Unauthenticated) as raised:
        await verify(verifier, token)
    if raised.value.reason and reason_name(raised.value.reason) == "TOKEN_INVALID":
        assert raised.value.text == "the token does not verify"
        assert raised.value.__cause__ is None
    return reason_name(raised.value.reason)


@pytest.mark.parametrize("key, alg", [(RSA, "RS256"), (PSS, "PS256"), (EC, "ES256")])
async def test_each_algorithm_of_ours(verifier: TokenVerifier, key: Any, alg: str) -> None:
    caller = await verify(verifier, sign(claims(), key, alg))
    assert caller.kind == common_pb2.CALLER_KIND_CITIZEN
    assert caller.national_id == PID


async def test_a_clinicians_token(verifier: TokenVerifier) -> None:
    caller = await verify(verifier, sign(clinician()))
    assert caller == Caller(
        kind=common_pb2.CALLER_KIND_CLINICIAN,
        national_id=PID,
        hpr_number="900000002",
        name="Ola Pleiersen",
        role="SP",
        authorisations=("SP",),
        organisation="100100096",
        organisation_name="Solhaug sykehjem",
        legal_entity="100100673",
        department="4",
        service=ServiceKind.NURSING_HOME,
        healthcare_service="urn:oid:2.16.578.1.12.4.1.1.8663|KP02",
        security_level=4,
        purpose_of_use="TREAT",
        purpose_details="urn:oid:2.16.578.1.12.4.1.1.9151|21",
        decision_ref="d-1",
        toa=NOW,
        scopes=frozenset({"openid", names.SCOPE_CLINICIAN, "nhn:kjernejournal/tillitsrammeverk"}),
        expires=NOW + timedelta(seconds=600),
    )


@pytest.mark.parametrize("typ", [None, "JWT", "at+jwt", "application/at+jwt"])
async def test_types_of_token(verifier: TokenVerifier, typ: str | None) -> None:
    assert (await verify(verifier, sign(claims(), typ=typ))).national_id == PID


def _no_signature() -> str:
    return sign(claims()).rsplit(".", 1)[0] + "."


def _with_header(change: Callable[[str], str]) -> str:
    """Another header over a good signature."""
    header, payload, signature = sign(claims()).split(".")
    return f"{change(header)}.{payload}.{signature}"


def _hs256(secret: bytes) -> str:
    """By hand: the library refuses to use a public key as a secret."""
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
    """The other valid form of an ECDSA signature is a valid signature; one with a zeroed half is none."""
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
    "an unknown key id": lambda: sign(claims(), kid="other"),
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
                assert await refusal(verifier, mutated) == "TOKEN_INVALID"


async def test_another_spelling_of_a_good_signature(verifier: TokenVerifier) -> None:
    """The last character of 256 bytes carries four bits that mean nothing: sixteen spellings, one of them canonical."""
    good = sign(claims())
    await verify(verifier, good)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    first = alphabet.index(good[-1]) & 0b110000
    for last in alphabet[first : first + 16]:
        if last != good[-1]:
            assert await refusal(verifier, good[:-1] + last) == "TOKEN_INVALID"


async def test_the_longest_token(verifier: TokenVerifier) -> None:
    def of_length(filling: int) -> str:
        return sign(claims(sub="x" * filling))

    filling = next(n for n in range(5000, LONGEST_TOKEN) if len(of_length(n)) >= LONGEST_TOKEN - 1)
    lengths = {len(of_length(n)): of_length(n) for n in range(filling - 1, filling + 4)}
    for length, token in lengths.items():
        if length <= LONGEST_TOKEN:
            await verify(verifier, token)
        else:
            assert await refusal(verifier, token) == "TOKEN_INVALID"
    assert {LONGEST_TOKEN, LONGEST_TOKEN + 1} <= set(lengths) or LONGEST_TOKEN - 1 in lengths


async def test_every_header_that_is_known(verifier: TokenVerifier) -> None:
    await verify(verifier, sign(claims(), RSA, "RS256", x5t="YWJj", **{"x5t#S256": "YWJj"}))


async def test_leeway_is_thirty_seconds(verifier: TokenVerifier, clock: Clock) -> None:
    token = sign(claims(nbf=ago(seconds=-30), iat=ago(seconds=-30), exp=ago(seconds=-60)))
    await verify(verifier, token)
    clock.now = NOW + timedelta(seconds=89)
    await verify(verifier, token)
    clock.now = NOW + timedelta(seconds=90)
    assert await refusal(verifier, token) == "TOKEN_EXPIRED"


async def test_an_expired_token_is_told_from_a_forged_one(verifier: TokenVerifier) -> None:
    expired = claims(exp=ago(minutes=1))
    assert await refusal(verifier, sign(expired)) == "TOKEN_EXPIRED"
    assert await refusal(verifier, sign(expired, STRANGER)) == "TOKEN_INVALID"


async def test_what_is_wrong_besides_is_not_called_expired(verifier: TokenVerifier) -> None:
    for wrong in ({"iss": "https://another.test"}, {"aud": [AUDIENCE, "nhn:pps"]}, {"scope": "openid"}, {"nbf": None}):
        assert await refusal(verifier, sign(claims(exp=ago(minutes=1), **wrong))) == "TOKEN_INVALID"


async def test_parts_of_a_second_never_lengthen_the_leeway(verifier: TokenVerifier, clock: Clock) -> None:
    token = sign(claims(exp=ago(seconds=-60) + 0.9))
    clock.now = NOW + timedelta(seconds=89.9)
    await verify(verifier, token)
    clock.now = NOW + timedelta(seconds=90.95)
    assert await refusal(verifier, token) == "TOKEN_EXPIRED"
    clock.now = NOW + timedelta(seconds=0.2)
    assert await refusal(verifier, sign(claims(nbf=ago(seconds=-30) + 0.9))) == "TOKEN_INVALID"


async def test_an_attest_lasts_an_hour(verifier: TokenVerifier, clock: Clock) -> None:
    token = sign(clinician(exp=ago(hours=-8)))
    caller = await verify(verifier, token)
    assert caller.expires == NOW + timedelta(hours=1)
    clock.now = NOW + timedelta(minutes=59, seconds=59)
    await verify(verifier, token)
    clock.now = NOW + timedelta(minutes=60)
    with pytest.raises(Unauthenticated, match=r"^attestation_has_expired$") as raised:
        await verify(verifier, token)
    assert reason_name(raised.value.reason) == "ATTEST_EXPIRED"


async def test_verified_tokens_are_remembered_within_bounds(verifier: TokenVerifier) -> None:
    token = sign(claims())
    first = await verifier.verify_token(token.encode())
    assert await verifier.verify_token(token.encode()) is first
    for number in range(60):
        await verify(verifier, sign(claims(sub=str(number))))
    assert len(verifier._cache) == 50
    assert await verifier.verify_token(token.encode()) is not first


async def test_refused_tokens_are_not_remembered(verifier: TokenVerifier, clock: Clock) -> None:
    token = sign(claims())
    await verify(verifier, token)
    clock.now = NOW + timedelta(hours=1)
    await refusal(verifier, token)
    await refusal(verifier, sign(claims(), STRANGER))
    assert not verifier._cache


async def test_a_withdrawn_key_takes_its_tokens_along(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks(RSA, EC))
    seconds = [0.0]
    source = JwksSource(path, clock=lambda: seconds[0])
    verifier = TokenVerifier(source, issuer=ISSUER, audience=AUDIENCE, now=clock)
    token = sign(claims())
    await verify(verifier, token)
    path.write_bytes(jwks(EC))
    seconds[0] = 20.0
    assert await refusal(verifier, sign(claims(), kid="other")) == "TOKEN_INVALID"  # makes the source look again
    assert await refusal(verifier, token) == "TOKEN_INVALID"


async def test_concurrent_callers_share_the_verifier(verifier: TokenVerifier) -> None:
    tokens = [sign(claims(sub=str(number))) for number in range(5)]
    callers = await asyncio.gather(*(verify(verifier, token) for token in tokens * 10))
    assert {caller.national_id for caller in callers} == {PID}


@pytest.mark.parametrize(
    "metadata, reason",
    [
        ([], "TOKEN_MISSING"),
        ([("user-agent", "x")], "TOKEN_MISSING"),
        ([("authorization", "")], "TOKEN_INVALID"),
        ([("authorization", "Basic a2o6a2o=")], "TOKEN_INVALID"),
        ([("authorization", "DPoP abc")], "TOKEN_INVALID"),
        ([("authorization", "Bearer")], "TOKEN_INVALID"),
        ([("authorization", "Bearer  x")], "TOKEN_INVALID"),
        ([("authorization", "Bearer é")], "TOKEN_INVALID"),
        ([("authorization", "Bearer a"), ("authorization", "Bearer b")], "TOKEN_INVALID"),
    ],
)
async def test_metadata_without_one_bearer_token(
    verifier: TokenVerifier, metadata: list[tuple[str, str]], reason: str
) -> None:
    with pytest.raises(Unauthenticated) as raised:
        await verifier.verify(metadata)
    assert reason_name(raised.value.reason) == reason


async def test_two_good_tokens_are_one_too_many(verifier: TokenVerifier) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify([("authorization", f"Bearer {sign(claims())}")] * 2)


@pytest.mark.parametrize("name", ["SAMTYKKE", "AKUTT", "UNNTAK", "FORHOYET_SAMTYKKE", "FORHOYET_AKUTT"])
def test_bases(name: str) -> None:
    assert common_pb2.AccessBasis.Name(access_basis([("access-basis", name)])) == f"ACCESS_BASIS_{name}"


@pytest.mark.parametrize("values", [["akutt"], [""], ["UNSPECIFIED"], ["AKUTT "], ["AKUTT", "SAMTYKKE"]])
def test_unknown_bases(values: list[str]) -> None:
    with pytest.raises(Invalid) as raised:
        access_basis([("access-basis", value) for value in values])
    assert reason_name(raised.value.reason) == "UNKNOWN_BASIS"


def test_no_basis() -> None:
    assert access_basis([]) == common_pb2.ACCESS_BASIS_UNSPECIFIED


async def test_source_systems(verifier: TokenVerifier) -> None:
    token = ("authorization", f"Bearer {sign(claims(**{names.CLIENT_NAME: 'Portal'}))}")
    for given, known in (
        (None, "Portal"),
        ("EPJ 7.2", "EPJ 7.2"),
        ("EPJ\t7\x00.2", "EPJ 7 .2"),
        ("EPJ 13717404089", "EPJ [id]"),
        ("EPJ", "EPJ"),
        ("x" * 512, "x" * 512),
    ):
        metadata = [token] if given is None else [token, ("source-system", given)]
        assert (await verifier.verify(metadata)).source_system == known
    for bad in ("ab", "x" * 513):
        with pytest.raises(Invalid):
            await verifier.verify([token, ("source-system", bad)])


async def test_production_takes_real_people_alone(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks())
    source = JwksSource(path)
    verifier = TokenVerifier(source, issuer=ISSUER, audience=AUDIENCE, now=lambda: NOW, production=True)
    await verify(verifier, sign(claims(**{names.PID: "02013299997"})))
    assert await refusal(verifier, sign(claims())) == "TOKEN_INVALID"
