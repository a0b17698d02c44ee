"""Answers of laboratories: blood tests with their hierarchy, microbiology, pathology and imaging.

Most are sent as they stand today. A few have a life: preliminary, final, and corrected some days later, each sent as it
was issued.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from random import Random

from google.protobuf.timestamp_pb2 import Timestamp

from kj.synthetic.catalogues.analyses import ANALYSES, concept, deviation, reference
from kj.synthetic.draws import at_work, chance, weighted
from kj.synthetic.people.care import Care, later
from kj.synthetic.people.contacts import Contact
from kj.synthetic.people.health import Health
from kj.synthetic.people.organisations import Colleague
from kj.synthetic.people.person import Person
from kj.synthetic.records.documents import RESTRICTIONS
from kj.synthetic.records.examinations import Examination, examinations
from kj.synthetic.records.samples import HEMOGRAM, LIPIDS, Sample, samples
from kjernejournal.common.v1.common_pb2 import (
    QUANTITY_COMPARATOR_LESS,
    QUANTITY_COMPARATOR_UNSPECIFIED,
    CodeableConcept,
    Coding,
    EntryHeader,
    EventTime,
    Organisation,
    Provenance,
    Quantity,
)
from kjernejournal.labs.v1 import labs_pb2 as pb
from shared.codes import systems

SOURCE = "Laboratoriesystem"
_TYPES = {
    "CLIN": "Medisinsk biokjemi",
    "MBIO": "Medisinsk mikrobiologi",
    "HIST": "Histologi",
    "CYTO": "Cytologi",
    "RTG": "Røntgen",
    "CT": "Computertomografi",
    "MR": "Magnettomografi",
}
_EXPERTISE = {
    "HIST": pb.EXPERTISE_PATHOLOGY,
    "CYTO": pb.EXPERTISE_PATHOLOGY,
    "RTG": pb.EXPERTISE_IMAGING,
    "CT": pb.EXPERTISE_IMAGING,
    "MR": pb.EXPERTISE_IMAGING,
}
MOST = 60
"""Reports of one person, the newest."""
_HEADINGS = ((HEMOGRAM, "Hematologi", "58410-2"), (LIPIDS, "Lipider", ""))


@dataclass(frozen=True)
class Plan:
    """A report to be sent."""

    number: int
    asked: Sample | Examination
    requester: Colleague
    restriction: str
    """Code of Volven 9603; empty: none is stated."""
    has_life: bool
    """It was preliminary, final, and then corrected."""


def plans(person: Person, health: Health, care: Care, contacts: list[Contact], today: date) -> list[Plan]:
    """Draws which reports this person has, oldest first; none for some."""
    wanted: list[tuple[date, Sample | Examination, Colleague]] = [
        (sample.day, sample, care.doctor(sample.day)) for sample in samples(person, health, today)
    ]
    wanted += [(each.day, each, each.requester) for each in examinations(person, health, care, contacts, today)]
    wanted.sort(key=lambda each: each[0])
    result = []
    for number, (day, asked, requester) in enumerate(wanted[-MOST:], start=1):
        rng = chance("report", person.key, number)
        numbers = isinstance(asked, Sample) and "hb" in asked.values
        old = day < today - timedelta(days=20) and (person.died is None or day < person.died - timedelta(days=20))
        has_life = numbers and old and (rng.random() < 0.02 or (person.showcase and number == len(wanted[-MOST:]) // 2))
        result.append(Plan(number, asked, requester, _restriction(rng, person, day, today), has_life))
    return result


def report(person: Person, care: Care, plan: Plan, today: date) -> pb.LabReport:
    """Returns the report as it stands today."""
    if plan.has_life:
        return life(person, care, plan, today)[-1]
    rng = chance("results", person.key, plan.number)
    taken = at_work(rng, plan.asked.day)
    days = 0 if isinstance(plan.asked, Sample) and plan.asked.pcr is None else rng.choice((1, 1, 2, 4))
    issued = later(Timestamp(seconds=taken.seconds + 3 * 3600), days, today)
    made = _report(person, care, plan, taken)
    _issue(made, issued, pb.RESULT_STATUS_FINAL)
    if plan.asked.day >= today - timedelta(days=3) and isinstance(plan.asked, Examination):
        made.status = pb.RESULT_STATUS_PRELIMINARY
    return made


LIFE = 3
"""Versions of a report with a life."""


def life(person: Person, care: Care, plan: Plan, today: date) -> tuple[pb.LabReport, pb.LabReport, pb.LabReport]:
    """Returns the three versions of a report with a life, oldest first: the corrected one has fewer leukocytes."""
    taken = at_work(chance("results", person.key, plan.number), plan.asked.day)
    whole = _report(person, care, plan, taken)
    wrong = pb.LabReport()
    wrong.CopyFrom(whole)
    for result in wrong.results:
        if result.key == "leukocytes":
            result.quantity.value = "24.1"
            result.deviation = pb.DEVIATION_ABOVE
    first = pb.LabReport()
    first.CopyFrom(wrong)
    del first.results[2:]
    _issue(first, later(Timestamp(seconds=taken.seconds + 2 * 3600), 0, today), pb.RESULT_STATUS_PRELIMINARY)
    _issue(wrong, later(Timestamp(seconds=taken.seconds + 5 * 3600), 0, today), pb.RESULT_STATUS_FINAL)
    whole.comment = "Korrigert svar: prøven var forbyttet i telleren."
    _issue(whole, later(taken, 3, today), pb.RESULT_STATUS_CORRECTED)
    return first, wrong, whole


def _report(person: Person, care: Care, plan: Plan, taken: Timestamp) -> pb.LabReport:
    asked = plan.asked
    kind = asked.kind if isinstance(asked, Examination) else "CLIN" if asked.pcr is None else "MBIO"
    made = pb.LabReport(
        expertise=_EXPERTISE.get(kind, pb.EXPERTISE_LABORATORY),
        code=_type(kind),
        effective=EventTime(instant=taken),
        requester=pb.Requester(practitioner=plan.requester.practitioner, organisation=plan.requester.organisation),
        laboratory=_laboratory(care, kind),
    )
    source_id = f"{person.key}/{plan.number}"
    # The laboratory answers; no person does.
    stated = Provenance(organisation=made.laboratory, source_system=SOURCE, source_id=source_id)
    made.header.CopyFrom(EntryHeader(provenance=stated))
    if plan.restriction:
        code = plan.restriction
        made.confidentiality.add(system=systems.RESTRICTIONS, code=code, display=RESTRICTIONS[code])
    if isinstance(asked, Examination):
        made.results.append(pb.Result(key="1", code=concept(asked.name), text=asked.found))
        made.conclusion = asked.conclusion
        made.interpreter.CopyFrom(asked.interpreter.practitioner)
        if asked.specimen:
            made.specimens.add(type=CodeableConcept(text=asked.specimen), collected=EventTime(instant=taken))
    elif asked.pcr is not None:
        made.specimens.add(type=CodeableConcept(text="Sekret fra nasofarynks"), collected=EventTime(instant=taken))
        made.results.append(_pcr(positive=asked.pcr))
    else:
        made.specimens.add(type=CodeableConcept(text="Venøst blod"), collected=EventTime(instant=taken))
        made.results.extend(_results(asked.values, person, asked.day))
    return made


def _issue(made: pb.LabReport, when: Timestamp, status: "pb.ResultStatus.ValueType") -> None:
    made.status = status
    made.issued.CopyFrom(when)
    made.header.provenance.recorded_at.CopyFrom(when)


def _results(values: dict[str, float], person: Person, day: date) -> Iterator[pb.Result]:
    """Yields the values in the report's order, parts under their heading."""
    left = dict(values)
    for names, heading, loinc in _HEADINGS:
        if left.keys() >= set(names):
            key = names[0] + " group"
            yield pb.Result(key=key, code=concept(heading, loinc=loinc) if loinc else concept(heading))
            yield from (_result(name, left.pop(name), key, person, day) for name in names)
    yield from (_result(name, value, "", person, day) for name, value in left.items())


