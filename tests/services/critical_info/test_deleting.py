"""What was entered in error, each rule by its name."""

from __future__ import annotations

import asyncio
from datetime import UTC
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import PartialDate
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from tests.services.critical_info.calls import COLLEAGUE, Register, fed, made, new_ref, of_patient
from tests.services.critical_info.refusals import CONFLICT, refusal

ERROR = pb.STATUS_ENTERED_IN_ERROR


def filtered(entry: pb.CriticalInfo) -> bool:
    """Whether the entry holds header, category and status alone."""
    return {field.name for field, _ in entry.ListFields()} == {"header", "category", "status"} and entry.status == ERROR


async def test_a_deleted_entry_says_that_it_was_deleted_and_by_whom(register: Register) -> None:
    ref = new_ref()
    entry = await register.create(ref, made(pb.CATEGORY_IMPLANT, comment="feil pasient"))
    deleted = await register.delete(ref, entry, who=COLLEAGUE)
    assert filtered(deleted)
    assert (deleted.header.id, deleted.header.version) == (entry.header.id, 2)
    assert deleted.header.provenance.recorder.hpr_number == COLLEAGUE.practitioner.hpr_number
    assert deleted.header.first_recorded == entry.header.provenance
    assert await register.get(ref, entry) == deleted


async def test_older_versions_of_a_deleted_entry_are_filtered_too(register: Register) -> None:
    ref = new_ref()
    entry = await register.create(ref, made(pb.CATEGORY_IMPLANT))
    changed = await register.update(ref, entry, comment="x")
    await register.delete(ref, changed)
    versions = await register.versions(ref, entry)
    assert [each.header.version for each in versions] == [3, 2, 1]
    assert all(map(filtered, versions))


async def test_a_deleted_entry_is_left_out_of_lists_as_of_then_too(register: Register) -> None:
    ref = new_ref()
    kept = await register.create(ref, made(pb.CATEGORY_IMPLANT))
    entry = await register.create(ref, made(pb.CATEGORY_IMPLANT))
    await register.delete(ref, entry)
    then = entry.header.stored_at.ToDatetime(tzinfo=UTC)
    for as_of in (None, then):
        listed = await register.listed(ref, as_of=as_of)
        section = await register.section(ref, as_of=as_of)
        assert [each.header.id for each in listed.critical_info] == [kept.header.id]
        assert [each.header.id for each in section.critical_info] == [kept.header.id]
        assert (listed.window.total, section.window.total) == (1, 1)


async def test_only_the_latest_version_is_deleted(register: Register) -> None:
    ref = new_ref()
    entry = await register.create(ref, made(pb.CATEGORY_IMPLANT))
    await register.update(ref, entry, comment="x")
    told = await refusal(register.delete(ref, entry))
    assert (told.code, told.details["current_version"]) == ("ABORTED", "2")
    assert len((await register.listed(ref)).critical_info) == 1


async def test_what_is_deleted_is_not_changed_nor_deleted_again(register: Register) -> None:
    ref = new_ref()
    entry = await register.create(ref, made(pb.CATEGORY_IMPLANT))
    deleted = await register.delete(ref, entry)
    for of in (entry, deleted):
        assert (await refusal(register.update(ref, of, status=pb.STATUS_ACTIVE)))[:2] == CONFLICT
        assert (await refusal(register.update(ref, of, verify=True, who=COLLEAGUE)))[:2] == CONFLICT
        assert (await refusal(register.delete(ref, of)))[:2] == CONFLICT
    assert len(await register.versions(ref, entry)) == 2


async def test_the_same_deletion_again_has_one_effect(register: Register) -> None:
    ref, request_id = new_ref(), str(uuid4())
    entry = await register.create(ref, made(pb.CATEGORY_IMPLANT))
    answers = await asyncio.gather(*(register.delete(ref, entry, request_id=request_id) for _ in range(4)))
    assert all(each == answers[0] for each in answers)
    assert len(await register.versions(ref, entry)) == 2


async def test_a_late_retry_shows_no_more_of_what_is_deleted_since(register: Register) -> None:
    ref, creation, change = new_ref(), str(uuid4()), str(uuid4())
    sent = made(pb.CATEGORY_IMPLANT, comment="feil pasient")
    entry = await register.create(ref, sent, request_id=creation)
    changed = await register.update(ref, entry, comment="y", request_id=change)
    await register.delete(ref, changed)
    assert filtered(await register.create(ref, sent, request_id=creation))
    assert filtered(await register.update(ref, entry, comment="y", request_id=change))


async def test_of_a_change_and_a_deletion_at_once_one_is_made(register: Register) -> None:
    for _ in range(5):
        ref = new_ref()
        entry = await register.create(ref, made(pb.CATEGORY_IMPLANT))
        outcomes = await asyncio.gather(
            register.delete(ref, entry), register.update(ref, entry, comment="x"), return_exceptions=True
        )
        assert sum(isinstance(each, pb.CriticalInfo) for each in outcomes) == 1
        assert len(await register.versions(ref, entry)) == 2


async def test_a_feed_does_not_bring_back_what_was_deleted(register: Register) -> None:
    """Neither the same again, nor a change of it: the record knows that it never was so."""
    ref = new_ref()
    sent = fed(made(pb.CATEGORY_IMPLANT, words="pacemaker"), "a-1")
    await register.load(of_patient(ref, sent))
    [entry] = (await register.listed(ref)).critical_info
    await register.delete(ref, entry)
    assert (await register.load(of_patient(ref, sent))).unchanged == 1
    sent.specification = "pacemaker, DDD"
    counts = await register.load(of_patient(ref, sent))
    assert (counts.created, counts.updated, counts.outdated) == (0, 0, 1)
    sent.header.provenance.changed_at.GetCurrentTime()
    assert (await register.load(of_patient(ref, sent))).unchanged == 1, "newer, and deleted here all the same"
    assert len(await register.versions(ref, entry)) == 2
    assert not (await register.listed(ref)).critical_info


async def test_a_feed_that_is_sent_after_a_merge_does_not_bring_it_back_either(register: Register) -> None:
    old, new = new_ref(), new_ref()
    sent = fed(made(pb.CATEGORY_IMPLANT), "a-1")
    await register.load(of_patient(old, sent))
    [entry] = (await register.listed(old)).critical_info
    await register.delete(old, entry)
    await register.load(of_patient(new, sent, aliases=[old]))
    assert not (await register.listed(new, old)).critical_info


async def test_deleting_keeps_nobody_from_recording_anew(register: Register) -> None:
    ref = new_ref()
    entry = await register.create(ref, made(pb.CATEGORY_IMPLANT, valid_until=PartialDate(year=2099)))
    await register.delete(ref, entry)
    again = await register.create(ref, made(pb.CATEGORY_IMPLANT))
    assert again.header.id != entry.header.id
    assert again.header.version == 1
