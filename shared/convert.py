"""Between Python's values and the messages that every service shares."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from kjernejournal.common.v1.common_pb2 import CallerContext, PartialDate, Provenance


def timestamp(moment: datetime) -> Timestamp:
    """The message of a moment, which must have a time zone."""
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def moment(message: Timestamp) -> datetime:
    """The moment of a checked Timestamp, UTC, in microseconds."""
    return message.ToDatetime(tzinfo=UTC)


def optional_moment(message: Timestamp) -> datetime | None:
    """The moment, or None where the field is not set. An explicit 1970-01-01 is set, so presence is asked by the caller
    with HasField where that matters."""
    return moment(message) if message.seconds or message.nanos else None


def provenance(caller: CallerContext, now: datetime) -> Provenance:
    """Who records an entry: the caller, as the gateway verified it. Never taken from the request."""
    return Provenance(
        recorder=caller.practitioner,
        organisation=caller.organisation,
        recorded_at=timestamp(now),
        on_behalf_of="patient" if caller.for_patient else "",
        source_system=caller.source_system,
        recorded_by=caller.kind,
    )


def start_of(date: PartialDate) -> datetime:
    """The first moment that a partial date can mean: for order and windows only."""
    return datetime(date.year, date.month or 1, date.day or 1, tzinfo=UTC)
