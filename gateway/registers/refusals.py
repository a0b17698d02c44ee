"""Turns a service's failure into a refusal for the caller: its own as they are, anything else with a fixed text."""

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from shared.errors import DOMAIN, KjernejournalError, Reason, TimedOut, Unavailable
from shared.handling.failures import STATUS_DETAILS

_REFUSALS = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)


class Relayed(KjernejournalError):
    """A service's own refusal: code, reason, text and details are the service's."""

    def __init__(self, code: grpc.StatusCode, status: status_pb2.Status, info: error_details_pb2.ErrorInfo) -> None:
        reason = Reason.Value(f"ERROR_REASON_{info.reason}")
        super().__init__(reason, status.message, **dict(info.metadata))
        self.code = code
        self._status = status

    def status(self) -> status_pb2.Status:
        return self._status


class ServiceFault(KjernejournalError):
    """A fault inside a service: INTERNAL, with nothing of its text."""


def refusal_of(error: grpc.aio.AioRpcError) -> KjernejournalError:
    """Returns the refusal for the caller. Nothing that grpc itself or a library wrote goes along."""
    code = error.code()
    if code in _REFUSALS:
        relayed = _relayed(code, error)
        if relayed is not None and relayed.reason != Reason.ERROR_REASON_PEER_REFUSED:
            return relayed
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return TimedOut(Reason.ERROR_REASON_DEADLINE_EXCEEDED, "the deadline passed while a service was asked")
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        return Unavailable(Reason.ERROR_REASON_SERVICE_UNAVAILABLE, "a needed service cannot be reached: try again")
    return service_fault()


def service_fault() -> ServiceFault:
    """Returns the refusal for what no service of ours should have said."""
    return ServiceFault(Reason.ERROR_REASON_INTERNAL, "a fault in a service; its log names the trace id")


def _relayed(code: grpc.StatusCode, error: grpc.aio.AioRpcError) -> Relayed | None:
    for key, value in error.trailing_metadata() or ():
        if key == STATUS_DETAILS and isinstance(value, bytes):
            try:
                status = status_pb2.Status.FromString(value)
                info = _info(status.details)
                if info is not None and info.domain == DOMAIN:
                    return Relayed(code, status, info)
            except (DecodeError, ValueError):
                return None  # garbage, or a reason that a newer service knows
    return None


def _info(details: "list[any_pb2.Any]") -> error_details_pb2.ErrorInfo | None:
    info = error_details_pb2.ErrorInfo()
    for detail in details:
        if detail.Unpack(info):
            return info
    return None
