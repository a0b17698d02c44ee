"""WatchChanges behind the front door: who is followed, what is on record first, and that nothing is passed over."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest

from gateway.changes import follower as follower_module
from gateway.changes import outbox_reader as register_module
from kj.synthetic.people.cast import MUNICIPALITY
from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.error_reason_pb2 import ERROR_REASON_NO_ACCESS
from kjernejournal.patients.v1 import patients_pb2
from tests.gateway.changes.watching import begun, of_kind, patient
from tests.support.following import Follower, following
from tests.support.gateway import Front, running_gateway
from tests.support.scripted.outboxes import Outboxes
from tests.support.scripted.services import refusing, treated_by

SIGN = 0.2


@pytest.fixture(scope="module")
async def fast_front(issuer: Path) -> AsyncIterator[Front]:
    """A gateway that looks more often than usual."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(register_module, "POLL", 0.05)
        patch.setattr(follower_module, "RETRY", 0.05)
        patch.setattr(follower_module, "SIGN_OF_LIFE", SIGN)
        async with running_gateway(issuer, look_again=0.1) as front:
            yield front


@pytest.fixture
def front(fast_front: Front) -> Front:
    fast_front.log.unary("/kjernejournal.audit.v1.AuditService/Record", fast_front.log.commit)
    fast_front.log.records.clear()
    return fast_front


@pytest.fixture
def outboxes(front: Front) -> Outboxes:
    return Outboxes(front)


async def test_who_is_followed_and_who_is_not_is_on_record_before_the_first_message(
    front: Front, outboxes: Outboxes
) -> None:
    first, second, left_out = patient(front), patient(front), patient(front, blocked_hpr_numbers=["9144900"])
    async with following(front.client, a=first, b=second, c=left_out) as follower:
        assert follower.signs == 1
        disclosures, denials = (
            {each.personal.patient_ref for each in of_kind(front, kind)}
            for kind in (audit_pb2.RECORD_KIND_DISCLOSURE, audit_pb2.RECORD_KIND_DENIAL)
        )
    assert disclosures == {front.people.ref(each.national_id) for each in (first, second)}
    assert denials == {front.people.ref(left_out.national_id)}


async def test_a_change_is_on_record_before_it_is_told(front: Front, outboxes: Outboxes) -> None:
    followed = patient(front)
    ref = front.people.ref(followed.national_id)
    async with following(front.client, a=followed) as follower:
        told = [outboxes.add("labs", ref), outboxes.add("labs", ref), outboxes.add("visits", ref)]
        outboxes.add("labs", str(uuid4()))
        await follower.until(lambda: len(follower.heard) == 3)
    disclosures = of_kind(front, audit_pb2.RECORD_KIND_DISCLOSURE)
    assert {each.personal.patient_ref for each in disclosures} == {ref}
    named = [entry.id for each in disclosures for section in each.sections for entry in section.entries]
    assert sorted(named) == sorted(told)
    assert {each.trace_id for each in disclosures} == {front.log.records[0].trace_id}
    assert [each.entry_id for each in follower.heard if each.section == "labs"] == told[:2]


async def test_what_cannot_be_put_on_record_is_not_told_and_comes_later(front: Front, outboxes: Outboxes) -> None:
    followed = patient(front)
    async with following(front.client, a=followed) as follower:
        front.log.unary("/kjernejournal.audit.v1.AuditService/Record", refusing(grpc.StatusCode.UNAVAILABLE, "", None))
        entry = outboxes.add("labs", front.people.ref(followed.national_id))
        await follower.until(lambda: follower.streams > 2)
        assert follower.heard == []
        front.log.unary("/kjernejournal.audit.v1.AuditService/Record", front.log.commit)
        await follower.until(lambda: bool(follower.heard))
    assert follower.entries("a") == [(entry, 1)]


LEFT_OUT: dict[str, dict[str, Any]] = {
    "reservation": {"reserved": True},
    "block": {"blocked_hpr_numbers": ["9144900"]},
    "restricted section": {"restricted_sections": [common_pb2.SECTION_VISITS]},
    "single entry": {"sections_with_restricted_entries": [common_pb2.SECTION_DOCUMENTS]},
}


