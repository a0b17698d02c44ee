"""One call to the local gateway, and what its refusal tells a person."""

from typing import Any, NamedTuple

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from kj.errors import CommandError
from kj.local.running import LocalSystem
from shared.handling.failures import STATUS_DETAILS

SECONDS = 5.0
SOURCE_SYSTEM = "kj command line"


class Answered(NamedTuple):
    """A reply, and where its trace and its record in the access log are."""

    reply: Any
    trace_id: str
    audit_index: str


async def call(
    system: LocalSystem, path: str, request: Message, reply: type[Message], *, token: str, basis: str = ""
) -> Answered:
    """Calls a unary rpc of the gateway. Raises CommandError with what the refusal says and what to do next."""
    metadata = [("authorization", f"Bearer {token}"), ("source-system", SOURCE_SYSTEM)]
    if basis:
        metadata.append(("access-basis", basis))
    async with grpc.aio.insecure_channel(system.gateway_address) as channel:
        method: Any = channel.unary_unary(path, response_deserializer=reply.FromString)
        ongoing = method(request.SerializeToString(), metadata=metadata, timeout=SECONDS)
        try:
            message = await ongoing
        except grpc.aio.AioRpcError as error:
            raise refusal(error, system.gateway_address) from None
        trailing = dict(await ongoing.trailing_metadata() or ())
    return Answered(message, str(trailing.get("trace-id", "")), str(trailing.get("audit-index", "")))


def refusal(error: grpc.aio.AioRpcError, address: str, *, refused: str = "Refused") -> CommandError:
    """The refusal in a person's words, which begin with `refused`."""
    trace = dict(error.trailing_metadata() or ()).get("trace-id", "")
    look = f"kj trace {trace!s} shows what happened." if trace else "kj status shows what runs."
    info = error_info(error)
    if info is None and error.code() is grpc.StatusCode.UNAVAILABLE:
        return CommandError(f"The gateway at {address} does not answer.", "kj status shows what runs.")
    if info is None:
        return CommandError(f"{refused} without a reason: {error.code().name}.", look)
    return CommandError(f"{refused}, {error.code().name}: {error.details()} ({info.reason}).", look)


def error_info(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo | None:
    """The reason in a refusal's details; None when it is not one of ours."""
    details = dict(error.trailing_metadata() or ()).get(STATUS_DETAILS)
    info = error_details_pb2.ErrorInfo()
    if isinstance(details, bytes):
        for detail in status_pb2.Status.FromString(details).details:
            if detail.Unpack(info):
                return info
    return None
