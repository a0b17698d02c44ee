"""A verifier of tokens under test: what it takes, and the words in which it refuses."""

from datetime import datetime

import pytest

from gateway.access.facts import Caller
from gateway.access.jwks import JwksSource
from gateway.access.tokens import TokenVerifier
from shared.errors import Unauthenticated, reason_name
from tests.gateway.access.issuing import NOW


class Clock:
    """A time that the test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Seconds:
    """Seconds that the test counts."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


async def refreshed(source: JwksSource) -> None:
    """Returns when the refresh behind the callers' backs is through."""
    assert source._refreshing is not None
    await source._refreshing


async def verify(verifier: TokenVerifier, token: str) -> Caller:
    return await verifier.verify([("authorization", f"Bearer {token}")])


async def refusal(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(Unauthenticated) as raised:
        await verify(verifier, token)
    if raised.value.reason and reason_name(raised.value.reason) == "TOKEN_INVALID":
        assert raised.value.text == "the token does not verify"
        assert raised.value.__cause__ is None
    return reason_name(raised.value.reason)
