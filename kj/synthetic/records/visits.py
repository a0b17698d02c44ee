"""Visits as the patient register's feed reports them: time and place, nothing else."""

from datetime import date

from kj.synthetic.people.care import later
from kj.synthetic.people.contacts import ADMISSION, DAY_TREATMENT, OUTPATIENT, Contact
from kj.synthetic.people.person import Person
from kjernejournal.common.v1.common_pb2 import EntryHeader, Period, Provenance
from kjernejournal.visits.v1 import visits_pb2 as pb

SOURCE = "Norsk pasientregister"

_KINDS = {
    ADMISSION: pb.CONTACT_KIND_ADMISSION,
    DAY_TREATMENT: pb.CONTACT_KIND_DAY_TREATMENT,
    OUTPATIENT: pb.CONTACT_KIND_OUTPATIENT,
}


def visit(person: Person, contact: Contact, today: date) -> pb.Visit:
    """Returns a contact as the register reports it, two weeks afterwards."""
    stated = Provenance(
        organisation=contact.department.organisation,
        recorded_at=later(contact.end or contact.start, 14, today),
        source_system=SOURCE,
        source_id=f"{person.key}/{contact.number}",
    )
    return pb.Visit(
        header=EntryHeader(provenance=stated),
        kind=_KINDS[contact.kind],
        period=Period(start=contact.start, end=contact.end),
        unit=contact.department.organisation,
    )
