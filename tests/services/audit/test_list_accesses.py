"""What the patient, and who audits, read of the log."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import grpc
import pytest

from kjernejournal.audit.v1 import audit_pb2 as pb
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1 import error_reason_pb2 as reasons
from kjernejournal.common.v1.common_pb2 import CallerContext, PatientIdentifier
from shared.convert import timestamp
from tests.services.audit.records import ARENDAL, HOSPITAL, NURSE, RPC, record, section
from tests.support.service import DOCTOR, calling, reason_of

if TYPE_CHECKING:
    from tests.services.audit.conftest import Log

CITIZEN = CallerContext(kind=common_pb2.CALLER_KIND_CITIZEN, for_patient=True)


def auditor(legal_entity: str, *, controller: bool = False) -> CallerContext:
    return CallerContext(kind=common_pb2.CALLER_KIND_AUDITOR, legal_entity=legal_entity, controller=controller)


async def listed(log: "Log", *refs: str, caller: CallerContext = CITIZEN, **fields: object) -> pb.ListAccessesResponse:
    patient = PatientIdentifier(patient_ref=refs[0])
    request = pb.ListAccessesRequest(patient=patient, **fields)  # type: ignore[arg-type]  # the fields of the message
    return await log.stub.ListAccesses(request, metadata=calling(caller, *refs))


async def test_the_citizen_sees_who_where_when_why_and_exactly_what(log: "Log") -> None:
    ref, visit = str(uuid4()), str(uuid4())
    sent = record(ref, sections=[section(common_pb2.SECTION_VISITS, visit)])
    (answer,) = await log.record(sent)
    response = await listed(log, ref)
    (access,) = response.accesses
    assert access.practitioner == NURSE
    assert access.legal_entity == ARENDAL
    assert access.point_of_care.department == "Sone øst"
    assert access.occurred_at == sent.occurred_at
    assert access.ground == sent.ground
    assert (access.trace_id, list(access.rpcs), access.outcome) == (sent.trace_id, [RPC], pb.ACCESS_OUTCOME_DISCLOSED)
    (shown,) = access.sections
    assert [(entry.id, entry.version) for entry in shown.entries] == [(visit, 1)]
    assert (shown.section, shown.entry_count, shown.changed) == (common_pb2.SECTION_VISITS, 1, False)
    assert not access.emergency
    assert not access.restricted_opened
    assert list(access.receipts) == [answer.receipt]
    assert ref.encode() not in response.SerializeToString()


async def test_the_records_of_one_access_are_one_access(log: "Log") -> None:
    ref, access_id, document = str(uuid4()), str(uuid4()), str(uuid4())
    chunks = [
        section(common_pb2.SECTION_DOCUMENTS, document, range=pb.ByteRange(start=start, end=start + 10))
        for start in (0, 10)
    ]
    await log.record(record(ref, access_id=access_id, sections=chunks[:1]))
    await log.record(record(ref))
    await log.record(
        record(ref, access_id=access_id, sections=chunks[1:]),
        record(ref, access_id=access_id, sections=[section(common_pb2.SECTION_VISITS)]),
    )
    response = await listed(log, ref)
    assert [len(access.receipts) for access in response.accesses] == [1, 3]  # newest beginning first
    sections = response.accesses[1].sections
    assert [each.section for each in sections] == [common_pb2.SECTION_DOCUMENTS, common_pb2.SECTION_VISITS]
    assert [entry.id for entry in sections[0].entries] == [document]
    assert response.window.total == 2


WRITE = "/kjernejournal.critical_info.v1.CriticalInfoService/CreateCriticalInfo"


@pytest.mark.parametrize(
    "status, outcome", [(None, "PENDING"), (0, "CHANGED"), (14, "FAILED")], ids=["no outcome", "made", "failed"]
)
async def test_a_write_is_changed_only_when_its_outcome_says_so(log: "Log", status: int | None, outcome: str) -> None:
    ref = str(uuid4())
    written = [section(common_pb2.SECTION_CRITICAL_INFO, str(uuid4()))]
    permit = record(ref, kind=pb.RECORD_KIND_PERMIT, rpc=WRITE, sections=[section(common_pb2.SECTION_CRITICAL_INFO)])
    await log.record(permit)
    if status is not None:
        result = record(ref, kind=pb.RECORD_KIND_OUTCOME, access_id=permit.access_id, rpc=WRITE, sections=written)
        result.status_code = status
        await log.record(result)
    (access,) = (await listed(log, ref)).accesses
    assert access.outcome == pb.AccessOutcome.Value(f"ACCESS_OUTCOME_{outcome}")
    assert [each.changed for each in access.sections] == [outcome == "CHANGED"]


async def test_a_denial_is_shown_with_its_reason(log: "Log") -> None:
    ref = str(uuid4())
    denied = record(ref, kind=pb.RECORD_KIND_DENIAL, status_code=7, reason=reasons.ERROR_REASON_NO_ACCESS, sections=[])
    await log.record(denied)
    (access,) = (await listed(log, ref)).accesses
    assert (access.outcome, access.reason) == (pb.ACCESS_OUTCOME_DENIED, reasons.ERROR_REASON_NO_ACCESS)


async def test_emergencies_and_openings_of_what_is_restricted_are_marked(log: "Log") -> None:
    ref = str(uuid4())
    opened = section(common_pb2.SECTION_DOCUMENTS, str(uuid4()), restricted_opened=True)
    ground = pb.AccessGround(basis=common_pb2.ACCESS_BASIS_FORHOYET_AKUTT)
    await log.record(record(ref, ground=ground, sections=[opened]))
    (access,) = (await listed(log, ref)).accesses
    assert access.emergency
    assert access.restricted_opened
    assert access.sections[0].restricted_opened


async def test_what_was_refused_was_not_opened(log: "Log") -> None:
    ref = str(uuid4())
    asked = section(common_pb2.SECTION_DOCUMENTS, restricted_opened=True)
    await log.record(record(ref, kind=pb.RECORD_KIND_DENIAL, status_code=7, sections=[asked]))
    (access,) = (await listed(log, ref)).accesses
    assert not access.restricted_opened


async def test_pages_hold_every_access_once_in_the_order_of_the_log(log: "Log") -> None:
    ref, alias = str(uuid4()), str(uuid4())
    sent = [record(ref if number % 3 else alias) for number in range(23)]
    sent[5].occurred_at.CopyFrom(timestamp(datetime.now(UTC) + timedelta(days=300)))  # a clock that is wrong
    for each in sent:
        await log.record(each)
    seen: list[str] = []
    token = ""
    while True:
        response = await listed(log, ref, alias, page_size=5, page_token=token)
        seen += [access.access_id for access in response.accesses]
        assert response.window.total == 23
        token = response.next_page_token
        assert response.window.older_exist == bool(token)
        if not token:
            break
        await log.record(record(str(uuid4())), record(ref, access_id=sent[0].access_id, sections=[]))
    assert seen == [each.access_id for each in reversed(sent)]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await listed(log, ref, page_token="another")
    assert reason_of(refused.value) == "INVALID_PAGE_TOKEN"


async def test_since_bounds_the_list_and_the_window_says_what_there_is(log: "Log") -> None:
    ref = str(uuid4())
    now = datetime.now(UTC)
    for days in (400, 20, 1):
        await log.record(record(ref, occurred_at=timestamp(now - timedelta(days=days))))
    response = await listed(log, ref, since=timestamp(now - timedelta(days=30)))
    window = response.window
    assert (len(response.accesses), window.returned, window.total, window.older_exist) == (2, 2, 3, True)


async def test_an_auditor_sees_the_own_organisation_and_the_data_controllers_sees_all(log: "Log") -> None:
    ref = str(uuid4())
    own = record(ref)
    elsewhere = record(ref, actor=pb.Actor(kind=common_pb2.CALLER_KIND_CLINICIAN, legal_entity=HOSPITAL))
    await log.record(own, elsewhere)
    for reader, expected in [
        (auditor(ARENDAL.number), [own.access_id]),
        (auditor(HOSPITAL.number), [elsewhere.access_id]),
        (auditor("999999999"), []),
        (auditor("999999999", controller=True), [elsewhere.access_id, own.access_id]),
    ]:
        response = await listed(log, ref, caller=reader)
        assert [access.access_id for access in response.accesses] == expected
        assert response.window.total == len(expected)


@pytest.mark.parametrize("caller", [DOCTOR, auditor("")], ids=["clinician", "auditor without organisation"])
async def test_nobody_else_reads_the_log(log: "Log", caller: CallerContext) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await listed(log, str(uuid4()), caller=caller)
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED


async def test_another_patients_records_of_the_same_access_stay_out(log: "Log") -> None:
    ref, other, access_id = str(uuid4()), str(uuid4()), str(uuid4())
    await log.record(record(other, access_id=access_id), record(ref, access_id=access_id), record(access_id=access_id))
    (access,) = (await listed(log, ref)).accesses
    assert len(access.receipts) == 1
    assert len(access.sections[0].entries) == 2


async def test_who_acted_for_the_patient_is_named_and_a_machine_is_not_a_name(log: "Log") -> None:
    ref = str(uuid4())
    kinds = (common_pb2.CALLER_KIND_CITIZEN, common_pb2.CALLER_KIND_AUDITOR, common_pb2.CALLER_KIND_SYSTEM)
    personal = pb.PersonalPart(patient_ref=ref, subject="Kari Nordmann")
    await log.record(*(record(ref, actor=pb.Actor(kind=kind), personal=personal) for kind in kinds))
    names = {each.caller_kind: each.acting_name for each in (await listed(log, ref)).accesses}
    assert names == dict(zip(kinds, ("Kari Nordmann", "Kari Nordmann", ""), strict=True))
