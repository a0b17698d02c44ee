"""Draws one person's critical information: most have none recorded, which proves little, as in life."""

from datetime import date, timedelta
from random import Random

from kj.synthetic.catalogues.critical_findings import FINDINGS, MANIFESTATIONS, Finding
from kj.synthetic.draws import at_work, chance, day_between, weighted, whole, years_before
from kj.synthetic.people.care import Care, later, provenance
from kj.synthetic.people.health import Health
from kj.synthetic.people.organisations import Colleague
from kj.synthetic.people.person import Person
from kjernejournal.common.v1.common_pb2 import (
    ABSENCE_KIND_NIL_KNOWN,
    ABSENCE_KIND_NOT_ASKED,
    CodeableConcept,
    Coding,
    EntryHeader,
    EventTime,
    PartialDate,
    Period,
)
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from shared.codes.systems import KJ_SOURCES_OF_INFORMATION

SOURCE = "Kjernejournal portal"

_REACTIONS = (pb.CATEGORY_DRUG_REACTION, pb.CATEGORY_OTHER_ALLERGY)
_BY_HOSPITAL = (
    pb.CATEGORY_INTUBATION_PROBLEM,
    pb.CATEGORY_OTHER_ANAESTHESIA_PROBLEM,
    pb.CATEGORY_IMPLANT,
    pb.CATEGORY_ONGOING_TREATMENT,
)
_DATED_IN_DETAILS = (pb.CATEGORY_IMPLANT, pb.CATEGORY_ONGOING_TREATMENT)
_LIFE = (pb.CATEGORY_LIFE_PROLONGING_TREATMENT, pb.CATEGORY_TREATMENT_DECISION)


def share(age: int) -> float:
    """Returns the share of this age that has critical information, before what their illnesses call for."""
    return 0.03 if age < 60 else 0.09 if age < 75 else 0.18


def entries(person: Person, health: Health, care: Care, today: date) -> pb.PatientEntries | None:
    """Draws entries and statements of absence; None for most."""
    rng = chance("critical", person.key)
    age = person.age(today)
    found = _findings(rng, person, health, age)
    result = pb.PatientEntries()
    result.critical_info.extend(
        _entry(chance("finding", person.key, number), number, finding, person, care, today)
        for number, finding in enumerate(found, start=1)
    )
    if not found and rng.random() < 0.05:
        result.absences.append(_absence(rng, person, care, today))
    return result if result.critical_info or result.absences else None


