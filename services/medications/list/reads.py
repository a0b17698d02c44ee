"""What is read of the medication list, of what changed in it, and of the proposals to it."""

from collections.abc import Sequence
from datetime import datetime

from kjernejournal.common.v1.common_pb2 import CallerContext
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import kinds
from services.medications.list import changes as list_changes
from services.medications.list import convert as list_convert
from services.medications.list import lookup_tokens, together
from services.medications.list.repository import ListRepository
from services.medications.reserved import ALL, from_guardian, paged
from shared.convert import moment, optional_moment, time_of_reading
from shared.errors import Invalid
from shared.register.convert import window
from shared.register.entry import StoredEntry
from shared.register.paging import page_of


class ListReads:
    """The readings of one call: who reads, of which patient."""

    def __init__(self, lists: ListRepository, caller: CallerContext, refs: Sequence[str]) -> None:
        self._lists = lists
        self._caller = caller
        self._refs = refs

    async def medication_list(self, request: pb.GetMedicationListRequest) -> pb.GetMedicationListResponse:
        """Returns the list, who confirmed it, and what changed in it. Without one: prescriptions only, never an empty
        list."""
        as_of, since = optional_moment(request, "as_of"), optional_moment(request, "changes_since")
        now = time_of_reading(as_of)
        lists, still_open = await self._lists_and_open(as_of)
        medicines = together.medication_list(lists, now)
        info = list_convert.list_info(medicines, still_open, now)
        return pb.GetMedicationListResponse(
            list_info=info,
            medication_list=medicines,
            lookup="" if as_of is not None else await self._lookup(medicines, now),
            changes=[] if since is None else await self._changes(lists, since, as_of),
        )

    async def _lookup(self, medicines: pb.MedicationList | None, now: datetime) -> str:
        """Returns what shows that this list, or that there is none, was read at `now`."""
        key = await self._lists.lookup_key()
        if medicines is None:
            return lookup_tokens.issue(key, list_convert.list_id(self._refs[0]), 0, now)
        read = together.read_as(medicines.header.id, medicines.other_lists)
        return lookup_tokens.issue(key, read, medicines.header.version, now)

    async def proposals(self, request: pb.ListProposalsRequest) -> pb.ListProposalsResponse:
        """Returns proposals, newest first, with what became of each. Raises Invalid for a bad filter or page token."""
        as_of, since = optional_moment(request, "as_of"), optional_moment(request, "since")
        if not all(state in kinds.BY_STATE for state in request.states):
            raise Invalid("states", "must be states of a proposal")
        wanted = sorted({kinds.BY_STATE[state] for state in request.states}) or list(kinds.PROPOSALS)
        page = page_of(request.page_size, request.page_token, as_of, since, wanted)
        if from_guardian(self._caller):
            found = paged(await self._lists.medicines.visible(self._refs, wanted, page.pinned(as_of)), page, since)
        else:
            found = await self._lists.entries.page(self._refs, page, kinds=wanted, as_of=as_of, since=since)
        return pb.ListProposalsResponse(
            proposals=[list_convert.proposal(stored) for stored in found.entries],
            next_page_token=found.next_page_token,
            window=window(found, since),
        )

    async def _lists_and_open(self, as_of: datetime | None) -> tuple[list[StoredEntry], int]:
        """Returns the lists as the reader may see them, newest first, and how many proposals to them wait."""
        wanted = (kinds.MEDICATION_LIST, kinds.PROPOSAL_OPEN)
        if from_guardian(self._caller):
            seen = await self._lists.medicines.visible(self._refs, wanted, as_of)
            lists = [stored for stored in seen if stored.kind == kinds.MEDICATION_LIST]
            return lists, len(seen) - len(lists)
        found = await self._lists.entries.newest(self._refs, ALL, kinds=wanted[:1], as_of=as_of)
        proposals = await self._lists.entries.newest(self._refs, 0, kinds=wanted[1:], as_of=as_of)
        return found.entries, proposals.total

    async def _changes(
        self, lists: Sequence[StoredEntry], since: datetime, as_of: datetime | None
    ) -> list[pb.ListChange]:
        found = [change for stored in lists for change in await self._changes_of(stored, since, as_of)]
        return sorted(found, key=lambda each: moment(each.changed.recorded_at), reverse=True) if lists[1:] else found

    async def _changes_of(self, stored: StoredEntry, since: datetime, as_of: datetime | None) -> list[pb.ListChange]:
        versions = await self._lists.versions(self._lists.entries.database, stored, since, as_of)
        lists = [list_convert.whole_list(each) for each in versions]
        if versions and versions[-1].stored_at > since:
            lists.append(pb.MedicationList())  # there was none yet
        changes = list_changes.changes(lists)
        if not from_guardian(self._caller):
            return changes
        reserved = await self._lists.medicines.reserved(self._refs)
        return [change for change in changes if not reserved.hides_change(change)]
