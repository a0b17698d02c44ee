"""Step 4: over TCP, only peers whose certificate carries an allowed URI name; a unix socket's directory guards it."""

from typing import Any

import grpc

from shared.errors import Denied, Reason


def check(context: "grpc.aio.ServicerContext[Any, Any]", allowed: frozenset[str] | None) -> None:
    """Raises Denied for a peer that is not on the list. `allowed` None: a unix socket."""
    if allowed is None or not allowed.isdisjoint(names(context)):
        return
    raise Denied(Reason.ERROR_REASON_PEER_REFUSED, "this peer may not call this service")


def names(context: "grpc.aio.ServicerContext[Any, Any]") -> frozenset[str]:
    """Returns the names in the peer's verified certificate."""
    found = context.auth_context().get("x509_subject_alternative_name", ())
    return frozenset(name.decode("utf-8", "replace") for name in found)
