"""A verifier that knows our keys, and the time that it goes by."""

from pathlib import Path

import pytest

from gateway.access.jwks import JwksSource
from gateway.access.tokens import TokenVerifier
from tests.gateway.access.issuing import AUDIENCE, ISSUER, jwks
from tests.gateway.access.verifying import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def verifier(tmp_path: Path, clock: Clock) -> TokenVerifier:
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks())
    return TokenVerifier(JwksSource(path), issuer=ISSUER, audience=AUDIENCE, now=clock, cache_size=50)
