"""One message of a feed's stream as the entries to be stored: checked, and named by their path."""

from collections.abc import Iterator
from datetime import datetime

from kjernejournal.common.v1.common_pb2 import CallerContext
from kjernejournal.labs.v1 import labs_pb2 as pb
from services.labs import checks, convert
from shared.convert import digest
from shared.errors import Invalid
from shared.register import stated_absence
from shared.register.bulk_import import alias_refs, elsewhere, entry_id, patient_ref
from shared.register.convert import fed_provenance
from shared.register.entry import NewEntry


def entries(message: pb.BulkImportRequest, feed: CallerContext, now: datetime) -> Iterator[tuple[str, NewEntry]]:
    """Gives path and entry of all that a message holds. Raises Invalid with the field's path in it."""
    for number, patient in enumerate(message.patients):
        path = f"patients[{number}]"
        ref, aliases = patient_ref(patient.patient, path), alias_refs(patient.patient)
        for position, report in enumerate(patient.reports):
            where = f"{path}.reports[{position}]"
            known_as = entry_id(ref, report.header, where)
            stored = checked(report, feed, now, where)
            new = convert.new_entry(stored, ref, known_as, 1, None, digest(report))
            yield where, new._replace(elsewhere=elsewhere(aliases, report.header))
        # After the reports: a statement that comes with them is about them, and not older than they are.
        for position, statement in enumerate(patient.absences):
            where = f"{path}.absences[{position}]"
            new = stated_absence.new_entry(statement, ref, where, feed, now)
            yield where, new._replace(elsewhere=elsewhere(aliases, statement.header, stated_absence.NAME))


def checked(report: pb.LabReport, feed: CallerContext, now: datetime, path: str) -> pb.LabReport:
    """Returns a report that a feed sends, as it is to be stored. Raises Invalid with the field's path in it."""
    stored = convert.to_store(report, fed_provenance(report.header.provenance, feed, now))
    try:
        checks.report(stored, now)
    except Invalid as error:
        raise error.inside(path) from None
    return stored
