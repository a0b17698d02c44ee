"""Reviews through the gateway: who gets an access looked at, who judges it, and what is on record of both."""

from typing import Any
from uuid import uuid4

import pytest

from kj.audit.reviews import judge, waiting
from kj.errors import CommandError
from kj.synthetic.people.cast import HOSPITAL_TRUST, MUNICIPALITY
from kjernejournal.audit.v1 import audit_pb2 as pb
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.patients.v1 import patients_pb2
from tests.services.patients.people import new_id
from tests.support.client import Client, refusal
from tests.support.patients import Patient
from tests.support.summaries import summary
from tests.support.system import System, eventually

HOSPITALS: dict[str, Any] = {"kind": "auditor", "org": HOSPITAL_TRUST}
MUNICIPALITYS: dict[str, Any] = {"kind": "auditor", "org": MUNICIPALITY}
CONTROLLER: dict[str, Any] = {"kind": "steward"}


async def newest(client: Client, patient: Patient, rpc: str = "GetPatientSummary") -> pb.Access:
    request = pb.ListAccessesRequest(patient=patient.identifier)
    accesses = (await client.call("ListAccesses", request, **patient.asks())).accesses
    found: pb.Access = next(each for each in accesses if each.rpcs[0].endswith(f"/{rpc}"))
    return found


async def queue(client: Client, who: dict[str, Any]) -> dict[str, pb.Review]:
    request = pb.ListReviewsRequest(page_size=500)
    found: dict[str, pb.Review] = {}
    while True:
        page = await client.call("ListReviews", request, **who)
        found |= {each.id: each for each in page.reviews}
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def comes(client: Client, who: dict[str, Any], access_id: str) -> pb.Review:
    """Returns the review once it is in the queue: an access does not wait for it."""
    found: dict[str, pb.Review] = {}

    async def there() -> bool:
        found.update(await queue(client, who))
        return access_id in found

    await eventually(there)
    return found[access_id]


def judging(access_id: str, version: int = 0) -> pb.ReviewAccessRequest:
    return pb.ReviewAccessRequest(
        request_id=str(uuid4()),
        id=access_id,
        expected_version=version,
        verdict=pb.REVIEW_VERDICT_UNJUSTIFIED,
        comment="Ingen grunn funnet.",
    )


def asking(patient: Patient, access_id: str, text: str = "") -> pb.RequestReviewRequest:
    return pb.RequestReviewRequest(patient=patient.identifier, request_id=str(uuid4()), access_id=access_id, text=text)


async def test_an_emergency_waits_for_its_organisations_auditor_and_the_patient_sees_the_verdict(
    client: Client, patient: Patient
) -> None:
    await summary(client, patient, basis="AKUTT")
    access_id = (await newest(client, patient)).access_id
    review = await comes(client, HOSPITALS, access_id)
    assert list(review.reasons) == [pb.REVIEW_REASON_EMERGENCY]
    assert patient.national_id not in str(review)
    assert access_id not in await queue(client, MUNICIPALITYS)
    assert access_id in await queue(client, CONTROLLER)
    told = await refusal(client.call("ReviewAccess", judging(access_id), **MUNICIPALITYS))
    assert told.short == ("NOT_FOUND", "ENTRY_NOT_FOUND"), "another organisation's"
    for who in ({"kind": "doctor", "basis": "SAMTYKKE"}, patient.asks(), {"kind": "system"}):
        told = await refusal(client.call("ReviewAccess", judging(access_id), **who))
        assert told.short == ("PERMISSION_DENIED", "CALLER_KIND_REFUSED"), who
    request = judging(access_id)
    first = await client.call("ReviewAccess", request, **HOSPITALS)
    assert (await client.call("ReviewAccess", request, **HOSPITALS)) == first, "sent again"
    told = await refusal(client.call("ReviewAccess", judging(access_id), **CONTROLLER))
    assert told.short == ("ABORTED", "VERSION_BEHIND")
    seen = await newest(client, patient)
    assert [each.verdict for each in seen.reviews] == [pb.REVIEW_VERDICT_UNJUSTIFIED]
    assert access_id not in await queue(client, HOSPITALS)


async def test_who_sees_the_log_has_an_access_looked_at_and_nobody_else(client: Client, patient: Patient) -> None:
    await summary(client, patient, kind="nurse", basis="SAMTYKKE")
    access_id = (await newest(client, patient)).access_id
    proxy = Patient(new_id())
    told = await refusal(client.call("RequestReview", asking(patient, access_id), **proxy.asks()))
    assert told.short == ("PERMISSION_DENIED", "NOT_REPRESENTATIVE")
    grant = patients_pb2.GrantProxyRequest(
        patient=PatientIdentifier(national_id=patient.national_id),
        request_id=str(uuid4()),
        proxy=patients_pb2.NewProxy(national_id=proxy.national_id, name="Nabo", areas=[patients_pb2.PROXY_AREA_INNSYN]),
    )
    await client.call("GrantProxy", grant, **patient.asks())
    text = "Hun ble ikke behandlet der."
    asked = (await client.call("RequestReview", asking(patient, access_id, text), **proxy.asks())).review
    assert (asked.access_id, asked.text) == (access_id, text)
    assert (await newest(client, patient, "RequestReview")).outcome == pb.ACCESS_OUTCOME_CHANGED
    told = await refusal(client.call("RequestReview", asking(patient, access_id), **patient.asks()))
    assert told.short == ("FAILED_PRECONDITION", "STATE_CONFLICT"), "one waits"
    review = await comes(client, MUNICIPALITYS, access_id)
    assert (list(review.reasons), review.patient_text) == ([pb.REVIEW_REASON_PATIENT_ASKED], text)


@pytest.mark.parametrize("text", [f"Det var {new_id()} som så det", "x" * 1001], ids=["id", "long"])
async def test_no_national_id_and_no_more_than_a_thousand_characters_are_asked_with(
    client: Client, patient: Patient, text: str
) -> None:
    await summary(client, patient, basis="SAMTYKKE")
    access_id = (await newest(client, patient)).access_id
    told = await refusal(client.call("RequestReview", asking(patient, access_id, text), **patient.asks()))
    assert told.short == ("INVALID_ARGUMENT", "INVALID_FIELD")


async def test_people_read_the_queue_and_judge_with_kj_reviews(
    system: System, client: Client, patient: Patient
) -> None:
    await summary(client, patient, kind="nurse", basis="AKUTT")
    access_id = (await newest(client, patient)).access_id
    await comes(client, MUNICIPALITYS, access_id)
    token = client.token("auditor", org=MUNICIPALITY)
    assert access_id in {each.id for each in await waiting(system.gateway, token)}
    assert (await judge(system.gateway, token, judging(access_id))).version == 1
    assert access_id not in {each.id for each in await waiting(system.gateway, token)}
    closed = await waiting(system.gateway, token, closed_too=True)
    assert access_id in {each.id for each in closed}
    with pytest.raises(CommandError, match="VERSION_BEHIND"):
        await judge(system.gateway, token, judging(access_id))
