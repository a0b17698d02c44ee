"""The reconciliation of one call: the patient's record and a list that is brought along, compared. Writes nothing."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import CallerContext, CodedText
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import checks, convert, kinds, model
from services.medications.knowledge.substances import KnownSubstances, SubstanceTable
from services.medications.list.reads import ListReads
from services.medications.list.repository import ListRepository
from services.medications.reconciliation import sources
from services.medications.reconciliation.draft import Basis, Draft, drafted
from services.medications.reconciliation.explaining import explained
from services.medications.reconciliation.explanation_codes import Says
from services.medications.reconciliation.items import Item, reconciled
from services.medications.repository import Whole
from shared.convert import moment
from shared.errors import Invalid
from shared.register.entry import StoredEntry

MOST = 5000
"""Entries of a kind that are read, the newest; what there is beyond is counted as left out."""

_LEFT_OUT = {
    sources.PRESCRIBED: Says.NOT_COMPARED_PRESCRIBED,
    sources.DISPENSED: Says.NOT_COMPARED_DISPENSED,
    sources.STATED: Says.NOT_COMPARED_STATED,
}


class Reconciliation:
    """The comparisons of one call: who asks, of which patient."""

    def __init__(
        self, lists: ListRepository, substances: KnownSubstances, caller: CallerContext, refs: Sequence[str]
    ) -> None:
        self._lists = lists
        self._substances = substances
        self._refs = refs
        self._reading = ListReads(lists, caller, refs)
        self._sees_locked = model.sees_locked(caller)

    async def reconcile(self, request: pb.ReconcileMedicationsRequest) -> pb.ReconcileMedicationsResponse:
        """Returns the comparison, the draft, and what sending it takes. Raises Invalid for what is brought along."""
        now = datetime.now(UTC)
        check_brought(request.incoming_entries, now)
        since = request.changes_since if request.HasField("changes_since") else None
        read = await self._reading.medication_list(pb.GetMedicationListRequest(changes_since=since))
        whole = await self._lists.medicines.whole(self._refs, MOST, None, None)
        hidden = await self._hidden(whole)
        table = await self._substances.table()
        # Long lists take some milliseconds to compare: other calls go on meanwhile.
        return await asyncio.to_thread(self._response, request, read, whole, hidden, table, now)

    async def _hidden(self, whole: Whole) -> dict[str, int]:
        if self._sees_locked or not any(whole.totals.get(kind) for kind in kinds.ALL_LOCKED):
            return {}
        return await self._lists.medicines.kinds_of(self._refs, kinds.ALL_LOCKED)

    def _response(
        self,
        request: pb.ReconcileMedicationsRequest,
        read: pb.GetMedicationListResponse,
        whole: Whole,
        hidden: dict[str, int],
        table: SubstanceTable,
        now: datetime,
    ) -> pb.ReconcileMedicationsResponse:
        medicines = read.medication_list if read.HasField("medication_list") else None
        entries = [stored for stored in whole.entries if not convert.is_hidden(stored, hidden)]
        prescriptions = [convert.prescription(each, now, {}) for each in _of(entries, kinds.ANY_PRESCRIPTION)]
        gathered = sources.gathered(
            prescriptions,
            [convert.dispensing(each) for each in _of(entries, kinds.DISPENSINGS + kinds.LOCKED_DISPENSINGS)],
            [convert.statement(each, now) for each in _of(entries, kinds.STATEMENTS)],
            medicines,
            request.incoming_entries,
            now,
        )
        items = reconciled(gathered.sides, has_list=medicines is not None, substances_of=table.of)
        basis = Basis(
            occasion=request.occasion,
            confirmed=moment(read.list_info.confirmed.recorded_at) if medicines is not None else None,
            prescriptions={each.header.id: each for each in prescriptions},
            now=now,
            new_id=lambda: str(uuid4()),
        )
        draft = drafted(items, basis)
        for kind_of, source in _SOURCES.items():
            gathered.left_out[source] += _beyond(whole, kind_of, sees_locked=self._sees_locked)
        return pb.ReconcileMedicationsResponse(
            items=to_items(items, draft, brought=bool(request.incoming_entries), has_list=medicines is not None),
            draft_entries=draft.entries,
            list_info=read.list_info,
            lookup=read.lookup,
            changes=read.changes,
            not_compared=[
                *_not_compared(gathered, _withheld(whole, hidden), request, has_list=medicines is not None),
                *_not_tied(table),
            ],
        )


def check_brought(incoming: Sequence[pb.ListEntry], now: datetime) -> None:
    """Raises Invalid, with the path, where what is brought along breaks the rules of entries: the draft would too."""
    ids: set[str] = set()
    for number, entry in enumerate(incoming):
        path = f"incoming_entries[{number}]"
        checks.list_entry(entry, path, now)
        if entry.id.lower() in ids:
            raise Invalid(f"{path}.id", "is there more than once")
        ids.add(entry.id.lower())


def to_items(items: Sequence[Item], draft: Draft, *, brought: bool, has_list: bool) -> list[pb.ReconciledItem]:
    return [
        pb.ReconciledItem(
            difference=item.difference,
            fields=sorted(item.fields),
            sides=[
                pb.ReconciledSide(
                    source=side.source,
                    entry_id=side.entry_id,
                    version=side.version,
                    medication=side.medication,
                    dosages=side.dosages,
                    provenance=side.provenance,
                    status=side.use,
                    differs=sorted(differs),
                )
                for side, differs in zip(item.group.sides, item.differs, strict=True)
            ],
            explanations=_explanations(item, draft.remarks.get(place), brought=brought, has_list=has_list),
            draft_entry_id=draft.led_to.get(place, ""),
        )
        for place, item in enumerate(items)
    ]


def _explanations(item: Item, remark: Says | None, *, brought: bool, has_list: bool) -> list[CodedText]:
    said = explained(item, brought=brought, has_list=has_list)
    return [*said, CodedText(code=remark)] if remark else said


def _of(entries: Iterable[StoredEntry], of_kinds: Collection[int]) -> list[StoredEntry]:
    return [stored for stored in entries if stored.kind in of_kinds]


_SOURCES = {
    kinds.PRESCRIPTIONS + kinds.LOCKED_PRESCRIPTIONS: sources.PRESCRIBED,
    kinds.DISPENSINGS + kinds.LOCKED_DISPENSINGS: sources.DISPENSED,
    kinds.STATEMENTS: sources.STATED,
}


def _beyond(whole: Whole, of_kinds: Iterable[int], *, sees_locked: bool) -> int:
    """Counts entries that exist beyond those that were read."""
    shown = [kind for kind in of_kinds if sees_locked or kind not in kinds.ALL_LOCKED]
    return sum(max(0, whole.totals.get(kind, 0) - len(_of(whole.entries, (kind,)))) for kind in shown)


def _withheld(whole: Whole, hidden: dict[str, int]) -> dict[int, int]:
    """Counts entries that are not shown, by side: those that are locked, and what was dispensed on them."""
    besides = [stored for stored in whole.entries if stored.id not in hidden and convert.is_hidden(stored, hidden)]
    return {
        sources.PRESCRIBED: sum(kind in kinds.LOCKED_PRESCRIPTIONS for kind in hidden.values()),
        sources.DISPENSED: sum(kind in kinds.LOCKED_DISPENSINGS for kind in hidden.values()) + len(besides),
    }


def _not_compared(
    gathered: sources.Sides, withheld: dict[int, int], request: pb.ReconcileMedicationsRequest, *, has_list: bool
) -> list[pb.NotCompared]:
    """Returns what was not compared, and why: withheld, left out, or a side that is missing altogether."""
    result = [
        pb.NotCompared(source=source, withheld=withheld[source], reason=CodedText(code=Says.NOT_COMPARED_LOCKED))
        for source in (sources.PRESCRIBED, sources.DISPENSED)
        if withheld[source]
    ]
    result += [
        pb.NotCompared(source=source, left_out=gathered.left_out[source], reason=CodedText(code=reason))
        for source, reason in _LEFT_OUT.items()
        if gathered.left_out[source]
    ]
    if not has_list:
        result.append(pb.NotCompared(source=sources.LISTED, reason=CodedText(code=Says.NOT_COMPARED_NO_LIST)))
    if not request.incoming_entries:
        nothing = CodedText(code=Says.NOT_COMPARED_NOTHING_BROUGHT)
        result.append(pb.NotCompared(source=sources.INCOMING, reason=nothing))
    return result


def _not_tied(table: SubstanceTable) -> list[pb.NotCompared]:
    """Returns that one substance under two codes was not looked for: that nothing ties two is then no news."""
    return [] if table.says_anything else [pb.NotCompared(reason=CodedText(code=Says.NOT_COMPARED_NO_KNOWLEDGE))]
