"""A verifier of tokens under test: what it takes, and the words in which it refuses."""

from datetime import datetime

import pytest

from gateway.access.facts import Caller
from gateway.access.tokens import TokenVerifier
from shared.errors import Unauthenticated, reason_name
from tests.gateway.access.issuing import NOW


class Clock:
    """A time that the test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


async def verify(verifier: TokenVerifier, token: str) -> Caller:
    return await verifier.verify([("authorization", f"Bearer {token}")])


async def refusal(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(Unauthenticated) as raised:
        await verify(verifier, token)
    if raised.value.reason and reason_name(raised.value.reason) == "TOKEN_INVALID":
        assert raised.value.text == "the token does not verify"
        assert raised.value.__cause__ is None
    return reason_name(raised.value.reason)
