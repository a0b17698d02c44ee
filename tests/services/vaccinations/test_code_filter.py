"""Lists of the vaccinations that carry a code: pages and counts are of these alone."""

from datetime import UTC, datetime

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import Coding
from shared.convert import timestamp
from tests.services.vaccinations.register import ATC, CVX, Register, day, dose, new_ref, vaccine
from tests.support.service import details_of, reason_of, version_of

MMR = vaccine((ATC, "J07BD52"))
INFLUENZA = [Coding(system=ATC, code="J07BB")]


async def test_only_vaccines_under_the_asked_code_are_listed_and_counted(register: Register) -> None:
    ref = new_ref()
    await register.load(
        ref,
        dose("a", occurrence=day(2020)),
        dose("b", occurrence=day(2021), vaccine=MMR),
        dose("c", occurrence=day(2022), vaccine=vaccine((CVX, "141"))),
    )
    found = await register.listed(ref, codes=INFLUENZA)
    assert [each.header.provenance.source_id for each in found.vaccinations] == ["a"]
    assert (found.window.returned, found.window.total, found.window.older_exist) == (1, 1, False)
    either = await register.listed(ref, codes=[Coding(code="141"), Coding(code="J07BD52")])
    assert [each.header.provenance.source_id for each in either.vaccinations] == ["c", "b"]
    assert not (await register.listed(ref, codes=[Coding(code="J07AN01")])).window.total


async def test_pages_under_a_filter_hold_every_one_once(register: Register) -> None:
    ref = new_ref()
    # Ten of one day, so that pages end between equals.
    given = [dose(f"v{n}", occurrence=day(2010 + n % 3), vaccine=MMR if n % 2 else dose().vaccine) for n in range(30)]
    await register.load(ref, *given)
    found: list[tuple[int, str]] = []
    token = ""
    while True:
        page = await register.listed(ref, page_size=4, page_token=token, codes=INFLUENZA)
        found += [(each.occurrence.date.year, each.header.id) for each in page.vaccinations]
        assert page.window.total == 15
        assert page.window.older_exist == bool(page.next_page_token)
        token = page.next_page_token
        if not token:
            break
    assert len(found) == len(set(found)) == 15
    assert found == sorted(found, reverse=True)


async def test_a_window_under_a_filter_says_that_older_ones_exist(register: Register) -> None:
    ref = new_ref()
    doses = [dose(f"v{n}", occurrence=day(2015 + n), vaccine=dose().vaccine if n < 4 else MMR) for n in range(6)]
    await register.load(ref, *doses)
    found = await register.listed(ref, codes=INFLUENZA, since=timestamp(datetime(2017, 1, 1, tzinfo=UTC)))
    assert [each.occurrence.date.year for each in found.vaccinations] == [2018, 2017]
    assert (found.window.total, found.window.older_exist) == (4, True)
    newer = await register.listed(ref, codes=[Coding(code="J07BD")], since=timestamp(datetime(2017, 1, 1, tzinfo=UTC)))
    assert (newer.window.total, newer.window.older_exist) == (2, False)


async def test_a_filter_looks_at_the_version_of_the_time_that_is_asked_for(register: Register) -> None:
    ref = new_ref()
    first = await register.record(dose("v"), ref)
    await register.record(dose("v", vaccine=MMR), ref)
    assert not (await register.listed(ref, codes=INFLUENZA)).vaccinations
    then = await register.listed(ref, codes=INFLUENZA, as_of=first.stored_at)
    assert [version_of(each) for each in then.vaccinations] == [first]


async def test_a_page_token_is_of_its_filter(register: Register) -> None:
    ref = new_ref()
    await register.load(ref, *(dose(f"v{n}", occurrence=day(2010 + n)) for n in range(4)))
    token = (await register.listed(ref, page_size=2, codes=INFLUENZA)).next_page_token
    for other in ([], [Coding(code="J07BB")]):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await register.listed(ref, page_size=2, codes=other, page_token=token)
        assert reason_of(refused.value) == "INVALID_PAGE_TOKEN"
    same = [*INFLUENZA, Coding(system=ATC, code="J07BB", display="Influensa")]
    assert len((await register.listed(ref, page_size=2, codes=same, page_token=token)).vaccinations) == 2


async def test_an_empty_code_is_refused(register: Register) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await register.listed(new_ref(), codes=[Coding(code="141"), Coding(system=ATC)])
    assert details_of(refused.value)["field"] == "codes[1].code"


async def test_more_than_a_page_of_the_register_is_looked_through(register: Register) -> None:
    ref = new_ref()
    await register.load(ref, *(dose(f"v{n}", occurrence=day(2020), vaccine=MMR) for n in range(501)))
    await register.load(ref, dose("first", occurrence=day(1990)))
    found = await register.listed(ref, codes=INFLUENZA)
    assert [each.header.provenance.source_id for each in found.vaccinations] == ["first"]
