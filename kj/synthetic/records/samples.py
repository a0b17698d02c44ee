"""Blood and other samples of one person over the years: what was asked for, and what the laboratory found."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from kj.synthetic.catalogues.analyses import ANALYSES
from kj.synthetic.draws import chance, day_between
from kj.synthetic.people.health import Health
from kj.synthetic.people.person import Person

HEMOGRAM = ("hb", "leukocytes", "platelets", "mcv")
ELECTROLYTES = ("sodium", "potassium", "creatinine")
LIPIDS = ("cholesterol", "hdl", "ldl", "triglycerides")
FIRST_DAY = date(2018, 1, 1)
"""Laboratories have shared their answers since then."""
_PCR_BEGAN, _PCR_ENDED = date(2020, 4, 1), date(2022, 3, 31)

Values = dict[str, float]


@dataclass(frozen=True)
class Sample:
    """A day's request: analyses with the values that were found."""

    day: date
    values: Values
    pcr: bool | None = None
    """Whether SARS-CoV-2 was found; None: it was not looked for."""


def samples(person: Person, health: Health, today: date) -> list[Sample]:
    """Returns every sample of this person since 2018, oldest first."""
    last = person.last_day(today)
    first = max(FIRST_DAY, person.born + timedelta(days=30))
    if first > last:
        return []
    rng = chance("samples", person.key)
    level = _Level(rng, person, health)
    found = [Sample(day, {}, positive) for day, positive in _tested(rng, first, last, showcase=person.showcase)]
    found += [Sample(day, level.on(day, _asked(rng, person, day))) for day in _checks(rng, person, first, last)]
    for names, days in _controls(rng, person, health, first, last):
        found += [Sample(day, level.on(day, names)) for day in days]
    return sorted(found, key=lambda sample: sample.day)


class _Level:
    """A person's own level of each analysis, which their values move around; that of HbA1c falls and rises slowly."""

    def __init__(self, rng: Random, person: Person, health: Health) -> None:
        self._rng = rng
        self._own: Values = {}
        ill = {illness.name for illness, _ in health.illnesses}
        for analysis in ANALYSES.values():
            low, high = analysis.limits(woman=person.woman)
            least = low if low is not None else 1.0
            self._own[analysis.key] = rng.triangular(least, high or least * 2, None)
        self._width = {each.key: ((each.women[1] or 10) - (each.women[0] or 1)) * 0.09 for each in ANALYSES.values()}
        if ill & {"diabetes type 1", "diabetes type 2"}:
            self._own["hba1c"] = rng.uniform(46, 72)
        if "hypotyreose" in ill:
            self._own["tsh"] = rng.uniform(0.8, 5.0)
        if "hyperlipidemi" in ill:
            self._own |= {"cholesterol": rng.uniform(4.5, 7.6), "ldl": rng.uniform(2.4, 5.4)}
        if ill & {"kreft", "revmatoid artritt"} or (person.woman and rng.random() < 0.1):
            self._own["hb"] -= rng.uniform(0.8, 2.6)
        if "hjertesvikt" in ill:
            self._own["creatinine"] *= rng.uniform(1.1, 1.7)
        self._phase = rng.random()

    def on(self, day: date, names: tuple[str, ...]) -> Values:
        """Draws what is found on a day."""
        values = {name: max(0.1, self._own[name] + self._rng.gauss(0, 1) * self._width[name]) for name in names}
        if "hba1c" in values:
            years = day.toordinal() / 365.25 + self._phase
            values["hba1c"] += 4 * abs((years / 3) % 2 - 1) - 2
        if "crp" in values:
            values["crp"] = self._rng.choice((1, 2, 3, 4)) if self._rng.random() < 0.75 else self._rng.uniform(6, 140)
        if "inr" in values:
            values["inr"] = min(5.5, max(1.2, self._rng.gauss(2.5, 0.4)))
        return values


def _tested(rng: Random, first: date, last: date, *, showcase: bool) -> Iterator[tuple[date, bool]]:
    """Yields tests for SARS-CoV-2 in the years when everybody was tested."""
    if showcase:
        yield date(2021, 3, 9), False
    if first > _PCR_ENDED or last < _PCR_BEGAN or rng.random() < 0.6:
        return
    for _ in range(rng.choice((1, 1, 1, 2))):
        yield day_between(rng, max(first, _PCR_BEGAN), min(last, _PCR_ENDED)), rng.random() < 0.18


def _checks(rng: Random, person: Person, first: date, last: date) -> list[date]:
    """Draws days at the general practitioner's, for whatever reason: few for the young."""
    rate = 0.03 if person.age(last) < 18 else 0.1 + max(0, person.age(last) - 35) / 200
    expected = rate * (last - first).days / 365
    number = int(expected) + (rng.random() < expected % 1)
    if person.showcase:
        number = max(2, number)
    return [day_between(rng, first, last) for _ in range(number)]


def _asked(rng: Random, person: Person, day: date) -> tuple[str, ...]:
    if person.age(day) < 18:
        return (*HEMOGRAM, "crp")
    wanted: tuple[str, ...] = (*HEMOGRAM, "crp")
    if rng.random() < 0.6:
        wanted += ELECTROLYTES
    if rng.random() < 0.25:
        wanted += ("ferritin",)
    if person.age(day) > 40 and rng.random() < 0.3:
        wanted += ("hba1c", *LIPIDS)
    return wanted


def _controls(
    rng: Random, person: Person, health: Health, first: date, last: date
) -> Iterator[tuple[tuple[str, ...], list[date]]]:
    """Yields what an illness or a medicine is followed by, with the days of it."""
    for illness, since in health.illnesses:
        begin = max(first, since)
        if illness.name in {"diabetes type 1", "diabetes type 2"}:
            yield ("hba1c",), _every(rng, 183, begin, last)
            yield ("creatinine", *LIPIDS), _every(rng, 370, begin, last)
        elif illness.name == "hyperlipidemi":
            yield LIPIDS, _every(rng, 400, begin, last)
        elif illness.name == "hypotyreose":
            yield ("tsh",), _every(rng, 370, begin, last)
        elif illness.name in {"hjertesvikt", "revmatoid artritt"}:
            yield (*HEMOGRAM, "crp", *ELECTROLYTES), _every(rng, 240, begin, last)
    for treatment in health.treatments:
        if treatment.medicine == "warfarin":
            begin = max(first, treatment.since, last - timedelta(days=500))
            yield ("inr",), _every(rng, 28, begin, min(last, treatment.until or last))


def _every(rng: Random, days: int, first: date, last: date) -> list[date]:
    """Draws the days of controls, more or less at this interval."""
    found = []
    day = first + timedelta(days=rng.randint(0, days))
    while day <= last:
        found.append(day)
        day += timedelta(days=max(7, round(days * rng.uniform(0.85, 1.15))))
    return found
