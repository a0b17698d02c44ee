"""Limits how many calls the gateway has inside at a time. Beyond that they are refused at once, emergencies last.

A call that is let in has to be answered within its deadline; one too many makes all of them late. Streams are counted
apart from calls and summaries, so that feeds, uploads and downloads cannot take the room of those; and followers apart
from other streams, since they stay for an hour and do next to nothing.
"""

import random
from contextlib import suppress
from typing import Any, TypeAlias

import grpc

from gateway.access.facts import BasisValue
from gateway.access.tokens import Metadata, TokenVerifier, access_basis, bearer_token
from gateway.contract import CHANGES, SUMMARY, Method
from kjernejournal.common.v1 import common_pb2
from shared.errors import KjernejournalError, Overloaded, Reason

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

MAX_CALLS = 96
"""Measured on two cores that all processes and the caller shared: up to 100 summaries at once came whole, within 0.6 s;
of 128 some came with sections missing; of 300, all let in, a third came too late for the facts they were decided on."""
MAX_STREAMS = 64
MAX_FOLLOWERS = 1000
"""Twenty who wait cost 1 % of a core."""
RETRY_MS = (500, 1500)
"""When a refused call may come back: not all of them at the same moment."""

_EMERGENCIES: frozenset[BasisValue] = frozenset({common_pb2.ACCESS_BASIS_AKUTT, common_pb2.ACCESS_BASIS_FORHOYET_AKUTT})


class Room:
    """Calls of one kind, counted. Emergencies find half as much room again when it is full."""

    def __init__(self, verifier: TokenVerifier, most: int) -> None:
        self._verifier = verifier
        self._most = most
        self._most_with_emergencies = most + max(1, most // 2)
        self._inside = 0

    async def enter(self, context: Context) -> None:
        """Counts the call in, until `leave`. Raises Overloaded."""
        if self._inside < self._most:
            self._inside += 1
            return
        if self._inside >= self._most_with_emergencies:
            raise _overloaded()
        self._inside += 1  # while the token is looked at, too: that may wait for the issuer's keys
        emergency = False
        try:
            emergency = await self._emergency(tuple(context.invocation_metadata() or ()))
        finally:
            if not emergency:
                self.leave()
        if not emergency:
            raise _overloaded()

    def leave(self) -> None:
        """Counts the call out: it is over."""
        self._inside -= 1

    async def _emergency(self, metadata: Metadata) -> bool:
        """Whether health personnel call, by a token that verifies, on an emergency's basis. The policy comes later."""
        with suppress(KjernejournalError):
            if access_basis(metadata) in _EMERGENCIES:
                caller = await self._verifier.verify_token(bearer_token(metadata))
                return caller.kind == common_pb2.CALLER_KIND_CLINICIAN
        return False


class Admission:
    """A room for calls and summaries, one for the streams of documents and feeds, and one for followers of changes."""

    def __init__(self, verifier: TokenVerifier, *, max_calls: int = MAX_CALLS, max_streams: int = MAX_STREAMS) -> None:
        self._calls = Room(verifier, max_calls)
        self._streams = Room(verifier, max_streams)
        self._followers = Room(verifier, MAX_FOLLOWERS)

    def room(self, method: Method) -> Room:
        """Returns the room in which calls of this rpc are counted."""
        if method.service == CHANGES:
            return self._followers
        streams = method.descriptor.client_streaming or method.descriptor.server_streaming
        return self._streams if streams and method.service != SUMMARY else self._calls


def _overloaded() -> Overloaded:
    return Overloaded(
        Reason.ERROR_REASON_OVERLOADED,
        "too many calls at once: try again in a moment",
        retry_ms=random.randint(*RETRY_MS),  # noqa: S311 -- spreads load, keeps no secret
    )
