"""Statements that a patient has no vaccinations, or that nobody has asked."""

from datetime import UTC, datetime, timedelta

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import ABSENCE_KIND_NIL_KNOWN, ABSENCE_KIND_NOT_ASKED
from tests.services.vaccinations.register import RECORDED, Register, absence, day, dose, header, new_ref
from tests.support.service import details_of

LATER = RECORDED + timedelta(days=1)
EARLIER = RECORDED - timedelta(days=1)


async def test_what_was_said_is_a_state_of_the_section_and_no_entry(register: Register) -> None:
    ref = new_ref()
    assert (await register.load(ref, absences=(absence(),))).created == 1
    found = await register.listed(ref)
    assert not found.vaccinations
    assert found.window.total == 0
    assert found.absence.kind == ABSENCE_KIND_NIL_KNOWN
    assert found.absence.text == "Ingen kjente"
    assert found.absence.header.provenance.recorder.name == "Ola Helsesykepleier"
    section = await register.section(ref)
    assert (section.absence, section.window.total) == (found.absence, 0)


async def test_it_holds_until_something_newer_is_recorded(register: Register) -> None:
    ref = new_ref()
    await register.load(ref, absences=(absence(),))
    said = (await register.listed(ref)).absence
    await register.record(dose("v", LATER), ref)
    assert not (await register.listed(ref)).HasField("absence")
    assert not (await register.section(ref)).HasField("absence")
    assert (await register.listed(ref, as_of=said.header.stored_at)).absence == said


async def test_what_the_source_recorded_earlier_but_is_news_here_denies_it(register: Register) -> None:
    ref = new_ref()
    await register.load(ref, absences=(absence(),))
    await register.record(dose("v", EARLIER), ref)
    assert not (await register.section(ref)).HasField("absence")


async def test_a_newer_statement_stands_beside_what_is_older(register: Register) -> None:
    ref = new_ref()
    await register.load(ref, dose("v", EARLIER), absences=(absence(),))
    section = await register.section(ref)
    assert (len(section.vaccinations), section.absence.kind) == (1, ABSENCE_KIND_NIL_KNOWN)


async def test_of_the_same_time_the_entry_is_believed(register: Register) -> None:
    ref = new_ref()
    await register.load(ref, dose("v"), absences=(absence(),))
    assert not (await register.section(ref)).HasField("absence")


async def test_a_statement_holds_again_when_what_denied_it_is_withdrawn(register: Register) -> None:
    ref = new_ref()
    await register.load(ref, absences=(absence(),))
    await register.record(dose("v", LATER), ref)
    await register.record(dose("v", LATER, withdrawn=True), ref)
    assert (await register.section(ref)).absence.kind == ABSENCE_KIND_NIL_KNOWN


async def test_the_newest_statement_is_the_one(register: Register) -> None:
    ref = new_ref()
    newer = absence("b", LATER, ABSENCE_KIND_NOT_ASKED)
    await register.load(ref, absences=(newer, absence("a")))
    assert (await register.section(ref)).absence.kind == ABSENCE_KIND_NOT_ASKED


async def test_every_entry_is_looked_at_not_only_a_page_of_them(register: Register) -> None:
    ref = new_ref()
    many = [dose(f"v{n}", EARLIER, occurrence=day(2020)) for n in range(510)]
    oldest = dose("old", LATER, occurrence=day(1990))
    await register.load(ref, *many, absences=(absence(),))
    assert (await register.section(ref)).HasField("absence")
    await register.load(ref, oldest)
    await register.load(ref, absences=(absence("again", LATER),))
    assert not (await register.section(ref)).HasField("absence")


async def test_sending_it_again_changes_nothing_and_its_id_is_its_own(register: Register) -> None:
    ref = new_ref()
    both = await register.load(ref, dose("same", EARLIER), absences=(absence("same"),))
    assert both.created == 2
    again = await register.load(ref, dose("same", EARLIER), absences=(absence("same"),))
    assert (again.created, again.updated, again.unchanged) == (0, 0, 2)


@pytest.mark.parametrize(
    "field, change",
    [
        ("kind", {"kind": 0}),
        ("header.provenance.source_id", {"source_id": ""}),
        ("header.provenance.recorded_at", {"recorded_at": datetime.now(UTC) + timedelta(days=2)}),
    ],
)
async def test_a_statement_that_breaks_a_rule_is_refused(
    register: Register, field: str, change: dict[str, object]
) -> None:
    sent = absence()
    sent.kind = change.get("kind", sent.kind)  # type: ignore[assignment]  # an enum's number
    if "source_id" in change or "recorded_at" in change:
        sent.header.CopyFrom(header(**{"source_id": "a", **change}))  # type: ignore[arg-type]  # one of the two
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await register.load(new_ref(), absences=(sent,))
    assert details_of(refused.value)["field"] == f"patients[0].absences[0].{field}"


async def test_a_statement_that_its_source_withdraws_is_not_in_force_and_the_one_before_is(register: Register) -> None:
    ref = new_ref()
    before = absence()
    before.kind = ABSENCE_KIND_NOT_ASKED
    before.header.CopyFrom(header("before", EARLIER))
    said = absence()
    await register.load(ref, absences=(before, said))
    assert (await register.section(ref)).absence.kind == ABSENCE_KIND_NIL_KNOWN
    said.withdrawn = True
    said.header.provenance.recorded_at.FromDatetime(LATER)
    assert (await register.load(ref, absences=(said,))).updated == 1
    assert (await register.section(ref)).absence.kind == ABSENCE_KIND_NOT_ASKED
    assert (await register.listed(ref)).absence.kind == ABSENCE_KIND_NOT_ASKED


async def test_of_two_statements_of_one_time_the_weaker_holds_in_whichever_order(register: Register) -> None:
    for order in (1, -1):
        ref = new_ref()
        nil, nobody = absence(), absence()
        nobody.kind = ABSENCE_KIND_NOT_ASKED
        nil.header.CopyFrom(header("nil"))
        nobody.header.CopyFrom(header("nobody"))
        await register.load(ref, absences=(nil, nobody)[::order])
        assert (await register.section(ref)).absence.kind == ABSENCE_KIND_NOT_ASKED
        assert (await register.listed(ref)).absence.kind == ABSENCE_KIND_NOT_ASKED
