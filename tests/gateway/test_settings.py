"""What a gateway has to know before it starts."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.settings import GatewaySettings

SERVICES = (
    "critical_info",
    "medications",
    "visits",
    "documents",
    "labs",
    "vaccinations",
    "own_registrations",
    "patients",
    "audit",
)


def told(monkeypatch: pytest.MonkeyPatch, *services: str) -> GatewaySettings:
    monkeypatch.setenv("KJ_LISTEN", "127.0.0.1:0")
    monkeypatch.setenv("KJ_JWKS", str(Path("jwks.json")))
    monkeypatch.setenv("KJ_SERVICES", json.dumps(dict.fromkeys(services, "unix:/s")))
    return GatewaySettings()


def test_every_service_has_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(told(monkeypatch, *SERVICES).services) == set(SERVICES)


@pytest.mark.parametrize("forgotten", SERVICES)
def test_one_that_was_forgotten_is_named_at_start(monkeypatch: pytest.MonkeyPatch, forgotten: str) -> None:
    with pytest.raises(ValidationError, match=f"no address for {forgotten}"):
        told(monkeypatch, *(each for each in SERVICES if each != forgotten))


@pytest.mark.parametrize("address", ["kj.test", "ftp://kj.test", "https://kj.test/path", "https://"])
def test_an_address_is_one_of_a_host(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("KJ_ADDRESS", address)
    with pytest.raises(ValidationError, match="no http or https address"):
        told(monkeypatch, *SERVICES)


def test_bearer_tokens_are_not_refused_where_no_proof_can_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KJ_BEARER", "refused")
    with pytest.raises(ValidationError, match="address is needed"):
        told(monkeypatch, *SERVICES)
    monkeypatch.setenv("KJ_ADDRESS", "https://kj.test")
    assert told(monkeypatch, *SERVICES).bearer == "refused"
