"""A person of the population, and the numbers they get."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from kj.synthetic.catalogues.municipalities import Home
from kj.synthetic.draws import age_on, chance
from kjernejournal.patients.v1.patients_pb2 import ADDRESS_PROTECTION_UGRADERT, AddressProtection
from shared.national_id import make_synthetic

CENSUS = date(2025, 1, 1)
"""The day that sets who there is and how old, whatever day their records are made for: so that people stay the
same people. Nobody is born after it."""


@dataclass(slots=True, eq=False)
class Person:
    """Somebody who belongs to nobody's register but ours."""

    key: UUID
    """What everything of this person is drawn from and named after."""
    woman: bool
    born: date
    national_ids: list[str]
    """The one in use first."""
    given: str
    middle: str
    family: str
    home: Home
    marital: str
    """Code of no-basis-marital-status."""
    died: date | None = None
    protection: AddressProtection.ValueType = ADDRESS_PROTECTION_UGRADERT
    relatives: "list[tuple[str, Person]]" = field(default_factory=list)
    """What the other is to this person, in a code of no-basis-family-relation."""
    responsibility: str = ""
    """Whose the parental responsibility for this child is: a code of no-basis-parental-responsibility."""
    showcase: bool = False
    """Has something in every section."""

    @property
    def national_id(self) -> str:
        """The number in use."""
        return self.national_ids[0]

    @property
    def name(self) -> str:
        """The whole name."""
        return " ".join(filter(None, (self.given, self.middle, self.family)))

    def age(self, day: date) -> int:
        """Returns the age in whole years on a day; of the dead, the age they reached."""
        return age_on(self.born, min(day, self.died) if self.died else day)

    def last_day(self, today: date) -> date:
        """Returns the last day on which something can have happened to them: yesterday, or the day of death."""
        return min(today - timedelta(days=1), self.died) if self.died else today - timedelta(days=1)

    def parents(self) -> "list[tuple[str, Person]]":
        """Returns mother, father or second mother, each with the code of the relation."""
        return [(code, other) for code, other in self.relatives if code in {"mor", "far", "medmor"}]


class Numbers:
    """Gives out synthetic national ids (month + 80), none twice."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._free: dict[tuple[date, bool, bool], Iterator[str]] = {}

    def take(self, born: date, *, woman: bool, d_number: bool = False) -> tuple[date, str]:
        """Returns a number for somebody born on that day, or on the next day that has one left, and that day."""
        while True:
            key = (born, woman, d_number)
            free = self._free.get(key)
            if free is None:
                free = self._free[key] = self._series(born, woman=woman, d_number=d_number)
            number = next(free, None)
            if number is not None:
                return born, number
            born += timedelta(days=1)

    def _series(self, born: date, *, woman: bool, d_number: bool) -> Iterator[str]:
        # Individual numbers 000 to 499 for 1900 to 1999, 500 to 999 for 2000 to 2039; even for women, odd for men.
        # Where a day begins is drawn, so that two populations do not begin with the same numbers.
        first = 0 if born.year < 2000 else 500
        begin = chance("numbers", self._seed, born, woman).randrange(250)
        for step in range(250):
            serial = first + 2 * ((begin + step) % 250) + (not woman)
            number = make_synthetic(born, serial, d_number=d_number)
            if number is not None:
                yield number
