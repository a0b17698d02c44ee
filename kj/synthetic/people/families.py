"""Families: who lives with whom, whose children they are, and who is responsible for them.

Families are drawn one after the other, each from words of its own, so that a larger population begins with the smaller
one. Kinds and shares give ages close to Norway's: a fifth below 18, a sixth over 67.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count, islice
from uuid import UUID, uuid5

from kj.synthetic.catalogues import names
from kj.synthetic.catalogues.municipalities import MUNICIPALITIES, Home, home
from kj.synthetic.draws import chance, day_between, weighted
from kj.synthetic.people.person import CENSUS, Numbers, Person
from kjernejournal.patients.v1 import patients_pb2 as pb

_NAMESPACE = UUID("6b6a6572-6e65-6a6f-8272-6e616c000010")

_KINDS = (("single", 33), ("couple", 27), ("children", 19), ("one parent", 6), ("old", 15))

_ADULT_AGES = (((18, 29), 25), ((30, 44), 25), ((45, 59), 30), ((60, 66), 11), ((67, 79), 13))
_OLD_AGES = (((67, 74), 38), ((75, 79), 25), ((80, 84), 20), ((85, 89), 11), ((90, 101), 6))

_PROTECTION = (
    (pb.ADDRESS_PROTECTION_UGRADERT, 985),
    (pb.ADDRESS_PROTECTION_KLIENTADRESSE, 3),
    (pb.ADDRESS_PROTECTION_FORTROLIG, 9),
    (pb.ADDRESS_PROTECTION_STRENGT_FORTROLIG, 3),
)


def people(seed: int, wanted: int) -> Iterator[Person]:
    """Returns the first `wanted` people of a population. The same seed gives the same people, in the same order."""
    numbers = Numbers(seed)
    return islice((person for number in count() for person in _Family(seed, number, numbers).members), wanted)


class _Family:
    """One family: a household, and those of its members' parents and children who live elsewhere."""

    def __init__(self, seed: int, number: int, numbers: Numbers) -> None:
        self._key = uuid5(_NAMESPACE, f"{seed}/{number}")
        self._rng = chance("family", seed, number)
        self._numbers = numbers
        self.members: list[Person] = []
        kind = "first" if number == 0 else weighted(self._rng, _KINDS)
        self._name = names.family_name(self._rng)
        self._home = home(self._rng, MUNICIPALITIES[0] if number == 0 else None)
        {
            "first": self._first,
            "single": self._single,
            "couple": self._couple,
            "old": self._old,
            "children": self._children,
            "one parent": self._one_parent,
        }[kind]()
        self._fates()

    def _first(self) -> None:
        """Adds the first person of the population, who has something in every section: an old woman in Arendal.

        Her son lives elsewhere.
        """
        woman = self._adult(78, self._home, woman=True)
        woman.marital, woman.showcase = "enkeEllerEnkemann", True
        son = self._adult(49, home(self._rng, self._home.municipality), woman=False)
        _parent(son, woman, "mor")

    def _single(self) -> None:
        low, high = weighted(self._rng, _ADULT_AGES)
        person = self._adult(self._rng.randint(low, high), self._home)
        if person.age(CENSUS) > 35 and self._rng.random() < 0.4:
            person.marital = "skilt"

    def _couple(self) -> None:
        low, high = weighted(self._rng, _ADULT_AGES)
        self._pair(max(20, self._rng.randint(low, high)), self._home)

    def _old(self) -> None:
        low, high = weighted(self._rng, _OLD_AGES)
        age = self._rng.randint(low, high)
        if self._rng.random() < 0.5:
            self._pair(age, self._home)
            return
        woman = self._rng.random() < 0.65
        person = self._adult(age, self._home, woman=woman)
        person.marital = weighted(self._rng, [("enkeEllerEnkemann", 65), ("skilt", 20), ("ugift", 15)])
        if self._rng.random() < 0.3 and age < 97:
            child = self._adult(age - self._rng.randint(24, 36), home(self._rng, self._home.municipality))
            _parent(child, person, "mor" if woman else "far")

    def _children(self) -> None:
        mother, other = self._pair(self._rng.randint(24, 48), self._home, women=self._rng.random() < 0.02)
        if self._rng.random() < 0.25:
            where = home(self._rng, self._home.municipality if self._rng.random() < 0.7 else None)
            older, old_man = self._pair(mother.age(CENSUS) + self._rng.randint(23, 34), where)
            _parent(mother, older, "mor")
            _parent(mother, old_man, "far")
        for child in self._offspring(mother):
            _parent(child, mother, "mor")
            _parent(child, other, "medmor" if other.woman else "far")
            child.responsibility = "felles"

    def _one_parent(self) -> None:
        mother = self._adult(self._rng.randint(24, 50), self._home, woman=True)
        mother.marital = self._rng.choice(("ugift", "skilt", "separert"))
        father = self._adult(mother.age(CENSUS) + self._rng.randint(-2, 6), home(self._rng), woman=False)
        father.marital = mother.marital if mother.marital != "ugift" else "ugift"
        shared = self._rng.random() < 0.75
        with_mother = self._rng.random() < 0.8
        for child in self._offspring(mother):
            child.home = self._home if with_mother else father.home
            _parent(child, mother, "mor")
            _parent(child, father, "far")
            child.responsibility = "felles" if shared else "mor" if with_mother else "far"

    def _pair(self, age: int, where: Home, *, women: bool = False) -> tuple[Person, Person]:
        """Adds a couple: she is `age`, the other about as old; the older they are, the more often married."""
        first = self._adult(age, where, woman=True)
        second = self._adult(max(19, age + self._rng.randint(-3, 6)), where, woman=women)
        if self._rng.random() < min(0.9, age / 70):
            first.marital = second.marital = "gift"
        first.relatives.append(("ektefelleEllerPartner", second))
        second.relatives.append(("ektefelleEllerPartner", first))
        return first, second

    def _offspring(self, mother: Person) -> list[Person]:
        """Adds one to four children, born when she was 19 to 44, none over 17; brothers and sisters of each other."""
        age = mother.age(CENSUS)
        youngest, oldest = max(0, age - 44), min(17, age - 19)
        wanted = weighted(self._rng, [(1, 30), (2, 45), (3, 20), (4, 5)])
        ages = self._rng.sample(range(youngest, oldest + 1), min(wanted, oldest - youngest + 1))
        children = [self._person(each, mother.home, self._rng.random() < 0.49) for each in sorted(ages, reverse=True)]
        for child in children:
            child.relatives += [("søsken", other) for other in children if other is not child]
        return children

    def _adult(self, age: int, where: Home, *, woman: bool | None = None) -> Person:
        return self._person(age, where, self._rng.random() < 0.5 if woman is None else woman)

    def _person(self, age: int, where: Home, woman: bool) -> Person:
        rng = self._rng
        first = date(CENSUS.year - age - 1, 1, 1)  # who is `age` on 1 January was born in the year before that birthday
        wanted = day_between(rng, first, date(first.year, 12, 31))
        draws = rng.random()
        born, number = self._numbers.take(wanted, woman=woman, d_number=draws < 0.008 and age >= 18)
        national_ids = [number]
        if 0.008 <= draws < 0.02 and age >= 18:  # came with a D-number and got a fødselsnummer later
            national_ids.append(self._numbers.take(born, woman=woman, d_number=True)[1])
        own_name = len(self.members) > 1 and age >= 18 and rng.random() < 0.3
        family, origin = names.family_name(rng) if own_name else self._name
        person = Person(
            key=uuid5(self._key, str(len(self.members))),
            woman=woman,
            born=born,
            national_ids=national_ids,
            given=names.given_name(rng, woman=woman, year=born.year, origin=origin),
            middle=names.middle_name(rng, family) if origin < 0 else "",
            family=family,
            home=where,
            marital="ugift",
        )
        self.members.append(person)
        return person

    def _fates(self) -> None:
        """Draws whose address is protected, and who has died."""
        protection = weighted(self._rng, _PROTECTION)
        for person in self.members:
            if person.home is self._home and not person.showcase:
                person.protection = protection
            age = person.age(CENSUS)
            if not person.showcase and self._rng.random() < (0.001 if age < 60 else 0.012 if age < 80 else 0.05):
                person.died = CENSUS - timedelta(days=self._rng.randint(1, 400))
                person.died = max(person.died, person.born)
                _bereave(person)


def _parent(child: Person, parent: Person, code: str) -> None:
    child.relatives.append((code, parent))
    parent.relatives.append(("barn", child))


def _bereave(dead: Person) -> None:
    for code, other in dead.relatives:
        if code == "ektefelleEllerPartner" and other.marital == "gift" and other.died is None:
            other.marital = "enkeEllerEnkemann"
