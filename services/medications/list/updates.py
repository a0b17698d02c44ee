"""Sends the medication list: one transaction, all or nothing, with the recalls and answers that go with it.

Nobody else writes to the patient's medicines meanwhile: of two doctors who send at once, one is refused,
as a newer list exists.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from kjernejournal.common.v1.common_pb2 import CallerContext, Provenance
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import checks, convert, kinds, model
from services.medications.list import convert as list_convert
from services.medications.list import lookup_tokens, proposal_rules, rules, together
from services.medications.list.repository import Base, ListRepository
from services.medications.repository import Latest
from shared.database import Session
from shared.errors import Invalid, VersionBehind, entry_not_found
from shared.register.convert import provenance
from shared.register.entry import NewEntry, StoredEntry
from shared.register.requests import answered, asked
from shared.register.store import lock_patients, settled


class ListUpdates:
    """The writes of one call: who makes them, for which patient, when. A retry gives what the first try stored."""

    def __init__(self, lists: ListRepository, caller: CallerContext, refs: Sequence[str], now: datetime) -> None:
        self._lists = lists
        self._caller = caller
        self._refs = refs
        self._now = now
        self._author = provenance(caller, now)

    async def send(self, request: pb.UpdateMedicationListRequest) -> list[StoredEntry]:
        """Stores the next version of the list, and what follows from it.

        Raises Denied, Invalid, NotFound, VersionBehind, StateConflict.
        """
        rules.check_sender(self._caller)
        key = await self._lists.lookup_key()
        return await settled(lambda: self._send(request, key))

    async def _send(self, request: pb.UpdateMedicationListRequest, key: bytes) -> list[StoredEntry]:
        async with self._lists.entries.database.transaction() as session:
            await lock_patients(session, self._refs)
            made = await answered(session, self._refs, request.request_id, asked(request))
            if made is not None:
                return made
            base = await self._lists.base(session, self._refs)
            if request.expected_version != base.version:
                raise VersionBehind(base.version)
            lookup_tokens.check(lookup_tokens.opened(key, request.lookup, base.ids), base.version, self._now)
            new = await self._next(session, base, request)
            return await self._lists.entries.add_all(session, new, self._refs, asked(request))

    async def _next(self, session: Session, base: Base, request: pb.UpdateMedicationListRequest) -> list[NewEntry]:
        """Returns every version that a sending makes: the list, then the prescriptions that it recalls."""
        prescriptions = await self._lists.current(session, self._refs, kinds.ANY_PRESCRIPTION)
        try:
            checks.medication_list(request.medication_list, self._now)
            registered = await self._registered(session, base, request.medication_list)
            after = rules.next_list(base.medicines, request.medication_list, self._author, self._now, registered)
            known = [convert.prescription(each.entry, self._now, {}) for each in prescriptions]
            check_named(self._caller, after.entries, base.medicines, prescriptions)
            rules.check_prescriptions(after.entries, known)
        except Invalid as error:
            raise error.inside("medication_list") from None
        answered = await self._answered(session, request, after, base.version + 1)
        return [self._list(base, after, request), *self._recalled(base.medicines, after, prescriptions), *answered]

    async def _registered(self, session: Session, base: Base, sent: pb.MedicationList) -> dict[str, Provenance]:
        """Returns who put those on the list that come back to it. Source: ERES: an entry's id is one for ever."""
        if base.stored is None or rules.entry_ids(sent) <= rules.entry_ids(base.medicines):
            return {}
        found: dict[str, Provenance] = {}
        for version in await self._lists.versions(session, base.stored.entry):
            medicines = pb.MedicationList.FromString(version.content)
            found |= {entry.id.lower(): entry.registered for entry in medicines.entries if entry.HasField("registered")}
        return found

    async def _answered(
        self, session: Session, request: pb.UpdateMedicationListRequest, after: pb.MedicationList, version: int
    ) -> list[NewEntry]:
        """Returns the proposals that this sending answers. Raises NotFound, StateConflict, Invalid."""
        if not request.answers:
            return []
        found = {each.entry.id: each for each in await self._lists.current(session, self._refs, kinds.PROPOSALS)}
        new = []
        for number, answer in enumerate(request.answers):
            latest = found.get(answer.proposal_id.lower())
            if latest is None:
                raise entry_not_found()
            try:
                proposal = proposal_rules.answered(
                    list_convert.proposal(latest.entry), answer, after, version, self._author
                )
            except Invalid as error:
                raise error.inside(f"answers[{number}]") from None
            new.append(list_convert.following_proposal(latest.entry, proposal, self._author))
        if len({each.id for each in new}) < len(new):
            raise Invalid("answers", "answer a proposal more than once")
        return new

    def _list(self, base: Base, after: pb.MedicationList, request: pb.UpdateMedicationListRequest) -> NewEntry:
        """Returns the list's next version. It keeps the digest of what a feed sent: the same sent again changes
        nothing, and leaves what a doctor made of it."""
        if base.stored is None:
            after.header.provenance.CopyFrom(self._author)
            ref = self._refs[0]
            return convert.new_entry(after, ref, list_convert.list_id(ref), 1, request.request_id, asked(request))
        after.taken_over.extend(together.taken_over(base.medicines))
        after.header.CopyFrom(convert.follows(base.medicines.header, self._author))
        place = (base.stored.entry.patient_ref, base.stored.entry.id, base.version + 1)
        return convert.new_entry(after, *place, request.request_id, base.stored.digest)

    def _recalled(
        self, before: pb.MedicationList, after: pb.MedicationList, prescriptions: Sequence[Latest]
    ) -> list[NewEntry]:
        ended = rules.discontinued_now(before.entries, after.entries)
        by_id = {each.entry.id: each for each in prescriptions}
        stored = [pb.Prescription.FromString(each.entry.content) for each in prescriptions]
        for message, each in zip(stored, prescriptions, strict=True):
            message.header.id = each.entry.id
        new = []
        for message, entry in rules.recalled_with(ended, after.entries, stored):
            recall = rules.recall_of(entry, self._author)
            latest = by_id[message.header.id]
            new.append(
                convert.following_prescription(
                    latest.entry, latest.digest, model.recalled(message, recall), self._author
                )
            )
        return new


def check_named(
    caller: CallerContext,
    entries: Iterable[pb.ListEntry],
    before: pb.MedicationList,
    prescriptions: Iterable[Latest],
) -> None:
    """Raises NotFound for a prescription that is not this patient's, or that the caller may not see.

    One that the list named before may be named again.
    """
    sees_locked = model.sees_locked(caller)
    may = {each.entry.id for each in prescriptions if sees_locked or each.entry.kind in kinds.PRESCRIPTIONS}
    may |= {entry.prescription_id.lower() for entry in before.entries}
    if not all(entry.prescription_id in may for entry in entries if entry.prescription_id):
        raise entry_not_found()
