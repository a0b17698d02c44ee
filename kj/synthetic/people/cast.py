"""The people, machines and places that the local issuer knows: all invented, with numbers that belong to nobody.

Organisation numbers begin with 1, as those of the national test environments do; national ids are synthetic.
"""

from dataclasses import dataclass
from datetime import date
from itertools import count

from shared.codes.personnel import AREAS, MUNICIPAL_DETAILS, MUNICIPAL_SERVICES, PHARMACY_SERVICES, ServiceKind
from shared.national_id import make_synthetic


@dataclass(frozen=True)
class Place:
    """Where somebody works: the unit, its legal entity, and the codes that an attest states for the service."""

    organisation: str
    name: str
    legal_entity: str
    service: tuple[str, str]
    detail: tuple[str, str] | None = None
    purpose: str = "TREAT"


@dataclass(frozen=True)
class Person:
    """Somebody who can ask for a token. `role` is a Volven 9060 code, "" for people who are no health personnel."""

    name: str
    born: date
    serial: int
    role: str = ""
    hpr_number: str = ""
    service: ServiceKind = ServiceKind.OTHER

    @property
    def national_id(self) -> str:
        """The first valid synthetic number (month + 65) from `serial` on."""
        made = (make_synthetic(self.born, serial, month_offset=65) for serial in count(self.serial))
        return next(number for number in made if number)


MUNICIPALITY = "100100673"
HOSPITAL_TRUST = "100100223"
REGISTERS = "100100010"

PLACES: dict[ServiceKind, Place] = {
    ServiceKind.GP: Place("100100029", "Sørstrand legekontor", "100100037", (MUNICIPAL_SERVICES, "KA01")),
    ServiceKind.HOSPITAL: Place("100100045", "Medisinsk avdeling", HOSPITAL_TRUST, (AREAS, "S03")),
    ServiceKind.EMERGENCY: Place(
        "100100053", "Kystbyen legevakt", MUNICIPALITY, (MUNICIPAL_SERVICES, "KA02"), purpose="ETREAT"
    ),
    ServiceKind.KAD: Place(
        "100100061", "Kystbyen øyeblikkelig hjelp", MUNICIPALITY, (MUNICIPAL_SERVICES, "KX05"), purpose="ETREAT"
    ),
    ServiceKind.HOME_CARE: Place(
        "100100088", "Hjemmetjenesten vest", MUNICIPALITY, (MUNICIPAL_SERVICES, "KP02"), (MUNICIPAL_DETAILS, "15")
    ),
    ServiceKind.NURSING_HOME: Place(
        "100100096", "Solhaug sykehjem", MUNICIPALITY, (MUNICIPAL_SERVICES, "KP02"), (MUNICIPAL_DETAILS, "21")
    ),
    ServiceKind.PHARMACY: Place("100100118", "Svaneapoteket", "100100126", (PHARMACY_SERVICES, "PA")),
    ServiceKind.ALLOCATION_OFFICE: Place(
        "100100134", "Tildelingskontoret", MUNICIPALITY, (MUNICIPAL_SERVICES, "KD0501"), purpose="COC"
    ),
    ServiceKind.OTHER: Place("100100142", "Fysioterapi på torget", "100100142", (AREAS, "A03")),
}

PEOPLE: dict[str, Person] = {
    "doctor": Person("Kari Legesen", date(1978, 3, 14), 800, "LE", "900000001", ServiceKind.HOSPITAL),
    "nurse": Person("Ola Pleiersen", date(1985, 9, 2), 810, "SP", "900000002", ServiceKind.HOME_CARE),
    "vernepleier": Person("Siv Vernesen", date(1990, 1, 27), 820, "VP", "900000003", ServiceKind.HOME_CARE),
    "psychologist": Person("Per Sjelsen", date(1971, 11, 5), 830, "PS", "900000004", ServiceKind.HOSPITAL),
    "pharmacist": Person("Eva Apotekersen", date(1982, 6, 19), 840, "FA1", "900000005", ServiceKind.PHARMACY),
    "case-officer": Person(
        "Nina Saksbehandlersen", date(1988, 4, 30), 850, "SP", "900000006", ServiceKind.ALLOCATION_OFFICE
    ),
    "citizen": Person("Line Innbyggersen", date(1969, 8, 8), 860),
    "auditor": Person("Jon Revisorsen", date(1975, 12, 12), 870),
    "steward": Person("Tor Dataansvarlig", date(1966, 2, 20), 880),
}
