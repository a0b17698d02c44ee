"""What an auditor finds of one practitioner: by organisation, by index, and without learning who the patients are."""

from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import grpc
import pytest

from kjernejournal.audit.v1 import audit_pb2 as pb
from kjernejournal.common.v1.common_pb2 import CALLER_KIND_CLINICIAN, CallerContext, Coding, Practitioner
from tests.services.audit.records import ARENDAL, HOSPITAL, record
from tests.services.audit.test_list_accesses import CITIZEN, auditor
from tests.support.service import DOCTOR, calling, reason_of

if TYPE_CHECKING:
    from tests.services.audit.conftest import Log

NUMBERS = iter(range(100_000, 200_000))


def somebody(name: str = "Siv Sykepleier") -> Practitioner:
    return Practitioner(hpr_number=str(next(NUMBERS)), name=name, role=Coding(system="urn:oid:9060", code="SP"))


def opened(who: Practitioner, ref: str = "", **fields: object) -> pb.AuditRecord:
    return record(ref, **{"personal": pb.PersonalPart(patient_ref=ref, practitioner=who), **fields})


async def found(
    log: "Log", who: Practitioner, caller: CallerContext | None = None, **fields: object
) -> pb.ListAccessesByPractitionerResponse:
    request = pb.ListAccessesByPractitionerRequest(hpr_number=who.hpr_number, **fields)  # type: ignore[arg-type]  # the fields of the message
    caller = caller or auditor(ARENDAL.number)
    return await log.stub.ListAccessesByPractitioner(request, metadata=calling(caller))


async def test_an_auditor_finds_what_a_practitioner_opened_and_can_tell_patients_apart(log: "Log") -> None:
    who, one, other = somebody(), str(uuid4()), str(uuid4())
    sent = [opened(who, one), opened(who, other), opened(somebody(), one), opened(who, one)]
    await log.record(*sent)
    response = await found(log, who)
    assert [each.access.access_id for each in response.accesses] == [sent[at].access_id for at in (3, 1, 0)]
    assert [each.patient_number for each in response.accesses] == [1, 2, 1]
    assert (response.window.total, response.window.returned) == (3, 3)
    assert {each.access.practitioner.hpr_number for each in response.accesses} == {who.hpr_number}


async def test_nothing_in_it_names_the_patient(log: "Log") -> None:
    who, ref = somebody(), str(uuid4())
    sent = opened(who, ref)
    await log.record(sent)
    response = await found(log, who)
    said = response.SerializeToString()
    assert ref.encode() not in said
    assert not [entry.id for entry in sent.sections[0].entries if entry.id.encode() in said]
    [access] = [each.access for each in response.accesses]
    assert access.sections[0].entry_count == 2
    assert access.receipts[0].patient_sequence == 0


async def test_an_access_to_several_records_stands_once_for_each(log: "Log") -> None:
    who, access_id = somebody(), str(uuid4())
    refs = [str(uuid4()) for _ in range(3)]
    await log.record(*(opened(who, ref, access_id=access_id) for ref in refs), opened(who))
    assert [each.patient_number for each in (await found(log, who)).accesses] == [0, 1, 2, 3]


async def test_auditors_see_their_own_organisation_and_the_controller_all(log: "Log") -> None:
    who = somebody()
    at_hospital = pb.Actor(kind=CALLER_KIND_CLINICIAN, legal_entity=HOSPITAL)
    await log.record(opened(who, str(uuid4())), opened(who, str(uuid4()), actor=at_hospital))
    entities = [
        [each.access.legal_entity.number for each in (await found(log, who, caller)).accesses]
        for caller in (auditor(ARENDAL.number), auditor(HOSPITAL.number), auditor("1", controller=True), auditor("1"))
    ]
    assert entities == [[ARENDAL.number], [HOSPITAL.number], [HOSPITAL.number, ARENDAL.number], []]


@pytest.mark.parametrize("caller", [CITIZEN, DOCTOR], ids=["citizen", "doctor"])
async def test_nobody_else_may_ask(log: "Log", caller: CallerContext) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await found(log, somebody(), caller)
    assert reason_of(refused.value) == "CALLER_KIND_REFUSED"


@pytest.mark.parametrize("number", ["", "12a", "1234567890", "١٢"])
async def test_what_is_no_hpr_number_is_refused(log: "Log", number: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await found(log, Practitioner(hpr_number=number))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_pages_follow_each_other_and_begin_at_since(log: "Log") -> None:
    who = somebody()
    sent = [opened(who, str(uuid4())) for _ in range(5)]
    await log.record(*sent)
    first = await found(log, who, page_size=2)
    rest = await found(log, who, page_size=3, page_token=first.next_page_token)
    got = [each.access.access_id for page in (first, rest) for each in page.accesses]
    assert got == [each.access_id for each in reversed(sent)]
    assert not rest.next_page_token
    since = await found(log, who, since=sent[3].occurred_at)
    assert [each.access.access_id for each in since.accesses] == [sent[4].access_id, sent[3].access_id]
    assert since.window.older_exist
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await found(log, somebody(), page_token=first.next_page_token)
    assert reason_of(refused.value) == "INVALID_PAGE_TOKEN"


async def test_the_number_is_read_from_the_personal_part_as_it_is_stored(log: "Log") -> None:
    """Whatever else stands there: lengths of one byte and of two, no patient, no practitioner, nothing, garbage."""
    ref = str(uuid4())
    parts = [
        (pb.PersonalPart(patient_ref=ref, practitioner=Practitioner(hpr_number="7", name="Kari")), "7"),
        (pb.PersonalPart(practitioner=Practitioner(hpr_number="123456789", name="å" * 100)), "123456789"),
        (pb.PersonalPart(patient_ref=ref, practitioner=Practitioner(hpr_number="42", name="å" * 100)), "42"),
        (pb.PersonalPart(patient_ref=ref, practitioner=Practitioner(name="uten nummer")), None),
        (pb.PersonalPart(patient_ref=ref, subject="kontrollør", searched_hpr_number="42"), None),
        (pb.PersonalPart(actor_ref=ref), None),
        (pb.PersonalPart(), None),
    ]
    contents = [part.SerializeToString(deterministic=True) for part, _ in parts]
    contents += [contents[0][:length] for length in range(38, 42)]  # cut: whatever it says, it does not fail
    connection = await asyncpg.connect(log.place.dsn)
    try:
        read = await connection.fetch("SELECT practitioner_in(c) FROM unnest($1::bytea[]) AS c", contents)
        await connection.execute("SET enable_seqscan = off")  # of a table of some rows it would be the cheapest
        plan = await connection.fetch(
            "EXPLAIN SELECT idx FROM personal WHERE practitioner_in(content) = '7' ORDER BY idx DESC LIMIT 10"
        )
    finally:
        await connection.close()
    assert [row[0] for row in read][: len(parts)] == [number for _, number in parts]
    assert "personal_of_practitioner" in "\n".join(row[0] for row in plan)
