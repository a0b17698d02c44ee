"""Audit records as the gateway builds them."""

from datetime import UTC, datetime
from uuid import uuid4

from kjernejournal.audit.v1 import audit_pb2 as pb
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import Coding, Organisation, Practitioner
from shared.convert import timestamp

ARENDAL = Organisation(number="940493021", name="Arendal kommune")
HOSPITAL = Organisation(number="983975240", name="Sørlandet sykehus HF")
NURSE = Practitioner(
    hpr_number="9144901",
    name="Ola Hjemmesykepleier",
    role=Coding(system="urn:oid:2.16.578.1.12.4.1.1.9060", code="SP", display="Sykepleier"),
)
RPC = "/kjernejournal.visits.v1.VisitsService/ListVisits"


def record(patient_ref: str = "", **fields: object) -> pb.AuditRecord:
    """Returns a record of two visits shown to a nurse of Arendal kommune with consent; `fields` add or replace."""
    made = pb.AuditRecord(
        record_id=str(uuid4()),
        access_id=str(uuid4()),
        kind=pb.RECORD_KIND_DISCLOSURE,
        occurred_at=timestamp(datetime.now(UTC)),
        rpc=RPC,
        action=common_pb2.ACTION_READ,
        actor=pb.Actor(
            kind=common_pb2.CALLER_KIND_CLINICIAN,
            legal_entity=ARENDAL,
            point_of_care=Organisation(number="974600001", name="Arendal hjemmetjeneste", department="Sone øst"),
        ),
        ground=pb.AccessGround(
            basis=common_pb2.ACCESS_BASIS_SAMTYKKE,
            purpose_of_use=Coding(system="urn:oid:2.16.840.1.113883.1.11.20448", code="TREAT"),
        ),
        source_system="TestEPJ 1.0",
        trace_id=uuid4().hex,
        policy_version="test",
        personal=pb.PersonalPart(patient_ref=patient_ref, practitioner=NURSE),
    )
    if "sections" not in fields:
        made.sections.append(section(common_pb2.SECTION_VISITS, str(uuid4()), str(uuid4())))
    for name, value in fields.items():
        made.ClearField(name)  # type: ignore[arg-type]  # the fields of the message
        made.MergeFrom(pb.AuditRecord(**{name: value}))  # type: ignore[arg-type]  # the fields of the message
    return made


def section(kind: common_pb2.Section.ValueType, *entry_ids: str, **fields: object) -> pb.SectionRecord:
    """Returns a section that was released with these entries."""
    made = pb.SectionRecord(
        section=kind,
        decision=common_pb2.SECTION_DECISION_PERMIT,
        entries=[pb.DisclosedEntry(id=entry_id, version=1) for entry_id in entry_ids],
        entry_count=len(entry_ids),
        sha256=bytes(range(32)),
    )
    made.MergeFrom(pb.SectionRecord(**fields))  # type: ignore[arg-type]  # the fields of the message
    return made
