"""Asks the registers which entries do not exist for a caller, for a reply that names entries of several registers."""

import asyncio
from collections.abc import Mapping

import grpc
from google.protobuf.message import DecodeError, Message

from gateway.contract import Method
from gateway.decided_call import DecidedCall
from gateway.registers.backends import Backend
from gateway.registers.refusals import service_fault
from kjernejournal.common.v1.common_pb2 import CALLER_KIND_CITIZEN
from shared import deadline
from shared.errors import Invalid, Reason, Unavailable

RPC = "ListHiddenEntries"
FIELD = "hidden_entries"
"""The field of a request that takes them."""
LONGEST = 1.5
"""Seconds for which a register is waited for."""


class HiddenEntries:
    """Puts into a request what its caller may not learn of."""

    def __init__(self, methods: Mapping[str, Method], backends: Mapping[str, Backend]) -> None:
        self._asked = [method for method in methods.values() if method.descriptor.name == RPC]
        self._backends = backends

    async def put(self, decided: DecidedCall, request: Message) -> None:
        """Fills the field of a request that has it, for a citizen; every other reader of the log may know.

        Raises Invalid when the caller has filled it, Unavailable when a register cannot say.
        """
        if FIELD not in request.DESCRIPTOR.fields_by_name:
            return
        field = getattr(request, FIELD)
        if field:
            raise Invalid(FIELD, "is not for callers")
        if decided.caller.kind == CALLER_KIND_CITIZEN:
            for hidden in await asyncio.gather(*(self._hidden(decided, method) for method in self._asked)):
                field.extend(hidden)

    async def _hidden(self, decided: DecidedCall, method: Method) -> list[str]:
        try:
            reply = await self._backends[method.service].guarded_read(
                method.path,
                method.request().SerializeToString(),
                caller=decided.context(method.rule.section),
                timeout=deadline.inside(LONGEST),
            )
            return list(getattr(method.response.FromString(reply), "ids"))  # noqa: B009  # the same field in each register
        except grpc.aio.AioRpcError:
            text = "it cannot be said now what is not for you to see: try again"
            raise Unavailable(Reason.ERROR_REASON_SERVICE_UNAVAILABLE, text) from None
        except DecodeError:
            raise service_fault() from None
