"""A merge that was wrong and is taken back: what was read meanwhile stands in the log of both persons."""

from uuid import uuid4

from kjernejournal.audit.v1.audit_pb2 import Access, ListAccessesRequest
from kjernejournal.patients.v1.patients_pb2 import MergePatientsRequest, UnmergePatientsRequest
from tests.support.client import Client
from tests.support.patients import Patient, new_patient
from tests.support.summaries import summary
from tests.support.system import System


async def log_of(client: Client, patient: Patient) -> list[Access]:
    request = ListAccessesRequest(patient=patient.identifier)
    return list((await client.call("ListAccesses", request, **patient.asks())).accesses)


async def test_accesses_of_the_time_between_are_in_both_logs_with_the_reason(system: System, client: Client) -> None:
    one, other = await new_patient(system), await new_patient(system)
    merging = MergePatientsRequest(
        patient=one.identifier, request_id=str(uuid4()), merged_national_id=other.national_id
    )
    await client.call("MergePatients", merging, kind="system")
    got = await summary(client, one)
    unmerging = UnmergePatientsRequest(
        patient=one.identifier, request_id=str(uuid4()), separated_national_id=other.national_id
    )
    await client.call("UnmergePatients", unmerging, kind="system")
    trace = got.answer.trailers["trace-id"]
    for patient in (one, other):
        [access] = [each for each in await log_of(client, patient) if each.trace_id == trace]
        assert access.record_was_merged
        assert access.practitioner.hpr_number
        assert access.sections
    alone = await summary(client, one)
    trace = alone.answer.trailers["trace-id"]
    assert [each.record_was_merged for each in await log_of(client, one) if each.trace_id == trace] == [False]
    assert not [each for each in await log_of(client, other) if each.trace_id == trace]
