"""Requests to critical information, and an allergy to send in them."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from kjernejournal.common.v1.common_pb2 import CodeableConcept, Coding, PatientIdentifier
from kjernejournal.critical_info.v1 import critical_info_pb2 as pb

ATC = "http://www.whocc.no/atc"


def reaction(code: str = "J01CE02", **fields: object) -> pb.CriticalInfo:
    entry = pb.CriticalInfo(
        category=pb.CATEGORY_DRUG_REACTION,
        code=CodeableConcept(codings=[Coding(system=ATC, code=code, display=f"Stoffet {code}")]),
        reaction=pb.Reaction(criticality=pb.CRITICALITY_HIGH, certainty=pb.CERTAINTY_CONFIRMED),
    )
    entry.MergeFrom(pb.CriticalInfo(**fields))  # type: ignore[arg-type]  # the fields of the message
    return entry


def create(ref: str, entry: pb.CriticalInfo, request_id: str | None = None) -> pb.CreateCriticalInfoRequest:
    return pb.CreateCriticalInfoRequest(
        patient=PatientIdentifier(patient_ref=ref), request_id=request_id or str(uuid4()), critical_info=entry
    )


def listing(ref: str, **fields: object) -> pb.ListCriticalInfoRequest:
    return pb.ListCriticalInfoRequest(patient=PatientIdentifier(patient_ref=ref), **fields)  # type: ignore[arg-type]  # the fields of the message


def imported(ref: str, source_id: str, entry: pb.CriticalInfo) -> pb.PatientEntries:
    entry.status = pb.STATUS_ACTIVE
    entry.header.provenance.source_id = source_id
    entry.header.provenance.source_system = "a feed"
    entry.header.provenance.recorded_at.FromDatetime(datetime(2020, 1, 1, tzinfo=UTC))
    return pb.PatientEntries(patient=PatientIdentifier(patient_ref=ref), critical_info=[entry])
