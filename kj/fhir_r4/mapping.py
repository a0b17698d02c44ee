"""Maps a whole bundle to what the registers take, counts it and checks it, before anything of it is sent."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, BinaryIO, Self

from google.protobuf.message import Message

from kj.fhir_r4.bundle.bundle import Bundle, Resource
from kj.fhir_r4.bundle.refusals import NotPlaced, Refused
from kj.fhir_r4.message_spool import ABSENCES, PATIENTS, PLACES, MessageSpool, Place
from kj.fhir_r4.reading import security_labels
from kj.fhir_r4.reading.context import Context
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
from kj.fhir_r4.tally import Tally
from kjernejournal.common.v1.common_pb2 import StatedAbsence
from kjernejournal.documents.v1.documents_pb2 import ImportedDocument
from kjernejournal.labs.v1.labs_pb2 import EXPERTISE_UNSPECIFIED, LabReport
from kjernejournal.medications.v1.medications_pb2 import Dispensing, MedicationStatement, Prescription
from shared.errors import Invalid
from shared.handling.decoding import validate
from shared.medicines.dosage_rules import check_medicine

WITHDRAWN = "is entered in error: withdrawn in the register too"
MOST_SHARED = 50_000
"""Resources of ids that are not theirs alone; each costs memory until the end."""
TWICE = "is in the bundle twice"
RESULTS, ALONE = "lab results", "lab results: reports of their own"


class Mapped:
    """A bundle that can be sent. Closing it frees its temporary file."""

    def __init__(
        self, records: list[Record], messages: MessageSpool, tally: Tally, beside: Counter[str], cuts: Counter[str]
    ):
        self.records = records
        self.messages = messages
        self.tally = tally
        self.beside = beside
        """Entries and states that come from parts of resources, and are no resources of their own, by what they are."""
        self.cuts = cuts
        """Texts and forms that were longer or more than our fields hold, counted."""

    @property
    def national_ids(self) -> list[str]:
        """The national id of each patient, in order."""
        return [each.known.national_id for each in self.records]

    def streams(self, register: str) -> Iterator[Iterator[Any]]:
        """Returns what goes to a register, in streams to be sent one after another."""
        return self.messages.streams(register, self.national_ids)

    def close(self) -> None:
        """Frees the temporary file that holds the messages."""
        self.messages.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


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
            "Procedure": _Home("subject", self._procedure),
            "Device": _Home("patient", devices_and_procedures.map_device),
            "DeviceUseStatement": _Home("subject", devices_and_procedures.map_device_use),
            "Immunization": _Home("patient", vaccinations.map_immunization),
            "RelatedPerson": _Home("patient", own_registrations.map_related_person),
            "DiagnosticReport": _Home("subject", self._report),
            "Observation": _Home("subject", self._observation),
        }
        security_labels.check_whole(bundle.node, bundle.composition.node if bundle.composition else None)
        self._notes = Notes(bundle)
        self._graph = ReportGraph(bundle)
        self._unplaced: dict[int, str] = {}
        """Why reports and panels that hold results were not placed, by their position."""
        self._removals = self._find_removals()

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
                self._tally.not_placed(resource.type, unplaced.reason_of(resource.type))
                if resource.type == "Composition":
                    self._sections(resource)
        self._count_held()
        self._tally.check()
        return Mapped(self._patients.records, self._messages, self._tally, +self._beside, +self._bundle.cuts)

    def _count_patient(self, resource: Resource) -> None:
        try:
            record = self._patients.placed(resource)
        except NotPlaced as reason:
            self._tally.not_placed("Patient", reason.reason)
            return
        self._tally.placed("Patient", PATIENTS)
        self._add_parts(own_registrations.of_patient(self._context(resource, record)), record)

    def _add_parts(self, parts: "Iterator[tuple[str, Message]]", record: Record) -> None:
        """Adds entries that stand inside another resource. One that does not fit is left out, and counted."""
        for counted, message in parts:
            try:
                _check(message)
            except NotPlaced:
                self._beside[f"{counted}, not placed: does not fit the contract"] += 1
                continue
            self._messages.add(record.number, message, PLACES[type(message)])
            self._beside[counted] += 1

    def _place(self, resource: Resource, home: _Home) -> None:
        try:
            record = self._patients.about(resource, home.subject)
            context = self._context(resource, record)
            message = home.map(context)
            if not isinstance(message, LabReport | ImportedDocument):  # which carry their restrictions
                security_labels.check_open(context.labels)
            _check(message)
            self._distinguish(message, resource, record)
        except NotPlaced as reason:
            self._tally.not_placed(resource.type, reason.reason)
            self._explain(resource, reason.reason)
            return
        place = _place_of(message)
        self._messages.add(record.number, message, place)
        if resource.type == "DiagnosticReport" and isinstance(message, LabReport):
            self._present(resource, record)
        if _is_withdrawn(message):
            self._tally.not_placed(resource.type, WITHDRAWN)
            self._explain(resource, WITHDRAWN)
        else:
            self._tally.placed(resource.type, ALONE if resource.type == "Observation" else place.shown)

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
            _check(message)
        except NotPlaced as reason:
            self._beside[f"reports as written, not placed: {reason.reason}"] += 1
            return
        self._messages.add(record.number, message, PLACES[ImportedDocument])
        self._beside["reports as written: documents"] += 1

    def _context(self, resource: Resource, record: Record) -> Context:
        own_labels = security_labels.labels(resource.node)
        return Context(self._bundle, resource, record.system, record.known.since, self._now, own_labels)

    def _procedure(self, context: Context) -> Message:
        subject = context.find(context.node.child("subject"))
        return devices_and_procedures.map_procedure(
            context, self._removals.get(subject.position if subject else -1, [])
        )

    def _find_removals(self) -> dict[int, list[devices_and_procedures.Removal]]:
        """Returns the implants that were taken out, by the position of their Patient."""
        found: dict[int, list[devices_and_procedures.Removal]] = {}
        for procedure in self._bundle.of_type("Procedure"):
            for removal in devices_and_procedures.removals_of([procedure.node]):
                subject = self._bundle.resolve(procedure.node.child("subject"), procedure)
                if subject is not None:
                    found.setdefault(subject.position, []).append(removal)
        return found

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
        if self._graph.expertise(context.resource) == EXPERTISE_UNSPECIFIED:
            raise NotPlaced(why_not(context.node))
        return reports.map_observation(context, self._graph)

    def _count_held(self) -> None:
        """Counts the results that a report or panel holds: they are placed, or not placed, together with it."""
        for position, holder in self._graph.held():
            reason = self._unplaced.get(holder)
            node = self._bundle.at(position).node
            if reason is not None:
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
        for stated in empty_sections.statements(self._context(resource, record)):
            self._beside[stated.counted] += 1
            if stated.message is not None and stated.place is not None:
                self._messages.add(record.number, stated.message, stated.place)

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


def _check(message: Message) -> None:
    """Raises NotPlaced for what breaks our own contract. The front door checks it too, but only once it is sent."""
    try:
        validate(message)
        if isinstance(message, Prescription | Dispensing | MedicationStatement):
            check_medicine(message)
    except Invalid as error:
        where = _POSITION.sub("", error.field)
        raise NotPlaced(f"does not fit the contract: {where} {error.problem}") from None


def _place_of(message: Message) -> Place:
    return ABSENCES["vaccinations"] if isinstance(message, StatedAbsence) else PLACES[type(message)]


def _is_withdrawn(message: Any) -> bool:
    """Whether the entry takes an earlier one back: it is sent, and no list shows it."""
    if "withdrawn" in message.DESCRIPTOR.fields_by_name:
        return bool(message.withdrawn)
    record = getattr(message, "source_record", None)
    return record is not None and record.status == "entered-in-error"
