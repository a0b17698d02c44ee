"""Which statements of absence still hold. Pure functions."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from kjernejournal.common.v1.common_pb2 import ABSENCE_KIND_NIL_KNOWN
from kjernejournal.critical_info.v1.critical_info_pb2 import STATUS_ACTIVE, CategoryAbsence, CriticalInfo
from services.critical_info.model import status_at
from shared.convert import moment
from shared.register.entry import StoredEntry
from shared.register.stated_absence import is_newer

ABSENCE = 100
"""Kind of a statement of absence; entries have their category as kind."""


def holding(found: Iterable[StoredEntry], now: datetime) -> list[StoredEntry]:
    """Returns the statements that hold, of all that a patient has, newest first.

    A statement holds until a newer one says something about the same (a category, or all), or an entry about it is
    recorded or changed. Of one time the weaker holds: no "none known" beside "nobody has asked" about any of the same.
    Refuting what came after does not bring it back: it was another's knowledge, of another time. What is entered in
    error never was, and withdraws nothing: deleted entries are not among `found`. "None known" is not returned beside
    what is active, whatever a feed has sent of both.
    """
    entries: list[StoredEntry] = []
    statements: list[StoredEntry] = []
    for each in found:
        (statements if each.kind == ABSENCE else entries).append(each)
    statements.sort(key=lambda each: (each.effective_at, each.stored_at), reverse=True)
    newest: dict[int, tuple[StoredEntry, CategoryAbsence]] = {}
    read = [(each, CategoryAbsence.FromString(each.content)) for each in statements]
    for each, said in read:
        if not _is_weakened(each, said, read):
            newest.setdefault(said.category, (each, said))
    known = [(each, CriticalInfo.FromString(each.content)) for each in entries]
    return [each for each, said in newest.values() if not _ended(each, said, known, now)]


def _is_weakened(
    stored: StoredEntry, said: CategoryAbsence, others: Iterable[tuple[StoredEntry, CategoryAbsence]]
) -> bool:
    """Whether "none known" stands beside a statement of the same time that nobody has asked about some of it."""
    return said.kind == ABSENCE_KIND_NIL_KNOWN and any(
        other.kind != ABSENCE_KIND_NIL_KNOWN
        and each.effective_at == stored.effective_at
        and (said.category == other.category or 0 in (said.category, other.category))
        for each, other in others
    )


def _ended(
    stored: StoredEntry,
    said: CategoryAbsence,
    known: Sequence[tuple[StoredEntry, CriticalInfo]],
    now: datetime,
) -> bool:
    denies = said.kind == ABSENCE_KIND_NIL_KNOWN
    return any(
        is_newer(each, moment(entry.header.provenance.recorded_at), stored)
        or (denies and status_at(entry, now) == STATUS_ACTIVE)
        for each, entry in known
        if said.category in (0, entry.category)
    )
