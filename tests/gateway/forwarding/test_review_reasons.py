"""Which accesses are marked for a review, by who asks, where, on which basis, and for what."""

from typing import Any
from uuid import uuid4

import pytest

from kj.synthetic.people.cast import PEOPLE
from kjernejournal.audit.v1 import audit_pb2 as pb
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import ListWindow, PatientIdentifier
from kjernejournal.visits.v1 import visits_pb2
from tests.support.client import method, refusal
from tests.support.gateway import Front
from tests.support.scripted.services import saying

VISITS = [common_pb2.SECTION_VISITS]
EMERGENCY, OPENED = pb.REVIEW_REASON_EMERGENCY, pb.REVIEW_REASON_RESTRICTED_OPENED


async def reasons(front: Front, patient: str, **caller: Any) -> list[int]:
    """Returns why a look at a patient's visits is to be reviewed, as the log has it."""
    front.registers["visits"].unary(
        method("ListVisits").path, saying(visits_pb2.ListVisitsResponse(window=ListWindow()))
    )
    front.log.records.clear()
    await front.client.call(
        "ListVisits", visits_pb2.ListVisitsRequest(patient=PatientIdentifier(national_id=patient)), **caller
    )
    [record] = front.log.records
    return list(record.review_reasons)


@pytest.mark.parametrize(
    "service, expected",
    [("emergency", []), ("kad", []), ("hospital", [EMERGENCY]), ("home-care", [EMERGENCY]), ("pharmacy", [EMERGENCY])],
)
async def test_an_emergency_is_reviewed_outside_the_acute_chain(
    front: Front, service: str, expected: list[int]
) -> None:
    assert await reasons(front, front.people.add(), service=service, basis="AKUTT") == expected


@pytest.mark.parametrize(
    "service, basis, expected",
    [
        ("emergency", "FORHOYET_AKUTT", [EMERGENCY, OPENED]),
        ("hospital", "FORHOYET_AKUTT", [EMERGENCY, OPENED]),
        ("emergency", "FORHOYET_SAMTYKKE", [OPENED]),
    ],
)
async def test_what_opens_the_restricted_is_reviewed_wherever_it_is_done(
    front: Front, service: str, basis: str, expected: list[int]
) -> None:
    patient = front.people.add(restricted_sections=VISITS)
    assert await reasons(front, patient, service=service, basis=basis) == expected


@pytest.mark.parametrize("basis", ["SAMTYKKE", "UNNTAK"])
async def test_everyday_access_is_not_reviewed(front: Front, basis: str) -> None:
    assert await reasons(front, front.people.add(), basis=basis) == []


async def test_personnel_who_open_their_own_record_are_reviewed(front: Front) -> None:
    own = front.people.add()
    assert await reasons(front, own, national_id=own, basis="SAMTYKKE") == [pb.REVIEW_REASON_OWN_RECORD]
    assert await reasons(front, own, basis="SAMTYKKE") == []


async def test_a_citizen_who_reads_their_own_record_is_not_reviewed(front: Front) -> None:
    own = front.people.add()
    assert await reasons(front, own, kind="citizen", national_id=own) == []


async def test_what_was_refused_opened_nothing_and_is_not_reviewed(front: Front) -> None:
    patient = front.people.add(blocked_hpr_numbers=[PEOPLE["doctor"].hpr_number])
    request = visits_pb2.ListVisitsRequest(patient=PatientIdentifier(national_id=patient))
    await refusal(front.client.call("ListVisits", request, basis="AKUTT"))
    [record] = front.log.records
    assert (record.kind, list(record.review_reasons)) == (pb.RECORD_KIND_DENIAL, [])


async def test_reading_the_queue_is_itself_on_record_with_what_was_shown(front: Front) -> None:
    shown = str(uuid4())
    reply = pb.ListReviewsResponse(reviews=[pb.Review(id=shown, access=pb.Access(access_id=shown), version=2)])
    front.log.unary(method("ListReviews").path, saying(reply))
    await front.client.call("ListReviews", pb.ListReviewsRequest(), kind="auditor")
    permit, outcome = front.log.records
    assert (permit.kind, outcome.kind) == (pb.RECORD_KIND_PERMIT, pb.RECORD_KIND_OUTCOME)
    assert permit.actor.kind == common_pb2.CALLER_KIND_AUDITOR
    assert shown in {each.id for each in outcome.sections[0].entries}
