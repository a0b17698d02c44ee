"""Step 6: bytes become a message, and the rules that stand in the proto are checked, before service code sees it.

grpc would answer UNKNOWN with the exception's text when a deserialiser raises, so decoding is a step of ours.
protovalidate does the same job and was tried; its rules live in a proto file that no package ships and that we would
have to copy, so `FieldRules` stands in our own contract and this file reads it.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, TypeVar, cast
from uuid import UUID

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from kjernejournal.common.v1 import common_pb2
from shared.errors import Invalid, Reason
from shared.handling import identities

AnyMessage = TypeVar("AnyMessage", bound=Message)

LONGEST_STRING = 4_000
MOST_ITEMS = 1_000
_DECIMAL = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?", re.ASCII)
EARLIEST, LATEST = -62_135_596_800, 253_402_300_799
"""Seconds of a Timestamp, years 1 to 9999, as its own definition says."""


def decode(kind: type[AnyMessage], data: bytes) -> AnyMessage:
    """Returns the checked message. Raises Invalid: MALFORMED_MESSAGE, or a field that breaks a rule, by its path."""
    try:
        message = kind.FromString(data)
    except (DecodeError, ValueError):
        raise Invalid("", "the bytes are not a message of this rpc", Reason.ERROR_REASON_MALFORMED_MESSAGE) from None
    validate(message)
    return message


def validate(message: Message, path: str = "") -> None:
    """Checks `message` and all it holds against the rules of its fields. Raises Invalid with the field's path."""
    for field, name in _required(message.DESCRIPTOR):
        if not _present(message, field):
            raise Invalid(path + name, "is required")
    if message.DESCRIPTOR.full_name == "google.protobuf.Timestamp":
        _check_timestamp(cast(Timestamp, message), path)
        return
    if message.DESCRIPTOR.full_name == "kjernejournal.common.v1.PartialDate":
        _check_partial_date(cast(common_pb2.PartialDate, message), path)
        return
    if message.DESCRIPTOR.full_name == "kjernejournal.common.v1.Quantity":
        _check_decimal(cast(common_pb2.Quantity, message), path)
    for field, value in message.ListFields():
        check = _check(field)
        if check is None:
            continue
        where = path + field.name
        if field.is_repeated:
            _check_each(field, cast(Iterable[Any], value), where, check)
        else:
            check(value, where)


def _check_each(field: FieldDescriptor, values: Iterable[Any], path: str, check: Callable[[Any, str], None]) -> None:
    most = _rules(field).max_items or MOST_ITEMS
    for position, value in enumerate(values):
        if position >= most:
            raise Invalid(path, f"holds more than {most} elements")
        check(value, f"{path}[{position}]")


@cache
def _required(message: Descriptor) -> tuple[tuple[FieldDescriptor, str], ...]:
    return tuple((field, field.name) for field in message.fields if _rules(field).required)


def _rules(field: FieldDescriptor) -> common_pb2.FieldRules:
    return field.GetOptions().Extensions[common_pb2.rules]


def _present(message: Message, field: FieldDescriptor) -> bool:
    if field.is_repeated or not field.has_presence:
        return bool(getattr(message, field.name))
    return message.HasField(field.name)


@cache
def _check(field: FieldDescriptor) -> Callable[[Any, str], None] | None:
    """Returns what a value of this field is checked with; None: nothing can be wrong with it."""
    if field.message_type is not None:
        if field.message_type.GetOptions().map_entry:
            raise TypeError(f"{field.full_name}: maps are not in our contract")
        return lambda value, path: validate(value, path + ".")
    if field.enum_type is not None:
        numbers = frozenset(field.enum_type.values_by_number)
        return lambda value, path: _check_enum(value, path, numbers)
    if field.type == FieldDescriptor.TYPE_STRING:
        rules = _rules(field)
        return lambda value, path: _check_string(value, path, rules)
    return None


def _check_enum(value: int, path: str, numbers: frozenset[int]) -> None:
    if value not in numbers:
        raise Invalid(path, "is not a value of this enum")


def _check_string(value: str, path: str, rules: common_pb2.FieldRules) -> None:
    longest = rules.max_length or LONGEST_STRING
    if len(value) > longest:
        raise Invalid(path, f"is longer than {longest} characters")
    if "\0" in value:
        raise Invalid(path, "holds a NUL character")
    if rules.identifier and identities.holds_one(value):
        raise Invalid(path, "holds a national id: an identifier of anything else may not")
    if rules.uuid:
        try:
            plain = str(UUID(value)) == value.lower()
        except ValueError:
            plain = False
        if not plain:
            raise Invalid(path, "must be a UUID of 36 characters")


def _check_timestamp(value: Timestamp, path: str) -> None:
    if not EARLIEST <= value.seconds <= LATEST or not 0 <= value.nanos < 1_000_000_000:
        raise Invalid(path.rstrip("."), "is not a time between the years 1 and 9999")


def _check_partial_date(value: common_pb2.PartialDate, path: str) -> None:
    if not 1 <= value.year <= 9999:
        raise Invalid(path + "year", "must be 1 to 9999")
    if not 0 <= value.month <= 12:
        raise Invalid(path + "month", "must be 1 to 12, or 0 when it is not known")
    days = 31 if value.month == 0 else _days(value.year, value.month)
    if value.day and (not value.month or not 1 <= value.day <= days):
        raise Invalid(path + "day", "is not a day of that month")


def _check_decimal(value: common_pb2.Quantity, path: str) -> None:
    if value.value and not _DECIMAL.fullmatch(value.value):
        raise Invalid(path + "value", "is not a decimal number")


def _days(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31