def _findings(rng: Random, person: Person, health: Health, age: int) -> list[Finding]:
    ill = {illness.name for illness, _ in health.illnesses}
    found = [each for each in FINDINGS if each.illness in ill and rng.random() < 0.12 and age >= each.youngest]
    if rng.random() < share(age):
        possible = [(each, each.weight) for each in FINDINGS if not each.illness and age >= each.youngest]
        found += [weighted(rng, possible) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    if person.showcase:
        found = [FINDINGS[0], next(each for each in FINDINGS if each.display == "Pacemaker")]
    unique = list(dict.fromkeys(found))
    # Categories 8 and 11 may not both be active.
    of_life = [each for each in unique if each.category in _LIFE]
    return [each for each in unique if each not in of_life[1:]]


def _entry(rng: Random, number: int, finding: Finding, person: Person, care: Care, today: date) -> pb.CriticalInfo:
    last = person.last_day(today)
    first = max(person.born, years_before(last, 2 if finding.months else 9))
    day = day_between(rng, first, last)
    author = _author(rng, finding, care, day)
    entry = pb.CriticalInfo(
        header=EntryHeader(
            provenance=provenance(author, later(at_work(rng, day), 0, today), SOURCE, f"{person.key}/{number}")
        ),
        category=finding.category,
        status=pb.STATUS_ACTIVE if person.showcase or rng.random() > 0.06 else pb.STATUS_REFUTED,
        code=finding.concept(),
        specification="" if finding.code else finding.display,
    )
    if finding.category not in _DATED_IN_DETAILS:
        entry.event_time.CopyFrom(_event(rng, person, day))
    if finding.code and rng.random() < 0.4:
        entry.source_of_information.CopyFrom(
            Coding(system=KJ_SOURCES_OF_INFORMATION, code="1", display="Resultat av tester/analyser")
        )
    if finding.months:
        entry.valid_until.CopyFrom(whole(day + timedelta(days=30 * finding.months)))
    _details(rng, finding, entry, day, today)
    return entry


def _author(rng: Random, finding: Finding, care: Care, day: date) -> Colleague:
    if finding.category in _BY_HOSPITAL or rng.random() < 0.3:
        return rng.choice(care.hospital.departments["medicine"].staff)
    return care.doctor(day)


def _event(rng: Random, person: Person, day: date) -> EventTime:
    """Draws when it happened: mostly a year or a month, sometimes a day or an age, or not known."""
    known = rng.random()
    if known < 0.1:
        return EventTime()
    when = day_between(rng, max(person.born, years_before(day, 5)), day)
    if known < 0.2:
        return EventTime(age_years=person.age(when))
    if known < 0.5:
        return EventTime(date=PartialDate(year=when.year))
    if known < 0.75:
        return EventTime(date=PartialDate(year=when.year, month=when.month))
    return EventTime(date=whole(when))


def _details(rng: Random, finding: Finding, entry: pb.CriticalInfo, day: date, today: date) -> None:
    category = finding.category
    if category in _REACTIONS:
        entry.reaction.criticality = rng.choice((pb.CRITICALITY_LOW, pb.CRITICALITY_HIGH, pb.CRITICALITY_HIGH))
        entry.reaction.certainty = rng.choice((pb.CERTAINTY_SUSPECTED, pb.CERTAINTY_PROBABLE, pb.CERTAINTY_CONFIRMED))
        entry.reaction.manifestations.append(CodeableConcept(text=rng.choice(MANIFESTATIONS)))
        entry.reaction.allergen_kind = finding.allergen
    elif category == pb.CATEGORY_INTUBATION_PROBLEM:
        entry.anaesthesia.intubation_grading.text = rng.choice(("Cormack-Lehane grad 3", "Cormack-Lehane grad 4"))
        entry.anaesthesia.mask_ventilation.text = rng.choice(("Maskeventilering gikk greit", "Vanskelig å ventilere"))
    elif category == pb.CATEGORY_ONGOING_TREATMENT:
        entry.treatment.started.date.CopyFrom(PartialDate(year=day.year, month=day.month))
    elif category == pb.CATEGORY_IMPLANT:
        entry.implant.implanted.date.CopyFrom(PartialDate(year=day.year, month=day.month))
        entry.implant.mechanical = finding.mechanical
    elif category == pb.CATEGORY_PROCEDURE_CHANGE:
        entry.procedure_change.period.CopyFrom(Period(start=later(at_work(rng, day), 0, today)))
    elif category == pb.CATEGORY_TREATMENT_DECISION:
        entry.treatment_decision.clinical_reason = "Alvorlig grunnsykdom"
        entry.treatment_decision.treatment_goal = "Lindrende behandling og god livskvalitet"


def _absence(rng: Random, person: Person, care: Care, today: date) -> pb.CategoryAbsence:
    last = person.last_day(today)
    day = day_between(rng, max(person.born, years_before(last, 4)), last)
    stated = provenance(care.doctor(day), later(at_work(rng, day), 0, today), SOURCE, f"{person.key}/absence")
    return pb.CategoryAbsence(
        header=EntryHeader(provenance=stated),
        kind=ABSENCE_KIND_NIL_KNOWN if rng.random() < 0.8 else ABSENCE_KIND_NOT_ASKED,
        category=pb.CATEGORY_DRUG_REACTION if rng.random() < 0.5 else pb.CATEGORY_UNSPECIFIED,
    )
