"""Draws what some people have decided about their record."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from kj.synthetic.draws import at, chance
from kj.synthetic.people.care import Care
from kj.synthetic.people.health import Health
from kj.synthetic.people.organisations import world
from kj.synthetic.people.person import Person
from kjernejournal.common.v1.common_pb2 import (
    SECTION_CRITICAL_INFO,
    SECTION_DOCUMENTS,
    SECTION_LABS,
    SECTION_MEDICATIONS,
    SECTION_VISITS,
    Period,
    Practitioner,
    Section,
)
from kjernejournal.patients.v1 import patients_pb2 as pb

OF_AGE = 16
"""From this age people decide for themselves."""

_CLINICAL = (SECTION_CRITICAL_INFO, SECTION_MEDICATIONS, SECTION_VISITS, SECTION_DOCUMENTS)


@dataclass
class Privacy:
    """The decisions of one person; nothing for most."""

    reserved: bool = False
    portal_reserved: bool = False
    restricted: list[Section.ValueType] = field(default_factory=list)
    blocked: list[Practitioner] = field(default_factory=list)
    locked_medicine: str = ""
    """The medicine whose prescriptions they have locked."""
    proxies: list[pb.NewProxy] = field(default_factory=list)


def privacy(person: Person, health: Health, care: Care, today: date) -> Privacy:
    """Draws a person's decisions; the same for the same person and day."""
    rng = chance("privacy", person.key)
    result = Privacy()
    if person.showcase or person.age(today) < OF_AGE:
        return result
    if rng.random() < 0.01:
        return Privacy(reserved=True)  # there is no record, so there is nothing else to decide
    result.portal_reserved = rng.random() < 0.01
    if rng.random() < 0.02:
        result.restricted = sorted(rng.sample(_CLINICAL, rng.choice((1, 1, 2))))
    if chance("restricts labs", person.key).random() < 0.01:
        result.restricted = sorted([*result.restricted, SECTION_LABS])
    if rng.random() < 0.02:
        result.blocked = _blocked(rng, care)
    used = [each.medicine for each in health.treatments if each.until is None]
    if used and rng.random() < 0.05:
        result.locked_medicine = rng.choice(used)
    if rng.random() < (0.03 if person.age(today) < 75 else 0.2):
        result.proxies = _proxies(rng, person, today)
    return result


def imported(decided: Privacy, restricted_entries: list[Section.ValueType]) -> pb.ImportedPrivacy | None:
    """Returns the decisions as a message; None where nothing was decided.

    `restricted_entries` are the sections with single entries that the source restricts.
    """
    message = pb.ImportedPrivacy(
        restricted_sections=decided.restricted,
        sections_with_restricted_entries=restricted_entries,
        blocked_personnel=decided.blocked,
        proxies=decided.proxies,
    )
    if decided.reserved or decided.portal_reserved:
        message.reservation.record = decided.reserved
        message.reservation.portal = decided.portal_reserved
    return message if message.ByteSize() else None


def _blocked(rng: Random, care: Care) -> list[Practitioner]:
    """Draws who is blocked: for half of them the doctor of `kj token doctor`, to show a block; never one's own GP."""
    demonstration = world().lists["4203"][0].doctor.practitioner
    colleagues = [colleague.practitioner for colleague in care.hospital.departments["medicine"].staff]
    own = {place.on.doctor.practitioner.hpr_number for place in care.places}
    first = demonstration if rng.random() < 0.5 else rng.choice(colleagues)
    return [] if first.hpr_number in own else [first]


def _proxies(rng: Random, person: Person, today: date) -> list[pb.NewProxy]:
    """Returns somebody of age in the family as proxy: a child, else the husband, wife or partner."""
    possible = [
        other
        for code, other in sorted(person.relatives, key=lambda relative: relative[0] != "barn")
        if code in {"barn", "ektefelleEllerPartner"} and other.died is None and other.age(today) >= 18
    ]
    if not possible:
        return []
    areas = rng.choice(
        (
            [pb.PROXY_AREA_INNSYN],
            [pb.PROXY_AREA_INNSYN, pb.PROXY_AREA_DIGITALE_HELSETJENESTER],
        )
    )
    since = at(today - timedelta(days=rng.randint(1, 700)))
    proxy = pb.NewProxy(national_id=possible[0].national_id, name=possible[0].name, areas=areas)
    proxy.period.CopyFrom(Period(start=since))
    return [proxy]
