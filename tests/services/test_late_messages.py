"""Late and repeated messages change nothing: every register, single and bulk, in every order."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

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
from shared.database import Database
from tests.support.postgres import Cluster
from tests.support.service import FEED, calling, served

BEGAN = datetime(2024, 5, 1, 9, tzinfo=UTC)
SEEDS = range(3)


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


@pytest.fixture(scope="module")
async def stubs(postgres: Cluster) -> AsyncIterator[dict[str, Any]]:
    async with AsyncExitStack() as running:
        found = {}
        for name, (servicer, repository, service, stub) in SERVICES.items():
            database = await Database.connect((await postgres.migrated(name)).dsn)
            running.push_async_callback(database.close)
            found[name] = stub(await running.enter_async_context(served((servicer(repository(database)), service))))
        yield found


async def send(kind: Kind, stub: Any, of: PatientIdentifier, sent: Any, *, single: bool) -> EntryVersion | ImportCounts:
    if single and kind.single is not None:
        rpc, request = kind.single(of, sent)
        written: EntryVersion = (await getattr(stub, rpc)(request, metadata=calling(FEED, of.patient_ref))).written
        return written
    counts: ImportCounts = (await stub.BulkImport(iter([kind.bulk(of, sent)]), metadata=calling(FEED))).counts
    return counts


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", KINDS)
async def test_every_order_ends_in_the_newest(stubs: dict[str, Any], name: str, seed: int) -> None:
    """Three versions and a withdrawal, which is the newest in one half of the runs and the second in the other."""
    kind, rng = KINDS[name], random.Random(f"{name}{seed}")  # no secret
    withdrawn = 4 if name == "labs" else rng.choice([2, 4])  # nothing follows a report that is withdrawn
    versions = [kind.made(time, time == withdrawn) for time in (1, 2, 3, 4)]
    stub = stubs[kind.service]
    for order in rng.sample(list(permutations(versions)), 6):
        of = PatientIdentifier(patient_ref=str(uuid4()))
        sent = [each for each in order for _ in range(rng.randint(1, 2))]
        sent += rng.sample(list(order), 2)
        for each in sent:
            await send(kind, stub, of, each, single=rng.random() < 0.5)
        assert await kind.shown(stub, of) == ([] if withdrawn == 4 else ["4"]), (seed, order)


@pytest.mark.parametrize("name", KINDS)
async def test_what_is_older_changes_nothing_and_is_counted(stubs: dict[str, Any], name: str) -> None:
    kind, of = KINDS[name], PatientIdentifier(patient_ref=str(uuid4()))
    first, second, third = (kind.made(time, False) for time in (1, 2, 3))
    stub = stubs[kind.service]
    await send(kind, stub, of, first, single=True)
    await send(kind, stub, of, third, single=True)
    for late in (first, second):
        counts = await send(kind, stub, of, late, single=False)
        assert counts == ImportCounts(batches=1, outdated=1)
    if kind.single is not None:
        for late in (first, second):
            written = await send(kind, stub, of, late, single=True)
            assert isinstance(written, EntryVersion)
            assert (written.version, written.outdated) == (2, True)
        rpc, request = kind.single(of, second)
        tries = [(await getattr(stub, rpc)(request, metadata=calling(FEED, of.patient_ref))).written for _ in range(2)]
        assert tries[0] == tries[1], "a retry gets the same answer"
    assert await kind.shown(stub, of) == ["3"]


@pytest.mark.parametrize("name", KINDS)
async def test_of_two_versions_in_one_message_the_newer_one_holds(stubs: dict[str, Any], name: str) -> None:
    kind, of = KINDS[name], PatientIdentifier(patient_ref=str(uuid4()))
    message = kind.bulk(of, kind.made(3, False))
    message.patients[0].MergeFrom(kind.bulk(of, kind.made(2, False)).patients[0])
    counts = (await stubs[kind.service].BulkImport(iter([message]), metadata=calling(FEED))).counts
    assert (counts.created, counts.updated, counts.outdated) == (1, 0, 1)
    assert await kind.shown(stubs[kind.service], of) == ["3"]
