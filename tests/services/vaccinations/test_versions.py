"""The life of a vaccination: recorded, corrected, withdrawn; what was known at each point; who recorded it."""

import asyncio
from datetime import timedelta

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import (
    CALLER_KIND_CITIZEN,
    CALLER_KIND_SYSTEM,
    CodeableConcept,
    EntryHeader,
    Provenance,
)
from kjernejournal.vaccinations.v1 import vaccinations_pb2 as pb
from shared.convert import timestamp
from tests.services.vaccinations.register import (
    AUTHOR,
    CVX,
    RECORDED,
    SNOMED,
    UNIT,
    Register,
    absence,
    day,
    dose,
    header,
    new_ref,
    vaccine,
)
from tests.support.service import FEED, details_of, reason_of, version_of


async def test_a_correction_is_a_new_version_and_as_of_shows_each(register: Register) -> None:
    ref = new_ref()
    recorded = await register.record(dose("v"), ref)
    corrected = await register.record(dose("v", batch_number="B5678", occurrence=day(2024, 9, 29)), ref)
    assert (corrected.id, corrected.version) == (recorded.id, 2)
    again = await register.record(dose("v", batch_number="C9"), ref)
    assert again.version == 3
    shown = []
    for version, batch in ((recorded, "A1234"), (corrected, "B5678"), (again, "C9")):
        [found] = (await register.listed(ref, as_of=version.stored_at)).vaccinations
        assert (version_of(found), found.batch_number) == (version, batch)
        assert list((await register.section(ref, as_of=version.stored_at)).vaccinations) == [found]
        shown.append(found)
    assert list((await register.listed(ref)).vaccinations) == shown[-1:]
    assert shown[1].header.first_recorded == shown[0].header.provenance
    assert not (await register.listed(ref, as_of=timestamp(RECORDED))).vaccinations


async def test_a_withdrawn_vaccination_is_in_no_list_of_any_time(register: Register) -> None:
    ref = new_ref()
    recorded = await register.record(dose("v"), ref)
    corrected = await register.record(dose("v", batch_number="B5678"), ref)
    gone = await register.record(dose("v", withdrawn=True), ref)
    assert (gone.id, gone.version) == (recorded.id, 3)
    for as_of in (None, recorded.stored_at, corrected.stored_at, gone.stored_at):
        found = await register.listed(ref, as_of=as_of)
        assert (len(found.vaccinations), found.window.total) == (0, 0)
        section = await register.section(ref, as_of=as_of)
        assert (len(section.vaccinations), section.window.total) == (0, 0)
        assert not (await register.listed(ref, as_of=as_of, codes=dose().vaccine.codings)).vaccinations


async def test_the_register_may_withdraw_what_breaks_a_rule(register: Register) -> None:
    ref = new_ref()
    await register.record(dose("v"), ref)
    taken_back = pb.Vaccination(
        header=header("v"),
        status=pb.VACCINATION_STATUS_COMPLETED,
        vaccine=CodeableConcept(),
        country="XX",
        withdrawn=True,
    )
    assert (await register.record(taken_back, ref)).version == 2
    assert not (await register.listed(ref)).vaccinations


async def test_what_was_withdrawn_by_mistake_comes_back_as_a_version_of_its_own(register: Register) -> None:
    ref = new_ref()
    await register.record(dose("v"), ref)
    await register.record(dose("v", withdrawn=True), ref)
    late = await register.record(dose("v"), ref)
    assert (late.version, late.outdated) == (2, True), "of one time, what is withdrawn stays so"
    back = await register.record(dose("v", RECORDED + timedelta(days=1)), ref)
    assert back.version == 3
    assert [version_of(each) for each in (await register.listed(ref)).vaccinations] == [back]


