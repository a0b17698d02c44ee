"""What a feed sends to the register of medicines, and what readers get."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import (
    CallerContext,
    CodeableConcept,
    Coding,
    EntryHeader,
    EntryVersion,
    ImportCounts,
    PatientIdentifier,
    Practitioner,
    Provenance,
    SectionQuery,
)
from kjernejournal.medications.v1 import medications_pb2 as pb
from shared.codes.systems import ATC
from shared.convert import timestamp
from tests.support.service import DOCTOR, FEED, calling

if TYPE_CHECKING:
    from kjernejournal.medications.v1.medications_pb2_grpc import MedicationsServiceAsyncStub

NOW = datetime.now(UTC).replace(microsecond=0)
AUTHOR = Practitioner(hpr_number="222200068", name="Ola Fastlege")
GP = CallerContext()
GP.CopyFrom(DOCTOR)
GP.basis = common_pb2.ACCESS_BASIS_UNNTAK
EMERGENCY = CallerContext()
EMERGENCY.CopyFrom(DOCTOR)
EMERGENCY.basis = common_pb2.ACCESS_BASIS_AKUTT


def new_ref() -> str:
    return str(uuid4())


def patient(ref: str) -> PatientIdentifier:
    return PatientIdentifier(patient_ref=ref)


def changed_later(sent: pb.Prescription) -> pb.Prescription:
    """Returns the prescription as its source changed it just after NOW."""
    sent.header.provenance.changed_at.CopyFrom(timestamp(NOW + timedelta(microseconds=1)))
    return sent


def header(source_id: str, recorded_at: datetime = NOW) -> EntryHeader:
    source = Provenance(
        recorder=AUTHOR, source_system="reseptformidleren", source_id=source_id, recorded_at=timestamp(recorded_at)
    )
    return EntryHeader(provenance=source)


def medicine(atc: str = "C10AA05", name: str = "Lipitor 20 mg") -> pb.Medication:
    return pb.Medication(code=CodeableConcept(text=name), atc=Coding(system=ATC, code=atc))


def prescription(source_id: str, days_ago: float = 1, **fields: Any) -> pb.Prescription:
    at = NOW - timedelta(days=days_ago)
    values: dict[str, Any] = {
        "header": header(source_id, at),
        "state": pb.PRESCRIPTION_STATE_DISPENSABLE,
        "medication": medicine(),
        "prescriber": AUTHOR,
        "prescribed_at": timestamp(at),
        "dosages": [pb.Dosage(text="1 tablett daglig")],
        **fields,
    }
    return pb.Prescription(**values)


def order(source_id: str, status: str, days_ago: float = 1, **fields: Any) -> pb.Prescription:
    rxnorm = Coding(system="http://www.nlm.nih.gov/research/umls/rxnorm", code="860975", display="Metformin 500 MG")
    return prescription(
        source_id,
        days_ago,
        state=pb.PRESCRIPTION_STATE_UNSPECIFIED,
        medication=pb.Medication(code=CodeableConcept(codings=[rxnorm])),
        source_record=pb.SourceRecord(resource_type="MedicationRequest", status=status, intent="order"),
        **fields,
    )


def dispensing(source_id: str, of: str = "", days_ago: float = 0.5, **fields: Any) -> pb.Dispensing:
    at = NOW - timedelta(days=days_ago)
    values: dict[str, Any] = {
        "header": header(source_id, at),
        "prescription_source_id": of,
        "medication": medicine(),
        "dispensed_at": timestamp(at),
        "packages": "1",
        **fields,
    }
    return pb.Dispensing(**values)


def statement(source_id: str, status: str = "active", days_ago: float = 1, **fields: Any) -> pb.MedicationStatement:
    at = NOW - timedelta(days=days_ago)
    values: dict[str, Any] = {
        "header": header(source_id, at),
        "kind": pb.STATEMENT_KIND_MEDICINE,
        "medication": medicine("N02BE01", "Paracet 500 mg"),
        "asserted_at": timestamp(at),
        "source_record": pb.SourceRecord(resource_type="MedicationStatement", status=status),
        **fields,
    }
    return pb.MedicationStatement(**values)


class Feed:
    """The register, called as the gateway calls it."""

    def __init__(self, stub: MedicationsServiceAsyncStub) -> None:
        self.stub = stub

    async def prescribe(self, ref: str, sent: pb.Prescription, request_id: str = "", *more: str) -> EntryVersion:
        request = pb.RecordPrescriptionRequest(
            patient=patient(ref), request_id=request_id or str(uuid4()), prescription=sent
        )
        return (await self.stub.RecordPrescription(request, metadata=calling(FEED, ref, *more))).written

    async def recall(self, ref: str, entry_id: str, request_id: str = "", **fields: Any) -> EntryVersion:
        recall = fields.pop("recall", pb.Recall(reason=pb.RECALL_REASON_DISCONTINUED, comment="Muskelsmerter"))
        request = pb.RecallPrescriptionRequest(
            patient=patient(ref), request_id=request_id or str(uuid4()), id=entry_id, recall=recall, **fields
        )
        return (await self.stub.RecallPrescription(request, metadata=calling(FEED, ref))).written

    async def dispense(self, ref: str, sent: pb.Dispensing, request_id: str = "") -> pb.RecordDispensingResponse:
        request = pb.RecordDispensingRequest(
            patient=patient(ref), request_id=request_id or str(uuid4()), dispensing=sent
        )
        return await self.stub.RecordDispensing(request, metadata=calling(FEED, ref))

    async def send(self, ref: str, **entries: Any) -> ImportCounts:
        messages = [pb.BulkImportRequest(patients=[pb.PatientEntries(patient=patient(ref), **entries)])]
        return (await self.stub.BulkImport(iter(messages), metadata=calling(FEED))).counts

    async def prescriptions(
        self, *refs: str, caller: CallerContext = DOCTOR, **fields: Any
    ) -> pb.ListPrescriptionsResponse:
        request = pb.ListPrescriptionsRequest(patient=patient(refs[0]), **fields)
        return await self.stub.ListPrescriptions(request, metadata=calling(caller, *refs))

    async def prescription(self, *refs: str) -> pb.Prescription:
        """Returns a patient's one prescription."""
        [found] = (await self.prescriptions(*refs)).prescriptions
        return found

    async def dispensings(
        self, *refs: str, caller: CallerContext = DOCTOR, **fields: Any
    ) -> pb.ListDispensingsResponse:
        request = pb.ListDispensingsRequest(patient=patient(refs[0]), **fields)
        return await self.stub.ListDispensings(request, metadata=calling(caller, *refs))

    async def statements(self, ref: str, **fields: Any) -> pb.ListMedicationStatementsResponse:
        request = pb.ListMedicationStatementsRequest(patient=patient(ref), **fields)
        return await self.stub.ListMedicationStatements(request, metadata=calling(DOCTOR, ref))

    async def list_of(self, ref: str, **fields: Any) -> pb.GetMedicationListResponse:
        request = pb.GetMedicationListRequest(patient=patient(ref), **fields)
        return await self.stub.GetMedicationList(request, metadata=calling(DOCTOR, ref))

    async def reconcile(self, ref: str, **fields: Any) -> pb.ReconcileMedicationsResponse:
        request = pb.ReconcileMedicationsRequest(patient=patient(ref), **fields)
        return await self.stub.ReconcileMedications(request, metadata=calling(DOCTOR, ref))

    async def hidden(self, ref: str, caller: CallerContext) -> list[str]:
        """Returns the ids of the entries that do not exist for a reader."""
        request = pb.ListHiddenEntriesRequest()
        return list((await self.stub.ListHiddenEntries(request, metadata=calling(caller, ref))).ids)

    async def section(self, *refs: str, caller: CallerContext = DOCTOR, **fields: Any) -> pb.MedicationsSection:
        of = CallerContext()
        of.CopyFrom(caller)
        of.patient_refs.extend(refs)
        query = SectionQuery(access_id="a", caller=of, **{"max_entries": 100, **fields})
        reply = await self.stub.BatchGetSections(pb.BatchGetSectionsRequest(queries=[query]))
        [answer] = reply.answers
        assert answer.WhichOneof("result") == "section"
        return answer.section
