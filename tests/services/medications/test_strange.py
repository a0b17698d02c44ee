"""Strange lists and proposals: each is stored or refused, none is a fault of ours."""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import Any, cast
from uuid import uuid4

import grpc
import pytest

from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.medications.v1 import medications_pb2 as pb
from tests.assurance.fuzz.messages import Examples, Messages
from tests.services.medications.feed import Feed, new_ref, patient, prescription
from tests.services.medications.list.lists import NURSE, answer, ended, entry, proposals, propose, send
from tests.support.service import DOCTOR, calling

REQUESTS = int(os.environ.get("KJ_FUZZ", "100"))
SEED = int(os.environ.get("KJ_SEED") or 1) if os.environ.get("KJ_SEED") != "random" else random.randrange(2**32)
REFUSALS = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "ABORTED", "FAILED_PRECONDITION", "PERMISSION_DENIED"}


@pytest.mark.timeout(600 + REQUESTS)
async def test_a_strange_list_or_proposal_is_stored_or_refused(medicines: Feed) -> None:
    print(f"KJ_SEED={SEED}")
    rng, ref = random.Random(SEED), new_ref()
    held = (await medicines.prescribe(ref, prescription("r1"))).id
    codes: Counter[str] = Counter()
    for _ in range(REQUESTS):
        read = await medicines.list_of(ref)
        waiting = (await proposals(medicines, ref, page_size=20)).proposals
        ids = [held, *(each.id for each in read.medication_list.entries), *(each.header.id for each in waiting)]
        maker = Messages(rng, _examples(read, waiting), [PatientIdentifier(patient_ref=ref)], ids)
        for caller, kind in ((DOCTOR, pb.UpdateMedicationListRequest), (NURSE, pb.ProposeMedicationChangeRequest)):
            request: Any = maker.make(cast("Any", kind).DESCRIPTOR)
            request.patient.CopyFrom(patient(ref))
            request.request_id = str(uuid4())
            if kind is pb.UpdateMedicationListRequest and rng.random() < 0.95:
                request.lookup, request.expected_version = read.lookup, read.list_info.version
            codes[f"{kind.DESCRIPTOR.name} {await _code(medicines, request, calling(caller, ref))}"] += 1
    print(dict(codes))
    assert {name.split()[1] for name in codes} <= REFUSALS, codes
    stored = [name for name in codes if name.endswith("OK")]
    assert len(stored) == 2, "both have stored something"


def _examples(read: pb.GetMedicationListResponse, waiting: list[pb.Proposal]) -> Examples:
    """Returns good requests, as they can be made now."""
    whole = pb.UpdateMedicationListRequest(
        lookup=read.lookup, expected_version=read.list_info.version, medication_list=read.medication_list
    )
    more, fewer = pb.UpdateMedicationListRequest(), pb.UpdateMedicationListRequest()
    for each in (more, fewer):
        each.CopyFrom(whole)
        each.medication_list.entries.add().CopyFrom(entry())
    if read.medication_list.entries:
        fewer.medication_list.entries[0].CopyFrom(ended(fewer.medication_list.entries[0]))
    more.answers.extend(answer(each, accepted=False) for each in waiting[:2])
    add = pb.Proposal(action=pb.PROPOSAL_ACTION_ADD, entry=entry())
    review = pb.Proposal(action=pb.PROPOSAL_ACTION_REVIEW, entry_id=fewer.medication_list.entries[0].id)
    withdrawn = pb.ProposeMedicationChangeRequest(withdrawn_proposal_ids=[each.header.id for each in waiting[:1]])
    proposed = [pb.ProposeMedicationChangeRequest(proposals=[each]) for each in (add, review)]
    return Examples([whole, more, fewer, withdrawn, *proposed], [], ["00000000000"])


async def _code(medicines: Feed, request: Any, metadata: Any) -> str:
    update = isinstance(request, pb.UpdateMedicationListRequest)
    call: Any = medicines.stub.UpdateMedicationList if update else medicines.stub.ProposeMedicationChange
    try:
        await call(request, metadata=metadata)
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


async def test_the_longest_list_is_stored(medicines: Feed) -> None:
    ref = new_ref()
    sent = await send(medicines, ref, *(entry() for _ in range(500)))
    assert sent.list_info.active_entries == 500
    await propose(medicines, ref, *(pb.Proposal(action=pb.PROPOSAL_ACTION_ADD, entry=entry()) for _ in range(100)))
    assert (await medicines.list_of(ref)).list_info.open_proposals == 100
