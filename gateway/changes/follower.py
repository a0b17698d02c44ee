"""Puts one follower's stream together: changes as they come, each on record and on facts of its moment, and a token."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence

from gateway.access.facts import SectionValue
from gateway.changes.followed import Followed
from gateway.changes.outbox_reader import OutboxReader, Track
from gateway.changes.places import Place, ResumeTokens
from gateway.decided_call import DecidedCall
from gateway.recorder import Recorder
from gateway.steps import LOOK_AGAIN, Steps
from kjernejournal.audit.v1.audit_pb2 import AuditRecord
from kjernejournal.changes.v1.changes_pb2 import Change, WatchChangesResponse
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.outbox_pb2 import RegisterChange
from shared import deadline
from shared.errors import Unavailable

SIGN_OF_LIFE = 5.0
"""Seconds in which nothing was sent, after which a newer token is."""
MOST_AT_ONCE = 200
"""Changes that are put on record together: a few thousand a second, each released on facts of 250 ms at most."""
RETRY = 1.0
"""Seconds after which a register that could not be read is asked again."""
ENDING = 0.2
"""Seconds before its deadline at which a stream ends by itself."""
LONGEST = 3600.0

Waiting = tuple[Track, RegisterChange]


class Follower:
    """One follower, from the first sign of life to the end of the stream."""

    def __init__(
        self,
        steps: Steps,
        recorder: Recorder,
        whole: DecidedCall,
        followed: Followed,
        outboxes: Mapping[SectionValue, OutboxReader],
        tokens: ResumeTokens,
        *,
        look_again: float = LOOK_AGAIN,
    ) -> None:
        self._steps = steps
        self._recorder = recorder
        self._whole = whole
        self._followed = followed
        self._tokens = tokens
        self._look_interval = look_again
        self._awake = asyncio.Event()
        self._closing = False
        self._tracks = {section: Track(each, self._awake.set) for section, each in outboxes.items()}
        self._reads: dict[Track, asyncio.Task[None]] = {}
        self._who = self._tracks[common_pb2.SECTION_PATIENT]
        self._looked_from = Place(0, 0)
        """Where that track stood when the patients were last looked at: who was unknown then may stand after it."""
        self._said_without: tuple[str, ...] | None = None
        """Who was last said to be without a care relation; None: nothing was said yet."""

    def close(self) -> None:
        """Ends the stream at its next moment."""
        self._closing = True
        self._awake.set()

    async def begin(self, places: Mapping[SectionValue, Place]) -> None:
        """Finds where to begin, and then looks at the patients. Raises Unavailable when a register cannot say where."""
        unknown = [section for section in self._tracks if section not in places]
        now = await asyncio.gather(*(self._tracks[section].outbox.now() for section in unknown))
        places = {**places, **dict(zip(unknown, now, strict=True))}
        for section, track in self._tracks.items():
            track.begin(places[section])
        await self._followed.look_at_all()
        self._follow()
        self._looked_from = self._who.place

    async def messages(self) -> AsyncGenerator[WatchChangesResponse, None]:
        """Returns the stream, from its first sign of life to its end."""
        try:
            yield self._sign()
            sent = looked = time.monotonic()
            while not self._closing and deadline.remaining(LONGEST) > ENDING:
                self._awake.clear()
                self._catch_up()
                batch = self._next()
                async for message in self._released(batch):
                    yield message
                    sent = time.monotonic()
                for track in self._tracks.values():
                    track.settle()
                now = time.monotonic()
                if now - looked >= self._look_interval:
                    await self._look_again()
                    looked = time.monotonic()
                if now - sent >= SIGN_OF_LIFE or self._said_without != self._followed.without_relation:
                    yield self._sign()
                    sent = time.monotonic()
                if not batch:
                    await self._wait(min(looked + self._look_interval, sent + SIGN_OF_LIFE))
        finally:
            for read in self._reads.values():
                read.cancel()
            for track in self._tracks.values():
                track.outbox.leave(track)

    async def _wait(self, until: float) -> None:
        """Waits until something comes, or is due."""
        due = [until, time.monotonic() + deadline.remaining(LONGEST) - ENDING]
        due += [track.retry_at for track in self._tracks.values() if not track.level and track not in self._reads]
        try:
            async with asyncio.timeout(max(0.0, min(due) - time.monotonic())):
                await self._awake.wait()
        except TimeoutError:
            pass

    def _catch_up(self) -> None:
        """Reads on in each register that this stream is behind in, beside all else. Raises what a read came to."""
        for track in [track for track, read in self._reads.items() if read.done()]:
            self._reads.pop(track).result()
        now = time.monotonic()
        for track in self._tracks.values():
            if not (track.level or track.waiting or track in self._reads or track.retry_at > now):
                self._reads[track] = asyncio.create_task(self._read(track))

    async def _read(self, track: Track) -> None:
        try:
            await track.read()
        except Unavailable:
            track.retry_at = time.monotonic() + RETRY
        finally:
            self._awake.set()

    def _next(self) -> list[Waiting]:
        """Returns the next changes to send, each register's in order."""
        batch: list[Waiting] = []
        for track in self._tracks.values():
            while track.waiting and len(batch) < MOST_AT_ONCE:
                batch.append((track, track.waiting.popleft()))
        return batch

    async def _released(self, batch: Sequence[Waiting]) -> AsyncGenerator[WatchChangesResponse, None]:
        """Sends what may be sent of a batch; the rest is passed by."""
        about = dict.fromkeys(patient for _, change in batch for patient in self._followed.of(change.patient_ref))
        if not about:
            for track, change in batch:
                track.place = Place.of(change.position)
            return
        decided_calls: Sequence[DecidedCall] = await self._look_at(list(about))
        disclosures = [self._disclosure(each, batch) for each in decided_calls if each.decision.permitted]
        if disclosures:
            await self._recorder.record(disclosures)
        for track, change in batch:
            patients = self._followed.of(change.patient_ref)
            decided_calls = await self._steps.fresh_each(decided_calls)
            permitted = {each.patient for each in decided_calls if each.decision.permitted}.intersection(patients)
            if len(patients) == 1 or not permitted:  # of several messages about one change, none is the last
                track.place = Place.of(change.position)
            for patient in permitted:
                yield self._message(self._followed.keys[patient or ""], track, change)
            track.place = Place.of(change.position)

    async def _look_at(self, patients: Sequence[str]) -> list[DecidedCall]:
        decided_calls = await self._followed.look_at(patients)
        self._follow()
        return decided_calls

    async def _look_again(self) -> None:
        """Looks every few seconds at the token, and at the next patients in turn. Raises the refusal.

        Somebody who was unknown and has a record now came with a change that could not be known for theirs: it is read
        again.
        """
        await self._steps.still(self._whole)
        if self._who in self._reads:
            await asyncio.wait([self._reads[self._who]])
        place, unknown = self._who.place, self._followed.unknown
        await self._followed.look_again()
        self._follow()
        if unknown - self._followed.unknown:
            self._who.rewind(self._looked_from)
        self._looked_from = min(place, self._who.place)

    def _follow(self) -> None:
        """Follows the references that the patients have now: before what a merge did is sent, not after."""
        refs = frozenset(self._followed.refs)
        for track in self._tracks.values():
            if track.refs != refs:
                track.follow(refs)

    def _disclosure(self, decided: DecidedCall, batch: Sequence[Waiting]) -> AuditRecord:
        """Returns the record of what one patient's changes in a batch disclose."""
        sections: dict[SectionValue, list[tuple[str, int]]] = {}
        for track, change in batch:
            if decided.patient in self._followed.of(change.patient_ref):
                entries = sections.setdefault(track.outbox.section, [])
                if change.entry_id:
                    entries.append((change.entry_id, change.version))
        return decided.disclosure(decided.section(section, entries) for section, entries in sections.items())

    def _message(self, key: str, track: Track, change: RegisterChange) -> WatchChangesResponse:
        sent = Change(
            key=key,
            section=track.outbox.section,
            entry_id=change.entry_id,
            version=change.version,
            kind=change.kind,
            stored_at=change.stored_at,
        )
        return WatchChangesResponse(change=sent, resume_token=self._token())

    def _sign(self) -> WatchChangesResponse:
        sign = WatchChangesResponse(resume_token=self._token())
        if self._said_without != self._followed.without_relation:
            self._said_without = self._followed.without_relation
            sign.without_care_relation.keys.extend(self._said_without)
            sign.without_care_relation.SetInParent()
        return sign

    def _token(self) -> str:
        places = {section: track.place for section, track in self._tracks.items()}
        if self._followed.unknown:
            places[common_pb2.SECTION_PATIENT] = min(self._looked_from, self._who.place)
        return self._tokens.of(places)
