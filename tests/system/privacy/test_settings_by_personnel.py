"""What personnel may change in a patient's settings, what it needs, and that the patient and a reviewer see it."""

from typing import Any
from uuid import uuid4

import pytest

from kj.synthetic.people.cast import PEOPLE
from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.audit.v1.audit_pb2 import ListAccessesRequest
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import Practitioner
from kjernejournal.patients.v1 import patients_pb2 as pb
from tests.services.patients.people import new_id
from tests.support.client import Client, refusal
from tests.support.patients import Patient
from tests.support.summaries import summary

LABS, VISITS = common_pb2.SECTION_LABS, common_pb2.SECTION_VISITS
CONSENT: dict[str, Any] = {"kind": "doctor", "basis": "SAMTYKKE"}
ELEVATED: dict[str, Any] = {"kind": "doctor", "basis": "FORHOYET_SAMTYKKE"}


def base(patient: Patient) -> dict[str, Any]:
    return {"patient": patient.identifier, "request_id": str(uuid4())}


def restricting(patient: Patient, *sections: int) -> pb.RestrictSectionsRequest:
    return pb.RestrictSectionsRequest(**base(patient), restricted_sections=sections)  # type: ignore[arg-type]  # numbers


async def last_access(client: Client, patient: Patient, rpc: str) -> audit_pb2.Access:
    """Returns the newest access by this rpc, as the patient sees it."""
    request = ListAccessesRequest(patient=patient.identifier)
    accesses = (await client.call("ListAccesses", request, **patient.asks())).accesses
    found: audit_pb2.Access = next(each for each in accesses if each.rpcs[0].endswith(f"/{rpc}"))
    return found


async def test_reservations_and_proxies_are_the_citizens_alone(client: Client, patient: Patient) -> None:
    proxy = pb.NewProxy(national_id=new_id(), name="Hun Selv", areas=[pb.PROXY_AREA_INNSYN])
    for rpc, request in (
        ("SetReservation", pb.SetReservationRequest(**base(patient), portal=True)),
        ("GrantProxy", pb.GrantProxyRequest(**base(patient), proxy=proxy)),
        ("RevokeProxy", pb.RevokeProxyRequest(**base(patient), id=str(uuid4()))),
    ):
        for who in (CONSENT, ELEVATED):
            told = await refusal(client.call(rpc, request, **who))
            assert told.short == ("PERMISSION_DENIED", "CALLER_KIND_REFUSED"), rpc


async def test_a_restriction_is_not_put_aside_read_under_and_put_back_with_plain_consent(
    client: Client, patient: Patient
) -> None:
    await client.call("RestrictSections", restricting(patient, LABS), **patient.asks())
    for smaller in ((), (VISITS,)):
        told = await refusal(client.call("RestrictSections", restricting(patient, *smaller), **CONSENT))
        assert told.short == ("PERMISSION_DENIED", "BASIS_REFUSED")
        assert told.details["bases"] == "FORHOYET_SAMTYKKE"
    await client.call("RestrictSections", restricting(patient, LABS, VISITS), **CONSENT)
    tightened = await last_access(client, patient, "RestrictSections")
    assert tightened.practitioner.hpr_number == PEOPLE["doctor"].hpr_number, "the patient is told"
    assert tightened.outcome == audit_pb2.ACCESS_OUTCOME_CHANGED
    assert not tightened.review_reasons


@pytest.mark.parametrize("kind", ["psychologist", "pharmacist"])
async def test_loosening_is_for_doctors_and_nurses(client: Client, patient: Patient, kind: str) -> None:
    await client.call("RestrictSections", restricting(patient, LABS), **patient.asks())
    told = await refusal(client.call("RestrictSections", restricting(patient), kind=kind, basis="FORHOYET_SAMTYKKE"))
    assert (told.short, told.details["bases"]) == (("PERMISSION_DENIED", "BASIS_REFUSED"), "SAMTYKKE")
    told = await refusal(client.call("RestrictSections", restricting(patient), kind=kind, basis="SAMTYKKE"))
    assert told.short == ("PERMISSION_DENIED", "ROLE_REFUSED"), "no basis would do"


async def test_loosening_takes_the_elevated_consent_is_told_to_the_patient_and_reviewed(
    client: Client, patient: Patient
) -> None:
    nothing = await refusal(client.call("RestrictSections", restricting(patient), **ELEVATED))
    assert nothing.short == ("PERMISSION_DENIED", "ELEVATED_BASIS_NOT_NEEDED")
    personnel = [Practitioner(hpr_number="900000077")]
    await client.call("BlockPersonnel", pb.BlockPersonnelRequest(**base(patient), personnel=personnel), **CONSENT)
    lifting = pb.UnblockPersonnelRequest(**base(patient), hpr_numbers=["900000077"])
    told = await refusal(client.call("UnblockPersonnel", lifting, **CONSENT))
    assert told.short == ("PERMISSION_DENIED", "BASIS_REFUSED")
    nurse: dict[str, Any] = {"kind": "nurse", "basis": "FORHOYET_SAMTYKKE"}
    reply = await client.call("UnblockPersonnel", lifting, **nurse)
    assert not reply.settings.blocked_personnel
    access = await last_access(client, patient, "UnblockPersonnel")
    assert access.practitioner.hpr_number == PEOPLE["nurse"].hpr_number
    assert access.outcome == audit_pb2.ACCESS_OUTCOME_CHANGED
    assert (access.restricted_opened, list(access.review_reasons)) == (
        True,
        [audit_pb2.REVIEW_REASON_PRIVACY_LOOSENED],
    )


async def test_what_was_opened_in_an_emergency_is_marked_for_review(client: Client, patient: Patient) -> None:
    await client.call("RestrictSections", restricting(patient, VISITS), **patient.asks())
    await summary(client, patient, basis="FORHOYET_AKUTT")
    access = await last_access(client, patient, "GetPatientSummary")
    assert list(access.review_reasons) == [
        audit_pb2.REVIEW_REASON_EMERGENCY,
        audit_pb2.REVIEW_REASON_RESTRICTED_OPENED,
    ]
