"""Which statements of absence still hold. Pure functions."""

from collections.abc import Iterable, Sequence

from kjernejournal.critical_info.v1.critical_info_pb2 import AbsenceStatement, CriticalInfo
from shared.absence import is_newer
from shared.convert import moment
from shared.entry import StoredEntry

ABSENCE = 100
"""Kind of a statement of absence; entries have their category as kind."""


def holding(found: Iterable[StoredEntry]) -> list[StoredEntry]:
    """Of all that a patient has, the statements that hold, newest first.

    A statement holds until a newer one says something about the same (a category, or all), or an entry about it is
    recorded or changed. Refuting what came after does not bring it back: it was another's knowledge, of another time.
    What is entered in error never was, and withdraws nothing: deleted entries are not among `found`.
    """
    entries: list[StoredEntry] = []
    statements: list[StoredEntry] = []
    for each in found:
        (statements if each.kind == ABSENCE else entries).append(each)
    statements.sort(key=lambda each: (each.effective_at, each.stored_at), reverse=True)
    newest: dict[int, StoredEntry] = {}
    for said in statements:
        newest.setdefault(AbsenceStatement.FromString(said.content).category, said)
    return [said for category, said in newest.items() if not _withdrawn(said, category, entries)]


def _withdrawn(said: StoredEntry, category: int, entries: Sequence[StoredEntry]) -> bool:
    return any(
        is_newer(entry, moment(CriticalInfo.FromString(entry.content).header.provenance.recorded_at), said)
        for entry in entries
        if category in (0, entry.kind)
    )
