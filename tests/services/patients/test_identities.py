"""Registering and resolving people: every kind of id, relatives, retries, over a real socket and a real PostgreSQL."""

import asyncio
from datetime import date
from uuid import uuid4

import asyncpg
import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from kjernejournal.common.v1.common_pb2 import CallerContext, Coding, PartialDate, SectionQuery
from kjernejournal.patients.v1 import patients_pb2 as pb
from services.patients import model
from services.patients.servicer import REFS_KEY
from shared.convert import timestamp
from shared.errors import Invalid
from tests.services.patients.conftest import Patients
from tests.services.patients.people import HOME, NHN, guardian, new_id, parent, person, registering, years_ago
from tests.support.service import DOCTOR, FEED, calling, details_of, reason_of


def fh_number() -> str:
    """Returns an FH-number with fitting check digits."""
    base = f"8{uuid4().int % 10**8:08d}"
    for weights in ((3, 7, 6, 1, 8, 9, 4, 5, 2), (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)):
        check = -sum(int(d) * w for d, w in zip(base, weights, strict=True)) % 11
        if check == 10:
            return fh_number()
        base += str(check)
    return base


async def test_every_kind_of_id_leads_to_its_patient(service: Patients) -> None:
    for value, kind in (
        (new_id(), pb.NATIONAL_ID_KIND_SYNTHETIC_TENOR),
        (new_id(month_offset=NHN), pb.NATIONAL_ID_KIND_SYNTHETIC_NHN),
        (new_id(d_number=True), pb.NATIONAL_ID_KIND_SYNTHETIC_TENOR),
        (fh_number(), pb.NATIONAL_ID_KIND_FHN),
    ):
        await service.register(person(value))
        [answer] = await service.resolve(value)
        assert answer.state == pb.RESOLUTION_STATE_REGISTERED
        assert len(answer.patient_refs) == 1
        assert list((await service.section(value)).national_id_kinds) == [kind]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("13527248013", id="H-number"),
        pytest.param("02013299997", id="real, by the rule of 2032"),
        pytest.param("12345678901", id="check digits"),
        pytest.param("1371740408", id="too short"),
    ],
)
async def test_a_number_that_is_not_accepted_is_named_by_field_alone(service: Patients, value: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.register(person(value))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(refused.value) == "INVALID_NATIONAL_ID"
    assert details_of(refused.value)["field"] == "person.national_ids[0].value"
    assert value not in str(refused.value.details())


def test_in_production_real_numbers_alone_are_taken() -> None:
    model.check_person(person("02013299997"), production=True)
    with pytest.raises(Invalid, match="synthetic"):
        model.check_person(person(), production=True)


async def test_what_is_not_known_is_an_answer(service: Patients) -> None:
    known, unknown = await service.register(), new_id()
    answers = await service.resolve(unknown, known)
    assert [answer.state for answer in answers] == [pb.RESOLUTION_STATE_UNKNOWN, pb.RESOLUTION_STATE_REGISTERED]
    assert not answers[0].patient_refs
    assert not answers[0].HasField("facts")


async def test_a_second_id_joins_the_first_and_both_lead_to_one_ref(service: Patients) -> None:
    d_number, fnr = new_id(d_number=True), new_id()
    await service.register(person(d_number))
    await service.register(person(fnr, d_number))
    one, two = await service.resolve(d_number, fnr)
    assert one.patient_refs == two.patient_refs
    assert (await service.section(fnr)).version == 2


async def test_ids_of_two_patients_are_not_joined_by_registering(service: Patients) -> None:
    one, two = await service.register(), await service.register()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.register(person(one, two))
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_the_same_request_again_has_one_effect(service: Patients) -> None:
    one, request_id = person(), str(uuid4())
    call = service.patients.RegisterPatient(registering(one, request_id), metadata=calling(FEED))
    first = await call
    again = await service.patients.RegisterPatient(registering(one, request_id), metadata=calling(FEED))
    assert first == again
    assert first.version == 1
    told = dict(await call.trailing_metadata())[REFS_KEY]
    assert isinstance(told, bytes)
    [answer] = await service.resolve(one.national_ids[0].value)
    assert CallerContext.FromString(told).patient_refs == answer.patient_refs
    one.name.given = "Ola"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.patients.RegisterPatient(registering(one, request_id), metadata=calling(FEED))
    assert reason_of(refused.value) == "REQUEST_ID_REUSED"


async def test_registering_the_same_person_many_times_at_once_makes_one_patient(service: Patients) -> None:
    value = new_id()
    replies = await asyncio.gather(
        *(
            service.patients.RegisterPatient(registering(person(value, family=f"N{n}")), metadata=calling(FEED))
            for n in range(4)
        )
    )
    assert sorted(reply.version for reply in replies) == [1, 2, 3, 4]
    assert len((await service.resolve(value))[0].patient_refs) == 1


async def test_a_protected_address_is_not_shown_and_no_national_id_is(service: Patients) -> None:
    mother = new_id()
    for protection in pb.AddressProtection.values():
        one = person()
        one.address_protection = protection
        one.family.append(parent(mother))
        shown = await service.section(await service.register(one))
        assert shown.HasField("address") == (protection == pb.ADDRESS_PROTECTION_UGRADERT)
        assert shown.address_protection == protection
        assert shown.family[0].name.given == "Mor"
        assert shown.family[0].national_id == ""


async def test_guardians_and_parents_are_told_by_ref_and_the_address_is_compared(service: Patients) -> None:
    mother, father, child = new_id(), new_id(), new_id(date(2018, 3, 1))
    one = person(child, birth_date=PartialDate(year=2018, month=3, day=1))
    one.family.extend([parent(mother), parent(father, "far")])
    one.guardians.extend([guardian(mother), guardian(father)])
    await service.register(one)
    mother_named, father_named = await service.resolve(mother, father)
    assert mother_named.state == pb.RESOLUTION_STATE_NAMED
    facts = await service.facts(child)
    assert [fact.patient_ref for fact in facts.guardians] == [*mother_named.patient_refs, *father_named.patient_refs]
    assert not facts.parents_at_address
    await service.register(person(mother))
    elsewhere = person(father)
    elsewhere.address.lines[:] = ["Lillegata 2"]
    await service.register(elsewhere)
    assert (await service.facts(child)).parents_at_address == mother_named.patient_refs
    one.address_protection = pb.ADDRESS_PROTECTION_STRENGT_FORTROLIG
    await service.register(one)
    assert not (await service.facts(child)).parents_at_address


async def test_a_parent_registered_under_another_id_first_is_still_the_parent(service: Patients) -> None:
    d_number, fnr, child = new_id(d_number=True), new_id(), new_id()
    await service.register(person(fnr))
    one = person(child)
    one.family.append(parent(d_number))
    one.guardians.append(guardian(d_number))
    await service.register(one)
    await service.register(person(fnr, d_number))
    [resolved] = await service.resolve(fnr)
    facts = await service.facts(child)
    assert facts.guardians[0].patient_ref in resolved.patient_refs
    assert len(facts.parents_at_address) == 1
    assert facts.parents_at_address[0] in resolved.patient_refs


async def test_a_guardianship_that_has_ended_gives_no_right(service: Patients) -> None:
    one = person()
    one.guardians.append(guardian(new_id()))
    one.guardians[0].period.end.CopyFrom(timestamp(years_ago(1)))
    assert not (await service.facts(await service.register(one))).guardians


async def test_an_appointed_guardian_is_told_with_what_the_appointment_covers(service: Patients) -> None:
    one = person()
    one.guardians.add(
        national_id=new_id(), kind=pb.GUARDIAN_KIND_APPOINTED, areas=[pb.GUARDIAN_AREA_PERSONAL]
    ).name.given = "Vera"
    [fact] = (await service.facts(await service.register(one))).guardians
    assert (fact.kind, list(fact.areas)) == (pb.GUARDIAN_KIND_APPOINTED, [pb.GUARDIAN_AREA_PERSONAL])
    one.guardians[0].areas[:] = [pb.GUARDIAN_AREA_UNSPECIFIED]
    with pytest.raises(Invalid) as refused:
        model.check_person(one, production=False)
    assert refused.value.field == "guardians[0].areas"


async def test_death_and_partial_birth_dates_are_facts(service: Patients) -> None:
    one = person(death=pb.Death(date=PartialDate(year=2024)))
    one.birth_date.CopyFrom(PartialDate(year=1931))
    facts = await service.facts(await service.register(one))
    assert (facts.deceased, facts.death_date.year, facts.birth_date.month) == (True, 2024, 0)


@pytest.mark.parametrize(
    "change, field",
    [
        (pb.Person(address=pb.Address(municipality_number="Arendal"[:4])), "person.address.municipality_number"),
        (pb.Person(marital_status=Coding(system="urn:other", code="gift")), "person.marital_status.system"),
        (
            pb.Person(family=[pb.FamilyRelation(relation=Coding(system="x", code="mor"))]),
            "person.family[0].relation.system",
        ),
        (
            pb.Person(national_ids=[pb.NationalId(value="13717404089"), pb.NationalId(value="13717404089")]),
            "person.national_ids[2]",
        ),
    ],
)
async def test_a_bad_field_is_named(service: Patients, change: pb.Person, field: str) -> None:
    one = person()
    one.MergeFrom(change)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.register(one)
    assert details_of(refused.value)["field"] == field


async def test_sections_are_answered_by_key_and_as_of(service: Patients) -> None:
    value = await service.register(person(family="Before"))
    [first] = await service.resolve(value)
    stored = (await service.section(value)).stored_at
    await service.register(person(value, family="After"))
    caller = CallerContext(patient_refs=first.patient_refs)
    queries = [
        SectionQuery(access_id="now", caller=caller, max_entries=10),
        SectionQuery(access_id="then", caller=caller, max_entries=10, as_of=stored),
        SectionQuery(access_id="counts", caller=caller),
        SectionQuery(access_id="long ago", caller=caller, max_entries=10, as_of=Timestamp(seconds=-62_135_596_800)),
        SectionQuery(access_id="nobody", caller=CallerContext(patient_refs=[str(uuid4())]), max_entries=10),
    ]
    reply = await service.patients.BatchGetSections(pb.BatchGetSectionsRequest(queries=queries))
    sections = {answer.access_id: answer.section for answer in reply.answers}
    assert (sections["now"].name.family, sections["now"].version) == ("After", 2)
    assert (sections["then"].name.family, sections["then"].version) == ("Before", 1)
    assert sections["counts"] == pb.PatientSection(version=2)
    assert sections["long ago"] == pb.PatientSection()
    assert sections["nobody"] == pb.PatientSection()
    assert sections["now"].address == HOME
    assert sections["now"].provenance.organisation.number == FEED.organisation.number


async def test_a_patient_who_is_only_named_has_no_record(service: Patients) -> None:
    named = new_id()
    one = person()
    one.family.append(parent(named))
    await service.register(one)
    patient, metadata = await service.on(named)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.patients.GetPatient(pb.GetPatientRequest(patient=patient), metadata=metadata)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_the_runtime_role_can_change_nothing_but_whose_alias_a_ref_is(service: Patients) -> None:
    await service.register()
    connection = await asyncpg.connect(service.database.dsn)
    try:
        for statement in (
            "UPDATE identities SET version = 9",
            "DELETE FROM privacy_settings",
            "TRUNCATE gp_histories",
            "UPDATE national_ids SET kind = 1",
            "DELETE FROM refs",
            "UPDATE merges SET joined = true",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_call_that_names_no_caller_is_refused(service: Patients) -> None:
    patient, _ = await service.on(await service.register(), DOCTOR)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.patients.GetPatient(pb.GetPatientRequest(patient=patient))
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
