"""All SQL of vaccinations beyond the entry store that every register shares."""

from collections.abc import Sequence

from kjernejournal.common.v1.common_pb2 import StatedAbsence
from kjernejournal.vaccinations.v1.vaccinations_pb2 import Vaccination
from shared import absence
from shared.entries import EntryStore
from shared.entry import NewEntry, StoredEntry


class Repository(EntryStore):
    """Vaccinations and statements of absence of patients."""

    def message_type(self, kind: int) -> type[Vaccination | StatedAbsence]:
        """The message that entries of this kind are."""
        return StatedAbsence if kind == absence.KIND else Vaccination

    async def record(self, new: NewEntry, refs: Sequence[str]) -> StoredEntry:
        """Stores a vaccination as the next version of its id; the same as the latest one changes nothing.

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
