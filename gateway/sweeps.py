"""Notices who asks whether there is something about many patients whom they do not treat: a sweep.

Nothing is put on record of status rpcs, and a quota alone lets an organisation look through a town in an evening. What
is counted is kept for minutes, as salted hashes; a sweep raises a metric, a line in the security log, and an entry in
the access log, which names no patient, for a review. Nobody is refused for it, or waits for that entry.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from gateway.decided_call import DecidedCall
from gateway.recorder import BUDGET, Recorder
from kjernejournal.audit.v1.audit_pb2 import AuditRecord
from shared import deadline, telemetry
from shared.errors import KjernejournalError

log = logging.getLogger("security")

WINDOW = 300.0
"""Seconds in which an organisation's patients are counted together."""
PART_OF_QUOTA = 3
"""Different patients in a window that make a sweep: the organisation's quota of a minute, by this. So an organisation
of any size reaches it when it asks for a while as fast as it may."""
FEW = 10
"""Whoever treats at least one in so many of those asked about does not sweep: a day's list, a ward."""
AGAIN = 60.0
"""Seconds between two alarms about one organisation."""
MOST_ORGANISATIONS = 10_000
METRIC = "kj.status.sweeps"


class Asked:
    """Whom one organisation has asked about in this window. Holds no more than its limit needs."""

    def __init__(self, least: int, began: float) -> None:
        self.began = began
        self._least = least
        self._treated: set[int] = set()
        self._others: set[int] = set()

    def add(self, patients: Iterable[tuple[str, bool]]) -> bool:
        """Counts these patients, each with whether the organisation treats them. Returns whether it sweeps."""
        for patient, treated in patients:
            kept = self._treated if treated else self._others
            if len(kept) < 10 * self._least:
                kept.add(hash(patient))  # salted by this process
        asked = len(self._treated) + len(self._others)
        return asked >= self._least and len(self._treated) * FEW < asked


class Sweeps:
    """Whom each organisation has asked about lately."""

    def __init__(
        self,
        a_minute: int,
        by_organisation: Mapping[str, int],
        recorder: Recorder,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes the quotas: `a_minute` of organisations without one of their own."""
        self._recorder = recorder
        self._recording: set[asyncio.Task[None]] = set()
        self._a_minute = a_minute
        self._by_organisation = by_organisation
        self._clock = clock
        self._asked: dict[str, Asked] = {}
        self._alarmed: dict[str, float] = {}

    def saw(self, decided_calls: Sequence[DecidedCall]) -> None:
        """Counts the patients of one call, and raises the alarm about a sweep."""
        now = datetime.now(UTC)
        patients = [(each.patient or "", each.treats(now)) for each in decided_calls]
        organisation = next((each.caller.legal_entity for each in decided_calls), "")
        if organisation and self.counts(organisation, patients):
            telemetry.count(METRIC, organisation)
            log.warning(
                "organisation %s asks about many patients, and has a care relation to few of them", organisation
            )
            recording = asyncio.create_task(self._record(decided_calls[0].alarm()))
            self._recording.add(recording)
            recording.add_done_callback(self._recording.discard)

    def counts(self, organisation: str, patients: Iterable[tuple[str, bool]]) -> bool:
        """Counts patients. Returns whether an alarm is due: the organisation sweeps, and none was raised lately."""
        now = self._clock()
        asked = self._asked.get(organisation)
        if asked is None or now - asked.began >= WINDOW:
            self._asked.pop(organisation, None)  # so that those who began first stand first
            self._forget(now)
            quota = self._by_organisation.get(organisation, self._a_minute)
            asked = self._asked[organisation] = Asked(max(1, quota // PART_OF_QUOTA), now)
        if not asked.add(patients) or now - self._alarmed.get(organisation, -AGAIN) < AGAIN:
            return False
        self._alarmed.pop(organisation, None)
        self._alarmed[organisation] = now
        return True

    async def _record(self, alarm: AuditRecord) -> None:
        deadline.set_deadline(BUDGET)
        try:
            await self._recorder.record([alarm])
        except KjernejournalError:
            log.warning("a sweep of organisation %s could not be put on record", alarm.actor.legal_entity.number)

    def _forget(self, now: float) -> None:
        """Drops what is over; of too many organisations, those who began first. Looks at no more than it drops."""
        while self._alarmed and now - next(iter(self._alarmed.values())) >= AGAIN:
            del self._alarmed[next(iter(self._alarmed))]
        while self._asked:
            first = next(iter(self._asked))
            if now - self._asked[first].began < WINDOW and len(self._asked) < MOST_ORGANISATIONS:
                return
            del self._asked[first]
