"""Decides what machines and auditors may do: neither has a basis, and neither reads the record."""

from datetime import datetime

from gateway.access.facts import AccessRule, BasisValue, Caller, Decision, PatientFacts, SectionValue
from gateway.access.verdicts import NO_BASIS, Refusal, deny, level, permit
from kjernejournal.common.v1 import common_pb2
from kjernejournal.common.v1 import error_reason_pb2 as reasons


def not_registered(caller: Caller, access: AccessRule) -> Refusal | None:
    """Returns the refusal of a machine that may not use this rpc for any patient."""
    if caller.kind != common_pb2.CALLER_KIND_SYSTEM:
        return None
    if access.action == common_pb2.ACTION_READ and not (access.status_only or access.changes_only):
        return Refusal(reasons.ERROR_REASON_ROLE_REFUSED, "systems-never-read")
    if caller.client is None:
        return Refusal(reasons.ERROR_REASON_CLIENT_NOT_REGISTERED, "unknown-client")
    if not caller.client.may(access.machine_right, access.section):
        return Refusal(reasons.ERROR_REASON_CLIENT_NOT_REGISTERED, "registered-for-other-things")
    return None


def decide_system(
    caller: Caller,
    basis: BasisValue,
    facts: PatientFacts | None,
    access: AccessRule,
    asked: tuple[SectionValue, ...],
    now: datetime,
) -> Decision:
    """Decides on a machine that is registered for the rpc. `facts` None: the call is about no patient."""
    if access.changes_only and facts is not None and (refusal := _not_followed(caller, facts, now)):
        return deny(asked, refusal)
    if basis != NO_BASIS:
        return deny(asked, _no_basis())
    return permit(asked, "system")


def decide_auditor(caller: Caller, basis: BasisValue, access: AccessRule, asked: tuple[SectionValue, ...]) -> Decision:
    """Decides on an auditor."""
    if refusal := level(caller):
        return deny(asked, refusal)
    if access.section != common_pb2.SECTION_ACCESS_LOG:
        return deny(asked, Refusal(reasons.ERROR_REASON_ROLE_REFUSED, "auditors-read-the-log-alone"))
    if basis != NO_BASIS:
        return deny(asked, _no_basis())
    return permit(asked, "auditor")


def _no_basis() -> Refusal:
    return Refusal(reasons.ERROR_REASON_BASIS_REFUSED, "a-basis-is-for-personnel")


def _not_followed(caller: Caller, facts: PatientFacts, now: datetime) -> Refusal | None:
    """Returns why this system does not hear what changes in a record: its organisation treats the patient no longer, or
    something is kept back. Who reads there is not known, so any block counts."""
    if not facts.treated_by(caller, now):
        return Refusal(reasons.ERROR_REASON_NO_ACCESS, "no-care-relation")
    if facts.blocked_hpr_numbers:
        return Refusal(reasons.ERROR_REASON_NO_ACCESS, "somebody-is-blocked")
    if facts.restricted_sections or facts.single_entries_restricted:
        return Refusal(reasons.ERROR_REASON_SECTION_RESTRICTED, "something-is-restricted")
    return None
