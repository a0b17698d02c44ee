"""All SQL of visits beyond the entry store that every register shares."""

from collections.abc import Callable, Sequence

from kjernejournal.visits.v1.visits_pb2 import Visit
from shared.register.entry import NewEntry, StoredEntry
from shared.register.store import EntryStore


class Repository(EntryStore):
    """Visits of patients."""

    def message_type(self, kind: int) -> type[Visit]:
        """The message that entries are."""
        return Visit

    async def record(self, new: NewEntry, refs: Sequence[str]) -> StoredEntry:
        """Stores a visit as the next version of its id; the same as the latest one changes nothing.

        Raises Invalid (REQUEST_ID_REUSED) when the request_id came with another body, VersionBehind when another
        version is stored at the same moment.
        """
        async with self.database.transaction() as session:
            before = await self.of_request(session, refs, new.request_id, new.digest)
            if before is not None:
                return before
            version, digest = await self.latest_digest(session, refs, new.id)
            if digest != new.digest:
                [following] = await self.with_first_recorder(session, [new._replace(version=version + 1)])
                return await self.add_in(session, following, refs)
        return await self.latest(refs, new.id)

    async def mark(
        self, refs: Sequence[str], visit_id: str, request_id: str, mark: Callable[[StoredEntry], bytes]
    ) -> StoredEntry:
        """Stores the content that `mark` makes of the latest version as the next one.

        The new version keeps the digest of what the feed sent: the same sent again then changes nothing, and leaves the
        mark. Raises NotFound, VersionBehind, and what `mark` raises.
        """
        latest = await self.latest(refs, visit_id)
        content = mark(latest)
        async with self.database.transaction() as session:
            _, digest = await self.latest_digest(session, refs, visit_id)
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
            return await self.add_in(session, new, refs)
