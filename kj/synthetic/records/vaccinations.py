"""Vaccinations as the national register reports them: the childhood programme by year of birth, influenza
and covid-19 by age and illness, travel, and what was given before somebody came here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from kj.synthetic.catalogues import vaccines
from kj.synthetic.catalogues.vaccines import Vaccine
from kj.synthetic.draws import at_work, chance, day_between, whole
from kj.synthetic.people.care import Care, later, provenance
from kj.synthetic.people.health import Health
from kj.synthetic.people.person import Person
from kjernejournal.common.v1.common_pb2 import (
    CodeableConcept,
    Coding,
    EntryHeader,
    EventTime,
    PartialDate,
    Quantity,
)
from kjernejournal.vaccinations.v1 import vaccinations_pb2 as pb
from shared.codes import systems

SOURCE = "SYSVAK"
REGISTER_BEGAN = date(1995, 1, 1)
EVERYBODY_SINCE = date(2011, 1, 1)
"""Since then every vaccination is reported, adults' too."""
_AT_RISK = {"kols", "astma", "hjertesvikt", "iskemisk hjertesykdom", "diabetes type 1", "diabetes type 2", "kreft"}


@dataclass(frozen=True)
class Dose:
    """A dose that was given, or was not."""

    day: date
    vaccine: Vaccine
    number: int = 0
    of: int = 0
    refused: bool = False


def doses(person: Person, health: Health, today: date) -> list[Dose]:
    """Draws every dose that the register knows of, oldest first."""
    rng = chance("vaccinations", person.key)
    last = person.last_day(today)
    at_risk = bool(_AT_RISK & {illness.name for illness, _ in health.illnesses})
    found = [
        *_childhood(rng, person),
        *_influenza(rng, person, last, at_risk=at_risk),
        *_covid(rng, person, at_risk=at_risk),
        *_grown(rng, person, last),
    ]
    first = max(REGISTER_BEGAN, person.born)
    return sorted((dose for dose in found if first <= dose.day <= last), key=lambda dose: dose.day)


def vaccination(person: Person, care: Care, dose: Dose, number: int, today: date) -> pb.Vaccination:
    """Returns a dose as the register reports it."""
    rng = chance("dose", person.key, number)
    vaccine = dose.vaccine
    giver = care.nurse if person.age(dose.day) < 18 else care.doctor(dose.day)
    reported = later(at_work(rng, dose.day), rng.choice((0, 0, 1, 3)), today)
    made = pb.Vaccination(
        header=EntryHeader(provenance=provenance(giver, reported, SOURCE, f"{person.key}/{number}")),
        status=pb.VACCINATION_STATUS_COMPLETED,
        vaccine=vaccine.concept,
        occurrence=EventTime(date=whole(dose.day)),
        country="NO",
        dose_number=dose.number,
        series_doses=dose.of,
        target_diseases=[CodeableConcept(text=disease) for disease in vaccine.diseases],
    )
    if dose.refused:
        made.status = pb.VACCINATION_STATUS_NOT_DONE
        made.not_done_reason.text = rng.choice(("Foresatte ønsket ikke vaksinen", "Syk på vaksinasjonsdagen"))
        return made
    made.product, made.manufacturer = vaccine.product, vaccine.manufacturer
    made.place.CopyFrom(giver.organisation)
    made.performer.CopyFrom(giver.practitioner)
    if dose.day >= EVERYBODY_SINCE:
        made.batch_number = f"{rng.choice('ABCEFHR')}{rng.choice('ABHKTV')}{rng.randrange(1000, 9999)}"
        made.batch_expires.CopyFrom(PartialDate(year=dose.day.year + 1, month=rng.randint(1, 12)))
        if vaccine is not vaccines.ROTAVIRUS:
            made.route.text = "Intramuskulær"
            made.dose.CopyFrom(Quantity(value="0.5", unit="ml", system=systems.UCUM, code="mL"))
    return made


def from_elsewhere(person: Person, care: Care, today: date) -> Iterator[pb.Vaccination]:
    """Yields what people who moved here had been given, under the codes of that country or in words."""
    if len(person.national_ids) < 2 and person.national_id[0] < "4":
        return
    rng = chance("elsewhere", person.key)
    country = rng.choice(("PL", "LT", "SO", "UA", "SE"))
    for number, (code, words, age) in enumerate(_ELSEWHERE, start=1):
        if rng.random() < 0.3:
            continue
        year = person.born.year + age
        told = day_between(rng, max(person.born, today - timedelta(days=2500)), person.last_day(today))
        if year >= told.year:
            continue
        source_id = f"{person.key}/abroad/{number}"
        stated = provenance(care.doctor(told), later(at_work(rng, told), 0, today), SOURCE, source_id)
        codings = [Coding(system=systems.CVX, code=code, display=words)] if code and rng.random() < 0.6 else []
        yield pb.Vaccination(
            header=EntryHeader(provenance=stated),
            status=pb.VACCINATION_STATUS_COMPLETED,
            vaccine=CodeableConcept(codings=codings, text=words),
            occurrence=EventTime(date=PartialDate(year=year)),
            country=country,
            secondary_report=True,
            comment="Etter vaksinasjonskort" if codings else "Pasientens opplysning",
        )


_ELSEWHERE = (
    ("02", "Poliovirus vaccine, live, oral", 1),
    ("03", "Measles, mumps and rubella virus vaccine", 2),
    ("19", "BCG vaccine", 0),
    ("", "Stivkrampe, ukjent vaksine", 14),
)


