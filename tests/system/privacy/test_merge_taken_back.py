"""A merge that was wrong and is taken back: what was read meanwhile stands in the logs of both, all else in one."""

from uuid import uuid4

from kjernejournal.audit.v1.audit_pb2 import Access
from kjernejournal.patients.v1.patients_pb2 import MergePatientsRequest, UnmergePatientsRequest
from tests.support.client import Client
from tests.support.patients import Patient, new_patients
from tests.support.summaries import summary
from tests.support.system import System
from tests.system.privacy.test_access_log import log_of


def of(accesses: list[Access], trace_id: str) -> list[Access]:
    return [each for each in accesses if each.trace_id == trace_id]


async def test_both_logs_are_whole_before_between_and_after_with_the_reason(system: System, client: Client) -> None:
    one, other = await new_patients(system, 2)

    async def read(patient: Patient, **who: str) -> str:
        return (await summary(client, patient, **who)).answer.trace_id

    before = {patient: await read(patient) for patient in (one, other)}
    merging = MergePatientsRequest(
        patient=one.identifier, request_id=str(uuid4()), merged_national_id=other.national_id
    )
    merged = await client.answer("MergePatients", merging, kind="system")
    between = [await read(one), await read(other, kind="nurse", basis="SAMTYKKE")]
    unmerging = UnmergePatientsRequest(
        patient=one.identifier, request_id=str(uuid4()), separated_national_id=other.national_id
    )
    unmerged = await client.answer("UnmergePatients", unmerging, kind="system")
    after = {patient: await read(patient) for patient in (one, other)}
    for patient, another in ((one, other), (other, one)):
        log = await log_of(client, patient)
        for trace_id in (before[patient], after[patient]):
            [alone] = of(log, trace_id)
            assert not alone.record_was_merged
        for trace_id in between:
            [access] = of(log, trace_id)
            assert access.record_was_merged, "the reason why it stands here"
            assert access.practitioner.hpr_number
            assert access.sections
        for answer in (merged, unmerged):
            assert of(log, answer.trace_id), "the merge, and that it was taken back, stand in both"
        for trace_id in (before[another], after[another]):
            assert of(log, trace_id) == []
        places = sorted(receipt.patient_sequence for access in log for receipt in access.receipts)
        assert places == list(range(1, len(places) + 1)), "nothing of this person's log is left out"
