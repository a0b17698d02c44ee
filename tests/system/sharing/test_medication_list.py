"""The medication list through the front door: a nurse in home care proposes, the doctor decides, everybody reads it."""

from typing import Any
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.codes.systems import ATC
from tests.gateway.safety.patients import Made
from tests.support.client import Client, refusal
from tests.support.patients import Patient
from tests.support.summaries import summary
from tests.support.system import System
from tests.system.sharing.test_medication_safety import recorded

DOCTOR: dict[str, Any] = {"kind": "doctor", "basis": "SAMTYKKE"}
NURSE: dict[str, Any] = {"kind": "nurse", "basis": "SAMTYKKE"}


def medicine(name: str) -> pb.ListEntry:
    return pb.ListEntry(
        id=str(uuid4()),
        status=pb.ENTRY_STATUS_ACTIVE,
        medication=pb.Medication(code=CodeableConcept(text=name)),
        dosages=[pb.Dosage(text="1 tablett daglig")],
    )


async def read(client: Client, patient: Patient, **caller: Any) -> pb.GetMedicationListResponse:
    request = pb.GetMedicationListRequest(patient=patient.identifier)
    response: pb.GetMedicationListResponse = await client.call("GetMedicationList", request, **caller)
    return response


def sending(
    patient: Patient, found: pb.GetMedicationListResponse, *entries: pb.ListEntry, **fields: Any
) -> pb.UpdateMedicationListRequest:
    return pb.UpdateMedicationListRequest(
        patient=patient.identifier,
        request_id=str(uuid4()),
        expected_version=found.list_info.version,
        lookup=found.lookup,
        medication_list=pb.MedicationList(entries=[*found.medication_list.entries, *entries]),
        **fields,
    )


async def test_a_nurse_proposes_and_the_doctors_next_list_accepts(client: Client, patient: Patient) -> None:
    proposed = medicine("Paracet 500 mg")
    proposal = pb.Proposal(action=pb.PROPOSAL_ACTION_ADD, entry=proposed, reason="Brukes ved smerter")
    request = pb.ProposeMedicationChangeRequest(
        patient=patient.identifier, request_id=str(uuid4()), proposals=[proposal]
    )
    [made] = (await client.call("ProposeMedicationChange", request, **NURSE)).proposals
    before = await read(client, patient, **DOCTOR)
    assert before.list_info.open_proposals == 1

    sent = sending(patient, before, proposed)
    refused = await refusal(client.call("UpdateMedicationList", sent, **NURSE))
    assert refused.short == ("PERMISSION_DENIED", "ROLE_REFUSED")

    sent.answers.add(proposal_id=made.header.id, accepted=True, answer="Enig")
    after = await client.call("UpdateMedicationList", sent, **DOCTOR)
    assert (after.list_info.version, after.list_info.open_proposals) == (before.list_info.version + 1, 0)
    behind = await refusal(client.call("UpdateMedicationList", sending(patient, before), **DOCTOR))
    assert behind.short == ("ABORTED", "VERSION_BEHIND")

    listed = pb.ListProposalsRequest(patient=patient.identifier)
    [answered] = (await client.call("ListProposals", listed, **NURSE)).proposals
    assert (answered.state, answered.answer) == (pb.PROPOSAL_STATE_ACCEPTED, "Enig")
    seen = (await summary(client, patient, **NURSE)).section("medications").medications
    assert proposed.id in {entry.id for entry in seen.medication_list.entries}
    assert seen.list_info.confirmed.recorder == after.list_info.confirmed.recorder
    own = await read(client, patient, kind="citizen", national_id=patient.national_id)
    assert own.list_info.version == after.list_info.version


async def test_a_new_list_with_what_the_patient_does_not_tolerate_answers_with_the_alert(
    system: System, client: Client
) -> None:
    allergic = Made()
    allergic.allergic("J01C", certainty=ki.CERTAINTY_CONFIRMED, criticality=ki.CRITICALITY_HIGH)
    [patient] = await recorded(system, [allergic])
    amoxicillin = medicine("Imacillin tab 500 mg")
    amoxicillin.medication.atc.CopyFrom(Coding(system=ATC, code="J01CA04", display="Amoksicillin"))
    sent = sending(patient, await read(client, patient, **DOCTOR), amoxicillin)
    answer = await client.call("UpdateMedicationList", sent, **DOCTOR)
    assert [each.severity for each in answer.alerts.findings] == [pb.SEVERITY_CONTRAINDICATED]
    assert amoxicillin.id in {each.entry_id for each in answer.alerts.findings[0].evidence}
    assert (await read(client, patient, **DOCTOR)).list_info.version == answer.list_info.version
