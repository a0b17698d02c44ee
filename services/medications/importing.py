"""One message of a feed's stream as the entries to be stored: checked, linked, and named by their path."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from kjernejournal.common.v1.common_pb2 import CallerContext
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import checks, convert
from services.medications.convert import Fed
from shared.convert import digest, fed_provenance
from shared.entry import NewEntry
from shared.errors import Invalid
from shared.importing import entry_id, patient_ref


def entries(message: pb.BulkImportRequest, caller: CallerContext, now: datetime) -> Iterator[NewEntry]:
    """The entries of a message. Raises Invalid with the field's path in it."""
    for number, patient in enumerate(message.patients):
        path = f"patients[{number}]"
        ref = patient_ref(patient.patient, path)
        _link(patient, ref)
        fed: dict[str, Iterable[Fed]] = {
            "prescriptions": patient.prescriptions,
            "dispensings": patient.dispensings,
            "statements": patient.statements,
        }
        for name, messages in fed.items():
            for position, each in enumerate(messages):
                yield _entry(each, ref, f"{path}.{name}[{position}]", caller, now)
        if patient.HasField("medication_list"):
            yield _list(patient.medication_list, ref, f"{path}.medication_list", caller, now)


def _entry(message: Fed, ref: str, path: str, caller: CallerContext, now: datetime) -> NewEntry:
    try:
        checks.fed(message, now)
    except Invalid as error:
        raise error.inside(path) from None
    entry_id(ref, message.header, path)  # for its checks: our ids are made with the kind of entry too
    source = fed_provenance(message.header.provenance, caller, now)
    [known_as] = convert.known_as([ref], type(message), source, source.source_id)
    return convert.new_entry(convert.to_store(message, source), ref, known_as, 1, None, digest(message))


def _list(message: pb.MedicationList, ref: str, path: str, caller: CallerContext, now: datetime) -> NewEntry:
    try:
        checks.medication_list(message)
    except Invalid as error:
        raise error.inside(path) from None
    entry_id(ref, message.header, path)  # as above: a patient has one list, whatever its source calls it
    source = fed_provenance(message.header.provenance, caller, now)
    stored = convert.list_to_store(message, source)
    return convert.new_entry(stored, ref, convert.list_id(ref), 1, None, digest(message))


def _link(patient: pb.PatientEntries, ref: str) -> None:
    """Ties the dispensings of a message to its prescriptions, in place, and counts them.

    A prescription's count is what its feed states, or the dispensings that came with it, where those are more. What a
    prescription is locked for, its dispensings are locked for.
    """
    by_source = {}
    for prescription in patient.prescriptions:
        source = prescription.header.provenance
        by_source[source.source_system, source.source_id] = prescription
    linked: Counter[tuple[str, str]] = Counter()
    for dispensing in patient.dispensings:
        key = (dispensing.header.provenance.source_system, dispensing.prescription_source_id)
        of = by_source.get(key)
        if of is None:
            continue
        source = of.header.provenance
        [dispensing.prescription_id] = convert.known_as([ref], pb.Prescription, source, source.source_id)
        dispensing.locked = dispensing.locked or of.locked
        linked[key] += 1
        of.dispensed = max(of.dispensed, linked[key])
