"""Draws what one person has, and which medicines they take for it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from kj.synthetic.catalogues.illnesses import ILLNESSES, Illness
from kj.synthetic.catalogues.medicines import MEDICINES
from kj.synthetic.draws import chance, day_between, some
from kj.synthetic.people.person import Person

_SHOWN = ("hypertensjon", "atrieflimmer", "diabetes type 2", "osteoporose")
"""What the first person of a population has."""


@dataclass(frozen=True)
class Treatment:
    """One medicine that somebody uses, for an illness."""

    medicine: str
    illness: Illness
    since: date
    until: date | None = None
    """The last day of it, for treatments that have ended."""


@dataclass
class Health:
    """What somebody has, since when, and what they take for it."""

    illnesses: list[tuple[Illness, date]] = field(default_factory=list)
    treatments: list[Treatment] = field(default_factory=list)


def health(person: Person, today: date) -> Health:
    """Draws a person's illnesses and treatments; the same for the same person and day."""
    rng = chance("health", person.key)
    result = Health()
    last = person.last_day(today)
    age = person.age(today)
    for illness in ILLNESSES:
        has = rng.random() < illness.share(age) and illness.women in (None, person.woman)
        if not has and not (person.showcase and illness.name in _SHOWN):
            continue
        since = day_between(rng, max(person.born, last - timedelta(days=3650)), last - timedelta(days=60))
        result.illnesses.append((illness, since))
        medicines = [*illness.always, *some(rng, sorted(set(illness.medicines)), illness.most)]
        for medicine in medicines:
            until = None
            if rng.random() < 0.15:  # tried and left
                until = min(last, day_between(rng, since + timedelta(days=30), last))
            result.treatments.append(Treatment(medicine, illness, since, until))
    _infections(person, last, result)
    result.treatments = list(_that_go_together(result.treatments, rng))
    return result


_ONE_OF = ("C09", "C10AA", "N06AB", "B01AA", "B01AF", "N05")
"""ATC groups of which people mostly use one medicine at a time."""


def _that_go_together(treatments: list[Treatment], rng: Random) -> Iterator[Treatment]:
    """Yields each medicine once, and rarely two of a group: now and then somebody overlooks one, as in life."""
    seen: set[str] = set()
    for treatment in treatments:
        atc = MEDICINES[treatment.medicine].atc
        group = next((each for each in _ONE_OF if atc.startswith(each)), atc)
        overlooked = group != atc and rng.random() < 0.03 and treatment.medicine not in seen
        if group not in seen or overlooked:
            seen |= {group, treatment.medicine}
            yield treatment


_CYSTITIS = Illness("cystitt", "U71", "mot blærekatarr", (), ("pivmecillinam",))
_TONSILLITIS = Illness("tonsillitt", "R76", "mot halsbetennelse", (), ("fenoksymetylpenicillin",))


def _infections(person: Person, last: date, result: Health) -> None:
    """Adds courses of antibiotics within three years."""
    rng = chance("infections", person.key)
    for illness in (_CYSTITIS, _TONSILLITIS):
        if rng.random() < (0.25 if illness is _TONSILLITIS or person.woman else 0.05):
            day = day_between(rng, max(person.born, last - timedelta(days=1000)), last)
            result.treatments.append(Treatment(illness.medicines[0], illness, day, day + timedelta(days=7)))
