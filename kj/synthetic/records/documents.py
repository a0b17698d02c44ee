"""Documents that hospitals and municipalities share of one person, with real content: PDF or plain text."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from google.protobuf.timestamp_pb2 import Timestamp

from kj.synthetic.draws import at, chance, day_between, weighted, years_before
from kj.synthetic.people.care import Care, not_after, provenance
from kj.synthetic.people.contacts import ADMISSION, OUTPATIENT, Contact
from kj.synthetic.people.health import Health
from kj.synthetic.people.organisations import Colleague
from kj.synthetic.people.person import Person
from kj.synthetic.records import texts
from kj.synthetic.records.pdf import pdf
from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, EntryHeader, Period
from kjernejournal.documents.v1 import documents_pb2 as pb
from shared.codes import systems

SOURCE = "Dokumentdeling"
_SHARED_SINCE = date(2016, 1, 1)

TYPES = {
    "A01-2": "Kriseplan",
    "A02-2": "Individuell plan",
    "A03-2": "Epikrise",
    "A04-2": "Sykepleiesammenfatning",
    "B03-2": "Poliklinisk notat",
    "E01-2": "Diagnostiske bilder",
}
"""Types of Volven 9602 that the population has."""

RESTRICTIONS = {
    "N": "Normal",
    "NORS": "Sperret",
    "NORU": "Utsatt innsyn for innbygger",
    "NORN_KUT": "Nektet, klart utilrådelig",
    "NORN_FFL": "Nektet, fare for liv",
    "NORN_EPO": "Nektet, eget ønske",
    "NORN_FORANS": "Nektet, foreldreansvarlig",
}
"""Codes of Volven 9603 that the population has."""


@dataclass(frozen=True)
class Plan:
    """A document to be written."""

    number: int
    type_code: str
    author: Colleague
    made: Timestamp
    restriction: str
    """Code of Volven 9603; empty: none is stated."""
    contact: Contact | None = None

    @property
    def is_pdf(self) -> bool:
        """Notes are plain text, everything else PDF."""
        return self.type_code != "B03-2"


def plans(person: Person, health: Health, care: Care, contacts: list[Contact], today: date) -> list[Plan]:
    """Draws which documents this person has, oldest contact first; none for many."""
    rng = chance("documents", person.key)
    wanted: list[tuple[str, Colleague, Timestamp, Contact | None]] = []
    for contact in contacts:
        code = _of_contact(rng, contact) if contact.day >= _SHARED_SINCE else ""
        if person.showcase and contact is contacts[-1]:
            code = "A03-2"
        if code:
            made = Timestamp(seconds=(contact.end or contact.start).seconds + 20 * 3600)
            wanted.append((code, contact.doctor, not_after(made, today), contact))
    wanted += [(*each, None) for each in _of_municipality(rng, person, health, care, today)]
    return [
        Plan(number, code, author, made, _restriction(rng, person, made, today), contact)
        for number, (code, author, made, contact) in enumerate(wanted, start=1)
    ]


def document(person: Person, health: Health, plan: Plan) -> pb.ImportedDocument:
    """Returns the document with its content."""
    title = TYPES[plan.type_code]
    body = texts.text(plan.type_code, person, health, plan.contact, plan.author, plan.made.ToDatetime().date())
    content = pdf(title, body) if plan.is_pdf else f"{title}\n\n{body}".encode()
    place = plan.author.organisation
    contact = plan.contact
    return pb.ImportedDocument(
        document=pb.Document(
            header=EntryHeader(provenance=provenance(plan.author, plan.made, SOURCE, f"{person.key}/{plan.number}")),
            type=CodeableConcept(codings=[Coding(system=systems.DOCUMENT_TYPES, code=plan.type_code, display=title)]),
            mime_type="application/pdf" if plan.is_pdf else "text/plain",
            title=f"{title}, {place.department}",
            author_institution=place,
            author=plan.author.practitioner,
            service_period=Period(start=contact.start, end=contact.end) if contact else None,
            creation_time=plan.made,
            language="nb-NO",
            confidentiality=[
                Coding(system=systems.RESTRICTIONS, code=code, display=RESTRICTIONS[code])
                for code in [plan.restriction]
                if code
            ],
        ),
        content=content,
    )


def _of_contact(rng: Random, contact: Contact) -> str:
    draw = rng.random()
    if contact.end is None:
        return ""
    if contact.kind == ADMISSION:
        return "A03-2" if draw < 0.85 else ""
    if contact.department.organisation.department == "Radiologisk avdeling":
        return "E01-2" if draw < 0.5 else ""
    return "B03-2" if contact.kind == OUTPATIENT and draw < 0.15 else ""


def _of_municipality(
    rng: Random, person: Person, health: Health, care: Care, today: date
) -> list[tuple[str, Colleague, Timestamp]]:
    """Returns care plans, and what home care and nursing homes write."""
    last = person.last_day(today)
    day = day_between(rng, max(person.born, years_before(last, 2)), last)
    made = not_after(at(day, 13 * 60), today)
    found = []
    if person.showcase or (person.age(today) > 78 and rng.random() < 0.2):
        found.append(("A04-2", care.nurse, made))
    if any(each.department == "psychiatry" for each, _ in health.illnesses) and rng.random() < 0.08:
        psychologist = care.hospital.departments["psychiatry"].staff[-1]
        found.append(("A01-2", psychologist, made))
    if rng.random() < (0.05 if person.age(today) > 70 else 0.004):
        found.append(("A02-2", care.nurse, made))
    return found


def _restriction(rng: Random, person: Person, made: Timestamp, today: date) -> str:
    """Draws a code of Volven 9603: of some of the newest delayed, of a few restricted by or kept from the patient."""
    if person.showcase:
        return "N"
    if made.seconds > at(today - timedelta(days=14)).seconds and rng.random() < 0.3:
        return "NORU"
    citizen = "NORN_FORANS" if person.age(today) < 16 else rng.choice(("NORN_KUT", "NORN_FFL", "NORN_EPO"))
    return weighted(rng, [("", 60), ("N", 35), ("NORS", 2.5), (citizen, 2.5)])
