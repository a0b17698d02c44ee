"""One message of a feed's stream as the entries to be stored: checked, linked, and named by their path."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from kjernejournal.common.v1.common_pb2 import CallerContext
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import checks, convert, kinds, model
from services.medications.convert import Fed
from services.medications.list import convert as list_convert
from shared.convert import digest
from shared.errors import Invalid, StateConflict
from shared.register.bulk_import import alias_refs, entry_id, patient_ref
from shared.register.convert import fed_provenance
from shared.register.entry import NewEntry, StoredEntry


class CannotFollowError(Exception):
    """What a feed sends does not follow what is recorded. Its place is (patient_ref, id)."""

    def __init__(self, place: tuple[str, str], field: str, problem: str) -> None:
        super().__init__(problem)
        self.place, self.field, self.problem = place, field, problem


def entries(message: pb.BulkImportRequest, caller: CallerContext, now: datetime) -> Iterator[tuple[str, NewEntry]]:
    """Gives the entries of a message, each with its path. Raises Invalid with the field's path in it."""
    for number, patient in enumerate(message.patients):
        path = f"patients[{number}]"
        ref, aliases = patient_ref(patient.patient, path), alias_refs(patient.patient)
        _link(patient, ref)
        fed: dict[str, Iterable[Fed]] = {
            "prescriptions": patient.prescriptions,
            "dispensings": patient.dispensings,
            "statements": patient.statements,
        }
        for name, messages in fed.items():
            for position, each in enumerate(messages):
                of = f"{path}.{name}[{position}]"
                yield of, _entry(each, [ref, *aliases], of, caller, now)
        if patient.HasField("medication_list"):
            of = f"{path}.medication_list"
            yield of, _list(patient.medication_list, [ref, *aliases], of, caller, now)


def refusal(named: Iterable[tuple[str, NewEntry]], error: CannotFollowError) -> Invalid:
    """Returns the refusal of a message for an entry that cannot follow, with the entry's path."""
    of = next(path for path, entry in named if error.place in (entry[:2], *entry.elsewhere))
    return Invalid(f"{of}.{error.field}", error.problem)


def following(before: StoredEntry, new: NewEntry) -> NewEntry | None:
    """Returns what follows a stored version when a feed sends `new`; None: nothing, what is recorded is the later one.

    A list that was confirmed before the one that is recorded is news of the past. A prescription goes on as when it is
    recorded alone: what was counted stays, a recall waits for the pharmacy. R and T are final: CannotFollowError.
    """
    if new.kind == kinds.MEDICATION_LIST:
        return None if new.effective_at < before.effective_at else new
    sent = pb.Prescription.FromString(new.content)
    try:
        after = model.followed_by(pb.Prescription.FromString(before.content), sent)
    except StateConflict:
        problem = "the recorded state of the prescription does not lead to this one"
        raise CannotFollowError(new[:2], "state", problem) from None
    return convert.new_entry(after, new.patient_ref, new.id, new.version, new.request_id, new.digest)


def _entry(message: Fed, refs: Sequence[str], path: str, caller: CallerContext, now: datetime) -> NewEntry:
    try:
        checks.fed(message, now)
    except Invalid as error:
        raise error.inside(path) from None
    entry_id(refs[0], message.header, path)  # for its checks: our ids are made with the kind of entry too
    source = fed_provenance(message.header.provenance, caller, now)
    ids = convert.known_as(refs, type(message), source, source.source_id)
    new = convert.new_entry(convert.to_store(message, source), refs[0], ids[0], 1, None, _sent(message, refs[0]))
    return new._replace(elsewhere=list(zip(refs[1:], ids[1:], strict=True)))


def _sent(message: Fed, ref: str) -> bytes:
    """Returns the digest of what the feed sent. A link that we made counts as a link, whatever the patient's reference
    is."""
    if not isinstance(message, pb.Dispensing):
        return digest(message)
    source, linked_by = message.header.provenance, message.prescription_source_id
    if message.prescription_id not in convert.known_as([ref], pb.Prescription, source, linked_by):
        return digest(message)
    sent = pb.Dispensing()
    sent.CopyFrom(message)
    [sent.prescription_id] = convert.known_as([""], pb.Prescription, source, linked_by)
    return digest(sent)


def _list(message: pb.MedicationList, refs: Sequence[str], path: str, caller: CallerContext, now: datetime) -> NewEntry:
    try:
        checks.medication_list(message, now)
    except Invalid as error:
        raise error.inside(path) from None
    entry_id(refs[0], message.header, path)  # as above: a patient has one list, whatever its source calls it
    source = fed_provenance(message.header.provenance, caller, now)
    stored = list_convert.list_to_store(message, source)
    new = convert.new_entry(stored, refs[0], list_convert.list_id(refs[0]), 1, None, digest(message))
    return new._replace(elsewhere=[(ref, list_convert.list_id(ref)) for ref in refs[1:]])


def _link(patient: pb.PatientEntries, ref: str) -> None:
    """Ties the dispensings of a message to its prescriptions, in place. What a prescription is locked for, its
    dispensings are locked for."""
    by_source = {}
    for prescription in patient.prescriptions:
        source = prescription.header.provenance
        by_source[source.source_system, source.source_id] = prescription
    for dispensing in patient.dispensings:
        key = (dispensing.header.provenance.source_system, dispensing.prescription_source_id)
        of = by_source.get(key)
        if of is None:
            continue
        source = of.header.provenance
        [dispensing.prescription_id] = convert.known_as([ref], pb.Prescription, source, source.source_id)
        dispensing.locked = dispensing.locked or of.locked
