"""Calls to the labs service as the tests make them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import (
    ABSENCE_KIND_NIL_KNOWN,
    CALLER_KIND_CITIZEN,
    REPRESENTATION_PARENT,
    REPRESENTATION_SELF,
    CallerContext,
    CodeableConcept,
    Coding,
    EntryHeader,
    EntryVersion,
    EventTime,
    Organisation,
    PatientIdentifier,
    Provenance,
    Quantity,
    SectionQuery,
    StatedAbsence,
)
from kjernejournal.labs.v1 import labs_pb2 as pb
from shared.codes.systems import LOINC, NLK, UCUM
from shared.convert import timestamp
from tests.support.service import DOCTOR, FEED, calling

if TYPE_CHECKING:
    from kjernejournal.labs.v1.labs_pb2_grpc import LabsServiceAsyncStub

TAKEN = datetime(2024, 5, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)
VOLVEN_9603 = "urn:oid:2.16.578.1.12.4.1.1.9603"

HAEMOGLOBIN = (Coding(system=NLK, code="NPU02319"), Coding(system=LOINC, code="718-7"))
SARS_COV_2 = (Coding(system=NLK, code="NOR35844"), Coding(system=LOINC, code="94500-6"))

ELEVATED = CallerContext()
ELEVATED.CopyFrom(DOCTOR)
ELEVATED.elevated = True
CITIZEN = CallerContext(kind=CALLER_KIND_CITIZEN, for_patient=True, representation=REPRESENTATION_SELF)
PARENT = CallerContext(kind=CALLER_KIND_CITIZEN, for_patient=True, representation=REPRESENTATION_PARENT)


def new_ref() -> str:
    return str(uuid4())


def patient(ref: str) -> PatientIdentifier:
    return PatientIdentifier(patient_ref=ref)


def concept(*codings: Coding) -> CodeableConcept:
    return CodeableConcept(codings=codings)


def provenance(source_id: str, at: datetime = TAKEN) -> EntryHeader:
    return EntryHeader(provenance=Provenance(source_system="fuerst", source_id=source_id, recorded_at=timestamp(at)))


def quantity(value: str, unit: str = "g/dL") -> Quantity:
    return Quantity(value=value, unit=unit, system=UCUM, code=unit)


def result(*codings: Coding, **fields: object) -> pb.Result:
    """Returns a haemoglobin of 13.0."""
    values: dict[str, object] = {"code": concept(*(codings or HAEMOGLOBIN)), "quantity": quantity("13.0"), **fields}
    return pb.Result(**values)  # type: ignore[arg-type]  # the fields of the message


def report(source_id: str = "", *restrictions: str, taken: datetime = TAKEN, **fields: object) -> pb.LabReport:
    """Returns a final report with one haemoglobin."""
    values: dict[str, object] = {
        "header": provenance(source_id, taken),
        "status": pb.RESULT_STATUS_FINAL,
        "expertise": pb.EXPERTISE_LABORATORY,
        "effective": EventTime(instant=timestamp(taken)),
        "laboratory": Organisation(number="100100673", name="Fürst medisinsk laboratorium"),
        "results": [result()],
        "confidentiality": [Coding(system=VOLVEN_9603, code=code) for code in restrictions],
        **fields,
    }
    return pb.LabReport(**values)  # type: ignore[arg-type]  # the fields of the message


def nothing_known(source_id: str, at: datetime) -> StatedAbsence:
    return StatedAbsence(header=provenance(source_id, at), kind=ABSENCE_KIND_NIL_KNOWN)


@dataclass(frozen=True)
class Labs:
    """The service as its callers see it."""

    stub: LabsServiceAsyncStub

    async def record(self, ref: str, sent: pb.LabReport, *aliases: str, request_id: str = "") -> EntryVersion:
        request = pb.RecordLabReportRequest(patient=patient(ref), request_id=request_id or str(uuid4()), report=sent)
        return (await self.stub.RecordLabReport(request, metadata=calling(FEED, ref, *aliases))).written

    async def load(
        self,
        ref: str,
        *entries: pb.LabReport,
        absences: tuple[StatedAbsence, ...] = (),
        aliases: tuple[str, ...] = (),
    ) -> tuple[int, ...]:
        """Imports, and returns how many were created, updated, unchanged."""
        of = PatientIdentifier(patient_ref=ref, alias_refs=aliases)
        patients = [pb.PatientEntries(patient=of, reports=entries, absences=absences)]
        return await self.feed(pb.BulkImportRequest(patients=patients))

    async def feed(self, *messages: pb.BulkImportRequest) -> tuple[int, ...]:
        counts = (await self.stub.BulkImport(iter(messages), metadata=calling(FEED))).counts
        return counts.created, counts.updated, counts.unchanged

    async def listed(self, *refs: str, by: CallerContext = DOCTOR, **fields: object) -> pb.ListLabReportsResponse:
        request = pb.ListLabReportsRequest(patient=patient(refs[0]), **fields)  # type: ignore[arg-type]  # the fields of the message
        return await self.stub.ListLabReports(request, metadata=calling(by, *refs))

    async def results(self, *refs: str, by: CallerContext = DOCTOR, **fields: object) -> pb.ListLabResultsResponse:
        request = pb.ListLabResultsRequest(patient=patient(refs[0]), **fields)  # type: ignore[arg-type]  # the fields of the message
        return await self.stub.ListLabResults(request, metadata=calling(by, *refs))

    async def versions(self, ref: str, report_id: str, by: CallerContext = DOCTOR) -> list[pb.LabReport]:
        request = pb.ListLabReportVersionsRequest(patient=patient(ref), id=report_id)
        return list((await self.stub.ListLabReportVersions(request, metadata=calling(by, ref))).versions)

    async def release(
        self, ref: str, of: EntryVersion, *, version: int = 0, by: CallerContext = DOCTOR, request_id: str = ""
    ) -> pb.LabReport:
        request = pb.ReleaseLabReportRequest(
            patient=patient(ref),
            request_id=request_id or str(uuid4()),
            id=of.id,
            expected_version=version or of.version,
        )
        return (await self.stub.ReleaseLabReport(request, metadata=calling(by, ref))).report

    async def section(
        self, ref: str, most: int = 100, *, by: CallerContext = DOCTOR, as_of: datetime | None = None
    ) -> pb.LabsSection:
        caller = CallerContext()
        caller.CopyFrom(by)
        caller.patient_refs.append(ref)
        query = SectionQuery(
            access_id=str(uuid4()), caller=caller, max_entries=most, as_of=timestamp(as_of) if as_of else None
        )
        request = pb.BatchGetSectionsRequest(queries=[query])
        [answer] = (await self.stub.BatchGetSections(request, metadata=calling(by))).answers
        assert answer.access_id == query.access_id
        assert answer.HasField("section"), answer.failure
        return answer.section
