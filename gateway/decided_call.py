"""One call on its way through the steps: who, whom, what was decided; and what services and log are told of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from gateway.access.facts import BasisValue, Caller, Decision, SectionValue
from gateway.contract import Method
from gateway.registers.patient_lookup import Resolved
from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.audit.v1.audit_pb2 import AuditRecord, DisclosedEntry, SectionRecord
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CallerContext, Coding, Organisation, Practitioner
from shared.codes.personnel import ROLE_SYSTEM
from shared.convert import timestamp
from shared.errors import KjernejournalError, ReasonValue

PURPOSE_SYSTEM = "urn:oid:2.16.840.1.113883.1.11.20448"

_REPRESENTATIONS = {
    "self": common_pb2.REPRESENTATION_SELF,
    "guardian": common_pb2.REPRESENTATION_GUARDIAN,
    "proxy": common_pb2.REPRESENTATION_PROXY,
}
_RELATIONS = {
    "self": audit_pb2.CITIZEN_RELATION_SELF,
    "guardian": audit_pb2.CITIZEN_RELATION_PARENT,
    "proxy": audit_pb2.CITIZEN_RELATION_PROXY,
}


@dataclass(frozen=True)
class DecidedCall:
    """A call after steps 1 to 4."""

    method: Method
    access_id: str
    trace_id: str
    token: bytes = field(repr=False)
    caller: Caller
    basis: BasisValue
    patient: str | None = field(repr=False)
    """The national id that the call is about; None: it is bound to no patient."""
    resolved: Resolved | None
    decision: Decision
    restricted_entries: frozenset[SectionValue] = frozenset()
    """Sections in which registers hold single entries that are restricted, beside those of the patient's settings."""

    @property
    def refs(self) -> tuple[str, ...]:
        """Every reference of the patient, the canonical one first."""
        return self.resolved.refs(self.patient) if self.resolved else ()

    def context(self, section: SectionValue) -> CallerContext:
        """What a service is told of the caller, for one section."""
        verdict = self.decision.sections.get(section)
        return CallerContext(
            kind=self.caller.kind,
            practitioner=_practitioner(self.caller),
            organisation=_organisation(self.caller),
            legal_entity=self.caller.legal_entity,
            basis=self.basis,
            patient_refs=self.refs,
            access_id=self.access_id,
            decision=verdict.decision if verdict else common_pb2.SECTION_DECISION_UNSPECIFIED,
            source_system=self.caller.source_system[:512],
            elevated=self.decision.elevated,
            for_patient=self.decision.for_patient,
            controller=self.caller.controller,
            representation=_REPRESENTATIONS.get(self._rule(), common_pb2.REPRESENTATION_UNSPECIFIED),
        )

    def disclosure(self, sections: Iterable[SectionRecord]) -> AuditRecord:
        """The record of something that is about to be released."""
        return self._record(audit_pb2.RECORD_KIND_DISCLOSURE, sections)

    def permit(
        self, request_id: str, ref: str | None = None, *, entries: Iterable[tuple[str, int]] = ()
    ) -> AuditRecord:
        """The record of a write that is about to be made, to `entries` where its reply could not name them."""
        record = self._record(audit_pb2.RECORD_KIND_PERMIT, [self.section(entries=entries)], ref)
        record.request_id = request_id
        return record

    def follow(self, sections: Iterable[SectionValue]) -> AuditRecord:
        """The record of a patient whose changes in these sections are told from here on."""
        followed = [self.section(each) for each in sections]
        for each in followed:
            each.state = "followed"
        return self.disclosure(followed)

    def outcome(
        self, request_id: str, refusal: KjernejournalError | None, section: SectionRecord, ref: str | None = None
    ) -> AuditRecord:
        """The record of how a permitted write ended."""
        record = self._record(audit_pb2.RECORD_KIND_OUTCOME, [section], ref)
        record.request_id = request_id
        if refusal is not None:
            record.reason = refusal.reason
            record.status_code = refusal.code.value[0]
        return record

    def denial(self, reason: ReasonValue, status_code: int) -> AuditRecord:
        """The record of a refusal."""
        sections = [self.section(each) for each in self.decision.sections]
        record = self._record(audit_pb2.RECORD_KIND_DENIAL, sections)
        record.reason = reason
        record.status_code = status_code
        return record

    def section(
        self, section: "SectionValue | None" = None, entries: Iterable[tuple[str, int]] = (), sha256: bytes = b""
    ) -> SectionRecord:
        """What the record says of one section; of the rpc's own when none is named."""
        named = self.method.rule.section if section is None else section
        verdict = self.decision.sections.get(named)
        listed = [DisclosedEntry(id=entry_id, version=version) for entry_id, version in entries]
        return SectionRecord(
            section=named,
            decision=verdict.decision if verdict else common_pb2.SECTION_DECISION_UNSPECIFIED,
            reason=verdict.reason if verdict else 0,  # type: ignore[arg-type]  # 0: no reason
            entries=listed,
            entry_count=len(listed),
            sha256=sha256,
            restricted_opened=self.decision.elevated,
        )

    def _record(
        self, kind: audit_pb2.RecordKind.ValueType, sections: Iterable[SectionRecord], ref: str | None = None
    ) -> AuditRecord:
        caller = self.caller
        personal = audit_pb2.PersonalPart(patient_ref=ref or (self.refs[0] if self.refs else ""))
        if caller.kind == common_pb2.CALLER_KIND_CLINICIAN:
            personal.practitioner.CopyFrom(_practitioner(caller))
        elif caller.kind == common_pb2.CALLER_KIND_SYSTEM:
            personal.subject = caller.source_system[:200]
        else:
            own = self.resolved.refs(caller.national_id) if self.resolved else ()
            personal.actor_ref = own[0] if own else ""
            if caller.kind == common_pb2.CALLER_KIND_AUDITOR:  # who need not be a person in this record at all
                personal.subject = caller.name[:200]
        return AuditRecord(
            record_id=str(uuid4()),
            access_id=self.access_id,
            kind=kind,
            occurred_at=timestamp(datetime.now(UTC)),
            rpc=self.method.path,
            action=self.method.rule.action,
            actor=audit_pb2.Actor(
                kind=caller.kind,
                legal_entity=Organisation(number=caller.legal_entity),
                point_of_care=_organisation(caller),
                relation=_RELATIONS.get(self._rule(), audit_pb2.CITIZEN_RELATION_UNSPECIFIED),
            ),
            ground=_ground(caller, self.basis),
            source_system=caller.source_system[:512],
            sections=sections,
            policy_version=self.decision.policy_version,
            trace_id=self.trace_id,
            personal=personal,
        )

    def _rule(self) -> str:
        return self.decision.rule if self.decision.for_patient else ""