def _result(name: str, value: float, part_of: str, person: Person, day: date) -> pb.Result:
    analysis = ANALYSES[name]
    less = value < analysis.least
    made = pb.Result(
        key=name,
        part_of=part_of,
        code=concept(analysis.name, analysis.nlk, analysis.loinc),
        quantity=Quantity(
            value=analysis.written(analysis.least if less else value),
            unit=analysis.unit.replace("umol", "µmol").replace("ug", "µg").replace("10*9", "10⁹").strip("{}"),
            system=systems.UCUM,
            code=analysis.unit,
            comparator=QUANTITY_COMPARATOR_LESS if less else QUANTITY_COMPARATOR_UNSPECIFIED,
        ),
    )
    if person.age(day) >= 18:  # the limits are adults'
        made.deviation = deviation(analysis, float(analysis.written(value)), woman=person.woman)
        made.reference_ranges.append(reference(analysis, woman=person.woman))
    return made


def _pcr(*, positive: bool) -> pb.Result:
    return pb.Result(
        key="sars-cov-2",
        code=concept("Us-SARS-CoV-2 RNA", "NPU59097", "94500-6"),
        concept=CodeableConcept(text="Påvist" if positive else "Ikke påvist"),
        method=CodeableConcept(text="PCR"),
    )


@cache
def _type(code: str) -> CodeableConcept:
    return CodeableConcept(codings=[Coding(system=systems.REPORT_TYPES, code=code, display=_TYPES[code])])


def _laboratory(care: Care, kind: str) -> Organisation:
    """Returns the hospital's department for this kind of answer."""
    images = care.hospital.departments["images"].organisation
    if _EXPERTISE.get(kind) == pb.EXPERTISE_IMAGING:
        return images
    names = {"MBIO": "Mikrobiologisk avdeling", "HIST": "Avdeling for patologi", "CYTO": "Avdeling for patologi"}
    return Organisation(
        number=images.number, name=images.name, department=names.get(kind, "Avdeling for medisinsk biokjemi")
    )


def _restriction(rng: Random, person: Person, day: date, today: date) -> str:
    """Draws a code of Volven 9603, as for documents; "": none is stated."""
    if person.showcase:
        return ""
    if day >= today - timedelta(days=14) and rng.random() < 0.3:
        return "NORU"
    refused = "NORN_FORANS" if person.age(today) < 16 else "NORN_KUT"
    return weighted(rng, [("", 97), ("NORS", 1.5), (refused, 1.5)])
