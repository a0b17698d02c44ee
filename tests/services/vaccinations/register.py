"""What a feed sends to the register of vaccinations, and what readers get."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import (
    ABSENCE_KIND_NIL_KNOWN,
    CallerContext,
    CodeableConcept,
    Coding,
    EntryHeader,
    EntryVersion,
    EventTime,
    ImportCounts,
    Organisation,
    PartialDate,
    PatientIdentifier,
    Practitioner,
    Provenance,
    SectionQuery,
    StatedAbsence,
)
from kjernejournal.vaccinations.v1 import vaccinations_pb2 as pb
from shared.convert import timestamp
from tests.support.service import DOCTOR, FEED, calling

if TYPE_CHECKING:
    from kjernejournal.vaccinations.v1.vaccinations_pb2_grpc import VaccinationsServiceAsyncStub

SYSVAK = "urn:oid:2.16.578.1.12.4.1.1.9501"
ATC = "http://www.whocc.no/atc"
CVX = "http://hl7.org/fhir/sid/cvx"
SNOMED = "http://snomed.info/sct"

RECORDED = datetime(2024, 10, 1, 9, tzinfo=UTC)
AUTHOR = Practitioner(hpr_number="222200068", name="Ola Helsesykepleier")
UNIT = Organisation(number="100100223", name="Arendal helsestasjon")


def new_ref() -> str:
    return str(uuid4())


def patient(ref: str, *others: str) -> PatientIdentifier:
    """Returns the patient; in feeds with the references that a merge left."""
    return PatientIdentifier(patient_ref=ref, alias_refs=others)


def header(source_id: str, recorded_at: datetime = RECORDED) -> EntryHeader:
    source = Provenance(
        recorder=AUTHOR,
        organisation=UNIT,
        source_system="sysvak",
        source_id=source_id,
        recorded_at=timestamp(recorded_at),
    )
    return EntryHeader(provenance=source)


def day(year: int, month: int = 0, of_month: int = 0) -> EventTime:
    return EventTime(date=PartialDate(year=year, month=month, day=of_month))


def vaccine(*codings: tuple[str, str]) -> CodeableConcept:
    return CodeableConcept(codings=[Coding(system=system, code=code) for system, code in codings])


INFLUENZA = vaccine((SYSVAK, "AII02"), (ATC, "J07BB02"))


def dose(source_id: str = "", recorded_at: datetime = RECORDED, **fields: Any) -> pb.Vaccination:
    values: dict[str, Any] = {
        "header": header(source_id, recorded_at),
        "status": pb.VACCINATION_STATUS_COMPLETED,
        "vaccine": INFLUENZA,
        "product": "Fluad",
        "batch_number": "A1234",
        "occurrence": day(2024, 9, 30),
        "place": UNIT,
        "country": "NO",
        "performer": AUTHOR,
        **fields,
    }
    return pb.Vaccination(**values)


def absence(
    source_id: str = "none", recorded_at: datetime = RECORDED, kind: int = ABSENCE_KIND_NIL_KNOWN
) -> StatedAbsence:
    return StatedAbsence(header=header(source_id, recorded_at), kind=kind, text="Ingen kjente")  # type: ignore[arg-type]  # an enum's number


class Register:
    """The register as a feed and its readers call it."""

    def __init__(self, stub: VaccinationsServiceAsyncStub) -> None:
        self.stub = stub

    async def record(self, sent: pb.Vaccination, *refs: str, request_id: str = "") -> EntryVersion:
        request = pb.RecordVaccinationRequest(
            patient=patient(refs[0]), request_id=request_id or str(uuid4()), vaccination=sent
        )
        return (await self.stub.RecordVaccination(request, metadata=calling(FEED, *refs))).written

    async def load(
        self, ref: str, *entries: pb.Vaccination, absences: Sequence[StatedAbsence] = (), others: Sequence[str] = ()
    ) -> ImportCounts:
        of = pb.PatientEntries(patient=patient(ref, *others), vaccinations=entries, absences=absences)
        message = pb.BulkImportRequest(patients=[of])
        return (await self.stub.BulkImport(iter([message]), metadata=calling(FEED))).counts

    async def listed(self, *refs: str, **fields: Any) -> pb.ListVaccinationsResponse:
        request = pb.ListVaccinationsRequest(patient=patient(refs[0]), **fields)
        return await self.stub.ListVaccinations(request, metadata=calling(DOCTOR, *refs))

    async def section(self, *refs: str, max_entries: int = 20, **fields: Any) -> pb.VaccinationsSection:
        query = SectionQuery(
            access_id=refs[0], caller=CallerContext(patient_refs=refs), max_entries=max_entries, **fields
        )
        request = pb.BatchGetSectionsRequest(queries=[query])
        [answer] = (await self.stub.BatchGetSections(request, metadata=calling(DOCTOR))).answers
        assert answer.WhichOneof("result") == "section"
        return answer.section
