"""The rules of the access log. Pure functions: no I/O, no clock."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from kjernejournal.audit.v1.audit_pb2 import (
    ACCESS_OUTCOME_CHANGED,
    ACCESS_OUTCOME_DENIED,
    ACCESS_OUTCOME_DISCLOSED,
    ACCESS_OUTCOME_FAILED,
    ACCESS_OUTCOME_PENDING,
    ACCESS_OUTCOME_UNSPECIFIED,
    RECORD_KIND_DENIAL,
    RECORD_KIND_DISCLOSURE,
    RECORD_KIND_OUTCOME,
    RECORD_KIND_PERMIT,
    RECORD_KIND_REVIEW,
    RECORD_KIND_REVIEW_REQUEST,
    RECORD_KIND_UNSPECIFIED,
    AccessOutcome,
    AuditRecord,
    PersonalPart,
    ReviewReason,
)
from kjernejournal.common.v1.common_pb2 import (
    ACCESS_BASIS_AKUTT,
    ACCESS_BASIS_FORHOYET_AKUTT,
    CALLER_KIND_AUDITOR,
    CALLER_KIND_CITIZEN,
    CALLER_KIND_UNSPECIFIED,
    CallerContext,
)
from shared.errors import Denied, Invalid, Reason
from shared.redaction import is_clean, redact

EMERGENCY = frozenset({ACCESS_BASIS_AKUTT, ACCESS_BASIS_FORHOYET_AKUTT})

REVIEWING = frozenset({RECORD_KIND_REVIEW_REQUEST, RECORD_KIND_REVIEW})
"""Records about an access, not of it: the access is as it was before."""

_RPC = re.compile(r"/[a-z0-9_.]+\.[A-Za-z0-9]+/[A-Za-z0-9]+")
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_HPR_NUMBER = re.compile(r"[0-9]{1,9}")
_HIGHEST_STATUS = 16


def check(record: AuditRecord) -> None:
    """Raises Invalid for a record that cannot stand in the log. Limits of single fields are checked before."""
    if record.kind == RECORD_KIND_UNSPECIFIED:
        raise Invalid("kind", "is required")
    if record.kind in REVIEWING:
        raise Invalid("kind", "is made by RequestReview and ReviewAccess alone")
    if not _RPC.fullmatch(record.rpc):
        raise Invalid("rpc", "must be a full method: /package.Service/Method")
    if record.actor.kind == CALLER_KIND_UNSPECIFIED:
        raise Invalid("actor.kind", "is required")
    if not _TRACE_ID.fullmatch(record.trace_id):
        raise Invalid("trace_id", "must be 32 hexadecimal digits")
    _check_status(record)
    _check_refs(record.personal)
    if record.HasField("proof") and (len(record.proof.id) != 32 or not _is_uuid(record.proof.call_id)):
        raise Invalid("proof", "must be 32 bytes and the UUID of a call")
    for position, section in enumerate(record.sections):
        if len(section.sha256) not in (0, 32):
            raise Invalid(f"sections[{position}].sha256", "must be 32 bytes, or empty")


def _check_refs(personal: PersonalPart) -> None:
    named = {"patient_ref": personal.patient_ref, "actor_ref": personal.actor_ref}
    others = {f"other_refs[{position}]": ref for position, ref in enumerate(personal.other_refs)}
    for field, ref in ({name: ref for name, ref in named.items() if ref} | others).items():
        if not _is_uuid(ref):
            raise Invalid(f"personal.{field}", "must be a UUID of 36 characters")


def _check_status(record: AuditRecord) -> None:
    if not 0 <= record.status_code <= _HIGHEST_STATUS:
        raise Invalid("status_code", "is not a gRPC code")
    if record.kind == RECORD_KIND_DENIAL and not record.status_code:
        raise Invalid("status_code", "is required in a denial")
    if record.kind in (RECORD_KIND_PERMIT, RECORD_KIND_DISCLOSURE) and record.status_code:
        raise Invalid("status_code", "belongs to denials and outcomes")


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def redact_identities(record: AuditRecord) -> None:
    """Takes what reads like a national id out of every free text of `record`.

    Texts come from the callers' own systems, and one of them may put a national id where it does not belong. To
    refuse the record would refuse the access; to keep it would put an identity into a log that holds none.
    """
    if is_clean("\n".join(getattr(message, field) for message, field in _texts(record))):
        return
    for message, field in _texts(record):
        setattr(message, field, redact(getattr(message, field)))


def _texts(record: AuditRecord) -> Iterator[tuple[Any, str]]:
    actor, ground, personal = record.actor, record.ground, record.personal
    yield record, "source_system"
    yield record, "policy_version"
    yield record, "request_id"
    yield actor, "client_id"
    yield personal, "subject"
    yield personal, "text"
    yield personal.practitioner, "name"
    yield ground.decision_ref, "id"
    for organisation in (actor.legal_entity, actor.point_of_care):
        yield organisation, "name"
        yield organisation, "department"
    for coding in (ground.purpose_of_use, ground.purpose_details, ground.healthcare_service):
        yield coding, "code"
        yield coding, "display"
    for section in record.sections:
        for entry in section.entries:
            yield entry, "id"


def visible_entity(caller: CallerContext) -> str | None:
    """Returns the organisation number of the legal entity whose accesses the caller may see; None: everybody's.

    A citizen sees all accesses to the patient's record, an auditor those of their own legal entity, the data
    controller's auditor all. Raises Denied for anybody else.
    """
    if caller.kind == CALLER_KIND_CITIZEN:
        return None
    if caller.kind != CALLER_KIND_AUDITOR or not caller.legal_entity:
        raise Denied(Reason.ERROR_REASON_CALLER_KIND_REFUSED, "the access log is for the patient and for auditors")
    return None if caller.controller else caller.legal_entity


def audited_entity(caller: CallerContext) -> str | None:
    """Returns the same for who asks about personnel and not about a patient: auditors alone. Raises Denied."""
    if caller.kind != CALLER_KIND_AUDITOR:
        raise Denied(Reason.ERROR_REASON_CALLER_KIND_REFUSED, "what personnel have opened is for auditors")
    return visible_entity(caller)


def check_practitioner(hpr_number: str) -> None:
    """Raises Invalid for what is no HPR number."""
    if not _HPR_NUMBER.fullmatch(hpr_number):
        raise Invalid("hpr_number", "must be 1 to 9 digits")


def numbered(patient_refs: Iterable[str | None]) -> list[int]:
    """Returns a number for each patient, counted from 1 as they first appear; 0 for nobody."""
    numbers: dict[str, int] = {}
    return [numbers.setdefault(ref, len(numbers) + 1) if ref else 0 for ref in patient_refs]


def reasons_mask(reasons: Iterable["ReviewReason.ValueType"]) -> int:
    """Returns one bit a reason; of values that this release does not know too, as far as the column has room."""
    mask = 0
    for reason in reasons:
        if 0 < reason < 31:
            mask |= 1 << reason
    return mask


def reasons_of(mask: int) -> list["ReviewReason.ValueType"]:
    """Returns the reasons of a mask, in the order of the contract."""
    return [reason for reason in ReviewReason.values() if mask >> reason & 1]


class AccessEnd(NamedTuple):
    """How an access ended, and why when it did not succeed."""

    outcome: AccessOutcome.ValueType
    reason: Reason.ValueType


def access_end(records: Sequence[AuditRecord]) -> AccessEnd:
    """Returns how an access ended, by its records in the order of the log.

    One outcome that says so makes a write done; a permit without any is pending, never taken for done. What was shown
    before a denial was shown.
    """
    last = {record.kind: record for record in records}
    none = Reason.ERROR_REASON_UNSPECIFIED
    if any(record.kind == RECORD_KIND_OUTCOME and not record.status_code for record in records):
        return AccessEnd(ACCESS_OUTCOME_CHANGED, none)
    if failed := last.get(RECORD_KIND_OUTCOME):
        return AccessEnd(ACCESS_OUTCOME_FAILED, failed.reason)
    if RECORD_KIND_PERMIT in last:
        return AccessEnd(ACCESS_OUTCOME_PENDING, none)
    denial = last.get(RECORD_KIND_DENIAL)
    reason = denial.reason if denial else none
    if RECORD_KIND_DISCLOSURE in last:
        return AccessEnd(ACCESS_OUTCOME_DISCLOSED, reason)
    return AccessEnd(ACCESS_OUTCOME_DENIED if denial else ACCESS_OUTCOME_UNSPECIFIED, reason)
