"""Step 5: who asks, for which patient, as the gateway states it in kj-caller-bin."""

import re
from contextvars import ContextVar
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from kjernejournal.common.v1.common_pb2 import CallerContext
from shared.errors import Reason, Unauthenticated

METADATA_KEY = "kj-caller-bin"

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_current: ContextVar[CallerContext | None] = ContextVar("caller", default=None)


def begin(context: "grpc.aio.ServicerContext[Any, Any]") -> None:
    """Takes the caller from the call's metadata; none is fine until a handler asks for it."""
    for key, value in context.invocation_metadata() or ():
        if key == METADATA_KEY and isinstance(value, bytes):
            try:
                caller = CallerContext.FromString(value)
            except DecodeError:
                raise _missing() from None
            caller.patient_refs[:] = map(str.lower, caller.patient_refs)  # as PostgreSQL gives them back
            if not all(map(_UUID.fullmatch, caller.patient_refs)):
                raise _missing()  # before PostgreSQL finds out
            _current.set(caller)
            return
    _current.set(None)


def current() -> CallerContext:
    """Returns the caller of this call. Raises Unauthenticated when the gateway named none."""
    caller = _current.get()
    if caller is None:
        raise _missing()
    return caller


def patient_refs() -> list[str]:
    """Returns every reference of this call's patient, the canonical one first. Raises Unauthenticated without one."""
    refs = list(current().patient_refs)
    if not refs:
        raise _missing()
    return refs


def _missing() -> Unauthenticated:
    return Unauthenticated(Reason.ERROR_REASON_TOKEN_MISSING, "the call does not come through the gateway")
