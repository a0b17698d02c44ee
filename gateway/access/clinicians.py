"""Decides on health personnel: level, role and basis by the table in `rules`, blocks and restrictions. Pure."""

from dataclasses import replace

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

_FOR_THE_BASIS = frozenset(
    {
        reasons.ERROR_REASON_BASIS_MISSING,
        reasons.ERROR_REASON_BASIS_REFUSED,
        reasons.ERROR_REASON_ELEVATED_BASIS_NOT_NEEDED,
        reasons.ERROR_REASON_SECTION_RESTRICTED,
    }
)
_QUIET_BASES = frozenset({NO_BASIS, common_pb2.ACCESS_BASIS_UNNTAK})


def decide_clinician(
    caller: Caller, basis: BasisValue, facts: PatientFacts, access: AccessRule, asked: tuple[SectionValue, ...]
) -> Decision:
    """Returns what health personnel may do to the record of a patient who is there.

    A refusal for its basis names those that would do, so that no other is refused for its basis again.
    """
    decision = _decided(caller, basis, facts, access, asked)
    if decision.permitted or decision.reason not in _FOR_THE_BASIS:
        return decision
    return replace(decision, bases=_would_do(caller, basis, decision.reason, access, asked))


def _decided(
    caller: Caller, basis: BasisValue, facts: PatientFacts, access: AccessRule, asked: tuple[SectionValue, ...]
) -> Decision:
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
    if basis in ELEVATED and not _anything_to_open(facts, access, asked):
        return deny(asked, Refusal(reasons.ERROR_REASON_ELEVATED_BASIS_NOT_NEEDED, "nothing-to-open"))
    verdicts = {section: _clinician_section(caller, basis, facts, access, section) for section in asked}
    return whole(verdicts, access, elevated=basis in ELEVATED)


def _would_do(
    caller: Caller, basis: BasisValue, reason: ReasonValue, access: AccessRule, asked: tuple[SectionValue, ...]
) -> tuple[BasisValue, ...]:
    """Returns the bases that a refused caller may use: by role and service, and by what the refusal itself has said of
    the patient. An elevated basis that is not said to be needless has something to open, and gives way to another."""
    found = {basis for section in asked for basis in rules.bases(caller.role, caller.service, access.action, section)}
    settings = access.action == common_pb2.ACTION_WRITE and asked == (common_pb2.SECTION_PRIVACY,)
    if settings and reason != reasons.ERROR_REASON_ELEVATED_BASIS_NOT_NEEDED:
        return tuple(sorted(found))  # which of them depends on whether the change loosens
    elevated = reason == reasons.ERROR_REASON_SECTION_RESTRICTED or (
        reason == reasons.ERROR_REASON_BASIS_REFUSED and basis in ELEVATED
    )
    return tuple(sorted((found & ELEVATED if elevated else found - ELEVATED) or found))


def _unrelated(caller: Caller, basis: BasisValue, access: AccessRule, asked: tuple[SectionValue, ...]) -> ReasonValue:
    """Returns what a caller with this token and basis hears who has no relation to a patient who has closed nothing."""
    if access.status_only:
        return reasons.ERROR_REASON_NO_ACCESS
    nobody = PatientFacts(refs=())
    heard = whole({section: _clinician_section(caller, basis, nobody, access, section) for section in asked}, access)
    return reasons.ERROR_REASON_NO_ACCESS if heard.permitted else heard.reason


def _clinician_section(
    caller: Caller, basis: BasisValue, facts: PatientFacts, access: AccessRule, section: SectionValue
) -> SectionVerdict:
    rule = rules.find(caller.role, caller.service, basis, access.action, section)
    if rule is None:
        if rules.bases(caller.role, caller.service, access.action, section):
            return denied(reasons.ERROR_REASON_BASIS_REFUSED, "no-rule")
        return denied(reasons.ERROR_REASON_ROLE_REFUSED, "no-rule-on-any-basis")
    if rule.relation is Relation.GP and caller.hpr_number not in facts.gp_hpr_numbers:
        return denied(reasons.ERROR_REASON_NO_ACCESS, "no-relation")
    # Whatever the facts name: a newer patients service may let patients restrict more than this release knows of.
    if section in facts.restricted_sections and section in CLINICAL and basis not in ELEVATED:
        return SectionVerdict(
            common_pb2.SECTION_DECISION_WITHHOLD, reasons.ERROR_REASON_SECTION_RESTRICTED, "section-restricted"
        )
    if facts.deceased and access.action == common_pb2.ACTION_WRITE and section in CLINICAL:
        return denied(reasons.ERROR_REASON_PATIENT_DECEASED, "dead-patient")
    return permitted(rule.name)


def _anything_to_open(facts: PatientFacts, access: AccessRule, asked: tuple[SectionValue, ...]) -> bool:
    """Whether there is something that an elevated basis opens: what is restricted, or what a change may loosen."""
    if access.action == common_pb2.ACTION_WRITE and common_pb2.SECTION_PRIVACY in asked:
        return bool(facts.restricted_sections or facts.single_entries_restricted or facts.blocked_hpr_numbers)
    return any(
        section in CLINICAL and (section in facts.restricted_sections or section in facts.single_entries_restricted)
        for section in asked
    )


def _role(caller: Caller, access: AccessRule, asked: tuple[SectionValue, ...]) -> Refusal | None:
    # Without an HPR number nobody is known to be another than one whom the patient has blocked.
    known = caller.hpr_number and caller.role in caller.authorisations
    if known and any(rules.bases(caller.role, caller.service, access.action, section) for section in asked):
        return None
    return Refusal(reasons.ERROR_REASON_ROLE_REFUSED, "role")
