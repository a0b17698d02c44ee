"""Lists and sections of vaccinations."""

from datetime import UTC, datetime, timedelta

from kjernejournal.common.v1.common_pb2 import EventTime
from shared.convert import timestamp
from tests.services.vaccinations.register import AUTHOR, UNIT, Register, day, dose, new_ref
from tests.support.service import version_of


async def test_a_recorded_vaccination_is_listed_with_batch_place_and_source(register: Register) -> None:
    ref = new_ref()
    recorded = await register.record(dose("v"), ref)
    [found] = (await register.listed(ref)).vaccinations
    assert version_of(found) == recorded
    assert found.header.version == 1
    assert (found.header.provenance.recorder, found.header.provenance.organisation) == (AUTHOR, UNIT)
    assert (found.header.provenance.source_system, found.batch_number, found.country) == ("sysvak", "A1234", "NO")
    assert [coding.code for coding in found.vaccine.codings] == ["AII02", "J07BB02"]
    assert not found.before_coverage


async def test_pages_hold_every_vaccination_once_newest_first(register: Register) -> None:
    ref = new_ref()
    await register.load(ref, *(dose(f"v{n}", occurrence=day(1999 + n)) for n in range(25)))
    years: list[int] = []
    token = ""
    while True:
        page = await register.listed(ref, page_size=10, page_token=token)
        years += [each.occurrence.date.year for each in page.vaccinations]
        assert page.window.total == 25
        token = page.next_page_token
        if not token:
            break
    assert years == sorted(range(1999, 2024), reverse=True)


async def test_the_history_window_says_that_older_ones_exist(register: Register) -> None:
    ref = new_ref()
    await register.load(ref, *(dose(f"v{n}", occurrence=day(2015 + n)) for n in range(5)))
    found = await register.listed(ref, since=timestamp(datetime(2018, 1, 1, tzinfo=UTC)))
    assert (found.window.returned, found.window.total, found.window.older_exist) == (2, 5, True)


async def test_what_was_given_before_2011_says_that_others_may_be_missing(register: Register) -> None:
    ref = new_ref()
    instant = EventTime(instant=timestamp(datetime(2010, 12, 31, 23, tzinfo=UTC)))
    times = [day(2010, 12, 31), day(2011), instant, EventTime(age_years=2)]
    await register.load(ref, *(dose(f"v{n}", occurrence=time) for n, time in enumerate(times)))
    entries = (await register.listed(ref)).vaccinations
    assert {each.header.provenance.source_id: each.before_coverage for each in entries} == {
        "v0": True,
        "v1": False,
        "v2": False,
        "v3": False,
    }


async def test_a_section_holds_the_newest_and_says_how_many_there_are(register: Register) -> None:
    some, none = new_ref(), new_ref()
    await register.load(some, *(dose(f"v{n}", occurrence=day(2015 + n)) for n in range(4)))
    section = await register.section(some, max_entries=3)
    assert (section.window.returned, section.window.total, section.window.older_exist) == (3, 4, True)
    assert [each.occurrence.date.year for each in section.vaccinations] == [2018, 2017, 2016]
    counted = await register.section(some, max_entries=0)
    assert (len(counted.vaccinations), counted.window.total) == (0, 4)
    assert (await register.section(none)).window.total == 0


async def test_a_section_of_another_time_holds_what_was_known_then(register: Register) -> None:
    ref = new_ref()
    first = await register.record(dose("v"), ref)
    await register.record(dose("w"), ref)
    section = await register.section(ref, as_of=first.stored_at)
    assert [version_of(each) for each in section.vaccinations] == [first]
    before = timestamp(first.stored_at.ToDatetime(tzinfo=UTC) - timedelta(hours=1))
    assert not (await register.section(ref, as_of=before)).vaccinations
