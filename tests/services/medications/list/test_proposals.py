"""Proposals to change the medication list, each test named after its rule."""

from typing import Any
from uuid import uuid4

import grpc
import pytest

from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.convert import timestamp
from tests.services.medications.feed import NOW, Feed, medicine, new_ref, prescription
from tests.services.medications.list.lists import (
    NURSE,
    OTHER_DOCTOR,
    PHARMACIST,
    answer,
    changed,
    ended,
    entry,
    person,
    proposals,
    propose,
    send,
)
from tests.services.medications.list.test_updates import refusal
from tests.support.service import DOCTOR, details_of, reason_of

ACCEPTED, DECLINED, WITHDRAWN, OPEN = (
    pb.PROPOSAL_STATE_ACCEPTED,
    pb.PROPOSAL_STATE_DECLINED,
    pb.PROPOSAL_STATE_WITHDRAWN,
    pb.PROPOSAL_STATE_OPEN,
)
INVALID = grpc.StatusCode.INVALID_ARGUMENT
CONFLICT = grpc.StatusCode.FAILED_PRECONDITION
NOT_FOUND = grpc.StatusCode.NOT_FOUND


def add(**fields: Any) -> pb.Proposal:
    return pb.Proposal(action=pb.PROPOSAL_ACTION_ADD, entry=entry(), reason="Bruker det", **fields)


def about(of: pb.ListEntry, action: "pb.ProposalAction.ValueType", **fields: Any) -> pb.Proposal:
    return pb.Proposal(action=action, entry_id=of.id, reason="Svimmel", **fields)


@pytest.mark.parametrize("role", ["SP", "VP", "FA1", "FA2", "LE"])
async def test_nurses_vernepleiere_pharmacists_and_doctors_propose(medicines: Feed, role: str) -> None:
    ref = new_ref()
    made = await propose(medicines, ref, add(), caller=person(role, "555500033"))
    [proposal] = made.proposals
    assert (proposal.state, proposal.header.provenance.recorder.role.code) == (OPEN, role)
    assert (await medicines.list_of(ref)).list_info.open_proposals == 1


@pytest.mark.parametrize("role", ["PS", "TL", ""])
async def test_other_roles_do_not_propose(medicines: Feed, role: str) -> None:
    refused = await refusal(propose(medicines, new_ref(), add(), caller=person(role, "555500033")))
    assert (refused.code(), reason_of(refused)) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_REFUSED")


async def test_a_proposal_is_accepted_or_declined_in_the_next_list(medicines: Feed) -> None:
    ref, one = new_ref(), entry()
    await send(medicines, ref, one)
    sent = [about(one, pb.PROPOSAL_ACTION_DISCONTINUE), add(), about(one, pb.PROPOSAL_ACTION_REVIEW, urgent=True)]
    stop, more, look = (await propose(medicines, ref, *sent)).proposals
    assert [each.based_on_version for each in (stop, more, look)] == [1, 1, 1]
    answers = [answer(stop, accepted=True, text="Enig"), answer(more, accepted=False)]
    after = await send(medicines, ref, ended(one), answers=answers)
    assert [(each.header.id, each.state, each.answered_in_version) for each in after.answered_proposals] == [
        (stop.header.id, ACCEPTED, 2),
        (more.header.id, DECLINED, 2),
    ]
    assert after.answered_proposals[0].answered.recorder == DOCTOR.practitioner
    assert after.answered_proposals[0].answer == "Enig"
    assert after.answered_proposals[0].header.first_recorded.recorder == NURSE.practitioner
    assert after.list_info.open_proposals == 1
    by_state = {
        state: {each.header.id for each in (await proposals(medicines, ref, states=[state])).proposals}
        for state in (OPEN, ACCEPTED, DECLINED, WITHDRAWN)
    }
    assert by_state == {
        OPEN: {look.header.id},
        ACCEPTED: {stop.header.id},
        DECLINED: {more.header.id},
        WITHDRAWN: set(),
    }
    listed = await proposals(medicines, ref)
    assert listed.window.total == 3
    then = await proposals(medicines, ref, as_of=look.header.stored_at)
    assert {each.state for each in then.proposals} == {OPEN}


