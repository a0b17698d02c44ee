"""Merges and unmerges: reads take the set, nothing moves, and what was each one's comes back."""

import asyncio
from uuid import uuid4

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import (
    SECTION_LABS,
    SECTION_VISITS,
    CallerContext,
    PatientIdentifier,
    Practitioner,
)
from kjernejournal.patients.v1 import patients_pb2 as pb
from services.patients.model import with_those_merged_before
from services.patients.servicer import REFS_KEY
from tests.services.patients.changing import CITIZEN
from tests.services.patients.conftest import Patients
from tests.services.patients.people import new_id, person, place, years_ago
from tests.support.service import FEED, calling, reason_of


async def block(service: Patients, national_id: str, hpr: str) -> None:
    patient, metadata = await service.on(national_id, CITIZEN)
    request = pb.BlockPersonnelRequest(
        patient=patient, request_id=str(uuid4()), personnel=[Practitioner(hpr_number=hpr)]
    )
    await service.privacy.BlockPersonnel(request, metadata=metadata)


async def test_both_ids_lead_to_the_whole_set_with_the_one_who_stays_first(service: Patients) -> None:
    stays = await service.register(person(family="Stays"))
    merged = await service.register(person(new_id(d_number=True), family="Merged"))
    before = [answer.patient_refs[0] for answer in await service.resolve(stays, merged)]
    reply = await service.merge(stays, merged)
    assert list(reply.national_id_kinds) == [pb.NATIONAL_ID_KIND_SYNTHETIC_TENOR]
    for answer in await service.resolve(stays, merged):
        assert list(answer.patient_refs) == before
    assert (await service.section(merged)).name.family == "Stays"


async def test_a_reference_in_capitals_is_the_same_patient(service: Patients) -> None:
    stays, merged = await service.register(), await service.register()
    [answer] = await service.resolve(stays)
    [ref] = answer.patient_refs
    request = pb.MergePatientsRequest(
        patient=PatientIdentifier(patient_ref=ref.upper()), request_id=str(uuid4()), merged_national_id=merged
    )
    await service.patients.MergePatients(request, metadata=calling(FEED, ref.upper()))
    assert {each.patient_refs[0] for each in await service.resolve(stays, merged)} == {ref}


async def test_what_either_restricted_holds_for_both_and_is_each_ones_again_after_an_unmerge(service: Patients) -> None:
    stays, merged = await service.register(), await service.register()
    await block(service, stays, "1111111")
    await block(service, merged, "2222222")
    await service.merge(stays, merged)
    assert list((await service.facts(stays)).blocked_hpr_numbers) == ["1111111", "2222222"]
    patient, metadata = await service.on(stays, CITIZEN)
    lifted = pb.UnblockPersonnelRequest(patient=patient, request_id=str(uuid4()), hpr_numbers=["2222222"])
    reply = await service.privacy.UnblockPersonnel(lifted, metadata=metadata)
    assert [one.practitioner.hpr_number for one in reply.settings.blocked_personnel] == ["1111111"]
    await block(service, merged, "3333333")
    assert await service.privacy.UnblockPersonnel(lifted, metadata=metadata) == reply
    await service.unmerge(stays, merged)
    assert list((await service.facts(stays)).blocked_hpr_numbers) == ["1111111", "3333333"]
    assert not (await service.facts(merged)).blocked_hpr_numbers


async def test_restrictions_are_replaced_for_the_whole_set(service: Patients) -> None:
    stays, merged = await service.register(), await service.register()

    async def restrict(national_id: str, *sections: int) -> pb.PrivacySettings:
        patient, metadata = await service.on(national_id, CITIZEN)
        request = pb.RestrictSectionsRequest(
            patient=patient,
            request_id=str(uuid4()),
            restricted_sections=sections,  # type: ignore[arg-type]  # section numbers
        )
        return (await service.privacy.RestrictSections(request, metadata=metadata)).settings

    await restrict(merged, SECTION_LABS, SECTION_VISITS)
    await service.merge(stays, merged)
    assert list((await service.facts(stays)).restricted_sections) == [SECTION_VISITS, SECTION_LABS]
    assert list((await restrict(stays, SECTION_LABS)).restricted_sections) == [SECTION_LABS]
    assert list((await service.facts(merged)).restricted_sections) == [SECTION_LABS]


async def test_lists_of_both_are_one_history(service: Patients) -> None:
    stays, merged = await service.register(), await service.register()
    await service.assign(merged, place("M-1", years_ago(2), years_ago(1)))
    await service.assign(stays, place("S-1", years_ago(0.5)))
    await service.merge(stays, merged)
    shown = (await service.section(merged)).general_practitioners
    assert [one.contract.contract_id for one in shown] == ["S-1", "M-1"]


async def test_an_open_place_of_the_merged_one_is_ended_by_the_next(service: Patients) -> None:
    stays, merged = await service.register(), await service.register()
    await service.assign(merged, place("M-2", years_ago(2), hpr="7777777"))
    await service.merge(stays, merged)
    await service.assign(stays, place("S-2", years_ago(0.5), hpr="8888888"))
    assert list((await service.facts(stays)).gp_hpr_numbers) == ["8888888"]