def _childhood(rng: Random, person: Person) -> Iterator[Dose]:
    """Yields the programme of this person's childhood. Most have all of it, some nothing."""
    if person.born.year < 1984:
        return
    followed = rng.random()
    for age_days, vaccine, number, of in _programme(person):
        day = person.born + timedelta(days=age_days + rng.randint(0, 25))
        if followed < 0.03 or rng.random() < 0.015:
            if rng.random() < 0.05:
                yield Dose(day, vaccine, refused=True)
            continue
        yield Dose(day, vaccine, number, of)


def _programme(person: Person) -> Iterator[tuple[int, Vaccine, int, int]]:
    """Yields age in days, vaccine, and which dose of how many."""
    born = person.born
    if born >= date(2014, 9, 1):
        yield from ((45, vaccines.ROTAVIRUS, 1, 2), (92, vaccines.ROTAVIRUS, 2, 2))
    basic: tuple[Vaccine, ...] = (vaccines.SIX,) if born >= date(2016, 11, 1) else (vaccines.FIVE,)
    if born < date(1998, 1, 1):
        basic = (vaccines.WHOLE_CELL, vaccines.POLIO, vaccines.HIB)
    if born >= date(2006, 4, 1):
        basic += (vaccines.PNEUMOCOCCI,)
    for number, age in enumerate((92, 153, 366), start=1):
        yield from ((age, vaccine, number, 3) for vaccine in basic)
    yield 458, vaccines.MMR, 1, 2
    if born.year >= 1998:
        yield 7 * 366, vaccines.BOOSTER, 4, 5
        yield 15 * 366, vaccines.BOOSTER, 5, 5
    yield 11 * 366, vaccines.MMR, 2, 2
    if born.year < 1996:
        yield 13 * 366, vaccines.TUBERCULOSIS, 1, 1
    if (person.woman and born.year >= 1997) or born.year >= 2006:
        vaccine = vaccines.HPV_FOUR if born.year < 2005 else vaccines.HPV_TWO
        yield 12 * 366 + 60, vaccine, 1, 2
        yield 12 * 366 + 260, vaccine, 2, 2


def _influenza(rng: Random, person: Person, last: date, *, at_risk: bool) -> Iterator[Dose]:
    """Yields every autumn's dose for most of the old and some of those at risk; in 2009 for many."""
    if person.born < date(2009, 4, 1) and rng.random() < 0.4:
        yield Dose(day_between(rng, date(2009, 10, 20), date(2009, 12, 20)), vaccines.PANDEMIC, 1, 1)
    willing = rng.random()
    for year in range(2011, last.year + 1):
        age = year - person.born.year
        share = 0.68 if age >= 65 else 0.35 if at_risk else 0.06 if age >= 18 else 0.01
        if willing < share and rng.random() < 0.9:
            vaccine = vaccines.INFLUENZA_OLD if age >= 65 and year >= 2022 else vaccines.INFLUENZA
            yield Dose(day_between(rng, date(year, 10, 1), date(year, 11, 25)), vaccine)


def _covid(rng: Random, person: Person, *, at_risk: bool) -> Iterator[Dose]:
    """Yields doses from 2021: the old and those at risk first, and again each autumn."""
    age = 2021 - person.born.year
    if age < 12 or rng.random() < (0.04 if age >= 65 else 0.12):
        return
    begin = date(2021, 1, 15) + timedelta(days=max(0, 85 - age) * 3 - 20 * at_risk)
    first = day_between(rng, max(date(2021, 1, 4), begin), max(date(2021, 1, 10), begin) + timedelta(days=30))
    yield Dose(first, vaccines.COVID, 1, 2)
    second = first + timedelta(days=rng.choice((21, 42, 84)))
    yield Dose(second, vaccines.COVID, 2, 2)
    if age >= 45 or (age >= 18 and rng.random() < 0.6):
        third = second + timedelta(days=rng.randint(140, 230))
        yield Dose(third, vaccines.COVID, 3)
    if age >= 65 or at_risk:
        for year in range(2022, 2027):
            if rng.random() < 0.55:
                vaccine = vaccines.COVID if year == 2022 else vaccines.COVID_NEWER
                yield Dose(day_between(rng, date(year, 9, 15), date(year, 11, 30)), vaccine)


def _grown(rng: Random, person: Person, last: date) -> Iterator[Dose]:
    """Yields boosters, pneumococci for the old, vaccines for journeys and against ticks."""
    first = max(EVERYBODY_SINCE, person.born + timedelta(days=18 * 366))
    if first >= last:
        return
    if person.age(last) >= 66 and rng.random() < 0.35:
        yield Dose(day_between(rng, max(first, last - timedelta(days=3000)), last), vaccines.PNEUMOCOCCI_OLD)
    if rng.random() < 0.25:
        yield Dose(day_between(rng, first, last), vaccines.BOOSTER)
    if rng.random() < 0.12:
        away = day_between(rng, first, last)
        yield Dose(away, vaccines.HEPATITIS_A, 1, 2)
        if rng.random() < 0.5:
            yield Dose(away + timedelta(days=rng.randint(180, 400)), vaccines.HEPATITIS_A, 2, 2)
        for vaccine, share in ((vaccines.TYPHOID, 0.3), (vaccines.YELLOW_FEVER, 0.15)):
            if rng.random() < share:
                yield Dose(away, vaccine)
    if person.home.municipality.number == "4203" and rng.random() < 0.15:
        yield from (
            Dose(day_between(rng, first, last), vaccines.TICKS, number, 3) for number in range(1, rng.randint(2, 4))
        )
