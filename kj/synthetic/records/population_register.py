"""A person as the population register reports them."""

from datetime import date

from kj.synthetic.draws import at, chance, whole
from kj.synthetic.people.health import Health
from kj.synthetic.people.person import CENSUS, Person
from kjernejournal.common.v1.common_pb2 import Coding
from kjernejournal.patients.v1 import patients_pb2 as pb
from shared.codes.systems import FAMILY_RELATIONS, MARITAL_STATUSES, PARENTAL_RESPONSIBILITY

_DISPLAYS = {"ektefelleEllerPartner": "Ektefelle eller partner", "enkeEllerEnkemann": "Enke eller enkemann"}

_OF_AGE = 18


def message(person: Person, health: Health, today: date) -> pb.Person:
    """Returns the whole person, with family and guardians."""
    result = pb.Person(
        national_ids=[pb.NationalId(value=value) for value in person.national_ids],
        name=_name(person),
        birth_date=whole(person.born),
        sex=pb.SEX_FEMALE if person.woman else pb.SEX_MALE,
        address_protection=person.protection,
        marital_status=_coding(MARITAL_STATUSES, person.marital),
        family=[_relative(person, code, other, today) for code, other in person.relatives],
        guardians=_guardians(person, health, today),
        changed_at=at(CENSUS),
    )
    if person.protection != pb.ADDRESS_PROTECTION_STRENGT_FORTROLIG:
        result.address.CopyFrom(_address(person))
    if person.died is not None:
        result.death.date.CopyFrom(whole(person.died))
    if person.age(today) >= 14:
        result.mobile_phone = phone(person)
    return result


def phone(person: Person) -> str:
    """Returns a number that nobody has: no Norwegian telephone number has eight digits and begins with 1."""
    return f"+471{chance('phone', person.key).randrange(10_000_000):07d}"


def relation_display(code: str) -> str:
    """Returns the code of a relation or marital status in words."""
    return _DISPLAYS.get(code, code.capitalize())


def _name(person: Person) -> pb.HumanName:
    return pb.HumanName(given=person.given, middle=person.middle, family=person.family)


def _address(person: Person) -> pb.Address:
    home = person.home
    return pb.Address(
        lines=[home.street],
        postal_code=home.postal.code,
        city=home.postal.town,
        municipality_number=home.municipality.number,
        district=home.postal.district,
        dwelling=home.unit,
    )


def _relative(person: Person, code: str, other: Person, today: date) -> pb.FamilyRelation:
    relation = pb.FamilyRelation(
        national_id=other.national_id,
        relation=_coding(FAMILY_RELATIONS, code),
        name=_name(other),
        birth_date=whole(other.born),
        deceased=other.died is not None,
    )
    child = person if person.responsibility else other
    if child.responsibility and code != "søsken" and child.age(today) < _OF_AGE:
        relation.parental_responsibility.CopyFrom(_coding(PARENTAL_RESPONSIBILITY, child.responsibility))
    return relation


def _guardians(person: Person, health: Health, today: date) -> list[pb.Guardian]:
    """Returns the parents who are responsible for a child; a grown child for some who can no longer decide."""
    if person.responsibility and person.age(today) < _OF_AGE:
        return [
            pb.Guardian(
                national_id=parent.national_id,
                kind=pb.GUARDIAN_KIND_PARENTAL_RESPONSIBILITY,
                name=_name(parent),
                responsibility=_coding(PARENTAL_RESPONSIBILITY, person.responsibility),
            )
            for code, parent in person.parents()
            if person.responsibility in {"felles", code} and parent.died is None
        ]
    grown = [other for code, other in person.relatives if code == "barn" and other.age(today) >= _OF_AGE]
    forgetful = any(illness.name == "demens" for illness, _ in health.illnesses)
    if grown and forgetful and chance("guardian", person.key).random() < 0.4:
        areas = [pb.GUARDIAN_AREA_PERSONAL, pb.GUARDIAN_AREA_FINANCIAL]
        kind = pb.GUARDIAN_KIND_APPOINTED
        return [pb.Guardian(national_id=grown[0].national_id, kind=kind, name=_name(grown[0]), areas=areas)]
    return []


def _coding(system: str, code: str) -> Coding:
    return Coding(system=system, code=code, display=relation_display(code))
