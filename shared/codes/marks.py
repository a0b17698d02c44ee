"""Finds the codings of a message, and gives messages without the marks that these carry.

A mark says what one release knows of a code. Another release may know more, and what a source sends again is the same
all the same: whatever compares messages leaves marks out.
"""

from collections.abc import Iterator
from functools import cache
from typing import TypeVar

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from kjernejournal.common.v1.common_pb2 import Coding

SomeMessage = TypeVar("SomeMessage", bound=Message)


def codings(message: Message, path: str = "") -> Iterator[tuple[str, Coding]]:
    """Yields every coding in a message, with the path before its fields: "code.codings[0]."."""
    if isinstance(message, Coding):
        yield path, message
        return
    leading = _leading(message.DESCRIPTOR)
    if not leading:
        return
    for field, value in message.ListFields():
        if field.name not in leading:
            continue
        for position, each in enumerate(value if field.is_repeated else (value,)):
            inside = f"{path}{field.name}[{position}]." if field.is_repeated else f"{path}{field.name}."
            yield from codings(each, inside)


def without_marks(message: SomeMessage) -> SomeMessage:
    """Returns the message without what we know of its codes; itself, where it carries no mark."""
    if not any(coding.verification for _, coding in codings(message)):
        return message
    plain = type(message)()
    plain.CopyFrom(message)
    for _, coding in codings(plain):
        coding.ClearField("verification")
    return plain


@cache
def _leading(message: Descriptor) -> frozenset[str]:
    """Returns the fields of a kind of message in which codings can stand, near or far."""
    return frozenset(
        field.name for field in message.fields if field.message_type is not None and _holds(field.message_type)
    )


@cache
def _holds(message: Descriptor) -> bool:
    kinds, waiting = {message.full_name: message}, [message]
    while waiting:
        for field in waiting.pop().fields:
            inner = field.message_type
            if inner is not None and inner.full_name not in kinds:
                kinds[inner.full_name] = inner
                waiting.append(inner)
    return Coding.DESCRIPTOR.full_name in kinds
