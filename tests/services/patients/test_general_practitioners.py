"""Lists of general practitioners: now, three years back, substitutes."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kjernejournal.common.v1.common_pb2 import Period
from kjernejournal.patients.v1 import patients_pb2 as pb
from services.patients.model import assign, covers
from shared.convert import timestamp
from tests.services.patients.conftest import Patients
from tests.services.patients.people import OFFICE, place, years_ago
from tests.support.service import FEED, details_of, reason_of


async def test_now_and_three_years_back_are_shown_newest_first(service: Patients) -> None:
    value = await service.register()
    await service.assign(value, place("old", years_ago(9), years_ago(3.1)))
    await service.assign(value, place("three", years_ago(3.1), years_ago(2.9)))
    await service.assign(value, place("now", years_ago(2.9)))
    shown = await service.section(value)
    assert [one.contract.contract_id for one in shown.general_practitioners] == ["now", "three"]
    assert shown.has_general_practitioner


async def test_the_next_list_ends_the_one_before(service: Patients) -> None:
    value = await service.register()
    changed = years_ago(1)
    assert await service.assign(value, place("first", years_ago(2), hpr="1111111")) == 1
    assert await service.assign(value, place("second", changed, hpr="2222222")) == 2
    second, first = (await service.section(value)).general_practitioners
    assert first.period.end == timestamp(changed)
    assert not second.period.HasField("end")
    facts = await service.facts(value)
    assert list(facts.gp_hpr_numbers) == ["2222222"]
    assert list(facts.gp_office_numbers) == [OFFICE.number]


async def test_the_same_contract_and_start_replaces_what_was_known(service: Patients) -> None:
    value, start = await service.register(), years_ago(2)
    await service.assign(value, place("one", start))
    await service.assign(value, place("one", start, years_ago(1)))
    [shown] = (await service.section(value)).general_practitioners
    assert shown.period.HasField("end")
    facts = await service.facts(value)
    assert not facts.gp_hpr_numbers
    assert not (await service.section(value)).has_general_practitioner


async def test_a_place_told_late_does_not_end_the_present_one(service: Patients) -> None:
    value = await service.register()
    await service.assign(value, place("now", years_ago(1), hpr="1111111"))
    await service.assign(value, place("before", years_ago(2), years_ago(1), hpr="2222222"))
    assert list((await service.facts(value)).gp_hpr_numbers) == ["1111111"]


async def test_an_open_place_told_late_ends_where_the_next_one_begins(service: Patients) -> None:
    value = await service.register()
    await service.assign(value, place("now", years_ago(1), hpr="1111111"))
    await service.assign(value, place("before", years_ago(2), hpr="2222222"))
    assert list((await service.facts(value)).gp_hpr_numbers) == ["1111111"]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 20), st.integers(0, 20) | st.none()).filter(
            lambda one: one[2] is None or one[2] >= one[1]
        )
    )
)
def test_in_whatever_order_places_are_told_a_patient_is_on_one_list_at_a_time(
    told: list[tuple[int, int, int | None]],
) -> None:
    epoch = datetime(2020, 1, 1, tzinfo=UTC)
    history: list[pb.GeneralPractitionerAssignment] = []
    for contract, start, end in told:
        until = None if end is None else epoch + timedelta(days=end)
        history = assign(history, place(f"L{contract}", epoch + timedelta(days=start), until))
    for hour in range(0, 24 * 22, 12):
        at = epoch + timedelta(hours=hour)
        assert sum(covers(one.period, at) for one in history) <= 1
    assert len(history) == len({start for _, start, _ in told})


async def test_substitutes_are_told_apart_and_only_in_their_time(service: Patients) -> None:
    value = await service.register()
    one = place("list", years_ago(1), substitute="3333333")
    await service.assign(value, one)
    facts = await service.facts(value)
    assert (list(facts.gp_hpr_numbers), list(facts.gp_substitute_hpr_numbers)) == (["9144900"], ["3333333"])
    one.contract.doctors[1].period.CopyFrom(Period(end=timestamp(years_ago(0.1))))
    await service.assign(value, one)
    assert not (await service.facts(value)).gp_substitute_hpr_numbers


async def test_a_list_that_begins_tomorrow_is_neither_shown_nor_a_right(service: Patients) -> None:
    value = await service.register()
    await service.assign(value, place("tomorrow", years_ago(0) + timedelta(days=1)))
    assert not (await service.facts(value)).gp_hpr_numbers
    assert not (await service.section(value)).general_practitioners


async def test_the_same_request_again_has_one_effect(service: Patients) -> None:
    patient, metadata = await service.on(await service.register(), FEED)
    request = pb.AssignGeneralPractitionerRequest(
        patient=patient, request_id=str(uuid4()), assignment=place("list", years_ago(1))
    )
    replies = await asyncio.gather(
        *(service.patients.AssignGeneralPractitioner(request, metadata=metadata) for _ in range(4))
    )
    assert {reply.version for reply in replies} == {1}
    request.assignment.her_id = "12345"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.patients.AssignGeneralPractitioner(request, metadata=metadata)
    assert reason_of(refused.value) == "REQUEST_ID_REUSED"


async def test_changes_at_once_come_one_after_the_other(service: Patients) -> None:
    value = await service.register()
    versions = await asyncio.gather(*(service.assign(value, place(f"L{n}", years_ago(n + 1))) for n in range(4)))
    assert sorted(versions) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "change, field",
    [
        ({"hpr": "0123"}, "assignment.contract.doctors[0].practitioner.hpr_number"),
        ({"substitute": "HPR1"}, "assignment.contract.doctors[1].practitioner.hpr_number"),
        ({"end": years_ago(3)}, "assignment.period.end"),
    ],
)
async def test_a_bad_field_is_named(service: Patients, change: dict[str, object], field: str) -> None:
    value = await service.register()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.assign(value, place("list", years_ago(2), **change))  # type: ignore[arg-type]  # one argument
    assert details_of(refused.value)["field"] == field
