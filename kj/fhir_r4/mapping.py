"""Maps a whole bundle to what the registers take, counts it and checks it, before anything of it is sent."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from google.protobuf.message import Message

from kj.fhir_r4.bundle.bundle import Bundle
from kj.fhir_r4.bundle.refusals import BadField, NotPlaced, Refused
from kj.fhir_r4.bundle.resource import Resource
from kj.fhir_r4.mapped import Mapped
from kj.fhir_r4.message_spool import ABSENCES, PATIENTS, PLACES, MessageSpool, Place
from kj.fhir_r4.reading import identifiers, security_labels
from kj.fhir_r4.reading.context import Context
from kj.fhir_r4.reading.modifiers import check_frame, of_resource
from kj.fhir_r4.resources import (
    allergies,
    devices_and_procedures,
    documents,
    empty_sections,
    medicines,
    own_registrations,
    unplaced,
    vaccinations,
    visits,
)
from kj.fhir_r4.resources.labs import reports
from kj.fhir_r4.resources.labs.report_graph import ReportGraph, why_not
from kj.fhir_r4.resources.national_ids import AssignedIds
from kj.fhir_r4.resources.notes import Notes
from kj.fhir_r4.resources.patients import Patients, Record
from kj.fhir_r4.resources.removals import Removals
from kj.fhir_r4.tally import Tally
from kjernejournal.common.v1.common_pb2 import ABSENCE_KIND_NOT_ASKED, StatedAbsence
from kjernejournal.critical_info.v1.critical_info_pb2 import STATUS_ENTERED_IN_ERROR, CategoryAbsence, CriticalInfo
from kjernejournal.documents.v1.documents_pb2 import ImportedDocument
from kjernejournal.labs.v1.labs_pb2 import EXPERTISE_UNSPECIFIED, LabReport
from kjernejournal.medications.v1.medications_pb2 import (
    STATEMENT_KIND_MEDICINE,
    Dispensing,
    MedicationStatement,
    Prescription,
)
from kjernejournal.own_registrations.v1.own_registrations_pb2 import OwnRegistration
from kjernejournal.vaccinations.v1.vaccinations_pb2 import Vaccination
from kjernejournal.visits.v1.visits_pb2 import Visit
from shared.errors import Invalid
from shared.handling.decoding import validate
from shared.medicines.dosage_rules import check_medicine

WITHDRAWN = "is entered in error: withdrawn in the register too"
NO_LONGER = "no longer holds, or is entered in error: withdrawn in the register too"
MOST_SHARED = 50_000
"""Resources of ids that are not theirs alone; each costs memory until the end."""
TWICE = "is in the bundle twice"
MOST_NAMED = 100
"""Reasons of one resource type that name the place in the file; further ones name the field alone."""
RESULTS, ALONE = "lab results", "lab results: reports of their own"


@dataclass(frozen=True)
class _Home:
    """Where a resource type goes: the field that names its patient, and what makes its entry."""

    subject: str
    map: Callable[[Context], Message]


def map_bundle(file: BinaryIO, ids: AssignedIds, now: datetime) -> Mapped:
    """Maps a bundle whole. Raises Refused when it, or a field of it that is read, cannot be what it says it is."""
    with Bundle(file) as bundle:
        messages = MessageSpool()
        try:
            return _Mapping(bundle, messages, ids, now).mapped()
        except BaseException:
            messages.close()
            raise


class _Mapping:
    def __init__(self, bundle: Bundle, messages: MessageSpool, ids: AssignedIds, now: datetime) -> None:
        self._bundle = bundle
        self._messages = messages
        self._patients = Patients(bundle, ids, now)
        self._now = now
        self._tally = Tally()
        self._beside: Counter[str] = Counter()
        self._seen: dict[tuple[int, str], str] = {}
        """What names that several resources share stood for, by patient."""
        self._homes: dict[str, _Home] = {
            "AllergyIntolerance": _Home("patient", allergies.map_allergy),
            "MedicationRequest": _Home("subject", medicines.map_request),
            "MedicationDispense": _Home("subject", medicines.map_dispense),
            "MedicationStatement": _Home("subject", medicines.map_statement),
            "Encounter": _Home("subject", visits.map_encounter),
            "DocumentReference": _Home("subject", documents.map_document),
            "Procedure": _Home("subject", lambda of: devices_and_procedures.map_procedure(of, self._removals)),
            "Device": _Home("patient", lambda of: devices_and_procedures.map_device(of, self._removals)),
            "DeviceUseStatement": _Home(
                "subject", lambda of: devices_and_procedures.map_device_use(of, self._removals)
            ),
            "Immunization": _Home("patient", vaccinations.map_immunization),
            "RelatedPerson": _Home("patient", own_registrations.map_related_person),
            "DiagnosticReport": _Home("subject", self._report),
            "Observation": _Home("subject", self._observation),
        }
        frame = bundle.composition.node if bundle.composition else None
        security_labels.check_whole(bundle.node, frame)
        check_frame(bundle.node, frame)
        self._notes = Notes(bundle)
        self._graph = ReportGraph(bundle)
        self._unplaced: dict[int, str] = {}
        """Why reports and panels that hold results were not placed, by their position."""
        self._removals = Removals(bundle)

    def mapped(self) -> Mapped:
        self._patients.take(self._messages)
        for resource in self._bundle:
            self._tally.found(resource.type)
            if resource.type == "Patient":
                self._count_patient(resource)
            elif resource.type == "Observation" and self._graph.holder(resource) != resource.position:
                pass  # counted with what holds it
            elif resource.type in self._homes and self._bundle.is_again(resource):
                self._tally.not_placed(resource.type, TWICE)
            elif resource.type in self._homes:
                self._place(resource, self._homes[resource.type])
            else:
                self._tally.not_placed(resource.type, unplaced.reason_of(resource))
                if resource.type == "Composition":
                    self._sections(resource)
        self._count_held()
        self._tally.check()
        return Mapped(
            self._patients.records,
            self._messages,
            self._tally,
            +self._beside,
            +self._bundle.cuts,
            self._patients.refused,
        )

    def _count_patient(self, resource: Resource) -> None:
        try:
            record = self._patients.placed(resource)
        except NotPlaced as reason:
            self._tally.not_placed("Patient", reason.reason)
            return
        self._tally.placed("Patient", PATIENTS)
        try:
            self._add_parts(own_registrations.of_patient(self._context(resource, record)), record)
        except BadField as field:
            self._beside[f"contacts and languages of patients, not placed: {field}"] += 1

    def _add_parts(self, parts: "Iterator[tuple[str, Message]]", record: Record) -> None:
        """Adds entries that stand inside another resource. One that does not fit is left out, and counted."""
        for counted, message in parts:
            try:
                self._check(message)
            except NotPlaced:
                self._beside[f"{counted}, not placed: does not fit the contract"] += 1
                continue
            self._messages.add(record.number, message, PLACES[type(message)])
            self._beside[counted] += 1

    def _place(self, resource: Resource, home: _Home) -> None:
        try:
            if reason := of_resource(resource):
                raise NotPlaced(reason)
            resource.node.text("id")
            record = self._patients.about(resource, home.subject)
            context = self._context(resource, record)
            message = home.map(context)
            if not isinstance(message, LabReport | ImportedDocument):  # which carry their restrictions
                security_labels.check_open(context.labels)
            self._check(message)
            self._distinguish(message, resource, record)
        except (BadField, NotPlaced) as error:
            reason = self._named(resource.type, error) if isinstance(error, BadField) else error.reason
            self._tally.not_placed(resource.type, reason)
            self._explain(resource, reason)
            return
        place = _place_of(message)
        self._messages.add(record.number, message, place)
        if (also := _said_under_the_same_id(message)) is not None:
            self._messages.add(record.number, also, _place_of(also))
        if resource.type == "DiagnosticReport" and isinstance(message, LabReport):
            self._present(resource, record)
        if _is_withdrawn(message):
            other = isinstance(message, CategoryAbsence | StatedAbsence | OwnRegistration | Visit)
            reason = NO_LONGER if other else WITHDRAWN
            self._tally.not_placed(resource.type, reason)
            self._explain(resource, reason)
        else:
            self._tally.placed(resource.type, ALONE if resource.type == "Observation" else place.shown)

    def _named(self, resource_type: str, field: BadField) -> str:
        """Returns the reason of a field that cannot be what it says, with its path."""
        named = len(self._tally.rows[resource_type].not_placed)
        return str(field) if named < MOST_NAMED else _POSITION.sub("", str(field))

    def _explain(self, resource: Resource, reason: str) -> None:
        if self._graph.holds(resource):
            self._unplaced[resource.position] = reason

    def _present(self, resource: Resource, record: Record) -> None:
        """Adds the report as its source wrote it, such as a PDF, as a document beside the results.

        Not where a DocumentReference of the bundle holds it too.
        """
        forms = resource.node.children("presentedForm")
        if not forms or self._notes.hold(resource):
            return
        try:
            message = documents.map_presented_form(self._context(resource, record))
            self._check(message)
        except (BadField, NotPlaced) as error:
            self._beside[f"reports as written, not placed: {error.reason}"] += 1
            return
        self._messages.add(record.number, message, PLACES[ImportedDocument])
        self._beside["reports as written: documents"] += 1

    def _check(self, message: Any) -> None:
        """Raises NotPlaced for what breaks our own contract. The front door checks it too, but only once it is sent."""
        identifiers.clean(message.document if isinstance(message, ImportedDocument) else message, self._bundle.cuts)
        try:
            validate(message)
            if isinstance(message, Prescription | Dispensing | MedicationStatement):
                check_medicine(message)
        except Invalid as error:
            where = _POSITION.sub("", error.field)
            raise NotPlaced(f"does not fit the contract: {where} {error.problem}") from None

    def _context(self, resource: Resource, record: Record) -> Context:
        own_labels = security_labels.labels(resource.node)
        return Context(self._bundle, resource, record.system, record.known.since, self._now, own_labels)

    def _report(self, context: Context) -> Message:
        """Returns a laboratory answer, or a document for a report that is a note.

        Raises NotPlaced for a note whose DocumentReference is placed instead.
        """
        node = context.node
        if not node.children("result") and self._notes.hold(context.resource):
            raise NotPlaced(unplaced.NOTE)
        return (
            reports.map_report(context, self._graph)
            if reports.is_answer(node)
            else documents.map_presented_form(context)
        )

    def _observation(self, context: Context) -> Message:
        node = context.node
        untold = node.text("status") == "entered-in-error" and not node.has("category")
        if self._graph.expertise(context.resource) == EXPERTISE_UNSPECIFIED and not untold:
            raise NotPlaced(why_not(context.node))
        return reports.map_observation(context, self._graph)

    def _count_held(self) -> None:
        """Counts the results that a report or panel holds: they are placed, or not placed, together with it."""
        for position, holder in self._graph.held():
            reason = self._unplaced.get(holder)
            node = self._bundle.at(position).node
            left_out = self._graph.left_out.get(position)
            if left_out is not None and reason is None:
                self._tally.not_placed("Observation", left_out)
            elif reason is not None:
                of = "report" if self._bundle.at(holder).type == "DiagnosticReport" else "panel"
                self._tally.not_placed("Observation", f"its {of} {reason}")
            elif node.text("status") == "entered-in-error":
                self._tally.not_placed("Observation", reports.WITHDRAWN)
            else:
                self._tally.placed("Observation", RESULTS)

    def _sections(self, resource: Resource) -> None:
        """Adds what the empty sections of a document state. Only the first Composition speaks for the bundle."""
        first = self._bundle.composition
        if first is None or first.position != resource.position or not self._patients.records:
            return
        record = self._patients.records[0]
        try:
            for stated in empty_sections.statements(self._context(resource, record)):
                self._beside[stated.counted] += 1
                if stated.message is not None and stated.place is not None:
                    self._messages.add(record.number, stated.message, stated.place)
        except BadField as field:
            self._beside[f"sections of the document, not read: {field}"] += 1

    def _distinguish(self, message: Any, resource: Resource, record: Record) -> None:
        """Gives another resource of the same id an identifier of its own, so that both are kept.

        One that comes twice stays one entry.
        """
        header = message.document.header if isinstance(message, ImportedDocument) else message.header
        source = header.provenance
        if self._bundle.is_told_apart(source.source_id):
            return
        digest = resource.digest()
        if self._seen.get((record.number, source.source_id), digest) != digest:
            source.source_id = f"{source.source_id[:200]}#{resource.full_url or digest}"[:300]
        key = (record.number, source.source_id)
        if key in self._seen:
            raise NotPlaced(TWICE)
        self._seen[key] = digest
        if len(self._seen) > MOST_SHARED:
            raise Refused(resource.node.path, f"is one of more than {MOST_SHARED} that share their ids with others")


_POSITION = re.compile(r"\[\d+\]")


def _place_of(message: Message) -> Place:
    return ABSENCES["vaccinations"] if isinstance(message, StatedAbsence) else PLACES[type(message)]


def _said_under_the_same_id(message: Any) -> StatedAbsence | MedicationStatement | None:
    """Returns what else is taken back by an id alone: under it "none known" may have been said. None: nothing."""
    if isinstance(message, Vaccination) and message.withdrawn and message.vaccine.text == medicines.NOT_STATED:
        return StatedAbsence(header=message.header, kind=ABSENCE_KIND_NOT_ASKED, withdrawn=True)
    if isinstance(message, Prescription) and _is_withdrawn(message) and not message.medication.code.codings:
        made = MedicationStatement(header=message.header, kind=STATEMENT_KIND_MEDICINE, medication=message.medication)
        made.source_record.CopyFrom(message.source_record)
        return made
    return None


def _is_withdrawn(message: Any) -> bool:
    """Whether the entry takes an earlier one back: it is sent, and no list shows it."""
    if isinstance(message, ImportedDocument):
        return message.document.withdrawn
    if isinstance(message, CriticalInfo):
        return message.status == STATUS_ENTERED_IN_ERROR
    if "withdrawn" in message.DESCRIPTOR.fields_by_name:
        return bool(message.withdrawn)
    record = getattr(message, "source_record", None)
    return record is not None and record.status == "entered-in-error"
