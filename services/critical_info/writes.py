"""What health personnel write, each in one transaction in which nobody else writes to the patient's entries."""

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import ABSENCE_KIND_NIL_KNOWN, CallerContext
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from services.critical_info import authority, changes, convert, model
from services.critical_info.absences import ABSENCE
from services.critical_info.categories import NEVER_BOTH_ACTIVE
from services.critical_info.repository import Latest, Repository
from shared.database import Session
from shared.errors import Invalid, Reason, StateConflict, VersionBehind
from shared.register.convert import provenance
from shared.register.entry import StoredEntry
from shared.register.requests import answered, asked
from shared.register.store import lock_patients

Change = pb.UpdateCriticalInfoRequest | pb.DeleteCriticalInfoRequest


class Writes:
    """The writes of one call: who makes them, for which patient, when. A retry gives what the first try stored."""

    def __init__(self, repository: Repository, caller: CallerContext, refs: Sequence[str], now: datetime) -> None:
        self._repository = repository
        self._refs = refs
        self._now = now
        self._role = caller.practitioner.role.code
        self._author = provenance(caller, now)

    async def create(self, content: convert.Content, request_id: str, sent: bytes) -> StoredEntry:
        """Stores a checked entry, or statement. Raises Denied, Invalid (REQUEST_ID_REUSED), StateConflict."""
        async with self._repository.database.transaction() as session:
            before = await self._begin(session, request_id, sent)
            if before is not None:
                return before
            if isinstance(content, pb.CriticalInfo):
                authority.check(self._role, content)
                await self._check_decisions(session, None, content)
            else:
                authority.check_statement(self._role)
                await self._check_none(session, content)
            content.header.provenance.CopyFrom(self._author)
            new = convert.new_entry(content, self._refs[0], str(uuid4()), 1, request_id, sent)
            return await self._repository.entries.add_in(session, new, self._refs)

    async def update(self, request: pb.UpdateCriticalInfoRequest) -> StoredEntry:
        """Stores the version that a change makes. Raises Denied, Invalid, NotFound, StateConflict, VersionBehind."""
        async with self._repository.database.transaction() as session:
            before = await self._begin(session, request.request_id, asked(request))
            if before is not None:
                return before
            latest, current = await self._latest(session, request)
            new = changes.changed(current, request, self._author)
            authority.check(self._role, new)
            if request.verify:
                history = await self._repository.history(session, self._refs, request.id)
                status = model.status_at(current, self._now)
                changes.check_verifiable(status, changes.author_of(history), self._author)
            await self._check_decisions(session, current, new)
            return await self._follow(session, latest, new, request)

    async def delete(self, request: pb.DeleteCriticalInfoRequest) -> StoredEntry:
        """Stores the version that marks an entry as entered in error. Raises as `update`."""
        async with self._repository.database.transaction() as session:
            before = await self._begin(session, request.request_id, asked(request))
            if before is not None:
                return before
            latest, current = await self._latest(session, request)
            return await self._follow(session, latest, changes.deleted(current, self._author), request)

    async def _begin(self, session: Session, request_id: str, digest: bytes) -> StoredEntry | None:
        """Returns what an earlier try of this request stored, shown as deleted where it has been deleted since."""
        await lock_patients(session, self._refs)
        made = await answered(session, self._refs, request_id, digest)
        if made is None:
            return None
        [before] = made
        if before.kind == ABSENCE:
            return before
        latest = await self._repository.latest_in(session, self._refs, before.id)
        return before._replace(deleted=latest.entry.deleted)

    async def _latest(self, session: Session, request: Change) -> tuple[Latest, pb.CriticalInfo]:
        """Returns what is to be changed. Raises NotFound, StateConflict (deleted), VersionBehind, Denied, in this
        order."""
        if request.expected_version < 1:
            raise Invalid("expected_version", "must be 1 or more: the version that the change is based on")
        latest = await self._repository.latest_in(session, self._refs, request.id)
        if latest.entry.deleted:
            raise StateConflict(Reason.ERROR_REASON_STATE_CONFLICT, "the entry is deleted: record it anew")
        if latest.entry.version != request.expected_version:
            raise VersionBehind(latest.entry.version)
        current = pb.CriticalInfo.FromString(latest.entry.content)
        authority.check(self._role, current)
        return latest, current

    async def _follow(self, session: Session, latest: Latest, new: pb.CriticalInfo, request: Change) -> StoredEntry:
        """Stores the next version. It keeps the digest of what a feed sent: the same sent again changes nothing, and
        leaves what was made of it."""
        place = (latest.entry.patient_ref, latest.entry.id, latest.entry.version + 1)
        entry = convert.new_entry(new, *place, request.request_id, latest.digest)
        if entry.deleted:
            entry = entry._replace(effective_at=latest.entry.effective_at)
        return await self._repository.entries.add_in(session, entry, self._refs, asked(request))

    async def _check_decisions(self, session: Session, before: pb.CriticalInfo | None, new: pb.CriticalInfo) -> None:
        """Raises StateConflict where this write would make a second active decision beside the other category's."""
        if new.category not in NEVER_BOTH_ACTIVE or not self._active(new) or (before and self._active(before)):
            return
        for each in await self._repository.latest_of_kinds(session, self._refs, tuple(NEVER_BOTH_ACTIVE)):
            other = pb.CriticalInfo.FromString(each.content)
            if other.category != new.category and self._active(other):
                raise StateConflict(
                    Reason.ERROR_REASON_STATE_CONFLICT,
                    "categories 8 and 11 may not both be active: refute or delete the other entry first",
                    id=each.id,
                )

    async def _check_none(self, session: Session, statement: pb.CategoryAbsence) -> None:
        """Raises StateConflict for "none known" of what the record holds an active entry of."""
        if statement.kind != ABSENCE_KIND_NIL_KNOWN:
            return
        kinds = [statement.category] if statement.category else convert.CATEGORIES
        for each in await self._repository.latest_of_kinds(session, self._refs, kinds):
            if self._active(pb.CriticalInfo.FromString(each.content)):
                text = "there is an active entry: refute or delete it first"
                raise StateConflict(Reason.ERROR_REASON_STATE_CONFLICT, text, id=each.id)

    def _active(self, entry: pb.CriticalInfo) -> bool:
        return model.status_at(entry, self._now) == pb.STATUS_ACTIVE
