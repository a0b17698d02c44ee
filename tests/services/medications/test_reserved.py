"""What a guardian is not to see, each test named after its rule."""

from datetime import timedelta
from typing import Any

from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CallerContext
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.convert import timestamp
from tests.services.medications.feed import NOW, Feed, dispensing, new_ref, order, patient, prescription, statement
from tests.services.medications.list.lists import changed, entry, proposals, propose, send
from tests.support.service import calling

GUARDIAN = CallerContext(
    kind=common_pb2.CALLER_KIND_CITIZEN, for_patient=True, representation=common_pb2.REPRESENTATION_PARENT
)
PATIENT = CallerContext(
    kind=common_pb2.CALLER_KIND_CITIZEN, for_patient=True, representation=common_pb2.REPRESENTATION_SELF
)


VERGE = CallerContext(
    kind=common_pb2.CALLER_KIND_CITIZEN, for_patient=True, representation=common_pb2.REPRESENTATION_GUARDIAN
)


async def list_of(medicines: Feed, ref: str, caller: CallerContext, **fields: Any) -> pb.GetMedicationListResponse:
    request = pb.GetMedicationListRequest(patient=patient(ref), **fields)
    return await medicines.stub.GetMedicationList(request, metadata=calling(caller, ref))


def sources(entries: Any) -> list[str]:
    return [each.header.provenance.source_id for each in entries]