async def test_a_proposal_is_answered_once(medicines: Feed) -> None:
    ref = new_ref()
    [one] = (await propose(medicines, ref, add())).proposals
    twice = [answer(one, accepted=False), answer(one, accepted=True)]
    refused = await refusal(send(medicines, ref, entry(), answers=twice))
    assert (refused.code(), details_of(refused)["field"]) == (INVALID, "answers")
    await send(medicines, ref, answers=[answer(one, accepted=False)])
    refused = await refusal(send(medicines, ref, answers=[answer(one, accepted=True)]))
    assert refused.code() is CONFLICT
    assert (await medicines.list_of(ref)).list_info.version == 1, "all or nothing"


async def test_a_proposal_about_an_entry_that_is_gone_can_only_be_declined(medicines: Feed) -> None:
    ref, one = new_ref(), entry()
    await send(medicines, ref, one)
    [proposal] = (await propose(medicines, ref, about(one, pb.PROPOSAL_ACTION_CHANGE, entry=one))).proposals
    gone: dict[str, Any] = {"in_error": [pb.EntryInError(entry_id=one.id)]}
    refused = await refusal(send(medicines, ref, answers=[answer(proposal, accepted=True)], **gone))
    assert details_of(refused)["field"] == "answers[0].accepted"
    await send(medicines, ref, **gone)
    assert (await medicines.list_of(ref)).list_info.open_proposals == 1, "it waits for a doctor all the same"
    await send(medicines, ref, answers=[answer(proposal, accepted=False, text="Utgått")])
    assert (await medicines.list_of(ref)).list_info.open_proposals == 0


async def test_what_is_accepted_is_done(medicines: Feed) -> None:
    ref, one = new_ref(), entry()
    await send(medicines, ref, one)
    [stop] = (await propose(medicines, ref, about(one, pb.PROPOSAL_ACTION_DISCONTINUE))).proposals
    refused = await refusal(send(medicines, ref, one, answers=[answer(stop, accepted=True)]))
    assert details_of(refused)["field"] == "answers[0].accepted"


async def test_a_proposal_on_an_entry_that_is_not_on_the_list_is_not_found(medicines: Feed) -> None:
    ref, other = new_ref(), new_ref()
    theirs = entry()
    await send(medicines, other, theirs)
    for action in (pb.PROPOSAL_ACTION_DISCONTINUE, pb.PROPOSAL_ACTION_REVIEW):
        refused = await refusal(propose(medicines, ref, about(theirs, action)))
        assert (refused.code(), reason_of(refused)) == (NOT_FOUND, "ENTRY_NOT_FOUND")


async def test_another_patients_prescription_proposal_or_answer_is_not_found(medicines: Feed) -> None:
    ref, other = new_ref(), new_ref()
    theirs = await medicines.prescribe(other, prescription("r1"))
    [proposal] = (await propose(medicines, other, add())).proposals
    named = pb.Proposal(action=pb.PROPOSAL_ACTION_ADD, entry=entry(prescription_id=theirs.id))
    for call in (
        propose(medicines, ref, named),
        propose(medicines, ref, withdrawn_proposal_ids=[proposal.header.id]),
        send(medicines, ref, answers=[answer(proposal, accepted=False)]),
    ):
        assert (await refusal(call)).code() is NOT_FOUND


async def test_only_its_author_withdraws_a_proposal_and_only_an_open_one(medicines: Feed) -> None:
    ref = new_ref()
    one, two = (await propose(medicines, ref, add(), add())).proposals
    refused = await refusal(propose(medicines, ref, withdrawn_proposal_ids=[one.header.id], caller=PHARMACIST))
    assert reason_of(refused) == "ROLE_REFUSED"
    made = await propose(medicines, ref, add(), withdrawn_proposal_ids=[one.header.id.upper()])
    assert [(each.header.id, each.state, each.header.version) for each in made.withdrawn_proposals] == [
        (one.header.id, WITHDRAWN, 2)
    ]
    assert (await medicines.list_of(ref)).list_info.open_proposals == 2
    await send(medicines, ref, answers=[answer(two, accepted=False)])
    for each in (one, two):
        assert (await refusal(propose(medicines, ref, withdrawn_proposal_ids=[each.header.id]))).code() is CONFLICT


