"""The medication lists of one patient as one: a merge of two patients who each had a list leaves two. Pure functions.

The one that was confirmed last is the list. The others' entries come after its own, each marked with its list, so that
nothing that a doctor has confirmed is lost to whoever reads or checks the list. A list that a doctor sends takes over
what was shown; the others stay as they are, for the day when the merge turns out to be wrong.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import NAMESPACE_OID, uuid5

from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications.list import rules
from shared.register.convert import complete_header
from shared.register.entry import StoredEntry


def medication_list(lists: Sequence[StoredEntry], now: datetime) -> pb.MedicationList | None:
    """Returns the list as a reader sees it at `now`, of all lists, the one confirmed last first; None: there is none.

    Entries that were discontinued long ago have left it.
    """
    message = whole(lists)
    if message is None:
        return None
    shown = [entry for entry in message.entries if rules.is_shown(entry, now)]
    if len(shown) < len(message.entries):
        del message.entries[:]
        message.entries.extend(shown)
    return message


def whole(lists: Sequence[StoredEntry]) -> pb.MedicationList | None:
    """Returns the list with every entry that is stored of it, those that readers no longer see too."""
    if not lists:
        return None
    message = _of(lists[0])
    known = {entry.id.lower() for entry in message.entries}
    known |= {error.entry_id.lower() for error in message.in_error}
    for stored in _not_taken_over(lists[0], lists[1:]):
        other = _of(stored)
        only = [entry for entry in other.entries if entry.id.lower() not in known]
        for entry in only:
            entry.other_list_id = stored.id
        known |= {entry.id.lower() for entry in only}
        message.entries.extend(only)
        message.other_lists.append(
            pb.OtherList(
                list_id=stored.id,
                version=stored.version,
                confirmed=other.confirmed,
                service=other.service if other.HasField("service") else None,
                active_entries=sum(entry.status == pb.ENTRY_STATUS_ACTIVE for entry in only),
                multidose=other.multidose if other.HasField("multidose") else None,
            )
        )
        if other.HasField("multidose") and not message.HasField("multidose"):
            message.multidose.CopyFrom(other.multidose)
    return message


def taken_over(before: pb.MedicationList) -> list[pb.OtherList]:
    """Returns the lists that a doctor takes over who sends the next version of what was shown."""
    newest = {each.list_id: each.version for each in (*before.taken_over, *before.other_lists)}
    return [pb.OtherList(list_id=list_id, version=version) for list_id, version in sorted(newest.items())]


def read_as(list_id: str, other_lists: Iterable[pb.OtherList]) -> str:
    """Returns the id under which a reading is vouched for: another one when another list was seen beside it."""
    beside = sorted(f"{each.list_id} {each.version}" for each in other_lists)
    return str(uuid5(NAMESPACE_OID, " ".join([list_id, *beside]))) if beside else list_id


def _not_taken_over(main: StoredEntry, others: Iterable[StoredEntry]) -> list[StoredEntry]:
    versions = {each.list_id: each.version for each in pb.MedicationList.FromString(main.content).taken_over}
    return [stored for stored in others if stored.version > versions.get(stored.id, 0)]


def _of(stored: StoredEntry) -> pb.MedicationList:
    message = pb.MedicationList.FromString(stored.content)
    complete_header(message.header, stored)
    return message
