"""Saving: new registrations and changes, by whom, once."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import CALLER_KIND_CITIZEN, CALLER_KIND_CLINICIAN, CallerContext, EntryHeader
from kjernejournal.own_registrations.v1 import own_registrations_pb2 as pb
from tests.services.own_registrations.calls import (
    CITIZEN,
    GUARDIAN,
    PROXY,
    Register,
    card,
    contact,
    fed,
    illness,
    need,
    new_ref,
)
from tests.support.service import DOCTOR, details_of, reason_of

NOBODYS = "00000000-0000-4000-8000-000000000001"
"""An id that no registration has."""


async def test_what_is_saved_is_listed_with_id_version_and_author(register: Register) -> None:
    ref = new_ref()
    saved = await register.save(ref, contact())
    assert [saved] == await register.entries(ref)
    assert saved.contact == contact().contact
    assert saved.header.version == 1
    assert not saved.header.HasField("first_recorded")


@pytest.mark.parametrize("representative", [PROXY, GUARDIAN])
async def test_the_patient_writes_in_person_and_others_on_the_patients_behalf(
    register: Register, representative: CallerContext
) -> None:
    ref = new_ref()
    own = (await register.save(ref, contact(), caller=CITIZEN)).header.provenance
    assert (own.recorder_kind, own.on_behalf_of) == (CALLER_KIND_CITIZEN, "")
    theirs = (await register.save(ref, illness(), caller=representative)).header.provenance
    assert (theirs.recorder_kind, theirs.on_behalf_of) == (CALLER_KIND_CITIZEN, "patient")


async def test_personnel_at_the_patients_request_are_named_with_role_and_organisation(register: Register) -> None:
    ref = new_ref()
    first = await register.save(ref, contact())
    source = (await register.save(ref, contact("Per"), of=first, caller=DOCTOR)).header.provenance
    assert source.recorder == DOCTOR.practitioner
    assert source.organisation == DOCTOR.organisation
    assert (source.recorder_kind, source.on_behalf_of) == (CALLER_KIND_CLINICIAN, "patient")
    assert source.source_system == DOCTOR.source_system


async def test_a_change_is_the_next_version_and_keeps_the_first_author(register: Register) -> None:
    ref = new_ref()
    first = await register.save(ref, contact(phone="11111111"))
    second = await register.save(ref, contact(phone="22222222"), of=first, caller=DOCTOR)
    third = await register.save(ref, contact(phone="33333333"), of=second)
    assert (third.header.id, third.header.version) == (first.header.id, 3)
    for later in (second, third):
        assert later.header.first_recorded == first.header.provenance
    assert await register.entries(ref) == [third]
    [then] = (await register.listed(ref, as_of=second.header.stored_at)).registrations
    assert then == second
    assert not (await register.listed(ref, as_of=first.header.provenance.recorded_at)).registrations


async def test_the_header_that_a_caller_sends_is_not_looked_at(register: Register) -> None:
    ref, request_id = new_ref(), str(uuid4())
    sent = fed(contact(), "forged")
    sent.header.MergeFrom(EntryHeader(id=str(uuid4()), version=7))
    saved = await register.save(ref, sent, request_id=request_id)
    assert saved.header.provenance.source_id == ""
    assert saved.header.id != sent.header.id
    assert await register.save(ref, contact(), request_id=request_id) == saved


async def test_a_change_from_a_version_behind_is_aborted_with_the_current_one(register: Register) -> None:
    ref = new_ref()
    first = await register.save(ref, contact())
    await register.save(ref, contact("Per"), of=first)
    for version in (1, 3):
        first.header.version = version
        with pytest.raises(grpc.aio.AioRpcError) as behind:
            await register.save(ref, contact("Pål"), of=first)
        assert behind.value.code() == grpc.StatusCode.ABORTED
        assert details_of(behind.value)["current_version"] == "2"


async def test_a_retry_gives_the_same_answer_also_when_the_entry_was_changed_since(register: Register) -> None:
    ref, request_id = new_ref(), str(uuid4())
    first = await register.save(ref, contact(), request_id=request_id)
    second = await register.save(ref, contact("Per"), of=first)
    assert await register.save(ref, contact(), request_id=request_id.upper()) == first
    assert await register.entries(ref) == [second]


async def test_another_body_under_the_same_request_id_is_refused(register: Register) -> None:
    ref, request_id = new_ref(), str(uuid4())
    first = await register.save(ref, contact(), request_id=request_id)
    for other in (
        register.save(ref, contact("Per"), request_id=request_id),
        register.save(ref, contact(), of=first, request_id=request_id),
        register.delete(ref, first.header.id, request_id=request_id),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await other
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert reason_of(refused.value) == "REQUEST_ID_REUSED"
    assert await register.entries(ref) == [first]


async def test_a_request_sent_many_times_at_once_has_one_effect_and_one_answer(register: Register) -> None:
    ref, request_id = new_ref(), str(uuid4())
    answers = await asyncio.gather(*(register.save(ref, contact(), request_id=request_id) for _ in range(12)))
    assert await register.entries(ref) == [answers[0]]
    assert all(answer == answers[0] for answer in answers)


async def test_one_of_many_changes_at_once_wins(register: Register) -> None:
    ref = new_ref()
    first = await register.save(ref, contact())
    done = await asyncio.gather(
        *(register.save(ref, contact(f"Navn {n}"), of=first) for n in range(10)), return_exceptions=True
    )
    saved = [each for each in done if isinstance(each, pb.OwnRegistration)]
    refused = [each for each in done if isinstance(each, grpc.aio.AioRpcError)]
    assert (len(saved), len(refused)) == (1, 9)
    assert {each.code() for each in refused} == {grpc.StatusCode.ABORTED}
    assert await register.entries(ref) == saved


async def test_a_second_donor_card_is_refused_with_the_id_of_the_first(register: Register) -> None:
    ref, alias = new_ref(), new_ref()
    first = await register.save(ref, card())
    for refs in ([ref], [alias, ref], [ref, alias]):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await register.save(refs, card("andre"))
        assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert reason_of(refused.value) == "STATE_CONFLICT"
        assert details_of(refused.value)["id"] == first.header.id
    changed = await register.save([alias, ref], card(decision=pb.DONOR_DECISION_UNWILLING), of=first)
    assert changed.donor_card.decision == pb.DONOR_DECISION_UNWILLING
    assert await register.entries(alias, ref) == [changed]


async def test_one_of_many_donor_cards_at_once_is_saved_under_whichever_reference(register: Register) -> None:
    ref, alias = new_ref(), new_ref()
    known = ([ref, alias], [alias, ref])
    done = await asyncio.gather(*(register.save(known[n % 2], card(str(n))) for n in range(15)), return_exceptions=True)
    saved = [each for each in done if isinstance(each, pb.OwnRegistration)]
    refused = [each for each in done if isinstance(each, grpc.aio.AioRpcError)]
    assert len(saved) == 1
    assert {each.code() for each in refused} == {grpc.StatusCode.FAILED_PRECONDITION}
    assert {details_of(each)["id"] for each in refused} == {saved[0].header.id}


async def test_a_donor_card_may_follow_one_that_was_deleted(register: Register) -> None:
    ref = new_ref()
    first = await register.save(ref, card())
    await register.delete(ref, first.header.id)
    following = await register.save(ref, card("ny"))
    assert await register.entries(ref) == [following]


async def test_the_kind_of_an_entry_never_changes(register: Register) -> None:
    ref = new_ref()
    first = await register.save(ref, contact())
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await register.save(ref, illness(), of=first)
    assert details_of(refused.value)["field"] == "registration"
    assert await register.entries(ref) == [first]


async def test_a_change_after_a_merge_stays_with_its_entry(register: Register) -> None:
    old, canonical = new_ref(), new_ref()
    first = await register.save(old, contact())
    second = await register.save([canonical, old], contact("Per"), of=first)
    assert (second.header.id, second.header.version) == (first.header.id, 2)
    assert await register.entries(canonical, old) == [second]


async def test_the_entry_of_another_patient_does_not_exist(register: Register) -> None:
    theirs = await register.save(new_ref(), contact())
    ref = new_ref()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await register.save(ref, contact("Per"), of=theirs)
    assert reason_of(refused.value) == "ENTRY_NOT_FOUND"


@pytest.mark.parametrize(
    "field, registration, entry_id, version",
    [
        ("registration", pb.OwnRegistration(header=EntryHeader(version=1)), "", 0),
        ("registration.contact.priority", pb.OwnRegistration(contact=pb.Contact(name="A", priority=-1)), "", 0),
        ("registration.contact.name", pb.OwnRegistration(contact=pb.Contact(comment="?")), "", 0),
        ("expected_version", need(), "", 1),
        ("expected_version", need(), NOBODYS, 0),
        ("expected_version", need(), NOBODYS, -1),
        ("id", need(), "not-a-uuid", 1),
    ],
)
async def test_a_request_that_breaks_a_rule_is_refused_by_field(
    register: Register, field: str, registration: pb.OwnRegistration, entry_id: str, version: int
) -> None:
    of = pb.OwnRegistration(header=EntryHeader(id=entry_id, version=version))
    ref = new_ref()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await register.save(ref, registration, of=of)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert details_of(refused.value)["field"] == field
    assert not await register.entries(ref)
