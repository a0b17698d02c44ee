"""What was imported, read back through the front door: each resource is one entry of its list."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kjernejournal.common.v1.common_pb2 import PatientIdentifier
from kjernejournal.critical_info.v1 import critical_info_pb2
from kjernejournal.documents.v1 import documents_pb2
from kjernejournal.labs.v1 import labs_pb2
from kjernejournal.medications.v1 import medications_pb2
from kjernejournal.own_registrations.v1 import own_registrations_pb2
from kjernejournal.vaccinations.v1 import vaccinations_pb2
from kjernejournal.visits.v1 import visits_pb2
from tests.kj.fhir_r4.bundles import OUTSIDE, whole, written
from tests.support.client import Client
from tests.support.system import System

LISTS: dict[str, tuple[str, Any, str]] = {
    "critical_info": ("ListCriticalInfo", critical_info_pb2.ListCriticalInfoRequest, "critical_info"),
    "prescriptions": ("ListPrescriptions", medications_pb2.ListPrescriptionsRequest, "prescriptions"),
    "dispensings": ("ListDispensings", medications_pb2.ListDispensingsRequest, "dispensings"),
    "statements": ("ListMedicationStatements", medications_pb2.ListMedicationStatementsRequest, "statements"),
    "visits": ("ListVisits", visits_pb2.ListVisitsRequest, "visits"),
    "documents": ("ListDocuments", documents_pb2.ListDocumentsRequest, "documents"),
    "lab reports": ("ListLabReports", labs_pb2.ListLabReportsRequest, "reports"),
    "vaccinations": ("ListVaccinations", vaccinations_pb2.ListVaccinationsRequest, "vaccinations"),
    "own_registrations": ("ListOwnRegistrations", own_registrations_pb2.ListOwnRegistrationsRequest, "registrations"),
}
"""The list that each placed resource is in: rpc, request, and the reply's field."""


async def listed(client: Client, national_id: str, name: str) -> list[Any]:
    """Returns everything in a patient's list, page by page, without a history window."""
    rpc, request, field = LISTS[name]
    found: list[Any] = []
    token = ""
    while True:
        whom = PatientIdentifier(national_id=national_id)
        reply = await client.call(rpc, request(patient=whom, page_size=500, page_token=token))
        found += getattr(reply, field)
        token = reply.next_page_token
        if not token:
            assert reply.window.total == len(found)
            return found


def imported(system: System, *files: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(system.kj("import", *map(str, files), seconds=240))
    return told


async def check_lists(client: Client, report: dict[str, Any]) -> None:
    """Checks that each list of the file's one patient holds what was placed there: no more, no less, nothing twice."""
    [national_id] = report["patients"]
    placed = Counter[str]()
    for row in report["resources"].values():
        placed.update(row["placed"])
    alone = placed["lab results: reports of their own"]
    placed["lab reports"] += alone
    # With the contacts that are a part of the Patient, which no row of the report counts.
    placed["own_registrations"] = sum(report["stored"].get("own_registrations", {}).values())
    for name in LISTS:
        entries = await listed(client, national_id, name)
        assert len(entries) == placed[name], (report["file"], name)
        assert len({each.header.provenance.source_id for each in entries}) == len(entries)
        if name == "lab reports":
            assert sum(len(each.results) for each in entries) == placed["lab results"] + alone


async def test_each_resource_is_one_entry_and_a_second_import_changes_nothing(
    system: System, client: Client, tmp_path: Path
) -> None:
    path = written(tmp_path, "whole.json.bz2", whole())
    first = imported(system, path)["files"][0]
    assert first["status"] == "imported"
    assert sum(each["created"] for each in first["stored"].values()) == 12
    await check_lists(client, first)
    again = imported(system, path)["files"][0]
    assert {(each["created"], each["updated"]) for each in again["stored"].values()} == {(0, 0)}
    assert sum(each["unchanged"] for each in again["stored"].values()) == 12
    await check_lists(client, again)
    assert first["patients"][0] in json.loads(system.kj("patients", "--json"))


async def test_a_document_comes_back_as_it_was(system: System, client: Client, tmp_path: Path) -> None:
    report = imported(system, written(tmp_path, "whole.json", whole()))["files"][0]
    [national_id] = report["patients"]
    [document] = await listed(client, national_id, "documents")
    request = documents_pb2.DownloadDocumentRequest(
        patient=PatientIdentifier(national_id=national_id), id=document.header.id
    )
    parts = await client.stream("DownloadDocument", request)
    assert b"".join(part.chunk for part in parts) == b"hei"


async def test_what_the_source_takes_back_leaves_the_list(system: System, client: Client, tmp_path: Path) -> None:
    value = whole()
    patient = value["entry"][0]["resource"]
    patient["identifier"][0]["value"] = "taken-back"
    imported(system, written(tmp_path, "before.json", value))
    for entry in value["entry"]:
        if entry["resource"]["resourceType"] in ("Encounter", "MedicationRequest"):
            entry["resource"]["status"] = "entered-in-error"
    report = imported(system, written(tmp_path, "after.json", value))["files"][0]
    [national_id] = report["patients"]
    assert await listed(client, national_id, "visits") == []
    assert await listed(client, national_id, "prescriptions") == []


@pytest.mark.timeout(1800)
@pytest.mark.skipif(not OUTSIDE.is_dir(), reason=f"no FHIR data of others at {OUTSIDE}")
async def test_the_counts_of_synthea_patients_are_those_of_their_lists(system: System, client: Client) -> None:
    """All 24 with KJ_LONG, else every eighth: that each is mapped whole is shown beside the mapping."""
    files = sorted(path for path in (OUTSIDE / "synthea-r4").glob("*.bz2") if not path.name.startswith("0-"))
    assert len(files) == 24
    files = files if os.environ.get("KJ_LONG") else files[::8]
    told = imported(system, *files)
    assert len(told["files"]) == len(files)
    for report in told["files"]:
        await check_lists(client, report)
    again = imported(system, *files)["total"]["stored"]
    assert {(each["created"], each["updated"]) for each in again.values()} == {(0, 0)}