async def test_an_older_version_that_comes_late_does_not_come_back(register: Register) -> None:
    """A feed that sends a day's file again must not give back a dose that its register has withdrawn since."""
    ref = new_ref()
    first = dose("v")
    withdrawn = dose("v", RECORDED + timedelta(days=1), withdrawn=True)
    await register.record(first, ref)
    await register.record(withdrawn, ref)
    assert (await register.record(first, ref)).version == 2
    assert (await register.load(ref, first, dose("other"))).outdated == 1
    assert [each.header.provenance.source_id for each in (await register.listed(ref)).vaccinations] == ["other"]
    assert (await register.record(dose("v", RECORDED + timedelta(days=2)), ref)).version == 3


async def test_sending_again_changes_nothing(register: Register) -> None:
    ref = new_ref()
    sent = [dose(f"v{n}", occurrence=day(2020 + n)) for n in range(3)]
    assert (await register.load(ref, *sent)).created == 3
    again = await register.load(ref, *sent)
    assert (again.created, again.updated, again.unchanged) == (0, 0, 3)
    assert (await register.record(sent[0], ref)).version == 1
    changed = await register.load(ref, sent[0], dose("v1", occurrence=day(2021), batch_number="B5678"))
    assert (changed.updated, changed.unchanged) == (1, 1)
    assert (await register.listed(ref)).window.total == 3


async def test_a_retried_request_has_one_effect_and_another_body_is_refused(register: Register) -> None:
    ref, request_id = new_ref(), new_ref()
    first = await register.record(dose(), ref, request_id=request_id)
    assert await register.record(dose(), ref, request_id=request_id) == first
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await register.record(dose(batch_number="B5678"), ref, request_id=request_id)
    assert reason_of(refused.value) == "REQUEST_ID_REUSED"
    assert [version_of(each) for each in (await register.listed(ref)).vaccinations] == [first]


async def test_one_request_id_of_two_patients_who_became_one_is_answered_by_what_each_asked(register: Register) -> None:
    one, other, request_id = new_ref(), new_ref(), new_ref()
    first = await register.record(dose("v1"), one, request_id=request_id)
    second = await register.record(dose("v2"), other, request_id=request_id)
    assert await register.record(dose("v1"), one, other, request_id=request_id) == first
    assert await register.record(dose("v2"), one, other, request_id=request_id) == second


async def test_the_same_sent_many_times_at_once_is_one_version_and_one_answer(register: Register) -> None:
    for _ in range(5):
        ref, request_id = new_ref(), new_ref()
        answers = await asyncio.gather(*(register.record(dose("v"), ref, request_id=request_id) for _ in range(12)))
        assert all(answer == answers[0] for answer in answers)
        assert answers[0].version == 1
        assert (await register.listed(ref)).window.total == 1


async def test_another_patients_source_id_is_another_vaccination(register: Register) -> None:
    mine, theirs = new_ref(), new_ref()
    first = await register.record(dose("v"), theirs)
    other = await register.record(dose("v", batch_number="B5678"), mine)
    assert other.version == 1
    assert other.id != first.id
    assert [version_of(each) for each in (await register.listed(theirs)).vaccinations] == [first]


async def test_an_id_in_the_header_is_not_looked_at(register: Register) -> None:
    mine, theirs = new_ref(), new_ref()
    first = await register.record(dose("v"), theirs)
    sent = dose("", batch_number="B5678")
    sent.header.id, sent.header.version = first.id, 7
    stored = await register.record(sent, mine)
    assert (stored.version, stored.id == first.id) == (1, False)
    assert [version_of(each) for each in (await register.listed(theirs)).vaccinations] == [first]


async def test_a_vaccination_that_came_under_an_alias_is_the_same_one(register: Register) -> None:
    alias, ref = new_ref(), new_ref()
    first = await register.record(dose("v"), alias)
    again = await register.record(dose("v", batch_number="B5678"), ref, alias)
    assert (again.id, again.version) == (first.id, 2)
    assert (await register.listed(ref, alias)).window.total == 1


