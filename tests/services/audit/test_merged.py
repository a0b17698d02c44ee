"""Accesses to a record that was one with another person's: in the log of each, after the merge is taken back too."""

from typing import TYPE_CHECKING
from uuid import uuid4

from kjernejournal.audit.v1 import audit_pb2 as pb
from tests.services.audit.records import ARENDAL, HOSPITAL, NURSE, record
from tests.services.audit.test_list_accesses import auditor, listed

if TYPE_CHECKING:
    from tests.services.audit.conftest import Log


def of_both(one: str, other: str, **fields: object) -> pb.AuditRecord:
    """Returns the record of an access while two persons were one."""
    made = record(one, **fields)
    made.personal.other_refs.append(other)
    return made


async def test_after_a_merge_is_taken_back_an_access_stands_in_both_logs_with_the_reason(log: "Log") -> None:
    one, other = str(uuid4()), str(uuid4())
    before, both, after = record(other), of_both(one, other), record(one)
    answers = await log.record(before, both, after)
    of_one, of_other = (await listed(log, one)).accesses, (await listed(log, other)).accesses
    assert [(each.access_id, each.record_was_merged) for each in of_one] == [
        (after.access_id, False),
        (both.access_id, True),
    ]
    assert [(each.access_id, each.record_was_merged) for each in of_other] == [
        (both.access_id, True),
        (before.access_id, False),
    ]
    assert of_other[0].practitioner == NURSE
    assert of_one[1].receipts == [answers[1].receipt]
    # In each log its place among that person's records, so that each can be checked for gaps.
    places = [[receipt.patient_sequence for each in seen for receipt in each.receipts] for seen in (of_one, of_other)]
    assert places == [[2, 1], [2, 1]]
    assert of_other[0].receipts[0].index == answers[1].receipt.index


async def test_while_they_are_one_it_is_one_access_without_a_reason(log: "Log") -> None:
    one, other = str(uuid4()), str(uuid4())
    both = of_both(one, other)
    await log.record(both)
    reply = await listed(log, one, other)
    assert [(each.access_id, each.record_was_merged) for each in reply.accesses] == [(both.access_id, False)]
    assert (reply.window.total, reply.window.older_exist) == (1, False)


async def test_counts_pages_and_auditors_see_it_in_both_logs(log: "Log") -> None:
    one, other = str(uuid4()), str(uuid4())
    sent = [of_both(one, other) for _ in range(3)]
    await log.record(*sent)
    first = await listed(log, other, page_size=2)
    assert (len(first.accesses), first.window.total, first.window.older_exist) == (2, 3, True)
    second = await listed(log, other, page_size=2, page_token=first.next_page_token)
    assert [each.access_id for each in second.accesses] == [sent[0].access_id]
    assert len((await listed(log, other, caller=auditor(ARENDAL.number))).accesses) == 3
    assert not (await listed(log, other, caller=auditor(HOSPITAL.number))).accesses


async def test_the_same_record_again_changes_nothing(log: "Log") -> None:
    one, other = str(uuid4()), str(uuid4())
    both = of_both(one, other)
    both.personal.other_refs.extend([other.upper(), one])
    first, again = await log.record(both), await log.record(both)
    assert first == again
    assert len((await listed(log, other)).accesses) == 1
