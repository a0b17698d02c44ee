"""Contacts with specialist care: planned once, for the patient register's visits and the hospitals' documents."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from google.protobuf.timestamp_pb2 import Timestamp

from kj.synthetic.catalogues.illnesses import Illness
from kj.synthetic.draws import at, chance, day_between
from kj.synthetic.people.care import Care
from kj.synthetic.people.health import Health
from kj.synthetic.people.organisations import Colleague, Department
from kj.synthetic.people.person import Person

FIRST_DAY = date(2008, 1, 1)
"""The patient register has reported since then."""

ADMISSION, DAY_TREATMENT, OUTPATIENT = "admission", "day treatment", "outpatient"

MOST = 60
"""Contacts of one person, in all."""


@dataclass(frozen=True)
class Contact:
    """A stay or a consultation."""

    number: int
    """Its place among the person's contacts, from 1."""
    kind: str
    start: Timestamp
    end: Timestamp | None
    """None: still there."""
    day: date
    department: Department
    doctor: Colleague
    illness: Illness | None
    """What it was for; None: an injury or a check, of which nothing more is known."""


def contacts(person: Person, health: Health, care: Care, today: date) -> list[Contact]:
    """Draws every contact since 2008, oldest first."""
    rng = chance("contacts", person.key)
    last = person.last_day(today)
    plans = [_plan(rng, each, since, last) for each, since in health.illnesses]
    plans.append(_anything(rng, person, last))
    found = sorted((plan for some in plans for plan in some), key=lambda plan: plan[0])[-MOST:]
    if person.showcase:
        stay = (last - timedelta(days=40), ADMISSION, health.illnesses[0][0])
        found = [*(plan for plan in found if plan[0] < stay[0] - timedelta(days=10)), stay]
    result: list[Contact] = []
    free = FIRST_DAY  # nobody is in hospital twice at a time
    for number, (day, kind, illness) in enumerate(found, start=1):
        if free <= day <= last:
            contact = _contact(number, person, care, last, day, kind, illness)
            result.append(contact)
            free = _day_after(contact, last)
    return result


def _day_after(contact: Contact, last: date) -> date:
    if contact.kind != ADMISSION:
        return contact.day
    left = contact.end.ToDatetime().date() if contact.end else last
    return left + timedelta(days=1)


_Plan = tuple[date, str, Illness | None]


def _plan(rng: Random, illness: Illness, since: date, last: date) -> list[_Plan]:
    """Plans what an illness leads to: controls, day treatment for the few that need it, admissions now and then."""
    years = max(0.2, (last - since).days / 365)
    planned: list[_Plan] = []
    for _ in range(_times(rng, illness.visits * min(years, 8))):
        kind = ADMISSION if rng.random() < 0.15 else DAY_TREATMENT if rng.random() < 0.1 else OUTPATIENT
        planned.append((day_between(rng, max(since, FIRST_DAY), last), kind, illness))
    return planned


def _anything(rng: Random, person: Person, last: date) -> list[_Plan]:
    """Plans injuries, births and checks: a contact every few years, more for the old."""
    first = max(FIRST_DAY, person.born)
    years = max(0.1, (last - first).days / 365)
    rate = 0.2 + max(0, person.age(last) - 50) / 100
    return [
        (day_between(rng, first, last), weight, None)
        for weight in (ADMISSION if rng.random() < 0.2 else OUTPATIENT for _ in range(_times(rng, rate * years)))
    ]


def _times(rng: Random, expected: float) -> int:
    """Draws a number around the expected one."""
    return int(rng.expovariate(1) * expected * 0.5 + expected * 0.5 + rng.random())


def _contact(
    number: int, person: Person, care: Care, last: date, day: date, kind: str, illness: Illness | None
) -> Contact:
    rng = chance("contact", person.key, number)
    where = illness.department if illness else _where(rng, person, day)
    department = care.hospital.departments[where]
    start = at(day, rng.randint(6 * 60, 13 * 60))
    if kind == ADMISSION:
        nights = rng.choice((1, 2, 2, 3, 4, 6, 9))
        leaves = day + timedelta(days=nights)
        stays = leaves > last and person.died is None  # in hospital today
        end = None if stays else at(min(leaves, last), 17 * 60)
    else:
        end = Timestamp(seconds=start.seconds + (rng.choice((20, 30, 45)) if kind == OUTPATIENT else 240) * 60)
    return Contact(number, kind, start, end, day, department, rng.choice(department.staff), illness)


def _where(rng: Random, person: Person, day: date) -> str:
    if person.age(day) < 16:
        return rng.choice(("children", "orthopaedics"))
    places = ("orthopaedics", "surgery", "medicine", "eyes", "images")
    return rng.choice((*places, "women") if person.woman else places)
