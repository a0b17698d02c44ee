"""Reads one register's outbox once for all followers: who is level with the reader gets each change as it comes."""

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import grpc
from google.protobuf.message import DecodeError

from gateway.access.facts import SectionValue
from gateway.changes.places import Place
from gateway.registers.backends import Backend
from gateway.registers.refusals import refusal_of
from kjernejournal.common.v1.outbox_pb2 import ListChangesRequest, ListChangesResponse, RegisterChange
from shared.errors import KjernejournalError, Reason, Unavailable

log = logging.getLogger(__name__)

PATH = "/kjernejournal.common.v1.OutboxService/ListChanges"
POLL = 1.0
"""Seconds between two looks at a register in which nothing more has changed."""
BUDGET = 2.0
"""Seconds for which a register is waited for."""
MOST_WAITING = 1000
"""Changes that wait for a follower who is level. One who takes them more slowly reads by itself, from where it is."""


class Page(NamedTuple):
    """What a register answered."""

    changes: Sequence[RegisterChange]
    place: Place
    more: bool


class Track:
    """One follower's way through one register."""

    def __init__(self, outbox: "OutboxReader", wake: Callable[[], None]) -> None:
        self.outbox = outbox
        self.place = Place(0, 0)
        """Everything up to here has been sent, or is not to be sent."""
        self.waiting: deque[RegisterChange] = deque()
        self.refs: frozenset[str] = frozenset()
        self.retry_at = 0.0
        """Loop time at which a register that could not be read is asked again."""
        self._read_to = self.place
        self._lost = False
        """What came after `place` was not kept: it is to be read again."""
        self._wake = wake

    def begin(self, place: Place) -> None:
        """Starts behind this place."""
        self.place = self._read_to = place

    @property
    def level(self) -> bool:
        """Whether the register's one reader serves this track."""
        return self in self.outbox.tracks

    async def read(self) -> None:
        """Reads on by itself, and gets level at the end. Raises the refusal of the register."""
        if self._lost:
            self._read_to, self._lost = self.place, False
        page = await self.outbox.read(self._read_to, self.refs)
        self.waiting.extend(page.changes)
        self._read_to = page.place
        if not page.more:
            self.outbox.join(self, self._read_to)

    def offer(self, change: RegisterChange) -> None:
        """Takes a change, as a track that is level."""
        if Place.of(change.position) <= self._read_to:
            return
        if len(self.waiting) >= MOST_WAITING:
            self.fall_behind()
            return
        self.waiting.append(change)
        self._wake()

    def fall_behind(self) -> None:
        """Forgets what waits: it is read again later, from the place of the last change that was sent by then."""
        self.outbox.leave(self)
        self.waiting.clear()
        self._lost = True
        self._wake()

    def rewind(self, place: Place) -> None:
        """Goes back to an earlier place. Not while it reads by itself."""
        self.place = min(self.place, place)
        self.fall_behind()

    def settle(self) -> None:
        """Puts the track where it has been read to, when nothing waits or is being sent."""
        if self._lost:
            return
        if self.level and self.outbox.place is not None:
            self._read_to = max(self._read_to, self.outbox.place)
        if not self.waiting:
            self.place = self._read_to

    def follow(self, refs: frozenset[str]) -> None:
        """Follows these references from here on. All tracks of a follower share the one set."""
        level = self.level
        if level:
            self.outbox.leave(self)
        self.refs = refs
        if level:
            self.outbox.add(self)


class OutboxReader:
    """Reads one register's outbox. It is polled while anybody is level, once for all."""

    def __init__(self, section: SectionValue, backend: Backend) -> None:
        self.section = section
        self.place: Place | None = None
        """Everything up to here has been given out; None: nobody is level, and nothing is read."""
        self.tracks: set[Track] = set()
        self._backend = backend
        self._by_ref: dict[str, list[Track]] = {}
        """Lists, since most have one element: a set takes three times the room."""
        self._reading: asyncio.Task[None] | None = None

    def close(self) -> None:
        """Ends the reading: the process ends, and every stream before it."""
        if self._reading is not None:
            self._reading.cancel()
        self.place = None

    async def now(self) -> Place:
        """Returns the place after which whatever changes from now on comes. Raises Unavailable."""
        return (await self._list(ListChangesRequest())).place

    async def read(self, after: Place, refs: Collection[str] | None) -> Page:
        """Returns the changes after a place; `refs` None: everybody's. Raises Unavailable, or CHANGES_GONE."""
        return await self._list(
            ListChangesRequest(after=after.position(), patient_refs=refs or (), everybody=refs is None)
        )

    def join(self, track: Track, place: Place) -> None:
        """Serves the track from here on, when it is level; else it has to read on."""
        if self.place is None:
            self.place = place
            # In a context of its own: no follower's trace or deadline is the reader's.
            self._reading = asyncio.create_task(self._read_on(), context=contextvars.Context())
        if place >= self.place:
            self.add(track)

    def add(self, track: Track) -> None:
        """Gives the track its patients' changes."""
        if track in self.tracks:
            return
        self.tracks.add(track)
        for ref in track.refs:
            self._by_ref.setdefault(ref, []).append(track)

    def leave(self, track: Track) -> None:
        """Serves the track no more."""
        if track not in self.tracks:
            return
        self.tracks.discard(track)
        for ref in track.refs:
            self._by_ref[ref].remove(track)
            if not self._by_ref[ref]:
                del self._by_ref[ref]

    async def _read_on(self) -> None:
        while self.tracks and self.place is not None:
            try:
                page = await self.read(self.place, None)
            except Unavailable:
                await asyncio.sleep(POLL)
                continue
            except Exception as error:
                if not isinstance(error, KjernejournalError):
                    log.exception("changes cannot be read")
                break  # each follower finds out by itself
            self._give_out(page)
            if not page.more:
                await asyncio.sleep(POLL)
        self.place = None
        for track in list(self.tracks):
            track.fall_behind()

    def _give_out(self, page: Page) -> None:
        for change in page.changes:
            for track in list(self._by_ref.get(change.patient_ref, ())):
                track.offer(change)
        self.place = page.place

    async def _list(self, request: ListChangesRequest) -> Page:
        try:
            reply = await self._backend.read(PATH, request.SerializeToString(), caller=None, timeout=BUDGET)
            answer = ListChangesResponse.FromString(reply)
        except grpc.aio.AioRpcError as error:
            refusal = refusal_of(error)
            if refusal.reason == Reason.ERROR_REASON_CHANGES_GONE:
                raise refusal from None
            raise _unavailable() from None
        except DecodeError:
            raise _unavailable() from None
        return Page(answer.changes, Place.of(answer.position), answer.more)


def _unavailable() -> Unavailable:
    return Unavailable(
        Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "a register cannot say now what has changed: go on later"
    )
