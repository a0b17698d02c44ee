"""Reconciliation through the front door: at admission to a nursing home, and what others see of it."""

from typing import Any
from uuid import uuid4

from google.protobuf.timestamp_pb2 import Timestamp

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding
from kjernejournal.medications.v1 import medications_pb2 as pb
from tests.support.client import Client, refusal
from tests.support.patients import Patient

HOME: dict[str, Any] = {"kind": "doctor", "service": "nursing-home", "hpr": "900000031", "basis": "SAMTYKKE"}
HOSPITAL: dict[str, Any] = {"kind": "doctor", "service": "hospital", "hpr": "900000021", "basis": "UNNTAK"}
NURSE: dict[str, Any] = {"kind": "nurse", "basis": "SAMTYKKE"}
ATC = "http://www.whocc.no/atc"


def brought(atc: str, name: str) -> pb.ListEntry:
    medicine = pb.Medication(code=CodeableConcept(text=name), atc=Coding(system=ATC, code=atc))
    return pb.ListEntry(id=str(uuid4()), status=pb.ENTRY_STATUS_ACTIVE, medication=medicine)


def asked(patient: Patient, *incoming: pb.ListEntry, since: Timestamp | None = None) -> pb.ReconcileMedicationsRequest:
    return pb.ReconcileMedicationsRequest(
        patient=patient.identifier,
        occasion=pb.RECONCILIATION_OCCASION_ADMISSION,
        incoming_entries=incoming,
        incoming_source="Innleggelsesskriv",
        changes_since=since,
    )


async def test_a_nursing_home_takes_an_admission_list_over_and_the_hospital_sees_who_did(
    client: Client, patient: Patient
) -> None:
    before = await client.call("GetMedicationList", pb.GetMedicationListRequest(patient=patient.identifier), **HOME)
    found = await client.call("ReconcileMedications", asked(patient, brought("B01AF02", "Eliquis 5 mg")), **HOME)
    assert found.list_info.version == before.list_info.version
    [added] = [item for item in found.items if item.sides[0].source == pb.RECONCILIATION_SOURCE_INCOMING]
    assert added.difference == pb.DIFFERENCE_ADDED
    assert added.draft_entry_id
    sent = pb.UpdateMedicationListRequest(
        patient=patient.identifier,
        request_id=str(uuid4()),
        expected_version=found.list_info.version,
        lookup=found.lookup,
        medication_list=pb.MedicationList(entries=found.draft_entries),
    )
    if found.list_info.HasField("multidose"):
        sent.medication_list.multidose.CopyFrom(found.list_info.multidose)
    await client.call("UpdateMedicationList", sent, **HOME)
    since = before.medication_list.header.stored_at if before.HasField("medication_list") else Timestamp(seconds=1)
    seen = await client.call("ReconcileMedications", asked(patient, since=since), **HOSPITAL)
    assert seen.list_info.version == before.list_info.version + 1
    assert seen.list_info.confirmed.recorder.hpr_number == HOME["hpr"]
    changed = {change.entry_id: change for change in seen.changes}
    assert changed[added.draft_entry_id].changed.recorder.hpr_number == HOME["hpr"]


async def test_a_nurse_proposes_what_came_of_it_and_may_not_send_it(client: Client, patient: Patient) -> None:
    found = await client.call("ReconcileMedications", asked(patient, brought("B01AF02", "Eliquis 5 mg")), **NURSE)
    new = next(entry for entry in found.draft_entries if entry.medication.atc.code == "B01AF02")
    proposal = pb.Proposal(action=pb.PROPOSAL_ACTION_ADD, entry=new, reason="Nytt ved innleggelse")
    request = pb.ProposeMedicationChangeRequest(
        patient=patient.identifier, request_id=str(uuid4()), proposals=[proposal]
    )
    made = await client.call("ProposeMedicationChange", request, **NURSE)
    assert made.proposals[0].state == pb.PROPOSAL_STATE_OPEN
    sent = pb.UpdateMedicationListRequest(
        patient=patient.identifier,
        request_id=str(uuid4()),
        expected_version=found.list_info.version,
        lookup=found.lookup,
        medication_list=pb.MedicationList(entries=found.draft_entries),
    )
    assert (await refusal(client.call("UpdateMedicationList", sent, **NURSE))).short[0] == "PERMISSION_DENIED"


async def test_reconciliation_is_for_clinicians(client: Client, patient: Patient) -> None:
    refused = await refusal(client.call("ReconcileMedications", asked(patient), **patient.asks()))
    assert refused.short[0] == "PERMISSION_DENIED"
