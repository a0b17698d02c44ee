"""The register against the plain one: any operations in turn, retries among them.

KJ_EXAMPLES=1000 makes about 15 000 operations.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import grpc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kjernejournal.common.v1.common_pb2 import CallerContext
from kjernejournal.medications.v1 import medications_pb2 as pb
from services.medications import model
from shared.convert import moment, timestamp
from tests.services.medications.feed import Feed, dispensing, new_ref, patient, prescription
from tests.services.medications.list.lists import ended, entry, person, proposals
from tests.services.medications.plain import (
    OK,
    Answer,
    Dispense,
    Edit,
    Entry,
    Fed,
    Operation,
    Plain,
    Propose,
    Recall,
    Send,
    Withdraw,
    edited,
    errors_of,
)
from tests.support.service import DOCTOR, FEED, calling

EXAMPLES = int(os.environ.get("KJ_EXAMPLES", "40"))
STEPS = 25

BEGIN = (
    Fed("r0", "E", 0, stream=True),
    Fed("r1", "E", 0, stream=False),
    Send((Edit(0, "put", "a", "r0"), Edit(1, "put", "a", "r1")), (), 0),
    Propose("A", "change", 0),
)
"""What there is before anything is drawn."""

NURSES = {"A": person("SP", "333300011"), "B": person("FA1", "444400022")}
STATES = {"E": model.DISPENSABLE, "U": model.BEING_DISPENSED, "R": model.FINISHED, "T": model.RECALLED}
LETTERS = {state: letter for letter, state in STATES.items()}
STATUSES = {
    "active": pb.ENTRY_STATUS_ACTIVE,
    "paused": pb.ENTRY_STATUS_PAUSED,
    "ended": pb.ENTRY_STATUS_DISCONTINUED,
}
ACTIONS = {
    "add": pb.PROPOSAL_ACTION_ADD,
    "change": pb.PROPOSAL_ACTION_CHANGE,
    "end": pb.PROPOSAL_ACTION_DISCONTINUE,
    "look": pb.PROPOSAL_ACTION_REVIEW,
}
ANSWERED = {
    pb.PROPOSAL_STATE_OPEN: "open",
    pb.PROPOSAL_STATE_ACCEPTED: "accepted",
    pb.PROPOSAL_STATE_DECLINED: "declined",
    pb.PROPOSAL_STATE_WITHDRAWN: "withdrawn",
}

# Sampled, not drawn as integers, which are small ones mostly.
names, numbers, entries = st.sampled_from(["r0", "r1", "r2"]), st.sampled_from(range(60)), st.sampled_from(range(3))
edits = st.builds(
    Edit,
    entries,
    st.sampled_from(["put"] * 8 + ["ended"] * 6 + ["paused", "active", "drop", "error"]),
    st.sampled_from("ab"),
    st.sampled_from(["", "", "r0", "r1", "r2"]),
)
sendings = st.builds(
    Send,
    st.lists(edits, max_size=3).map(tuple),
    st.lists(st.builds(Answer, numbers, st.booleans()), max_size=1).map(tuple),
    st.sampled_from([0] * 19 + [1]),
)
proposings = st.builds(Propose, st.sampled_from("AB"), st.sampled_from(sorted(ACTIONS)), entries)
drawn = st.one_of(
    st.builds(Fed, names, st.sampled_from("EEEEUUURT"), numbers, st.booleans()),
    st.builds(Recall, names),
    st.builds(Dispense, names, numbers, st.sampled_from([False, False, False, True])),
    sendings,
    sendings,
    sendings,
    proposings,
    proposings,
    st.builds(Withdraw, st.sampled_from("AB"), numbers),
    numbers,
)
"""A number is an earlier request, sent again."""


COUNTED: Counter[tuple[str, str]] = Counter()
"""What the operations were answered."""


class Driver:
    """One patient in the real register, driven as the plain one is."""

    def __init__(self, medicines: Feed) -> None:
        self._feed = medicines
        self._ref = new_ref()
        self.plain = Plain()
        self._sent: list[tuple[Any, Any, CallerContext, bool]] = []
        self._times: dict[int, Any] = {}
        """When each version of the list was confirmed."""
        self._ids: list[str] = []
        """Of the proposals."""

    async def step(self, operation: Operation | int) -> None:
        """Does it in both, and compares what they answer and what stands."""
        if isinstance(operation, int):
            await self._again(operation)
            return
        if isinstance(operation, Withdraw | Send):
            operation = self._possible(operation)
        call, request, caller = await self._request(operation)
        expected = self.plain.do(operation)
        code, reply = await self._call(call, request, caller)
        assert code in expected, (operation, code, expected)
        COUNTED[type(operation).__name__, code] += 1
        once = not isinstance(operation, Fed | Dispense)  # a feed is known again by what it sends, too
        self._sent.append((call, request, caller, once and code == OK))
        if code == OK and isinstance(operation, Propose):
            self._ids.append(reply.proposals[0].header.id)
        if code == OK and isinstance(operation, Send):
            self._times[self.plain.version] = reply.list_info.confirmed.recorded_at
        await self._compare()

    async def _again(self, number: int) -> None:
        """Sends a request that was answered once: it is answered again, and nothing is done."""
        answered = [each[:3] for each in self._sent if each[3]]
        if answered:
            code, _ = await self._call(*answered[number % len(answered)])
            assert code == OK
            await self._compare()

    def _possible(self, operation: Withdraw | Send) -> Operation:
        """Returns the operation about proposals that are there."""
        count = len(self.plain.proposals)
        if isinstance(operation, Withdraw):
            return operation._replace(proposal=operation.proposal % count)
        answers = tuple(each._replace(proposal=each.proposal % count) for each in operation.answers)
        return operation._replace(answers=answers)

    async def _request(self, operation: Operation) -> tuple[Any, Any, CallerContext]:
        """Returns the call that does it, its request, and who makes it."""
        stub = self._feed.stub
        bound: dict[str, Any] = {"patient": patient(self._ref), "request_id": str(uuid4())}
        if isinstance(operation, Send):
            return stub.UpdateMedicationList, await self._sending(operation, bound), DOCTOR
        if isinstance(operation, Propose | Withdraw):
            return stub.ProposeMedicationChange, self._proposing(operation, bound), NURSES[operation.who]
        if isinstance(operation, Recall):
            recall = pb.Recall(reason=pb.RECALL_REASON_OTHER)
            held = await self._id_of(operation.name)
            return stub.RecallPrescription, pb.RecallPrescriptionRequest(**bound, id=held, recall=recall), FEED
        if isinstance(operation, Dispense):
            given = dispensing(str(uuid4()), of=operation.name, finishes_prescription=operation.finishes)
            return stub.RecordDispensing, pb.RecordDispensingRequest(**bound, dispensing=given), FEED
        if operation.stream:
            entries = pb.PatientEntries(patient=bound["patient"], prescriptions=[self._prescription(operation)])
            return stub.BulkImport, pb.BulkImportRequest(patients=[entries]), FEED
        recorded = pb.RecordPrescriptionRequest(**bound, prescription=self._prescription(operation))
        return stub.RecordPrescription, recorded, FEED

    def _prescription(self, fed: Fed) -> pb.Prescription:
        recall = pb.Recall(reason=pb.RECALL_REASON_OTHER) if fed.state == "T" else None
        sent = prescription(fed.name, state=STATES[fed.state], comment=str(fed.mark), recall=recall)
        later = timedelta(minutes=self.plain.minute(fed))
        sent.header.provenance.changed_at.CopyFrom(timestamp(moment(sent.header.provenance.recorded_at) + later))
        return sent

    def _proposing(self, operation: Propose | Withdraw, bound: dict[str, Any]) -> pb.ProposeMedicationChangeRequest:
        if isinstance(operation, Withdraw):
            return pb.ProposeMedicationChangeRequest(**bound, withdrawn_proposal_ids=[self._ids[operation.proposal]])
        proposal = pb.Proposal(action=ACTIONS[operation.action])
        if operation.action != "add":
            proposal.entry_id = self._entry_id(operation.entry)
        if operation.action in ("add", "change"):
            proposal.entry.CopyFrom(entry(id=self._entry_id(operation.entry)))
        return pb.ProposeMedicationChangeRequest(**bound, proposals=[proposal])

    async def _sending(self, operation: Send, bound: dict[str, Any]) -> pb.UpdateMedicationListRequest:
        read = await self._feed.list_of(self._ref)
        sent = edited(self.plain.entries, operation.edits)
        errors = [pb.EntryInError(entry_id=self._entry_id(number)) for number in errors_of(operation.edits)]
        answers = [
            pb.ProposalAnswer(proposal_id=self._ids[each.proposal], accepted=each.accepted)
            for each in operation.answers
        ]
        medicines = pb.MedicationList(entries=[self._entry(*each) for each in sent.items()], in_error=errors)
        return pb.UpdateMedicationListRequest(
            **bound,
            expected_version=read.list_info.version + operation.off,
            lookup=read.lookup,
            medication_list=medicines,
            answers=answers,
        )

    def _entry(self, number: int, of: Entry) -> pb.ListEntry:
        found = entry(id=self._entry_id(number), comment=of.text, prescription_source_id=of.on)
        if of.status == "ended":
            return ended(found)
        found.status = STATUSES[of.status]
        return found

    def _entry_id(self, number: int) -> str:
        return str(uuid5(UUID(self._ref), str(number)))

    async def _id_of(self, name: str) -> str:
        held = (await self._feed.prescriptions(self._ref)).prescriptions
        return next((each.header.id for each in held if each.header.provenance.source_id == name), str(uuid4()))

    async def _call(self, call: Any, request: Any, caller: CallerContext) -> tuple[str, Any]:
        stream = isinstance(request, pb.BulkImportRequest)
        try:
            sent = iter([request]) if stream else request
            return OK, await call(sent, metadata=calling(caller, *([] if stream else [self._ref])))
        except grpc.aio.AioRpcError as error:
            return error.code().name, None

    async def _compare(self) -> None:
        read = await self._feed.list_of(self._ref)
        assert read.list_info.version == self.plain.version
        assert read.HasField("medication_list") is (self.plain.version > 0), "never an empty list where there is none"
        by_id = {self._entry_id(number): each for number, each in self.plain.entries.items()}
        assert [each.id for each in read.medication_list.entries] == list(by_id), "in the order sent"
        for found in read.medication_list.entries:
            one = by_id[found.id]
            assert (found.status, found.comment) == (STATUSES[one.status], one.text)
            assert found.prescription_source_id == one.on
            assert found.last_changed.recorded_at == self._times[one.changed]
            assert found.registered.recorded_at == self._times[one.registered]
        listed = {each.header.id: each for each in (await proposals(self._feed, self._ref, page_size=500)).proposals}
        states = [ANSWERED[listed[each].state] for each in self._ids]
        assert states == [each.state for each in self.plain.proposals]
        assert read.list_info.open_proposals == states.count("open")
        await self._compare_prescriptions()

    async def _compare_prescriptions(self) -> None:
        held = (await self._feed.prescriptions(self._ref)).prescriptions
        real = {each.header.provenance.source_id: each for each in held}
        assert {
            name: (LETTERS[each.state], each.HasField("recall"), each.dispensed) for name, each in real.items()
        } == {name: (each.state, each.recalled, each.dispensed) for name, each in self.plain.held.items()}


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(program=st.lists(drawn, min_size=8, max_size=STEPS))
async def test_the_register_does_what_the_plain_one_does(medicines: Feed, program: list[Operation | int]) -> None:
    driver = Driver(medicines)
    for operation in (*BEGIN, *program):
        await driver.step(operation)


def test_the_operations_were_done_and_refused() -> None:
    print(f"{COUNTED.total()} operations: {dict(COUNTED)}")
    done = {name for name, code in COUNTED if code == OK}
    refused = {name for name, code in COUNTED if code != OK}
    assert done == {"Fed", "Recall", "Dispense", "Send", "Propose", "Withdraw"}
    assert refused == done - {"Dispense"}
