"""Categories 8 and 11 are never both active for a patient, whoever writes, in whatever order, at once too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import PartialDate
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from tests.services.critical_info.calls import COLLEAGUE, Register, day, fed, made, new_ref, of_patient
from tests.services.critical_info.refusals import CONFLICT, refusal

LIFE, DECISION = pb.CATEGORY_LIFE_PROLONGING_TREATMENT, pb.CATEGORY_TREATMENT_DECISION
BOTH = [(LIFE, DECISION), (DECISION, LIFE)]


async def active(register: Register, *refs: str) -> list[int]:
    """Returns which of the two categories a reader is shown as active."""
    shown = (await register.section(*refs)).critical_info
    return sorted({each.category for each in shown if each.status == pb.STATUS_ACTIVE} & {LIFE, DECISION})


@pytest.mark.parametrize("first, second", BOTH)
async def test_8_and_11_are_never_both_active(
    register: Register, first: pb.Category.ValueType, second: pb.Category.ValueType
) -> None:
    ref = new_ref()
    standing = await register.create(ref, made(first))
    told = await refusal(register.create(ref, made(second)))
    assert told[:2] == CONFLICT
    assert told.details["id"] == standing.header.id, "which entry stands in the way"
    assert await active(register, ref) == [first]


@pytest.mark.parametrize("first, second", BOTH)
async def test_the_other_may_be_active_once_the_first_is_refuted_or_deleted(
    register: Register, first: pb.Category.ValueType, second: pb.Category.ValueType
) -> None:
    for end in ("refute", "delete"):
        ref = new_ref()
        standing = await register.create(ref, made(first))
        if end == "refute":
            standing = await register.update(ref, standing, status=pb.STATUS_REFUTED)
        else:
            await register.delete(ref, standing)
        await register.create(ref, made(second))
        assert await active(register, ref) == [second]
        if end == "refute":
            assert (await refusal(register.update(ref, standing, status=pb.STATUS_ACTIVE)))[:2] == CONFLICT


async def test_a_category_8_past_its_date_must_still_be_refuted_first(register: Register) -> None:
    """It is shown as active past its date, and the two would stand beside each other."""
    ref = new_ref()
    old = made(LIFE)
    old.valid_until.CopyFrom(PartialDate(year=2020, month=1, day=1))
    await register.create(ref, old)
    assert (await refusal(register.create(ref, made(DECISION))))[:2] == CONFLICT
    assert await active(register, ref) == [LIFE]


async def test_a_category_11_that_has_expired_stands_in_nobodys_way(register: Register) -> None:
    ref = new_ref()
    expired = await register.create(ref, made(DECISION, valid_until=day(-1)))
    await register.create(ref, made(LIFE))
    told = await refusal(register.update(ref, expired, valid_until=day(7)))
    assert told[:2] == CONFLICT, "a later date would make it active again"
    assert await active(register, ref) == [LIFE]


async def test_more_than_one_of_the_same_category_is_fine(register: Register) -> None:
    ref = new_ref()
    await register.create(ref, made(DECISION))
    await register.create(ref, made(DECISION))
    assert await active(register, ref) == [DECISION]


async def test_every_reference_of_the_patient_counts(register: Register) -> None:
    old, new = new_ref(), new_ref()
    await register.create(old, made(LIFE))
    assert (await refusal(register.create(new, made(DECISION), refs=(new, old))))[:2] == CONFLICT
    sent = of_patient(new, fed(made(DECISION), "d-1"), aliases=[old])
    assert (await refusal(register.load(sent)))[:2] == CONFLICT
    assert await active(register, new, old) == [LIFE]


async def test_other_changes_of_what_a_merge_left_are_made(register: Register) -> None:
    """Two records, each with its own decision, become one: somebody has to be able to put that right."""
    old, new = new_ref(), new_ref()
    refs = (new, old)
    life = await register.create(old, made(LIFE))
    decision = await register.create(new, made(DECISION))
    commented = await register.update(new, decision, comment="samlet", refs=refs)
    await register.update(new, commented, verify=True, refs=refs, who=COLLEAGUE)
    await register.update(new, life, status=pb.STATUS_REFUTED, refs=refs)
    assert await active(register, *refs) == [DECISION]


@pytest.mark.parametrize("first, second", BOTH)
async def test_a_feed_makes_no_second_one_active(
    register: Register, first: pb.Category.ValueType, second: pb.Category.ValueType
) -> None:
    ref, other = new_ref(), new_ref()
    await register.create(ref, made(first))
    bystander = of_patient(other, fed(made(pb.CATEGORY_IMPLANT), "i-1"))
    told = await refusal(register.load(bystander, of_patient(ref, fed(made(second), "d-1"))))
    assert told[:2] == CONFLICT
    assert told.details["field"] == "patients[1].critical_info[0]"
    assert await active(register, ref) == [first]
    assert not (await register.listed(other)).critical_info, "the message is stored whole or not at all"


async def test_a_message_of_a_feed_holds_one_of_the_two(register: Register) -> None:
    ref = new_ref()
    both = of_patient(ref, fed(made(LIFE), "d-1"), fed(made(DECISION), "d-2"))
    assert (await refusal(register.load(both)))[:2] == CONFLICT
    refuted = fed(made(LIFE), "d-1")
    refuted.status = pb.STATUS_REFUTED
    replaced = of_patient(ref, fed(made(DECISION), "d-2"), refuted)
    assert (await register.load(replaced)).created == 2
    assert await active(register, ref) == [DECISION]
    assert (await register.load(replaced)).unchanged == 2


async def outcomes(calls: list[Awaitable[Any]]) -> int:
    """Returns how many of the calls were made; the others were refused for the conflict."""
    done = 0
    for each in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(each, grpc.aio.AioRpcError):
            assert each.code().name == "FAILED_PRECONDITION"
        else:
            assert not isinstance(each, BaseException)
            done += 1
    return done


async def test_at_once_they_are_never_both_active(register: Register) -> None:
    """Clinicians who know the patient by different references write, and so does a feed."""
    for _ in range(12):
        old, new = new_ref(), new_ref()
        done = await outcomes(
            [
                register.create(new, made(LIFE), refs=(new, old)),
                register.create(old, made(DECISION), refs=(old, new)),
                register.load(of_patient(new, fed(made(LIFE), "d-1"), aliases=[old])),
                register.load(of_patient(old, fed(made(DECISION), "d-2"), aliases=[new])),
            ]
        )
        assert 1 <= done <= 2
        assert len(await active(register, new, old)) == 1


async def test_re_activated_at_once_they_are_never_both_active(register: Register) -> None:
    for _ in range(6):
        ref = new_ref()
        both = []
        for category in (LIFE, DECISION):
            entry = made(category)
            entry.status = pb.STATUS_REFUTED
            both.append(await register.create(ref, entry))
        assert await outcomes([register.update(ref, each, status=pb.STATUS_ACTIVE) for each in both]) == 1
        assert len(await active(register, ref)) == 1
