"""Decides who may do what with which section. Pure: no I/O, no clock; whatever is not known denies.

The order is part of the contract, since the caller hears the first reason that applies:

1. the rpc is open to this kind of caller (says nothing of the patient, so it may come first);
2. there is a record, and no reservation against it: else NOT_FOUND, the same for both;
3. a named block by the patient: absolute, in emergencies too;
4. security level 4;
5. role;
6. basis, by the table in `rules`; restricted sections need an elevated basis, and an elevated basis something to open;
7. for citizens: age, guardians, proxies; then a reservation against the portal;
8. for systems that follow patients: nobody who has blocked somebody or restricted something is followed.

Without an emergency or consent basis a named block must look like having no relation to the patient. So a blocked
caller then hears what anybody with the same token and no relation would hear.

An rpc that says only whether something exists is open to all whose token is in order, so that a refusal would show the
block: a blocked caller hears that a record exists, and no more (Outcome.EXISTS).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from gateway.access import rules
from gateway.access.facts import (
    ELEVATED,
    AccessRule,
    BasisValue,
    Caller,
    Decision,
    Outcome,
    PatientFacts,
    ProxyArea,
    RepresentationValue,
    SectionValue,
    SectionVerdict,
)
from gateway.access.rules import POLICY_VERSION, Relation
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1 import error_reason_pb2 as reasons
from shared.errors import ReasonValue
from shared.register.sections import CLINICAL, SUMMARY_SECTIONS

NO_BASIS = common_pb2.ACCESS_BASIS_UNSPECIFIED
SECURITY_LEVEL = 4
OF_AGE = 16
"""Years: from here on citizens see their own record, and nobody else does without a proxy."""
CHILD_UNTIL = 12
"""Years: below this those with parental responsibility see a child's record."""

_CLINICIAN = common_pb2.CALLER_KIND_CLINICIAN
_CITIZEN = common_pb2.CALLER_KIND_CITIZEN
_SYSTEM = common_pb2.CALLER_KIND_SYSTEM
_AUDITOR = common_pb2.CALLER_KIND_AUDITOR

_QUIET_BASES = frozenset({NO_BASIS, common_pb2.ACCESS_BASIS_UNNTAK})

_CITIZEN_WRITES: frozenset[SectionValue] = frozenset(
    {common_pb2.SECTION_OWN_REGISTRATIONS, common_pb2.SECTION_PRIVACY, common_pb2.SECTION_VISITS}
)
"""Everything else is the health service's record. Visits: a citizen may report one as wrong."""

_OUTLIVES_RESERVATION: frozenset[tuple[int, SectionValue]] = frozenset(
    {
        (_CITIZEN, common_pb2.SECTION_PRIVACY),  # else a reservation could never be taken back
        (_CITIZEN, common_pb2.SECTION_ACCESS_LOG),  # the log is kept after the record
        (_AUDITOR, common_pb2.SECTION_ACCESS_LOG),
        (_SYSTEM, common_pb2.SECTION_PATIENT),  # the population register's news of a person reach us all the same
    }
)


_SELF = common_pb2.REPRESENTATION_SELF
_GUARDIAN = common_pb2.REPRESENTATION_PARENT
_PROXY = common_pb2.REPRESENTATION_PROXY
_RULE_OF = {_SELF: "self", _GUARDIAN: "guardian", _PROXY: "proxy"}

