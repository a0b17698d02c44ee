"""Who treats one person: general practitioners over the years, pharmacy, hospital, home care."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from google.protobuf.timestamp_pb2 import Timestamp

from kj.synthetic.draws import DAY, at, chance, day_between
from kj.synthetic.people.organisations import Colleague, GpList, Hospital, world
from kj.synthetic.people.person import Person
from kjernejournal.common.v1.common_pb2 import Organisation, Period, Provenance
from kjernejournal.patients.v1.patients_pb2 import GeneralPractitionerAssignment

_LISTS_BEGAN = date(2010, 1, 1)
_THREE_YEARS = 3 * 365


@dataclass(frozen=True)
class Place:
    """A place on a list, from a day until another, or until now."""

    on: GpList
    start: date
    end: date | None = None


@dataclass(frozen=True)
class Care:
    """Who treats one person."""

    places: tuple[Place, ...]
    """Oldest first. Empty: has no general practitioner."""
    pharmacy: Organisation
    hospital: Hospital
    nurse: Colleague
    _nearest: GpList

    def doctor(self, day: date) -> Colleague:
        """Returns the general practitioner of that day.

        For somebody without one, or before there were lists, it is the nearest.
        """
        for place in self.places:
            if place.start <= day and (place.end is None or day < place.end):
                return place.on.doctor
        return self.places[0].on.doctor if self.places else self._nearest.doctor

    def assignments(self) -> Iterator[GeneralPractitionerAssignment]:
        """Yields the assignments that the register of general practitioners reports, newest first."""
        for place in reversed(self.places):
            period = Period(start=at(place.start), end=at(place.end) if place.end else None)
            yield GeneralPractitionerAssignment(contract=place.on.contract, period=period)


def care(person: Person, today: date) -> Care:
    """Draws who treats a person; the same for the same person and day."""
    rng = chance("care", person.key)
    number = person.home.municipality.number
    everybody = world()
    lists = everybody.lists[number]
    # A household mostly goes to the same doctor.
    nearest = chance("list", person.home.street, person.home.postal.code).choice(lists)
    own = lists[0] if person.showcase else nearest if rng.random() < 0.75 else rng.choice(lists)
    return Care(
        _places(person, own, lists, rng, today),
        rng.choice(everybody.pharmacies[number]),
        everybody.hospitals[person.home.municipality.hospital],
        everybody.nurses[number],
        nearest,
    )


def provenance(author: Colleague, when: Timestamp, source_system: str, source_id: str) -> Provenance:
    """Returns what a feed states of an entry: its author, and its identifier at the source."""
    return Provenance(
        recorder=author.practitioner,
        organisation=author.organisation,
        recorded_at=when,
        source_system=source_system,
        source_id=source_id,
    )


def not_after(when: Timestamp, today: date) -> Timestamp:
    """Returns the time, or the last minute before today where it is later: nothing is recorded in the future."""
    limit = at(today).seconds - 60
    return when if when.seconds <= limit else Timestamp(seconds=limit)


def later(when: Timestamp, days: int, today: date) -> Timestamp:
    """Returns the time `days` later, but before today."""
    return not_after(Timestamp(seconds=when.seconds + days * DAY), today)


def _places(person: Person, own: GpList, lists: tuple[GpList, ...], rng: Random, today: date) -> tuple[Place, ...]:
    if rng.random() < 0.02 and not person.showcase:
        return ()
    start = max(person.born, day_between(rng, _LISTS_BEGAN, today - timedelta(days=1500)))
    ended = person.died + timedelta(days=1) if person.died else None
    changed = day_between(rng, today - timedelta(days=_THREE_YEARS), today - timedelta(days=30))
    before = rng.choice(lists)
    if rng.random() >= 0.12 or before is own or changed <= start or (ended and changed >= ended):
        return (Place(own, start, ended),)
    return (Place(before, start, changed), Place(own, changed, ended))
