"""Between stored versions and the messages of the contract."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from kjernejournal.common.v1.common_pb2 import CallerContext, EntryHeader, Provenance, StatedAbsence
from kjernejournal.labs.v1 import labs_pb2 as pb
from services.labs import model
from services.labs.repository import ReportPage
from shared.convert import moment
from shared.register.convert import complete_header, provenance, window
from shared.register.entry import NewEntry, StoredEntry


def new_entry(
    report: pb.LabReport, patient_ref: str, entry_id: str, version: int, request_id: str | None, sent: bytes
) -> NewEntry:
    """Returns the version to be stored of a checked report; `sent` is the digest of what the feed sent."""
    return NewEntry(
        patient_ref=patient_ref,
        id=entry_id,
        version=version,
        kind=model.kind_of(report),
        deleted=report.withdrawn,
        effective_at=model.effective_at(report, moment(report.header.provenance.recorded_at)),
        request_id=request_id,
        digest=sent,
        content=report.SerializeToString(deterministic=True),
    )


def to_store(report: pb.LabReport, source: Provenance) -> pb.LabReport:
    """Returns the report as it is stored: what the system sets is taken away, what follows from the rest is set."""
    stored = pb.LabReport()
    stored.CopyFrom(report)
    stored.header.CopyFrom(EntryHeader(provenance=source))
    stored.ClearField("released")
    model.complete(stored)
    return stored


def released(stored: StoredEntry, caller: CallerContext, request_id: str, now: datetime) -> NewEntry:
    """Returns the version whose delay the caller has ended. Its digest is the repository's to set."""
    report = pb.LabReport.FromString(stored.content)
    first = report.header.first_recorded if report.header.HasField("first_recorded") else report.header.provenance
    doctor = provenance(caller, now)
    report.header.CopyFrom(EntryHeader(provenance=doctor, first_recorded=first))
    report.released.CopyFrom(doctor)
    entry = new_entry(report, stored.patient_ref, stored.id, stored.version + 1, request_id, b"")
    return entry._replace(effective_at=stored.effective_at)


def report(stored: StoredEntry) -> pb.LabReport:
    """Returns the report as a reader sees it. Withdrawn ones have no readers."""
    message = pb.LabReport.FromString(stored.content)
    complete_header(message.header, stored)
    return message


def results(stored: StoredEntry, asked: Iterable[tuple[str, str]]) -> list[pb.ResultOfReport]:
    """Returns the results of a version that hold and carry one of the codes asked for, in the order of the report."""
    of = report(stored)
    asked = list(asked)
    return [
        pb.ResultOfReport(
            report_id=of.header.id,
            report_version=of.header.version,
            report_status=of.status,
            effective=_set(result, "effective") or _set(of, "effective"),
            laboratory=_set(of, "laboratory"),
            result=result,
        )
        for result in of.results
        if model.result_holds(of, result) and model.matches(result.code, asked)
    ]


def absence(stored: StoredEntry) -> StatedAbsence:
    """Returns the statement of absence."""
    message = StatedAbsence.FromString(stored.content)
    complete_header(message.header, stored)
    return message


def section(found: ReportPage, since: datetime | None) -> pb.LabsSection:
    """Returns the summary's section."""
    return pb.LabsSection(
        reports=[report(stored) for stored in found.entries],
        window=window(found, since, found.withheld),
        absence=absence(found.absence) if found.absence else None,
    )


def _set(message: pb.Result | pb.LabReport, field: str) -> Any:
    """Returns a field's message, or None: what is not known is not there."""
    return getattr(message, field) if message.HasField(field) else None  # type: ignore[arg-type]  # the callers' own names
