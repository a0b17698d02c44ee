"""One call on its way through the steps: as it came in, and as it was decided, with its records for the access log."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from gateway import audit_records
from gateway.access.facts import BasisValue, Caller, Decision, SectionValue
from gateway.access.tokens import Metadata
from gateway.contract import Method
from gateway.registers.patient_lookup import Resolved
from gateway.texts.languages import Language, language_of
from kjernejournal.audit.v1 import audit_pb2
from kjernejournal.audit.v1.audit_pb2 import AuditRecord, SectionRecord
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1.common_pb2 import CallerContext
from shared.errors import KjernejournalError, ReasonValue

_FOR_ANOTHER = frozenset(
    {common_pb2.REPRESENTATION_PARENT, common_pb2.REPRESENTATION_GUARDIAN, common_pb2.REPRESENTATION_PROXY}
)


@dataclass(frozen=True)
class Incoming:
    """A call after steps 1 and 2: which rpc, who calls, on which basis. Its request is not parsed yet."""

    method: Method
    metadata: Metadata = field(repr=False)
    caller: Caller
    basis: BasisValue
    call_id: str = field(default_factory=lambda: str(uuid4()))
    """Of the call, which may make several accesses."""

    @property
    def language(self) -> Language:
        """Returns the language in which the caller wants texts."""
        return language_of(self.metadata)


@dataclass(frozen=True)
class DecidedCall:
    """A call after steps 1 to 4."""

    incoming: Incoming
    access_id: str
    trace_id: str
    patient: str | None = field(repr=False)
    """The national id that the call is about; None: it is bound to no patient."""
    resolved: Resolved | None
    decision: Decision
    restricted_entries: frozenset[SectionValue] = frozenset()
    """Sections in which registers hold single entries that are restricted, beside those of the patient's settings."""
    names_entry: bool = False
    """A write is about an entry that is there, and not a new one."""
    searched: str = field(default="", repr=False)
    """HPR number of the practitioner whose accesses are asked for."""
    _nobody: str = field(default_factory=lambda: str(uuid4()), repr=False)
    """A reference that no patient has."""

    @property
    def method(self) -> Method:
        """Returns the rpc that is called."""
        return self.incoming.method

    @property
    def caller(self) -> Caller:
        """Returns who calls; a citizen with their own references, once the patients service was asked."""
        return self.incoming.caller

    @property
    def refs(self) -> tuple[str, ...]:
        """Returns every reference of the patient, the canonical one first."""
        return self.resolved.refs(self.patient) if self.resolved else ()

    @property
    def deceased(self) -> bool:
        """Whether the patient is dead, as the population register says."""
        facts = self.resolved.facts(self.patient) if self.resolved and self.patient else None
        return facts is not None and facts.deceased

    @property
    def reserved(self) -> bool:
        """Whether the patient has a reservation against the record."""
        facts = self.resolved.facts(self.patient) if self.resolved and self.patient else None
        return facts is not None and facts.reservation

    def has_care_relation(self, now: datetime) -> bool:
        """Whether the caller's organisation has registered that it treats the patient, whatever else is decided."""
        facts = self.resolved.facts(self.patient) if self.resolved and self.patient else None
        return facts is not None and facts.treated_by(self.caller, now)

    def treats(self, now: datetime) -> bool:
        """Whether the caller's organisation has a care relation to the patient, or the caller is the patient's general
        practitioner."""
        facts = self.resolved.facts(self.patient) if self.resolved and self.patient else None
        if facts is None:
            return False
        return facts.treated_by(self.caller, now) or self.caller.hpr_number in facts.gp_hpr_numbers

    def asked_refs(self, section: SectionValue) -> tuple[str, ...]:
        """Returns the references that a register is asked about: nobody's where the section is hidden from the caller,
        so that the answer is that of somebody of whom nothing is registered."""
        hidden = self.decision.hidden | (self.decision.closed if self.names_entry else frozenset())
        return (self._nobody,) if section in hidden else self.refs

    def restricts(self, section: SectionValue) -> bool:
        """Returns whether the patient restricts a section, and that may be shown."""
        facts = self.resolved.facts(self.patient) if self.resolved and self.patient else None
        return facts is not None and section in facts.restricted_sections - self.decision.hidden

    def hides_more_than(self, earlier: "DecidedCall") -> bool:
        """Whether something is hidden now that the register was asked about on an earlier decision."""
        return not self.decision.hidden.intersection(self.decision.sections) <= earlier.decision.hidden

    def context(self, section: SectionValue, read: "SectionValue | None" = None) -> CallerContext:
        """Returns what a service is sent about the caller, as it was decided for one section.

        `read` is the section that is read, where it is another one.
        """
        verdict = self.decision.sections.get(section)
        return CallerContext(
            kind=self.caller.kind,
            practitioner=audit_records.practitioner(self.caller),
            organisation=audit_records.organisation(self.caller),
            legal_entity=self.caller.legal_entity,
            basis=self.incoming.basis,
            patient_refs=self.asked_refs(section if read is None else read),
            access_id=self.access_id,
            decision=verdict.decision if verdict else common_pb2.SECTION_DECISION_UNSPECIFIED,
            source_system=self.caller.source_system[:512],
            elevated=self.decision.elevated,
            for_patient=self.decision.for_patient,
            controller=self.caller.controller,
            representation=self.decision.representation,
            machine=audit_records.machine(self.caller),
            source_systems=sorted(self.caller.client.source_systems) if self.caller.client else (),
        )

    def disclosure(self, sections: Iterable[SectionRecord]) -> AuditRecord:
        """Returns the record of something that is about to be released."""
        return self._record(audit_pb2.RECORD_KIND_DISCLOSURE, sections)

    def permit(self, request_id: str, ref: str | None = None) -> AuditRecord:
        """Returns the record of a write that is about to be made."""
        record = self._record(audit_pb2.RECORD_KIND_PERMIT, [self.section()], ref)
        record.request_id = request_id
        return record

    def alarm(self) -> AuditRecord:
        """Returns the record of a sweep that this call is one of: about no patient, for a review."""
        return self._with_proof(
            audit_records.record(
                audit_pb2.RECORD_KIND_DISCLOSURE,
                (),
                method=self.method,
                access_id=str(uuid4()),
                trace_id=self.trace_id,
                caller=self.caller,
                basis=self.incoming.basis,
                decision=self.decision,
                personal=audit_records.personal_part(self.caller, patient_ref="", caller_ref=""),
                review_reasons=[audit_pb2.REVIEW_REASON_UNUSUAL],
            )
        )

    def follow(self, sections: Iterable[SectionValue]) -> AuditRecord:
        """Returns the record of a patient whose changes in these sections are sent from here on."""
        followed = [self.section(each) for each in sections]
        for each in followed:
            each.state = "followed"
        return self.disclosure(followed)

    def outcome(
        self, request_id: str, refusal: KjernejournalError | None, section: SectionRecord, ref: str | None = None
    ) -> AuditRecord:
        """Returns the record of how a permitted write ended."""
        record = self._record(audit_pb2.RECORD_KIND_OUTCOME, [section], ref)
        record.request_id = request_id
        if refusal is not None:
            record.reason = refusal.reason
            record.status_code = refusal.code.value[0]
        return record

    def denial(self, reason: ReasonValue, status_code: int) -> AuditRecord:
        """Returns the record of a refusal."""
        sections = [self.section(each) for each in self.decision.sections]
        record = self._record(audit_pb2.RECORD_KIND_DENIAL, sections)
        record.reason = reason
        record.status_code = status_code
        return record

    def section(
        self, section: "SectionValue | None" = None, entries: Iterable[tuple[str, int]] = (), sha256: bytes = b""
    ) -> SectionRecord:
        """Returns what the record says of one section; of the rpc's own when none is named."""
        named = self.method.rule.section if section is None else section
        return audit_records.section_record(named, self.decision, entries, sha256)

    def _record(
        self, kind: audit_pb2.RecordKind.ValueType, sections: Iterable[SectionRecord], ref: str | None = None
    ) -> AuditRecord:
        callers = self.resolved.refs(self.caller.national_id) if self.resolved else ()
        record = audit_records.record(
            kind,
            sections,
            method=self.method,
            access_id=self.access_id,
            trace_id=self.trace_id,
            caller=self.caller,
            basis=self.incoming.basis,
            decision=self.decision,
            personal=audit_records.personal_part(
                self.caller,
                patient_ref=ref or _first(self.refs),
                caller_ref=_first(callers),
                other_refs=() if ref else self.refs[1:],
                searched=self.searched,
                acts_for_another=self.decision.representation in _FOR_ANOTHER,
            ),
            review_reasons=audit_records.review_reasons(
                self.method, self.caller, self.incoming.basis, self.decision, self.patient
            ),
        )
        return self._with_proof(record)

    def _with_proof(self, record: AuditRecord) -> AuditRecord:
        if self.caller.proof:
            record.proof.id = self.caller.proof
            record.proof.call_id = self.incoming.call_id
        return record


def _first(refs: Sequence[str]) -> str:
    """Returns the canonical reference; "" for somebody who has none."""
    return refs[0] if refs else ""
