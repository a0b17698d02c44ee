"""What a guardian is not to see (vergeinnsynsreservasjon), nor to learn that it is there. Pure functions.

An entry of the list or a prescription carries the reservation; it covers what belongs to it: the prescription that an
entry is on and the entry that is on a prescription, what was dispensed, what is proposed. It holds as it stands
today, whatever time is read; of what was withdrawn or taken off the list, as it stood before. What is reserved is
left out and not counted: a count would show it. What a guardian reads is therefore taken from all of a patient's
entries, and counted here. Source: SFM, sfm-MedicationStatement.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from kjernejournal.common.v1.common_pb2 import REPRESENTATION_GUARDIAN, REPRESENTATION_PARENT, CallerContext
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import kinds
from shared.register.entry import EntryPage, StoredEntry, length
from shared.register.paging import Page, Position, cut

ALL = 1_000_000
"""More entries than a patient has."""

MARKED = (*kinds.ANY_PRESCRIPTION, kinds.MEDICATION_LIST)
"""Kinds that carry the reservation."""


class Reserved(NamedTuple):
    """What is not shown."""

    prescriptions: frozenset[str]
    sources: frozenset[str]
    """Ids of these prescriptions at their source: what was dispensed may name them alone."""
    list_entries: frozenset[str]

    def without(self, entries: Iterable[StoredEntry]) -> list[StoredEntry]:
        """Returns the entries that are shown, lists without what is reserved."""
        return [shown for stored in entries if (shown := self._shown(stored)) is not None]

    def hidden(self, entries: Iterable[StoredEntry]) -> list[str]:
        """Returns the ids of what is reserved, the list's own entries too."""
        return [stored.id for stored in entries if self._shown(stored) is None] + sorted(self.list_entries)

    def hides_change(self, change: pb.ListChange) -> bool:
        """Whether a change of the list is of a reserved entry, as it was or became."""
        return self.hides_entry(change.before) or self.hides_entry(change.after)

    def _shown(self, stored: StoredEntry) -> StoredEntry | None:
        if stored.kind == kinds.MEDICATION_LIST:
            return self._shown_list(stored)
        return None if self._hides(stored) else stored

    def _hides(self, stored: StoredEntry) -> bool:
        if stored.kind in kinds.ANY_PRESCRIPTION:
            return stored.id in self.prescriptions
        if stored.kind in kinds.DISPENSINGS + kinds.LOCKED_DISPENSINGS:
            given = pb.Dispensing.FromString(stored.content)
            return given.prescription_id in self.prescriptions or given.prescription_source_id in self.sources
        if stored.kind in kinds.PROPOSALS:
            proposal = pb.Proposal.FromString(stored.content)
            return proposal.entry_id in self.list_entries or self.hides_entry(proposal.entry)
        return False

    def _shown_list(self, stored: StoredEntry) -> StoredEntry:
        medicines = pb.MedicationList.FromString(stored.content)
        shown = [entry for entry in medicines.entries if not self.hides_entry(entry)]
        errors = [error for error in medicines.in_error if error.entry_id not in self.list_entries]
        if len(shown) == len(medicines.entries) and len(errors) == len(medicines.in_error):
            return stored
        del medicines.entries[:], medicines.in_error[:]
        medicines.entries.extend(shown)
        medicines.in_error.extend(errors)
        return stored._replace(content=medicines.SerializeToString(deterministic=True))

    def hides_entry(self, entry: pb.ListEntry) -> bool:
        return (
            entry.guardian_reservation
            or entry.id.lower() in self.list_entries
            or entry.prescription_id.lower() in self.prescriptions
            or entry.prescription_source_id in self.sources
        )


def from_guardian(caller: CallerContext) -> bool:
    """Whether a reservation is against this reader."""
    return caller.representation in {REPRESENTATION_PARENT, REPRESENTATION_GUARDIAN}


def reserved(marked: Iterable[StoredEntry]) -> Reserved:
    """Returns what is reserved, of the patient's entries of the kinds MARKED as they are today, withdrawn ones as they
    were; of lists every version, newest first."""
    held: list[tuple[str, pb.Prescription]] = []
    last: dict[str, pb.ListEntry] = {}
    for stored in marked:
        if stored.kind == kinds.MEDICATION_LIST:
            for entry in pb.MedicationList.FromString(stored.content).entries:
                last.setdefault(entry.id.lower(), entry)
        else:
            held.append((stored.id, pb.Prescription.FromString(stored.content)))
    listed = list(last.values())
    named = {entry.prescription_id.lower() for entry in listed if entry.guardian_reservation}
    named |= {entry.prescription_source_id for entry in listed if entry.guardian_reservation}
    hidden = {
        entry_id: message.header.provenance.source_id
        for entry_id, message in held
        if message.guardian_reservation or entry_id in named or message.header.provenance.source_id in named - {""}
    }
    first = Reserved(frozenset(hidden), frozenset(hidden.values()) - {""}, frozenset())
    entries = frozenset(entry.id.lower() for entry in listed if first.hides_entry(entry))
    return first._replace(list_entries=entries)


def paged(entries: list[StoredEntry], page: Page, since: datetime | None) -> EntryPage:
    """Returns a page of entries that are sorted, newest first: as the entry store makes it, of what is shown alone."""
    inside = [stored for stored in entries if since is None or stored.effective_at >= since]
    rest = [stored for stored in inside if page.after is None or (stored.effective_at, stored.id) < page.after]
    shown, more = cut(rest, page.size, length)
    token = page.token_after(Position(shown[-1].effective_at, shown[-1].id), datetime.now(UTC)) if more else ""
    return EntryPage(shown, token, len(entries), more or len(inside) < len(entries))


def counted(entries: Iterable[StoredEntry]) -> dict[int, int]:
    """Returns how many of each kind there are."""
    return Counter(stored.kind for stored in entries)


def of_section(entries: Iterable[StoredEntry], most: int, since: datetime | None) -> list[StoredEntry]:
    """Returns what a section is made from, of all entries, newest first: as SQL chooses it for others."""
    place: Counter[int] = Counter()
    chosen = []
    for stored in entries:
        place[stored.kind] += 1
        if _is_chosen(stored, place[stored.kind], most, since):
            chosen.append(stored)
    return chosen


def _is_chosen(stored: StoredEntry, place: int, most: int, since: datetime | None) -> bool:
    if stored.kind in kinds.LISTS:
        return True
    within = place <= most and (since is None or stored.effective_at >= since)
    return stored.kind in kinds.ALWAYS or (within and stored.kind not in kinds.PROPOSALS)
