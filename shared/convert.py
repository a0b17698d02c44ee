"""Between Python's values and the messages that every service shares."""

import hashlib
from datetime import UTC, datetime, timedelta

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from kjernejournal.common.v1.common_pb2 import (
    EventTime,
    PartialDate,
)

_TICK = timedelta(microseconds=1)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC) + _TICK, datetime.max.replace(tzinfo=UTC) - _TICK
"""What is before or after is infinity to asyncpg, and comes back without a time zone: it compares with nothing."""


def timestamp(moment: datetime) -> Timestamp:
    """The message of a moment, which must have a time zone."""
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def moment(message: Timestamp) -> datetime:
    """The moment of a checked Timestamp, UTC, in microseconds; at the ends of time, the next that can be stored."""
    return min(max(message.ToDatetime(tzinfo=UTC), _FIRST), _LAST)


def optional_moment(request: Message, field: str) -> datetime | None:
    """The moment in a Timestamp field, or None where it is not set."""
    return moment(getattr(request, field)) if request.HasField(field) else None


def time_of_reading(as_of: datetime | None) -> datetime:
    """The time that what is computed when read (expired, in use) is computed for: `as_of`, else now; never later."""
    now = datetime.now(UTC)
    return now if as_of is None else min(as_of, now)


def digest(message: Message) -> bytes:
    """SHA-256 of a message: the same message gives the same one."""
    return hashlib.sha256(message.SerializeToString(deterministic=True)).digest()


def effective(time: EventTime, recorded: datetime) -> datetime:
    """What orders an entry: when it happened, else when it was recorded. An age says too little to order by."""
    if time.HasField("instant"):
        return moment(time.instant)
    if time.HasField("date"):
        return start_of(time.date)
    return recorded


def start_of(date: PartialDate) -> datetime:
    """The first moment that a partial date can mean: for order and windows only."""
    return max(datetime(date.year, date.month or 1, date.day or 1, tzinfo=UTC), _FIRST)
