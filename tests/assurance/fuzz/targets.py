"""What a fuzz of the whole system knows: patients, tokens that get past access, good messages, ids that exist."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

import grpc
from google.protobuf.message import Message

from gateway.access.facts import CallerKindValue
from gateway.contract import CHANGES, Method
from kj.feeds.knowledge_table import SHIPPED, read
from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.changes.v1.changes_pb2 import FollowedPatient, WatchChangesRequest
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import ABSENCE_KIND_NOT_ASKED, CallerContext, PatientIdentifier, Practitioner
from kjernejournal.critical_info.v1 import critical_info_pb2
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.medications.v1 import knowledge_pb2, medications_pb2
from kjernejournal.patients.v1 import patients_pb2
from shared.national_id import valid_organisation_number
from shared.register.entry import imported_id
from tests.assurance.fuzz.driving import Case, generator
from tests.assurance.fuzz.messages import Examples, Messages
from tests.assurance.fuzz.mutations import mutated, strange_metadata
from tests.services.audit import records
from tests.services.documents.calls import document
from tests.services.patients import people
from tests.support.client import Client, method
from tests.support.patients import REGISTERS, Patient, entries_of, reaction
from tests.support.service import DOCTOR, FEED

A_METHOD = 3
"""Patients of each rpc's own: a reservation that one rpc makes must not close the record to the others."""

_KINDS: dict[CallerKindValue, tuple[str, ...]] = {
    common_pb2.CALLER_KIND_CLINICIAN: ("doctor", "nurse", "psychologist", "pharmacist"),
    common_pb2.CALLER_KIND_CITIZEN: ("citizen",),
    common_pb2.CALLER_KIND_SYSTEM: ("system",),
    common_pb2.CALLER_KIND_AUDITOR: ("auditor", "steward"),
}
ORGANISATIONS = [number for number in map(str, range(100_200_000, 100_200_900)) if valid_organisation_number(number)][
    :40
]
"""The quota of GetIndicator is an organisation's: one alone would soon be refused."""


@dataclass(frozen=True)
class Targets:
    """Everything that cases are made from."""

    seed: int
    client: Client
    examples: Examples
    patients: dict[str, Sequence[Patient]]
    """By the rpc's path."""
    refs: dict[str, Sequence[str]]
    """References of a patient, by national id."""

    def at_the_front_door(self, found: Method, number: int) -> Case:
        """Returns a call from outside."""
        name = f"{found.path}#{number}"
        rng = generator(self.seed, name)
        patients = self.patients[found.path]
        identifiers = [each.identifier for each in patients]
        messages = self._messages(rng, found, identifiers, self._ids(patients))
        metadata = self._caller(rng, found, rng.choice(patients))
        if rng.random() < 0.1:
            metadata = [*metadata, *strange_metadata(rng)]
        return Case(name, found, messages, metadata)

    def inside(self, found: Method, number: int) -> Case:
        """Returns a call to the service itself, as the gateway would make it, or nearly."""
        name = f"{found.path}#inside{number}"
        rng = generator(self.seed, name)
        patient = rng.choice(self.patients[found.path])
        refs = self.refs[patient.national_id]
        identifiers = [PatientIdentifier(patient_ref=refs[0])]
        messages = self._messages(rng, found, identifiers, self._ids([patient]))
        caller = CallerContext()
        caller.CopyFrom(rng.choice((DOCTOR, FEED)))
        caller.patient_refs.extend(refs)
        caller.decision = common_pb2.SECTION_DECISION_PERMIT
        if rng.random() < 0.1:
            maker = Messages(rng, self.examples, identifiers, self._ids([patient]))
            caller.MergeFrom(cast("CallerContext", maker.make(CallerContext.DESCRIPTOR)))
        data = caller.SerializeToString()
        if rng.random() < 0.05:
            data = mutated(rng, data)
        metadata: list[tuple[str, str | bytes]] = [("kj-caller-bin", data)]
        if rng.random() < 0.1:
            metadata = [*strange_metadata(rng), *metadata]
        return Case(name, found, messages, metadata)

    def _ids(self, patients: Sequence[Patient]) -> list[str]:
        return [each for patient in patients for each in entry_ids(self.refs[patient.national_id])]

    def _messages(
        self, rng: random.Random, found: Method, patients: Sequence[PatientIdentifier], ids: Sequence[str]
    ) -> list[bytes]:
        maker = Messages(rng, self.examples, patients, ids)
        count = rng.randrange(0, 4) if found.descriptor.client_streaming else 1
        stream = self.examples.streams.get(found.request.DESCRIPTOR.full_name)
        if stream and rng.random() < 0.7:
            made = [maker.copy(each).SerializeToString() for each in stream]
        else:
            made = [maker.make(found.descriptor.input_type).SerializeToString() for _ in range(count)]
        if made and rng.random() < 0.3:
            at = rng.randrange(len(made))
            made[at] = mutated(rng, made[at])
        return made

    def _caller(self, rng: random.Random, found: Method, patient: Patient) -> list[tuple[str, str | bytes]]:
        open_to = sorted(found.rule.callers) or list(_KINDS)
        kind = rng.choice(_KINDS[rng.choice(open_to if rng.random() < 0.97 else list(_KINDS))])
        basis = None
        if found.rule.section == common_pb2.SECTION_PRIVACY and kind not in ("citizen", "system", "auditor", "steward"):
            basis = "SAMTYKKE"
        if kind == "citizen":
            return self.client.metadata(kind, national_id=patient.national_id)
        if kind == "system" and found.service == CHANGES:
            return self.client.metadata(kind, rpc=found.descriptor.name)  # of the organisation that treats the patients
        if kind == "system":
            return self.client.metadata(kind, org=rng.choice(ORGANISATIONS))
        return self.client.metadata(kind, basis)