async def test_the_same_request_again_has_one_effect_and_both_patients_are_told_for_the_record(
    service: Patients,
) -> None:
    stays, merged = await service.register(), await service.register()
    patient, metadata = await service.on(stays, FEED)
    request = pb.MergePatientsRequest(patient=patient, request_id=str(uuid4()), merged_national_id=merged)
    call = service.patients.MergePatients(request, metadata=metadata)
    first = await call
    assert first.HasField("stored_at")
    assert await service.patients.MergePatients(request, metadata=metadata) == first
    told = dict(await call.trailing_metadata())[REFS_KEY]
    assert isinstance(told, bytes)
    [answer] = await service.resolve(stays)
    assert CallerContext.FromString(told).patient_refs == answer.patient_refs
    request.merged_national_id = await service.register()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.patients.MergePatients(request, metadata=metadata)
    assert reason_of(refused.value) == "REQUEST_ID_REUSED"


async def test_a_merge_is_not_answered_with_another_patients_merge(service: Patients) -> None:
    stays, other, merged = [await service.register() for _ in range(3)]
    request_id = str(uuid4())

    async def merge(into: str) -> pb.MergePatientsResponse:
        patient, metadata = await service.on(into, FEED)
        request = pb.MergePatientsRequest(patient=patient, request_id=request_id, merged_national_id=merged)
        return await service.patients.MergePatients(request, metadata=metadata)

    await merge(stays)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await merge(other)
    assert reason_of(refused.value) == "REQUEST_ID_REUSED"
    [answer] = await service.resolve(other)
    assert len(answer.patient_refs) == 1


async def test_two_merges_at_once_make_one_patient(service: Patients) -> None:
    one, other = await service.register(), await service.register()
    outcomes = await asyncio.gather(
        service.merge(one, other), service.merge(other, one), service.merge(one, other), return_exceptions=True
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, grpc.aio.AioRpcError)]
    assert len(refused) == 2
    assert {error.code() for error in refused} == {grpc.StatusCode.FAILED_PRECONDITION}
    [first, second] = await service.resolve(one, other)
    assert first.patient_refs == second.patient_refs
    assert len(first.patient_refs) == 2


async def test_an_unmerge_takes_along_those_merged_before(service: Patients) -> None:
    first, second, third = [await service.register() for _ in range(3)]
    own = {value: (await service.resolve(value))[0].patient_refs[0] for value in (first, second, third)}
    await service.merge(second, third)
    await service.merge(first, second)
    assert set((await service.resolve(third))[0].patient_refs) == set(own.values())
    await service.unmerge(first, second)
    [one, two, three] = await service.resolve(first, second, third)
    assert list(one.patient_refs) == [own[first]]
    assert list(two.patient_refs) == list(three.patient_refs) == [own[second], own[third]]


async def test_what_is_no_merge_is_refused(service: Patients) -> None:
    one, other = await service.register(), await service.register()
    for call, arguments, code in (
        (service.merge, (one, one), grpc.StatusCode.FAILED_PRECONDITION),
        (service.merge, (one, new_id()), grpc.StatusCode.NOT_FOUND),
        (service.unmerge, (one, other), grpc.StatusCode.FAILED_PRECONDITION),
        (service.unmerge, (one, one), grpc.StatusCode.FAILED_PRECONDITION),
        (service.merge, (one, "13527248013"), grpc.StatusCode.INVALID_ARGUMENT),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(*arguments)
        assert refused.value.code() is code


async def test_registering_by_any_id_of_the_set_adds_a_version_to_the_one_who_stays(service: Patients) -> None:
    stays, merged = await service.register(), await service.register()
    await service.merge(stays, merged)
    await service.register(person(merged, family="Renamed"))
    shown = await service.section(stays)
    assert (shown.name.family, shown.version) == ("Renamed", 2)


async def test_a_change_of_a_patient_who_is_not_here_is_not_found(service: Patients) -> None:
    nobody = PatientIdentifier(patient_ref=str(uuid4()))
    metadata = calling(FEED, nobody.patient_ref)
    merge = pb.MergePatientsRequest(
        patient=nobody, request_id=str(uuid4()), merged_national_id=await service.register()
    )
    assign = pb.AssignGeneralPractitionerRequest(
        patient=nobody, request_id=str(uuid4()), assignment=place("X", years_ago(1))
    )
    for call in (
        service.patients.MergePatients(merge, metadata=metadata),
        service.patients.AssignGeneralPractitioner(assign, metadata=metadata),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND


def test_those_merged_before_are_found_through_others() -> None:
    merged_into = {"a": None, "b": "a", "c": "b", "d": "a", "e": "c"}
    assert with_those_merged_before(merged_into, "b") == {"b", "c", "e"}
    assert with_those_merged_before(merged_into, "d") == {"d"}
