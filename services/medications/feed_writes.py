"""What the prescription register's feed records, each in one transaction: a retry finds all of it, or none."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from kjernejournal.common.v1.common_pb2 import CallerContext, Provenance
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import convert, kinds, model
from services.medications.dispensed import NOT_GIVEN
from services.medications.repository import Latest, Repository
from shared.convert import digest
from shared.database import Session
from shared.errors import VersionBehind, entry_not_found
from shared.register.convert import check_source, fed_provenance, provenance
from shared.register.entry import NewEntry, StoredEntry
from shared.register.lateness import outdated
from shared.register.requests import answered, asked, remember
from shared.register.store import lock_patients, settled


class Dispensed(NamedTuple):
    """A recorded dispensing, and its prescription after it, where that is in the record."""

    dispensing: StoredEntry
    prescription: StoredEntry | None


class FeedWrites:
    """The writes of one call: who makes them, for which patient, when."""

    def __init__(self, repository: Repository, caller: CallerContext, refs: Sequence[str], now: datetime) -> None:
        self._repository = repository
        self._caller = caller
        self._refs = refs
        self._now = now

    async def prescription(self, sent: pb.Prescription, request_id: str) -> StoredEntry:
        """Stores a prescription, or the version that follows; the same as the latest one changes nothing.

        Raises Invalid (REQUEST_ID_REUSED), StateConflict, VersionBehind.
        """
        return await settled(lambda: self._prescribe(sent, request_id))

    async def _prescribe(self, sent: pb.Prescription, request_id: str) -> StoredEntry:
        mark, stated = digest(sent), sent.header.provenance
        ids = convert.known_as(self._refs, pb.Prescription, stated, stated.source_id)
        async with self._repository.database.transaction() as session:
            await lock_patients(session, self._refs)
            made = await answered(session, self._refs, request_id, mark)
            if made is not None:
                return await self._repository.entries.as_answered(session, made[0], mark)
            latest = await self._repository.latest_of(session, self._refs, ids)
            if latest is not None and latest.digest == mark:
                await remember(session, request_id, mark, [latest.entry])
                return latest.entry
            after = convert.to_store(sent, self._source(stated), _first(pb.Prescription, latest))
            if latest is not None and await self._outdated(session, after, latest, mark):
                return await self._standing(session, latest, request_id, mark)
            if latest is not None:
                after = model.followed_by(pb.Prescription.FromString(latest.entry.content), after)
            ref, entry_id, version = self._place(latest, ids)
            new = convert.new_entry(after, ref, entry_id, version, request_id, mark)
            return await self._repository.entries.add_in(session, new, self._refs)

    async def recall(self, request: pb.RecallPrescriptionRequest) -> StoredEntry:
        """Stores the version that a recall makes. Raises NotFound, VersionBehind, StateConflict, Invalid."""
        return await settled(lambda: self._recall(request))

    async def _recall(self, request: pb.RecallPrescriptionRequest) -> StoredEntry:
        async with self._repository.database.transaction() as session:
            await lock_patients(session, self._refs)
            made = await answered(session, self._refs, request.request_id, asked(request))
            if made is not None:
                return made[0]
            latest = await self._prescription(session, [request.id])
            if latest is None:
                raise entry_not_found()
            if request.expected_version not in (0, latest.entry.version):
                raise VersionBehind(latest.entry.version)
            before = pb.Prescription.FromString(latest.entry.content)
            check_source(before.header.provenance, self._caller, "id")
            after = model.recalled(before, convert.complete_recall(request.recall, self._now))
            new = self._following(latest, after)._replace(request_id=request.request_id)
            return await self._repository.entries.add_in(session, new, self._refs, asked(request))

    async def dispensing(self, sent: pb.Dispensing, request_id: str) -> Dispensed:
        """Stores a dispensing, or the version that follows, and what it does to its prescription.

        Raises Invalid (REQUEST_ID_REUSED), NotFound, VersionBehind.
        """
        return await settled(lambda: self._record_dispensing(sent, request_id))

    async def _record_dispensing(self, sent: pb.Dispensing, request_id: str) -> Dispensed:
        mark, stated = digest(sent), sent.header.provenance
        ids = convert.known_as(self._refs, pb.Dispensing, stated, stated.source_id)
        async with self._repository.database.transaction() as session:
            await lock_patients(session, self._refs)
            # Read first. The same dispensing sent at once either has been committed by now, and is seen below, or takes
            # the prescription's next version, and one of the two begins anew: it is never counted twice.
            of = await self._prescription_of(session, sent)
            made = await answered(session, self._refs, request_id, mark)
            earlier = await self._repository.entries.as_answered(session, made[0], mark) if made else None
            latest = await self._repository.latest_of(session, self._refs, ids)
            if earlier is None and latest is not None and latest.digest == mark:
                earlier = latest.entry
                await remember(session, request_id, mark, [earlier])
            elif earlier is None and latest is not None:
                content = convert.to_store(sent, self._source(stated))
                if await self._outdated(session, content, latest, mark):
                    earlier = await self._standing(session, latest, request_id, mark)
            if earlier is None:
                return await self._dispense(session, sent, request_id, latest, of)
        of_id = pb.Dispensing.FromString(earlier.content).prescription_id
        found = await self._repository.version_at(self._refs, of_id, earlier.stored_at) if of_id else None
        return Dispensed(earlier, found)

    async def _dispense(
        self, session: Session, sent: pb.Dispensing, request_id: str, latest: Latest | None, of: Latest | None
    ) -> Dispensed:
        if of is None and sent.prescription_id:
            raise entry_not_found()
        stated = sent.header.provenance
        content = convert.to_store(sent, self._source(stated), _first(pb.Dispensing, latest))
        after: StoredEntry | None = None
        moved = await self._free_of(session, latest, content, of)
        if of is not None:
            content.prescription_id = of.entry.id
            content.locked = content.locked or of.entry.kind in kinds.LOCKED_PRESCRIPTIONS
            before = pb.Prescription.FromString(of.entry.content)
            given = content.source_record.status not in NOT_GIVEN
            changed = model.after_dispensing(before, sent, counts=latest is None or moved) if given else before
            # Stored before the dispensing, so that a retry finds it by the dispensing's time.
            after = of.entry
            if changed != before:
                after = await self._repository.entries.add_in(session, self._following(of, changed), self._refs)
        ids = convert.known_as(self._refs, pb.Dispensing, stated, stated.source_id)
        ref, entry_id, version = self._place(latest, ids)
        new = convert.new_entry(content, ref, entry_id, version, request_id, digest(sent))
        return Dispensed(await self._repository.entries.add_in(session, new, self._refs), after)

    async def _free_of(self, session: Session, latest: Latest | None, now: pb.Dispensing, of: Latest | None) -> bool:
        """Takes a dispensing back from the prescription that it was of before. Whether it is of another one now."""
        if latest is None:
            return False
        before = pb.Dispensing.FromString(latest.entry.content)
        if before.source_record.status in NOT_GIVEN:
            return False
        stays = of is not None and of.entry.id == before.prescription_id
        if not before.prescription_id or (stays and now.source_record.status not in NOT_GIVEN):
            return not before.prescription_id and of is not None
        was = await self._prescription(session, [before.prescription_id])
        if was is not None:
            freed = model.without_dispensing(pb.Prescription.FromString(was.entry.content), before)
            await self._repository.entries.add_in(session, self._following(was, freed), self._refs)
        return not stays

    async def _prescription_of(self, session: Session, sent: pb.Dispensing) -> Latest | None:
        """Returns the prescription that a dispensing names, by its id in this record or at its source."""
        if sent.prescription_id:
            return await self._prescription(session, [sent.prescription_id])
        if not sent.prescription_source_id:
            return None
        source = sent.header.provenance
        return await self._prescription(
            session, convert.known_as(self._refs, pb.Prescription, source, sent.prescription_source_id)
        )

    async def _prescription(self, session: Session, ids: Sequence[str]) -> Latest | None:
        found = await self._repository.latest_of(session, self._refs, ids)
        return found if found and found.entry.kind in kinds.ANY_PRESCRIPTION and not found.entry.deleted else None

    async def _outdated(
        self, session: Session, sent: pb.Prescription | pb.Dispensing, latest: Latest, mark: bytes
    ) -> bool:
        """Whether what is sent is older at its source than what stands."""
        new = convert.new_entry(sent, latest.entry.patient_ref, latest.entry.id, 0, None, mark)
        return bool(await outdated(session, self._repository.entries.rules, [new]))

    async def _standing(self, session: Session, latest: Latest, request_id: str, mark: bytes) -> StoredEntry:
        """Returns the version that stands against an older one, and keeps that the request found it so."""
        await remember(session, request_id, mark, [latest.entry])
        return latest.entry._replace(outdated=True)

    def _following(self, latest: Latest, after: pb.Prescription) -> NewEntry:
        """Returns the version that this call makes of a prescription."""
        return convert.following_prescription(latest.entry, latest.digest, after, provenance(self._caller, self._now))

    def _source(self, stated: Provenance) -> Provenance:
        return fed_provenance(stated, self._caller, self._now)

    def _place(self, latest: Latest | None, ids: Sequence[str]) -> tuple[str, str, int]:
        """Returns the reference, id and version of the next version."""
        if latest is None:
            return self._refs[0], ids[0], 1
        return latest.entry.patient_ref, latest.entry.id, latest.entry.version + 1


def _first(kind: type[pb.Prescription] | type[pb.Dispensing], latest: Latest | None) -> Provenance | None:
    return convert.first_recorded(kind.FromString(latest.entry.content).header) if latest else None
