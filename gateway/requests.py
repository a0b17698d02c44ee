"""Reads in a request what the steps need before it goes on: whom it is about, and under which id it is made."""

import re

from google.protobuf.message import DecodeError, Message

from gateway.contract import Method
from gateway.decided_call import DecidedCall
from kjernejournal.audit.v1.audit_pb2 import ByteRange, ListAccessesByPractitionerRequest
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.medications.v1.medications_pb2 import ProposeMedicationChangeRequest, UpdateMedicationListRequest
from shared import national_id
from shared.errors import Invalid, Reason

LONGEST_HPR_NUMBER = 9
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def parse(method: Method, data: bytes) -> Message:
    """Returns the request. Raises Invalid (MALFORMED_MESSAGE)."""
    try:
        return method.request.FromString(data)
    except (DecodeError, ValueError):
        raise Invalid("", "the bytes are not a message of this rpc", Reason.ERROR_REASON_MALFORMED_MESSAGE) from None


def patient_of(method: Method, request: Message, *, production: bool) -> str | None:
    """Returns the national id of the patient whom a request is about; None where the rpc is bound to no patient.

    Raises Invalid.
    """
    if not method.patients:
        return None
    named = method.patients_in(request)
    if not named:
        raise Invalid("patient", "is required")
    path, patient = named[0]
    return national_id_of(patient, path, production=production)


def national_id_of(patient: PatientIdentifier, path: str, *, production: bool) -> str:
    """Returns the checked national id in a request.

    Raises Invalid: a reference from outside, none, or not a valid one.
    """
    if patient.alias_refs:
        raise _reference(f"{path}.alias_refs")
    match patient.WhichOneof("identifier"):
        case "national_id":
            return national_id.parse(patient.national_id, production=production, field=f"{path}.national_id").value
        case "patient_ref":
            raise _reference(f"{path}.patient_ref")
        case _:
            raise Invalid(f"{path}.national_id", "is required")


def _reference(field: str) -> Invalid:
    return Invalid(field, "is not for callers: send national_id", Reason.ERROR_REASON_PATIENT_REF_REFUSED)


def request_id_of(request: Message) -> str:
    """Returns the write's id in the log; "" for one that is none: the service refuses it, and the log need not."""
    value: str = getattr(request, "request_id", "")
    return value if _UUID.fullmatch(value) else ""


def searched_practitioner(request: Message) -> str:
    """Returns the HPR number of the practitioner whose accesses are asked for; "" where none is, or that is no number:
    the service refuses it, and the log need not."""
    number = request.hpr_number if isinstance(request, ListAccessesByPractitionerRequest) else ""
    return number if number.isascii() and number.isdigit() and len(number) <= LONGEST_HPR_NUMBER else ""


def byte_range_of(request: Message) -> ByteRange | None:
    """Returns the part of a document that is asked for, an end of 0 for all the rest; None where the rpc takes none."""
    if "offset" not in request.DESCRIPTOR.fields_by_name:
        return None
    offset: int = getattr(request, "offset", 0)
    length: int = getattr(request, "length", 0)
    return ByteRange(start=offset, end=offset + length if length else 0)


def put_ref(decided: DecidedCall, request: Message) -> None:
    """Replaces the national id by the canonical reference: no service but patients sees a national id."""
    for _, patient in decided.method.patients_in(request):
        patient.patient_ref = decided.asked_refs(decided.method.rule.section)[0]


_NAMES_OF_ENTRIES = ("id", "replaced_id")


def names_entry(request: Message) -> bool:
    """Returns whether a write is about an entry that is there: one that changes, replaces, releases or deletes it."""
    if isinstance(request, UpdateMedicationListRequest):
        return bool(request.expected_version)
    if isinstance(request, ProposeMedicationChangeRequest):
        return bool(request.withdrawn_proposal_ids) or any(each.entry_id for each in request.proposals)
    return any(getattr(request, name, "") for name in _NAMES_OF_ENTRIES)


def first_of_its_kind(request: Message) -> bool:
    """Returns whether a write sends the first medication list: what its patient has one of, whole."""
    return isinstance(request, UpdateMedicationListRequest) and not request.expected_version
