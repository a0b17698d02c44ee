"""What registers say of people late, again, or in part: what is older changes nothing, what is not stated stays."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import uuid4

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from kjernejournal.common.v1.common_pb2 import SECTION_LABS, SECTION_VISITS, ImportCounts, PartialDate
from kjernejournal.patients.v1 import patients_pb2 as pb
from shared.convert import timestamp
from tests.services.patients.conftest import Patients
from tests.services.patients.people import guardian, new_id, parent, person, place, registering, years_ago
from tests.support.service import FEED, calling, details_of

BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def at(days: int) -> datetime:
    return BEGAN + days * DAY


async def load(service: Patients, *patients: pb.ImportedPatient) -> ImportCounts:
    messages = [pb.BulkImportRequest(patients=[each]) for each in patients]
    return (await service.patients.BulkImport(iter(messages), metadata=calling(FEED))).counts


async def register(service: Patients, one: pb.Person) -> pb.RegisterPatientResponse:
    return await service.patients.RegisterPatient(registering(one), metadata=calling(FEED))


@pytest.mark.parametrize("single", [True, False])
async def test_the_dead_under_strengt_fortrolig_do_not_live_again(service: Patients, single: bool) -> None:
    value = new_id()
    alive = person(value, changed_at=timestamp(at(1)))
    moved = person(value, family="Flyttet", changed_at=timestamp(at(2)))
    dead = person(
        value,
        address_protection=pb.ADDRESS_PROTECTION_STRENGT_FORTROLIG,
        death=pb.Death(date=PartialDate(year=2025)),
        changed_at=timestamp(at(3)),
    )
    for sent, outdated in ((alive, False), (dead, False), (alive, True), (moved, True), (alive, True)):
        if single:
            assert (await register(service, sent)).outdated == outdated
        else:
            assert (await load(service, pb.ImportedPatient(person=sent))).outdated == outdated
    shown = await service.section(value)
    assert shown.HasField("death")
    assert not shown.HasField("address")
    assert shown.name.family == "Nordmann"


async def test_every_order_ends_in_the_newest(service: Patients) -> None:
    for order in permutations(range(1, 5)):
        value = new_id()
        for number in (*order, order[0]):
            sent = person(value, family=str(number), changed_at=timestamp(at(number)))
            if number % 2:
                await register(service, sent)
            else:
                await load(service, pb.ImportedPatient(person=sent))
        assert (await service.section(value)).name.family == "4", order


async def test_what_says_no_time_and_comes_again_is_no_change_back(service: Patients) -> None:
    value = new_id()
    first, second = (pb.ImportedPatient(person=person(value, family=name)) for name in ("Før", "Etter"))
    await load(service, first, second)
    assert (await load(service, first)).outdated == 1
    assert (await service.section(value)).name.family == "Etter"


async def test_what_a_source_does_not_state_stays(service: Patients) -> None:
    """A hospital knows an identifier alone; the population register knows everything."""
    value, mother = new_id(), new_id()
    whole = person(
        value,
        family="Skjermet",
        address_protection=pb.ADDRESS_PROTECTION_FORTROLIG,
        guardians=[guardian(mother)],
        mobile_phone="99999999",
    )
    whole.family.append(parent(mother))
    await load(service, pb.ImportedPatient(person=whole))
    before, facts = await service.section(value), await service.facts(value)
    bare = pb.Person(national_ids=[pb.NationalId(value=value)], stated=FieldMask())
    assert await load(service, pb.ImportedPatient(person=bare)) == ImportCounts(batches=1, unchanged=1)
    assert (await register(service, bare)).version == 1
    assert await service.section(value) == before
    part = pb.Person(national_ids=[pb.NationalId(value=value)], name=pb.HumanName(given="Kari", family="Ny"))
    part.stated.paths.append("name")
    assert (await load(service, pb.ImportedPatient(person=part))).updated == 1
    after = await service.section(value)
    assert after.name.family == "Ny"
    for field in ("birth_date", "sex", "address_protection", "family", "guardians", "mobile_phone"):
        assert getattr(after, field) == getattr(before, field), field
    assert (await service.facts(value)).guardians == facts.guardians
    assert (await service.facts(value)).parents_at_address == facts.parents_at_address


async def test_what_is_stated_and_unset_is_none(service: Patients) -> None:
    value = new_id()
    await register(service, person(value, mobile_phone="99999999", death=pb.Death()))
    part = pb.Person(national_ids=[pb.NationalId(value=value)])
    part.stated.paths.append("death")
    await register(service, part)
    shown = await service.section(value)
    assert not shown.HasField("death")
    assert shown.mobile_phone == "99999999"


async def test_a_later_part_does_not_hide_what_the_whole_says_of_the_rest(service: Patients) -> None:
    value = new_id()
    await register(service, person(value, changed_at=timestamp(at(1))))
    part = pb.Person(national_ids=[pb.NationalId(value=value)], mobile_phone="1", changed_at=timestamp(at(3)))
    part.stated.paths.append("mobile_phone")
    await register(service, part)
    await register(service, person(value, mobile_phone="2", death=pb.Death(), changed_at=timestamp(at(2))))
    shown = await service.section(value)
    assert (shown.HasField("death"), shown.mobile_phone) == (True, "1")


async def test_a_new_person_may_be_known_by_the_identifier_alone(service: Patients) -> None:
    value = new_id()
    await register(service, pb.Person(national_ids=[pb.NationalId(value=value)], stated=FieldMask()))
    assert (await service.section(value)).name == pb.HumanName()


async def test_a_field_that_no_source_states_is_refused_by_name(service: Patients) -> None:
    one = person()
    one.stated.paths.append("national_ids")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await register(service, one)
    assert details_of(refused.value)["field"] == "person.stated.paths[0]"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await register(service, pb.Person(national_ids=[pb.NationalId(value=new_id())]))
    assert details_of(refused.value)["field"] == "person.name"


async def test_a_late_history_of_lists_and_late_settings_change_nothing(service: Patients) -> None:
    value = new_id()
    one = person(value, changed_at=timestamp(at(0)))

    def sent(day: int, hpr: str, section: int) -> pb.ImportedPatient:
        privacy = pb.ImportedPrivacy(restricted_sections=[section], changed_at=timestamp(at(day)))  # type: ignore[list-item]  # its number
        lists = [place("now", years_ago(1), hpr=hpr)]
        return pb.ImportedPatient(
            person=one,
            general_practitioners=lists,
            privacy=privacy,
            general_practitioners_changed_at=timestamp(at(day)),
        )

    await load(service, sent(3, "3333333", SECTION_LABS))
    counts = await load(service, sent(2, "2222222", SECTION_VISITS))
    assert (counts.unchanged, counts.outdated) == (1, 2)
    facts = await service.facts(value)
    assert (list(facts.gp_hpr_numbers), list(facts.restricted_sections)) == (["3333333"], [SECTION_LABS])


async def test_a_place_that_has_ended_does_not_begin_again_late(service: Patients) -> None:
    value = await service.register()
    start = years_ago(1)
    opened, ended = place("list", start), place("list", start, years_ago(0.5))
    opened.changed_at.CopyFrom(timestamp(at(1)))
    ended.changed_at.CopyFrom(timestamp(at(2)))
    patient, metadata = await service.on(value, FEED)
    for one, outdated in ((opened, False), (ended, False), (opened, True)):
        request = pb.AssignGeneralPractitionerRequest(patient=patient, request_id=str(uuid4()), assignment=one)
        reply = await service.patients.AssignGeneralPractitioner(request, metadata=metadata)
        assert reply.outdated == outdated
    assert not (await service.facts(value)).gp_hpr_numbers


async def test_a_merge_that_was_taken_back_is_not_made_again_late(service: Patients) -> None:
    stays, other = await service.register(), await service.register()

    async def merge(day: int) -> pb.MergePatientsResponse:
        patient, metadata = await service.on(stays, FEED)
        request = pb.MergePatientsRequest(
            patient=patient, request_id=str(uuid4()), merged_national_id=other, changed_at=timestamp(at(day))
        )
        return await service.patients.MergePatients(request, metadata=metadata)

    assert not (await merge(1)).outdated
    patient, metadata = await service.on(stays, FEED)
    apart = pb.UnmergePatientsRequest(
        patient=patient, request_id=str(uuid4()), separated_national_id=other, changed_at=timestamp(at(2))
    )
    await service.patients.UnmergePatients(apart, metadata=metadata)
    assert (await merge(1)).outdated
    assert len((await service.on(stays))[0].patient_ref) == 36
    one, two = await service.resolve(stays, other)
    assert set(one.patient_refs).isdisjoint(two.patient_refs)
    assert not (await merge(3)).outdated


async def test_a_later_merge_with_somebody_else_does_not_outdate_an_unmerge(service: Patients) -> None:
    stays, wrong, third = [await service.register() for _ in range(3)]
    for other, day in ((wrong, 1), (third, 3)):
        patient, metadata = await service.on(stays, FEED)
        merge = pb.MergePatientsRequest(
            patient=patient, request_id=str(uuid4()), merged_national_id=other, changed_at=timestamp(at(day))
        )
        await service.patients.MergePatients(merge, metadata=metadata)
    patient, metadata = await service.on(stays, FEED)
    apart = pb.UnmergePatientsRequest(
        patient=patient, request_id=str(uuid4()), separated_national_id=wrong, changed_at=timestamp(at(2))
    )
    assert not (await service.patients.UnmergePatients(apart, metadata=metadata)).outdated
    one, two, three = await service.resolve(stays, wrong, third)
    assert set(one.patient_refs).isdisjoint(two.patient_refs)
    assert list(one.patient_refs) == list(three.patient_refs)


async def test_an_earlier_history_of_lists_that_holds_again_is_taken(service: Patients) -> None:
    value = new_id()
    one = person(value, changed_at=timestamp(at(0)))
    start = years_ago(1)
    for day, hpr in ((1, "1111111"), (2, "2222222"), (3, "1111111")):
        sent = pb.ImportedPatient(
            person=one,
            general_practitioners=[place("now", start, hpr=hpr)],
            general_practitioners_changed_at=timestamp(at(day)),
        )
        await load(service, sent)
        assert list((await service.facts(value)).gp_hpr_numbers) == [hpr]
