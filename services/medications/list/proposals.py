"""Proposes changes of the medication list, and takes them back: one transaction, all or nothing."""

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import CallerContext
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import checks, convert, kinds
from services.medications.list import complete, proposal_rules, rules
from services.medications.list import convert as list_convert
from services.medications.list.repository import ListRepository
from services.medications.list.updates import check_named
from shared.convert import digest
from shared.database import Session
from shared.errors import Invalid, entry_not_found
from shared.register.convert import provenance
from shared.register.entry import NewEntry, StoredEntry
from shared.register.requests import answered, asked
from shared.register.store import lock_patients


class Proposals:
    """The proposals of one call: who makes them, for which patient, when. A retry gives what the first try stored."""

    def __init__(self, lists: ListRepository, caller: CallerContext, refs: Sequence[str], now: datetime) -> None:
        self._lists = lists
        self._caller = caller
        self._refs = refs
        self._now = now
        self._author = provenance(caller, now)

    async def propose(self, request: pb.ProposeMedicationChangeRequest) -> list[StoredEntry]:
        """Stores new proposals, then those that are withdrawn. Raises Denied, Invalid, NotFound, StateConflict."""
        proposal_rules.check_proposer(self._caller)
        if not request.proposals and not request.withdrawn_proposal_ids:
            raise Invalid("proposals", "is required, unless proposals are withdrawn")
        async with self._lists.entries.database.transaction() as session:
            await lock_patients(session, self._refs)
            made = await answered(session, self._refs, request.request_id, asked(request))
            if made is not None:
                return made
            new = [*await self._new(session, request), *await self._withdrawn(session, request)]
            new[0] = new[0]._replace(request_id=request.request_id)
            return await self._lists.entries.add_all(session, new, self._refs, asked(request))

    async def _new(self, session: Session, request: pb.ProposeMedicationChangeRequest) -> list[NewEntry]:
        base = await self._lists.base(session, self._refs)
        on_list = {entry.id.lower(): entry for entry in base.medicines.entries if rules.is_shown(entry, self._now)}
        found = []
        for number, sent in enumerate(request.proposals):
            try:
                proposal = proposal_rules.new(sent, on_list, base.version, self._author)
                if proposal.HasField("entry"):
                    checks.list_entry(proposal.entry, "entry", self._now)
                    rules.check_goods(proposal.entry, "entry")
                    complete.check(proposal.entry, on_list.get(proposal.entry_id), "entry")
            except Invalid as error:
                raise error.inside(f"proposals[{number}]") from None
            found.append(proposal)
        prescriptions = await self._lists.current(session, self._refs, kinds.ANY_PRESCRIPTION)
        check_named(self._caller, [proposal.entry for proposal in found], base.medicines, prescriptions)
        return [convert.new_entry(each, self._refs[0], str(uuid4()), 1, None, digest(each)) for each in found]

    async def _withdrawn(self, session: Session, request: pb.ProposeMedicationChangeRequest) -> list[NewEntry]:
        if not request.withdrawn_proposal_ids:
            return []
        known = {each.entry.id: each.entry for each in await self._lists.current(session, self._refs, kinds.PROPOSALS)}
        new = []
        for entry_id in dict.fromkeys(map(str.lower, request.withdrawn_proposal_ids)):
            if entry_id not in known:
                raise entry_not_found()
            after = proposal_rules.withdrawn(list_convert.proposal(known[entry_id]), self._author)
            new.append(list_convert.following_proposal(known[entry_id], after, self._author))
        return new
