"""Imports: what a feed may change, and what it may not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import CALLER_KIND_SYSTEM, Organisation
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
    patient,
)
from tests.support.service import FEED, calling, details_of

DAY = timedelta(days=1)


async def test_the_same_sent_again_changes_nothing_and_what_differs_is_a_version(register: Register) -> None:
    ref = new_ref()
    sent = [fed(contact(), "a"), fed(illness(), "b"), fed(need(), "c")]
    assert await register.load(ref, *sent) == (3, 0, 0)
    assert await register.load(ref, *sent) == (0, 0, 3)
    [first] = (await register.listed(ref, kinds=[pb.REGISTRATION_KIND_CONTACT])).registrations
    assert await register.load(ref, fed(contact("Per"), "a"), *sent[1:]) == (0, 1, 2)
    [second] = (await register.listed(ref, kinds=[pb.REGISTRATION_KIND_CONTACT])).registrations
    assert (second.header.id, second.header.version, second.contact.name) == (first.header.id, 2, "Per")
    assert second.header.first_recorded == first.header.provenance


async def test_the_author_that_the_feed_states_is_kept(register: Register) -> None:
    ref, sent = new_ref(), fed(contact(), "a")
    sent.header.provenance.on_behalf_of = "patient"
    sent.header.provenance.organisation.CopyFrom(Organisation(number="100100673"))
    await register.load(ref, sent)
    [stored] = await register.entries(ref)
    source = stored.header.provenance
    assert (source.on_behalf_of, source.organisation.number) == ("patient", "100100673")
    assert source.recorder_kind == CALLER_KIND_SYSTEM
    assert source.recorded_at == timestamp(RECORDED)


async def test_what_the_patient_changed_here_stands_until_the_source_records_something_later(
    register: Register,
) -> None:
    ref = new_ref()
    await register.load(ref, fed(contact(), "a"))
    [imported] = await register.entries(ref)
    own = await register.save(ref, contact("Som pasienten sier"), of=imported)
    for sent in (fed(contact(), "a"), fed(contact("Per"), "a", RECORDED + DAY)):
        assert await register.load(ref, sent) == (0, 0, 1)
    assert await register.entries(ref) == [own]
    later = fed(contact("Pål"), "a", datetime.now(UTC))
    assert await register.load(ref, later) == (0, 1, 0)
    assert await register.load(ref, later) == (0, 0, 1)
    [entry] = await register.entries(ref)
    assert (entry.header.id, entry.header.version, entry.contact.name) == (imported.header.id, 3, "Pål")


async def test_a_donor_card_under_another_name_is_the_same_card_and_the_later_one_holds(register: Register) -> None:
    ref = new_ref()
    older, newer = fed(card("eldre"), "x"), fed(card("nyere"), "y", RECORDED + DAY)
    assert await register.load(ref, older) == (1, 0, 0)
    [first] = await register.entries(ref)
    assert await register.load(ref, newer) == (0, 1, 0)
    for sent in (older, newer, older):
        assert await register.load(ref, sent) == (0, 0, 1)
    [entry] = await register.entries(ref)
    assert (entry.header.id, entry.donor_card.comment) == (first.header.id, "nyere")
    await register.delete(ref, entry.header.id)
    for sent in (older, newer):
        assert await register.load(ref, sent) == (0, 0, 1)
    assert not await register.entries(ref)


async def test_a_card_that_the_patient_saved_here_holds_against_an_older_one_of_a_feed(register: Register) -> None:
    ref = new_ref()
    own = await register.save(ref, card("min"))
    assert await register.load(ref, fed(card("kilden"), "x")) == (0, 0, 1)
    assert await register.entries(ref) == [own]
    await register.delete(ref, own.header.id)
    assert await register.load(ref, fed(card("kilden"), "x")) == (0, 0, 1)
    assert not await register.entries(ref)


async def test_a_correction_of_a_card_at_its_source_is_taken(register: Register) -> None:
    ref = new_ref()
    await register.load(ref, fed(card("a"), "x"))
    assert await register.load(ref, fed(card("b"), "x")) == (0, 1, 0)
    assert [each.donor_card.comment for each in await register.entries(ref)] == ["b"]


async def test_after_a_merge_an_entry_is_found_under_the_name_it_came_by(register: Register) -> None:
    old, canonical = new_ref(), new_ref()
    await register.load(old, fed(contact(), "a"))
    [first] = await register.entries(old)
    assert await register.load([canonical, old.upper()], fed(contact("Per"), "a")) == (0, 1, 0)
    [second] = await register.entries(canonical, old)
    assert (second.header.id, second.contact.name) == (first.header.id, "Per")


async def test_after_a_separation_a_card_of_the_other_patient_is_not_touched(register: Register) -> None:
    """Merged, the feed's card was the card that the other reference had. Separated, it is a card of its own."""
    ref, other = new_ref(), new_ref()
    own = await register.save(other, card("av seg selv"))
    later = datetime.now(UTC) + timedelta(hours=1)
    assert await register.load([ref, other], fed(card("fra kilden"), "card", RECORDED)) == (0, 0, 1)
    entries = [
        pb.PatientEntries(patient=patient(ref), registrations=[fed(card("fra kilden"), "card", later)]),
        pb.PatientEntries(patient=patient(other), registrations=[fed(contact(), "kin")]),
    ]
    message = pb.BulkImportRequest(patients=entries)
    for created, unchanged in ((2, 0), (0, 2)):
        counts = (await register.stub.BulkImport(iter([message]), metadata=calling(FEED))).counts
        assert (counts.created, counts.updated, counts.unchanged) == (created, 0, unchanged)
    assert [each.donor_card.comment for each in await register.entries(ref)] == ["fra kilden"]
    assert own in await register.entries(other)
    [mine] = await register.entries(ref)
    await register.delete(ref, mine.header.id)
    assert await register.load(ref, fed(card("fra kilden"), "card", later)) == (0, 0, 1)


