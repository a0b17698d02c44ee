"""FHIR's date, dateTime, instant and Period, as exactly as they are written and no more."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import BadField, NotPlaced
from kjernejournal.common.v1.common_pb2 import EventTime, PartialDate, Period
from shared.convert import timestamp

_DATE_TIME = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d))?)?)?", re.ASCII
)
_NEVER = re.compile(r"9999(-12(-31(T[\d:.]+(Z|[+-]\d\d:\d\d))?)?)?", re.ASCII)


class When(NamedTuple):
    """A time of the source: a moment, or a date known in whole or in part (0: not known)."""

    year: int
    month: int = 0
    day: int = 0
    moment: datetime | None = None

    def first(self) -> datetime:
        """Returns the first moment that it can mean. A date has no zone: it is taken as UTC here, to order by alone."""
        return self.moment or datetime(self.year, self.month or 1, self.day or 1, tzinfo=UTC)

    def after(self) -> datetime:
        """Returns the first moment that comes after it: a Period's end is included in FHIR and not in our contract."""
        if self.moment:
            return self.moment
        if self.day:
            return self.first() + timedelta(days=1)
        year, month = (self.year, self.month + 1) if 0 < self.month < 12 else (self.year + 1, 1)
        return datetime(year, month, 1, tzinfo=UTC)

    def stamp(self) -> Timestamp:
        """Returns the first moment that it can mean, as a message."""
        return timestamp(self.first())

    def partial(self) -> PartialDate:
        """Returns the date as the source wrote it."""
        return PartialDate(year=self.year, month=self.month, day=self.day)

    def event(self) -> EventTime:
        """Returns the moment, or the date in its own precision."""
        return EventTime(instant=timestamp(self.moment)) if self.moment else EventTime(date=self.partial())


def when(node: Node, *names: str) -> When | None:
    """Returns the first of these fields that is stated. Raises BadField for what is no possible time."""
    for name in names:
        written = node.text(name)
        if written:
            return _parse(written, node.at(name))
    return None


def period(node: Node | None) -> Period | None:
    """Returns a span; None: neither end is stated. Raises BadField when it ends before it begins (FHIR, per-1).

    An end in the year 9999 is how many systems write that there is none.
    """
    if node is None:
        return None
    start = when(node, "start")
    end = None if _NEVER.fullmatch(node.text("end")) else when(node, "end")
    if start and end and (end.moment < start.first() if end.moment else end.after() <= start.first()):
        raise BadField(node.path, "ends before it begins")
    if not start and not end:
        return None
    return Period(start=start.stamp() if start else None, end=timestamp(end.after()) if end else None)


EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
"""Before anything that a record of a living person can hold."""
AHEAD = timedelta(days=1)
"""How far a time may be after now, for clocks that differ."""


def check_plausible(times: Iterable[When], now: datetime) -> None:
    """Raises NotPlaced for a time that no register takes for something that has happened."""
    if not all(EARLIEST <= each.first() <= now + AHEAD for each in times):
        raise NotPlaced("is dated before 1900 or in the future")


def _parse(written: str, path: str) -> When:
    found = _DATE_TIME.fullmatch(written)
    if found is None:
        raise BadField(path, "is not a date or time of FHIR R4")
    year, month, day, hour, minute, second = (int(each or 0) for each in found.groups()[:6])
    try:
        # Everything that is not stated is checked as the first there is, and room is left for a zone and an end.
        datetime(year, month or 1, day or 1, tzinfo=UTC) + timedelta(days=367)
        if (found[2] and not month) or (found[3] and not day):
            raise ValueError(written)
        if not found[8]:
            return When(year, month, day)
        leap = second == 60  # a leap second is one of FHIR's times and none of Python's
        moment = datetime(year, month, day, hour, minute, second - leap, _micros(found[7]), tzinfo=_zone(found[8]))
        return When(year, month, day, moment.astimezone(UTC) + timedelta(seconds=leap))
    except (ValueError, OverflowError):
        raise BadField(path, "is not a possible date or time") from None


def _micros(fraction: str | None) -> int:
    return int((fraction or "")[:6].ljust(6, "0"))


def _zone(written: str) -> timezone:
    if written == "Z":
        return UTC
    minutes = int(written[1:3]) * 60 + int(written[4:])
    if minutes > 14 * 60 or int(written[4:]) > 59:
        raise ValueError(written)
    return timezone(timedelta(minutes=minutes if written[0] == "+" else -minutes))