@pytest.mark.parametrize("why", LEFT_OUT)
async def test_who_keeps_something_back_is_left_out_silently_until_it_is_lifted(
    front: Front, outboxes: Outboxes, why: str
) -> None:
    open_one, other = patient(front), patient(front)
    ref, other_ref = (front.people.ref(each.national_id) for each in (open_one, other))
    facts = front.people.known[other.national_id].facts
    before = patients_pb2.PatientFacts.FromString(facts.SerializeToString())
    async with following(front.client, a=open_one, b=other) as follower:
        first = outboxes.add("labs", other_ref)
        await follower.until(lambda: follower.entries("b") == [(first, 1)])
        facts.MergeFrom(patients_pb2.PatientFacts(**LEFT_OUT[why]))
        outboxes.add("patients", other_ref)
        outboxes.add("labs", other_ref)
        seen = outboxes.add("labs", ref)
        await follower.until(lambda: follower.entries("a") == [(seen, 1)])
        await follower.until_level()
        assert [each.key for each in follower.heard] == ["b", "a"]
        facts.CopyFrom(before)
        outboxes.add("patients", other_ref)
        again = outboxes.add("visits", other_ref)
        await follower.until(lambda: len(follower.entries("b")) == 2)
        await follower.until(lambda: any(each.section == "patient" for each in follower.heard))
    assert follower.entries("b") == [(first, 1), (again, 1)]
    assert [(each.key, each.entry_id) for each in follower.heard if each.section == "patient"] == [("b", "")]
    assert follower.streams == 1
    assert len(of_kind(front, audit_pb2.RECORD_KIND_DENIAL)) == 1
    assert len(begun(front)) == 3


async def test_who_is_treated_no_longer_is_left_out_from_the_moment_in_which_the_relation_ends(
    front: Front, outboxes: Outboxes
) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=2)
    treated, until_soon = patient(front), patient(front, care_relations=treated_by(MUNICIPALITY, until=ends))
    stranger = patient(front, care_relations=treated_by("100100223"))
    refs = [front.people.ref(each.national_id) for each in (treated, until_soon, stranger)]
    async with following(front.client, a=treated, b=until_soon, c=stranger) as follower:
        first = [outboxes.add("labs", ref) for ref in refs]
        await follower.until(lambda: len(follower.heard) == 2)
        await asyncio.sleep((ends - datetime.now(UTC)).total_seconds() + 0.01)
        again = [outboxes.add("labs", ref) for ref in reversed(refs)]
        await follower.until(lambda: len(follower.heard) == 3)
        await follower.until_level()
    assert follower.entries("a") == [(first[0], 1), (again[2], 1)]
    assert follower.entries("b") == [(first[1], 1)]
    assert follower.entries("c") == []
    denied = of_kind(front, audit_pb2.RECORD_KIND_DENIAL)
    assert {each.reason for each in denied} == {ERROR_REASON_NO_ACCESS}
    assert len(denied) == 2


async def test_somebody_without_a_record_comes_in_when_there_is_one(front: Front, outboxes: Outboxes) -> None:
    """Their registration is reported, though it came before anybody knew whose it was."""
    known, unknown = patient(front), patient(front)
    resolution = front.people.known.pop(unknown.national_id)
    [ref, _] = resolution.patient_refs
    async with following(front.client, a=known, b=unknown) as follower:
        await follower.until_level()
        outboxes.add("patients", ref)
        front.people.known[unknown.national_id] = resolution
        await follower.until(lambda: [each.key for each in follower.heard] == ["b"])
        entry = outboxes.add("labs", ref)
        await follower.until(lambda: follower.entries("b") == [(entry, 1)])
    assert {each.section for each in follower.heard} == {"patient", "labs"}


async def test_a_token_does_not_pass_by_the_registration_of_somebody_unknown(front: Front, outboxes: Outboxes) -> None:
    unknown = patient(front)
    resolution = front.people.known.pop(unknown.national_id)
    follower = Follower(front.client, {"b": unknown})
    await follower.begin()
    await follower.until_level()
    outboxes.add("patients", resolution.patient_refs[0])
    await asyncio.sleep(0.06)
    await follower.end()
    front.people.known[unknown.national_id] = resolution
    await follower.begin()
    await follower.until(lambda: [each.section for each in follower.heard] == ["patient"])
    await follower.end()


async def test_what_is_stored_under_any_reference_is_the_patients(front: Front, outboxes: Outboxes) -> None:
    followed = patient(front)
    refs = front.people.known[followed.national_id].patient_refs
    async with following(front.client, a=followed) as follower:
        told = [outboxes.add("labs", ref) for ref in refs]
        await follower.until(lambda: len(follower.heard) == 2)
        refs.append(merged := str(uuid4()))
        outboxes.add("patients", refs[0])
        await follower.until(lambda: follower.heard[-1].section == "patient")
        told.append(outboxes.add("labs", merged))
        await follower.until(lambda: [each for each, _ in follower.entries("a")] == told)


async def test_a_register_that_is_away_delays_its_own_changes_alone(front: Front, outboxes: Outboxes) -> None:
    followed = patient(front)
    ref = front.people.ref(followed.national_id)
    async with following(front.client, a=followed) as follower:
        await follower.until_level()
        outboxes.refuse("labs")
        late = [outboxes.add("labs", ref) for _ in range(120)]
        prompt = outboxes.add("visits", ref)
        await follower.until(lambda: follower.entries("a") == [(prompt, 1)])
        await follower.end()
        await follower.begin()
        other = outboxes.add("vaccinations", ref)
        await follower.until(lambda: len(follower.heard) == 2)
        outboxes.restore("labs")
        await follower.until(lambda: len(follower.heard) == 122)
    assert [each for each, _ in follower.entries("a", "labs")] == late
    assert follower.entries("a", "vaccinations") == [(other, 1)]