async def test_a_request_sent_again_proposes_once(medicines: Feed) -> None:
    ref, request_id = new_ref(), str(uuid4())
    sent = add()
    first, again = [await propose(medicines, ref, sent, sent, request_id=request_id) for _ in range(2)]
    assert first == again
    assert (await proposals(medicines, ref)).window.total == 2
    refused = await refusal(propose(medicines, ref, sent, request_id=request_id))
    assert reason_of(refused) == "REQUEST_ID_REUSED"
    refused = await refusal(medicines.prescribe(ref, prescription("r1"), request_id))
    assert reason_of(refused) == "REQUEST_ID_REUSED"


@pytest.mark.parametrize(
    "field, sent",
    [
        ("proposals[0].entry", pb.Proposal(action=pb.PROPOSAL_ACTION_ADD)),
        ("proposals[0].entry_id", add(entry_id=str(uuid4()))),
        ("proposals[0].entry", about(entry(), pb.PROPOSAL_ACTION_REVIEW, entry=entry())),
        ("proposals[0].based_on_version", add(based_on_version=3)),
        (
            "proposals[0].entry.medication",
            pb.Proposal(action=pb.PROPOSAL_ACTION_ADD, entry=entry(medication=medicine("J07BB02"))),
        ),
        (
            "proposals[0].entry.discontinuation",
            pb.Proposal(
                action=pb.PROPOSAL_ACTION_ADD,
                entry=entry(discontinuation=pb.Discontinuation(discontinued_at=timestamp(NOW))),
            ),
        ),
    ],
)
async def test_a_proposal_that_breaks_a_rule_names_the_field(medicines: Feed, field: str, sent: pb.Proposal) -> None:
    refused = await refusal(propose(medicines, new_ref(), sent))
    assert (refused.code(), details_of(refused)["field"]) == (INVALID, field)


async def test_nothing_proposed_and_nothing_withdrawn_is_refused(medicines: Feed) -> None:
    assert details_of(await refusal(propose(medicines, new_ref())))["field"] == "proposals"


async def test_what_is_so_already_is_not_proposed(medicines: Feed) -> None:
    ref, one, two = new_ref(), entry(), entry()
    await send(medicines, ref, ended(one), two)
    for each in (about(one, pb.PROPOSAL_ACTION_DISCONTINUE), pb.Proposal(action=pb.PROPOSAL_ACTION_ADD, entry=two)):
        assert (await refusal(propose(medicines, ref, each))).code() is CONFLICT
    renamed = about(two, pb.PROPOSAL_ACTION_CHANGE, entry=entry())
    assert details_of(await refusal(propose(medicines, ref, renamed)))["field"] == "proposals[0].entry.id"


async def test_proposals_come_in_pages_newest_first(medicines: Feed) -> None:
    ref = new_ref()
    made = [(await propose(medicines, ref, add())).proposals[0].header.id for _ in range(5)]
    shown: list[str] = []
    token = ""
    while len(shown) < 5:
        page = await proposals(medicines, ref, page_size=2, page_token=token)
        shown += [each.header.id for each in page.proposals]
        token = page.next_page_token
        assert page.window.total == 5
    assert shown == made[::-1]
    assert not token


async def test_the_changes_since_a_time_say_by_whom_and_why_before_and_after(medicines: Feed) -> None:
    ref, one, two = new_ref(), entry(), entry()
    await send(medicines, ref, one)
    whole = await medicines.list_of(ref, changes_since=timestamp(NOW))
    assert [(each.entry_id, each.HasField("before")) for each in whole.changes] == [(one.id, False)]
    since = whole.medication_list.header.stored_at
    dose = changed(one, dosages=[pb.Dosage(text="2 tabletter")], change_reason="Smerter")
    await send(medicines, ref, dose, two, caller=OTHER_DOCTOR)
    await send(medicines, ref, ended(dose), in_error=[pb.EntryInError(entry_id=two.id, reason="Feil pasient")])
    changes = (await medicines.list_of(ref, changes_since=since)).changes
    told = [
        (each.version, each.entry_id, each.reason, each.changed.recorder.hpr_number == "9144900") for each in changes
    ]
    assert told == [
        (3, one.id, "Muskelsmerter", True),
        (3, two.id, "Feil pasient", True),
        (2, one.id, "Smerter", False),
        (2, two.id, "", False),
    ]
    assert [each.text for each in changes[2].before.dosages] == ["1 tablett daglig"]
    assert [each.text for each in changes[2].after.dosages] == ["2 tabletter"]
    assert not changes[1].HasField("after")
    assert not (await medicines.list_of(ref)).changes
