"""Who needs no consent for a routine look: home care, nursing homes, and for medicines a pharmacist who dispenses."""

from typing import Any
from uuid import uuid4

import pytest

from kjernejournal.critical_info.v1.critical_info_pb2 import ListCriticalInfoRequest
from kjernejournal.medications.v1 import medications_pb2 as pb
from tests.support.client import Client, refusal
from tests.support.patients import Patient
from tests.support.summaries import WHOLE, summary
from tests.system.sharing.test_medication_list import medicine, read, sending

PHARMACIST: dict[str, Any] = {"kind": "pharmacist", "basis": "UNNTAK"}


@pytest.mark.parametrize("kind", ["nurse", "vernepleier", "doctor"])
@pytest.mark.parametrize("service", ["home-care", "nursing-home"])
async def test_home_care_and_nursing_homes_see_the_whole_record(
    client: Client, patient: Patient, kind: str, service: str
) -> None:
    got = await summary(client, patient, kind=kind, service=service, basis="UNNTAK")
    assert got.states == WHOLE


async def test_a_pharmacist_reads_medicines_for_dispensing_and_proposes(client: Client, patient: Patient) -> None:
    found = await read(client, patient, **PHARMACIST)
    proposal = pb.Proposal(action=pb.PROPOSAL_ACTION_ADD, entry=medicine("Paracet 500 mg"), reason="Kjøpt uten resept")
    request = pb.ProposeMedicationChangeRequest(
        patient=patient.identifier, request_id=str(uuid4()), proposals=[proposal]
    )
    [made] = (await client.call("ProposeMedicationChange", request, **PHARMACIST)).proposals
    assert made.state == pb.PROPOSAL_STATE_OPEN
    told = await refusal(client.call("UpdateMedicationList", sending(patient, found), **PHARMACIST))
    assert told.short == ("PERMISSION_DENIED", "ROLE_REFUSED")


async def test_what_is_not_medicines_takes_another_basis_and_the_refusal_names_it(
    client: Client, patient: Patient
) -> None:
    told = await refusal(
        client.call("ListCriticalInfo", ListCriticalInfoRequest(patient=patient.identifier), **PHARMACIST)
    )
    assert told.short == ("PERMISSION_DENIED", "BASIS_REFUSED")
    assert told.details["bases"] == "SAMTYKKE,AKUTT"