async def test_what_a_feed_sent_before_a_merge_is_the_same_after_it(register: Register) -> None:
    alias, ref = new_ref(), new_ref()
    before = await register.load(alias, dose("v"), absences=[absence("none")])
    assert before.created == 2
    again = await register.load(ref, dose("v"), absences=[absence("none")], others=[alias])
    assert (again.created, again.updated, again.unchanged) == (0, 0, 2)
    changed = await register.load(ref, dose("v", batch_number="B5678"), dose("w"), others=[alias])
    assert (changed.created, changed.updated) == (1, 1)
    found = await register.listed(ref, alias)
    assert sorted((each.header.provenance.source_id, each.header.version) for each in found.vaccinations) == [
        ("v", 2),
        ("w", 1),
    ]


async def test_author_unit_and_source_are_the_feeds_word_and_the_rest_is_not(register: Register) -> None:
    ref, sent = new_ref(), dose("v", before_coverage=True)
    sent.header.provenance.recorder_kind = CALLER_KIND_CITIZEN
    sent.header.first_recorded.CopyFrom(Provenance(source_system="somebody else"))
    await register.load(ref, sent)
    [found] = (await register.listed(ref)).vaccinations
    source = found.header.provenance
    assert (source.recorder, source.organisation, source.source_system) == (AUTHOR, UNIT, "sysvak")
    assert (source.recorded_at, source.recorder_kind) == (timestamp(RECORDED), CALLER_KIND_SYSTEM)
    assert not found.header.HasField("first_recorded")
    assert not found.before_coverage


async def test_a_feed_that_states_nobody_is_the_one_that_recorded(register: Register) -> None:
    ref, sent = new_ref(), dose()
    sent.header.CopyFrom(EntryHeader())
    await register.record(sent, ref)
    [found] = (await register.listed(ref)).vaccinations
    assert found.header.provenance.organisation == FEED.organisation
    assert found.header.provenance.HasField("recorded_at")


async def test_codes_from_abroad_stay_as_they_came_and_none_is_added(register: Register) -> None:
    ref = new_ref()
    concepts = [
        vaccine((CVX, "141")),
        vaccine((SNOMED, "836403007"), ("urn:oid:1.2.40.0.34.4.16.1", "2427872")),
        CodeableConcept(text="Gelbfieber"),
    ]
    concepts[0].codings[0].display = "Influenza, seasonal, injectable"
    await register.load(ref, *(dose(f"v{n}", vaccine=concept) for n, concept in enumerate(concepts)))
    found = {each.header.provenance.source_id: each.vaccine for each in (await register.listed(ref)).vaccinations}
    assert found == {f"v{n}": concept for n, concept in enumerate(concepts)}


async def test_what_was_not_given_says_so_wherever_it_is_shown(register: Register) -> None:
    ref = new_ref()
    sent = dose(
        "v", status=pb.VACCINATION_STATUS_NOT_DONE, batch_number="", not_done_reason=CodeableConcept(text="Syk")
    )
    await register.record(sent, ref)
    [listed], [shown] = (await register.listed(ref)).vaccinations, (await register.section(ref)).vaccinations
    for found in (listed, shown):
        assert (found.status, found.not_done_reason.text) == (pb.VACCINATION_STATUS_NOT_DONE, "Syk")


@pytest.mark.parametrize(
    "field, sent",
    [
        ("status", dose("v", status=0)),
        ("occurrence.date.month", dose("v", occurrence=day(2020, 13))),
        ("vaccine.codings[0].code", dose("v", vaccine=vaccine(("urn:oid:2.16.578.1.12.4.1.1.9501", "x")))),
        ("country", dose("v", country="XX")),
        ("header.provenance.source_id", dose("")),
    ],
)
async def test_a_message_with_one_bad_field_is_refused_whole(
    register: Register, field: str, sent: pb.Vaccination
) -> None:
    ref = new_ref()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await register.load(ref, dose("good"), sent)
    assert details_of(refused.value)["field"] == f"patients[0].vaccinations[1].{field}"
    assert not (await register.listed(ref)).vaccinations
