"""Machines that speak for one source, and the prescriptions of another."""

from uuid import uuid4

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import CallerContext
from kjernejournal.medications.v1 import medications_pb2 as pb
from tests.services.medications.feed import Feed, new_ref, patient, prescription
from tests.support.service import FEED, calling, details_of, reason_of


async def test_a_machine_recalls_no_prescription_of_another_source(medicines: Feed) -> None:
    ref = new_ref()
    stored = await medicines.prescribe(ref, prescription("r1"))
    other = CallerContext()
    other.CopyFrom(FEED)
    other.source_systems[:] = ["another register"]
    recall = pb.Recall(reason=pb.RECALL_REASON_DISCONTINUED)
    request = pb.RecallPrescriptionRequest(patient=patient(ref), request_id=str(uuid4()), id=stored.id, recall=recall)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await medicines.stub.RecallPrescription(request, metadata=calling(other, ref))
    assert reason_of(caught.value) == "SOURCE_SYSTEM_REFUSED"
    assert details_of(caught.value)["field"] == "id"
    assert (await medicines.prescription(ref)).header.version == 1


async def test_the_machine_that_sent_a_prescription_stands_in_it(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.prescribe(ref, prescription("r1"))
    assert (await medicines.prescription(ref)).header.provenance.sent_by == FEED.machine
