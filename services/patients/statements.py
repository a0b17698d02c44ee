"""What a source states of a person, put together with what is known: what it does not state stays, what is older too.

The population register states everything. Others state a part (`Person.stated`): a hospital knows a name and a birth
date, and nothing of family, guardians or the protection of the address. Each field is as old as who stated it last.
Pure functions: no I/O, no clock.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from kjernejournal.patients.v1.patients_pb2 import Person
from shared.convert import moment, timestamp
from shared.errors import Invalid
from shared.register.lateness import WEAKEST

IDS = "national_ids"
PROTECTION = "address_protection"
FIELDS = (
    "name",
    "birth_date",
    "sex",
    "address",
    PROTECTION,
    "death",
    "marital_status",
    "family",
    "guardians",
    "mobile_phone",
)
"""What may be stated or not. The national ids say who the person is: they are always stated."""


class Known(NamedTuple):
    """A person as stored."""

    person: Person
    times: Mapping[str, datetime]
    """When each field was stated."""


class Followed(NamedTuple):
    """A person after another statement."""

    person: Person
    times: dict[str, datetime]
    taken: frozenset[str]
    """The fields that the statement has set; empty: all of it is older."""


def stated(person: Person) -> frozenset[str]:
    """Returns the fields that a source states of a person. Raises Invalid for a name that is no such field."""
    if not person.HasField("stated"):
        return frozenset({IDS, *FIELDS})
    for position, path in enumerate(person.stated.paths):
        if path not in FIELDS:
            raise Invalid(f"stated.paths[{position}]", "is not a field that a source states")
    return frozenset(person.stated.paths)


def made_at(person: Person, now: datetime) -> datetime:
    """Returns how old a statement is: never younger than now; WEAKEST where the source says no time."""
    return min(moment(person.changed_at), now) if person.HasField("changed_at") else WEAKEST


def followed(before: Known | None, sent: Person, at: datetime, *, again: bool = False) -> Followed:
    """Returns the person after a statement of the time `at`. `again`: it was stored before, and is no change back.

    Of two statements of one time the stricter protection of the address holds.
    """
    fields = stated(sent)
    times = dict(before.times) if before else {}
    taken = {field for field in fields if field not in times or times[field] < at or (times[field] == at and not again)}
    if before is not None and WEAKEST < at == times.get(PROTECTION):
        taken -= {PROTECTION} if sent.address_protection < before.person.address_protection else set()
    person = Person()
    if before is not None:
        person.CopyFrom(before.person)
    for field in taken:
        person.ClearField(field)  # type: ignore[arg-type]  # checked above
        times[field] = at
    part = Person()
    part.CopyFrom(sent)
    for field in {IDS, *FIELDS} - taken:
        part.ClearField(field)  # type: ignore[arg-type]  # our own names
    part.ClearField("stated")
    part.ClearField("changed_at")
    person.MergeFrom(part)
    known = {number.value for number in person.national_ids}
    person.national_ids.extend(number for number in sent.national_ids if number.value not in known)
    if taken and sent.HasField("changed_at"):
        person.changed_at.CopyFrom(timestamp(max(times.values())))
    return Followed(person, times, frozenset(taken))


def times_of(content: Person, stored: str | None, stored_at: datetime) -> dict[str, datetime]:
    """Returns when each field was stated; `stored` null: of a release that did not keep it, all at one time.

    Earlier releases took what said no time for news of its day.
    """
    if stored is None or not content.HasField("changed_at"):
        return dict.fromkeys({IDS, *FIELDS}, made_at(content, stored_at))
    return {field: datetime.fromisoformat(at) for field, at in json.loads(stored).items()}


def times_to_store(times: Mapping[str, datetime]) -> str:
    """Returns times as they are stored."""
    return json.dumps({field: at.isoformat() for field, at in sorted(times.items())})
