"""What a feed sends: each message checked, and made into versions to be stored."""

from collections.abc import Iterator
from datetime import datetime

from kjernejournal.common.v1.common_pb2 import ABSENCE_KIND_UNSPECIFIED, CallerContext
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb
from services.critical_info import convert, model
from services.critical_info.repository import Imported
from shared.convert import digest
from shared.errors import Invalid
from shared.register.bulk_import import alias_refs, elsewhere, entry_id, patient_ref
from shared.register.convert import fed_provenance


def imported(message: pb.BulkImportRequest, feed: CallerContext, now: datetime) -> Iterator[Imported]:
    """Gives the entries and statements of one message. Raises Invalid with the path of what breaks a rule."""
    for number, patient in enumerate(message.patients):
        path = f"patients[{number}]"
        ref, aliases = patient_ref(patient.patient, path), alias_refs(patient.patient)
        refs = tuple(sorted({ref, *aliases}))
        contents: list[tuple[str, convert.Content]] = [
            *((f"{path}.critical_info[{position}]", each) for position, each in enumerate(patient.critical_info)),
            *((f"{path}.absences[{position}]", each) for position, each in enumerate(patient.absences)),
        ]
        for where, content in contents:
            check(content, where)
            sent, known_as = digest(content), entry_id(ref, content.header, where)
            places = elsewhere(aliases, content.header)
            source = fed_provenance(content.header.provenance, feed, now)
            convert.clear_what_the_system_sets(content)
            content.header.provenance.CopyFrom(source)
            new = convert.new_entry(content, ref, known_as, 1, None, sent)._replace(elsewhere=places)
            yield Imported(new, refs, where)


def check(content: convert.Content, path: str) -> None:
    """Raises Invalid for an entry or a statement that breaks a rule for everybody."""
    if isinstance(content, pb.CategoryAbsence):
        if not content.withdrawn and content.kind == ABSENCE_KIND_UNSPECIFIED:
            raise Invalid(f"{path}.kind", "is required")
        return
    try:
        if content.status == pb.STATUS_ENTERED_IN_ERROR:
            model.check_category(content)  # whatever else it says, nobody is shown
        else:
            model.check(content)
    except Invalid as error:
        raise error.inside(path) from None
