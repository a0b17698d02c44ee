"""Synthetic patients of a running system, sent as the national registers' feeds send them: through the front door."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from kj.feeds.feed import Feed
from kjernejournal.common.v1.common_pb2 import (
    CodeableConcept,
    Coding,
    EntryHeader,
    Organisation,
    PatientIdentifier,
    Period,
    Provenance,
)
from kjernejournal.critical_info.v1 import critical_info_pb2
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.labs.v1 import labs_pb2
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.own_registrations.v1 import own_registrations_pb2
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.vaccinations.v1 import vaccinations_pb2
from kjernejournal.visits.v1 import visits_pb2
from shared.convert import timestamp
from tests.services.documents.calls import document
from tests.services.labs.calls import report
from tests.services.medications.feed import dispensing, medicine, prescription, statement
from tests.services.own_registrations.calls import card, contact, fed, illness, need
from tests.services.patients.people import new_id, person
from tests.services.vaccinations.register import dose
from tests.support.system import System

CONTENT = b"Epikrise: " + b"alt vel. " * 10
REGISTERS = ("critical_info", "medications", "visits", "documents", "labs", "vaccinations", "own_registrations")
"""Whose entries every patient here has; each is a section of the summary, with patients the eighth."""


@dataclass(frozen=True)
class Patient:
    """Somebody with a record."""

    national_id: str

    @property
    def identifier(self) -> PatientIdentifier:
        return PatientIdentifier(national_id=self.national_id)

    def asks(self) -> dict[str, Any]:
        """Returns who calls, for `Client`: the patient."""
        return {"kind": "citizen", "national_id": self.national_id}


async def new_patients(
    system: System, count: int, *, entries: bool = True, privacy: patients_pb2.ImportedPrivacy | None = None
) -> list[Patient]:
    """Registers patients with an entry of each kind in each register, unless `entries` says otherwise."""
    patients = [Patient(new_id()) for _ in range(count)]
    async with Feed.open(system.gateway) as feed:
        await feed.send(
            "patients",
            [
                patients_pb2.ImportedPatient(person=person(each.national_id, family=uuid4().hex), privacy=privacy)
                for each in patients
            ],
        )
        if entries:
            for register in REGISTERS:
                await feed.send(register, [entries_of(register, each.identifier) for each in patients])
    return patients


async def new_patient(system: System, **fields: Any) -> Patient:
    """Registers one patient."""
    [patient] = await new_patients(system, 1, **fields)
    return patient


def entries_of(register: str, patient: PatientIdentifier) -> Any:
    """Returns an entry of each kind that the register takes, as its feed sends them."""
    entries = _ENTRIES[register]()
    entries.patient.CopyFrom(patient)
    return entries


_ENTRIES: dict[str, Callable[[], Any]] = {
    "critical_info": lambda: critical_info_pb2.PatientEntries(critical_info=[reaction(source_id="ki-1")]),
    "medications": lambda: medications_pb2.PatientEntries(
        prescriptions=[prescription("r-1")], dispensings=[dispensing("d-1", "r-1")], statements=[statement("s-1")]
    ),
    "visits": lambda: visits_pb2.PatientEntries(visits=[visit(source_id="v-1")]),
    "documents": lambda: documents_pb2.PatientEntries(
        documents=[documents_pb2.ImportedDocument(document=document(source_id="doc-1"), content=CONTENT)]
    ),
    "labs": lambda: labs_pb2.PatientEntries(reports=[report("lab-1")]),
    "vaccinations": lambda: vaccinations_pb2.PatientEntries(vaccinations=[dose("vax-1")]),
    "own_registrations": lambda: own_registrations_pb2.PatientEntries(
        registrations=[fed(contact(), "own-1"), fed(need(), "own-2"), fed(illness(), "own-3"), fed(card(), "own-4")]
    ),
}


def reaction(comment: str = "", source_id: str = "") -> critical_info_pb2.CriticalInfo:
    """Returns an allergy against penicillin."""
    return critical_info_pb2.CriticalInfo(
        header=_header("legekontoret", source_id) if source_id else None,
        category=critical_info_pb2.CATEGORY_DRUG_REACTION,
        status=critical_info_pb2.STATUS_ACTIVE,
        code=CodeableConcept(
            codings=[Coding(system=medicine().atc.system, code="J01CE02", display="Fenoksymetylpenicillin")]
        ),
        reaction=critical_info_pb2.Reaction(
            criticality=critical_info_pb2.CRITICALITY_HIGH, certainty=critical_info_pb2.CERTAINTY_CONFIRMED
        ),
        comment=comment,
    )


def visit(source_id: str) -> visits_pb2.Visit:
    """Returns an outpatient contact of last month."""
    start = datetime.now(UTC) - timedelta(days=30)
    return visits_pb2.Visit(
        header=_header("npr", source_id),
        kind=visits_pb2.CONTACT_KIND_OUTPATIENT,
        period=Period(start=timestamp(start), end=timestamp(start + timedelta(hours=1))),
        unit=Organisation(resh_id="4204973", name="Sørlandet sykehus Arendal", department="Hjertepoliklinikken"),
    )


def _header(system: str, source_id: str) -> EntryHeader:
    now = timestamp(datetime.now(UTC))
    return EntryHeader(provenance=Provenance(source_system=system, source_id=source_id, recorded_at=now))
