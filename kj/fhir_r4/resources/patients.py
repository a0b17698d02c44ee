"""Whom a bundle is about: its patients, the numbers that they have here, and whose record a resource goes to."""

from dataclasses import dataclass
from datetime import datetime

from kj.fhir_r4.bundle.bundle import Bundle
from kj.fhir_r4.bundle.refusals import NotPlaced, Refused
from kj.fhir_r4.bundle.resource import Resource
from kj.fhir_r4.bundle.times import AHEAD
from kj.fhir_r4.message_spool import MessageSpool
from kj.fhir_r4.reading import security_labels
from kj.fhir_r4.reading.context import changed_at
from kj.fhir_r4.reading.modifiers import of_resource
from kj.fhir_r4.resources import person, unplaced
from kj.fhir_r4.resources.national_ids import AssignedIds, Known, source_of
from shared.errors import Invalid
from shared.handling.decoding import validate


@dataclass(slots=True)
class Record:
    """One patient of a bundle."""

    number: int
    system: str
    """The system that identifies the patient: the source of their entries."""
    known: Known
    counted: bool = False


class Patients:
    """The patients of a bundle: of a document its subject, else every Patient that it holds.

    Two Patient resources of one person share a record. One that is restricted has none, nor has one that cannot be
    read.
    """

    def __init__(self, bundle: Bundle, ids: AssignedIds, now: datetime) -> None:
        self.records: list[Record] = []
        self._bundle = bundle
        self._ids = ids
        self._now = now
        self._of: dict[int, Record] = {}
        """By the position of the Patient resource."""
        self._left_out: dict[int, str] = {}
        """Why Patients have no record, by their position."""
        self.refused: list[str] = []
        """Why Patients could not be read, with the path."""

    def take(self, messages: MessageSpool) -> None:
        """Gives each patient a number and puts them in the spool.

        Raises Refused where there is none, or none whose fields can be what they say.
        """
        if not self._bundle.count("Patient"):
            raise Refused("", "it has no Patient: nobody to import")
        patients = iter([self._subject()]) if self._bundle.type == "document" else self._bundle.of_type("Patient")
        by_number: dict[str, Record] = {}
        first: Refused | None = None
        for resource in patients:
            try:
                self._take(resource, messages, by_number)
            except Refused as refused:
                first = first or refused
                self._left_out[resource.position] = str(refused)
                self.refused.append(str(refused))
        if not self.records and first is not None:
            raise first

    def _take(self, resource: Resource, messages: MessageSpool, by_number: dict[str, Record]) -> None:
        """Gives a patient a record; one that is restricted has none. Raises Refused for one that cannot be read."""
        if security_labels.labels(resource.node):
            self._left_out[resource.position] = security_labels.CANNOT_KEEP
            return
        if reason := of_resource(resource):
            raise Refused(resource.node.path, reason)
        source = source_of(resource, self._bundle)
        known = self._ids.assign(source, self._now)
        stated = changed_at(resource.node, self._now) or self._bundle_time()
        imported = person.imported(resource.node, list(source.national_ids), source.birth, stated)
        if not source.national_ids:
            imported.person.national_ids.add(value=known.national_id)
        try:
            validate(imported)
        except Invalid as error:
            told = f"does not fit the contract: {error.field} {error.problem}"
            raise Refused(resource.node.path, told) from None
        record = by_number.get(known.national_id)
        if record is None:
            record = by_number[known.national_id] = Record(len(self.records), source.system, known)
            self.records.append(record)
            messages.patient(record.number, imported)
        self._of[resource.position] = record

    def _bundle_time(self) -> datetime | None:
        found = self._bundle.time()
        return found.first() if found is not None and found.first() <= self._now + AHEAD else None

    def placed(self, patient: Resource) -> Record:
        """Returns a Patient resource's record, once. Raises NotPlaced for one without a record, and the second time."""
        record = self._of.get(patient.position)
        if record is None:
            raise NotPlaced(self._left_out.get(patient.position, unplaced.OTHER_PERSON))
        if record.counted:
            raise NotPlaced("is the same patient again")
        record.counted = True
        return record

    def about(self, resource: Resource, field: str) -> Record:
        """Returns the record of the patient whom a resource names. Raises NotPlaced where it names none of them."""
        reference = resource.node.child(field)
        if reference is None:
            raise NotPlaced("belongs to no patient" if resource.type == "Device" else "names no patient")
        found = self._bundle.resolve(reference, resource)
        if found is None:
            raise NotPlaced("is about somebody who is not in the bundle")
        if (reason := self._left_out.get(found.position)) is not None:
            restricted = reason == security_labels.CANNOT_KEEP
            raise NotPlaced(unplaced.RESTRICTED_PATIENT if restricted else unplaced.PATIENT_LEFT_OUT)
        record = self._of.get(found.position)
        if record is None:
            raise NotPlaced(unplaced.OTHER_PERSON)
        return record

    def _subject(self) -> Resource:
        first = self._bundle.composition
        if first is None:
            raise Refused("entry[0].resource", "a document begins with its Composition")
        found = self._bundle.resolve(first.node.child("subject"), first)
        if found is None or found.type != "Patient" or found.position < 0:
            raise Refused(first.node.at("subject"), "is no Patient of the document")
        return found
