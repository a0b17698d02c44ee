"""One kind of entry after another, of every register that feeds write to: how it is made, sent and read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import (
    CodeableConcept,
    EntryHeader,
    EntryVersion,
    EventTime,
    ImportCounts,
    Organisation,
    PartialDate,
    PatientIdentifier,
    Period,
    Provenance,
)
from kjernejournal.critical_info.v1 import critical_info_pb2 as ki
from kjernejournal.critical_info.v1.critical_info_pb2_grpc import CriticalInfoServiceStub
from kjernejournal.labs.v1 import labs_pb2 as labs
from kjernejournal.labs.v1.labs_pb2_grpc import LabsServiceStub
from kjernejournal.medications.v1 import medications_pb2 as med
from kjernejournal.medications.v1.medications_pb2_grpc import MedicationsServiceStub
from kjernejournal.vaccinations.v1 import vaccinations_pb2 as vac
from kjernejournal.vaccinations.v1.vaccinations_pb2_grpc import VaccinationsServiceStub
from kjernejournal.visits.v1 import visits_pb2 as vis
from kjernejournal.visits.v1.visits_pb2_grpc import VisitsServiceStub
from services.critical_info.repository import Repository as CriticalInfo
from services.critical_info.servicer import Servicer as CriticalInfoServicer
from services.labs.repository import Repository as Labs
from services.labs.servicer import Servicer as LabsServicer
from services.medications.repository import Repository as Medications
from services.medications.servicer import Servicer as MedicationsServicer
from services.vaccinations.repository import Repository as Vaccinations
from services.vaccinations.servicer import Servicer as VaccinationsServicer
from services.visits.repository import Repository as Visits
from services.visits.servicer import Servicer as VisitsServicer
from shared.convert import timestamp
from tests.support.service import FEED, calling

BEGAN = datetime(2024, 5, 1, 9, tzinfo=UTC)


def header(time: int, name: str) -> EntryHeader:
    """Returns the header of the version that the source made at `time`."""
    at = timestamp(BEGAN + time * timedelta(days=1))
    return EntryHeader(
        provenance=Provenance(source_system="kilde", source_id=name, recorded_at=timestamp(BEGAN), changed_at=at)
    )


class Kind(NamedTuple):
    """One kind of entry of one register."""

    service: str
    made: Callable[[int, bool], Any]
    """The version of a time, withdrawn or not; its text is the time."""
    bulk: Callable[[PatientIdentifier, Any], Any]
    single: Callable[[PatientIdentifier, Any], tuple[str, Any]] | None
    shown: Callable[[Any, PatientIdentifier], Awaitable[list[str]]]
    """What readers see: the texts."""


def visit(time: int, withdrawn: bool) -> vis.Visit:
    return vis.Visit(
        header=header(time, "v"),
        kind=vis.CONTACT_KIND_OUTPATIENT,
        period=Period(start=timestamp(BEGAN)),
        unit=Organisation(name=str(time)),
        withdrawn=withdrawn,
    )


def dose(time: int, withdrawn: bool) -> vac.Vaccination:
    return vac.Vaccination(
        header=header(time, "d"),
        status=vac.VACCINATION_STATUS_COMPLETED,
        vaccine=CodeableConcept(text=str(time)),
        occurrence=EventTime(date=PartialDate(year=2024)),
        withdrawn=withdrawn,
    )


def report(time: int, withdrawn: bool) -> labs.LabReport:
    return labs.LabReport(
        header=header(time, "r"),
        status=labs.RESULT_STATUS_FINAL,
        code=CodeableConcept(text=str(time)),
        issued=timestamp(BEGAN),
        comment=str(time),
        withdrawn=withdrawn,
    )


def entry(time: int, withdrawn: bool) -> ki.CriticalInfo:
    return ki.CriticalInfo(
        header=header(time, "k"),
        category=ki.CATEGORY_IMPLANT,
        specification=str(time),
        status=ki.STATUS_ENTERED_IN_ERROR if withdrawn else ki.STATUS_ACTIVE,
    )


def source(withdrawn: bool, kind: str) -> med.SourceRecord:
    return med.SourceRecord(resource_type=kind, status="entered-in-error" if withdrawn else "active")


def prescription(time: int, withdrawn: bool) -> med.Prescription:
    return med.Prescription(
        header=header(time, "p"),
        medication=med.Medication(code=CodeableConcept(text=str(time))),
        source_record=source(withdrawn, "MedicationRequest"),
    )


def dispensing(time: int, withdrawn: bool) -> med.Dispensing:
    return med.Dispensing(
        header=header(time, "x"),
        medication=med.Medication(code=CodeableConcept(text=str(time))),
        source_record=source(withdrawn, "MedicationDispense"),
    )


def statement(time: int, withdrawn: bool) -> med.MedicationStatement:
    return med.MedicationStatement(
        header=header(time, "s"),
        kind=med.STATEMENT_KIND_MEDICINE,
        medication=med.Medication(code=CodeableConcept(text=str(time))),
        source_record=source(withdrawn, "MedicationStatement"),
    )


def _bulk(module: Any, field: str) -> Callable[[PatientIdentifier, Any], Any]:
    return lambda of, sent: module.BulkImportRequest(patients=[module.PatientEntries(patient=of, **{field: [sent]})])


def _single(module: Any, rpc: str, field: str) -> Callable[[PatientIdentifier, Any], tuple[str, Any]]:
    return lambda of, sent: (
        rpc,
        getattr(module, f"{rpc}Request")(patient=of, request_id=str(uuid4()), **{field: sent}),
    )


def _listed(module: Any, rpc: str, field: str, text: Callable[[Any], str]) -> Any:
    async def shown(stub: Any, of: PatientIdentifier) -> list[str]:
        reader = calling(FEED, of.patient_ref)
        found = await getattr(stub, rpc)(getattr(module, f"{rpc}Request")(patient=of), metadata=reader)
        return [text(each) for each in getattr(found, field)]

    return shown


KINDS = {
    "visits": Kind(
        "visits",
        visit,
        _bulk(vis, "visits"),
        _single(vis, "RecordVisit", "visit"),
        _listed(vis, "ListVisits", "visits", lambda each: each.unit.name),
    ),
    "vaccinations": Kind(
        "vaccinations",
        dose,
        _bulk(vac, "vaccinations"),
        _single(vac, "RecordVaccination", "vaccination"),
        _listed(vac, "ListVaccinations", "vaccinations", lambda each: each.vaccine.text),
    ),
    "labs": Kind(
        "labs",
        report,
        _bulk(labs, "reports"),
        _single(labs, "RecordLabReport", "report"),
        _listed(labs, "ListLabReports", "reports", lambda each: each.comment),
    ),
    "critical_info": Kind(
        "critical_info",
        entry,
        _bulk(ki, "critical_info"),
        None,
        _listed(ki, "ListCriticalInfo", "critical_info", lambda each: each.specification),
    ),
    "prescriptions": Kind(
        "medications",
        prescription,
        _bulk(med, "prescriptions"),
        _single(med, "RecordPrescription", "prescription"),
        _listed(med, "ListPrescriptions", "prescriptions", lambda each: each.medication.code.text),
    ),
    "dispensings": Kind(
        "medications",
        dispensing,
        _bulk(med, "dispensings"),
        _single(med, "RecordDispensing", "dispensing"),
        _listed(med, "ListDispensings", "dispensings", lambda each: each.medication.code.text),
    ),
    "statements": Kind(
        "medications",
        statement,
        _bulk(med, "statements"),
        None,
        _listed(med, "ListMedicationStatements", "statements", lambda each: each.medication.code.text),
    ),
}

SERVICES: dict[str, tuple[Any, Any, Any, Any]] = {
    "visits": (VisitsServicer, Visits, vis.DESCRIPTOR.services_by_name["VisitsService"], VisitsServiceStub),
    "vaccinations": (
        VaccinationsServicer,
        Vaccinations,
        vac.DESCRIPTOR.services_by_name["VaccinationsService"],
        VaccinationsServiceStub,
    ),
    "labs": (LabsServicer, Labs, labs.DESCRIPTOR.services_by_name["LabsService"], LabsServiceStub),
    "critical_info": (
        CriticalInfoServicer,
        CriticalInfo,
        ki.DESCRIPTOR.services_by_name["CriticalInfoService"],
        CriticalInfoServiceStub,
    ),
    "medications": (
        MedicationsServicer,
        Medications,
        med.DESCRIPTOR.services_by_name["MedicationsService"],
        MedicationsServiceStub,
    ),
}


async def send(kind: Kind, stub: Any, of: PatientIdentifier, sent: Any, *, single: bool) -> EntryVersion | ImportCounts:
    if single and kind.single is not None:
        rpc, request = kind.single(of, sent)
        written: EntryVersion = (await getattr(stub, rpc)(request, metadata=calling(FEED, of.patient_ref))).written
        return written
    counts: ImportCounts = (await stub.BulkImport(iter([kind.bulk(of, sent)]), metadata=calling(FEED))).counts
    return counts
