"""The rules of documents: IHE XDS metadata with the Norwegian code lists, and who may see what.

Pure functions: no I/O, no clock.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from kjernejournal.common.v1.common_pb2 import Coding
from kjernejournal.documents.v1.documents_pb2 import (
    AVAILABILITY_STATUS_APPROVED,
    AVAILABILITY_STATUS_DEPRECATED,
    AVAILABILITY_STATUS_UNSPECIFIED,
    RELATION_KIND_REPLACES,
    RELATION_KIND_TRANSFORMS_AND_REPLACES,
    RELATION_KIND_UNSPECIFIED,
    Document,
)
from shared.codes import document_types
from shared.codes.systems import DOCUMENT_TYPES, canonical
from shared.convert import moment
from shared.errors import Invalid, Reason
from shared.register import restriction

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)
"""How far a document may be made after now, for clocks that differ."""

_MIME_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+( *; *[A-Za-z0-9_.-]+=[\x20-\x7e]+)?")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")

CLASSES = ("", *document_types.CLASSES)
"""Classes by number, as they are stored: "" is none. New ones go to the end."""


DEPRECATED = 1
CLASS_SHIFT, CLASS_BITS = 3, 31
"""What a list filters by, beside the marks of shared.register.restriction: bits of the stored kind."""


def check(document: Document, now: datetime) -> None:
    """Raises Invalid for a document whose metadata breaks a rule. One that is withdrawn may: nobody is shown it."""
    if document.withdrawn:
        return
    if not _MIME_TYPE.fullmatch(document.mime_type):
        raise Invalid("mime_type", "must be a media type, such as application/pdf")
    if document.language and not _LANGUAGE.fullmatch(document.language):
        raise Invalid("language", "must be a BCP 47 tag, such as nb-NO")
    if document.sha256 and len(document.sha256) != 32:
        raise Invalid("sha256", "must be 32 bytes")
    if document.size < 0:
        raise Invalid("size", "must not be negative")
    _check_type(document)
    restriction.check(document.confidentiality)
    _check_times(document, now)
    for position, relation in enumerate(document.relations):
        if relation.kind == RELATION_KIND_UNSPECIFIED:
            raise Invalid(f"relations[{position}].kind", "is required")


def check_new(document: Document, *, feed: bool) -> None:
    """Raises Invalid for what a new document may not state.

    Replacing is a request of its own, and only a feed knows documents that are Deprecated already.
    """
    if document.withdrawn:
        raise Invalid("withdrawn", "is stated in BulkImport alone")
    if not feed and document.availability_status == AVAILABILITY_STATUS_DEPRECATED:
        raise Invalid("availability_status", "a new document is Approved")
    for position, relation in enumerate(document.relations):
        if relation.kind in (RELATION_KIND_REPLACES, RELATION_KIND_TRANSFORMS_AND_REPLACES):
            raise Invalid(f"relations[{position}].kind", "replacing is done by ReplaceDocument")


def complete(document: Document) -> None:
    """Sets what follows from the rest, in place: the class from the type, and Approved where no status is stated."""
    if not document.availability_status:
        document.availability_status = AVAILABILITY_STATUS_APPROVED
    class_code = class_of(document)
    if class_code and not document.HasField("class_code"):
        document.class_code.CopyFrom(
            Coding(system=DOCUMENT_TYPES, code=class_code, display=document_types.CLASSES[class_code])
        )


def class_of(document: Document) -> str:
    """Returns the class of Volven 9602, stated or by the type's first letter; "" when there is neither."""
    if document.class_code.code:
        return document.class_code.code
    types = (coding.code for coding in document.type.codings if canonical(coding.system) == DOCUMENT_TYPES)
    return next((f"{code[0]}00-1" for code in types), "")


def is_restricted(document: Document) -> bool:
    """Whether the patient has restricted the document against personnel."""
    return any(coding.code == restriction.RESTRICTED for coding in document.confidentiality)


def kind_of(document: Document) -> int:
    """Returns marks and class in one number, by which lists filter."""
    deprecated = DEPRECATED if document.availability_status == AVAILABILITY_STATUS_DEPRECATED else 0
    marks = restriction.marks_of(document.confidentiality)
    return deprecated | int(marks) | CLASSES.index(class_of(document)) << CLASS_SHIFT


def effective_at(document: Document, recorded: datetime) -> datetime:
    """Returns what orders a document: when the care began, else when the document was made, else when it was
    recorded."""
    if document.service_period.HasField("start"):
        return moment(document.service_period.start)
    return moment(document.creation_time) if document.HasField("creation_time") else recorded


def byte_range(size: int, offset: int, length: int) -> tuple[int, int]:
    """Returns the first byte and the one after the last of what is asked of a document; length 0: to the end. Raises
    Invalid."""
    if not 0 <= offset < size:
        raise Invalid("offset", "is outside the document")
    if length < 0:
        raise Invalid("length", "must not be negative")
    return offset, min(offset + length, size) if length else size


def deprecated_only(statuses: Iterable[int]) -> bool | None:
    """Returns what the statuses of a list ask for: Deprecated alone, Approved alone, or, with None, all."""
    asked = set(statuses) - {AVAILABILITY_STATUS_UNSPECIFIED}
    return AVAILABILITY_STATUS_DEPRECATED in asked if len(asked) == 1 else None


def class_numbers(class_codes: Iterable[str]) -> list[int] | None:
    """Returns classes as they are stored; None: all. Raises Invalid for a code that is no class of Volven 9602."""
    numbers = []
    for position, code in enumerate(class_codes):
        if code not in document_types.CLASSES:
            raise Invalid(f"class_codes[{position}]", "is not a class of Volven 9602")
        numbers.append(CLASSES.index(code))
    return sorted(set(numbers)) or None


def _check_type(document: Document) -> None:
    if not document.type.codings and not document.type.text:
        raise Invalid("type", "needs a coding or a text")
    for position, coding in enumerate(document.type.codings):
        path = f"type.codings[{position}]"
        if not coding.system or not coding.code:
            raise Invalid(path, "needs system and code")
        if canonical(coding.system) == DOCUMENT_TYPES and coding.code not in document_types.TYPES:
            raise Invalid(f"{path}.code", "is not a type of Volven 9602")
    if not document.HasField("class_code"):
        return
    if canonical(document.class_code.system) != DOCUMENT_TYPES:
        raise Invalid("class_code.system", "must be Volven 9602", Reason.ERROR_REASON_UNKNOWN_CODE_SYSTEM)
    if document.class_code.code not in document_types.CLASSES:
        raise Invalid("class_code.code", "is not a class of Volven 9602")
    for coding in document.type.codings:
        if canonical(coding.system) == DOCUMENT_TYPES and coding.code[0] != document.class_code.code[0]:
            raise Invalid("class_code.code", "is not the class of the type")


def _check_times(document: Document, now: datetime) -> None:
    period = document.service_period
    times = [("creation_time", document.creation_time)] if document.HasField("creation_time") else []
    times += [("service_period.start", period.start)] if period.HasField("start") else []
    for field, time in times:
        if not EARLIEST <= moment(time) <= now + AHEAD:
            raise Invalid(field, "is before 1900 or in the future")
    if period.HasField("start") and period.HasField("end") and moment(period.end) < moment(period.start):
        raise Invalid("service_period.end", "is before the start")
