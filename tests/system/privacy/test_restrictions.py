"""What a patient has restricted: withheld, opened by an elevated basis alone, and seen by the patient when it was."""

from uuid import uuid4

import pytest

from kjernejournal.audit.v1.audit_pb2 import ListAccessesRequest
from kjernejournal.common.v1 import common_pb2
from kjernejournal.documents.v1.documents_pb2 import ListDocumentsRequest
from kjernejournal.patients.v1.patients_pb2 import ImportedPrivacy, Reservation, RestrictSectionsRequest
from tests.services.patients.people import new_id
from tests.support.client import LATER, Client, methods, refusal
from tests.support.filling import least
from tests.support.patients import Patient, new_patient
from tests.support.summaries import WHOLE, asked, stream_asked, summary
from tests.support.system import System

ORDINARY = ("SAMTYKKE", "UNNTAK", "AKUTT")
ELEVATED = ("FORHOYET_SAMTYKKE", "FORHOYET_AKUTT")


@pytest.fixture
async def restricted(client: Client, patient: Patient) -> Patient:
    """A patient who has restricted documents."""
    request = RestrictSectionsRequest(
        patient=patient.identifier, request_id=str(uuid4()), restricted_sections=[common_pb2.SECTION_DOCUMENTS]
    )
    await client.call("RestrictSections", request, **patient.asks())
    return patient


@pytest.mark.parametrize("basis", ORDINARY)
async def test_an_ordinary_basis_does_not_open_it(client: Client, restricted: Patient, basis: str) -> None:
    got = await summary(client, restricted, basis=basis)
    assert got.states == {**WHOLE, "documents": "WITHHELD"}
    assert got.section("documents").WhichOneof("content") is None
    assert got.completeness == "COMPLETE", "what the patient withholds is stated, and no fault"
    listing = ListDocumentsRequest(patient=restricted.identifier)
    told = await refusal(client.call("ListDocuments", listing, basis=basis))
    assert told.short == ("PERMISSION_DENIED", "SECTION_RESTRICTED")


@pytest.mark.parametrize("basis", ELEVATED)
async def test_an_elevated_basis_opens_it_and_the_patient_sees_that(
    client: Client, restricted: Patient, basis: str
) -> None:
    got = await summary(client, restricted, basis=basis)
    assert got.states == WHOLE
    accesses = await client.call(
        "ListAccesses", ListAccessesRequest(patient=restricted.identifier), **restricted.asks()
    )
    [access] = [each for each in accesses.accesses if each.access_id == got.answer.reply.access_id]
    assert access.restricted_opened
    assert access.emergency == (basis == "FORHOYET_AKUTT")
    assert common_pb2.AccessBasis.Name(access.ground.basis) == f"ACCESS_BASIS_{basis}"
    [opened] = [each for each in access.sections if each.section == common_pb2.SECTION_DOCUMENTS]
    assert opened.restricted_opened
    assert [each.id for each in opened.entries] == [
        each.header.id for each in got.section("documents").documents.documents
    ]


async def test_an_elevated_basis_where_nothing_is_restricted_is_refused(client: Client, patient: Patient) -> None:
    for basis in ELEVATED:
        told = await refusal(client.call("GetPatientSummary", asked(patient), basis=basis))
        assert told.short == ("PERMISSION_DENIED", "ELEVATED_BASIS_NOT_NEEDED")


async def test_a_stream_withholds_what_a_summary_withholds(client: Client, restricted: Patient) -> None:
    parts = await client.stream("StreamPatientSummary", stream_asked(restricted))
    [documents] = [part.section for part in parts if part.section.section == common_pb2.SECTION_DOCUMENTS]
    assert documents.state == 5
    assert documents.WhichOneof("content") is None


async def test_the_patient_sees_what_is_restricted(client: Client, restricted: Patient) -> None:
    assert (await summary(client, restricted, **restricted.asks())).states == WHOLE


async def test_a_reservation_looks_like_a_patient_nobody_knows(system: System, client: Client) -> None:
    reserved = await new_patient(system, privacy=ImportedPrivacy(reservation=Reservation(record=True)), entries=False)
    unknown = Patient(new_id())
    for name, method in methods().items():
        rule = method.rule
        if rule.multi_patient or name in LATER:
            continue
        if rule.action == common_pb2.ACTION_READ and common_pb2.CALLER_KIND_CLINICIAN in rule.callers:
            told = [
                await refusal(
                    client.any(
                        method, least(method.descriptor.input_type, each.identifier), kind="doctor", basis="SAMTYKKE"
                    )
                )
                for each in (reserved, unknown)
            ]
            assert [each.short for each in told] == [("NOT_FOUND", "PATIENT_NOT_FOUND")] * 2, name
            assert told[0].text == told[1].text
            assert told[0].details == told[1].details
    indicator = methods()["SummaryService/GetIndicator"]
    answers = [
        await client.any(indicator, least(indicator.descriptor.input_type, each.identifier), basis="")
        for each in (reserved, unknown)
    ]
    assert answers[0] == answers[1]
