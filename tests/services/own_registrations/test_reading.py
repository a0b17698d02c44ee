"""Lists and sections of own registrations."""

from __future__ import annotations

from datetime import timedelta

import grpc
import pytest

from kjernejournal.own_registrations.v1 import own_registrations_pb2 as pb
from shared.convert import timestamp
from tests.services.own_registrations.calls import (
    RECORDED,
    Register,
    card,
    contact,
    fed,
    illness,
    need,
    new_ref,
)
from tests.support.service import details_of, reason_of


async def test_what_is_imported_is_listed_whole_newest_first(register: Register) -> None:
    ref = new_ref()
    sent = [
        fed(each, f"r{number}", RECORDED + timedelta(days=number)) for number, each in enumerate((contact(), card()))
    ]
    assert await register.load(ref, *sent) == (2, 0, 0)
    found = await register.listed(ref)
    assert [each.WhichOneof("registration") for each in found.registrations] == ["donor_card", "contact"]
    assert found.registrations[1].contact == sent[0].contact
    assert found.registrations[1].header.provenance.source_system == "helsenorge"
    assert (found.window.returned, found.window.total, found.window.older_exist) == (2, 2, False)


async def test_pages_hold_every_entry_once(register: Register) -> None:
    ref = new_ref()
    await register.load(ref, *(fed(illness(str(n)), f"i{n}", RECORDED + timedelta(days=n)) for n in range(25)))
    found: list[str] = []
    token = ""
    while True:
        page = await register.listed(ref, page_size=10, page_token=token)
        found += [each.illness.condition.text for each in page.registrations]
        assert page.window.total == 25
        token = page.next_page_token
        assert page.window.older_exist == bool(token)
        if not token:
            break
    assert found == [str(n) for n in reversed(range(25))]


async def test_kinds_filter_the_list_and_none_is_no_kind(register: Register) -> None:
    ref = new_ref()
    await register.load(ref, fed(contact(), "c"), fed(illness(), "i"))
    found = await register.listed(ref, kinds=[pb.REGISTRATION_KIND_ILLNESS])
    assert [each.WhichOneof("registration") for each in found.registrations] == ["illness"]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await register.listed(ref, kinds=[pb.REGISTRATION_KIND_UNSPECIFIED])
    assert details_of(refused.value)["field"] == "kinds"


async def test_a_token_of_another_question_is_refused(register: Register) -> None:
    ref = new_ref()
    await register.load(ref, fed(contact(), "c"), fed(illness(), "i"))
    token = (await register.listed(ref, page_size=1)).next_page_token
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await register.listed(ref, page_size=1, page_token=token, kinds=[pb.REGISTRATION_KIND_CONTACT])
    assert reason_of(refused.value) == "INVALID_PAGE_TOKEN"


async def test_a_section_counts_every_kind_also_when_no_entries_are_asked_for(register: Register) -> None:
    ref = new_ref()
    sent = [contact("A"), contact("B"), need(), illness(), card()]
    await register.load(
        ref, *(fed(each, str(number), RECORDED + timedelta(days=number)) for number, each in enumerate(sent))
    )
    counts = {
        pb.REGISTRATION_KIND_CONTACT: 2,
        pb.REGISTRATION_KIND_COMMUNICATION_NEED: 1,
        pb.REGISTRATION_KIND_ILLNESS: 1,
        pb.REGISTRATION_KIND_DONOR_CARD: 1,
    }
    for most in (0, 2, 10):
        section = (await register.answer(ref, max_entries=most)).section
        assert {each.kind: each.total for each in section.counts} == counts
        assert len(section.registrations) == section.window.returned == min(most, 5)
        assert section.window.total == 5
        assert section.window.older_exist == (most < 5)
    newest = (await register.answer(ref, max_entries=1)).section.registrations
    assert newest[0].HasField("donor_card")


async def test_a_section_of_nobody_counts_nothing_of_every_kind(register: Register) -> None:
    section = (await register.answer(new_ref(), max_entries=5)).section
    assert [each.total for each in section.counts] == [0, 0, 0, 0]
    assert section.window.total == 0


async def test_the_window_leaves_older_entries_out_and_says_so(register: Register) -> None:
    ref = new_ref()
    await register.load(ref, fed(contact(), "c"), fed(illness(), "i", RECORDED + timedelta(days=9)))
    since = timestamp(RECORDED + timedelta(days=1))
    section = (await register.answer(ref, max_entries=5, since=since)).section
    assert [each.WhichOneof("registration") for each in section.registrations] == ["illness"]
    assert (section.window.total, section.window.older_exist) == (2, True)
    assert section.counts[0].total == 1


async def test_reads_take_every_reference_of_a_patient_and_of_nobody_else(register: Register) -> None:
    one, other = new_ref(), new_ref()
    await register.load(one, fed(contact("A"), "c"))
    await register.load(other, fed(contact("B"), "c"))
    assert {each.contact.name for each in await register.entries(one, other)} == {"A", "B"}
    assert [each.contact.name for each in await register.entries(other)] == ["B"]
