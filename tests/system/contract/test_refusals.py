"""Each refusal of the contract, as a caller meets it: code, reason, and never the value of an identity."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest

from kj.local.issuer import mint
from kj.synthetic.people.cast import PEOPLE, PLACES
from kj.token import clinician_claims
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.critical_info.v1.critical_info_pb2 import CreateCriticalInfoRequest, ListCriticalInfoRequest
from kjernejournal.documents.v1.documents_pb2 import UploadDocumentRequest
from kjernejournal.patients.v1.patients_pb2 import GetPrivacySettingsRequest, RestrictSectionsRequest
from kjernejournal.summary.v1.summary_pb2 import GetIndicatorRequest, GetPatientSummaryRequest
from kjernejournal.visits.v1.visits_pb2 import RecordVisitRequest
from shared.convert import timestamp
from tests.services.documents.calls import document
from tests.services.patients.people import new_id
from tests.support.client import Client, Metadata, Refusal, method, methods, refusal
from tests.support.filling import least
from tests.support.patients import Patient, reaction, visit
from tests.support.summaries import asked
from tests.support.system import System

SUMMARY = "GetPatientSummary"
DOCTOR = PEOPLE["doctor"]


async def raw(client: Client, request: bytes, metadata: Metadata, rpc: str = SUMMARY) -> Refusal:
    """Returns the refusal of a call with exactly this metadata and these bytes."""
    call: Any = client.channel.unary_unary(method(rpc).path)
    return await refusal(call(request, metadata=metadata, timeout=5))


def bearer(token: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {token}"), ("access-basis", "AKUTT"), ("source-system", "TestEPJ 1.0")]


def minted(system: System, claims: Mapping[str, Any], *, minutes: float = 60) -> str:
    own = clinician_claims(DOCTOR, PLACES[DOCTOR.service], DOCTOR.national_id)
    return mint(system.local.issuer_directory, own | dict(claims), minutes=minutes)


async def test_without_a_good_token_nobody_is_let_in(system: System, client: Client, patient: Patient) -> None:
    data = asked(patient).SerializeToString()
    good = client.token("doctor")
    attest = json.loads(json.dumps(clinician_claims(DOCTOR, PLACES[DOCTOR.service], DOCTOR.national_id)))
    attest["nhn:tillitsrammeverk:parameters"]["attestation"]["toa"] -= 3700
    cases: Mapping[str, tuple[Metadata, str]] = {
        "none": ([], "TOKEN_MISSING"),
        "garbage": (bearer("abc"), "TOKEN_INVALID"),
        "changed": (bearer(good[:-4] + ("AAAA" if not good.endswith("AAAA") else "BBBB")), "TOKEN_INVALID"),
        "another audience": (bearer(minted(system, {"aud": "nhn:annet"})), "TOKEN_INVALID"),
        "run out": (bearer(minted(system, {}, minutes=-2)), "TOKEN_EXPIRED"),
        "old attest": (bearer(mint(system.local.issuer_directory, attest)), "ATTEST_EXPIRED"),
    }
    for name, (metadata, reason) in cases.items():
        told = await raw(client, data, metadata)
        assert told.short == ("UNAUTHENTICATED", reason), name
    for name in methods():
        if not (method(name).descriptor.client_streaming or method(name).rule.action == common_pb2.ACTION_INTERNAL):
            call: Any = client.channel.unary_stream(method(name).path)  # serves to read unary replies too
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(b"\xff\xff", metadata=[], timeout=5).read()
            assert Refusal.of(caught.value).short == ("UNAUTHENTICATED", "TOKEN_MISSING"), name


async def test_bad_requests_are_refused_with_the_field_and_without_its_value(client: Client, patient: Patient) -> None:
    wrong = "12345678901"
    good, person = asked(patient).SerializeToString(), patient.identifier
    cases: list[tuple[str, bytes, str, str]] = [
        (SUMMARY, b"\xff\xff\xff", "MALFORMED_MESSAGE", ""),
        (SUMMARY, b"", "INVALID_FIELD", "patient"),
        (SUMMARY, _asked(PatientIdentifier()), "INVALID_FIELD", "patient.national_id"),
        (SUMMARY, _asked(PatientIdentifier(national_id=wrong)), "INVALID_NATIONAL_ID", "patient.national_id"),
        (SUMMARY, _asked(PatientIdentifier(patient_ref=str(uuid4()))), "PATIENT_REF_REFUSED", "patient.patient_ref"),
        (SUMMARY, good + b"\x10\x63", "INVALID_FIELD", "sections[0]"),
        (SUMMARY, good + b"\x20\xff\xff\xff\xff\x07", "INVALID_FIELD", "max_entries"),
        (
            "ListCriticalInfo",
            ListCriticalInfoRequest(patient=person, page_token="abc").SerializeToString(),
            "INVALID_PAGE_TOKEN",
            "page_token",
        ),
        (
            "CreateCriticalInfo",
            CreateCriticalInfoRequest(patient=person, request_id="1", critical_info=reaction()).SerializeToString(),
            "INVALID_FIELD",
            "request_id",
        ),
    ]
    for rpc, data, reason, field in cases:
        told = await raw(client, data, client.metadata(), rpc)
        assert (*told.short, told.details.get("field", "")) == ("INVALID_ARGUMENT", reason, field)
        assert wrong not in str(told)
    unknown = await refusal(client.call(SUMMARY, asked(patient), basis="NYSGJERRIG"))
    assert unknown.short == ("INVALID_ARGUMENT", "UNKNOWN_BASIS")


async def test_an_unknown_code_system_and_an_impossible_date_are_named(client: Client, patient: Patient) -> None:
    dated = reaction()
    dated.valid_until.year, dated.valid_until.month, dated.valid_until.day = 2023, 2, 30
    creating = CreateCriticalInfoRequest(patient=patient.identifier, request_id=str(uuid4()), critical_info=dated)
    told = await refusal(client.call("CreateCriticalInfo", creating))
    assert (*told.short, told.details["field"]) == (
        "INVALID_ARGUMENT",
        "INVALID_FIELD",
        "critical_info.valid_until.day",
    )
    sent = document()
    sent.class_code.system, sent.class_code.code = "urn:ukjent", "A00-1"
    upload = UploadDocumentRequest(patient=patient.identifier, request_id=str(uuid4()), document=sent)
    told = await refusal(client.send("UploadDocument", [upload, UploadDocumentRequest(chunk=b"x")]))
    assert told.short == ("INVALID_ARGUMENT", "UNKNOWN_CODE_SYSTEM")
    assert told.details["field"] == "document.class_code.system"


async def test_each_ground_for_a_denial_has_its_reason(system: System, client: Client, patient: Patient) -> None:
    denials: list[tuple[dict[str, Any], str]] = [
        ({"kind": "doctor", "basis": ""}, "BASIS_MISSING"),
        ({"kind": "nurse", "service": "other", "basis": "UNNTAK"}, "BASIS_REFUSED"),
        ({"kind": "doctor", "service": "gp", "basis": "UNNTAK"}, "NO_ACCESS"),
        ({"kind": "doctor", "basis": "FORHOYET_AKUTT"}, "ELEVATED_BASIS_NOT_NEEDED"),
        ({"kind": "system"}, "CALLER_KIND_REFUSED"),
        ({"kind": "auditor"}, "CALLER_KIND_REFUSED"),
    ]
    for who, reason in denials:
        told = await refusal(client.call(SUMMARY, asked(patient), **who))
        assert told.short == ("PERMISSION_DENIED", reason), who
    # Somebody else's record: the one who asks has to be known too.
    told = await refusal(client.call(SUMMARY, asked(patient), kind="citizen"))
    assert told.short == ("PERMISSION_DENIED", "NOT_REPRESENTATIVE")
    low = minted(system, {"helseid://claims/identity/security_level": "3"})
    told = await raw(client, asked(patient).SerializeToString(), bearer(low))
    assert told.short == ("PERMISSION_DENIED", "SECURITY_LEVEL_TOO_LOW")
    writing = CreateCriticalInfoRequest(patient=patient.identifier, request_id=str(uuid4()), critical_info=reaction())
    told = await refusal(client.call("CreateCriticalInfo", writing, kind="pharmacist", basis="AKUTT"))
    assert told.short == ("PERMISSION_DENIED", "ROLE_REFUSED"), "no basis would do: that is what it hears"
    told = await refusal(client.call(SUMMARY, asked(patient), kind="nurse", service="other", basis="UNNTAK"))
    assert told.details["bases"] == "SAMTYKKE,AKUTT"


async def test_the_same_request_id_with_another_body_is_refused(client: Client, patient: Patient) -> None:
    request = CreateCriticalInfoRequest(
        patient=patient.identifier, request_id=str(uuid4()), critical_info=reaction("en")
    )
    first = await client.call("CreateCriticalInfo", request)
    assert await client.call("CreateCriticalInfo", request) == first, "a retry gives the first answer"
    request.critical_info.comment = "to"
    told = await refusal(client.call("CreateCriticalInfo", request))
    assert told.short == ("INVALID_ARGUMENT", "REQUEST_ID_REUSED")
    listed = await client.call("ListCriticalInfo", ListCriticalInfoRequest(patient=patient.identifier))
    assert [each.comment for each in listed.critical_info].count("en") == 1


async def test_a_version_that_is_behind_is_told_the_current_one(client: Client, patient: Patient) -> None:
    now = await client.call(
        "GetPrivacySettings", GetPrivacySettingsRequest(patient=patient.identifier), **patient.asks()
    )
    version = now.settings.version

    def restrict(expected: int) -> RestrictSectionsRequest:
        return RestrictSectionsRequest(
            patient=patient.identifier,
            request_id=str(uuid4()),
            restricted_sections=[common_pb2.SECTION_VISITS],
            expected_version=expected,
        )

    changed = await client.call("RestrictSections", restrict(version), **patient.asks())
    told = await refusal(client.call("RestrictSections", restrict(version), **patient.asks()))
    assert told.short == ("ABORTED", "VERSION_BEHIND")
    assert told.details["current_version"] == str(changed.settings.version)


async def test_a_quota_that_is_used_up_says_when_to_come_back(client: Client) -> None:
    request = GetIndicatorRequest(patients=[PatientIdentifier(national_id=new_id())] * 200)
    for _ in range(6):  # a minute may end in between
        try:
            await client.call("GetIndicator", request, kind="nurse", basis="", org="100100096")
        except grpc.aio.AioRpcError as error:
            told = Refusal.of(error)
            break
    else:
        pytest.fail("the quota never ended")
    assert told.short == ("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")
    assert b"RetryInfo" in told.trailers["grpc-status-details-bin"]


async def test_internal_rpcs_are_not_there_for_outside_callers(client: Client, patient: Patient) -> None:
    internal = [each for each in methods().values() if each.rule.action == common_pb2.ACTION_INTERNAL]
    assert len(internal) >= 7
    for each in internal:
        request = least(each.descriptor.input_type, patient.identifier)
        for who in ({"kind": "doctor"}, {"kind": "system"}):
            told = await refusal(client.any(each, request, **who))
            assert told.short == ("UNIMPLEMENTED", "NOT_SUPPORTED"), each.path


async def test_what_is_not_in_the_contract_is_unimplemented(client: Client) -> None:
    call: Any = client.channel.unary_unary("/kjernejournal.summary.v1.SummaryService/GetEverything")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(b"", metadata=client.metadata(), timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_feeds_own_mistakes_are_named(client: Client, patient: Patient) -> None:
    future = visit("v-2")
    future.period.start.CopyFrom(timestamp(datetime.now(UTC) + timedelta(days=400)))
    future.period.ClearField("end")
    request = RecordVisitRequest(patient=patient.identifier, request_id=str(uuid4()), visit=future)
    told = await refusal(client.call("RecordVisit", request, kind="system"))
    assert told.code.name == "INVALID_ARGUMENT"
    assert told.details["field"].startswith("visit.period")


def _asked(patient: PatientIdentifier) -> bytes:
    return GetPatientSummaryRequest(patient=patient).SerializeToString()
