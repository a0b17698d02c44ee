"""Importing many patients with everything: whole messages, again without effect, fast."""

import time
from collections.abc import Sequence
from uuid import uuid4

import grpc
import pytest

from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CallerContext, ImportCounts, Practitioner
from kjernejournal.patients.v1 import patients_pb2 as pb
from services.patients.servicer import REFS_KEY
from tests.services.patients.conftest import Patients
from tests.services.patients.people import guardian, new_id, parent, person, place, years_ago
from tests.support.service import FEED, calling, details_of
from tests.support.waiting import busyness


def imported(value: str | None = None, *, mother: str = "", proxy: str = "") -> pb.ImportedPatient:
    one = person(value or new_id())
    if mother:
        one.family.append(parent(mother))
        one.guardians.append(guardian(mother))
    return pb.ImportedPatient(
        person=one,
        general_practitioners=[
            place("now", years_ago(1), substitute="3333333"),
            place("before", years_ago(4), years_ago(1)),
        ],
        privacy=pb.ImportedPrivacy(
            restricted_sections=[common_pb2.SECTION_VISITS],
            blocked_personnel=[Practitioner(hpr_number="1111111", name="Nils Lege")],
            proxies=[pb.NewProxy(national_id=proxy, name="Ola", areas=[pb.PROXY_AREA_INNSYN])] if proxy else [],
        ),
    )


async def send(service: Patients, *messages: Sequence[pb.ImportedPatient]) -> ImportCounts:
    requests = [pb.BulkImportRequest(patients=patients) for patients in messages]
    return (await service.patients.BulkImport(iter(requests), metadata=calling(FEED))).counts


async def test_everything_is_stored_and_sent_again_changes_nothing(service: Patients) -> None:
    mother, proxy = new_id(), new_id()
    patients = [imported(mother), imported(mother=mother, proxy=proxy), imported()]
    first = await send(service, patients[:2], patients[2:])
    assert (first.batches, first.created, first.updated, first.unchanged) == (2, 9, 0, 0)
    again = await send(service, patients)
    assert (again.batches, again.created, again.updated, again.unchanged) == (1, 0, 0, 9)
    facts = await service.facts(patients[1].person.national_ids[0].value)
    [mother_found, proxy_found] = await service.resolve(mother, proxy)
    assert [one.patient_ref for one in facts.guardians] == mother_found.patient_refs
    assert facts.parents_at_address == mother_found.patient_refs
    assert [one.patient_ref for one in facts.proxies] == proxy_found.patient_refs
    assert list(facts.restricted_sections) == [common_pb2.SECTION_VISITS]
    assert list(facts.blocked_hpr_numbers) == ["1111111"]
    assert list(facts.gp_hpr_numbers) == ["9144900"]


async def test_a_change_makes_one_new_version(service: Patients) -> None:
    one = imported()
    await send(service, [one])
    one.person.address.lines[:] = ["Ny vei 3"]
    counts = await send(service, [one])
    assert (counts.created, counts.updated, counts.unchanged) == (0, 1, 2)
    assert (await service.section(one.person.national_ids[0].value)).version == 2


async def test_a_feed_never_undoes_what_the_patient_decided(service: Patients) -> None:
    one = imported()
    await send(service, [one])
    value = one.person.national_ids[0].value
    patient, metadata = await service.on(value)
    request = pb.BlockPersonnelRequest(
        patient=patient, request_id=str(uuid4()), personnel=[Practitioner(hpr_number="2222222")]
    )
    await service.privacy.BlockPersonnel(request, metadata=metadata)
    assert (await send(service, [one])).unchanged == 3
    assert list((await service.facts(value)).blocked_hpr_numbers) == ["1111111", "2222222"]
    del one.privacy.blocked_personnel[:]
    del one.privacy.restricted_sections[:]
    assert (await send(service, [one])).unchanged == 3
    facts = await service.facts(value)
    assert list(facts.blocked_hpr_numbers) == ["1111111", "2222222"], "settings that have changed at the source"
    assert list(facts.restricted_sections) == [common_pb2.SECTION_VISITS]


async def test_a_bad_patient_is_named_its_message_not_stored_and_those_before_kept(service: Patients) -> None:
    good, beside, bad = imported(), imported(), imported()
    bad.general_practitioners[1].contract.doctors[0].practitioner.hpr_number = "x"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await send(service, [good], [beside, bad])
    details = details_of(refused.value)
    assert details["field"] == ("patients[1].general_practitioners[1].contract.doctors[0].practitioner.hpr_number")
    assert details["batches_stored"] == "1"
    states = [
        answer.state
        for answer in await service.resolve(*(each.person.national_ids[0].value for each in (good, beside, bad)))
    ]
    assert states == [pb.RESOLUTION_STATE_REGISTERED, pb.RESOLUTION_STATE_UNKNOWN, pb.RESOLUTION_STATE_UNKNOWN]


async def test_a_patient_twice_in_a_message_is_refused(service: Patients) -> None:
    one = imported()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await send(service, [one, one])
    assert details_of(refused.value)["field"] == "patients[1].person.national_ids"


async def test_a_small_stream_tells_its_patients_for_the_record(service: Patients) -> None:
    patients = [imported(), imported()]
    call = service.patients.BulkImport(iter([pb.BulkImportRequest(patients=patients)]), metadata=calling(FEED))
    await call
    told = dict(await call.trailing_metadata())[REFS_KEY]
    assert isinstance(told, bytes)
    resolved = await service.resolve(*(one.person.national_ids[0].value for one in patients))
    assert list(CallerContext.FromString(told).patient_refs) == [one.patient_refs[0] for one in resolved]


async def test_two_thousand_patients_are_imported_fast_and_resolving_stays_fast(service: Patients) -> None:
    mothers = [imported() for _ in range(1000)]
    children = [imported(mother=one.person.national_ids[0].value, proxy=new_id()) for one in mothers]
    patients = mothers + children
    busy = busyness()
    began = time.perf_counter()
    counts = await send(service, *(patients[start : start + 250] for start in range(0, len(patients), 250)))
    rate = len(patients) / (time.perf_counter() - began)
    busy = max(busy, busyness())
    assert counts.created == 6000
    began = time.perf_counter()
    assert (await send(service, *(patients[start : start + 250] for start in range(0, 2000, 250)))).unchanged == 6000
    again = len(patients) / (time.perf_counter() - began)
    value = children[500].person.national_ids[0].value
    took = []
    for _ in range(200):
        began = time.perf_counter()
        await service.resolve(value)
        took.append(time.perf_counter() - began)
    print(f"import {rate:.0f}/s, again {again:.0f}/s, resolve p50 {sorted(took)[100] * 1000:.2f} ms")
    assert rate * busy > 100
