"""Municipalities of the population: number, name, postal codes, and where their hospital is.

Kommunenummer as they have been since 2024 (Statistics Norway). Hospitals carry their town's name and are none in
particular.
"""

from dataclasses import dataclass
from random import Random

from kj.synthetic.draws import weighted


@dataclass(frozen=True)
class Postal:
    """A postal code with its town; a district of Oslo where it lies in one."""

    code: str
    town: str
    district: str = ""


@dataclass(frozen=True)
class Municipality:
    """A municipality. `weight` is its share of the population here, not in life: small ones are not lost."""

    number: str
    name: str
    weight: int
    hospital: str
    postal: tuple[Postal, ...]


def _postal(codes: str, town: str) -> tuple[Postal, ...]:
    return tuple(Postal(code, town) for code in codes.split())


MUNICIPALITIES = (
    Municipality("4203", "Arendal", 14, "Arendal", _postal("4836 4838 4841 4846 4848", "Arendal")),
    Municipality("3101", "Halden", 9, "Sarpsborg", _postal("1767 1771 1776 1781", "Halden")),
    Municipality(
        "3441", "Gausdal", 5, "Lillehammer", (Postal("2651", "Østre Gausdal"), Postal("2653", "Vestre Gausdal"))
    ),
    Municipality("3405", "Lillehammer", 9, "Lillehammer", _postal("2609 2613 2615 2619", "Lillehammer")),
    Municipality("3439", "Ringebu", 4, "Lillehammer", (Postal("2630", "Ringebu"), Postal("2634", "Fåvang"))),
    Municipality("3440", "Øyer", 4, "Lillehammer", (Postal("2636", "Øyer"),)),
    Municipality("3105", "Sarpsborg", 11, "Sarpsborg", _postal("1706 1709 1712 1723", "Sarpsborg")),
    Municipality("1804", "Bodø", 9, "Bodø", _postal("8003 8006 8008 8011", "Bodø")),
    Municipality("1505", "Kristiansund", 7, "Kristiansund", _postal("6510 6512 6516", "Kristiansund N")),
    Municipality(
        "0301",
        "Oslo",
        12,
        "Oslo",
        (
            Postal("0552", "Oslo", "030102"),
            Postal("0463", "Oslo", "030103"),
            Postal("0265", "Oslo", "030105"),
            Postal("0986", "Oslo", "030111"),
            Postal("0687", "Oslo", "030113"),
        ),
    ),
    Municipality("4601", "Bergen", 7, "Bergen", _postal("5007 5018 5055 5072", "Bergen")),
    Municipality("5001", "Trondheim", 5, "Trondheim", _postal("7014 7030 7043 7052", "Trondheim")),
    Municipality("5501", "Tromsø", 4, "Tromsø", _postal("9008 9010 9016", "Tromsø")),
)

_STREETS = (
    "Bakkegata Bjørkeveien Elveveien Enggata Fjellveien Fjordgata Furuveien Granveien Hagegata Havnegata Kirkegata "
    "Kongens_gate Lyngveien Lærkeveien Møllegata Nordre_gate Parkveien Rognveien Sjøgata Skolegata Solveien Storgata "
    "Strandgata Tollbugata Torggata Vestre_gate Øvre_vei Åsveien"
)


@dataclass(frozen=True)
class Home:
    """Where a household lives."""

    municipality: Municipality
    postal: Postal
    street: str
    unit: str = ""


def home(rng: Random, municipality: Municipality | None = None) -> Home:
    """Draws a dwelling, in this municipality or in any."""
    where = municipality or weighted(rng, [(each, each.weight) for each in MUNICIPALITIES])
    letter = rng.choice(" ABC") if rng.random() < 0.3 else ""
    street = f"{rng.choice(_STREETS.split()).replace('_', ' ')} {rng.randint(1, 140)}{letter.strip()}"
    unit = f"H0{rng.randint(1, 5)}0{rng.randint(1, 4)}" if rng.random() < 0.4 else ""
    return Home(where, rng.choice(where.postal), street, unit)
