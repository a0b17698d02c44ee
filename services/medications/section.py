"""The summary's section: medicines in the order a reader needs them, each list with what it leaves out."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from kjernejournal.common.v1.common_pb2 import ListWindow
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import convert, kinds, model
from services.medications.dispensed import Counted
from services.medications.list import convert as list_convert
from services.medications.list import together
from services.medications.repository import Whole
from shared.convert import moment, timestamp
from shared.register.entry import StoredEntry
from shared.register.stated_absence import weakest

ABSENCES = (pb.STATEMENT_KIND_NIL_KNOWN, pb.STATEMENT_KIND_NOT_ASKED)


def section(
    whole: Whole,
    most: int,
    since: datetime | None,
    now: datetime,
    *,
    locked: bool,
    hidden: Collection[str],
    dispensed: Counted,
) -> pb.MedicationsSection:
    """Returns the section with at most `most` entries a list. `locked`: locked prescriptions are shown; `hidden`: ids
    of entries that are not, whatever their version says; `dispensed`: dispensings that stand, by prescription."""
    shown = kinds.PRESCRIPTIONS + (kinds.LOCKED_PRESCRIPTIONS if locked else ())
    given = kinds.DISPENSINGS + (kinds.LOCKED_DISPENSINGS if locked else ())
    entries = [stored for stored in whole.entries if locked or not convert.is_hidden(stored, hidden)]
    prescriptions = [convert.prescription(stored, now, dispensed) for stored in _of(entries, shown)]
    prescriptions.sort(key=_by_use)  # stable: the newest stay first among equals
    dispensings = [convert.dispensing(stored) for stored in _of(entries, given)][:most]
    statements = [convert.statement(stored, now) for stored in _of(entries, kinds.STATEMENTS)]
    medicines = together.medication_list(_of(entries, kinds.LISTS), now)
    result = pb.MedicationsSection(
        prescriptions=prescriptions[:most],
        prescriptions_window=_window(len(prescriptions[:most]), whole, shown, kinds.LOCKED_PRESCRIPTIONS, since),
        active_prescriptions=sum(each.active for each in prescriptions),
        dispensings=dispensings,
        dispensings_window=_window(len(dispensings), whole, given, kinds.LOCKED_DISPENSINGS, since),
        statements=statements,
        statements_window=_window(len(statements), whole, kinds.STATEMENTS, (), since),
        list_info=list_convert.list_info(medicines, whole.totals.get(kinds.PROPOSAL_OPEN, 0), now),
        medication_list=medicines if most else None,  # 0: only the counts
    )
    if not hidden:  # what is locked today denies it too, whatever it was then
        result.stated_absence = _stated_absence(result, _of(entries, kinds.STATEMENTS), now)
    return result


def _by_use(prescription: pb.Prescription) -> int:
    """Orders what is in force first, then other sources' orders that may be: a list that is cut holds them."""
    perhaps = prescription.HasField("source_record") and model.is_open(prescription)
    return 0 if prescription.active else 1 if perhaps else 2


def _of(entries: Iterable[StoredEntry], of_kinds: Sequence[int]) -> list[StoredEntry]:
    return [stored for stored in entries if stored.kind in of_kinds]


def _window(
    returned: int, whole: Whole, shown: Sequence[int], locked: Sequence[int], since: datetime | None
) -> ListWindow:
    total = sum(whole.totals.get(kind, 0) for kind in shown)
    return ListWindow(
        returned=returned,
        total=total,
        older_exist=total > returned,
        since=timestamp(since) if since else None,
        withheld=sum(whole.totals.get(kind, 0) for kind in locked if kind not in shown),
    )


def _stated_absence(
    found: pb.MedicationsSection, stated: Sequence[StoredEntry], now: datetime
) -> "pb.StatementKind.ValueType":
    """Returns what the newest statement says of all medicines, unless anything here says otherwise or was held back.
    `stated`: the statements as they are stored, in the same order.

    A wrong "uses none" is worse than none at all: what is prescribed, listed, dispensed since, or withheld denies it.
    """
    both = zip(stated, found.statements, strict=True)
    newest = [each for stored, each in both if stored.effective_at == stated[0].effective_at]
    said = [each for each in newest if model.is_in_force(each, now)]
    if not said or any(each.kind not in ABSENCES for each in newest):
        return pb.STATEMENT_KIND_UNSPECIFIED
    held = weakest(said, lambda each: each.kind == pb.STATEMENT_KIND_NIL_KNOWN)
    when = held.asserted_at if held.HasField("asserted_at") else held.header.provenance.recorded_at
    dispensed_since = any(
        moment(each.dispensed_at) >= moment(when) for each in found.dispensings if each.HasField("dispensed_at")
    )
    withheld = found.prescriptions_window.withheld or found.dispensings_window.withheld
    in_use = any(model.may_be_used(each, now) for each in found.statements)
    in_use = in_use or any(each.status != pb.ENTRY_STATUS_DISCONTINUED for each in found.medication_list.entries)
    perhaps = any(each.HasField("source_record") and model.is_open(each) for each in found.prescriptions)
    if perhaps or found.active_prescriptions or found.list_info.active_entries or in_use or dispensed_since or withheld:
        return pb.STATEMENT_KIND_UNSPECIFIED
    return held.kind
