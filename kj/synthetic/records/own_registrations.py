"""What people have registered themselves: whom to contact and whom not, what makes talking harder, earlier illness,
the donor card. Most have registered nothing.
"""

from collections.abc import Iterator
from datetime import date
from random import Random

from google.protobuf.timestamp_pb2 import Timestamp

from kj.synthetic.catalogues import names
from kj.synthetic.draws import at_work, chance, day_between, years_before
from kj.synthetic.people.care import Care, later, provenance
from kj.synthetic.people.health import Health
from kj.synthetic.people.person import Person
from kj.synthetic.records.population_register import phone, relation_display
from kjernejournal.common.v1.common_pb2 import (
    CodeableConcept,
    Coding,
    EntryHeader,
    EventTime,
    PartialDate,
    Provenance,
)
from kjernejournal.own_registrations.v1 import own_registrations_pb2 as pb
from kjernejournal.patients.v1.patients_pb2 import ADDRESS_PROTECTION_UGRADERT
from shared.codes.systems import FAMILY_RELATIONS

SOURCE = "Helsenorge"
_OF_AGE = 16

_EARLIER = (
    ("Gallestein, operert", 30),
    ("Blindtarmbetennelse, operert", 12),
    ("Lungebetennelse med sykehusopphold", 25),
    ("Brudd i håndleddet", 15),
    ("Hjernerystelse", 12),
    ("Prolaps i korsryggen", 28),
    ("Helvetesild", 40),
    ("Kyssesyke", 15),
)


def registrations(person: Person, health: Health, care: Care, today: date) -> list[pb.OwnRegistration]:
    """Draws everything this person has registered, or a nurse for them; empty for most."""
    rng = chance("own", person.key)
    if person.age(today) < _OF_AGE:
        return []
    if not person.showcase and rng.random() >= (0.14 if person.age(today) < 60 else 0.3):
        return []
    told = [
        *_contacts(rng, person, care, today),
        *_needs(rng, person, health, today),
        *_illnesses(rng, person, today),
        *_donor_card(rng, person),
    ]
    return [_by(rng, person, care, today, number, each) for number, each in enumerate(told, start=1)]


def _by(
    rng: Random, person: Person, care: Care, today: date, number: int, told: pb.OwnRegistration
) -> pb.OwnRegistration:
    """Adds who registered it and when: mostly the patient, for some a nurse at the patient's request."""
    last = person.last_day(today)
    day = day_between(rng, max(person.born, years_before(last, 3)), last)
    when = later(at_work(rng, day), 0, today)
    told.header.CopyFrom(EntryHeader(provenance=_author(rng, person, care, when, f"{person.key}/own/{number}")))
    return told


def _author(rng: Random, person: Person, care: Care, when: Timestamp, source_id: str) -> Provenance:
    by_nurse = person.age(when.ToDatetime().date()) > 75 and rng.random() < 0.5
    stated = provenance(care.nurse, when, SOURCE, source_id)
    if not by_nurse:
        stated.ClearField("recorder")
        stated.ClearField("organisation")
    stated.on_behalf_of = "patient"
    return stated


def _contacts(rng: Random, person: Person, care: Care, today: date) -> Iterator[pb.OwnRegistration]:
    """Yields the nearest of the family, in order; sometimes one who must not be informed."""
    family = [
        (code, other)
        for code, other in sorted(person.relatives, key=lambda relative: _NEARNESS.index(relative[0]))
        if other.died is None and other.age(today) >= 18
    ]
    for priority, (code, other) in enumerate(family[: rng.choice((1, 2, 2, 3))], start=1):
        unwanted = priority > 1 and not person.showcase and rng.random() < 0.04
        contact = pb.Contact(
            name=other.name,
            roles=[] if unwanted else [pb.CONTACT_ROLE_NEXT_OF_KIN if priority == 1 else pb.CONTACT_ROLE_CONTACT],
            relation=CodeableConcept(
                codings=[Coding(system=FAMILY_RELATIONS, code=code, display=relation_display(code))]
            ),
            not_to_be_contacted=unwanted,
            priority=0 if unwanted else priority,
            comment="Skal ikke kontaktes eller informeres." if unwanted else "",
        )
        if not unwanted and other.protection == ADDRESS_PROTECTION_UGRADERT:
            contact.contact_points.add(system=pb.ContactPoint.SYSTEM_PHONE, value=phone(other))
        yield pb.OwnRegistration(contact=contact)
    if person.age(today) > 80 and rng.random() < 0.4:
        home_care = care.nurse.organisation
        yield pb.OwnRegistration(
            contact=pb.Contact(
                name=f"{home_care.name}, {home_care.department}",
                roles=[pb.CONTACT_ROLE_HEALTH_SERVICE],
                contact_points=[
                    pb.ContactPoint(
                        system=pb.ContactPoint.SYSTEM_PHONE,
                        value=f"+471{chance('phone', home_care.number).randrange(10_000_000):07d}",
                    )
                ],
            )
        )


_NEARNESS = ("ektefelleEllerPartner", "barn", "mor", "far", "medmor", "søsken")


def _needs(rng: Random, person: Person, health: Health, today: date) -> Iterator[pb.OwnRegistration]:
    """Yields needs of communication: hearing by age, sight by glaucoma, language by where somebody comes from."""
    age = person.age(today)
    ill = {illness.name for illness, _ in health.illnesses}
    if person.showcase or rng.random() < max(0.01, (age - 60) / 100):
        yield _need(pb.COMMUNICATION_KIND_HEARING, "Bruker høreapparat. Snakk tydelig og vendt mot meg.")
    if "glaukom" in ill and rng.random() < 0.5:
        yield _need(pb.COMMUNICATION_KIND_SIGHT, "Leser ikke vanlig skrift.")
    if "parkinson" in ill and rng.random() < 0.5:
        yield _need(pb.COMMUNICATION_KIND_SPEECH, "Snakker lavt og trenger tid.")
    language = names.language(person.family, person.given)
    if language and rng.random() < 0.5:
        yield pb.OwnRegistration(
            communication_need=pb.CommunicationNeed(
                kind=pb.COMMUNICATION_KIND_LANGUAGE, language=language, interpreter=rng.random() < 0.6
            )
        )


def _need(kind: "pb.CommunicationKind.ValueType", comment: str) -> pb.OwnRegistration:
    return pb.OwnRegistration(communication_need=pb.CommunicationNeed(kind=kind, comment=comment))


def _illnesses(rng: Random, person: Person, today: date) -> Iterator[pb.OwnRegistration]:
    for words, typical_age in rng.sample(_EARLIER, rng.choice((0, 0, 1, 2))):
        age = typical_age + rng.randint(-5, 20)
        if age < person.age(today):
            year = PartialDate(year=person.born.year + age)
            yield pb.OwnRegistration(
                illness=pb.Illness(
                    condition=CodeableConcept(text=words),
                    onset=EventTime(date=year) if rng.random() < 0.8 else EventTime(age_years=age),
                )
            )


def _donor_card(rng: Random, person: Person) -> Iterator[pb.OwnRegistration]:
    if person.showcase or rng.random() < 0.35:
        willing = person.showcase or rng.random() < 0.93
        yield pb.OwnRegistration(
            donor_card=pb.DonorCard(
                decision=pb.DONOR_DECISION_WILLING if willing else pb.DONOR_DECISION_UNWILLING,
                kin_informed=rng.random() < 0.8,
            )
        )
