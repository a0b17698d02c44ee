"""The sections of a summary as rows for people: what stands in each entry, in words."""

from collections.abc import Callable, Iterable
from typing import Any

from kj.show import critical_rows, lab_rows, medicine_rows
from kj.show.columns import Line, Row
from kj.show.norwegian import day, words
from kj.show.values import concept, partial, together, when
from kjernejournal.common.v1 import common_pb2
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.own_registrations.v1 import own_registrations_pb2
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.vaccinations.v1 import vaccinations_pb2
from kjernejournal.visits.v1 import visits_pb2


def _visits(content: visits_pb2.VisitsSection) -> Iterable[Row]:
    for visit in content.visits:
        wrong = together("MELDT SOM FEIL", visit.error.comment, by=": ") if visit.HasField("error") else ""
        unit = together(visit.unit.name, visit.unit.department, by=" ")
        yield (day(visit.period.start), words(visits_pb2.ContactKind, visit.kind), together(unit, wrong))


def _documents(content: documents_pb2.DocumentsSection) -> Iterable[Row]:
    for document in content.documents:
        replaced = document.availability_status == documents_pb2.AVAILABILITY_STATUS_DEPRECATED
        title = f"ERSTATTET AV ET NYERE: {document.title}" if replaced else document.title
        yield (day(document.creation_time), concept(document.type), title)


def _vaccinations(content: vaccinations_pb2.VaccinationsSection) -> Iterable[Row]:
    for each in content.vaccinations:
        given = each.status == vaccinations_pb2.VACCINATION_STATUS_COMPLETED
        state = "" if given else words(vaccinations_pb2.VaccinationStatus, each.status).upper()
        weak = "IKKE FULL DOSE" if each.subpotent else ""
        dose = f"dose {each.dose_number}" if each.dose_number else ""
        where = "" if each.country in {"", "NO"} else f"gitt i {each.country}"
        yield (when(each.occurrence), concept(each.vaccine), together(state, weak, dose, each.product, where))


def _own_registrations(content: own_registrations_pb2.OwnRegistrationsSection) -> Iterable[Row]:
    # Who must not be contacted stands where nobody overlooks it, however old the entry is.
    for each in sorted(content.registrations, key=lambda entry: not entry.contact.not_to_be_contacted):
        match each.WhichOneof("registration"):
            case "contact":
                yield _contact(each.contact)
            case "communication_need":
                need = each.communication_need
                interpreter = "tolk trengs" if need.interpreter else ""
                kind = words(own_registrations_pb2.CommunicationKind, need.kind)
                yield ("kommunikasjon", kind, together(need.language, interpreter, need.comment, by=" "))
            case "illness":
                yield ("sykdom, slik pasienten sier", concept(each.illness.condition), when(each.illness.onset))
            case "donor_card":
                told = "pårørende er informert" if each.donor_card.kin_informed else ""
                decision = words(own_registrations_pb2.DonorDecision, each.donor_card.decision)
                yield ("donorkort", decision, together(told, each.donor_card.comment, by=" "))
            case _:
                yield ("registrert", "noe som ikke kan vises her", "")


def _contact(contact: own_registrations_pb2.Contact) -> Row:
    relation = f"({concept(contact.relation)})" if contact.HasField("relation") else ""
    name = together(contact.name, relation, by=" ")
    if contact.not_to_be_contacted:
        return ("SKAL IKKE KONTAKTES", name, contact.comment)
    roles = ", ".join(words(own_registrations_pb2.ContactRole, role) for role in contact.roles)
    return (roles or "kontakt", name, ", ".join(point.value for point in contact.contact_points))


def _patient(content: patients_pb2.PatientSection) -> Iterable[Row]:
    yield ("navn", name_of(content))
    yield ("født", partial(content.birth_date) if content.HasField("birth_date") else "ikke kjent")
    if content.HasField("death"):
        yield ("død", partial(content.death.date))
    if not content.has_general_practitioner:
        yield ("fastlege", "ikke registrert")
    for assignment in content.general_practitioners[: int(content.has_general_practitioner)]:
        doctors = ", ".join(each.practitioner.name for each in assignment.contract.doctors)
        named = together(doctors, assignment.contract.office.name)
        yield ("fastlege", named or "vises ikke: adressen er sperret")


def name_of(content: patients_pb2.PatientSection) -> str:
    """Returns the patient's name, as far as it is known."""
    return together(content.name.given, content.name.middle, content.name.family, by=" ")


ROWS: dict[int, Callable[[Any], Iterable[Row | Line]]] = {
    common_pb2.SECTION_MEDICATIONS: medicine_rows.rest,
    common_pb2.SECTION_VISITS: _visits,
    common_pb2.SECTION_DOCUMENTS: _documents,
    common_pb2.SECTION_LABS: lab_rows.labs,
    common_pb2.SECTION_VACCINATIONS: _vaccinations,
    common_pb2.SECTION_OWN_REGISTRATIONS: _own_registrations,
    common_pb2.SECTION_PATIENT: _patient,
}
"""What stands in a section, a tuple of cells an entry. A long section is cut on the screen, and a group after each line
by itself."""

NEVER_CUT: dict[int, Callable[[Any], Iterable[Row | Line]]] = {
    common_pb2.SECTION_CRITICAL_INFO: critical_rows.critical_info,
    common_pb2.SECTION_MEDICATIONS: medicine_rows.in_force,
}
"""What comes before it, and is shown whole, however much it is."""