def _practitioner(caller: Caller) -> Practitioner:
    if caller.kind != common_pb2.CALLER_KIND_CLINICIAN:
        return Practitioner()
    role = Coding(system=ROLE_SYSTEM, code=caller.role[:100]) if caller.role else None
    return Practitioner(hpr_number=caller.hpr_number, name=caller.name[:200], role=role)


def _organisation(caller: Caller) -> Organisation:
    return Organisation(
        number=caller.organisation, name=caller.organisation_name[:200], department=caller.department[:200]
    )


def _ground(caller: Caller, basis: BasisValue) -> audit_pb2.AccessGround:
    purpose = caller.purpose_of_use[:100]
    ground = audit_pb2.AccessGround(
        basis=basis,
        purpose_of_use=Coding(system=PURPOSE_SYSTEM, code=purpose) if purpose else None,
        purpose_details=_coding(caller.purpose_details),
        healthcare_service=_coding(caller.healthcare_service),
    )
    if caller.decision_ref:
        ground.decision_ref.id = caller.decision_ref[:300]
    if caller.toa:
        ground.attested_at.CopyFrom(timestamp(caller.toa))
    return ground


def _coding(text: str) -> Coding | None:
    """The coding in `system|code`, cut to what the log takes."""
    system, _, code = text.partition("|")
    return Coding(system=system[:300], code=code[:100]) if code else None
