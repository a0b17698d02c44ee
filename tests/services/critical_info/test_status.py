"""What an EHR learns before it opens the record, and what a summary shows first."""

from __future__ import annotations

from kjernejournal.common.v1.common_pb2 import EventTime, PartialDate
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from tests.services.critical_info.calls import NIL, Register, day, made, new_ref

REACTION, IMPLANT = pb.CATEGORY_DRUG_REACTION, pb.CATEGORY_IMPLANT


async def told(register: Register, *refs: str) -> tuple[bool, bool]:
    status = await register.status(*refs)
    return status.has_critical_information, status.has_active_critical_information


async def test_nothing_is_none_and_has_no_last_change(register: Register) -> None:
    assert await register.status(new_ref()) == pb.GetCriticalInfoStatusResponse()


async def test_there_is_critical_information_unless_it_is_refuted_or_deleted(register: Register) -> None:
    ref = new_ref()
    entry = await register.create(ref, made(REACTION))
    assert await told(register, ref) == (True, True)
    refuted = await register.update(ref, entry, status=pb.STATUS_REFUTED)
    assert await told(register, ref) == (False, False)
    again = await register.update(ref, refuted, status=pb.STATUS_ACTIVE)
    assert await told(register, ref) == (True, True)
    await register.delete(ref, again)
    assert await told(register, ref) == (False, False)


async def test_what_has_expired_is_there_and_not_active(register: Register) -> None:
    ref = new_ref()
    await register.create(ref, made(IMPLANT, valid_until=day(0)))
    assert await told(register, ref) == (True, False)
    await register.create(ref, made(IMPLANT, valid_until=day(1)))
    assert await told(register, ref) == (True, True)


async def test_the_last_change_overall_and_by_category(register: Register) -> None:
    ref = new_ref()
    entry = await register.create(ref, made(REACTION))
    implant = await register.create(ref, made(IMPLANT))
    status = await register.status(ref)
    assert {each.category: each.last_changed for each in status.category_changes} == {
        REACTION: entry.header.stored_at,
        IMPLANT: implant.header.stored_at,
    }
    assert status.last_changed == implant.header.stored_at
    deleted = await register.delete(ref, entry)
    after = await register.status(ref)
    assert after.last_changed == deleted.header.stored_at, "deleting is a change"
    assert [each.last_changed for each in after.category_changes] == [
        deleted.header.stored_at,
        implant.header.stored_at,
    ]


async def test_the_status_tells_no_content(register: Register) -> None:
    ref = new_ref()
    await register.create(ref, made(REACTION, words="hemmelig", comment="hemmelig"))
    assert b"hemmelig" not in (await register.status(ref)).SerializeToString()


async def test_a_statement_of_absence_is_no_critical_information(register: Register) -> None:
    ref = new_ref()
    await register.state(ref, NIL)
    assert await register.status(ref) == pb.GetCriticalInfoStatusResponse()


async def test_every_reference_of_the_patient_counts(register: Register) -> None:
    old, new = new_ref(), new_ref()
    await register.create(old, made(REACTION))
    assert await told(register, new, old) == (True, True)
    assert await told(register, new) == (False, False)


async def test_a_summary_that_is_cut_keeps_what_is_active(register: Register) -> None:
    """An old allergy before a dozen newer entries that no longer hold."""
    ref = new_ref()
    old = await register.create(ref, made(REACTION, event_time=EventTime(date=PartialDate(year=1970))))
    for number in range(4):
        entry = made(IMPLANT, words=str(number), event_time=EventTime(date=PartialDate(year=2001 + number)))
        entry.status = pb.STATUS_REFUTED
        await register.create(ref, entry)
    section = await register.section(ref, most=2)
    assert section.critical_info[0].header.id == old.header.id
    assert [each.specification for each in section.critical_info][1:] == ["3"], "then the newest"
    assert (section.window.returned, section.window.total, section.window.older_exist) == (2, 5, True)
    assert section.active == 1
    everything = await register.section(ref, most=5)
    assert (everything.window.returned, everything.window.older_exist) == (5, False)


async def test_a_category_8_past_its_date_is_counted_as_active(register: Register) -> None:
    ref = new_ref()
    entry = made(pb.CATEGORY_LIFE_PROLONGING_TREATMENT)
    entry.valid_until.CopyFrom(day(-400))
    created = await register.create(ref, entry)
    assert created.status == pb.STATUS_ACTIVE
    assert await told(register, ref) == (True, True)
    section = await register.section(ref)
    assert (section.active, section.critical_info[0].status) == (1, pb.STATUS_ACTIVE)
