"""Between stored versions and the messages of the medication list and of proposals to it."""

from datetime import datetime

from kjernejournal.common.v1.common_pb2 import EntryHeader, Provenance
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications.convert import first_recorded, new_entry
from services.medications.list import rules
from shared.convert import digest, moment
from shared.register.convert import complete_header
from shared.register.entry import NewEntry, StoredEntry, imported_id


def list_to_store(message: pb.MedicationList, source: Provenance) -> pb.MedicationList:
    """Returns the list as it is stored. Who sent it has confirmed it, where the feed states nobody else."""
    stored = pb.MedicationList()
    stored.CopyFrom(message)
    stored.header.CopyFrom(EntryHeader(provenance=source))
    del stored.other_lists[:], stored.taken_over[:]
    for entry in stored.entries:
        entry.ClearField("other_list_id")
    if not stored.confirmed.HasField("recorded_at"):
        stored.confirmed.CopyFrom(source)
    return stored


def following_proposal(latest: StoredEntry, after: pb.Proposal, source: Provenance) -> NewEntry:
    """Returns the version that an answer, or its withdrawal, makes of a proposal: it comes from the system that
    answers."""
    after.header.CopyFrom(EntryHeader(provenance=source, first_recorded=first_recorded(after.header)))
    return new_entry(after, latest.patient_ref, latest.id, latest.version + 1, None, digest(after))


def list_id(patient_ref: str) -> str:
    """Returns the id of a patient's one medication list."""
    return imported_id(patient_ref, "medication list", "")


def whole_list(stored: StoredEntry) -> pb.MedicationList:
    """Returns the list as it is stored, with entries that readers no longer see."""
    message = pb.MedicationList.FromString(stored.content)
    complete_header(message.header, stored)
    return message


def proposal(stored: StoredEntry) -> pb.Proposal:
    """Returns the proposal."""
    message = pb.Proposal.FromString(stored.content)
    complete_header(message.header, stored)
    return message


def list_info(medicines: pb.MedicationList | None, open_proposals: int, now: datetime) -> pb.MedicationListInfo:
    """Whether there is a list and how much to trust it. Without one: prescriptions only, which is not an empty list."""
    if medicines is None:
        state = pb.MEDICATION_LIST_STATE_PRESCRIPTIONS_ONLY
        return pb.MedicationListInfo(state=state, open_proposals=open_proposals)
    info = pb.MedicationListInfo(
        state=pb.MEDICATION_LIST_STATE_LIST,
        version=medicines.header.version,
        confirmed=medicines.confirmed,
        active_entries=sum(rules.is_in_use(entry, now) for entry in medicines.entries),
        open_proposals=open_proposals,
        other_lists=medicines.other_lists,
    )
    if medicines.HasField("service"):
        info.service.CopyFrom(medicines.service)
    if medicines.HasField("multidose"):
        info.multidose.CopyFrom(medicines.multidose)
    info.age.FromTimedelta(now - moment(medicines.confirmed.recorded_at))
    return info
