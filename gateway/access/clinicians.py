"""Decides on health personnel: level, role and basis by the table in `rules`, blocks and restrictions. Pure."""

from gateway.access import rules
from gateway.access.facts import (
    ELEVATED,
    AccessRule,
    BasisValue,
    Caller,
    Decision,
    Outcome,
    PatientFacts,
    SectionValue,
    SectionVerdict,
)
from gateway.access.rules import Relation
from gateway.access.verdicts import NO_BASIS, Refusal, denied, deny, level, permit, permitted, same, whole
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1 import error_reason_pb2 as reasons
from shared.errors import ReasonValue
from shared.register.sections import CLINICAL

_QUIET_BASES = frozenset({NO_BASIS, common_pb2.ACCESS_BASIS_UNNTAK})


def decide_clinician(
    caller: Caller, basis: BasisValue, facts: PatientFacts, access: AccessRule, asked: tuple[SectionValue, ...]
) -> Decision:
    """Returns what health personnel may do to the record of a patient who is there."""
    token = level(caller) or _role(caller, access, asked)
    if token is None and basis == NO_BASIS and not access.status_only:
        token = Refusal(reasons.ERROR_REASON_BASIS_MISSING, "basis-missing")
    if caller.hpr_number in facts.blocked_hpr_numbers:
        heard = reasons.ERROR_REASON_NO_ACCESS
        if basis in _QUIET_BASES or access.status_only:
            heard = token.reason if token else _unrelated(caller, basis, access, asked)
        outcome = Outcome.EXISTS if access.status_only and not token else Outcome.DENY
        return same(asked, outcome, denied(heard, "named-block"))
    if token:
        return deny(asked, token)
    if access.status_only:
        return permit(asked, "status-only")
    if basis in ELEVATED and not _anything_restricted(facts, asked):
        return deny(asked, Refusal(reasons.ERROR_REASON_ELEVATED_BASIS_NOT_NEEDED, "nothing-to-open"))
    verdicts = {section: _clinician_section(caller, basis, facts, access, section) for section in asked}
    return whole(verdicts, access, elevated=basis in ELEVATED)


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
        return denied(reasons.ERROR_REASON_ROLE_REFUSED, "section-not-for-personnel")
    rule = rules.find(caller.role, caller.service, basis, access.action, part)
    if rule is None:
        return denied(reasons.ERROR_REASON_BASIS_REFUSED, "no-rule")
    if rule.relation is Relation.GP and caller.hpr_number not in facts.gp_hpr_numbers:
        return denied(reasons.ERROR_REASON_NO_ACCESS, "no-relation")
    # Whatever the facts name: a newer patients service may let patients restrict more than this release knows of.
    if section in facts.restricted_sections and section in CLINICAL and basis not in ELEVATED:
        return SectionVerdict(
            common_pb2.SECTION_DECISION_WITHHOLD, reasons.ERROR_REASON_SECTION_RESTRICTED, "section-restricted"
        )
    return permitted(rule.name)


def _anything_restricted(facts: PatientFacts, asked: tuple[SectionValue, ...]) -> bool:
    return any(
        section in CLINICAL and (section in facts.restricted_sections or section in facts.single_entries_restricted)
        for section in asked
    )


def _role(caller: Caller, access: AccessRule, asked: tuple[SectionValue, ...]) -> Refusal | None:
    # Without an HPR number nobody is known to be another than one whom the patient has blocked.
    if caller.hpr_number and caller.role in caller.authorisations:
        parts = {rules.part_of(section, access.action) for section in asked}
        if any(part and rules.role_has_rows(caller.role, part, access.action) for part in parts):
            return None
    return Refusal(reasons.ERROR_REASON_ROLE_REFUSED, "role")