def examples(patients: Sequence[Patient]) -> Examples:
    """Returns good messages of every register."""
    patient = patients[0].identifier
    national_ids = [each.national_id for each in patients]
    some_id = str(uuid4())
    bound: dict[str, Any] = {"patient": patient, "request_id": some_id}
    made: list[Message] = [entries_of(register, patient) for register in REGISTERS]
    made.append(reaction("merknad"))
    made.append(critical_info_pb2.CategoryAbsence(kind=ABSENCE_KIND_NOT_ASKED))
    recall = medications_pb2.Recall(reason=medications_pb2.RECALL_REASON_DISCONTINUED)
    made.append(medications_pb2.RecallPrescriptionRequest(**bound, id=some_id, recall=recall))
    made.append(knowledge_pb2.ImportDrugKnowledgeRequest(request_id=some_id, knowledge=read(SHIPPED)))
    made.append(people.person())
    child = people.person(guardians=[people.guardian(national_ids[1])])
    child.family.append(people.parent(national_ids[2]))
    made.append(child)
    made.append(patients_pb2.ImportedPatient(person=people.person(), privacy=patients_pb2.ImportedPrivacy()))
    made.append(people.place("liste-1", people.years_ago(2), people.years_ago(1), substitute="900000008"))
    made.append(people.place("liste-1", people.years_ago(1)))
    made.append(patients_pb2.MergePatientsRequest(**bound, merged_national_id=national_ids[1]))
    made.append(patients_pb2.UnmergePatientsRequest(**bound, separated_national_id=national_ids[1]))
    made.append(patients_pb2.BlockPersonnelRequest(**bound, personnel=[Practitioner(hpr_number="900000077")]))
    made.append(patients_pb2.UnblockPersonnelRequest(**bound, hpr_numbers=["900000077"]))
    view = [patients_pb2.PROXY_AREA_INNSYN]
    made.append(patients_pb2.NewProxy(national_id=national_ids[1], name="Ola", areas=view))
    followed = [FollowedPatient(patient=each.identifier, key=str(at)) for at, each in enumerate(patients[:3])]
    made.extend([*followed, *(WatchChangesRequest(patients=[each]) for each in followed)])
    made.append(audit_pb2.RecordRequest(records=[records.record(), records.record(some_id)]))
    return Examples(made, _streams(bound, some_id), national_ids)


def _streams(bound: dict[str, Any], some_id: str) -> list[Sequence[Message]]:
    """Returns uploads as a client sends them: what it is, then the bytes."""
    chunks = [b"a" * 1000, b"b" * 300]
    upload, replace = documents_pb2.UploadDocumentRequest, documents_pb2.ReplaceDocumentRequest
    return [
        [upload(**bound, document=document()), *(upload(chunk=chunk) for chunk in chunks)],
        [
            replace(**bound, replaced_id=some_id, document=document()),
            *(replace(chunk=chunk) for chunk in chunks),
        ],
    ]


def entry_ids(refs: Sequence[str]) -> list[str]:
    """Returns ids of the entries that `entries_of` gave a patient."""
    sources = (("legekontoret", "ki-1"), ("reseptformidleren", "r-1"), ("npr", "v-1"), ("dips", "doc-1"))
    return [imported_id(refs[0], system, source_id) for system, source_id in sources]


async def references(patients_channel: grpc.aio.Channel, patients: Sequence[Patient]) -> dict[str, Sequence[str]]:
    """Returns the references of patients, asked of the service as the gateway asks it."""
    found: dict[str, Sequence[str]] = {}
    resolve = method("ResolvePatients")
    for start in range(0, len(patients), 100):
        ids = [each.national_id for each in patients[start : start + 100]]
        call: Any = patients_channel.unary_unary(resolve.path)
        request = patients_pb2.ResolvePatientsRequest(national_ids=ids)
        reply = await call(request.SerializeToString(), timeout=5)
        found.update(
            (each.national_id, list(each.patient_refs))
            for each in patients_pb2.ResolvePatientsResponse.FromString(reply).patients
        )
    return found
