"""What was dispensed on each prescription, computed from the dispensings that stand. Pure functions.

A dispensing may come before its prescription, move to another one, or turn out to be an error: so what was dispensed is
counted when it is read. A feed may state where counting begins, for what was dispensed before this record began.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import convert, kinds
from shared.register.entry import StoredEntry

DISPENSINGS = kinds.DISPENSINGS + kinds.LOCKED_DISPENSINGS
NOT_GIVEN = frozenset({"preparation", "cancelled", "on-hold", "entered-in-error", "stopped", "declined"})
"""FHIR statuses of a dispensing that did not come about. Source: FHIR R4, medicationdispense-status."""

Counted = Mapping[str, int]
"""Dispensings that stand, by the id that their prescription has, or may have."""


def counted(entries: Iterable[StoredEntry], refs: Sequence[str]) -> Counted:
    """Returns how many dispensings stand on each prescription."""
    found: Counter[str] = Counter()
    named: dict[tuple[str, str], set[str]] = {}  # making an id costs more than reading the entry
    for stored in entries:
        if stored.kind not in DISPENSINGS or stored.deleted:
            continue
        dispensing = pb.Dispensing.FromString(stored.content)
        if dispensing.prescription_id or dispensing.source_record.status in NOT_GIVEN:
            found.update(of(dispensing, refs))
            continue
        source = dispensing.header.provenance.source_system, dispensing.prescription_source_id
        if source not in named:
            named[source] = set(of(dispensing, refs))
        found.update(named[source])
    return found


def holds_all(entries: Iterable[StoredEntry], totals: Mapping[int, int]) -> bool:
    """Whether these are all the dispensings that a patient has. `totals`: entries that there are, by kind."""
    return sum(stored.kind in DISPENSINGS for stored in entries) == sum(totals.get(kind, 0) for kind in DISPENSINGS)


def of(dispensing: pb.Dispensing, refs: Sequence[str]) -> list[str]:
    """Returns the ids that the prescription of a dispensing has, or may have; none: it names none, or nothing was
    given."""
    if dispensing.source_record.status in NOT_GIVEN:
        return []
    if dispensing.prescription_id:
        return [dispensing.prescription_id.lower()]
    if not dispensing.prescription_source_id:
        return []
    return convert.known_as(refs, pb.Prescription, dispensing.header.provenance, dispensing.prescription_source_id)
