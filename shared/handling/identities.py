"""Keeps national ids out of every string that is not meant for one: part of step 6, before service code sees a request.

A person is named in the fields that the contract marks for it, and clinical databases hold references alone. What
identifies something else, or is coded, is refused with the field: another value would be another thing. Free text is
refused to people, who can write it again; in what feeds send, the number is replaced and counted, so that no content is
lost. A run of eleven digits that is no possible national id stays.
"""

import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from kjernejournal.common.v1 import common_pb2
from shared import national_id
from shared.errors import Invalid

MARK = "[fnr.]"
"""Stands in the place of a national id. Shorter than one, so that no text grows over its limit."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_replaced: ContextVar[int] = ContextVar("national_ids_replaced", default=0)


def holds_one(text: str) -> bool:
    """Whether there is a national id in the text, also one that is written in parts."""
    return any(national_id.in_text(text)) and not _UUID.fullmatch(text)


def replaced() -> int:
    """Returns how many national ids were replaced in the request at hand; of a stream, in its latest message."""
    return _replaced.get()


def clean(message: Message, *, people: bool) -> None:
    """Replaces national ids in the free text of a request, and counts them. Fields that the contract does not have are
    taken away: nobody could look into them, and they would be kept beside the others.

    Raises Invalid with the field's path when people wrote it.
    """
    message.DiscardUnknownFields()
    count = 0
    for path, text, put in _texts(message):
        if not holds_one(text):
            continue
        if people:
            raise Invalid(path, "holds a national id: take it out, and name persons in the fields for it alone")
        shown, here = national_id.without(text, MARK)
        put(shown)
        count += here
    _replaced.set(count)


def _texts(message: Message, path: str = "") -> Iterator[tuple[str, str, Callable[[str], None]]]:
    """Yields every free text in a message: its path, what it says, and what puts another text in its place."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            for position, each in enumerate(value if field.is_repeated else (value,)):
                inside = f"{path}{field.name}[{position}]." if field.is_repeated else f"{path}{field.name}."
                yield from _texts(each, inside)
        elif field.name in _free_texts(message.DESCRIPTOR):
            if field.is_repeated:
                for position, each in enumerate(value):
                    yield f"{path}{field.name}[{position}]", each, _put_at(value, position)
            else:
                yield path + field.name, value, _put(message, field.name)


def _put(message: Message, name: str) -> Callable[[str], None]:
    return lambda text: setattr(message, name, text)


def _put_at(values: Any, position: int) -> Callable[[str], None]:
    return lambda text: values.__setitem__(position, text)


@cache
def _free_texts(message: Descriptor) -> frozenset[str]:
    """Returns the fields that hold free text: strings that the contract does not mark otherwise."""
    return frozenset(field.name for field in message.fields if _is_free_text(field))


def _is_free_text(field: FieldDescriptor) -> bool:
    rules = field.GetOptions().Extensions[common_pb2.rules]
    marked = rules.uuid or rules.national_id or rules.identifier
    return field.type == FieldDescriptor.TYPE_STRING and not marked
