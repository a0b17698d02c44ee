"""A bundle, whole, into what the registers take: mapped, counted and checked before anything of it is sent."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from gateway.fhir import allergies, documents, lasting, medicines, person, unplaced, visits
from gateway.fhir.bundle import Bundle, Resource
from gateway.fhir.context import Context, source_id
from gateway.fhir.identity import Known, Register, Source, source_of
from gateway.fhir.notes import Notes
from gateway.fhir.reasons import NotPlaced, Refused
from gateway.fhir.tally import Tally
from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.critical_info.v1 import critical_info_pb2
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.patients.v1 import patients_pb2
from kjernejournal.visits.v1 import visits_pb2
from shared.errors import Invalid
from shared.handling.decoding import validate

PATIENTS = "patients"


@dataclass
class Record:
    """Everything about one patient of a bundle, as the registers take it."""

    source: Source
    known: Known
    patient: patients_pb2.ImportedPatient
    critical_info: critical_info_pb2.PatientEntries
    medications: medications_pb2.PatientEntries
    visits: visits_pb2.PatientEntries
    documents: documents_pb2.PatientEntries
    digests: dict[tuple[str, str], str] = field(default_factory=dict)
    """By type and identifier at the source: what it stood for in this bundle."""
    counted: bool = False

    def entries(self) -> dict[str, Message]:
        """What goes to each register beside the patient, where there is something."""
        sections: dict[str, Message] = {
            "critical_info": self.critical_info,
            "medications": self.medications,
            "visits": self.visits,
            "documents": self.documents,
        }
        return {name: message for name, message in sections.items() if len(message.ListFields()) > 1}


@dataclass
class Mapped:
    """A bundle that can be sent."""

    records: list[Record]
    tally: Tally
    cuts: Counter[str]
    """Texts and forms that were longer or more than our fields hold, counted."""


@dataclass(frozen=True)
class _Home:
    """Where a resource type goes: the field that names its patient, and what makes its entry."""

    subject: str
    map: Callable[[Context], Message]


def map_bundle(value: Any, register: Register, now: datetime) -> Mapped:
    """Raises Refused when the bundle, or one field of it that is read, cannot be what it says it is."""
    return _Mapping(Bundle(value), register, now).mapped()


class _Mapping:
    def __init__(self, bundle: Bundle, register: Register, now: datetime) -> None:
        self._bundle = bundle
        self._register = register
        self._now = now
        self._tally = Tally()
        self._records: dict[int, Record] = {}
        """By the identity of the Patient resource."""
        self._homes: dict[str, _Home] = {
            "AllergyIntolerance": _Home("patient", allergies.map_allergy),
            "MedicationRequest": _Home("subject", medicines.map_request),
            "MedicationDispense": _Home("subject", medicines.map_dispense),
            "MedicationStatement": _Home("subject", medicines.map_statement),
            "Encounter": _Home("subject", visits.map_encounter),
            "DocumentReference": _Home("subject", documents.map_document),
            "Procedure": _Home("subject", self._procedure),
            "Device": _Home("patient", lasting.map_device),
        }
        self._notes = Notes(bundle)
        self._removals: dict[int, list[lasting.Removal]] = {}

    def mapped(self) -> Mapped:
        self._patients()
        for resource in self._bundle.resources:
            self._tally.found(resource.type)
            if resource.type == "Patient":
                self._count_patient(resource)
            elif resource.type in self._homes:
                self._place(resource, self._homes[resource.type])
            else:
                self._tally.not_placed(resource.type, self._reason(resource))
        self._tally.check()
        return Mapped(
            list({id(each): each for each in self._records.values()}.values()), self._tally, self._bundle.cuts
        )

    def _patients(self) -> None:
        """Whom the bundle is about: of a document its subject, else every Patient that it holds."""
        patients = list(self._bundle.of_type("Patient"))
        if not patients:
            raise Refused("", "it has no Patient: nobody to import")
        if self._bundle.type == "document":
            patients = [self._subject(patients)]
        by_key: dict[str, Record] = {}
        for resource in patients:
            source = source_of(resource, self._bundle)
            known = self._register.assign(source, self._now)
            if known.national_id not in by_key:
                by_key[known.national_id] = self._record(resource, source, known)
            self._records[id(resource)] = by_key[known.national_id]

    def _subject(self, patients: list[Resource]) -> Resource:
        first = self._bundle.resources[0]
        if first.type != "Composition":
            raise Refused("entry[0].resource", "a document begins with its Composition")
        found = self._bundle.resolve(first.node.child("subject"), first)
        if found is None or found.type != "Patient":
            raise Refused(first.node.at("subject"), "is no Patient of the document")
        return next((each for each in patients if each is found), found)

    def _record(self, resource: Resource, source: Source, known: Known) -> Record:
        numbers = list(source.national_ids) or [known.national_id]
        imported = person.imported(resource.node, numbers, source.birth)
        _check(imported, resource)
        whom = PatientIdentifier(national_id=known.national_id)
        return Record(
            source,
            known,
            imported,
            critical_info_pb2.PatientEntries(patient=whom),
            medications_pb2.PatientEntries(patient=whom),
            visits_pb2.PatientEntries(patient=whom),
            documents_pb2.PatientEntries(patient=whom),
        )

    def _count_patient(self, resource: Resource) -> None:
        record = self._records.get(id(resource))
        if record is None:
            self._tally.not_placed("Patient", unplaced.OTHER_PERSON)
        elif record.counted:
            self._tally.not_placed("Patient", "is the same patient again")
        else:
            record.counted = True
            self._tally.placed("Patient", PATIENTS)

    def _place(self, resource: Resource, home: _Home) -> None:
        try:
            record = self._about(resource, home.subject)
            message = home.map(Context(self._bundle, resource, record.source.system, record.known.since, self._now))
            _check(message, resource)
            self._distinguish(message, resource, record)
            where = _add(message, record)
        except NotPlaced as reason:
            self._tally.not_placed(resource.type, reason.reason)
            return
        if _is_withdrawn(message):
            self._tally.not_placed(resource.type, "is entered in error: withdrawn in the register too")
        else:
            self._tally.placed(resource.type, where)

    def _about(self, resource: Resource, field_name: str) -> Record:
        """The record of the patient whom the resource names. Nothing is given to a patient whom it does not name."""
        reference = resource.node.child(field_name)
        if reference is None:
            raise NotPlaced("belongs to no patient" if resource.type == "Device" else "names no patient")
        found = self._bundle.resolve(reference, resource)
        record = self._records.get(id(found)) if found is not None else None
        if record is None:
            raise NotPlaced(
                unplaced.OTHER_PERSON if found is not None else "is about somebody who is not in the bundle"
            )
        return record

    def _procedure(self, context: Context) -> Message:
        subject = context.find(context.node.child("subject"))
        if id(subject) not in self._removals:
            of_subject = [
                each.node
                for each in self._bundle.of_type("Procedure")
                if self._bundle.resolve(each.node.child("subject"), each) is subject
            ]
            self._removals[id(subject)] = lasting.removals_of(of_subject)
        return lasting.map_procedure(context, self._removals[id(subject)])

    def _distinguish(self, message: Any, resource: Resource, record: Record) -> None:
        """One entry a resource: what comes twice is placed once, and another resource of the same id keeps its own."""
        header = message.document.header if isinstance(message, documents_pb2.ImportedDocument) else message.header
        source, digest = header.provenance, resource.digest()
        if record.digests.get((resource.type, source.source_id), digest) != digest:
            source.source_id = f"{source_id(resource)[:200]}#{resource.full_url or digest}"[:300]
        key = (resource.type, source.source_id)
        if key in record.digests:
            raise NotPlaced("is in the bundle twice")
        record.digests[key] = digest

    def _reason(self, resource: Resource) -> str:
        if resource.type == "DiagnosticReport" and self._notes.hold(resource):
            return unplaced.NOTE
        return unplaced.reason_of(resource.type)


def _check(message: Message, resource: Resource) -> None:
    """The rules of our own contract, which the front door would check too: better here, before anything is sent."""
    try:
        validate(message)
    except Invalid as error:
        raise Refused(resource.node.path, f"does not fit the contract: {error.field} {error.problem}") from None


def _add(message: Any, record: Record) -> str:
    """Puts the entry where it belongs; the name of the list that will show it."""
    lists: dict[type[Message], tuple[Any, str]] = {
        critical_info_pb2.CriticalInfo: (record.critical_info.entries, "critical_info"),
        critical_info_pb2.AbsenceStatement: (record.critical_info.absences, "critical_info: absences"),
        medications_pb2.Prescription: (record.medications.prescriptions, "prescriptions"),
        medications_pb2.Dispensing: (record.medications.dispensings, "dispensings"),
        medications_pb2.MedicationStatement: (record.medications.statements, "statements"),
        visits_pb2.Visit: (record.visits.entries, "visits"),
        documents_pb2.ImportedDocument: (record.documents.entries, "documents"),
    }
    entries, name = lists[type(message)]
    entries.append(message)
    return name


def _is_withdrawn(message: Message) -> bool:
    """Whether the entry takes an earlier one back: it is sent, and no list shows it."""
    if isinstance(message, visits_pb2.Visit):
        return message.withdrawn
    record = getattr(message, "source_record", None)
    return record is not None and record.status == "entered-in-error"
