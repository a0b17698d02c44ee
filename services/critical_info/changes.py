"""What a change does to an entry, and what it may not do. Pure functions: no I/O, no clock.

=============  ====================================================  =====================================
act            request                                               refused
=============  ====================================================  =====================================
change         update_mask names fields                              category and header never change
refute         status to STATUS_REFUTED: it does not hold
end            status to STATUS_ENDED, with `ended`: it is over     `ended` beside another status
re-activate    status to STATUS_ACTIVE                               an active 8 beside an active 11
comment        comment                                               more than 500 characters
verify         verify, with nothing or a comment beside it           by the author; of what does not hold
delete         DeleteCriticalInfo: it was entered in error           an older version than the latest
=============  ====================================================  =====================================

Nothing changes an entry that is deleted. The first recorder stays, whoever comes after. Sources: Helsedirektoratet's
booklets of 2014 and 2015 (verify, re-activate, comment); KI-FHIR, delete and error handling.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from kjernejournal.common.v1.common_pb2 import EntryHeader, Provenance
from kjernejournal.critical_info.v1.critical_info_pb2 import (
    STATUS_ACTIVE,
    STATUS_ENDED,
    STATUS_ENTERED_IN_ERROR,
    CriticalInfo,
    Status,
    UpdateCriticalInfoRequest,
)
from services.critical_info import clinician_checks, model
from services.critical_info.categories import CATEGORIES
from shared.errors import Invalid, Reason, StateConflict

SET_WHEN_READ = "condition"
"""Details that hold nothing but guidance of the system's."""


def fields_of(paths: Iterable[str], current: CriticalInfo) -> frozenset[str]:
    """Returns the fields that an update mask names, `details` for the entry's own. Raises Invalid for what cannot
    change."""
    fields = set()
    details = CATEGORIES[current.category].details
    for position, path in enumerate(paths):
        if path in model.FIELDS and path != "details":
            fields.add(path)
        elif path == details and path != SET_WHEN_READ:
            fields.add("details")
        elif path == "category":
            raise Invalid(f"update_mask.paths[{position}]", "the category never changes: delete, and record anew")
        else:
            raise Invalid(f"update_mask.paths[{position}]", "is not a field of this entry that can be changed")
    return frozenset(fields)


def changed(current: CriticalInfo, request: UpdateCriticalInfoRequest, author: Provenance) -> CriticalInfo:
    """Returns the version that an update makes, without a check of who may make it or verify. Raises Invalid."""
    fields = fields_of(request.update_mask.paths, current)
    sent = request.critical_info
    if not fields and not request.verify:
        raise Invalid("update_mask", "names nothing to change, and nothing is verified")
    if fields and not request.HasField("critical_info"):
        raise Invalid("critical_info", "is required: the new values of the fields that update_mask names")
    if sent.category not in (0, current.category):
        raise Invalid("critical_info.category", "never changes: delete the entry, and record it anew")
    if request.verify and fields - {"comment"}:
        raise Invalid("verify", "another verifies what this request changes")
    new = _with_values(current, sent, request.update_mask.paths)
    try:
        model.check(new, fields)
        clinician_checks.check(new, fields)
    except Invalid as error:
        raise error.inside("critical_info") from None
    new.header.CopyFrom(following_header(current.header, author))
    if request.verify:
        new.verified.CopyFrom(author)
    elif fields - {"comment"}:
        new.ClearField("verified")  # what was verified is no longer what the entry says
    return new


def _with_values(current: CriticalInfo, sent: CriticalInfo, paths: Iterable[str]) -> CriticalInfo:
    """Returns the entry with the sent values of the fields; what no longer is over says no more when it was."""
    new = CriticalInfo()
    new.CopyFrom(current)
    if "status" in paths and sent.status != STATUS_ENDED:
        new.ClearField("ended")
    for path in paths:
        new.ClearField(path)  # type: ignore[arg-type]  # checked before
        if path in ("specification", "comment", "status") or sent.HasField(path):  # type: ignore[arg-type]  # checked
            _copy(sent, new, path)
    return new


def deleted(current: CriticalInfo, author: Provenance) -> CriticalInfo:
    """Returns the version that marks an entry as entered in error."""
    return CriticalInfo(
        header=following_header(current.header, author), category=current.category, status=STATUS_ENTERED_IN_ERROR
    )


def following_header(before: EntryHeader, author: Provenance) -> EntryHeader:
    """Returns the header of the next version: who made it, and who recorded the first, which stays."""
    first = before.first_recorded if before.HasField("first_recorded") else before.provenance
    return EntryHeader(provenance=author, first_recorded=first)


def check_verifiable(status: "Status.ValueType", written_by: Provenance, verifier: Provenance) -> None:
    """Raises StateConflict when the verifier wrote what the entry says, or the entry is not active."""
    if status != STATUS_ACTIVE:
        raise StateConflict(Reason.ERROR_REASON_STATE_CONFLICT, "the entry is not active: nothing holds to be verified")
    number = verifier.recorder.hpr_number
    if number and number == written_by.recorder.hpr_number:
        raise StateConflict(Reason.ERROR_REASON_STATE_CONFLICT, "another clinician verifies what one has written")


def author_of(versions: Sequence[CriticalInfo]) -> Provenance:
    """Returns who wrote what the latest version says; `versions` newest first. Comments and verifications write
    nothing."""
    for newer, older in pairwise(versions):
        if _substance(newer) != _substance(older):
            return newer.header.provenance
    return versions[-1].header.provenance


def _substance(entry: CriticalInfo) -> CriticalInfo:
    result = CriticalInfo()
    result.CopyFrom(entry)
    for field in ("header", "verified", "comment"):
        result.ClearField(field)
    return result


def _copy(source: CriticalInfo, target: CriticalInfo, field: str) -> None:
    value = getattr(source, field)
    if isinstance(value, str | int):
        setattr(target, field, value)
    else:
        getattr(target, field).CopyFrom(value)
