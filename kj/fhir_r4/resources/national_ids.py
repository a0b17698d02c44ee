"""Who a Patient resource is about: a national id, found or given, and what the population register would report.

A patient without a Norwegian id gets a synthetic one (month + 80), as a D-number: that is what somebody gets here who
has no fødselsnummer. Its individual number is of the half that our synthetic population leaves unused, so that nobody
from outside ever becomes one of its inhabitants, whichever came first. It follows from the source's own identifier and
the birth date alone: every import of the same patient, on every machine, finds the same number.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache

from kj.fhir_r4.bundle.bundle import Bundle
from kj.fhir_r4.bundle.node import Node
from kj.fhir_r4.bundle.refusals import Refused
from kj.fhir_r4.bundle.resource import Resource
from kj.fhir_r4.bundle.times import When, when
from shared.codes.identifiers import D_NUMBER, FH_NUMBER, FODSELSNUMMER
from shared.errors import Invalid
from shared.handling.identities import holds_one
from shared.national_id import make_synthetic, parse

NORWEGIAN = {
    FODSELSNUMMER: "fødselsnummer",
    D_NUMBER: "D-number",
    FH_NUMBER: "FH-number",
}
"""Systems of national ids (HL7 Norway, no-basis-Patient)."""

_CIVIL = frozenset({"SS", "DL", "PPN", "TAX", "NI", "NNxxx", "PRN", "BCT", "MCN", "JHN", "SB", "UDI", "CZ", "VS"})
"""Kinds of identifiers (HL7 v2 table 0203) of others than the source: none of them is the name of a source."""

_OLDEST = date(1900, 1, 1)
_DAYS = 36_500
"""Birth dates that are not known are spread over a century; nobody reads them from a number."""


@dataclass(frozen=True)
class Source:
    """A patient as the source knows them."""

    key: str
    """SHA-256 over the identifier and birth date: the same patient has the same one. It shows nobody who it is."""
    system: str
    """The system that identifies the patient: the source of their entries. It holds no national id."""
    national_ids: tuple[str, ...]
    """Norwegian ids that the source states."""
    birth: When | None


@dataclass(frozen=True)
class Known:
    """A patient who was imported: the national id, and when that was first done."""

    national_id: str
    since: datetime


@dataclass
class AssignedIds:
    """Who was given which national id. Kept between imports, it resolves collisions the same way each time."""

    known: dict[str, Known] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    """National ids of others."""
    since: datetime | None = None
    """When those who are new were first imported; None: now."""
    _given: set[str] = field(default_factory=set, repr=False, compare=False)
    _counted: int = field(default=0, repr=False, compare=False)
    """National ids of the known, of so many: looked through for each patient, they would take too long."""

    def assign(self, source: Source, now: datetime) -> Known:
        """Returns the patient's national id, the same on every import.

        Where the number that follows from the source is taken, it is the next free one.
        """
        if source.key in self.known:
            return self.known[source.key]
        if self._counted != len(self.known):
            self._given = {each.national_id for each in self.known.values()}
        free = (each for each in candidates(source) if each not in self.taken and each not in self._given)
        number = source.national_ids[0] if source.national_ids else next(free)
        self.known[source.key] = Known(number, self.since or now)
        self._given.add(number)
        self._counted = len(self.known)
        return self.known[source.key]


def source_of(patient: Resource, bundle: Bundle) -> Source:
    """Returns the patient as the source knows them.

    Raises Refused for a Norwegian id that is none, or that belongs to a living person: only synthetic ones here.
    """
    numbers = []
    for identifier in patient.node.children("identifier"):
        kind = NORWEGIAN.get(identifier.text("system"))
        if kind and identifier.text("value"):
            try:
                numbers.append(parse(identifier.text("value"), production=False, field=kind).value)
            except Invalid as error:
                raise Refused(identifier.at("value"), f"{kind}: {error.problem}") from None
    birth = when(patient.node, "birthDate")
    system, parts = _identifier(patient, bundle)
    system = "FHIR" if holds_one(system) else system
    if numbers:
        parts = [min(numbers)]
    parts.append("-".join(str(part) for part in birth[:3]) if birth else "")
    key = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
    return Source(key, system, tuple(dict.fromkeys(numbers)), birth)


def candidates(source: Source) -> Iterator[str]:
    """Yields synthetic numbers for the patient, in the order they are tried.

    The serial comes from the key; so does the birth date, as far as it is not known.
    """
    seed = int(source.key, 16)
    spread = _OLDEST + timedelta(days=seed // 1000 % _DAYS)
    birth = source.birth
    born = date(birth.year, birth.month or spread.month, birth.day or min(spread.day, 28)) if birth else spread
    while True:
        first = 500 if born.year < 2000 else 0  # the population has 0 to 499 and 500 to 999, as fødselsnummer do
        for step in range(500):
            number = _synthetic(born, first + (seed + step) % 500)
            if number is not None:
                yield number
        born += timedelta(days=1)  # hundreds of patients of one day: nobody reads the birth date from the number


@lru_cache(maxsize=10_000)
def _synthetic(born: date, serial: int) -> str | None:
    """Returns the number, from a cache: where many are born on one day, each tries what the others have."""
    return make_synthetic(born, serial, d_number=True)


def _identifier(patient: Resource, bundle: Bundle) -> tuple[str, list[str]]:
    """Returns the system that identifies the patient, and what identifies them in it.

    Of identifiers with a system one is taken whatever their order: numbers of the source itself before those of
    passports and the like, then the first by name. Without one, name and address of the resource join in: every test
    server has a "Patient/1", and two people must never become one.
    """
    own = [each for each in patient.node.children("identifier") if each.text("value")]
    for identifier in sorted(own, key=_rank):
        if identifier.text("system"):
            return identifier.text("system")[:512], ["identifier", identifier.text("system"), identifier.text("value")]
    base = patient.full_url.rpartition("/Patient/")[0]
    system = (base or bundle.issuer or "FHIR")[:512]
    local = own[0].text("value") if own else patient.id or patient.full_url or patient.digest()
    return system, ["local", system, local, _name(patient.node)]


def _rank(identifier: Node) -> tuple[int, str, str]:
    kind = identifier.child("type")
    codes = {each.text("code") for each in kind.children("coding")} if kind else set()
    rank = 2 if codes & _CIVIL else 1 if codes else 0
    return rank, identifier.text("system"), identifier.text("value")


def _name(node: Node) -> str:
    names = node.children("name")
    return " ".join([*names[0].texts("given"), names[0].text("family"), names[0].text("text")]) if names else ""