UNDECIDED = Decision(Outcome.DENY, reasons.ERROR_REASON_NO_ACCESS, "undecided", {}, "")
"""What stands in the place of a decision until there is one."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    reason: ReasonValue
    rule: str


def decide(
    caller: Caller,
    basis: BasisValue,
    facts: PatientFacts | None,
    access: AccessRule,
    now: datetime,
    *,
    sections: tuple[SectionValue, ...] = SUMMARY_SECTIONS,
) -> Decision:
    """Returns what this caller may do to this patient's record with this rpc.

    `facts` is None when there is no such patient. `now` needs a time zone; ages are counted in UTC days. `sections`
    are the ones a summary holds, asked only when the rpc's section is SECTION_SUMMARY.
    """
    asked = sections if access.section == common_pb2.SECTION_SUMMARY else (access.section,)
    if refusal := _kind(caller, access):
        return _deny(asked, refusal)
    if facts is None or (facts.reservation and (caller.kind, access.section) not in _OUTLIVES_RESERVATION):
        return _not_found(asked, "reservation" if facts else "no-record")
    if caller.kind == _CLINICIAN:
        return _decide_clinician(caller, basis, facts, access, asked)
    if caller.kind == _CITIZEN:
        return _decide_citizen(caller, basis, facts, access, asked, now)
    if access.changes_only and (refusal := _not_followed(facts)):
        return _deny(asked, refusal)
    return _decide_without_basis(caller, basis, access, asked)


def decide_without_patient(caller: Caller, basis: BasisValue, access: AccessRule) -> Decision:
    """Decides on an rpc that is bound to no patient (usage statistics, proofs, the registration of a new person)."""
    asked = (access.section,)
    if refusal := _kind(caller, access):
        return _deny(asked, refusal)
    if caller.kind in {_CLINICIAN, _CITIZEN}:
        refusal = _level(caller)
        if refusal is None and access.section != common_pb2.SECTION_ACCESS_LOG:
            refusal = _Refusal(reasons.ERROR_REASON_ROLE_REFUSED, "people-ask-about-a-patient")
        return _deny(asked, refusal) if refusal else _permit(asked, "proofs-of-the-log")
    return _decide_without_basis(caller, basis, access, asked)


def for_another_patient(decision: Decision) -> Decision:
    """Returns the denial of a call that was not refused, and whose attest names other patients."""
    return _deny(tuple(decision.sections), _Refusal(reasons.ERROR_REASON_NO_ACCESS, "attest-of-another-patient"))


def _kind(caller: Caller, access: AccessRule) -> _Refusal | None:
    if access.action not in {common_pb2.ACTION_READ, common_pb2.ACTION_WRITE, common_pb2.ACTION_ADMIN}:
        return _Refusal(reasons.ERROR_REASON_NOT_SUPPORTED, "not-for-outside-callers")
    if access.section == common_pb2.SECTION_UNSPECIFIED:
        return _Refusal(reasons.ERROR_REASON_NOT_SUPPORTED, "no-section")
    if caller.kind not in access.callers:
        return _Refusal(reasons.ERROR_REASON_CALLER_KIND_REFUSED, "caller-kind")
    return None


def _level(caller: Caller) -> _Refusal | None:
    if caller.security_level < SECURITY_LEVEL:
        return _Refusal(reasons.ERROR_REASON_SECURITY_LEVEL_TOO_LOW, "security-level")
    return None


def _role(caller: Caller, access: AccessRule, asked: tuple[SectionValue, ...]) -> _Refusal | None:
    # Without an HPR number nobody is known to be another than one whom the patient has blocked.
    if caller.hpr_number and caller.role in caller.authorisations:
        parts = {rules.part_of(section, access.action) for section in asked}
        if any(part and rules.role_has_rows(caller.role, part, access.action) for part in parts):
            return None
    return _Refusal(reasons.ERROR_REASON_ROLE_REFUSED, "role")


def _decide_clinician(
    caller: Caller, basis: BasisValue, facts: PatientFacts, access: AccessRule, asked: tuple[SectionValue, ...]
) -> Decision:
    token = _level(caller) or _role(caller, access, asked)
    if token is None and basis == NO_BASIS and not access.status_only:
        token = _Refusal(reasons.ERROR_REASON_BASIS_MISSING, "basis-missing")
    if caller.hpr_number in facts.blocked_hpr_numbers:
        heard = reasons.ERROR_REASON_NO_ACCESS
        if basis in _QUIET_BASES or access.status_only:
            heard = token.reason if token else _unrelated(caller, basis, access, asked)
        outcome = Outcome.EXISTS if access.status_only and not token else Outcome.DENY
        return _same(asked, outcome, _denied(heard, "named-block"))
    if token:
        return _deny(asked, token)
    if access.status_only:
        return _permit(asked, "status-only")
    if basis in ELEVATED and not _anything_restricted(facts, asked):
        return _deny(asked, _Refusal(reasons.ERROR_REASON_ELEVATED_BASIS_NOT_NEEDED, "nothing-to-open"))
    verdicts = {section: _clinician_section(caller, basis, facts, access, section) for section in asked}
    return _whole(verdicts, access, elevated=basis in ELEVATED)


def _unrelated(caller: Caller, basis: BasisValue, access: AccessRule, asked: tuple[SectionValue, ...]) -> ReasonValue:
    """Returns what a caller with this token and basis hears who has no relation to the patient."""
    for section in asked:
        part = rules.part_of(section, access.action)
        if access.status_only or (part and rules.find(caller.role, caller.service, basis, access.action, part)):
            return reasons.ERROR_REASON_NO_ACCESS
    return reasons.ERROR_REASON_BASIS_REFUSED


def _clinician_section(
    caller: Caller, basis: BasisValue, facts: PatientFacts, access: AccessRule, section: SectionValue
) -> SectionVerdict:
    part = rules.part_of(section, access.action)
    if part is None:
        return _denied(reasons.ERROR_REASON_ROLE_REFUSED, "section-not-for-personnel")
    rule = rules.find(caller.role, caller.service, basis, access.action, part)
    if rule is None:
        return _denied(reasons.ERROR_REASON_BASIS_REFUSED, "no-rule")
    if rule.relation is Relation.GP and caller.hpr_number not in facts.gp_hpr_numbers:
        return _denied(reasons.ERROR_REASON_NO_ACCESS, "no-relation")
    # Whatever the facts name: a newer patients service may let patients restrict more than this release knows of.
    if section in facts.restricted_sections and section in CLINICAL and basis not in ELEVATED:
        return SectionVerdict(
            common_pb2.SECTION_DECISION_WITHHOLD, reasons.ERROR_REASON_SECTION_RESTRICTED, "section-restricted"
        )
    return _permitted(rule.name)


def _anything_restricted(facts: PatientFacts, asked: tuple[SectionValue, ...]) -> bool:
    return any(
        section in CLINICAL and (section in facts.restricted_sections or section in facts.single_entries_restricted)
        for section in asked
    )


def _decide_citizen(
    caller: Caller,
    basis: BasisValue,
    facts: PatientFacts,
    access: AccessRule,
    asked: tuple[SectionValue, ...],
    now: datetime,
) -> Decision:
    if refusal := _level(caller):
        return _deny(asked, refusal)
    if basis != NO_BASIS:
        return _deny(asked, _Refusal(reasons.ERROR_REASON_BASIS_REFUSED, "citizens-need-no-basis"))
    acting = _representation(caller, facts, access, now)
    if acting is None:
        return _deny(asked, _Refusal(reasons.ERROR_REASON_NOT_REPRESENTATIVE, "not-representative"))
    # Strangers do not learn of it. The settings stay open: that is where it is taken back.
    if facts.portal_reservation and access.section != common_pb2.SECTION_PRIVACY:
        return _deny(asked, _Refusal(reasons.ERROR_REASON_NO_ACCESS, "portal-reservation"))
    verdicts = {section: _citizen_section(access, section, acting) for section in asked}
    return _whole(verdicts, access, representation=acting)


def _citizen_section(access: AccessRule, section: SectionValue, acting: RepresentationValue) -> SectionVerdict:
    if access.action == common_pb2.ACTION_WRITE:
        if section not in _CITIZEN_WRITES:
            return _denied(reasons.ERROR_REASON_ROLE_REFUSED, "citizens-do-not-write-this")
        if section == common_pb2.SECTION_PRIVACY and acting == _PROXY:
            return _denied(reasons.ERROR_REASON_NOT_REPRESENTATIVE, "settings-are-the-patients-own")
    return _permitted(_RULE_OF[acting])


def _representation(
    caller: Caller, facts: PatientFacts, access: AccessRule, now: datetime
) -> "RepresentationValue | None":
    """Returns in what capacity the citizen may act for this person; None: in none."""
    age = _age(facts.birth_date, now)
    if age is None or facts.deceased or access.action == common_pb2.ACTION_ADMIN:
        return None
    if not set(caller.refs).isdisjoint(facts.refs):
        return _SELF if age >= OF_AGE else None
    if age < CHILD_UNTIL:
        may = not facts.address_protection and not facts.guardians.isdisjoint(caller.refs)
        return _GUARDIAN if may else None
    if age < OF_AGE:
        return None
    needed = ProxyArea.EDIT if access.action == common_pb2.ACTION_WRITE else ProxyArea.VIEW
    granted = any(needed in facts.proxies.get(ref, ()) for ref in caller.refs)
    return _PROXY if granted else None


def _age(birth_date: date | None, now: datetime) -> int | None:
    if birth_date is None:
        return None
    today = now.astimezone(UTC).date()
    return today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))


def _decide_without_basis(
    caller: Caller, basis: BasisValue, access: AccessRule, asked: tuple[SectionValue, ...]
) -> Decision:
    """Decides on systems and auditors."""
    if caller.kind == _AUDITOR:
        if refusal := _level(caller):
            return _deny(asked, refusal)
        if access.section != common_pb2.SECTION_ACCESS_LOG:
            return _deny(asked, _Refusal(reasons.ERROR_REASON_ROLE_REFUSED, "auditors-read-the-log-alone"))
        rule = "auditor"
    elif caller.kind == _SYSTEM:
        if access.action == common_pb2.ACTION_READ and not (access.status_only or access.changes_only):
            return _deny(asked, _Refusal(reasons.ERROR_REASON_ROLE_REFUSED, "systems-never-read"))
        rule = "system"
    else:
        return _deny(asked, _Refusal(reasons.ERROR_REASON_CALLER_KIND_REFUSED, "caller-kind"))
    if basis != NO_BASIS:
        return _deny(asked, _Refusal(reasons.ERROR_REASON_BASIS_REFUSED, "a-basis-is-for-personnel"))
    return _permit(asked, rule)


def _not_followed(facts: PatientFacts) -> _Refusal | None:
    """Returns why no system hears what changes in this record. Who reads there is not known, so any block counts."""
    if facts.blocked_hpr_numbers:
        return _Refusal(reasons.ERROR_REASON_NO_ACCESS, "somebody-is-blocked")
    if facts.restricted_sections or facts.single_entries_restricted:
        return _Refusal(reasons.ERROR_REASON_SECTION_RESTRICTED, "something-is-restricted")
    return None


def _whole(
    verdicts: Mapping[SectionValue, SectionVerdict],
    access: AccessRule,
    *,
    elevated: bool = False,
    representation: RepresentationValue = common_pb2.REPRESENTATION_UNSPECIFIED,
) -> Decision:
    """Permits the call when something may be released or, in a summary, be shown as withheld."""
    shown = {common_pb2.SECTION_DECISION_PERMIT}
    if access.section == common_pb2.SECTION_SUMMARY:
        shown.add(common_pb2.SECTION_DECISION_WITHHOLD)
    chosen = next((verdict for verdict in verdicts.values() if verdict.decision in shown), None)
    first = chosen or next(iter(verdicts.values()))
    return Decision(
        outcome=Outcome.PERMIT if chosen else Outcome.DENY,
        reason=reasons.ERROR_REASON_UNSPECIFIED if chosen else first.reason,
        rule=first.rule,
        sections=verdicts,
        policy_version=POLICY_VERSION,
        elevated=elevated and chosen is not None,
        representation=representation if chosen else common_pb2.REPRESENTATION_UNSPECIFIED,
    )


def _permit(asked: tuple[SectionValue, ...], rule: str) -> Decision:
    return _same(asked, Outcome.PERMIT, _permitted(rule))


def _deny(asked: tuple[SectionValue, ...], refusal: _Refusal) -> Decision:
    return _same(asked, Outcome.DENY, _denied(refusal.reason, refusal.rule))


def _not_found(asked: tuple[SectionValue, ...], rule: str) -> Decision:
    return _same(asked, Outcome.NOT_FOUND, _denied(reasons.ERROR_REASON_PATIENT_NOT_FOUND, rule))


def _same(asked: tuple[SectionValue, ...], outcome: Outcome, verdict: SectionVerdict) -> Decision:
    return Decision(outcome, verdict.reason, verdict.rule, dict.fromkeys(asked, verdict), POLICY_VERSION)


def _permitted(rule: str) -> SectionVerdict:
    return SectionVerdict(common_pb2.SECTION_DECISION_PERMIT, reasons.ERROR_REASON_UNSPECIFIED, rule)


def _denied(reason: ReasonValue, rule: str) -> SectionVerdict:
    return SectionVerdict(common_pb2.SECTION_DECISION_DENY, reason, rule)
