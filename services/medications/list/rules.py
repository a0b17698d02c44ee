"""The rules of the patient's medication list (PLL, M25.1). Pure functions: no I/O, no clock.

Sources: ERES, the message guide of M25.1 (ids, prescriptions, SistEndret, 90 days, what is not on a list); SFM,
PopulatingsendMedication (the whole list goes back); Helsedirektoratet on PLL (HDIR).
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from datetime import datetime, timedelta
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import CallerContext, Provenance
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import model
from services.medications.list import complete, multidose
from shared.codes import atc
from shared.codes.marks import without_marks
from shared.codes.systems import ITEM_GROUPS, canonical
from shared.convert import effective, moment
from shared.errors import Denied, Invalid, Reason, entry_not_found
from shared.norwegian_time import norwegian_date

ACTIVE = pb.ENTRY_STATUS_ACTIVE
DISCONTINUED = pb.ENTRY_STATUS_DISCONTINUED

SENDERS = frozenset({"LE"})
"""Volven 9060. Only doctors send the list (ERES; helse-nord.no, PLL i Nord)."""

DISCONTINUED_FOR = timedelta(days=90)
"""A discontinued entry is sent for 90 days after the date of its discontinuation (ERES)."""

MEDICINES = "L"
"""The goods group of medicines, and of supplements that are bought without prescription (ERES). Nutrition and
consumables have another one."""

NOT_MEDICINES = {"J07": "a vaccine", "V06": "nutrition"}
"""ATC groups that are not on a list (ERES: vaccines, nutrition). That V06 is the nutrition meant is inferred."""

OTHER_PARAGRAPHS = {"5": "a consumable", "6": "nutrition"}
"""Paragraphs of the regulation on blue prescriptions that are not for medicines (ERES, M1)."""


def check_sender(caller: CallerContext) -> None:
    """Raises Denied for everybody but doctors."""
    if caller.practitioner.role.code not in SENDERS:
        raise Denied(Reason.ERROR_REASON_ROLE_REFUSED, "only doctors send the medication list: propose a change")


def is_shown(entry: pb.ListEntry, now: datetime) -> bool:
    """Whether an entry is still on the list at `now`: a discontinued one leaves it after 90 days."""
    if entry.status != DISCONTINUED:
        return True
    return norwegian_date(now) - norwegian_date(moment(entry.discontinuation.discontinued_at)) <= DISCONTINUED_FOR


def is_in_use(entry: pb.ListEntry, now: datetime) -> bool:
    """Whether an entry says that the medicine is in use at `now`: one that begins later is not, yet."""
    begins = effective(entry.started, now) if entry.HasField("started") else now
    return entry.status == ACTIVE and begins <= now


def really_changed(before: pb.ListEntry, after: pb.ListEntry) -> bool:
    """Whether an attribute differs that somebody states: ERES, SistEndret changes with those alone."""
    return _stated(before) != _stated(after)


def next_list(
    before: pb.MedicationList,
    sent: pb.MedicationList,
    author: Provenance,
    now: datetime,
    registered: Mapping[str, Provenance],
) -> pb.MedicationList:
    """Returns the list after a sending; `before` is empty where there is none. Its header is the store's.

    Raises Invalid with the path in the list; NotFound for an entry in error that is not on it; Denied (multidose).
    """
    after = pb.MedicationList(confirmed=author, comment=sent.comment, service=sent.service)
    if not sent.HasField("service"):
        after.ClearField("service")
    after.in_error.extend(_in_error(before, sent))
    after.entries.extend(_next_entries(before, sent, author, now, registered))
    if sent.HasField("multidose"):
        after.multidose.CopyFrom(multidose.kept(before, sent.multidose, author))
    else:
        multidose.end(before, author)
    return after


def entry_ids(medicines: pb.MedicationList) -> set[str]:
    """Returns the ids on a list."""
    return {entry.id.lower() for entry in medicines.entries}


def _in_error(before: pb.MedicationList, sent: pb.MedicationList) -> list[pb.EntryInError]:
    """Returns what leaves the list as registered in error (ERES: may be deleted). What has left already may be sent
    back."""
    there, left = entry_ids(before), {error.entry_id.lower() for error in before.in_error}
    errors = [error for error in sent.in_error if error.entry_id.lower() in there or error.entry_id.lower() not in left]
    if not all(error.entry_id.lower() in there for error in errors):
        raise entry_not_found()
    leaving = {error.entry_id.lower() for error in errors}
    if len(leaving) < len(errors) or leaving & entry_ids(sent):
        raise Invalid("in_error", "names an entry that is sent, or one more than once")
    return [pb.EntryInError(entry_id=error.entry_id.lower(), reason=error.reason) for error in errors]


def _next_entries(
    before: pb.MedicationList,
    sent: pb.MedicationList,
    author: Provenance,
    now: datetime,
    registered: Mapping[str, Provenance],
) -> list[pb.ListEntry]:
    """Returns the entries after a sending; `registered`: who put those on the list that were on it before and left.

    The whole list goes back, changed or not (SFM): an entry is sent again, discontinued, or named as an error.
    """
    old = {entry.id.lower(): entry for entry in before.entries}
    entries = [_next(entry, old, author, registered) for entry in sent.entries]
    for number, entry in enumerate(entries):
        was = old.get(entry.id)
        if was is None or _goods(was) != _goods(entry):
            check_goods(entry, f"entries[{number}]")
        complete.check(entry, was, f"entries[{number}]")
    there = {entry.id for entry in entries} | {error.entry_id.lower() for error in sent.in_error}
    left_out = [entry for entry_id, entry in old.items() if entry_id not in there and is_shown(entry, now)]
    if not all(stands_elsewhere(entry, entries) for entry in left_out):
        raise Invalid("entries", "the whole list goes back: send what is on it, discontinued, or name it in in_error")
    # What leaves the list by the date that is sent with it now is in the version that says so.
    news = {entry.id for entry in entries if entry.id not in old or is_shown(old[entry.id], now)}
    return [entry for entry in entries if is_shown(entry, now) or entry.id in news]


def stands_elsewhere(entry: pb.ListEntry, entries: Iterable[pb.ListEntry]) -> bool:
    """Whether an entry of another list may be left out: what was ended there, and what is sent as an entry of its own.

    Two doctors have put one substance on two lists; whoever makes one list of them sends it once.
    """
    if not entry.other_list_id:
        return False
    code = model.atc_of(entry.medication)
    in_use = (each for each in entries if each.status == ACTIVE)
    return entry.status == DISCONTINUED or (
        atc.is_whole(code) and any(model.atc_of(each.medication) == code for each in in_use)
    )


def discontinued_now(before: Iterable[pb.ListEntry], after: Iterable[pb.ListEntry]) -> list[pb.ListEntry]:
    """Returns the entries that this sending discontinues."""
    ended = {entry.id for entry in before if entry.status == DISCONTINUED}
    return [entry for entry in after if entry.status == DISCONTINUED and entry.id not in ended]


def recalled_with(
    ended: Iterable[pb.ListEntry], entries: Iterable[pb.ListEntry], prescriptions: Iterable[pb.Prescription]
) -> list[tuple[pb.Prescription, pb.ListEntry]]:
    """Returns the prescriptions to recall because of entries that end, each with its entry.

    HDIR: discontinuing a treatment recalls its prescriptions. Those of the entry, and those of its treatment. A
    discontinued entry may share a prescription with an active one (ERES): what an active entry is on stays.
    """
    in_use = [entry for entry in entries if entry.status != DISCONTINUED]
    found = []
    ended = list(ended)
    for each in prescriptions:
        may = model.may_be_recalled(each)
        if not may or any(_is_on(entry, each) or _same_treatment(entry, each) for entry in in_use):
            continue
        of = next((entry for entry in ended if _is_on(entry, each) or _same_treatment(entry, each)), None)
        if of is not None:
            found.append((each, of))
    return found


def recall_of(entry: pb.ListEntry, author: Provenance) -> pb.Recall:
    """Returns the recall that discontinuing an entry makes. Source: Volven 7500, Seponering."""
    return pb.Recall(
        reason=pb.RECALL_REASON_DISCONTINUED,
        recalled_at=author.recorded_at,
        recalled_by=author.recorder,
        organisation=author.organisation,
        comment=entry.discontinuation.text,
    )


def check_prescriptions(entries: Sequence[pb.ListEntry], prescriptions: Iterable[pb.Prescription]) -> None:
    """Raises Invalid when two entries in use are on one prescription, however each names it. Source: ERES."""
    for each in prescriptions:
        on_it = [number for number, entry in enumerate(entries) if entry.status != DISCONTINUED and _is_on(entry, each)]
        if len(on_it) > 1:
            raise Invalid(f"entries[{on_it[1]}].prescription_id", "is on another active entry already")


def _is_on(entry: pb.ListEntry, prescription: pb.Prescription) -> bool:
    if entry.prescription_id:
        return entry.prescription_id == prescription.header.id
    source = prescription.header.provenance.source_id
    return bool(entry.prescription_source_id) and entry.prescription_source_id == source


def _same_treatment(entry: pb.ListEntry, prescription: pb.Prescription) -> bool:
    return bool(entry.treatment_id) and entry.treatment_id == prescription.treatment_id


def _next(
    sent: pb.ListEntry, old: Mapping[str, pb.ListEntry], author: Provenance, registered: Mapping[str, Provenance]
) -> pb.ListEntry:
    entry = deepcopy(sent)
    entry.id, entry.prescription_id = entry.id.lower(), entry.prescription_id.lower()
    before = old.get(entry.id)
    for field in ("last_changed", "registered", "other_list_id"):
        entry.ClearField(field)
    _complete(entry, before, author)
    if before is None:
        entry.registered.CopyFrom(registered.get(entry.id, author))
        entry.last_changed.CopyFrom(author)
        return entry
    if before.HasField("registered"):
        entry.registered.CopyFrom(before.registered)
    if really_changed(before, entry):
        entry.last_changed.CopyFrom(author)
        return entry
    entry.change_reason = before.change_reason
    if before.HasField("last_changed"):
        entry.last_changed.CopyFrom(before.last_changed)
    return entry


def _complete(entry: pb.ListEntry, before: pb.ListEntry | None, author: Provenance) -> None:
    """Fills in what the sender may leave to the system: who discontinues, and the id of a paper prescription, which is
    made here (ERES).
    """
    if entry.status == DISCONTINUED and not entry.discontinuation.HasField("discontinued_by"):
        was = before is not None and before.discontinuation.HasField("discontinued_by")
        by = before.discontinuation.discontinued_by if before is not None and was else author.recorder
        entry.discontinuation.discontinued_by.CopyFrom(by)
    if entry.supply == pb.SUPPLY_PAPER_PRESCRIPTION and not entry.prescription_source_id:
        had = before is not None and before.supply == entry.supply and before.prescription_source_id
        entry.prescription_source_id = had or f"urn:uuid:{uuid4()}"


def _stated(entry: pb.ListEntry) -> pb.ListEntry:
    """Returns an entry without what the system sets, what it knows of codes, and the words about a change."""
    stated = deepcopy(entry)
    for field in ("last_changed", "registered", "change_reason", "other_list_id"):
        stated.ClearField(field)
    stated.id, stated.prescription_id = stated.id.lower(), stated.prescription_id.lower()
    return without_marks(stated)


def _goods(entry: pb.ListEntry) -> tuple[object, ...]:
    return (model.atc_of(entry.medication), entry.item_group.code, entry.reimbursement.paragraph, entry.supply)


def check_goods(entry: pb.ListEntry, path: str) -> None:
    """Raises Invalid for what is not on a list: vaccines, nutrition, consumables. Source: ERES, M25.1.

    Of entries that are new or have become something else: what another source has put on a list can be sent back.
    """
    code = model.atc_of(entry.medication)
    for group, kind in NOT_MEDICINES.items():
        if code.startswith(group):
            raise Invalid(f"{path}.medication", f"{kind} is not for the medication list")
    if canonical(entry.item_group.system) == ITEM_GROUPS and entry.item_group.code != MEDICINES:
        raise Invalid(f"{path}.item_group", "nutrition and consumables are not on the medication list")
    what = OTHER_PARAGRAPHS.get(entry.reimbursement.paragraph.lstrip("§ ")[:1])
    if what is not None:
        raise Invalid(f"{path}.reimbursement.paragraph", f"{what} is not for the medication list")
    if entry.supply == pb.SUPPLY_WITHOUT_PRESCRIPTION and (entry.prescription_id or entry.prescription_source_id):
        raise Invalid(f"{path}.supply", "is without prescription, and one is named")
