"""What a change does to an entry and what it may not do, each rule by its name."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from kjernejournal.common.v1.common_pb2 import EntryHeader, EventTime, PartialDate, Provenance
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from tests.services.critical_info.calls import (
    ATC,
    COLLEAGUE,
    ICD10,
    RECORDED,
    SNOMED,
    Register,
    coded,
    day,
    fed,
    made,
    new_ref,
    of_patient,
)
from tests.services.critical_info.refusals import CONFLICT, INVALID, NOT_FOUND, refusal
from tests.support.service import DOCTOR


async def reaction_of(register: Register, ref: str, **fields: Any) -> pb.CriticalInfo:
    entry = made(pb.CATEGORY_DRUG_REACTION, words="", code=coded(ATC, "J01CE02"), **fields)
    entry.reaction.certainty = pb.CERTAINTY_SUSPECTED
    return await register.create(ref, entry)


async def test_a_version_on_every_write(register: Register) -> None:
    ref = new_ref()
    first = await reaction_of(register, ref)
    second = await register.update(ref, first, comment="sett av farmasøyt", who=COLLEAGUE)
    third = await register.update(ref, second, reaction=pb.Reaction(certainty=pb.CERTAINTY_CONFIRMED))
    assert [each.header.version for each in await register.versions(ref, first)] == [3, 2, 1]
    assert third.reaction.certainty == pb.CERTAINTY_CONFIRMED
    assert (third.comment, third.code, third.category) == (second.comment, first.code, first.category)
    assert await register.get(ref, first) == third
    assert list((await register.listed(ref)).critical_info) == [third]


async def test_the_first_recorder_never_changes(register: Register) -> None:
    ref = new_ref()
    entry = first = await reaction_of(register, ref)
    for number, who in enumerate((COLLEAGUE, DOCTOR, COLLEAGUE)):
        entry = await register.update(ref, entry, comment=str(number), who=who)
        assert entry.header.first_recorded == first.header.provenance
        assert entry.header.provenance.recorder.hpr_number == who.practitioner.hpr_number


async def test_an_update_that_is_behind_is_aborted_with_the_current_version(register: Register) -> None:
    ref = new_ref()
    first = await reaction_of(register, ref)
    await register.update(ref, first, comment="a")
    second = await register.update(ref, await register.get(ref, first), comment="b")
    for behind in (first, second):
        behind.header.version = 1 if behind is first else 9
        told = await refusal(register.update(ref, behind, comment="c"))
        assert (told.code, told.reason) == ("ABORTED", "VERSION_BEHIND")
        assert told.details["current_version"] == "3"
    assert len(await register.versions(ref, first)) == 3


async def test_of_two_changes_at_once_one_is_made(register: Register) -> None:
    ref = new_ref()
    first = await reaction_of(register, ref)
    calls = [register.update(ref, first, comment=str(number)) for number in range(6)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(each, pb.CriticalInfo) for each in outcomes) == 1
    assert [each.header.version for each in await register.versions(ref, first)] == [2, 1]


async def test_the_same_change_again_has_one_effect(register: Register) -> None:
    ref, request_id = new_ref(), str(uuid4())
    first = await reaction_of(register, ref)
    calls = [register.update(ref, first, comment="en gang", request_id=request_id) for _ in range(4)]
    answers = await asyncio.gather(*calls)
    assert all(each == answers[0] for each in answers)
    assert await register.update(ref, first, comment="en gang", request_id=request_id.upper()) == answers[0]
    assert len(await register.versions(ref, first)) == 2
    told = await refusal(register.update(ref, first, comment="noe annet", request_id=request_id))
    assert told[:2] == ("INVALID_ARGUMENT", "REQUEST_ID_REUSED")
    entry = made(pb.CATEGORY_IMPLANT)
    assert (await refusal(register.create(ref, entry, request_id=request_id))).reason == "REQUEST_ID_REUSED"
    assert (await refusal(register.delete(ref, answers[0], request_id=request_id))).reason == "REQUEST_ID_REUSED"


async def test_a_request_that_created_an_entry_changes_none(register: Register) -> None:
    ref, request_id = new_ref(), str(uuid4())
    entry = await register.create(ref, made(pb.CATEGORY_IMPLANT), request_id=request_id)
    told = await refusal(register.update(ref, entry, comment="x", request_id=request_id))
    assert told.reason == "REQUEST_ID_REUSED"


@pytest.mark.parametrize(
    "path", ["category", "header", "verified", "condition", "treatment", "reaction.certainty", "x"]
)
async def test_what_never_changes_is_refused_in_a_mask(register: Register, path: str) -> None:
    ref = new_ref()
    entry = await reaction_of(register, ref)
    told = await refusal(register.update(ref, entry, path, comment="x"))
    assert told[:2] == INVALID
    assert told.details["field"] == "update_mask.paths[0]"


async def test_the_category_and_the_id_never_change(register: Register) -> None:
    ref = new_ref()
    entry = await reaction_of(register, ref)
    told = await refusal(register.update(ref, entry, "comment", category=pb.CATEGORY_IMPLANT))
    assert told.details["field"] == "critical_info.category"
    forged = EntryHeader(id=str(uuid4()), version=7, provenance=Provenance(on_behalf_of="somebody"))
    after = await register.update(ref, entry, "comment", header=forged, category=entry.category, comment="x")
    assert (after.header.id, after.header.version) == (entry.header.id, 2)
    assert after.header.provenance.on_behalf_of == ""


async def test_a_mask_clears_what_the_entry_leaves_unset(register: Register) -> None:
    ref = new_ref()
    entry = await reaction_of(register, ref, comment="gammel", valid_until=day(30))
    after = await register.update(ref, entry, "comment", "valid_until", "reaction", code=coded(ATC, "N02BE01"))
    assert (after.comment, after.HasField("valid_until"), after.HasField("reaction")) == ("", False, False)
    assert after.code == entry.code, "the mask does not name it"


async def test_an_update_that_names_nothing_is_refused(register: Register) -> None:
    ref = new_ref()
    entry = await reaction_of(register, ref)
    assert (await refusal(register.update(ref, entry))).details["field"] == "update_mask"


async def test_a_change_keeps_the_rules_of_the_category(register: Register) -> None:
    ref = new_ref()
    entry = await reaction_of(register, ref)
    broken: list[tuple[str, dict[str, Any]]] = [
        ("critical_info.code.codings[0].code", {"code": coded("http://hl7.org/fhir/sid/icd-10", "Z88.0")}),
        ("critical_info.code.codings[0].system", {"code": coded(ICD10, "D66")}),
        ("critical_info.status", {"status": pb.STATUS_ENTERED_IN_ERROR}),
        ("critical_info.status", {"status": pb.STATUS_EXPIRED}),
        ("critical_info.comment", {"comment": "å" * 501}),
        ("critical_info.event_time.age_years", {"event_time": EventTime(age_years=999)}),
    ]
    for field, values in broken:
        assert (await refusal(register.update(ref, entry, **values))).details["field"] == field
    assert (await refusal(register.update(ref, entry, "code", comment="x"))).details["field"] == "critical_info.code"
    decision = await register.create(new := new_ref(), made(pb.CATEGORY_TREATMENT_DECISION))
    too_long = pb.TreatmentDecision(clinical_reason="å" * 81)
    told = await refusal(register.update(new, decision, treatment_decision=too_long))
    assert told.details["field"] == "critical_info.treatment_decision.clinical_reason"
    life = await register.create(other := new_ref(), made(pb.CATEGORY_LIFE_PROLONGING_TREATMENT))
    told = await refusal(register.update(other, life, "valid_until", comment="x"))
    assert told.details["field"] == "critical_info.valid_until"
    assert len(await register.versions(ref, entry)) == 1


async def test_what_is_refuted_is_re_activated(register: Register) -> None:
    ref = new_ref()
    entry = await reaction_of(register, ref)
    refuted = await register.update(ref, entry, status=pb.STATUS_REFUTED, comment="testet negativt")
    assert (refuted.status, refuted.comment) == (pb.STATUS_REFUTED, "testet negativt")
    assert [each.status for each in (await register.listed(ref)).critical_info] == [pb.STATUS_REFUTED], (
        "it stays readable"
    )
    commented = await register.update(ref, refuted, comment="fortsatt usikkert")
    again = await register.update(ref, commented, status=pb.STATUS_ACTIVE)
    assert (again.status, again.header.version) == (pb.STATUS_ACTIVE, 4)


async def test_an_implant_that_was_removed_is_no_longer_there_and_says_since_when(register: Register) -> None:
    ref = new_ref()
    entry = await register.create(ref, made(pb.CATEGORY_IMPLANT))
    removed = await register.update(ref, entry, status=pb.STATUS_ENDED, ended=EventTime(date=day(-1)))
    assert (removed.status, removed.ended.date) == (pb.STATUS_ENDED, day(-1))
    shown = await register.section(ref)
    assert ([each.status for each in shown.critical_info], shown.active) == ([pb.STATUS_ENDED], 0), "history shows it"
    again = await register.update(ref, removed, status=pb.STATUS_ACTIVE)
    assert again.status == pb.STATUS_ACTIVE
    assert not again.HasField("ended")
    to_come = await register.update(ref, again, status=pb.STATUS_ENDED, ended=EventTime(date=day(2)))
    assert to_come.status == pb.STATUS_ACTIVE, "it is still there"
    unknown = await register.update(ref, to_come, "status", "ended", status=pb.STATUS_ENDED)
    assert unknown.status == pb.STATUS_ENDED
    assert not unknown.HasField("ended")


async def test_only_what_has_ended_says_when(register: Register) -> None:
    entry = await reaction_of(register, ref := new_ref())
    told = await refusal(register.update(ref, entry, ended=EventTime(date=day(-1))))
    assert told.details["field"] == "critical_info.ended"


async def test_what_has_expired_is_active_again_with_another_date(register: Register) -> None:
    ref = new_ref()
    entry = await register.create(ref, made(pb.CATEGORY_ONGOING_TREATMENT, valid_until=day(0)))
    assert entry.status == pb.STATUS_EXPIRED
    after = await register.update(ref, entry, valid_until=day(1))
    assert after.status == pb.STATUS_ACTIVE
    as_it_was = await register.listed(ref, as_of=entry.header.stored_at.ToDatetime(tzinfo=UTC))
    assert as_it_was.critical_info[0].status == pb.STATUS_EXPIRED


async def test_another_clinician_verifies_stated_by_whom_and_when(register: Register) -> None:
    ref = new_ref()
    entry = await reaction_of(register, ref)
    before = datetime.now(UTC)
    verified = await register.update(ref, entry, verify=True, who=COLLEAGUE)
    assert verified.verified.recorder.hpr_number == COLLEAGUE.practitioner.hpr_number
    assert verified.verified.organisation.number == COLLEAGUE.organisation.number
    assert before <= verified.verified.recorded_at.ToDatetime(tzinfo=UTC) <= datetime.now(UTC)
    assert verified.header.first_recorded == entry.header.provenance
    assert (verified.code, verified.reaction, verified.status) == (entry.code, entry.reaction, entry.status)


async def test_nobody_verifies_what_they_wrote_themselves(register: Register) -> None:
    ref = new_ref()
    entry = await reaction_of(register, ref)
    assert (await refusal(register.update(ref, entry, verify=True)))[:2] == CONFLICT
    changed = await register.update(ref, entry, code=coded(ATC, "N02BE01"), who=COLLEAGUE)
    commented = await register.update(ref, changed, comment="en kommentar skriver ikke om", who=DOCTOR)
    assert (await refusal(register.update(ref, commented, verify=True, who=COLLEAGUE)))[:2] == CONFLICT
    verified = await register.update(ref, commented, verify=True, comment="sett", who=DOCTOR)
    assert (verified.verified.recorder.hpr_number, verified.comment) == (DOCTOR.practitioner.hpr_number, "sett")
    again = await register.update(ref, verified, verify=True, who=DOCTOR)
    assert again.header.version == 5, "it still holds a year later"


async def test_nobody_verifies_what_the_same_request_changes(register: Register) -> None:
    ref = new_ref()
    entry = await reaction_of(register, ref)
    told = await refusal(register.update(ref, entry, verify=True, code=coded(ATC, "N02BE01"), who=COLLEAGUE))
    assert (told.code, told.details["field"]) == ("INVALID_ARGUMENT", "verify")


async def test_what_does_not_hold_is_not_verified(register: Register) -> None:
    ref = new_ref()
    entry = await reaction_of(register, ref)
    refuted = await register.update(ref, entry, status=pb.STATUS_REFUTED)
    assert (await refusal(register.update(ref, refuted, verify=True, who=COLLEAGUE)))[:2] == CONFLICT
    expired = await register.create(ref, made(pb.CATEGORY_IMPLANT, valid_until=PartialDate(year=2020)))
    assert (await refusal(register.update(ref, expired, verify=True, who=COLLEAGUE)))[:2] == CONFLICT


async def test_a_change_ends_a_verification_and_a_comment_does_not(register: Register) -> None:
    ref = new_ref()
    entry = await reaction_of(register, ref)
    verified = await register.update(ref, entry, verify=True, who=COLLEAGUE)
    commented = await register.update(ref, verified, comment="merknad")
    assert commented.verified == verified.verified
    changed = await register.update(ref, commented, status=pb.STATUS_REFUTED)
    assert not changed.HasField("verified")
    assert (await register.versions(ref, entry))[2].verified == verified.verified, "the history keeps it"


async def test_a_change_keeps_its_place_in_lists(register: Register) -> None:
    ref = new_ref()
    old = await register.create(ref, made(pb.CATEGORY_IMPLANT, words="gammel"))
    new = await register.create(ref, made(pb.CATEGORY_IMPLANT, words="ny"))
    await register.update(ref, old, comment="endret til slutt")
    listed = [each.header.id for each in (await register.listed(ref)).critical_info]
    assert listed == [new.header.id, old.header.id]


async def test_another_patients_entry_is_not_found(register: Register) -> None:
    ref, other = new_ref(), new_ref()
    entry = await reaction_of(register, ref)
    assert (await refusal(register.update(other, entry, comment="x")))[:2] == NOT_FOUND
    assert (await refusal(register.update(other, entry)))[:2] == NOT_FOUND
    assert (await refusal(register.delete(other, entry)))[:2] == NOT_FOUND


async def test_an_entry_is_changed_under_every_reference_of_its_patient(register: Register) -> None:
    """A merge leaves the entry under the reference that it had."""
    old, new, request_id = new_ref(), new_ref(), str(uuid4())
    entry = await reaction_of(register, old)
    after = await register.update(new, entry, comment="x", refs=(new, old), request_id=request_id)
    assert after.header.version == 2
    again = await register.update(new, entry, comment="x", refs=(new, old), request_id=request_id)
    assert again == after


async def test_a_feeds_entry_is_refuted_and_the_feed_does_not_undo_it(register: Register) -> None:
    ref = new_ref()
    sent = fed(made(pb.CATEGORY_DRUG_REACTION, words="", code=coded("http://rxnorm.example", "7980")), "a-1")
    await register.load(of_patient(ref, sent))
    [entry] = (await register.listed(ref)).critical_info
    refuted = await register.update(ref, entry, status=pb.STATUS_REFUTED)
    assert refuted.header.first_recorded.recorded_at.ToDatetime(tzinfo=UTC) == RECORDED
    assert (await register.load(of_patient(ref, sent))).unchanged == 1
    assert await register.get(ref, entry) == refuted
    sent.code.CopyFrom(coded(SNOMED, "91936005"))
    assert (await register.load(of_patient(ref, sent))).outdated == 1, "older than what the doctor wrote"
    assert await register.get(ref, entry) == refuted
    sent.header.provenance.changed_at.GetCurrentTime()
    assert (await register.load(of_patient(ref, sent))).updated == 1
    latest = await register.get(ref, entry)
    assert (latest.header.version, latest.status) == (3, pb.STATUS_ACTIVE), "news from the source"
    assert latest.header.first_recorded == refuted.header.first_recorded
