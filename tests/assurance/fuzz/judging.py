"""What a server may never do, whatever it is sent."""

import re
from dataclasses import dataclass

import grpc
from google.rpc import error_details_pb2, status_pb2

from shared.errors import DOMAIN
from shared.handling.failures import STATUS_DETAILS
from shared.redaction import is_clean
from tests.assurance.fuzz.messages import CANARY

LONGEST = 2.0
"""Seconds after which an answer counts as a hang."""

ORDERLY = frozenset(
    {
        grpc.StatusCode.OK,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
"""Codes that say something about the request. UNAVAILABLE is not among them: nothing is down, so it would be a fault in
disguise."""

_TELLTALE = re.compile(
    r"Traceback|asyncpg|psycopg|Error:|Exception|\.py\b|line \d+|<class|object at 0x"
    r"|\b(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|DROP TABLE)\b|violates|relation \"|syntax error|pg_\w+"
    r"|execute_batch|Exception calling application|NoneType|bytes-like"
)
_OF_GRPC = re.compile(r"received metadata size exceeds (hard|soft) limit")
"""What gRPC says itself, before any handler of ours: names of headers and their sizes, no values."""


@dataclass(frozen=True)
class Answer:
    """How one call ended, as its caller saw it."""

    code: grpc.StatusCode
    text: str
    details: bytes
    seconds: float

    @classmethod
    def of(cls, error: grpc.aio.AioRpcError, seconds: float) -> "Answer":
        trailing = dict(error.trailing_metadata() or ())
        details = trailing.get(STATUS_DETAILS, b"")
        return cls(error.code(), error.details() or "", details if isinstance(details, bytes) else b"", seconds)


def faults(answer: Answer) -> list[str]:
    """Returns what is wrong with the answer, in words; nothing when it is in order."""
    found = []
    if answer.code not in ORDERLY:
        found.append(answer.code.name)
    if answer.seconds > LONGEST:
        found.append(f"took {answer.seconds:.1f} s")
    if answer.code is not grpc.StatusCode.OK and not _reason(answer) and not _OF_GRPC.match(answer.text):
        found.append("gives no reason of ours")
    for text in _texts(answer):
        if told := _TELLTALE.search(text):
            found.append(f"tells {told.group()!r}")
        if not is_clean(text):
            found.append("holds what reads like a national id")
        if CANARY in text:
            found.append("repeats what was sent")
    return found


def _reason(answer: Answer) -> str:
    info = error_details_pb2.ErrorInfo()
    details = status_pb2.Status.FromString(answer.details).details
    return next((str(info.reason) for each in details if each.Unpack(info) and info.domain == DOMAIN), "")


def _texts(answer: Answer) -> list[str]:
    """Returns every text that the caller can read in a status."""
    texts = [answer.text]
    status = status_pb2.Status.FromString(answer.details)
    texts.append(status.message)
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        if detail.Unpack(info):
            texts.extend([info.reason, info.domain, *info.metadata.keys(), *info.metadata.values()])
        if detail.Unpack(bad):
            texts.extend(text for each in bad.field_violations for text in (each.field, each.description))
    return texts
