"""Replies to writes: people get the entry with its id and version, machines ids and versions alone.

Machines never read clinical content, not what they have sent either: what is stored under a source_id may hold what
another wrote.
"""

from collections.abc import Collection, Iterator

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor

from gateway.contract import methods
from kjernejournal.common.v1 import common_pb2 as common
from kjernejournal.documents.v1 import documents_pb2 as documents
from kjernejournal.labs.v1 import labs_pb2 as labs
from kjernejournal.own_registrations.v1 import own_registrations_pb2 as own
from kjernejournal.patients.v1 import patients_pb2 as patients
from kjernejournal.visits.v1 import visits_pb2 as visits

PEOPLE = {common.CALLER_KIND_CLINICIAN, common.CALLER_KIND_CITIZEN}
MACHINES = {common.CALLER_KIND_SYSTEM}
VERSION = common.EntryVersion.DESCRIPTOR
PLAIN = {VERSION.full_name, common.ImportCounts.DESCRIPTOR.full_name, "google.protobuf.Timestamp"}
"""Messages that say which and when, and nothing else."""
WORDS = {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES}
TO_PEOPLE_ALONE = {
    documents.UploadDocumentResponse.DESCRIPTOR: {"document"},
    documents.ReplaceDocumentResponse.DESCRIPTOR: {"document", "replaced_document"},
}
"""Fields that the register leaves unset for machines; its tests, and one over the wire, say that it does."""


def writes(kinds: Collection[int]) -> list[MethodDescriptor]:
    """Returns the rpcs that write, and that callers of one of these kinds may call."""
    return [
        each.descriptor
        for each in methods().values()
        if each.rule.action == common.ACTION_WRITE and not set(kinds).isdisjoint(each.rule.callers)
    ]


def content(message: Descriptor, unset: Collection[str] = ()) -> Iterator[str]:
    """Yields where a reply holds more than ids, versions, times, counts, numbers and enums. `unset` fields are left."""
    for field in message.fields:
        if field.name in unset:
            continue
        if field.type in WORDS:
            yield field.name
        elif field.message_type is not None and field.message_type.full_name not in PLAIN:
            yield from (f"{field.name}.{inside}" for inside in content(field.message_type))


def names_its_version(message: Descriptor) -> bool:
    """Whether a reply holds an entry with a header, settings with a version, or which entry is gone."""
    held = [field.message_type for field in message.fields if field.message_type is not None]
    header = common.EntryHeader.DESCRIPTOR
    return any(
        each is VERSION or "version" in each.fields_by_name or header in [inside.message_type for inside in each.fields]
        for each in held
    )


@pytest.mark.parametrize("method", writes(MACHINES), ids=lambda method: str(method.full_name))
def test_a_machine_gets_no_content_back(method: MethodDescriptor) -> None:
    assert list(content(method.output_type, TO_PEOPLE_ALONE.get(method.output_type, ()))) == []


@pytest.mark.parametrize("method", writes(PEOPLE), ids=lambda method: str(method.full_name))
def test_a_person_gets_the_entry_and_its_version_back(method: MethodDescriptor) -> None:
    assert names_its_version(method.output_type)
    assert list(content(method.output_type)) or method.output_type is own.DeleteOwnRegistrationResponse.DESCRIPTOR


def test_what_is_written_and_replaced_has_one_name() -> None:
    named = {
        field.name
        for method in writes(MACHINES | PEOPLE)
        for field in method.output_type.fields
        if field.message_type is VERSION
    }
    assert named == {"written", "replaced", "deleted", "prescription"}


@pytest.mark.parametrize(
    "message, found",
    [
        (labs.ReleaseLabReportResponse.DESCRIPTOR, "report.comment"),
        (visits.ReportVisitErrorResponse.DESCRIPTOR, "visit.unit.name"),
        (patients.GrantProxyResponse.DESCRIPTOR, "proxy_id"),
    ],
)
def test_content_in_a_reply_is_found(message: Descriptor, found: str) -> None:
    assert found in list(content(message))


def test_a_reply_without_a_version_is_found() -> None:
    assert not names_its_version(visits.BulkImportResponse.DESCRIPTOR)
    assert not names_its_version(common.ListWindow.DESCRIPTOR)
