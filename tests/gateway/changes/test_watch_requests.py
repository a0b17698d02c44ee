"""Who may follow changes, and which requests to follow are refused."""

from collections.abc import Callable

import pytest

from gateway.admission import Admission
from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.changes.v1.changes_pb2 import FollowedPatient, WatchChangesRequest
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from tests.gateway.changes.watching import of_kind, patient
from tests.support.client import methods, read
from tests.support.gateway import Front


def two(front: Front, **fields: str) -> WatchChangesRequest:
    identifiers = [patient(front).identifier for _ in range(2)]
    followed = [FollowedPatient(patient=each, key=key) for each, key in zip(identifiers, "ab", strict=True)]
    return WatchChangesRequest(patients=followed, **fields)  # type: ignore[arg-type]  # by name


def twice(request: WatchChangesRequest) -> None:
    request.patients[1].patient.CopyFrom(request.patients[0].patient)


def same_key(request: WatchChangesRequest) -> None:
    request.patients[1].key = "a"


def national_id_as_key(request: WatchChangesRequest) -> None:
    request.patients[0].key = request.patients[0].patient.national_id


def parted_national_id_as_key(request: WatchChangesRequest) -> None:
    value = request.patients[0].patient.national_id
    request.patients[0].key = f"{value[:2]}.{value[2:4]}.{value[4:6]} {value[6:]}"


def no_key(request: WatchChangesRequest) -> None:
    request.patients[0].key = ""


def no_patient(request: WatchChangesRequest) -> None:
    del request.patients[:]


def no_such_id(request: WatchChangesRequest) -> None:
    request.patients[0].patient.CopyFrom(PatientIdentifier(national_id="12345678901"))


def no_section(request: WatchChangesRequest) -> None:
    request.sections.append(common_pb2.SECTION_ACCESS_LOG)


def no_token(request: WatchChangesRequest) -> None:
    request.resume_token = "AAAA"


REFUSED: list[tuple[Callable[[WatchChangesRequest], None], str, str]] = [
    (twice, "INVALID_FIELD", "patients[1].patient"),
    (same_key, "INVALID_FIELD", "patients"),
    (national_id_as_key, "INVALID_FIELD", "patients[0].key"),
    (parted_national_id_as_key, "INVALID_FIELD", "patients[0].key"),
    (no_key, "INVALID_FIELD", "patients[0].key"),
    (no_patient, "INVALID_FIELD", "patients"),
    (no_such_id, "INVALID_NATIONAL_ID", "patients[0].patient.national_id"),
    (no_section, "INVALID_FIELD", "sections[0]"),
    (no_token, "INVALID_RESUME_TOKEN", "resume_token"),
]


@pytest.mark.parametrize("break_it, reason, field", REFUSED, ids=lambda each: getattr(each, "__name__", ""))
async def test_a_request_that_breaks_a_rule_is_refused(
    front: Front, break_it: Callable[[WatchChangesRequest], None], reason: str, field: str
) -> None:
    request = two(front)
    break_it(request)
    parts, told = await read(front.client.open("WatchChanges", request, kind="system"))
    assert (parts, told and told.short) == ([], ("INVALID_ARGUMENT", reason))
    assert told is not None
    assert told.details["field"] == field


@pytest.mark.parametrize("kind", ["doctor", "auditor"])
async def test_only_systems_follow(front: Front, kind: str) -> None:
    parts, told = await read(front.client.open("WatchChanges", two(front), kind=kind))
    assert (parts, told and told.short) == ([], ("PERMISSION_DENIED", "CALLER_KIND_REFUSED"))
    assert len(of_kind(front, audit_pb2.RECORD_KIND_DENIAL)) == 1


async def test_followers_take_no_room_from_other_streams() -> None:
    admission = Admission()
    by_name = methods()
    watch = admission.rooms(by_name["ChangesService/WatchChanges"])
    assert watch is not admission.rooms(by_name["DocumentsService/UploadDocument"])
    assert watch is not admission.rooms(by_name["SummaryService/GetPatientSummary"])
