"""All SQL of visits beyond the entry store that every register shares."""

from collections.abc import Callable, Sequence

from kjernejournal.visits.v1.visits_pb2 import Visit
from shared.database import Database
from shared.register.entry import NewEntry, StoredEntry
from shared.register.feeds import Feeds
from shared.register.requests import answered
from shared.register.rules import RegisterRules
from shared.register.store import EntryStore


def _message_type(_kind: int) -> type[Visit]:
    return Visit


RULES = RegisterRules(_message_type)


class Repository:
    """Visits of patients."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.entries = EntryStore(database, RULES)
        self.feeds = Feeds(database, RULES)

    async def mark(
        self, refs: Sequence[str], visit_id: str, request_id: str, asked: bytes, mark: Callable[[StoredEntry], bytes]
    ) -> StoredEntry:
        """Stores the content that `mark` makes of the latest version as the next one; a retry gives what the first try
        stored.

        The new version keeps the digest of what the feed sent: the same sent again then changes nothing, and leaves the
        mark. Raises Invalid (REQUEST_ID_REUSED), NotFound, VersionBehind, and what `mark` raises.
        """
        before = await answered(self.database, refs, request_id, asked)
        if before is not None:
            return before[0]
        latest = await self.entries.latest(refs, visit_id)
        content = mark(latest)
        async with self.database.transaction() as session:
            _, digest = await self.entries.latest_digest(session, refs, visit_id)
            new = NewEntry(
                patient_ref=latest.patient_ref,
                id=latest.id,
                version=latest.version + 1,
                kind=latest.kind,
                deleted=False,
                effective_at=latest.effective_at,
                request_id=request_id,
                digest=digest,
                content=content,
            )
            return await self.entries.add_in(session, new, refs, asked)
