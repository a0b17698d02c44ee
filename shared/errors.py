"""One hierarchy of errors, and its one mapping to gRPC codes.

Handlers, repositories and rules raise these; `shared.handling.failures` alone turns them into a status::

    KjernejournalError
    ├── Invalid                 INVALID_ARGUMENT      a field breaks a rule; names the field, never its value
    ├── Unauthenticated         UNAUTHENTICATED       no token, or one that does not verify
    ├── Denied                  PERMISSION_DENIED     the policy says no
    ├── NotFound                NOT_FOUND             no such patient or entry
    ├── VersionBehind           ABORTED               a higher version exists
    ├── StateConflict           FAILED_PRECONDITION   the entry's state does not allow this
    ├── Overloaded              RESOURCE_EXHAUSTED    load is shed, a quota is used up
    ├── Unavailable             UNAVAILABLE           audit cannot commit, a needed service is down
    ├── TimedOut                DEADLINE_EXCEEDED     the deadline or a stream's time has passed
    └── NotSupported            UNIMPLEMENTED         behaviour that comes later, or not for outside callers

Texts are fixed by the code that raises: no value from a request, no identity, no text of a foreign exception.
"""

from typing import TypeAlias

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from kjernejournal.common.v1 import error_reason_pb2 as reasons

DOMAIN = "kjernejournal"
"""`ErrorInfo.domain` of every refusal."""

Reason = reasons.ErrorReason
ReasonValue: TypeAlias = "reasons.ErrorReason.ValueType"


class KjernejournalError(Exception):
    """A refusal that the caller may read: a gRPC code, a reason of `error_reason.proto`, a fixed text, safe details."""

    code: grpc.StatusCode = grpc.StatusCode.INTERNAL

    def __init__(self, reason: ReasonValue, text: str, **details: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text
        self.details = details

    def status(self) -> status_pb2.Status:
        """Returns the `google.rpc.Status` that goes to the caller."""
        info = error_details_pb2.ErrorInfo(reason=reason_name(self.reason), domain=DOMAIN, metadata=self.details)
        packed = [any_pb2.Any()]
        packed[0].Pack(info)
        packed.extend(self._more_details())
        return status_pb2.Status(code=self.code.value[0], message=self.text, details=packed)

    def _more_details(self) -> list[any_pb2.Any]:
        return []


class Invalid(KjernejournalError):
    """The request breaks a rule. `field` is a path such as `entry.codings[2].system`."""

    code = grpc.StatusCode.INVALID_ARGUMENT

    def __init__(self, field: str, text: str, reason: ReasonValue = reasons.ERROR_REASON_INVALID_FIELD) -> None:
        super().__init__(reason, f"{field}: {text}" if field else text, **({"field": field} if field else {}))
        self.field = field
        self.problem = text

    def inside(self, path: str) -> "Invalid":
        """Returns the same error for a message that stands at `path` of a larger one."""
        return Invalid(f"{path}.{self.field}" if self.field else path, self.problem, self.reason)

    def _more_details(self) -> list[any_pb2.Any]:
        if not self.field:
            return []
        bad = error_details_pb2.BadRequest()
        bad.field_violations.add(field=self.field, description=self.problem)
        packed = any_pb2.Any()
        packed.Pack(bad)
        return [packed]


class Unauthenticated(KjernejournalError):
    """The caller has not shown who they are."""

    code = grpc.StatusCode.UNAUTHENTICATED


class Denied(KjernejournalError):
    """The policy says no."""

    code = grpc.StatusCode.PERMISSION_DENIED


class NotFound(KjernejournalError):
    """No such patient, or no such entry for this patient."""

    code = grpc.StatusCode.NOT_FOUND


class VersionBehind(KjernejournalError):
    """The write was based on a version that is no longer the latest."""

    code = grpc.StatusCode.ABORTED

    def __init__(self, current_version: int) -> None:
        super().__init__(
            reasons.ERROR_REASON_VERSION_BEHIND,
            f"a higher version exists: {current_version}; read it and try again",
            current_version=str(current_version),
        )


class StateConflict(KjernejournalError):
    """The entry's state does not allow this."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class Overloaded(KjernejournalError):
    """Load is shed, or a quota is used up. `retry_ms` says when to come back."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED

    def __init__(self, reason: ReasonValue, text: str, retry_ms: int = 1000) -> None:
        super().__init__(reason, text)
        self.retry_ms = retry_ms

    def _more_details(self) -> list[any_pb2.Any]:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(self.retry_ms)
        packed = any_pb2.Any()
        packed.Pack(retry)
        return [packed]


class Unavailable(KjernejournalError):
    """Something that is needed is down; nothing was released, nothing half written."""

    code = grpc.StatusCode.UNAVAILABLE


class TimedOut(KjernejournalError):
    """The deadline, or a stream's time, has passed."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED


class NotSupported(KjernejournalError):
    """Part of the contract whose behaviour comes later, or that is not for outside callers."""

    code = grpc.StatusCode.UNIMPLEMENTED


def reason_name(reason: ReasonValue) -> str:
    """Returns the name that `ErrorInfo.reason` carries: without the enum's prefix."""
    return Reason.Name(reason).removeprefix("ERROR_REASON_")


def entry_not_found() -> NotFound:
    """Returns one error for every entry that is not there, is another patient's, or never was."""
    return NotFound(reasons.ERROR_REASON_ENTRY_NOT_FOUND, "no such entry for this patient")


def patient_not_found() -> NotFound:
    """Returns one error for a patient who is not known and one who has reserved against the record."""
    return NotFound(reasons.ERROR_REASON_PATIENT_NOT_FOUND, "no record for this patient")