async def test_every_token_goes_on_where_it_was_given(front: Front, outboxes: Outboxes) -> None:
    followed = patient(front)
    ref = front.people.ref(followed.national_id)
    client = front.client
    follower = Follower(client, {"a": followed})
    call = client.open("WatchChanges", follower.request(), seconds=10, kind="system", org=MUNICIPALITY)
    tokens = [(await call.read()).resume_token]
    told = {name: [outboxes.add(name, ref) for _ in range(7)] for name in ("labs", "visits", "documents")}
    while len(tokens) < 22:
        message = await call.read()
        tokens += [message.resume_token] if message.HasField("change") else []
    call.cancel()
    for at, token in list(enumerate(tokens))[::3]:
        follower.token, follower.heard = token, []
        await follower.begin()
        await follower.until(lambda at=at: len(follower.heard) >= 21 - at)  # type: ignore[misc]  # mypy: default argument
        await follower.until_level()
        await follower.end()
        assert len(follower.heard) == 21 - at
        for name, entries in told.items():
            rest = [each for each, _ in follower.entries("a", name)]
            assert rest == entries[len(entries) - len(rest) :]


async def test_followers_share_one_reader_for_each_register(front: Front, outboxes: Outboxes) -> None:
    followers = [Follower(front.client, {"a": patient(front)}) for _ in range(30)]
    for each in followers:
        await each.begin()
    await asyncio.gather(*(each.until_level() for each in followers))
    before = outboxes.reads.copy()
    await asyncio.sleep(1.0)
    polls = outboxes.reads - before
    assert all(everybody for _, everybody in polls), "who is level reads nothing by itself"
    assert all(times <= 25 for times in polls.values()), polls
    refs = [front.people.ref(each.patients["a"].national_id) for each in followers]
    told = [outboxes.add("labs", ref) for ref in refs]
    for each, entry in zip(followers, told, strict=True):
        await each.until(lambda each=each, entry=entry: each.entries("a") == [(entry, 1)])  # type: ignore[misc]  # mypy: default argument
        await each.end()
    await asyncio.sleep(0.2)
    before = outboxes.reads.copy()
    await asyncio.sleep(0.3)
    assert outboxes.reads == before, "nobody follows, nothing is read"


async def test_a_slow_consumer_gets_everything_and_costs_bounded_memory(
    front: Front, outboxes: Outboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register_module, "MOST_WAITING", 100)
    followed = patient(front)
    ref = front.people.ref(followed.national_id)
    follower = Follower(front.client, {"a": followed})
    call = front.client.open("WatchChanges", follower.request(), seconds=30, kind="system", org=MUNICIPALITY)
    assert (await call.read()).resume_token
    told = []
    for _ in range(60):
        told += [outboxes.add("labs", ref) for _ in range(100)]
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)
    waiting = [len(track.waiting) for each in front.gateway.changes._followers for track in each._tracks.values()]
    assert max(waiting) <= 100
    while len(follower.heard) < len(told):
        follower._note(await call.read())
    call.cancel()
    assert [each for each, _ in follower.entries("a")] == told


async def test_a_drain_ends_the_stream_and_the_token_goes_on(front: Front, outboxes: Outboxes) -> None:
    followed = patient(front)
    async with following(front.client, a=followed) as follower:
        front.gateway.changes.close()
        entry = outboxes.add("labs", front.people.ref(followed.national_id))
        await follower.until(lambda: follower.entries("a") == [(entry, 1)])
    assert follower.streams == 2


async def test_a_token_that_is_too_old_is_told_so(front: Front, outboxes: Outboxes) -> None:
    follower = Follower(front.client, {"a": patient(front)})
    await follower.begin()
    await follower.end()
    outboxes.refuse("visits", "CHANGES_GONE", grpc.StatusCode.FAILED_PRECONDITION)
    await follower.begin()
    await follower.until(lambda: follower.refusal is not None)
    assert follower.refusal is not None
    assert follower.refusal.short == ("FAILED_PRECONDITION", "CHANGES_GONE")


async def test_only_the_sections_that_are_wanted(front: Front, outboxes: Outboxes) -> None:
    followed = patient(front)
    ref = front.people.ref(followed.national_id)
    async with following(front.client, [common_pb2.SECTION_LABS], a=followed) as follower:
        for name in ("visits", "documents", "labs", "patients"):
            outboxes.add(name, ref)
        await follower.until(lambda: len(follower.heard) == 2)
        await follower.until_level()
    assert {each.section for each in follower.heard} == {"labs", "patient"}
