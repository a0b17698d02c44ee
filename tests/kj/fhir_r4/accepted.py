"""What the registers themselves say of mapped messages: a refusal in the middle of a feed would leave half a file."""

from datetime import datetime
from typing import Any

from kjernejournal.critical_info.v1.critical_info_pb2 import PatientEntries as CriticalInfo
from kjernejournal.documents.v1.documents_pb2 import PatientEntries as Documents
from kjernejournal.labs.v1.labs_pb2 import PatientEntries as Labs
from kjernejournal.medications.v1.medications_pb2 import PatientEntries as Medications
from kjernejournal.own_registrations.v1.own_registrations_pb2 import PatientEntries as OwnRegistrations
from kjernejournal.patients.v1.patients_pb2 import ImportedPatient
from kjernejournal.vaccinations.v1.vaccinations_pb2 import PatientEntries as Vaccinations
from kjernejournal.visits.v1.visits_pb2 import PatientEntries as Visits
from services.critical_info import importing as critical_info
from services.documents import model as documents
from services.labs import checks as labs
from services.medications import checks as medications
from services.own_registrations import model as own_registrations
from services.patients import model as patients
from services.vaccinations import model as vaccinations
from services.visits import model as visits
from shared.convert import moment
from shared.register.stated_absence import AHEAD


def check(message: Any, now: datetime) -> None:
    """Raises Invalid where the register would refuse something of this patient."""
    if isinstance(message, ImportedPatient):
        patients.check_person(message.person, production=False)
    elif isinstance(message, CriticalInfo):
        for entry in message.critical_info:
            critical_info.check(entry, "critical_info")
        assert all(absence.kind for absence in message.absences)
    elif isinstance(message, Medications):
        kinds: list[Any] = [*message.prescriptions, *message.dispensings, *message.statements]
        for each in kinds:
            medications.fed(each, now)
    elif isinstance(message, OwnRegistrations):
        for registration in message.registrations:
            own_registrations.check(registration, now)
    elif isinstance(message, Documents):
        for document in message.documents:
            documents.check(document.document, now)
    else:
        _check_timed(message, now)


def _check_timed(message: Labs | Vaccinations | Visits, now: datetime) -> None:
    if isinstance(message, Visits):
        for visit in message.visits:
            visits.check(visit, now)
        return
    if isinstance(message, Labs):
        for report in message.reports:
            labs.report(report, now)
    else:
        for vaccination in message.vaccinations:
            vaccinations.check(vaccination, now)
    for absence in message.absences:
        assert moment(absence.header.provenance.recorded_at) <= now + AHEAD
        assert absence.kind
