"""Takes a caller's messages: after their token was looked at, each bounded by its kind, inflated by ourselves.

grpc would receive a whole request, and inflate it, before anybody had asked who sends it: a few kilobytes of anybody's
become 32 MiB each. So every rpc is served as a stream, whose messages wait in the transport's window, 64 KiB a stream,
until they are read here; and grpc's own decompression is off (`shared.server.OPEN_TO_ALL`).
"""

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import grpc

from gateway.contract import Method
from kjernejournal.common.v1 import common_pb2
from shared import deadline
from shared.errors import Invalid, Reason, TimedOut

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

MEBIBYTE = 1024 * 1024
LARGEST_QUESTION = 1 * MEBIBYTE
"""A request to read: names of patients and codes."""
LARGEST_WRITE = 8 * MEBIBYTE
"""A request to write, or a piece of an upload. A feed's message may be as large as the server takes."""
FIRST_MESSAGE = 5.0
"""Seconds in which the request has to be here."""

_GZIP = b"\x1f\x8b"
"""No message of ours begins so: it would be field 3 of a wire type that there is not."""
_MEMBER = zlib.MAX_WBITS | 16


def largest(method: Method, largest_of_all: int) -> int:
    """Returns how many bytes a message of this rpc may have, once it is inflated."""
    if method.rule.multi_patient and method.descriptor.client_streaming:
        return largest_of_all
    reads = method.rule.action == common_pb2.ACTION_READ and not method.descriptor.client_streaming
    return min(LARGEST_QUESTION if reads else LARGEST_WRITE, largest_of_all)


async def only_message(context: Context, most: int) -> bytes:
    """Returns the one message of a request. Raises Invalid, and TimedOut when it does not come."""
    try:
        async with asyncio.timeout(deadline.remaining(FIRST_MESSAGE)):
            message = await context.read()
    except TimeoutError:
        raise TimedOut(Reason.ERROR_REASON_STREAM_TIMEOUT, "the request did not come in time") from None
    if message is grpc.aio.EOF:
        raise Invalid("", "the call holds no message", Reason.ERROR_REASON_MALFORMED_MESSAGE)
    return plain(message, most)


async def each_message(messages: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
    """Yields the messages of a stream. Raises Invalid."""
    async for message in messages:
        yield plain(message, most)


def plain(message: bytes, most: int) -> bytes:
    """Returns a message as it was before the caller's library compressed it. Raises Invalid when it is too large."""
    if message.startswith(_GZIP):
        inflating = zlib.decompressobj(_MEMBER)
        try:
            inflated = inflating.decompress(message, most + 1)
        except zlib.error:
            inflated = b""
        if len(inflated) <= most and not inflating.eof:
            raise Invalid("", "the message is not whole gzip", Reason.ERROR_REASON_MALFORMED_MESSAGE)
        message = inflated
    if len(message) > most:
        raise Invalid("", f"the message is larger than {most} bytes", Reason.ERROR_REASON_TOO_LARGE)
    return message
