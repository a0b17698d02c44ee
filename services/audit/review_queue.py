"""Works out from the log which accesses have to be reviewed, and says which reviews are overdue.

An access waits for none of it: its records are looked through afterwards, within a second or so. Every replica tries;
one has the turn, in a transaction that holds a locked row and moves it on, so that each record is looked at once.
"""

import asyncio
import logging
import time
from datetime import datetime

from kjernejournal.audit.v1.audit_pb2 import AuditRecord
from services.audit.model import reasons_mask
from services.audit.review_repository import NewReview, ReviewRepository, Turn
from shared import deadline, telemetry
from shared.errors import KjernejournalError

log = logging.getLogger(__name__)
security = logging.getLogger("security")

EVERY = 1.0
AFTER_A_FAULT = 30.0
TURN_SECONDS = 20.0
MOST = 5_000
"""Records that are looked through in one turn's step."""
OVERDUE_EVERY = 60.0
METRIC = "kj.reviews.overdue"


class ReviewQueue:
    """Fills the queue. `days`: how long a review may wait."""

    def __init__(self, repository: ReviewRepository, days: int) -> None:
        self._repository = repository
        self._days = days
        self._overdue: dict[str, int] = {}
        self._counted = -OVERDUE_EVERY

    async def run(self) -> None:
        """Fills the queue until it is cancelled."""
        while True:
            pause = EVERY
            try:
                deadline.set_deadline(TURN_SECONDS)
                if await self.fill():
                    pause = 0
            except KjernejournalError as error:
                log.warning("the review queue could not be filled: %s", error.reason)
            except Exception:
                log.exception("the review queue could not be filled")
                pause = AFTER_A_FAULT
            await asyncio.sleep(pause)

    async def fill(self) -> bool:
        """Takes a turn; returns whether there is more to look through. Raises Unavailable, TimedOut."""
        async with self._repository.turn() as turn:
            if turn is None:
                return False
            start, end = await turn.next_part(MOST)
            if end > start:
                found = _merged(await turn.marked(start, end))
                await turn.add(found.values(), end)
            if time.monotonic() - self._counted >= OVERDUE_EVERY:
                self._counted = time.monotonic()
                await self._tell_overdue(turn)
            return end - start == MOST

    async def _tell_overdue(self, turn: Turn) -> None:
        """Reports overdue reviews by organisation: always as a metric, and in the security log when there are more."""
        overdue = await turn.overdue(self._days)
        for organisation in overdue.keys() | self._overdue.keys():
            number = overdue.get(organisation, 0)
            telemetry.measure(METRIC, organisation, number)
            if number > self._overdue.get(organisation, 0):
                security.warning(
                    "%d reviews of accesses by organisation %s have waited for more than %d days",
                    number,
                    organisation or "(none)",
                    self._days,
                )
        self._overdue = overdue


def _merged(rows: list[tuple[int, str, datetime, bytes]]) -> dict[str, NewReview]:
    """Returns the accesses of records that have to be reviewed, each once."""
    found: dict[str, NewReview] = {}
    for idx, legal_entity, occurred_at, content in rows:
        record = AuditRecord.FromString(content)
        mask = reasons_mask(record.review_reasons)
        access_id = record.access_id.lower()
        if known := found.get(access_id):
            found[access_id] = known._replace(reasons=known.reasons | mask)
        elif mask:
            found[access_id] = NewReview(access_id, idx, legal_entity, occurred_at, mask)
    return found
