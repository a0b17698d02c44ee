"""Calls to critical information, as the gateway makes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from google.protobuf.field_mask_pb2 import FieldMask

from kjernejournal.common.v1.common_pb2 import (
    ABSENCE_KIND_NIL_KNOWN,
    ABSENCE_KIND_NOT_ASKED,
    AbsenceKind,
    CallerContext,
    CodeableConcept,
    Coding,
    ImportCounts,
    PartialDate,
    PatientIdentifier,
    SectionQuery,
)
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from shared.convert import timestamp
from shared.norwegian_time import norwegian_date
from tests.support.service import DOCTOR, FEED, calling

if TYPE_CHECKING:
    from kjernejournal.critical_info.v1.critical_info_pb2_grpc import CriticalInfoServiceAsyncStub

VOLVEN = "urn:oid:2.16.578.1.12.4.1.1."
ATC, ICD10, SNOMED = "http://www.whocc.no/atc", VOLVEN + "7110", "http://snomed.info/sct"
RECORDED = datetime(2020, 1, 1, 9, tzinfo=UTC)

NIL, NOT_ASKED = ABSENCE_KIND_NIL_KNOWN, ABSENCE_KIND_NOT_ASKED


def clinician(role: str, hpr_number: str) -> CallerContext:
    caller = CallerContext()
    caller.CopyFrom(DOCTOR)
    caller.practitioner.hpr_number = hpr_number
    caller.practitioner.name = f"{role} {hpr_number}"
    caller.practitioner.role.code = role
    return caller


COLLEAGUE = clinician("LE", "9144919")
NURSE = clinician("SP", "9144927")
VERNEPLEIER = clinician("VP", "9144935")
PSYCHOLOGIST = clinician("PS", "9144943")


def coded(system: str, code: str) -> CodeableConcept:
    return CodeableConcept(codings=[Coding(system=system, code=code, display=code)])


def made(category: pb.Category.ValueType, words: str = "i ord", **fields: Any) -> pb.CriticalInfo:
    """Returns an entry in words; an infection by its code."""
    entry = pb.CriticalInfo(category=category, status=pb.STATUS_ACTIVE)
    if category == pb.CATEGORY_INFECTION:
        entry.code.CopyFrom(coded(ICD10, "B18.1"))
    else:
        entry.specification = words
    if category == pb.CATEGORY_LIFE_PROLONGING_TREATMENT:
        entry.valid_until.CopyFrom(day(365))
    entry.MergeFrom(pb.CriticalInfo(**fields))
    return entry


def day(days: int) -> PartialDate:
    """Returns the date so many days from today, in Norway."""
    then: date = norwegian_date(datetime.now(UTC)) + timedelta(days=days)
    return PartialDate(year=then.year, month=then.month, day=then.day)


@dataclass(frozen=True)
class Register:
    """The register, as a doctor uses it, or whoever `who` is."""

    stub: CriticalInfoServiceAsyncStub

    async def create(
        self,
        ref: str,
        entry: pb.CriticalInfo,
        who: CallerContext = DOCTOR,
        request_id: str = "",
        refs: Sequence[str] = (),
    ) -> pb.CriticalInfo:
        request = pb.CreateCriticalInfoRequest(
            patient=patient(ref), request_id=request_id or str(uuid4()), critical_info=entry
        )
        return (await self.stub.CreateCriticalInfo(request, metadata=calling(who, *(refs or (ref,))))).critical_info

    async def state(
        self, ref: str, kind: AbsenceKind.ValueType, category: int = 0, who: CallerContext = DOCTOR
    ) -> pb.CategoryAbsence:
        said = pb.CategoryAbsence(kind=kind, category=category)  # type: ignore[arg-type]  # a category's number
        request = pb.CreateCriticalInfoRequest(patient=patient(ref), request_id=str(uuid4()), absence=said)
        return (await self.stub.CreateCriticalInfo(request, metadata=calling(who, ref))).absence

    async def update(
        self,
        ref: str,
        of: pb.CriticalInfo,
        *paths: str,
        who: CallerContext = DOCTOR,
        verify: bool = False,
        request_id: str = "",
        refs: Sequence[str] = (),
        **values: Any,
    ) -> pb.CriticalInfo:
        """Changes what `paths` name; without paths, what `values` name."""
        request = pb.UpdateCriticalInfoRequest(
            patient=patient(ref),
            request_id=request_id or str(uuid4()),
            id=of.header.id,
            expected_version=of.header.version,
            critical_info=pb.CriticalInfo(**values),
            update_mask=FieldMask(paths=paths or tuple(values)),
            verify=verify,
        )
        return (await self.stub.UpdateCriticalInfo(request, metadata=calling(who, *(refs or (ref,))))).critical_info

    async def delete(
        self, ref: str, of: pb.CriticalInfo, who: CallerContext = DOCTOR, request_id: str = ""
    ) -> pb.CriticalInfo:
        request = pb.DeleteCriticalInfoRequest(
            patient=patient(ref),
            request_id=request_id or str(uuid4()),
            id=of.header.id,
            expected_version=of.header.version,
        )
        return (await self.stub.DeleteCriticalInfo(request, metadata=calling(who, ref))).critical_info

    async def get(self, ref: str, of: pb.CriticalInfo) -> pb.CriticalInfo:
        request = pb.GetCriticalInfoRequest(patient=patient(ref), id=of.header.id)
        return (await self.stub.GetCriticalInfo(request, metadata=calling(DOCTOR, ref))).critical_info

    async def versions(self, ref: str, of: pb.CriticalInfo) -> list[pb.CriticalInfo]:
        request = pb.ListCriticalInfoVersionsRequest(patient=patient(ref), id=of.header.id, page_size=500)
        return list((await self.stub.ListCriticalInfoVersions(request, metadata=calling(DOCTOR, ref))).versions)

    async def listed(
        self, *refs: str, as_of: datetime | None = None, categories: Iterable[pb.Category.ValueType] = ()
    ) -> pb.ListCriticalInfoResponse:
        request = pb.ListCriticalInfoRequest(
            patient=patient(refs[0]),
            page_size=500,
            as_of=timestamp(as_of) if as_of else None,
            categories=categories,
        )
        return await self.stub.ListCriticalInfo(request, metadata=calling(DOCTOR, *refs))

    async def section(self, *refs: str, most: int = 50, as_of: datetime | None = None) -> pb.CriticalInfoSection:
        query = SectionQuery(access_id="a", max_entries=most, caller=CallerContext(patient_refs=refs))
        if as_of is not None:
            query.as_of.CopyFrom(timestamp(as_of))
        [answer] = (await self.stub.BatchGetSections(pb.BatchGetSectionsRequest(queries=[query]))).answers
        return answer.section

    async def status(self, *refs: str) -> pb.GetCriticalInfoStatusResponse:
        request = pb.GetCriticalInfoStatusRequest(patient=patient(refs[0]))
        return await self.stub.GetCriticalInfoStatus(request, metadata=calling(DOCTOR, *refs))

    async def load(self, *messages: pb.PatientEntries) -> ImportCounts:
        """Sends one message of a feed."""
        request = pb.BulkImportRequest(patients=messages)
        return (await self.stub.BulkImport(iter([request]), metadata=calling(FEED))).counts


def patient(*refs: str) -> PatientIdentifier:
    return PatientIdentifier(patient_ref=refs[0], alias_refs=refs[1:])


def fed(entry: pb.CriticalInfo, source_id: str) -> pb.CriticalInfo:
    """Returns the entry as a feed sends it."""
    sent = pb.CriticalInfo()
    sent.CopyFrom(entry)
    sent.header.provenance.source_id = source_id
    sent.header.provenance.source_system = "a feed"
    sent.header.provenance.recorded_at.CopyFrom(timestamp(RECORDED))
    return sent


def of_patient(ref: str, *entries: pb.CriticalInfo, aliases: Sequence[str] = ()) -> pb.PatientEntries:
    return pb.PatientEntries(patient=patient(ref, *aliases), critical_info=entries)


def new_ref() -> str:
    return str(uuid4())
