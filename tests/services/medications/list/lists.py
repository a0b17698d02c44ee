"""What doctors and others send to the medication list."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import CallerContext
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.convert import timestamp
from tests.services.medications.feed import NOW, Feed, medicine, patient
from tests.support.service import DOCTOR, calling


def person(role: str, hpr_number: str) -> CallerContext:
    """Returns somebody else than the doctor, with the same basis."""
    caller = CallerContext()
    caller.CopyFrom(DOCTOR)
    caller.practitioner.role.code = role
    caller.practitioner.hpr_number = hpr_number
    caller.practitioner.name = f"{role} {hpr_number}"
    return caller


OTHER_DOCTOR = person("LE", "222200068")
NURSE = person("SP", "333300011")
PHARMACIST = person("FA1", "444400022")


def entry(**fields: Any) -> pb.ListEntry:
    """Returns an entry in use."""
    values: dict[str, Any] = {
        "id": str(uuid4()),
        "status": pb.ENTRY_STATUS_ACTIVE,
        "medication": medicine(),
        "dosages": [pb.Dosage(text="1 tablett daglig")],
        **fields,
    }
    return pb.ListEntry(**values)


def ended(of: pb.ListEntry, days_ago: float = 0, text: str = "Muskelsmerter") -> pb.ListEntry:
    """Returns the entry, discontinued."""
    after = pb.ListEntry()
    after.CopyFrom(of)
    after.status = pb.ENTRY_STATUS_DISCONTINUED
    after.discontinuation.discontinued_at.CopyFrom(timestamp(NOW - timedelta(days=days_ago)))
    after.discontinuation.text = text
    return after


def changed(of: pb.ListEntry, **fields: Any) -> pb.ListEntry:
    """Returns the entry with other fields."""
    after = pb.ListEntry()
    after.CopyFrom(of)
    for name in fields:
        after.ClearField(name)  # type: ignore[arg-type]  # the names of its fields
    after.MergeFrom(pb.ListEntry(**fields))
    return after


def sending(ref: str, based_on: pb.GetMedicationListResponse, *entries: pb.ListEntry, **fields: Any) -> Any:
    """Returns the request that sends these entries; `fields` of the list, or of the request."""
    values: dict[str, Any] = {
        "patient": patient(ref),
        "request_id": str(uuid4()),
        "expected_version": based_on.list_info.version,
        "lookup": based_on.lookup,
        **{
            name: fields.pop(name) for name in ("request_id", "expected_version", "lookup", "answers") if name in fields
        },
    }
    return pb.UpdateMedicationListRequest(medication_list=pb.MedicationList(entries=entries, **fields), **values)


async def send(
    medicines: Feed, ref: str, *entries: pb.ListEntry, caller: CallerContext = DOCTOR, **fields: Any
) -> pb.UpdateMedicationListResponse:
    """Sends the list, based on a reading of now."""
    request = sending(ref, await medicines.list_of(ref), *entries, **fields)
    return await medicines.stub.UpdateMedicationList(request, metadata=calling(caller, ref))


async def propose(
    medicines: Feed, ref: str, *proposals: pb.Proposal, caller: CallerContext = NURSE, **fields: Any
) -> pb.ProposeMedicationChangeResponse:
    """Proposes changes of the list."""
    values: dict[str, Any] = {"request_id": str(uuid4()), **fields}
    request = pb.ProposeMedicationChangeRequest(patient=patient(ref), proposals=proposals, **values)
    return await medicines.stub.ProposeMedicationChange(request, metadata=calling(caller, ref))


async def proposals(medicines: Feed, *refs: str, caller: CallerContext = DOCTOR, **fields: Any) -> Any:
    """Returns the proposals that a reader is shown."""
    request = pb.ListProposalsRequest(patient=patient(refs[0]), **fields)
    return await medicines.stub.ListProposals(request, metadata=calling(caller, *refs))


def answer(to: pb.Proposal, *, accepted: bool, text: str = "") -> pb.ProposalAnswer:
    """Returns a doctor's answer."""
    return pb.ProposalAnswer(proposal_id=to.header.id, accepted=accepted, answer=text)