async def test_the_last_of_one_name_in_a_message_is_taken(register: Register) -> None:
    ref = new_ref()
    sent = [fed(contact("A"), "a"), fed(contact("B"), "a")]
    assert await register.load(ref, *sent) == (1, 0, 1)
    assert await register.load(ref, *sent) == (0, 0, 2)
    assert [each.contact.name for each in await register.entries(ref)] == ["B"]


async def test_of_one_name_in_a_message_the_one_changed_last_is_taken(register: Register) -> None:
    ref = new_ref()
    assert await register.load(ref, fed(contact("Ny"), "a", RECORDED + DAY), fed(contact("Gammel"), "a")) == (1, 0, 1)
    [entry] = await register.entries(ref)
    assert entry.contact.name == "Ny"


async def test_a_message_is_stored_whole_or_not_at_all_and_says_what_stands(register: Register) -> None:
    ref, other = new_ref(), new_ref()
    wrong = fed(contact(), "b")
    wrong.contact.priority = -1
    messages = [
        pb.BulkImportRequest(patients=[pb.PatientEntries(patient=patient(ref), registrations=[fed(contact(), "a")])]),
        pb.BulkImportRequest(
            patients=[
                pb.PatientEntries(patient=patient(ref), registrations=[fed(illness(), "c")]),
                pb.PatientEntries(patient=patient(other), registrations=[wrong]),
            ]
        ),
    ]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await register.stub.BulkImport(iter(messages), metadata=calling(FEED))
    assert details_of(refused.value)["field"] == "patients[1].registrations[0].contact.priority"
    assert details_of(refused.value)["batches_stored"] == "1"
    assert [each.WhichOneof("registration") for each in await register.entries(ref)] == ["contact"]


