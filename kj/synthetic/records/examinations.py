"""Draws what pathologists and radiologists examined, in words: NORPAT and NCRP codes are not open."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from kj.synthetic.draws import chance, day_between
from kj.synthetic.people.care import Care
from kj.synthetic.people.contacts import Contact
from kj.synthetic.people.health import Health
from kj.synthetic.people.organisations import Colleague
from kj.synthetic.people.person import Person

FIRST_DAY = date(2018, 1, 1)


@dataclass(frozen=True)
class Examination:
    """An examination with its answer. `kind` is a code of Volven 8202."""

    day: date
    kind: str
    name: str
    found: str
    conclusion: str
    requester: Colleague
    interpreter: Colleague
    specimen: str = ""


_IMAGES = (
    ("RTG", "Røntgen thorax", "Normal hjertestørrelse. Ingen infiltrater eller pleuravæske.", "Normale funn."),
    ("RTG", "Røntgen hofte", "Moderat redusert leddspalte lateralt. Ingen brudd.", "Artrose, ingen brudd."),
    ("RTG", "Røntgen håndledd", "Ingen sikre tegn til brudd. Vanlige bløtdeler.", "Ingen brudd."),
    ("CT", "CT caput", "Ingen blødning. Alderssvarende forandringer.", "Ingen akutt patologi."),
    ("CT", "CT abdomen", "Ingen fri væske. Enkelte cyster i venstre nyre.", "Ingen patologi av betydning."),
    ("MR", "MR lumbalcolumna", "Skivebukning L4/L5 uten sikker nerverotspåvirkning.", "Degenerative forandringer."),
)
_CERVIX = (
    ("Plateepitel med vanlig utseende. HPV ikke påvist.", "Normal celleprøve."),
    ("Plateepitel med vanlig utseende. HPV ikke påvist.", "Normal celleprøve."),
    ("Atypiske plateepitelceller av usikker betydning.", "ASC-US. Ny prøve anbefales."),
)
_TISSUE = (
    ("Hudbit", "Basalcellekarsinom, nodulær type. Frie reseksjonsrender.", "Basalcellekarsinom, fjernet i sunt vev."),
    ("Polypp fra colon", "Tubulært adenom med lavgradig dysplasi.", "Adenom, lavgradig dysplasi."),
    ("Grovnålsbiopsi", "Invasivt karsinom uten spesielle kjennetegn, grad 2.", "Invasivt karsinom, grad 2."),
)


def examinations(
    person: Person, health: Health, care: Care, contacts: list[Contact], today: date
) -> Iterator[Examination]:
    """Yields every examination of this person since 2018, in no order."""
    rng = chance("examinations", person.key)
    last = person.last_day(today)
    yield from _of_contacts(rng, care, contacts)
    yield from _cervical(rng, person, care, last)
    ill = {illness.name: since for illness, since in health.illnesses}
    if "kreft" in ill or rng.random() < 0.02:
        day = max(FIRST_DAY, ill.get("kreft", day_between(rng, max(FIRST_DAY, person.born), last)))
        if day <= last:
            surgeons = care.hospital.departments["surgery"].staff
            specimen, found, conclusion = _TISSUE[2] if "kreft" in ill else rng.choice(_TISSUE[:2])
            pathologist = rng.choice(care.hospital.departments["medicine"].staff)
            yield Examination(
                day, "HIST", "Histologisk undersøkelse", found, conclusion, rng.choice(surgeons), pathologist, specimen
            )


def _of_contacts(rng: Random, care: Care, contacts: list[Contact]) -> Iterator[Examination]:
    """Yields images taken where people came for them, or were admitted."""
    radiologists = care.hospital.departments["images"].staff
    for contact in contacts:
        place = contact.department.organisation.department
        share = {"Radiologisk avdeling": 0.9, "Ortopedisk avdeling": 0.4}.get(place, 0.08)
        if contact.day >= FIRST_DAY and rng.random() < share:
            kind, name, found, conclusion = rng.choice(_IMAGES)
            yield Examination(contact.day, kind, name, found, conclusion, contact.doctor, rng.choice(radiologists))


def _cervical(rng: Random, person: Person, care: Care, last: date) -> Iterator[Examination]:
    """Yields the screening programme's samples: women from 25 to 69, every fifth year."""
    if not person.woman or not 25 <= person.age(last) <= 72 or rng.random() < 0.3:
        return
    day = last - timedelta(days=rng.randint(20, 1800))
    if day >= FIRST_DAY and 25 <= person.age(day) <= 69:
        found, conclusion = rng.choice(_CERVIX)
        pathologist = rng.choice(care.hospital.departments["medicine"].staff)
        yield Examination(
            day, "CYTO", "Cervixcytologi", found, conclusion, care.doctor(day), pathologist, "Celleprøve fra cervix"
        )
