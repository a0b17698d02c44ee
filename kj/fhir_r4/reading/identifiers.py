"""Keeps national ids out of what identifies something else: no register takes one there, and the rest is worth keeping.

Free text is cleaned by the registers themselves, which count it.
"""

from collections import Counter
from typing import Any

from google.protobuf.message import Message

from kjernejournal.common.v1 import common_pb2
from shared.handling.identities import MARK, holds_one

COUNTED = "identifiers and codes that hold a national id"


def clean(message: Message, cuts: Counter[str]) -> None:
    """Leaves out codings that hold a national id, and marks other identifiers that do."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            if field.message_type.full_name == common_pb2.Coding.DESCRIPTOR.full_name and field.is_repeated:
                _clean_codings(value, cuts)
            for each in value if field.is_repeated else (value,):
                clean(each, cuts)
        elif field.type == field.TYPE_STRING and not field.is_repeated and _identifies(field) and holds_one(value):
            setattr(message, field.name, MARK)
            cuts[COUNTED] += 1


def _clean_codings(codings: Any, cuts: Counter[str]) -> None:
    for position in reversed(range(len(codings))):
        if holds_one(codings[position].code) or holds_one(codings[position].system):
            del codings[position]
            cuts[COUNTED] += 1


def _identifies(field: Any) -> bool:
    return bool(field.GetOptions().Extensions[common_pb2.rules].identifier)
