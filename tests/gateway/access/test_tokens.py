"""Good tokens are taken, for as long as they hold; what comes without one is refused."""

import asyncio
from datetime import timedelta
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
    RSA,
    STRANGER,
    ago,
    claims,
    clinician,
    jwks,
    sign,
)
from tests.gateway.access.verifying import Clock, refusal, verify


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
    seconds[0] = 60.0
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
        ([("authorization", "DPoP")], "TOKEN_INVALID"),
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
    for bad in ("ab", "x" * 513, "   ", " ab ", "\x01\x02\x03"):
        with pytest.raises(Invalid):
            await verifier.verify([token, ("source-system", bad)])


async def test_production_takes_real_people_alone(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks())
    source = JwksSource(path)
    verifier = TokenVerifier(source, issuer=ISSUER, audience=AUDIENCE, now=lambda: NOW, production=True)
    await verify(verifier, sign(claims(**{names.PID: "02013299997"})))
    assert await refusal(verifier, sign(claims())) == "TOKEN_INVALID"
