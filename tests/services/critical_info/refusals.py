"""How a call is refused."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, NamedTuple

import grpc
import pytest

from tests.support.service import details_of, reason_of


class Refused(NamedTuple):
    code: str
    reason: str
    details: dict[str, str]


async def refusal(call: Awaitable[Any]) -> Refused:
    """Returns the refusal of a call, which must be one."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return Refused(error.value.code().name, reason_of(error.value), details_of(error.value))


CONFLICT = ("FAILED_PRECONDITION", "STATE_CONFLICT")
NOT_FOUND = ("NOT_FOUND", "ENTRY_NOT_FOUND")
ROLE_REFUSED = ("PERMISSION_DENIED", "ROLE_REFUSED")
INVALID = ("INVALID_ARGUMENT", "INVALID_FIELD")
