"""Who treats the population: general practitioners and their lists, hospitals, pharmacies, municipalities.

The same for every population. Organisation numbers begin with 1, as the national test environments' do, and HPR numbers
with 900: they belong to nobody. The doctor of `kj token doctor --service gp` has a list in Arendal.
"""

from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import count

from kj.synthetic.catalogues import names
from kj.synthetic.catalogues.municipalities import MUNICIPALITIES
from kj.synthetic.draws import at, chance, whole
from kj.synthetic.people.cast import PEOPLE, PLACES
from kjernejournal.common.v1.common_pb2 import Coding, Organisation, Period, Practitioner
from kjernejournal.patients.v1.patients_pb2 import GeneralPractitioner, GeneralPractitionerContract
from shared.codes.personnel import PERSONNEL, ROLE_SYSTEM, ServiceKind
from shared.national_id import valid_organisation_number

_OPENED = date(2009, 6, 1)


@dataclass(frozen=True)
class Colleague:
    """Somebody who treats, at a place."""

    practitioner: Practitioner
    organisation: Organisation


@dataclass(frozen=True)
class GpList:
    """A general practitioner's list."""

    doctor: Colleague
    contract: GeneralPractitionerContract


@dataclass(frozen=True)
class Department:
    """A part of a hospital, as visits name it, and those who work there."""

    organisation: Organisation
    staff: tuple[Colleague, ...]


@dataclass(frozen=True)
class Hospital:
    """A hospital: its departments by speciality."""

    name: str
    departments: dict[str, Department]


@dataclass(frozen=True)
class World:
    """Everybody who treats."""

    lists: dict[str, tuple[GpList, ...]]
    """By kommunenummer."""
    pharmacies: dict[str, tuple[Organisation, ...]]
    """By kommunenummer."""
    nurses: dict[str, Colleague]
    """A nurse of the home care service, by kommunenummer."""
    hospitals: dict[str, Hospital]
    """By town."""


DEPARTMENTS = {
    "medicine": "Medisinsk avdeling",
    "heart": "Hjerteavdelingen",
    "lungs": "Lungeavdelingen",
    "surgery": "Kirurgisk avdeling",
    "orthopaedics": "Ortopedisk avdeling",
    "nerves": "Nevrologisk avdeling",
    "women": "Kvinneklinikken",
    "children": "Barne- og ungdomsavdelingen",
    "psychiatry": "Distriktspsykiatrisk senter",
    "rheumatism": "Revmatologisk avdeling",
    "eyes": "Øyeavdelingen",
    "images": "Radiologisk avdeling",
}


@cache
def world() -> World:
    """Returns everybody who treats; made once."""
    return _Maker().world()


class _Maker:
    def __init__(self) -> None:
        self._rng = chance("organisations")
        self._numbers = (
            number
            for serial in count(10_020_001)
            for number in (f"{serial}{digit}" for digit in range(10))
            if valid_organisation_number(number)
        )
        self._hpr = count(900_100_001)
        self._resh = count(4_200_101)
        self._contracts = count(61_001)

    def world(self) -> World:
        hospitals = {town: self._hospital(town) for town in sorted({each.hospital for each in MUNICIPALITIES})}
        lists, pharmacies, nurses = {}, {}, {}
        for municipality in MUNICIPALITIES:
            own = [] if municipality.number != "4203" else [self._list(_demonstration_doctor(), "4203", None)]
            for number in range(1, 2 + municipality.weight // 4):
                own += self._office(municipality.number, f"{municipality.name} legesenter {number}")
            lists[municipality.number] = tuple(own)
            pharmacies[municipality.number] = tuple(
                Organisation(number=next(self._numbers), name=f"{kind} apotek {municipality.name}")
                for kind in ("Elgen", "Ugla")
            )
            home_care = Organisation(
                number=next(self._numbers), name=f"{municipality.name} kommune", department="Hjemmetjenesten"
            )
            nurses[municipality.number] = self._colleague(home_care, "SP", 1978)
        return World(lists, pharmacies, nurses, hospitals)

    def _office(self, municipality: str, name: str) -> list[GpList]:
        office = Organisation(number=next(self._numbers), name=name)
        doctors = [self._colleague(office, "LE", 1970) for _ in range(self._rng.randint(2, 4))]
        substitute = self._colleague(office, "LE", 1990) if self._rng.random() < 0.4 else None
        return [
            self._list(doctor, municipality, substitute if position == 0 else None)
            for position, doctor in enumerate(doctors)
        ]

    def _list(self, doctor: Colleague, municipality: str, substitute: Colleague | None) -> GpList:
        doctors = [GeneralPractitioner(practitioner=doctor.practitioner, working_percentage=100)]
        if substitute is not None:
            doctors[0].working_percentage = 60
            doctors.append(
                GeneralPractitioner(
                    practitioner=substitute.practitioner,
                    substitute_for_hpr_number=doctor.practitioner.hpr_number,
                    working_percentage=40,
                    weekdays=[3, 5],
                )
            )
        contract = GeneralPractitionerContract(
            contract_id=str(next(self._contracts)),
            office=doctor.organisation,
            max_patients=self._rng.randrange(800, 1500, 50),
            name=f"Fastlege {doctor.practitioner.name}",
            agreed_on=whole(_OPENED),
            period=Period(start=at(_OPENED)),
            municipality_number=municipality,
            places_available=self._rng.choice((0, 0, 0, 12, 40)),
            waiting_list=self._rng.choice((0, 0, 25, 120)),
            doctors=doctors,
        )
        return GpList(doctor, contract)

    def _hospital(self, town: str) -> Hospital:
        number = next(self._numbers)
        departments = {}
        for key, name in DEPARTMENTS.items():
            resh_id = str(next(self._resh))
            place = Organisation(number=number, name=f"Sykehuset i {town}", resh_id=resh_id, department=name)
            roles = ("LE", "LE", "PS") if key == "psychiatry" else ("LE", "LE", "LE")
            departments[key] = Department(place, tuple(self._colleague(place, role, 1975) for role in roles))
        return Hospital(f"Sykehuset i {town}", departments)

    def _colleague(self, place: Organisation, role: str, year: int) -> Colleague:
        family, origin = names.family_name(self._rng)
        given = names.given_name(self._rng, woman=self._rng.random() < 0.5, year=year, origin=origin)
        return Colleague(_practitioner(str(next(self._hpr)), f"{given} {family}", role), place)


def _demonstration_doctor() -> Colleague:
    """Returns the person of `kj token doctor --service gp`, so that such a token can be a patient's own GP."""
    doctor, place = PEOPLE["doctor"], PLACES[ServiceKind.GP]
    return Colleague(
        _practitioner(doctor.hpr_number, doctor.name, doctor.role),
        Organisation(number=place.organisation, name=place.name),
    )


def _practitioner(hpr_number: str, name: str, role: str) -> Practitioner:
    coding = Coding(system=ROLE_SYSTEM, code=role, display=PERSONNEL[role].capitalize())
    return Practitioner(hpr_number=hpr_number, name=name, role=coding)
