"""What the tests of the change feed ask of the gateway's people and log."""

from typing import Any

from kjernejournal.audit.v1 import audit_pb2
from tests.support.gateway import Front
from tests.support.patients import Patient


def patient(front: Front, **facts: Any) -> Patient:
    return Patient(front.people.add(**facts))


def of_kind(front: Front, kind: "audit_pb2.RecordKind.ValueType") -> list[audit_pb2.AuditRecord]:
    return [each for each in front.log.records if each.kind == kind]


def begun(front: Front) -> list[audit_pb2.AuditRecord]:
    """Returns the records of patients who are followed from there on."""
    found = of_kind(front, audit_pb2.RECORD_KIND_DISCLOSURE)
    return [each for each in found if {section.state for section in each.sections} == {"followed"}]
