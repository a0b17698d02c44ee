"""Builds what the access log keeps of a call: pure functions of who called, what was decided, and what was read."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TypeAlias
from uuid import uuid4

from gateway.access.facts import EMERGENCY, BasisValue, Caller, Decision, SectionValue
from gateway.contract import Method
from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.audit.v1.audit_pb2 import AccessGround, AuditRecord, DisclosedEntry, PersonalPart, SectionRecord
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import Coding, Machine, Organisation, Practitioner
from shared.codes.helseid import PURPOSE_OF_USE
from shared.codes.personnel import ROLE_SYSTEM, ServiceKind
from shared.convert import timestamp

ReviewReasonValue: TypeAlias = "audit_pb2.ReviewReason.ValueType"

ACUTE_CHAIN = frozenset({ServiceKind.EMERGENCY, ServiceKind.KAD})
"""Where AKUTT is daily work, and not reviewed. A hospital is not in it: which ward asks is not known."""


def record(
    kind: audit_pb2.RecordKind.ValueType,
    sections: Iterable[SectionRecord],
    *,
    method: Method,
    access_id: str,
    trace_id: str,
    caller: Caller,
    basis: BasisValue,
    decision: Decision,
    personal: PersonalPart,
    review_reasons: Iterable[ReviewReasonValue] = (),
) -> AuditRecord:
    """Returns a record of this kind, under an id of its own, that occurs now."""
    return AuditRecord(
        record_id=str(uuid4()),
        access_id=access_id,
        kind=kind,
        occurred_at=timestamp(datetime.now(UTC)),
        rpc=method.path,
        action=method.rule.action,
        actor=audit_pb2.Actor(
            kind=caller.kind,
            legal_entity=Organisation(number=caller.legal_entity),
            point_of_care=organisation(caller),
            representation=decision.representation,
        ),
        ground=_ground(caller, basis),
        source_system=caller.source_system[:512],
        sections=sections,
        policy_version=decision.policy_version,
        trace_id=trace_id,
        review_reasons=review_reasons,
        personal=personal,
    )


def review_reasons(
    method: Method, caller: Caller, basis: BasisValue, decision: Decision, patient: str | None
) -> Iterator[ReviewReasonValue]:
    """Yields why an access that was let through has to be reviewed. `patient` is the national id that was asked for."""
    if not decision.permitted:
        return
    everyday = basis == common_pb2.ACCESS_BASIS_AKUTT and caller.service in ACUTE_CHAIN
    if basis in EMERGENCY and not everyday:
        yield audit_pb2.REVIEW_REASON_EMERGENCY
    if decision.elevated:
        settings = method.rule.section == common_pb2.SECTION_PRIVACY
        yield audit_pb2.REVIEW_REASON_PRIVACY_LOOSENED if settings else audit_pb2.REVIEW_REASON_RESTRICTED_OPENED
    if caller.kind == common_pb2.CALLER_KIND_CLINICIAN and patient is not None and caller.national_id == patient:
        yield audit_pb2.REVIEW_REASON_OWN_RECORD


def personal_part(
    caller: Caller,
    *,
    patient_ref: str,
    caller_ref: str,
    other_refs: Iterable[str] = (),
    searched: str = "",
    acts_for_another: bool = False,
) -> PersonalPart:
    """Returns what the log keeps apart, to be erased one day: the patient, who called, and the HPR number of whom was
    searched for. Citizens are named where they act for another: a patient has two parents."""
    personal = PersonalPart(patient_ref=patient_ref, other_refs=other_refs, searched_hpr_number=searched)
    if caller.kind == common_pb2.CALLER_KIND_CLINICIAN:
        personal.practitioner.CopyFrom(practitioner(caller))
    elif caller.kind == common_pb2.CALLER_KIND_SYSTEM:
        personal.subject = caller.client_id[:200]
    else:
        personal.actor_ref = caller_ref
        if acts_for_another or caller.kind == common_pb2.CALLER_KIND_AUDITOR:  # neither has to be in this record
            personal.subject = caller.name[:200]
    return personal


def section_record(
    section: SectionValue, decision: Decision, entries: Iterable[tuple[str, int]] = (), sha256: bytes = b""
) -> SectionRecord:
    """Returns what a record says of one section: what was decided for it, and which entries of it were read."""
    verdict = decision.on_record(section)
    listed = [DisclosedEntry(id=entry_id, version=version) for entry_id, version in entries]
    return SectionRecord(
        section=section,
        decision=verdict.decision if verdict else common_pb2.SECTION_DECISION_UNSPECIFIED,
        reason=verdict.reason if verdict else 0,  # type: ignore[arg-type]  # 0: no reason
        entries=listed,
        entry_count=len(listed),
        sha256=sha256,
        restricted_opened=decision.elevated,
    )


def practitioner(caller: Caller) -> Practitioner:
    """Returns the health personnel who call; an empty message for callers of other kinds."""
    if caller.kind != common_pb2.CALLER_KIND_CLINICIAN:
        return Practitioner()
    role = Coding(system=ROLE_SYSTEM, code=caller.role[:100]) if caller.role else None
    return Practitioner(hpr_number=caller.hpr_number, name=caller.name[:200], role=role)


def machine(caller: Caller) -> Machine | None:
    """Returns the machine that calls; None for people."""
    if caller.kind != common_pb2.CALLER_KIND_SYSTEM:
        return None
    return Machine(client_id=caller.client_id[:200], organisation_number=caller.legal_entity)


def organisation(caller: Caller) -> Organisation:
    """Returns the place where the caller works."""
    return Organisation(
        number=caller.organisation, name=caller.organisation_name[:200], department=caller.department[:200]
    )


def _ground(caller: Caller, basis: BasisValue) -> AccessGround:
    purpose = caller.purpose_of_use[:100]
    ground = AccessGround(
        basis=basis,
        purpose_of_use=Coding(system=PURPOSE_OF_USE, code=purpose) if purpose else None,
        purpose_details=_coding(caller.purpose_details),
        healthcare_service=_coding(caller.healthcare_service),
    )
    if caller.decision_ref:
        ground.decision_ref.id = caller.decision_ref[:300]
        ground.decision_ref.user_selected = caller.user_selected
    if caller.toa:
        ground.attested_at.CopyFrom(timestamp(caller.toa))
    return ground


def _coding(text: str) -> Coding | None:
    """Returns the coding in `system|code`, cut to what the log takes."""
    system, _, code = text.partition("|")
    return Coding(system=system[:300], code=code[:100]) if code else None
