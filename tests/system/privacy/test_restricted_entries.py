"""Entries that come restricted from their source (Volven 9603, NORS): the patient's settings do not name them."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from kjernejournal.common.v1.common_pb2 import Coding, EntryHeader, Provenance
from kjernejournal.documents.v1.documents_pb2 import (
    DownloadDocumentRequest,
    ListDocumentsRequest,
    UploadDocumentRequest,
)
from kjernejournal.labs.v1 import labs_pb2
from shared.convert import timestamp
from tests.services.documents.calls import document
from tests.services.labs.calls import report
from tests.support.client import Client, read, refusal
from tests.support.patients import Patient
from tests.support.summaries import asked, summary

ELEVATED = ("FORHOYET_SAMTYKKE", "FORHOYET_AKUTT")
NORS = Coding(system="urn:oid:2.16.578.1.12.4.1.1.9603", code="NORS")


@pytest.mark.parametrize("basis", ELEVATED)
async def test_a_report_that_its_laboratory_restricted_is_held_back_and_can_be_opened(
    client: Client, patient: Patient, basis: str
) -> None:
    sent: Any = report()
    sent.confidentiality.append(NORS)
    source = Provenance(source_system="lab", source_id=str(uuid4()), recorded_at=timestamp(datetime.now(UTC)))
    sent.header.CopyFrom(EntryHeader(provenance=source))
    entries = labs_pb2.PatientEntries(patient=patient.identifier, reports=[sent])
    await client.send("LabsService/BulkImport", [labs_pb2.BulkImportRequest(patients=[entries])], kind="system")
    listing = labs_pb2.ListLabReportsRequest(patient=patient.identifier)
    held = await client.call("ListLabReports", listing)
    opened = await client.call("ListLabReports", listing, basis=basis)
    assert held.window.withheld == 1
    assert len(opened.reports) == len(held.reports) + 1
    assert opened.window.withheld == 0
    got = await summary(client, patient, basis=basis)
    assert got.section("labs").labs.window.withheld == 0


@pytest.mark.parametrize("basis", ELEVATED)
async def test_a_document_that_its_hospital_restricted_can_be_opened(
    client: Client, patient: Patient, basis: str
) -> None:
    upload = UploadDocumentRequest(patient=patient.identifier, request_id=str(uuid4()), document=document("NORS"))
    sent = await client.send("UploadDocument", [upload, UploadDocumentRequest(chunk=b"x")])
    request = DownloadDocumentRequest(patient=patient.identifier, id=sent.document.header.id)
    parts, told = await read(client.open("DownloadDocument", request))
    assert told is not None
    assert told.short == ("PERMISSION_DENIED", "SECTION_RESTRICTED")
    assert parts == []
    parts, told = await read(client.open("DownloadDocument", request, basis=basis))
    assert told is None
    assert parts[-1].chunk == b"x"


async def test_where_no_entry_is_restricted_an_elevated_basis_is_refused_as_before(
    client: Client, patient: Patient
) -> None:
    for basis in ELEVATED:
        told = await refusal(client.call("GetPatientSummary", asked(patient), basis=basis))
        assert told.short == ("PERMISSION_DENIED", "ELEVATED_BASIS_NOT_NEEDED")
        listing = ListDocumentsRequest(patient=patient.identifier)
        told = await refusal(client.call("ListDocuments", listing, basis=basis))
        assert told.short == ("PERMISSION_DENIED", "ELEVATED_BASIS_NOT_NEEDED")
