"""What says no time of its own is the oldest: it stands until something says a time, and never against that."""

from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import SECTION_LABS, SECTION_VISITS
from kjernejournal.patients.v1 import patients_pb2 as pb
from shared.convert import timestamp
from tests.services.patients.conftest import Patients
from tests.services.patients.people import new_id, person, place, registering, years_ago
from tests.services.patients.test_late import at, load
from tests.support.service import FEED, calling


async def test_a_person_without_a_time_changes_nothing_that_has_one(service: Patients) -> None:
    value = new_id()
    for family in ("Først", "Sist"):
        await load(service, pb.ImportedPatient(person=person(value, family=family)))
    assert (await service.section(value)).name.family == "Sist"
    timed = person(value, family="Datert", death=pb.Death(), changed_at=timestamp(at(1)))
    await load(service, pb.ImportedPatient(person=timed))
    alive = person(value, family="Udatert")
    assert (await load(service, pb.ImportedPatient(person=alive))).outdated == 1
    assert (await service.patients.RegisterPatient(registering(alive), metadata=calling(FEED))).outdated
    shown = await service.section(value)
    assert (shown.name.family, shown.HasField("death")) == ("Datert", True)


async def test_of_two_statements_of_one_time_the_stricter_protection_holds(service: Patients) -> None:
    for order in (1, -1):
        value = new_id()
        protections = (pb.ADDRESS_PROTECTION_UGRADERT, pb.ADDRESS_PROTECTION_STRENGT_FORTROLIG)
        for protection in protections[::order]:
            sent = person(value, changed_at=timestamp(at(1)))
            sent.address_protection = protection
            await load(service, pb.ImportedPatient(person=sent))
        assert not (await service.section(value)).HasField("address"), order


async def test_a_place_on_a_list_without_a_time_changes_nothing_that_has_one(service: Patients) -> None:
    value, start = await service.register(), years_ago(1)
    patient, metadata = await service.on(value, FEED)
    timed = place("list", start, hpr="2222222")
    timed.changed_at.CopyFrom(timestamp(at(1)))
    untimed = place("list", start, hpr="1111111"), place("list", start, hpr="3333333")
    for one, outdated in ((untimed[0], False), (untimed[1], False), (timed, False), (untimed[0], True)):
        request = pb.AssignGeneralPractitionerRequest(patient=patient, request_id=str(uuid4()), assignment=one)
        reply = await service.patients.AssignGeneralPractitioner(request, metadata=metadata)
        assert reply.outdated == outdated
    assert list((await service.facts(value)).gp_hpr_numbers) == ["2222222"]


async def test_a_history_and_settings_without_a_time_change_nothing_that_has_one(service: Patients) -> None:
    value = new_id()
    one = person(value, changed_at=timestamp(at(0)))
    sent = pb.ImportedPatient(
        person=one,
        general_practitioners=[place("now", years_ago(1), hpr="2222222")],
        privacy=pb.ImportedPrivacy(restricted_sections=[SECTION_LABS], changed_at=timestamp(at(1))),
        general_practitioners_changed_at=timestamp(at(1)),
    )
    late = pb.ImportedPatient(
        person=one,
        general_practitioners=[place("now", years_ago(1), hpr="1111111")],
        privacy=pb.ImportedPrivacy(restricted_sections=[SECTION_VISITS]),
    )
    await load(service, sent)
    assert (await load(service, late)).outdated == 2
    facts = await service.facts(value)
    assert (list(facts.gp_hpr_numbers), list(facts.restricted_sections)) == (["2222222"], [SECTION_LABS])


async def test_a_merge_without_a_time_changes_nothing_that_has_one(service: Patients) -> None:
    stays, other = await service.register(), await service.register()
    await service.merge(stays, other)
    patient, metadata = await service.on(stays, FEED)
    apart = pb.UnmergePatientsRequest(
        patient=patient, request_id=str(uuid4()), separated_national_id=other, changed_at=timestamp(at(1))
    )
    assert not (await service.patients.UnmergePatients(apart, metadata=metadata)).outdated
    assert (await service.merge(stays, other)).outdated
    one, two = await service.resolve(stays, other)
    assert set(one.patient_refs).isdisjoint(two.patient_refs)


async def test_of_merges_without_a_time_the_last_stands(service: Patients) -> None:
    stays, other = await service.register(), await service.register()
    await service.merge(stays, other)
    assert not (await service.unmerge(stays, other)).outdated
    assert not (await service.merge(stays, other)).outdated
