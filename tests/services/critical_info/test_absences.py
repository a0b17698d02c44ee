"""What clinicians state about absence, and until when it holds."""

from __future__ import annotations

from datetime import UTC, timedelta

from kjernejournal.common.v1.common_pb2 import EventTime, PartialDate
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from shared.convert import timestamp
from tests.services.critical_info.calls import (
    NIL,
    NOT_ASKED,
    RECORDED,
    Register,
    fed,
    made,
    new_ref,
    of_patient,
    patient,
)
from tests.services.critical_info.refusals import CONFLICT, refusal

REACTION, IMPLANT = pb.CATEGORY_DRUG_REACTION, pb.CATEGORY_IMPLANT


async def stated(register: Register, *refs: str) -> list[tuple[int, int]]:
    """Returns kind and category of the statements that hold, the same in list and section."""
    listed = (await register.listed(*refs)).absences
    assert listed == (await register.section(*refs)).absences
    return [(each.kind, each.category) for each in listed]


async def test_a_clinician_states_that_none_is_known(register: Register) -> None:
    ref = new_ref()
    said = await register.state(ref, NIL)
    assert said.header.version == 1
    assert said.header.provenance.recorder.role.code == "LE"
    assert await stated(register, ref) == [(NIL, 0)]


async def test_a_later_entry_withdraws_none_known(register: Register) -> None:
    ref = new_ref()
    await register.state(ref, NIL)
    entry = await register.create(ref, made(REACTION, event_time=EventTime(date=PartialDate(year=1970))))
    assert await stated(register, ref) == []
    await register.update(ref, entry, status=pb.STATUS_REFUTED)
    assert await stated(register, ref) == [], "refuting it does not bring back what somebody said before"
    await register.state(ref, NIL)
    assert await stated(register, ref) == [(NIL, 0)]


async def test_what_was_entered_in_error_withdraws_nothing(register: Register) -> None:
    ref = new_ref()
    await register.state(ref, NIL)
    entry = await register.create(ref, made(REACTION))
    await register.delete(ref, entry)
    assert await stated(register, ref) == [(NIL, 0)]


async def test_a_statement_about_a_category_is_withdrawn_by_that_category(register: Register) -> None:
    ref = new_ref()
    await register.state(ref, NIL, REACTION)
    await register.create(ref, made(IMPLANT))
    assert await stated(register, ref) == [(NIL, REACTION)]
    await register.create(ref, made(REACTION))
    assert await stated(register, ref) == []


async def test_a_newer_statement_about_the_same_replaces_the_older(register: Register) -> None:
    ref = new_ref()
    await register.state(ref, NIL)
    await register.state(ref, NIL, REACTION)
    await register.state(ref, NOT_ASKED)
    assert await stated(register, ref) == [(NOT_ASKED, 0), (NIL, REACTION)]


async def test_none_known_does_not_stand_beside_what_is_active(register: Register) -> None:
    ref = new_ref()
    entry = await register.create(ref, made(REACTION))
    for category in (0, REACTION):
        told = await refusal(register.state(ref, NIL, category))
        assert told[:2] == CONFLICT
        assert told.details["id"] == entry.header.id
    await register.state(ref, NIL, IMPLANT)
    await register.update(ref, entry, status=pb.STATUS_REFUTED)
    await register.state(ref, NIL)
    assert await stated(register, ref) == [(NIL, 0), (NIL, IMPLANT)]


async def test_a_feeds_entry_that_comes_later_withdraws_it_too(register: Register) -> None:
    """News to us, however old it is at the source."""
    ref = new_ref()
    await register.state(ref, NIL)
    await register.load(of_patient(ref, fed(made(REACTION), "a-1")))
    assert await stated(register, ref) == []


async def test_none_known_is_not_told_beside_what_is_active_whatever_a_feed_sends(register: Register) -> None:
    ref = new_ref()
    said = pb.CategoryAbsence(kind=NIL)
    said.header.provenance.source_id = "n-1"
    said.header.provenance.source_system = "a feed"
    said.header.provenance.recorded_at.CopyFrom(timestamp(RECORDED + timedelta(days=365)))
    both = of_patient(ref, fed(made(REACTION), "a-1"))
    both.absences.append(said)
    await register.load(both)
    assert await stated(register, ref) == []
    refuted = both.critical_info[0]
    refuted.status = pb.STATUS_REFUTED
    other = new_ref()
    await register.load(pb.PatientEntries(patient=patient(other), critical_info=[refuted], absences=[said]))
    assert await stated(register, other) == [(NIL, 0)]


async def test_as_of_shows_what_was_stated_then(register: Register) -> None:
    ref = new_ref()
    said = await register.state(ref, NIL)
    await register.create(ref, made(REACTION))
    then = said.header.stored_at.ToDatetime(tzinfo=UTC)
    assert [each.kind for each in (await register.listed(ref, as_of=then)).absences] == [NIL]
    assert [each.kind for each in (await register.section(ref, as_of=then)).absences] == [NIL]


async def test_a_statement_has_no_history_and_is_no_entry(register: Register) -> None:
    ref = new_ref()
    said = await register.state(ref, NIL)
    of = pb.CriticalInfo(header=said.header)
    for call in (register.get(ref, of), register.update(ref, of, comment="x"), register.delete(ref, of)):
        assert (await refusal(call)).code == "NOT_FOUND"
