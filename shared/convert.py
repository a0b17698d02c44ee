"""Between Python's values and the messages that every service shares."""

import hashlib
from datetime import UTC, datetime, timedelta

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from kjernejournal.common.v1.common_pb2 import (
    EventTime,
    PartialDate,
)
from shared.codes.marks import without_marks

_TICK = timedelta(microseconds=1)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC) + _TICK, datetime.max.replace(tzinfo=UTC) - _TICK
"""What is before or after is infinity to asyncpg, and comes back without a time zone: it compares with nothing."""


def timestamp(moment: datetime) -> Timestamp:
    """Returns a moment, which must have a time zone, as a message."""
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def moment(message: Timestamp) -> datetime:
    """Returns the moment of a checked Timestamp, UTC, in microseconds; at the ends of time, the next storable one."""
    return min(max(message.ToDatetime(tzinfo=UTC), _FIRST), _LAST)


def optional_moment(request: Message, field: str) -> datetime | None:
    """Returns the moment in a Timestamp field, or None where it is not set."""
    return moment(getattr(request, field)) if request.HasField(field) else None


def time_of_reading(as_of: datetime | None) -> datetime:
    """Returns the time for which expired, in use and the like are computed: `as_of`, else now; never later than now."""
    now = datetime.now(UTC)
    return now if as_of is None else min(as_of, now)


def digest(message: Message) -> bytes:
    """Returns the SHA-256 of a message: the same for the same message, whatever a release knows of its codes."""
    return hashlib.sha256(without_marks(message).SerializeToString(deterministic=True)).digest()


def effective(time: EventTime, recorded: datetime) -> datetime:
    """Returns the time that orders an entry: when it happened, else when it was recorded. An age is too vague."""
    if time.HasField("instant"):
        return moment(time.instant)
    if time.HasField("date"):
        return start_of(time.date)
    return recorded


def start_of(date: PartialDate) -> datetime:
    """Returns the first moment that a partial date can mean: for order and windows only."""
    return max(datetime(date.year, date.month or 1, date.day or 1, tzinfo=UTC), _FIRST)