@pytest.mark.parametrize(
    "field, entries",
    [
        ("registrations[0].header.provenance.source_id", [fed(contact(), "")]),
        ("registrations[0].header.provenance.recorded_at", [fed(contact(), "a", datetime(2999, 1, 1, tzinfo=UTC))]),
        ("registrations[0]", [pb.OwnRegistration(header=fed(contact(), "a").header)]),
        ("registrations[1].donor_card", [fed(card(), "a"), fed(card(), "b")]),
    ],
)
async def test_an_entry_that_breaks_a_rule_of_imports_is_refused(
    register: Register, field: str, entries: list[pb.OwnRegistration]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await register.load(new_ref(), *entries)
    assert details_of(refused.value)["field"] == f"patients[0].{field}"


async def test_an_imported_entry_never_changes_its_kind(register: Register) -> None:
    ref = new_ref()
    await register.load(ref, fed(contact(), "a"))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await register.load(ref, fed(illness(), "a"))
    assert details_of(refused.value)["field"] == "patients[0].registrations[0]"


async def test_a_patient_twice_in_a_message_is_refused_where_it_matters(register: Register) -> None:
    ref, alias = new_ref(), new_ref()
    await register.load(ref, fed(contact(), "a"))
    twice = [
        pb.PatientEntries(patient=patient(ref), registrations=[fed(contact("B"), "a")]),
        pb.PatientEntries(patient=patient(alias, ref), registrations=[fed(contact("C"), "a")]),
    ]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await register.stub.BulkImport(iter([pb.BulkImportRequest(patients=twice)]), metadata=calling(FEED))
    assert details_of(refused.value)["field"] == "patients"
    assert [each.contact.name for each in await register.entries(ref)] == ["Ola Nordmann"]


async def test_a_feed_whose_clock_is_ahead_does_not_change_back_what_the_patient_changes(register: Register) -> None:
    ref, ahead = new_ref(), datetime.now(UTC) + timedelta(hours=12)
    sent = fed(contact(), "a", ahead)
    await register.load(ref, sent)
    [imported] = await register.entries(ref)
    own = await register.save(ref, contact("Som pasienten sier"), of=imported)
    assert await register.load(ref, sent) == (0, 0, 1)
    assert await register.load(ref, fed(contact("Per"), "a", ahead)) == (0, 0, 1)
    assert await register.entries(ref) == [own]


async def test_what_was_recorded_in_the_year_1_is_the_same_when_it_is_sent_again(register: Register) -> None:
    ref, sent = new_ref(), fed(card(), "a", datetime(1, 1, 1, tzinfo=UTC))
    assert await register.load(ref, sent) == (1, 0, 0)
    assert await register.load(ref, sent) == (0, 0, 1)
    assert await register.load(ref, fed(card("senere"), "b")) == (0, 1, 0)
    [entry] = await register.entries(ref)
    own = await register.save(ref, card("min"), of=entry)
    assert await register.entries(ref) == [own]


async def test_what_its_source_withdraws_is_in_no_list(register: Register) -> None:
    ref = new_ref()
    await register.load(ref, fed(contact("Kari"), "a"), fed(need(), "b"))
    [kari] = (await register.listed(ref, kinds=[pb.REGISTRATION_KIND_CONTACT])).registrations
    gone = fed(contact("Kari"), "a", RECORDED + DAY)
    gone.withdrawn = True
    assert await register.load(ref, gone) == (0, 1, 0)
    left = await register.listed(ref)
    assert [each.WhichOneof("registration") for each in left.registrations] == ["communication_need"]
    assert left.window.total == 1
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await register.save(ref, contact("Per"), of=kari)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert await register.load(ref, fed(contact("Per"), "a", RECORDED + 2 * DAY)) == (0, 1, 0), (
        "its source sends it anew"
    )
    assert len(await register.entries(ref)) == 2


async def test_people_delete_and_a_donor_card_is_not_withdrawn(register: Register) -> None:
    withdrawn = contact()
    withdrawn.withdrawn = True
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await register.save(new_ref(), withdrawn)
    assert details_of(refused.value)["field"] == "registration.withdrawn"
    gone = fed(card(), "x")
    gone.withdrawn = True
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await register.load(new_ref(), gone)
    assert details_of(refused.value)["field"] == "patients[0].registrations[0].withdrawn"


async def test_what_is_older_changes_nothing_and_is_counted(register: Register) -> None:
    """In every order, once or twice, and what is withdrawn does not come back late."""
    versions = [fed(contact(str(number)), "a", RECORDED + number * DAY) for number in (1, 2, 3)]
    gone = fed(contact("3"), "a", RECORDED + 4 * DAY)
    gone.withdrawn = True
    for order in permutations([*versions, gone]):
        ref = new_ref()
        await register.load(ref, order[0])
        for sent in (*order, order[1]):
            await register.load(ref, sent)
        assert not await register.entries(ref), order
    ref = new_ref()
    await register.load(ref, versions[2])
    message = pb.BulkImportRequest(patients=[pb.PatientEntries(patient=patient(ref), registrations=[versions[0]])])
    counts = (await register.stub.BulkImport(iter([message]), metadata=calling(FEED))).counts
    assert (counts.outdated, counts.unchanged, counts.updated) == (1, 0, 0)
    assert [each.contact.name for each in await register.entries(ref)] == ["3"]
