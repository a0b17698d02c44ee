"""Everywhere a dose is taken, one that can be none is refused with its field: from people and from feeds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import EventTime
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.convert import timestamp
from tests.services.medications.feed import (
    NOW,
    Feed,
    dispensing,
    new_ref,
    patient,
    prescription,
    statement,
)
from tests.services.medications.list.lists import entry, propose, send
from tests.support.service import DOCTOR, calling, details_of

BAD = [pb.Dosage(timing=pb.Timing(frequency=1, period="1", period_unit="fortnight"))]
FIELD = "dosages[0].timing.period_unit"


async def refused_field(call: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    return details_of(refused.value)["field"]


async def test_a_dose_that_can_be_none_is_refused_wherever_it_is_sent(medicines: Feed) -> None:
    ref = new_ref()
    listed = pb.MedicationList(entries=[entry(dosages=BAD)])
    proposal = pb.Proposal(action=pb.PROPOSAL_ACTION_ADD, entry=entry(dosages=BAD))
    brought = pb.ReconcileMedicationsRequest(patient=patient(ref), incoming_entries=[entry(dosages=BAD)])
    by_path: dict[str, Any] = {
        f"prescription.{FIELD}": medicines.prescribe(ref, prescription("r1", dosages=BAD)),
        f"dispensing.{FIELD}": medicines.dispense(ref, dispensing("d1", dosages=BAD)),
        f"patients[0].prescriptions[0].{FIELD}": medicines.send(ref, prescriptions=[prescription("r1", dosages=BAD)]),
        f"patients[0].dispensings[0].{FIELD}": medicines.send(ref, dispensings=[dispensing("d1", dosages=BAD)]),
        f"patients[0].statements[0].{FIELD}": medicines.send(ref, statements=[statement("s1", dosages=BAD)]),
        f"patients[0].medication_list.entries[0].{FIELD}": medicines.send(ref, medication_list=listed),
        f"medication_list.entries[0].{FIELD}": send(medicines, ref, entry(dosages=BAD)),
        f"proposals[0].entry.{FIELD}": propose(medicines, ref, proposal),
        f"incoming_entries[0].{FIELD}": medicines.stub.ReconcileMedications(brought, metadata=calling(DOCTOR, ref)),
    }
    assert [await refused_field(call) for call in by_path.values()] == list(by_path)
    assert not (await medicines.prescriptions(ref)).prescriptions


async def test_an_entry_is_not_meant_to_end_before_it_began(medicines: Feed) -> None:
    began, ends = timestamp(NOW), timestamp(NOW - timedelta(days=30))
    wrong = entry(id=str(uuid4()), started=EventTime(instant=began), planned_end=ends)
    assert await refused_field(send(medicines, new_ref(), wrong)) == "medication_list.entries[0].planned_end"
