"""One population for the tests that look at many people."""

from datetime import date

import pytest

from kj.synthetic.people.families import people
from kj.synthetic.people.person import CENSUS, Person
from kj.synthetic.records.record import Record

TODAY = date(2026, 3, 15)
MANY = 2500


@pytest.fixture(scope="session")
def population() -> list[Person]:
    return list(people(1, MANY))


@pytest.fixture(scope="session")
def told(population: list[Person]) -> list[Record]:
    """Their records; people of the first families, so that a message or two a person is all that is made."""
    return [Record(person, TODAY) for person in population[:600]]


@pytest.fixture(scope="session")
def census() -> date:
    return CENSUS
