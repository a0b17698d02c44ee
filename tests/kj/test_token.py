"""`kj token` and its issuer: each kind of token verifies, and what makes no sense is refused."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.access.jwks import JwksSource
from gateway.access.tokens import TokenVerifier
from kj.errors import CommandError
from kj.local.issuer import AUDIENCE, ensure_issuer
from kj.local.programs import ISSUER
from kj.local.proofs import proof_key
from kj.synthetic.people.cast import PEOPLE, PLACES
from kj.token import KINDS, SERVICES, mint_for, token
from kjernejournal.common.v1 import common_pb2
from shared.codes.personnel import PERSONNEL, ServiceKind
from shared.errors import Unauthenticated
from shared.national_id import Kind, parse, valid_organisation_number


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("issuer")
    ensure_issuer(directory)
    return directory


@pytest.fixture
def verifier(issuer: Path) -> TokenVerifier:
    return TokenVerifier(JwksSource(issuer / "jwks.json"), issuer=ISSUER, audience=AUDIENCE)


def test_the_issuer_is_made_once_and_kept_private(tmp_path: Path) -> None:
    directory = tmp_path / "state" / "issuer"
    path = ensure_issuer(directory)
    before = {file.name: file.read_bytes() for file in directory.iterdir()}
    assert ensure_issuer(directory) == path
    assert {file.name: file.read_bytes() for file in directory.iterdir()} == before
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()} == {0o600}


def test_the_jwks_holds_no_private_part(issuer: Path) -> None:
    (key,) = json.loads((issuer / "jwks.json").read_text())["keys"]
    assert set(key) == {"kty", "n", "e", "use", "alg", "kid"}
    assert key["alg"] == "RS256"


def test_a_lost_jwks_comes_back_for_the_same_key(tmp_path: Path) -> None:
    path = ensure_issuer(tmp_path)
    before = path.read_text()
    path.unlink()
    assert ensure_issuer(tmp_path).read_text() == before


EXPECTED = {
    "doctor": (common_pb2.CALLER_KIND_CLINICIAN, "LE", ServiceKind.HOSPITAL),
    "nurse": (common_pb2.CALLER_KIND_CLINICIAN, "SP", ServiceKind.HOME_CARE),
    "vernepleier": (common_pb2.CALLER_KIND_CLINICIAN, "VP", ServiceKind.HOME_CARE),
    "psychologist": (common_pb2.CALLER_KIND_CLINICIAN, "PS", ServiceKind.HOSPITAL),
    "pharmacist": (common_pb2.CALLER_KIND_CLINICIAN, "FA1", ServiceKind.PHARMACY),
    "case-officer": (common_pb2.CALLER_KIND_CLINICIAN, "SP", ServiceKind.ALLOCATION_OFFICE),
    "citizen": (common_pb2.CALLER_KIND_CITIZEN, "", ServiceKind.OTHER),
    "auditor": (common_pb2.CALLER_KIND_AUDITOR, "", ServiceKind.OTHER),
    "steward": (common_pb2.CALLER_KIND_AUDITOR, "", ServiceKind.OTHER),
    "system": (common_pb2.CALLER_KIND_SYSTEM, "", ServiceKind.OTHER),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_verifies(kind: str, issuer: Path, verifier: TokenVerifier) -> None:
    caller = await verifier.verify([("authorization", f"Bearer {mint_for(kind, issuer)}")])
    assert (caller.kind, caller.role, caller.service) == EXPECTED[kind]
    assert caller.controller is (kind == "steward")
    assert (caller.national_id is None) is (kind == "system")
    assert caller.security_level == (0 if kind == "system" else 4)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_doctor_may_work_anywhere(service: str, issuer: Path, verifier: TokenVerifier) -> None:
    made = mint_for("doctor", issuer, service=service)
    caller = await verifier.verify([("authorization", f"Bearer {made}")])
    assert caller.service.name.lower().replace("_", "-") == service


async def test_what_is_given_is_what_the_token_says(issuer: Path, verifier: TokenVerifier) -> None:
    made = mint_for("nurse", issuer, org="100100258", hpr="1234567", national_id="13717404089", minutes=5)
    caller = await verifier.verify([("authorization", f"Bearer {made}")])
    assert (caller.organisation, caller.hpr_number, caller.national_id) == ("100100258", "1234567", "13717404089")
    assert caller.expires is not None
    assert timedelta(minutes=4) < caller.expires - datetime.now(UTC) <= timedelta(minutes=5)


@pytest.mark.parametrize(
    "kind, options",
    [
        ("doctor", {"org": "123456789"}),
        ("doctor", {"hpr": "12a"}),
        ("doctor", {"national_id": "13717404088"}),
        ("doctor", {"national_id": "02013299997"}),  # well formed, but not synthetic
        ("doctor", {"service": "moon-base"}),
        ("citizen", {"hpr": "1234567"}),
        ("auditor", {"service": "gp"}),
        ("system", {"national_id": "13717404089"}),
        ("surgeon", {}),
    ],
)
def test_what_makes_no_sense_is_refused(kind: str, options: dict[str, str], issuer: Path) -> None:
    with pytest.raises(CommandError) as raised:
        mint_for(kind, issuer, **options)  # type: ignore[arg-type]  # one mapping for options of several types
    assert not any(value in str(raised.value) for value in options.values() if len(value) == 11)


def test_without_an_issuer_there_is_no_token(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No token issuer"):
        mint_for("doctor", tmp_path)


def test_the_command_prints_the_bare_token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ensure_issuer(tmp_path / "issuer")
    token("doctor", data_dir=tmp_path)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert printed.count(".") == 2


def test_invented_people_and_places_have_valid_numbers() -> None:
    for place in PLACES.values():
        assert valid_organisation_number(place.organisation)
        assert valid_organisation_number(place.legal_entity)
        assert place.organisation[0] == "1"
    for person in PEOPLE.values():
        assert parse(person.national_id, production=False).kind is Kind.SYNTHETIC_NHN
        assert not person.role or person.role in PERSONNEL
    assert len({person.national_id for person in PEOPLE.values()}) == len(PEOPLE)
    assert set(PLACES) == set(ServiceKind)


async def test_a_bound_token_and_its_proof_are_taken(
    issuer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rpc, key = "/kjernejournal.visits.v1.VisitsService/ListVisits", tmp_path / "key.json"
    source = JwksSource(issuer / "jwks.json")
    strict = TokenVerifier(source, issuer=ISSUER, audience=AUDIENCE, address="http://127.0.0.1:50051", bearer=False)
    made = mint_for("doctor", issuer, thumbprint=proof_key(key).thumbprint())
    token("proof", dpop=key, bound=made, uri=f"http://127.0.0.1:50051{rpc}")
    sent = [("authorization", f"DPoP {made}"), ("dpop", capsys.readouterr().out.strip())]
    caller = await strict.verify(sent, rpc)
    assert len(caller.proof) == 32
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    with pytest.raises(Unauthenticated):
        await strict.verify([("authorization", f"Bearer {made}")], rpc)


def test_what_holds_no_key_of_proofs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "public.json").write_text(json.dumps(proof_key(tmp_path / "new.json").as_dict(private=False)))
    (tmp_path / "other.json").write_text("hello")
    for name in ("public.json", "other.json", "no/such/folder"):
        with pytest.raises(CommandError):
            proof_key(tmp_path / name)


def test_a_proof_needs_a_key_a_token_and_a_call(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--dpop"):
        token("proof", dpop=tmp_path / "key", data_dir=tmp_path)
    with pytest.raises(CommandError, match="for a proof"):
        token("doctor", uri="http://127.0.0.1:50051/x", data_dir=tmp_path)
