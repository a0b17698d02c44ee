"""An issuer of the tests' own, which makes good tokens and bad ones."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from shared.codes import helseid as names
from shared.codes.personnel import ROLE_SYSTEM
from shared.codes.systems import VOLVEN

ISSUER = "https://issuer.test"
AUDIENCE = "nhn:kjernejournal"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PID = "13717404089"

RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
PSS = RSAKey.generate_key(2048, {"kid": "pss", "alg": "PS256"})
PSS_FOR_ANYTHING = RSAKey.import_key(PSS.as_pem(private=True), {"kid": "pss"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"})

Key = RSAKey | ECKey | OctKey


def jwks(*keys: Key) -> bytes:
    """Returns the public side of these keys."""
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys or (RSA, PSS, EC)]}).encode()


def claims(**changes: Any) -> dict[str, Any]:
    """Returns a citizen's claims. A change to None takes the claim away."""
    seconds = int(NOW.timestamp())
    made: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": seconds,
        "nbf": seconds,
        "exp": seconds + 600,
        "scope": names.SCOPE_CITIZEN,
        names.PID: PID,
        names.SECURITY_LEVEL: "4",
    } | changes
    return {name: value for name, value in made.items() if value is not None}


def clinician(**changes: Any) -> dict[str, Any]:
    """Returns the claims of a nurse in a nursing home."""
    return claims(
        **{
            "scope": f"openid {names.SCOPE_CLINICIAN} nhn:kjernejournal/tillitsrammeverk",
            names.HPR_NUMBER: "900000002",
            names.HPR_DETAILS: hpr_details("SP"),
            names.ORGNR_PARENT: "100100673",
            names.ORGNR_CHILD: "100100096",
            names.ATTEST: attest(),
        }
        | changes
    )


def hpr_details(*professions: str) -> dict[str, Any]:
    """Returns authorisations in force, as HelseID states them."""
    authorised = {"value": "1", "description": "Autorisasjon"}
    return {"approvals": [{"profession": each, "authorization": authorised} for each in professions]}


def attest(**changes: Any) -> dict[str, Any]:
    """Returns the attest that goes with `clinician`."""
    made: dict[str, Any] = {
        "type": names.ATTEST,
        "practitioner": {
            "identifier": {"id": PID, "name": "Ola Pleiersen"},
            "hpr_nr": {"id": "900000002"},
            "authorization": {"code": "SP", "system": ROLE_SYSTEM},
            "legal_entity": {"id": "100100673"},
            "point_of_care": {"id": "100100096", "name": "Solhaug sykehjem"},
            "department": {"id": "4", "system": "urn:oid:2.16.578.1.12.4.1.4.102"},
        },
        "care_relation": {
            "healthcare_service": {"system": VOLVEN + "8663", "code": "KP02"},
            "purpose_of_use": {"code": "TREAT"},
            "purpose_of_use_details": {"system": VOLVEN + "9151", "code": "21"},
            "decision_ref": {"id": "d-1", "user_selected": False},
        },
        "attestation": {"toa": int(NOW.timestamp())},
    } | changes
    return {name: value for name, value in made.items() if value is not None}


def sign(payload: dict[str, Any] | bytes, key: Key = RSA, alg: str = "RS256", **header: Any) -> str:
    """Returns a token over these claims, with whatever header is asked for."""
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    whole = {"alg": alg, "kid": key.kid, "typ": "at+jwt"} | header
    whole = {name: value for name, value in whole.items() if value is not None}
    registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
    return jws.serialize_compact(whole, content, key, registry=registry)


def encode(content: bytes) -> str:
    """Returns base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def ago(**time: float) -> int:
    """Returns Unix seconds so long before NOW."""
    return int((NOW - timedelta(**time)).timestamp())
