"""Limits how many calls the gateway has inside at a time. Beyond that they are refused at once, emergencies last.

A call that is let in has to be answered within its deadline; one too many makes all of them late. Streams are counted
apart from calls and summaries, so that feeds, uploads and downloads cannot take the room of those; and followers apart
from other streams, since they stay for an hour and do next to nothing.

In each room nobody takes more than a share: no person or machine, no organisation, and of callers that are no health
personnel no kind. So there is always room for health personnel, whatever citizens and machines do. Emergencies have
room of their own beside it, with the same shares: who claims them for everything does not take it from the others.
"""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from gateway.access.facts import EMERGENCY, Caller
from gateway.contract import CHANGES, SUMMARY, Method
from gateway.decided_call import Incoming
from kjernejournal.common.v1 import common_pb2
from shared.errors import Overloaded, Reason

MAX_CALLS = 96
"""Measured on two cores that all processes and the caller shared: up to 100 summaries at once came whole, within 0.6 s;
of 128 some came with sections missing; of 300, all let in, a third came too late for the facts they were decided on."""
MAX_STREAMS = 64
MAX_FOLLOWERS = 1000
"""Twenty who wait cost 1 % of a core."""
RETRY_MS = (500, 1500)
"""When a refused call may come back: not all of them at the same moment."""


@dataclass(frozen=True)
class Shares:
    """Parts of a room that one of them may take. Of any room, one place."""

    caller: float = 1 / 4
    """A citizen, one of health personnel, or a machine: their system may ask for many things at once."""
    organisation: float = 1 / 2
    kind: float = 3 / 8
    """All citizens together; and all machines. What is left is health personnel's alone."""


SHARES = Shares()


class Room:
    """Calls of one sort, counted as a whole, by who calls, by organisation and by kind of caller."""

    def __init__(self, most: int, shares: Shares = SHARES) -> None:
        self._most = most
        self._shares = shares
        self._inside: Counter[tuple[str, ...]] = Counter()

    def takes(self, caller: Caller) -> bool:
        """Counts a call of this caller in, if there is room for it."""
        if any(self._inside[key] >= max(1, int(self._most * part)) for key, part in self._counted(caller)):
            return False
        self._inside.update(key for key, _ in self._counted(caller))
        return True

    def leave(self, caller: Caller) -> None:
        """Counts the call out: it is over."""
        for key, _ in self._counted(caller):
            self._inside[key] -= 1
            if not self._inside[key]:
                del self._inside[key]

    def _counted(self, caller: Caller) -> Iterator[tuple[tuple[str, ...], float]]:
        """Yields what a call is counted under, each with the part of the room that it may take."""
        personnel = caller.kind == common_pb2.CALLER_KIND_CLINICIAN
        organisation = caller.legal_entity or caller.organisation
        kind = common_pb2.CallerKind.Name(caller.kind)
        yield (), 1
        if not personnel:
            yield (kind,), self._shares.kind
        if organisation:
            yield ("organisation", organisation), self._shares.organisation
        who = caller.hpr_number or caller.national_id or caller.organisation or caller.name
        yield ("caller", kind, who), self._shares.caller


@dataclass(frozen=True)
class Rooms:
    """A room for everybody, and one for emergencies that find it full."""

    ordinary: Room
    emergencies: Room

    @classmethod
    def of(cls, most: int, shares: Shares) -> "Rooms":
        return cls(Room(most, shares), Room(max(1, most // 2), shares))


class Admission:
    """Rooms for calls and summaries, for the streams of documents and feeds, and for followers of changes."""

    def __init__(self, *, max_calls: int = MAX_CALLS, max_streams: int = MAX_STREAMS, shares: Shares = SHARES) -> None:
        self._calls = Rooms.of(max_calls, shares)
        self._streams = Rooms.of(max_streams, shares)
        self._followers = Rooms.of(MAX_FOLLOWERS, replace(shares, kind=1))  # machines alone follow

    @contextmanager
    def inside(self, incoming: Incoming) -> Iterator[None]:
        """Counts a call in meanwhile. Raises Overloaded when there is no room for it."""
        rooms, caller = self.rooms(incoming.method), incoming.caller
        # Whether the basis holds is the policy's to say, later: it is on record, and somebody looks at it.
        emergency = caller.kind == common_pb2.CALLER_KIND_CLINICIAN and incoming.basis in EMERGENCY
        room = rooms.ordinary
        if not room.takes(caller):
            room = rooms.emergencies
            if not emergency or not room.takes(caller):
                raise _overloaded()
        try:
            yield
        finally:
            room.leave(caller)

    def rooms(self, method: Method) -> Rooms:
        """Returns the rooms in which calls of this rpc are counted."""
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