async def test_the_reservation_is_against_an_adults_appointed_guardian_too(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.send(ref, prescriptions=[prescription("r1", guardian_reservation=True), prescription("r2")])
    listed = await medicines.prescriptions(ref, caller=VERGE)
    assert (sources(listed.prescriptions), listed.window.total, listed.window.withheld) == (["r2"], 1, 0)


async def test_a_reserved_prescription_and_what_was_dispensed_on_it_are_not_shown_and_not_counted(
    medicines: Feed,
) -> None:
    ref = new_ref()
    await medicines.send(
        ref,
        prescriptions=[prescription("r1", guardian_reservation=True), prescription("r2", days_ago=2)],
        dispensings=[dispensing("d1", of="r1"), dispensing("d2", of="r2"), dispensing("d3", of="elsewhere")],
    )
    await medicines.dispense(ref, dispensing("d4", of="r1"))
    listed = await medicines.prescriptions(ref, caller=GUARDIAN)
    assert (sources(listed.prescriptions), listed.window.total, listed.window.withheld) == (["r2"], 1, 0)
    assert not listed.window.older_exist
    given = await medicines.dispensings(ref, caller=GUARDIAN)
    assert sorted(sources(given.dispensings)) == ["d2", "d3"]
    assert (given.window.total, given.window.withheld) == (2, 0)
    section = await medicines.section(ref, caller=GUARDIAN)
    assert (sources(section.prescriptions), section.active_prescriptions) == (["r2"], 1)
    assert (section.prescriptions_window.total, section.prescriptions_window.withheld) == (1, 0)
    assert (section.dispensings_window.total, section.dispensings_window.older_exist) == (2, False)
    assert len((await medicines.prescriptions(ref, caller=PATIENT)).prescriptions) == 2


async def test_a_reserved_entry_of_the_list_its_prescription_and_its_proposals_are_not_shown(medicines: Feed) -> None:
    ref, secret, known = new_ref(), entry(guardian_reservation=True, prescription_source_id="r1"), entry()
    await medicines.prescribe(ref, prescription("r1"))
    await send(medicines, ref, secret, known)
    about = [
        pb.Proposal(action=pb.PROPOSAL_ACTION_REVIEW, entry_id=each.id, reason="Hvorfor?") for each in (secret, known)
    ]
    await propose(medicines, ref, *about)
    seen = await list_of(medicines, ref, GUARDIAN, changes_since=timestamp(NOW - timedelta(days=1)))
    assert [each.id for each in seen.medication_list.entries] == [known.id]
    assert (seen.list_info.active_entries, seen.list_info.open_proposals) == (1, 1)
    assert [each.entry_id for each in seen.changes] == [known.id]
    listed = await proposals(medicines, ref, caller=GUARDIAN)
    assert ([each.entry_id for each in listed.proposals], listed.window.total) == ([known.id], 1)
    assert not (await medicines.prescriptions(ref, caller=GUARDIAN)).prescriptions
    section = await medicines.section(ref, caller=GUARDIAN)
    assert [each.id for each in section.medication_list.entries] == [known.id]
    assert (section.list_info.active_entries, section.list_info.open_proposals) == (1, 1)
    whole = await list_of(medicines, ref, PATIENT)
    assert len(whole.medication_list.entries) == 2


async def test_an_entry_on_a_reserved_prescription_is_reserved(medicines: Feed) -> None:
    ref = new_ref()
    held = await medicines.prescribe(ref, prescription("r1", guardian_reservation=True))
    await send(medicines, ref, entry(prescription_id=held.id))
    assert not (await list_of(medicines, ref, GUARDIAN)).medication_list.entries


async def test_the_reservation_of_today_holds_for_the_past(medicines: Feed) -> None:
    ref, one = new_ref(), entry()
    first = await send(medicines, ref, one)
    await send(medicines, ref, changed(one, guardian_reservation=True))
    then = await list_of(medicines, ref, GUARDIAN, as_of=first.medication_list.header.stored_at)
    assert not then.medication_list.entries
    everything = timestamp(NOW - timedelta(days=1))
    assert not (await list_of(medicines, ref, GUARDIAN, changes_since=everything)).changes


async def test_what_is_reserved_is_named_to_what_names_entries_elsewhere(medicines: Feed) -> None:
    """The access log leaves it out for the guardian, and for nobody else."""
    ref, secret, known = new_ref(), entry(guardian_reservation=True, prescription_source_id="r1"), entry()
    held = await medicines.prescribe(ref, prescription("r1"))
    await medicines.prescribe(ref, prescription("r2"))
    await medicines.dispense(ref, dispensing("d1", of="r1"))
    listed = await send(medicines, ref, secret, known)
    [hidden, _] = listed.medication_list.entries
    [given] = (await medicines.dispensings(ref, caller=PATIENT)).dispensings
    assert set(await medicines.hidden(ref, caller=GUARDIAN)) == {held.id, given.header.id, hidden.id}
    assert not await medicines.hidden(ref, caller=PATIENT)


async def test_what_was_reserved_when_it_was_withdrawn_stays_reserved(medicines: Feed) -> None:
    ref = new_ref()
    held = await medicines.prescribe(ref, order("r1", "active", guardian_reservation=True))
    await medicines.dispense(ref, dispensing("d1", of="r1"))
    [given] = (await medicines.dispensings(ref, caller=PATIENT)).dispensings
    await medicines.prescribe(ref, order("r1", "entered-in-error", days_ago=0.1))
    assert not (await medicines.prescriptions(ref)).prescriptions
    then = await medicines.prescriptions(ref, caller=GUARDIAN, as_of=given.header.stored_at)
    assert (list(then.prescriptions), then.window.total) == ([], 0)
    assert not (await medicines.dispensings(ref, caller=GUARDIAN)).dispensings
    assert {held.id, given.header.id} <= set(await medicines.hidden(ref, caller=GUARDIAN))


async def test_what_was_reserved_when_it_left_the_list_stays_reserved(medicines: Feed) -> None:
    ref, secret, known = new_ref(), entry(guardian_reservation=True, prescription_source_id="r1"), entry()
    await medicines.prescribe(ref, prescription("r1"))
    await send(medicines, ref, secret, known)
    await send(medicines, ref, known, in_error=[pb.EntryInError(entry_id=secret.id, reason="Feil pasient")])
    whole = await list_of(medicines, ref, PATIENT)
    assert [each.entry_id for each in whole.medication_list.in_error] == [secret.id]
    seen = await list_of(medicines, ref, GUARDIAN)
    assert not seen.medication_list.in_error
    assert not (await medicines.prescriptions(ref, caller=GUARDIAN)).prescriptions
    assert secret.id in await medicines.hidden(ref, caller=GUARDIAN)


async def test_what_is_reserved_denies_that_there_is_nothing(medicines: Feed) -> None:
    ref = new_ref()
    nil = statement("nil", days_ago=10, kind=pb.STATEMENT_KIND_NIL_KNOWN, medication=None)
    await medicines.send(ref, statements=[nil], prescriptions=[prescription("r1", guardian_reservation=True)])
    assert (await medicines.section(ref, caller=GUARDIAN)).stated_absence == pb.STATEMENT_KIND_UNSPECIFIED


async def test_a_guardian_turns_pages_as_others_do(medicines: Feed) -> None:
    ref = new_ref()
    sent = [prescription(f"r{n}", days_ago=n, guardian_reservation=n % 3 == 0) for n in range(1, 13)]
    await medicines.send(ref, prescriptions=sent)
    shown: list[str] = []
    token = ""
    while token or not shown:
        page = await medicines.prescriptions(ref, caller=GUARDIAN, page_size=3, page_token=token)
        shown += sources(page.prescriptions)
        token = page.next_page_token
        assert page.window.total == 8
    assert shown == [f"r{n}" for n in range(1, 13) if n % 3]
    lately = await medicines.prescriptions(ref, caller=GUARDIAN, since=timestamp(NOW - timedelta(days=5, hours=1)))
    assert (sources(lately.prescriptions), lately.window.older_exist) == (["r1", "r2", "r4", "r5"], True)


async def test_without_a_reservation_a_guardian_is_shown_what_the_patient_is(medicines: Feed) -> None:
    ref = new_ref()
    await medicines.send(
        ref,
        prescriptions=[prescription(f"r{n}", days_ago=200 * n) for n in range(1, 9)],
        dispensings=[dispensing(f"d{n}", days_ago=100 * n) for n in range(1, 9)],
        statements=[statement(f"s{n}", days_ago=100 * n) for n in range(1, 9)],
    )
    await send(medicines, ref, entry())
    await propose(medicines, ref, pb.Proposal(action=pb.PROPOSAL_ACTION_ADD, entry=entry()))
    lately = {"since": timestamp(NOW - timedelta(days=350))}
    windows: tuple[dict[str, Any], ...] = ({}, {"max_entries": 3}, {"max_entries": 0}, lately)
    for fields in windows:
        guardian, own = [await medicines.section(ref, caller=each, **fields) for each in (GUARDIAN, PATIENT)]
        guardian.list_info.ClearField("age")
        own.list_info.ClearField("age")
        assert guardian == own
