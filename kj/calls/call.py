"""One call to a gateway, and what its refusal says to a person."""

from typing import Any, NamedTuple

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from kj.calls.gateway import Gateway
from kj.errors import CommandError
from shared.handling.failures import STATUS_DETAILS

SECONDS = 5.0
SOURCE_SYSTEM = "kj command line"

_HANDSHAKES = {
    "CERTIFICATE_VERIFY_FAILED": (
        "has a certificate of an authority that is not trusted here, or one that is not valid now",
        "Name its authority with --ca FILE.",
    ),
    "Hostname Verification": (
        "has a certificate for another name",
        "Call it by a name that stands in its certificate.",
    ),
    "WRONG_VERSION_NUMBER": (
        "does not speak TLS",
        "No token goes over plaintext to another machine, or where --ca is given.",
    ),
}
"""What gRPC's own words for a failed handshake mean, and what to do."""


class Answered(NamedTuple):
    """A reply, and where its trace and its record in the access log are."""

    reply: Any
    trace_id: str
    audit_index: str


async def call(
    gateway: Gateway, path: str, request: Message, reply: type[Message], *, token: str, basis: str = ""
) -> Answered:
    """Calls a unary rpc of the gateway. Raises CommandError with what the refusal says and what to do next."""
    metadata = [("authorization", f"Bearer {token}"), ("source-system", SOURCE_SYSTEM)]
    if basis:
        metadata.append(("access-basis", basis))
    async with gateway.channel() as channel:
        method: Any = channel.unary_unary(path, response_deserializer=reply.FromString)
        ongoing = method(request.SerializeToString(), metadata=metadata, timeout=SECONDS)
        try:
            message = await ongoing
        except grpc.aio.AioRpcError as error:
            raise refusal(error, gateway) from None
        trailing = dict(await ongoing.trailing_metadata() or ())
    return Answered(message, str(trailing.get("trace-id", "")), str(trailing.get("audit-index", "")))


def refusal(error: grpc.aio.AioRpcError, gateway: Gateway, *, refused: str = "Refused") -> CommandError:
    """Returns the refusal in a person's words, which begin with `refused`."""
    trace = str(dict(error.trailing_metadata() or ()).get("trace-id", ""))
    look = f"Its trace: {gateway.trace(trace)}" if trace else gateway.unreachable
    info = error_info(error)
    if info is None and error.code() is grpc.StatusCode.UNAVAILABLE:
        for words, (what, next_step) in _HANDSHAKES.items():
            if words in (error.details() or ""):
                return CommandError(f"The gateway at {gateway.address} {what}.", next_step)
        return CommandError(f"The gateway at {gateway.address} does not answer.", gateway.unreachable)
    if info is None:
        return CommandError(f"{refused} without a reason: {error.code().name}.", look)
    return CommandError(f"{refused}, {error.code().name}: {error.details()} ({info.reason}).", look)


def error_info(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo | None:
    """Returns the reason in a refusal's details; None when it is not one of ours."""
    details = dict(error.trailing_metadata() or ()).get(STATUS_DETAILS)
    info = error_details_pb2.ErrorInfo()
    if isinstance(details, bytes):
        for detail in status_pb2.Status.FromString(details).details:
            if detail.Unpack(info):
                return info
    return None
